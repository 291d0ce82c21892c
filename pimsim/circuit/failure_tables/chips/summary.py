"""A summary of measurements, as a CSV file has it, and what of it is wanted."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pimsim.documents import shown
from pimsim.errors import InputError, unreadable

MOST_BYTES = 8 << 20
"""Largest file."""

SPLITS = {"half": 2, "sixth": 6}
"""How the bitlines that fail some pattern of a majority are divided over patterns. By 2: each fails
for all patterns with the same number of ones, the most that a pattern can fail. By 6: each fails
for a single pattern, the least."""


@dataclass(frozen=True, slots=True)
class ActivationDelays:
    """Delays between the commands of an access that opens several rows."""

    t1_ns: float
    """First ACTIVATE to PRECHARGE."""
    t2_ns: float
    """PRECHARGE to second ACTIVATE."""

    def __str__(self) -> str:
        return f"t1 {self.t1_ns:g} ns, t2 {self.t2_ns:g} ns"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the measurements goes into a table."""

    rows: tuple[int, ...] = ()
    """Rows that a majority of three is stored on; all that were measured if none are named."""
    pattern: str = "random"
    """Data that rows held: ``random`` bits, or each row all 0 or all 1 (``all0/1``)."""
    statistic: str = "mean"
    """Which of the row groups that were measured stands for the chip: their ``mean``, ``min``,
    ``p25``, ``median``, ``p75`` or ``p99``."""
    split: str = "half"
    """One of :data:`SPLITS`."""
    majority: ActivationDelays = ActivationDelays(1.5, 3.0)
    """Delays of majorities; by default the best that were published."""
    copies: ActivationDelays | None = None
    """Delays of copies; if None, copies never fail."""
    distance: tuple[str, str] | None = None
    """Distance of the source and of the destination row of a NOT from the sense amplifiers between
    them; if None, the mean over all distances."""


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A line of a summary; its values are looked at when they are asked for."""

    where: str
    """File and line, for messages."""
    values: Mapping[str, str]

    def text(self, column: str) -> str:
        """Return a value as it stands there."""
        return self.values[column]

    def number(self, column: str) -> float:
        """Return a finite number.

        Raises :class:`~pimsim.errors.InputError`, naming file, line and column, if it is none.
        """
        try:
            value = float(self.values[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._wrong(column, "a number")
        return value

    def one_of(self, column: str, known: Sequence[str]) -> str:
        """Return a text that is one of ``known``; raise like :meth:`number` for any other."""
        if self.values[column] not in known:
            raise self._wrong(column, f"one of {', '.join(known)}")
        return self.values[column]

    def count(self, column: str) -> int:
        """Return a positive integer; raise like :meth:`number`."""
        value = self.number(column)
        if value != int(value) or value < 1:
            raise self._wrong(column, "a positive integer")
        return int(value)

    def failing(self, column: str) -> float:
        """Return the share that fails where the column states the percentage that succeeds.

        Raises :class:`~pimsim.errors.InputError` for what is not 0 to 100.

        >>> SummaryRow("mine.csv, line 2", {"mean": "99.5"}).failing("mean")
        0.005
        """
        percent = self.number(column)
        if not 0.0 <= percent <= 100.0:
            raise self._wrong(column, "a percentage from 0 to 100")
        # From the digits: 1 - 0.995 is not 0.005.
        return round(100.0 - percent, 9) / 100.0

    def _wrong(self, column: str, wanted: str) -> InputError:
        stated = shown(self.values[column])
        return InputError(f"{self.where}: `{column}` must be {wanted}, not {stated}")


@dataclass(frozen=True, slots=True)
class Summary:
    """A CSV file of measurements."""

    file: str
    """Its name."""
    columns: tuple[str, ...]
    rows: tuple[SummaryRow, ...]

    def has(self, *columns: str) -> bool:
        """Whether it has all of these columns."""
        return set(columns) <= set(self.columns)


def read(path: Path) -> Summary:
    """Return the summary in a file: a line of column names, and lines of as many values.

    Raises :class:`~pimsim.errors.InputError` if the file cannot be read, is too large, or does not
    have this form.
    """
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
        if len(found) > MOST_BYTES:
            raise InputError(
                f"{path.name} must be at most {MOST_BYTES >> 20} MiB, which it exceeds"
            )
        lines = list(csv.reader(found.decode("utf-8-sig").splitlines(), strict=True))
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a CSV file: not UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path.name} is not a CSV file: {error}") from error
    if not lines:
        raise InputError(f"{path.name} must begin with a line of column names, but is empty")
    columns = tuple(name.strip() for name in lines[0])
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise InputError(f"{path.name} must have every column once, not {shown(twice)} twice")
    rows = []
    for number, values in enumerate(lines[1:], start=2):
        if not values:
            continue
        where = f"{path.name}, line {number}"
        if len(values) != len(columns):
            raise InputError(f"{where} must have {len(columns)} values, not {len(values)}")
        stripped = (value.strip() for value in values)
        rows.append(SummaryRow(where, dict(zip(columns, stripped, strict=True))))
    return Summary(path.name, columns, tuple(rows))
