"""The table of failure probabilities that a circuit hands to what is built upon it.

>>> entry = Entry(rows=3, ones=2, halves=0, trials=1000, wrong=60, bitlines=1000, always_wrong=60)
>>> table = FailureTable((entry,), {"seed": 1})
>>> table.probability(3, 2)
0.06
>>> FailureTable.from_json(table.to_json()) == table
True
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pimsim.circuit.intervals import LEVEL, clopper_pearson
from pimsim.errors import InputError

FORMAT = "pimsim failure table 1"
"""First member of the JSON form; the number changes with the form."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How often one kind of access was wrong.

    Raises :class:`~pimsim.errors.InputError` if the counts do not fit.
    """

    rows: int
    """Rows opened at once."""
    ones: int
    """Cells among them that hold a one."""
    halves: int
    """Cells among them that hold vdd/2; the others hold a zero."""
    trials: int
    """Accesses."""
    wrong: int
    """Accesses with the wrong answer."""
    bitlines: int
    """Bitlines that were accessed, ``trials / bitlines`` times each."""
    always_wrong: int
    """Bitlines that were wrong in every access: faults of the bitline, not of the access."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if type(value) is not int or value < 0:
                raise InputError(f"`{one.name}` must be an integer of at least 0, not {value!r}")
        for part, whole in (("bitlines", "trials"), ("wrong", "trials"),
                            ("always_wrong", "bitlines")):  # fmt: skip
            if getattr(self, part) > getattr(self, whole):
                raise InputError(
                    f"`{part}` must be at most `{whole}` ({getattr(self, whole)}), "
                    f"not {getattr(self, part)}"
                )
        if self.rows < 1 or self.ones + self.halves > self.rows:
            raise InputError(
                f"`rows` must be at least 1 and `ones` + `halves` ({self.ones + self.halves}), "
                f"not {self.rows}"
            )
        if self.bitlines < 1 or self.trials % self.bitlines:
            raise InputError(
                f"`trials` must be a multiple of `bitlines` ({self.bitlines}), not {self.trials}"
            )

    @property
    def probability(self) -> float:
        """Share of wrong accesses."""
        return self.wrong / self.trials

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the Clopper-Pearson interval of the probability, of independent accesses.

        Accesses to the same bitline are not independent, so that bitlines are what is counted
        when there are several accesses to each: the interval is then that of as many trials as
        bitlines.
        """
        wrong = round(self.wrong * self.bitlines / self.trials)
        return clopper_pearson(wrong, self.bitlines, level)


@dataclass(frozen=True, slots=True)
class Rate:
    """How likely an access is wrong, by what is to blame."""

    static: float
    """Share of bitlines that are wrong in every such access."""
    access: float
    """Probability that one access to any other bitline is wrong."""


@dataclass(frozen=True, slots=True)
class FailureTable:
    """P(wrong | rows opened, ones among them), with counts and provenance.

    Raises :class:`~pimsim.errors.InputError` if there are two entries of the same kind.
    """

    entries: tuple[Entry, ...]
    provenance: Mapping[str, Any]
    """What made it: model, circuit parameters, process, variation, seed; JSON values."""

    def __post_init__(self) -> None:
        seen = set()
        for entry in self.entries:
            kind = (entry.rows, entry.ones)
            if kind in seen:
                raise InputError(
                    f"entries must be one of a kind, not two of {kind[0]} rows and {kind[1]} ones"
                )
            seen.add(kind)

    def entry(self, rows: int, ones: int) -> Entry:
        """Return the entry of that kind.

        Raises :class:`~pimsim.errors.InputError` if there is none.
        """
        for entry in self.entries:
            if (entry.rows, entry.ones) == (rows, ones):
                return entry
        raise InputError(f"the failure table has no entry of {rows} rows and {ones} ones")

    def probability(self, rows: int, ones: int) -> float:
        """Return P(wrong) of an access that opens ``rows`` rows, ``ones`` of them ones."""
        return self.entry(rows, ones).probability

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of accesses that there are entries of."""
        return frozenset({"sense"} if self.entries else ())

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """Return how likely that kind of access is wrong.

        Args:
            kind: ``sense``, the first activation, of ``rows`` rows of which ``ones`` raise the
                bitline.
            rows: rows that are opened.
            ones: how many of them hold what the bitline reads as a one.

        Raises :class:`~pimsim.errors.InputError` if there is no such entry.
        """
        if kind != "sense":
            raise InputError(f"`kind` must be sense, not {kind!r}")
        entry = self.entry(rows, ones)
        static = entry.always_wrong / entry.bitlines
        rest = 1.0 - static
        return Rate(static, (entry.probability - static) / rest if rest > 0 else 0.0)

    def to_json(self) -> str:
        """Return the table as JSON text; :meth:`from_json` is its inverse."""
        rows = []
        for entry in self.entries:
            low, high = entry.interval()
            derived = {"probability": entry.probability, "low": low, "high": high}
            rows.append(asdict(entry) | derived)
        document = {"format": FORMAT, "entries": rows, "provenance": dict(self.provenance)}
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "failure table") -> FailureTable:
        """Return the table of a JSON text; only counts are read, the rest follows from them.

        Raises :class:`~pimsim.errors.InputError`, naming ``where``, if the text is none.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise InputError(f"{where} is not JSON: {error}") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(f'{where} must be a JSON object with "format": "{FORMAT}"')
        given, provenance = document.get("entries"), document.get("provenance")
        if not isinstance(given, list) or not isinstance(provenance, dict):
            raise InputError(f"{where} must have a list `entries` and an object `provenance`")
        wanted = [one.name for one in fields(Entry)]
        entries = []
        for number, row in enumerate(given):
            if not isinstance(row, dict) or not set(wanted) <= set(row):
                raise InputError(f"{where}: entry {number} must have {', '.join(wanted)}")
            try:
                entries.append(Entry(**{name: row[name] for name in wanted}))
            except InputError as error:
                raise InputError(f"{where}: entry {number}: {error}") from error
        try:
            return cls(tuple(entries), provenance)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    @classmethod
    def read(cls, path: Path) -> FailureTable:
        """Return the table in a file.

        Raises :class:`~pimsim.errors.InputError` if it cannot be read or is none.
        """
        try:
            return cls.from_json(path.read_text("utf-8"), path.name)
        except OSError as error:
            raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name} is not JSON: not UTF-8") from error
