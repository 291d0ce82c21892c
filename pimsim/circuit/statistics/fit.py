"""Published failure rates, and how the bundled processes were fitted to them.

>>> [point.failure_percent for point in ambit_tra()]
[0.0, 0.0, 0.29, 6.01, 16.36, 26.19]
>>> len(simra_majority()), simra_majority()[3].success_percent
(12, 99.68)
>>> result = residuals("ambit-like", samples=20_000, seed=1)
>>> [point.label for point in result.points]
['0 %', '5 %', '10 %', '15 %', '20 %', '25 %']
>>> all(abs(point.residual) < 2 for point in result.points)
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pimsim.circuit.model import parameters, variation
from pimsim.circuit.model.variation import Process
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import majority
from pimsim.documents import bundled_rows, require_one_of

MOST_EVALUATIONS = 60
"""Evaluations of the model after which the search stops."""

Progress = Callable[[], None]
"""Called after every evaluation of the model."""


@dataclass(frozen=True, slots=True)
class TraPoint:
    """Triple-row activations that failed in a published circuit simulation."""

    variation_percent: float
    """Process variation, plus or minus."""
    failure_percent: float
    """Runs that failed."""
    samples: int
    """Runs."""
    source: str
    """Publication, and how sure the number is."""

    @property
    def failed(self) -> int:
        """Runs that failed, as a count."""
        return round(self.failure_percent / 100 * self.samples)


@dataclass(frozen=True, slots=True)
class MajorityPoint:
    """Majorities measured on real chips."""

    inputs: int
    """Operands."""
    rows: int
    """Rows opened at once."""
    success_percent: float
    """Bitlines that got every pattern right, in percent; the mean over row groups."""
    source: str
    """Publication, and how the number was obtained."""


@cache
def ambit_tra() -> tuple[TraPoint, ...]:
    """Return Ambit's triple-row activations against process variation, 55 nm."""
    return bundled_rows(TraPoint, __package__, "published_data", "ambit_tra.csv")


@cache
def simra_majority() -> tuple[MajorityPoint, ...]:
    """Return SiMRA's majorities of 3 to 9 operands on 4 to 32 rows of DDR4 chips."""
    return bundled_rows(MajorityPoint, __package__, "published_data", "simra_majority.csv")


@dataclass(frozen=True, slots=True)
class FittedPoint:
    """One published number and the model's."""

    label: str
    """Variation, or majority and rows."""
    published: float
    """In percent."""
    model: float
    """In percent."""

    @property
    def residual(self) -> float:
        """Model minus published, in percentage points."""
        return self.model - self.published


@dataclass(frozen=True, slots=True)
class Fit:
    """A process beside what it was fitted to."""

    process: Process
    """With the fitted amounts."""
    circuit: str
    """Name of the circuit preset that the process belongs to."""
    criterion: str
    """When a bitline counts as failed."""
    amounts: Mapping[str, float]
    """What was fitted: amount by quantity."""
    points: tuple[FittedPoint, ...]
    """Published and model, one by one."""

    @property
    def rms(self) -> float:
        """Root mean square of the residuals, in percentage points."""
        return math.sqrt(sum(point.residual**2 for point in self.points) / len(self.points))

    @property
    def worst(self) -> float:
        """Largest residual, in percentage points, without its sign."""
        return max(abs(point.residual) for point in self.points)


@dataclass(frozen=True, slots=True)
class _Target:
    """How one of the bundled processes is fitted."""

    circuit: str
    criterion: str
    groups: tuple[tuple[str, ...], ...]
    """Fitted quantities; those of a group have the same amount."""
    points: Callable[[Process, int, int], tuple[FittedPoint, ...]]
    loss: Callable[[tuple[FittedPoint, ...]], float]


def residuals(name: str, *, samples: int, seed: int) -> Fit:
    """Return the bundled process beside what it was fitted to.

    Raises :class:`~pimsim.errors.InputError` for an unknown name or values out of range.
    """
    target = _target(name)
    return _fit_of(target, variation.load(name), samples, seed)


