"""The table of failure probabilities that a circuit hands to what is built upon it.

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

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimsim.circuit.failure_tables import json_format
from pimsim.circuit.failure_tables.entry import KINDS, Entry, Estimate, Rate
from pimsim.documents import require_one_of
from pimsim.errors import InputError

__all__ = ["KINDS", "Entry", "Estimate", "FailureTable", "Rate"]


@dataclass(frozen=True, slots=True)
class FailureTable:
    """P(wrong | kind, rows, ones among them), with what is known of it and provenance.

    A table without any entry of the kind ``copy``, or ``not``, says that driving a destination
    row never fails; one that has some must have all that are asked for.

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

        Raises :class:`~pimsim.errors.InputError` if the provenance cannot be written.
        """
        return json_format.text(self.entries, self.provenance)

    @classmethod
    def from_json(cls, text: str, where: str = "failure table") -> FailureTable:
        """Return the table of a JSON text, in this form or that of format 1 (counts of sensing).

        Raises :class:`~pimsim.errors.InputError`, naming ``where``, if the text is none.
        """
        entries, provenance = json_format.parsed(text, where)
        try:
            return cls(entries, provenance)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    @classmethod
    def read(cls, path: Path) -> FailureTable:
        """Return the table in a file.

        Raises :class:`~pimsim.errors.InputError` if it cannot be read or is none.
        """
        return cls.from_json(json_format.read(path), path.name)
