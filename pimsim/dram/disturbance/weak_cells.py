"""How many cells of a row flip after how many activations: a curve fitted to measured chips.

HC_first is the number of activations at which the first bit of thousands of rows flips. Relative to
it, the other bits follow at much the same rate in all chips, so one curve is fitted to all: the
share of cells that have flipped after ``share`` times HC_first activations
(:meth:`~pimsim.dram.disturbance.chip_classes.ChipClass.share`). The normal quantile of that curve
consists of two straight lines over ln(share), which meet where half of the rows have had a flip.

The points (``weak_cells.csv``) are counted in the data of ReadDisturbanceVTS25 (Luo et al.,
"Revisiting DRAM Read Disturbance", VTS 2025, commit 5d73430): eleven DDR4 modules at 50 C, both
neighbours hammered, rows of all zeros and of all ones. One module is left out because half of its
rows hardly flip. In rows of the same bank, zeros are lost about as often as ones. So each cell is
taken to lose either ones or zeros, and which of them is drawn.

>>> found = shape()
>>> round(found.median, 2), round(found.below, 1), round(found.above, 2)
(2.3, 2.0, 0.98)
>>> [f"{found.flipped(share):.1g}" for share in (0.4, 1.0, 2.3, 10.0, 100.0)]
['0', '2e-09', '1e-05', '0.002', '0.3']
>>> found.flipped(0.5) < 1e-12                         # below that share none is drawn
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean

from pimsim.documents import bundled_rows
from pimsim.dram.disturbance.chip_classes import bundled

SAFE = 0.5
"""Share of HC_first below which no cell flips, and at which a mitigation must refresh a row. It is
a half, because a counter may start just after the row was last refreshed: the row may then have
seen twice as many activations as were counted."""
CELLS = 65_536
"""Cells of a row of the measured modules."""
HAMMERS = 500_000
"""Activations of each neighbour after which flips were counted."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class MeasuredRows:
    """Rows of a module whose neighbours were hammered, all with the same bits."""

    name: str
    """Class of chips, of :func:`~pimsim.dram.disturbance.chip_classes.bundled`."""
    stored: int
    """Bit that all cells held."""
    rows: int
    hc_tenth: int
    """Activations of each neighbour after which a tenth of the rows had a flip."""
    hc_median: int
    """Activations after which half of the rows had a flip."""
    hc_nine_tenths: int
    flips_500k_median: int
    """Flips of the median row after :data:`HAMMERS` activations."""

    def quantiles(self) -> list[tuple[float, float]]:
        """Return ln(activations / HC_first) and the normal quantile of the share of cells."""
        first = next(one for one in bundled() if one.name == self.name).hc_double_sided
        counts = (self.hc_tenth, self.hc_median, self.hc_nine_tenths)
        found = [
            (math.log(count / first), _first_of_row(rows))
            for count, rows in zip(counts, (0.1, 0.5, 0.9), strict=True)
        ]
        flipped = _NORMAL.inv_cdf(self.flips_500k_median / CELLS)
        return [*found, (math.log(HAMMERS / first), flipped)]


@dataclass(frozen=True, slots=True)
class Shape:
    """The curve."""

    median: float
    """Multiple of HC_first at which half of the rows have had a flip: the bend of the curve."""
    below: float
    """Slope of the normal quantile over ln(share) up to the bend."""
    above: float
    """The slope beyond the bend."""

    def flipped(self, share: float) -> float:
        """Return the share of flipped cells among those that hold the bit they can lose."""
        if share < SAFE:
            return 0.0
        away = math.log(share / self.median)
        slope = self.below if away < 0 else self.above
        return _NORMAL.cdf(_first_of_row(0.5) + slope * away)


def _first_of_row(rows: float) -> float:
    """Normal quantile of the share of flipped cells when a share of the rows has a flip."""
    return _NORMAL.inv_cdf(-math.expm1(math.log1p(-rows) / CELLS))


@cache
def measured() -> tuple[MeasuredRows, ...]:
    """Return the points, module by module."""
    return bundled_rows(MeasuredRows, __package__, "weak_cells.csv")


def fit(points: Sequence[MeasuredRows]) -> Shape:
    """Return the curve through the means of points."""
    every = [one.quantiles() for one in points]
    tenth, median, nine_tenths, most = (
        (fmean(x for x, _ in column), fmean(z for _, z in column))
        for column in zip(*every, strict=True)
    )
    below = (nine_tenths[1] - tenth[1]) / (nine_tenths[0] - tenth[0])
    above = (most[1] - median[1]) / (most[0] - median[0])
    return Shape(math.exp(median[0]), below, above)


@cache
def shape() -> Shape:
    """Return the curve through the bundled points."""
    return fit(measured())