def refit(name: str, *, samples: int, seed: int, progress: Progress | None = None) -> Fit:
    """Fit the amounts again, from the bundled ones as the start.

    ``ambit-like``: the spread of all latch thresholds, by maximum likelihood of the published
    counts. ``ddr4-like``: spread of latch offset and cell capacitance, by least squares of the
    published means. Common random numbers make the loss a smooth enough function for the
    simplex search.

    Raises :class:`~pimsim.errors.InputError` for an unknown name or values out of range.
    """
    from scipy.optimize import minimize

    target = _target(name)
    shipped = variation.load(name)
    start = [_amount(shipped, group[0]) for group in target.groups]

    def with_shares(shares: Iterable[float]) -> Process:
        process = shipped
        for group, share, amount in zip(target.groups, shares, start, strict=True):
            for quantity in group:
                process = process.with_amount(quantity, abs(share) * amount)
        return process

    def loss(shares: Iterable[float]) -> float:
        value = target.loss(target.points(with_shares(shares), samples, seed))
        if progress is not None:
            progress()
        return value

    found = minimize(
        loss,
        [1.0] * len(start),
        method="Nelder-Mead",
        options={
            "initial_simplex": [[1.0] * len(start)]
            + [[1.15 if i == j else 1.0 for i in range(len(start))] for j in range(len(start))],
            "xatol": 2e-3,
            "fatol": 1e-3,
            "maxfev": MOST_EVALUATIONS,
        },
    )
    return _fit_of(target, with_shares([float(share) for share in found.x]), samples, seed)


def _fit_of(target: _Target, process: Process, samples: int, seed: int) -> Fit:
    fitted = [quantity for group in target.groups for quantity in group]
    return Fit(
        process,
        target.circuit,
        target.criterion,
        {quantity: _amount(process, quantity) for quantity in fitted},
        target.points(process, samples, seed),
    )


def _amount(process: Process, quantity: str) -> float:
    return next(one.amount for one in process.varied if one.quantity == quantity)


def _ambit_points(process: Process, samples: int, seed: int) -> tuple[FittedPoint, ...]:
    circuit, operation = parameters.load("rambus55"), majority(3)
    points = []
    for row in ambit_tra():
        sampling = Sampling(samples, seed)
        counts = count(circuit, process, operation, row.variation_percent, sampling)
        model = 100.0 * counts.failed / counts.samples
        points.append(FittedPoint(f"{row.variation_percent:g} %", row.failure_percent, model))
    return tuple(points)


def _simra_points(process: Process, samples: int, seed: int) -> tuple[FittedPoint, ...]:
    circuit = parameters.load("ddr4-like")
    points = []
    for row in simra_majority():
        operation = majority(row.inputs, row.rows, "all")
        counts = count(circuit, process, operation, 100.0, Sampling(samples, seed))
        model = 100.0 * (1.0 - counts.failed / counts.samples)
        points.append(FittedPoint(f"MAJ{row.inputs}, {row.rows} rows", row.success_percent, model))
    return tuple(points)


def _deviance(points: tuple[FittedPoint, ...]) -> float:
    """Deviance of binomial counts per published run: zero where model and publication agree."""
    total = 0.0
    for point in points:
        seen = point.published / 100.0
        expected = min(max(point.model / 100.0, 1e-6), 1.0 - 1e-6)
        for share, model in ((seen, expected), (1.0 - seen, 1.0 - expected)):
            if share > 0.0:
                total += 2e5 * share * math.log(share / model)
    return total


def _squares(points: tuple[FittedPoint, ...]) -> float:
    return sum(point.residual**2 for point in points)


_TARGETS: Mapping[str, _Target] = {
    "ambit-like": _Target(
        "rambus55", "either", (("latch_n.vt", "latch_p.vt"),), _ambit_points, _deviance
    ),
    "ddr4-like": _Target(
        "ddr4-like", "all", (("latch.offset",), ("cell.capacitance",)), _simra_points, _squares
    ),
}


def names() -> tuple[str, ...]:
    """Return the processes that can be fitted again.

    >>> names()
    ('ambit-like', 'ddr4-like')
    """
    return tuple(_TARGETS)


def _target(name: str) -> _Target:
    require_one_of("process", name, _TARGETS, hint=True)
    return _TARGETS[name]
