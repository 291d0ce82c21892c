"""Success of row groups of measured chips, as distributions: quantiles, not only means.

A box says how often an operation was right on the row groups that were measured: least, quartiles,
99th percentile, most, and mean. Groups differ far more than a mean shows: a majority of three on
four rows at 1.5 and 1.5 ns is right on 57 % of the bitlines on average but on 99 % at the median,
because a quarter of the groups never work. No measurement is part of pimsim: boxes are read from a
file, see :func:`location`.

>>> box = Box("MAJ3", 4, "random", ActivationDelays(1.5, 1.5), "pct_bitlines_always_correct",
...           mean=0.6, values=(0.0, 0.0, 0.98, 0.99, 1.0, 1.0))  # made up
>>> box.success(0.5), box.success(0.25)
(0.98, 0.0)
>>> round(box.mean_of_best(1.0), 4), round(box.mean_of_best(0.5), 4)
(0.6, 0.9901)
>>> box.drawn(np.random.default_rng(1), 4).round(2).tolist()
[0.98, 1.0, 0.0, 1.0]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays, SummaryRow, read
from pimsim.documents import shown
from pimsim.errors import InputError
from pimsim.offtheshelf.decoder import ROWS

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.99, 1.0)
"""Shares of groups at or below least, quartiles, 99th percentile and most."""
_BOX = ("min", "p25", "median", "p75", "p99")
_MOST = ("max", "max_plotted")
COLUMNS = ("op", "rows_activated", "data_pattern", "t1_ns", "t2_ns", "metric", "mean", *_BOX)
"""Columns of a file of boxes, beside ``max`` or ``max_plotted``; from the mean on in percent."""
METRICS = {
    "pct_bitlines_always_correct": "bitlines that were right in every trial",
    "pct_cells_correct": "cells that held the right value",
}
"""What is counted, in words. The two must not be compared."""
FOLDER, FILE = "real-chips", "simra_success_boxstats.csv"
"""Where boxes lie in ``$PIMSIM_DATA``, unless another file is named."""
NEEDED = (
    f"a CSV file of boxes with the columns {', '.join(COLUMNS)} and {' or '.join(_MOST)} "
    f"(default: {FOLDER}/{FILE} in $PIMSIM_DATA); SiMRA's box plots, which are not part of "
    "pimsim, are public in CMU-SAFARI/SiMRA-DRAM (MIT licence)"
)
"""What drawing groups needs, in words."""
_EDGE = 1e-3
"""How close to its ends the mean of a part of the curve may be."""
OPERATIONS = ("MAJ3", "MAJ5", "MAJ7", "MAJ9", "many-row-activation", "multi-row-copy")


@dataclass(frozen=True)
class Box:
    """How an operation succeeds on the row groups that were measured; shares of 1."""

    operation: str
    rows: int
    pattern: str
    """What the rows held."""
    delays: ActivationDelays
    metric: str
    """What is counted, one of :data:`METRICS`."""
    mean: float
    values: tuple[float, ...]
    """At each of :data:`QUANTILES`."""

    @cached_property
    def _bend(self) -> tuple[int, float]:
        """The part of the curve that is bent so that its mean is the measured one, and the power.

        Between quantiles, it is only known that the curve rises. It is taken as straight, except in
        the part where the mean is least determined; there it is a power of the share.
        """
        parts = list(zip(QUANTILES, QUANTILES[1:], self.values, self.values[1:], strict=False))
        areas = [(b - a) * (low + high) / 2 for a, b, low, high in parts]
        widest = max(range(len(parts)), key=lambda n: (parts[n][1] - parts[n][0])
                     * (parts[n][3] - parts[n][2]))  # fmt: skip
        a, b, low, high = parts[widest]
        wanted = (self.mean - (sum(areas) - areas[widest])) / (b - a)
        if low == high:
            return widest, 1.0
        edge = _EDGE * (high - low)
        wanted = min(max(wanted, low + edge), high - edge)
        return widest, (high - low) / (wanted - low) - 1.0

    def success(self, share: float) -> float:
        """Return the success of the group at this quantile: ``share`` of the groups do no better.

        Raises :class:`~pimsim.errors.InputError` for what is not 0 to 1.
        """
        if not 0.0 <= share <= 1.0:
            raise InputError(f"`share` must be a number from 0 to 1, not {share!r}")
        return float(self._at(np.array([share]))[0])

    def _at(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        bent, power = self._bend
        found: NDArray[np.float64] = np.interp(shares, QUANTILES, self.values)
        a, b, low, high = *QUANTILES[bent : bent + 2], *self.values[bent : bent + 2]
        inside = (shares > a) & (shares < b)
        found[inside] = low + (high - low) * ((shares[inside] - a) / (b - a)) ** power
        return found

    def drawn(
        self, generator: np.random.Generator, groups: int, best: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the success of so many groups, drawn from the best share of all groups."""
        require_best(best)
        return self._at(1.0 - best + best * generator.random(groups))

    def mean_of_best(self, best: float) -> float:
        """Return the mean of the best share of groups; for 1 it is the measured mean.

        Exact for the curve of :meth:`success`.
        """
        start = 1.0 - require_best(best)
        bent, power = self._bend
        total = 0.0
        for number, (a, b, low, high) in enumerate(
            zip(QUANTILES, QUANTILES[1:], self.values, self.values[1:], strict=False)
        ):
            if b <= start:
                continue
            n = power if number == bent else 1.0
            u = max(0.0, (start - a) / (b - a))  # of the part, what lies below the best
            total += (b - a) * (low * (1 - u) + (high - low) * (1 - u ** (n + 1)) / (n + 1))
        return total / best

    @property
    def text(self) -> str:
        """What was measured, in words."""
        return f"{self.operation}, {self.rows} rows, data {self.pattern}, {self.delays}"


