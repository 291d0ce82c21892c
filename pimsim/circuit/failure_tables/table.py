"""The table of failure probabilities that a circuit hands to what is built upon it, and its JSON.

A file may come from anybody, so every value is checked. An entry states its kind, rows, ones
and halves, and either counts (trials, wrong, bitlines, always_wrong) or an estimate (static,
access; low, high, level, source). Beside counts, the file has their probability and interval, for
people to read. Reading ignores the interval, and refuses a probability that contradicts the counts.

>>> entry = Entry(rows=3, ones=2, halves=0, trials=1000, wrong=60, bitlines=1000, always_wrong=60)
>>> weak = Estimate(kind="copy", rows=1, ones=1, halves=0, static=0.0, access=1e-4)
>>> table = FailureTable((entry, weak), {"seed": 1})
>>> table.probability(3, 2), sorted(table.kinds)
(0.06, ['copy', 'sense'])
>>> table.rate("sense", 3, 2), table.rate("copy", 1, 1), table.rate("not", 1, 0)
(Rate(static=0.06, access=0.0), Rate(static=0.0, access=0.0001), Rate(static=0.0, access=0.0))
>>> FailureTable.from_json(table.to_json()) == table
True
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pimsim.circuit.failure_tables.entry import KINDS, Entry, Estimate, Rate
from pimsim.documents import json_value, read_text, require_known, require_one_of, shown
from pimsim.errors import InputError

__all__ = ["KINDS", "Entry", "Estimate", "FailureTable", "Rate"]

FORMAT = "pimsim failure table 2"
"""First member of the JSON form; the number changes with the form."""
FORMAT_1 = "pimsim failure table 1"
"""The earlier form: counts only, all of the kind ``sense``."""
MOST_BYTES = 8 << 20
"""Largest file: a table of every majority on every number of rows takes a hundredth."""

_COUNTS = tuple(one.name for one in fields(Entry) if one.name != "kind")
_RATES = ("rows", "ones", "halves", "static", "access")
_OPTIONAL = ("low", "high", "level", "source")
_DERIVED = ("probability", "low", "high")


@dataclass(frozen=True, slots=True)
class FailureTable:
    """How likely an access is wrong, by its kind, rows and ones; with what the table was made from.

    A table without any entry of the kind ``copy``, or ``not``, says that driving a destination
    row never fails. One that has such entries must have every one that is asked for.

    Raises :class:`~pimsim.errors.InputError` if there are two entries of the same kind, rows and
    ones.
    """

    entries: tuple[Entry | Estimate, ...]
    provenance: Mapping[str, Any]
    """What made it: model, circuit parameters, process, variation, seed; JSON values."""

    def __post_init__(self) -> None:
        seen = set()
        for entry in self.entries:
            key = (entry.kind, entry.rows, entry.ones)
            if key in seen:
                raise InputError(
                    f"entries must be one of a kind, not two of {key[1]} rows and {key[2]} ones"
                    + ("" if entry.kind == "sense" else f" of the kind {entry.kind}")
                )
            seen.add(key)

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds, of :data:`KINDS`, that there are entries of."""
        return frozenset(entry.kind for entry in self.entries)

    def entry(self, rows: int, ones: int, kind: str = "sense") -> Entry | Estimate:
        """Return the entry of that kind, as many rows and ones.

        Raises :class:`~pimsim.errors.InputError` if there is none.
        """
        for entry in self.entries:
            if (entry.kind, entry.rows, entry.ones) == (kind, rows, ones):
                return entry
        raise InputError(
            f"the failure table has no entry of {rows} rows and {ones} ones of the kind {kind}"
        )

    def probability(self, rows: int, ones: int, kind: str = "sense") -> float:
        """Return P(wrong) of an access to ``rows`` rows, ``ones`` of them ones."""
        return self.entry(rows, ones, kind).probability

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """Return how likely that kind of access is wrong.

        Args:
            kind: one of :data:`KINDS`.
            rows: rows that are opened or, of a second activation, driven.
            ones: how many of them hold what the bitline reads as a one; of a second activation,
                ``rows`` if the bitline drives a one and 0 if it drives a zero.

        Raises :class:`~pimsim.errors.InputError` for an unknown kind, and if there is no such
        entry.
        """
        require_one_of("kind", kind, KINDS)
        if kind != "sense" and kind not in self.kinds:
            return Rate(0.0, 0.0)
        return self.entry(rows, ones, kind).rate

    def to_json(self) -> str:
        """Return the table as JSON text; :meth:`from_json` is its inverse.

        Raises :class:`~pimsim.errors.InputError` if the provenance has values that JSON cannot
        hold.
        """
        document = {
            "format": FORMAT,
            "entries": [_row(entry) for entry in self.entries],
            "provenance": dict(self.provenance),
        }
        try:
            return json.dumps(document, indent=1, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise InputError(f"`provenance` must consist of JSON values: {error}") from error

    @classmethod
    def from_json(cls, text: str, where: str = "failure table") -> FailureTable:
        """Return the table of a JSON text, in this form or that of format 1 (counts of sensing).

        Raises :class:`~pimsim.errors.InputError`, naming ``where``, if the text is no such table.
        """
        document = json_value(text, where)
        stated = document.get("format") if isinstance(document, dict) else None
        if not isinstance(document, dict) or stated not in (FORMAT, FORMAT_1):
            raise InputError(f'{where} must be a JSON object with "format": "{FORMAT}"')
        rows, provenance = document.get("entries"), document.get("provenance")
        if not isinstance(rows, list) or not isinstance(provenance, dict):
            raise InputError(f"{where} must have a list `entries` and an object `provenance`")
        require_known(document, ("format", "entries", "provenance"), where)
        entries = tuple(
            _entry(row, f"{where}: entry {number}", counts_only=stated == FORMAT_1)
            for number, row in enumerate(rows)
        )
        try:
            return cls(entries, provenance)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    @classmethod
    def read(cls, path: Path) -> FailureTable:
        """Return the table in a file.

        Raises :class:`~pimsim.errors.InputError` if the file cannot be read, is too large, or holds
        no such table.
        """
        return cls.from_json(read_text(path, repr(str(path)), "JSON", MOST_BYTES), path.name)


def never(rows: int) -> FailureTable:
    """Return the table of a DRAM in which no access of up to so many rows ever fails.

    >>> never(3).probability(3, 1)
    0.0
    """
    kinds = [(count, ones) for count in range(1, rows + 1) for ones in range(count + 1)]
    entries = [Entry(*kind, 0, trials=1, wrong=0, bitlines=1, always_wrong=0) for kind in kinds]
    return FailureTable(tuple(entries), {"model": "none"})


def _row(entry: Entry | Estimate) -> dict[str, Any]:
    row = {"kind": entry.kind, **asdict(entry)}
    if isinstance(entry, Entry):
        low, high = entry.interval()
        return row | {"probability": entry.probability, "low": low, "high": high}
    return {key: value for key, value in row.items() if value is not None and value != ""} | {
        "probability": entry.probability
    }


def _entry(row: object, at: str, *, counts_only: bool) -> Entry | Estimate:
    if not isinstance(row, dict):
        raise InputError(f"{at} must be an object, not {shown(row)}")
    counted = counts_only or "static" not in row
    wanted = _COUNTS if counted else _RATES
    needed = wanted if counts_only else ("kind", *wanted)
    if not set(needed) <= set(row):
        either = ", or static and access in place of counts"
        raise InputError(
            f"{at} must have {', '.join(needed)}{either if counted and not counts_only else ''}"
        )
    optional, derived = ((), _DERIVED) if counted else (_OPTIONAL, ("probability",))
    require_known(row, (*needed, *optional, *derived), at)
    kind: type[Entry | Estimate] = Entry if counted else Estimate
    try:
        entry = kind(**{name: row[name] for name in (*needed, *optional) if name in row})
        stated = row.get("probability", entry.probability)
        if isinstance(stated, bool) or not isinstance(stated, int | float):
            raise InputError(f"`probability` must be a number, not {shown(stated)}")
        if not math.isclose(stated, entry.probability, rel_tol=1e-9, abs_tol=0.0):
            raise InputError(
                f"`probability` must be {entry.probability!r}, which follows from the rest, "
                f"not {stated!r}"
            )
    except InputError as error:
        raise InputError(f"{at}: {error}") from error
    return entry
