"""How many cells of a row flip by how many activations beside it: a curve fitted to measured chips.

HC_first is where the first bit of thousands of rows flips. How much later others follow is much the
same in all of them, so that one curve is fitted: the share of cells that flip by activations worth
``share`` times HC_first (:meth:`~pimsim.dram.disturbance.chip_classes.ChipClass.share`). Its normal
quantile is a line in ln(share), with a bend where half of the rows have had their first flip.

The points (``weak_cells.csv``) are counted in the data of ReadDisturbanceVTS25 (Luo et al.,
"Revisiting DRAM Read Disturbance", VTS 2025, commit 5d73430): eleven DDR4 modules at 50 C, both
neighbours hammered, rows of all zeros and of all ones. One module is left out, half of whose rows
hardly flip. Both zeros and ones are lost, in rows of the same bank and about as often: a cell of
such chips loses the one or the other, and which is drawn.

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
"""Share of HC_first at which a row is to be refreshed: counting may have begun just before the row
was refreshed by itself, so that it may have seen twice as many. Below it no cell flips."""
CELLS = 65_536
"""Cells of a row of the measured modules."""
HAMMERS = 500_000
"""Activations of each of both neighbours, by which flips were counted."""

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
    """Activations of each of both neighbours by which a tenth of the rows had a flip."""
    hc_median: int
    """By which half of them had."""
    hc_nine_tenths: int
    flips_500k_median: int
    """Flips of the median row by :data:`HAMMERS` activations."""

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
    """Share of HC_first at which half of the rows have had a flip: there it bends."""
    below: float
    """Slope of the normal quantile against ln(share) up to there."""
    above: float
    """The slope from there on."""

    def flipped(self, share: float) -> float:
        """Return the share of cells that have flipped, of those that hold what they can lose."""
        if share < SAFE:
            return 0.0
        away = math.log(share / self.median)
        slope = self.below if away < 0 else self.above
        return _NORMAL.cdf(_first_of_row(0.5) + slope * away)


def _first_of_row(rows: float) -> float:
    """Normal quantile of the share of cells that flip where so many of the rows have a flip."""
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