def require_best(best: float) -> float:
    """Return a share of groups; InputError unless it is above 0 and at most 1."""
    if not 0.0 < best <= 1.0:
        raise InputError(f"`best` must be a number above 0 and at most 1, not {best!r}")
    return best


@dataclass(frozen=True)
class BoxTable:
    """Boxes of a file."""

    file: str
    boxes: tuple[Box, ...]

    def find(self, operation: str, rows: int, pattern: str, delays: ActivationDelays) -> Box:
        """Return what was measured.

        Raises :class:`~pimsim.errors.InputError`, naming known values, for an operation, a number
        of rows, data or delays that were not measured.
        """
        chosen = self.boxes
        wanted: tuple[tuple[str, object, Callable[[Box], object]], ...] = (
            ("operation", operation, lambda box: box.operation),
            ("rows", rows, lambda box: box.rows),
            ("pattern", pattern, lambda box: box.pattern),
            ("delays", delays, lambda box: box.delays),
        )
        so_far: list[str] = []
        for name, value, of in wanted:
            kept = tuple(box for box in chosen if of(box) == value)
            if not kept:
                known = "; ".join(dict.fromkeys(str(of(box)) for box in chosen))
                of_what = f" of {', '.join(so_far)}" if so_far else ""
                raise InputError(
                    f"`{name}`{of_what} must be what {self.file} has: {known}, not {value}"
                )
            chosen = kept
            so_far.append(f"{value} rows" if name == "rows" else str(value))
        return chosen[0]


def location(named: Path | None = None) -> Path | None:
    """Return the file of boxes: the named one, or that in ``$PIMSIM_DATA``; None if there is none.

    >>> location(Path("mine.csv")).name
    'mine.csv'
    """
    folder = os.environ.get("PIMSIM_DATA")
    if named is not None or not folder:
        return named
    found = Path(folder) / FOLDER / FILE
    return found if found.exists() else None


def read_boxes(path: Path) -> BoxTable:
    """Return the boxes of a CSV file.

    Columns beside :data:`COLUMNS` are not read, and lines that say the same again are one box.
    SiMRA's (Yuksel et al., DSN 2024, 120 DDR4 chips of two makers pooled) can be read from the box
    plots of CMU-SAFARI/SiMRA-DRAM (MIT licence) to about 0.1 point; raw measurements are not there.

    Raises :class:`~pimsim.errors.InputError`, naming file and line, for a file that cannot be read
    or lacks columns, rows that are no power of two, majorities of an even number of operands or of
    more than there are rows, and quantiles that fall or are no percentages.
    """
    summary = read(path)
    most = next((name for name in _MOST if name in summary.columns), None)
    missing = [name for name in COLUMNS if name not in summary.columns]
    missing += [] if most else [" or ".join(_MOST)]
    if missing:
        raise InputError(f"{summary.file}, line 1 must have the columns {', '.join(missing)}")
    found: dict[tuple[object, ...], Box] = {}
    for row in summary.rows:
        box = _box(row, str(most))
        key = box.operation, box.rows, box.pattern, box.delays
        before = found.setdefault(key, box)
        if before != box:
            raise InputError(f"{row.where} must not contradict another line of {box.text}")
    return BoxTable(summary.file, tuple(found.values()))


def _box(row: SummaryRow, most: str) -> Box:
    name, rows = row.text("op"), row.count("rows_activated")
    if name.startswith("MAJ") and name[3:].isdigit() and int(name[3:]) % 2 == 0:
        raise InputError(
            f"{row.where}: `op` must be a majority of an odd number of operands, not {shown(name)}"
        )
    row.one_of("op", OPERATIONS)
    if rows not in ROWS:
        listed = ", ".join(map(str, ROWS))
        raise InputError(
            f"{row.where}: `rows_activated` must be one of {listed}, powers of two, not {rows}"
        )
    if name.startswith("MAJ") and int(name[3:]) > rows:
        raise InputError(
            f"{row.where}: `rows_activated` must be at least the {name[3:]} operands of {name}, "
            f"not {rows}"
        )
    values = [round(100.0 - 100.0 * row.failing(column), 9) for column in (*_BOX, most)]
    for column, low, high in zip((*_BOX[1:], most), values, values[1:], strict=False):
        if high < low:
            raise InputError(f"{row.where}: `{column}` must be at least {low:g}, not {high:g}")
    mean = round(1.0 - row.failing("mean"), 12)
    return Box(
        name,
        rows,
        row.text("data_pattern"),
        ActivationDelays(row.number("t1_ns"), row.number("t2_ns")),
        row.one_of("metric", tuple(METRICS)),
        mean,
        tuple(round(one / 100.0, 12) for one in values),
    )


def sizes(table: BoxTable, operation: str) -> Sequence[int]:
    """Return the numbers of rows that an operation was measured with.

    >>> delays, metric = ActivationDelays(1.5, 3.0), "pct_bitlines_always_correct"
    >>> made = (Box("MAJ5", n, "random", delays, metric, 1.0, (1.0,) * 6) for n in (16, 8))
    >>> sizes(BoxTable("made up", tuple(made)), "MAJ5")
    [8, 16]
    """
    return sorted({box.rows for box in table.boxes if box.operation == operation})
