"""Cells that lost their ones on real chips, and the distribution of retention fitted to them.

Counts of ReadDisturbanceVTS25 (Luo et al., "Revisiting DRAM Read Disturbance", VTS 2025, public
data of the repository CMU-SAFARI/ReadDisturbanceVTS25, commit 5d73430): 2,048 rows of a bank of
eleven DDR4 modules, all ones, refresh off, at nominally 90 degrees C, and of one of them at 50.

Two things are left out. In one of Samsung's modules, one of eight chips reads as zeros whatever is
stored; with it, 12.5 % of the cells would be lost at once. In Micron's module, half of the rows
hold anti-cells, which lose zeros instead of ones. Nine modules are alike and are fitted together;
the other two lose about 1 % in 4 s.

>>> points = measured()
>>> len({point.module for point in points}), len({p.module for p in points if p.pooled})
(11, 9)
>>> found = fit([point for point in points if point.pooled and point.celsius == 90])
>>> round(found.median_s), round(found.log_scale, 2)
(27133, 3.93)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from pimsim.circuit.model import parameters, retention, variation
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import majority
from pimsim.documents import bundled_rows
from pimsim.errors import InputError

PRESET, PROCESS = "rambus55", "ambit-like"
"""The circuit with the fitted time constant and scale, and a process that spreads cells by them."""


@dataclass(frozen=True, slots=True)
class RetentionPoint:
    """Cells of a module that read wrong after a time without refresh."""

    module: str
    """Its label in the data."""
    die: str
    """Maker, density and revision of its chips."""
    celsius: float
    """Nominal temperature."""
    wait_s: float
    """Time without refresh."""
    cells: int
    """Cells that held a one."""
    lost: int
    """Those that read as a zero."""
    pooled: int
    """1 for the modules that are alike, and are fitted together; else 0."""

    @property
    def percent(self) -> float:
        """Cells lost, in percent."""
        return 100.0 * self.lost / self.cells


@dataclass(frozen=True, slots=True)
class RetentionFit:
    """A Gumbel distribution of ln(time for which a cell reads as a one)."""

    median_s: float
    """Half of the cells hold for longer, at the temperature of the points."""
    log_scale: float
    """Scale of ln(time)."""

    @property
    def time_constant_ms(self) -> float:
        """Time constant of the median cell, which reads wrong once it is at vdd/2."""
        return 1e3 * self.median_s / math.log(2.0)

    def lost_share(self, wait_s: float) -> float:
        """Return which share of cells is lost after a time.

        >>> RetentionFit(median_s=100.0, log_scale=3.0).lost_share(100.0)
        0.5
        """
        return float(0.5 ** ((self.median_s / wait_s) ** (1.0 / self.log_scale)))


@cache
def measured() -> tuple[RetentionPoint, ...]:
    """Return what was counted, module by module."""
    return bundled_rows(RetentionPoint, __package__, "published_data", "retention.csv")


def fit(points: Sequence[RetentionPoint]) -> RetentionFit:
    """Return the closest distribution: a straight line fitted to ln(-ln(share lost)) over ln(time).

    Raises :class:`~pimsim.errors.InputError` if there are fewer than two times at which some cells
    and not all are lost.
    """
    some = [point for point in points if 0 < point.lost < point.cells]
    if len({point.wait_s for point in some}) < 2:
        raise InputError(
            "`points` must be of at least two times at which some cells are lost, not all"
        )
    log_s = np.log([point.wait_s for point in some])
    rank = np.log(-np.log([point.lost / point.cells for point in some]))
    slope, start = (float(one) for one in np.polyfit(log_s, rank, 1))
    at_median = (math.log(math.log(2.0)) - start) / slope
    return RetentionFit(math.exp(at_median), -1.0 / slope)


def worst_ratio(found: RetentionFit, points: Sequence[RetentionPoint]) -> float:
    """Return the largest factor by which the fitted share of lost cells is off.

    No such fit is close to cells of which none holds longer than some time, as Micron's in the
    data.
    """
    ratios = (
        math.log(found.lost_share(point.wait_s) * point.cells / point.lost) for point in points
    )
    return math.exp(max(map(abs, ratios)))


def simulated_percent(wait_s: float, celsius: float, sampling: Sampling) -> float:
    """Return the share of cells that read wrong in Monte Carlo, in percent.

    A read of a one on the decision path; nothing varies but retention, which is ``fixed``.
    """
    circuit = retention.after(parameters.load(PRESET), 1e3 * wait_s, celsius)
    read = majority(1, criterion="1")
    counts = count(circuit, variation.load(PROCESS), read, 0.0, sampling)
    return 100.0 * counts.failed / counts.samples
