"""Rare failures of the decision path: importance sampling, and what cannot fail at all.

Samples are drawn mostly where the operation fails. For every pattern, the margin is linearised at
the point where failure is likeliest. Each unit is drawn from its distribution tilted exponentially
towards that point: a shifted normal, or a truncated exponential in place of a uniform. About half
of the samples then fail. The proposals of all patterns are mixed, together with a share of untilted
samples. A sample counts with the ratio of its true density to that of the mixture.

Where cells have leaked, the margin is not linear: it drops like a cliff once a cell is weak
enough. Samples are drawn about that cliff too, for every single cell, or for as many cells as it
takes to fail. The estimate is unbiased whatever the linearisation, which only decides how narrow
the interval is. Probabilities of 1e-9 and below can be estimated. Where every quantity is bounded
and even the worst corner is right (:func:`worst_margin_mv`), nothing can fail.

>>> from pimsim.circuit.statistics.sense_decision import majority
>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.model.variation import Process, Varied
>>> offset = Process("offset", "a latch offset alone", (Varied("latch.offset", "gaussian", 100),))
>>> rare = estimate(load("rambus55"), offset, majority(3, criterion="110"), 15.0,
...                 Sampling(20_000, seed=1))
>>> from scipy.stats import norm
>>> exact = norm.sf(87.417 / 15)
>>> bool(rare.low < exact < rare.high), round(float(exact) * 1e9, 2), rare.high / rare.low < 1.2
(True, 2.81, True)
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model import retention
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Floats, Process
from pimsim.circuit.statistics.intervals import LEVEL
from pimsim.circuit.statistics.monte_carlo import Sampling, require_variation
from pimsim.circuit.statistics.sense_decision import DecisionPath, Majority
from pimsim.errors import InputError

_UNTILTED_SHARE = 0.1
"""Share of the samples drawn from the true distribution: no weight can then exceed ten."""
_STEPS = 12
"""How often the margin is linearised again, at the point that the last time found."""
_MOST_TILT = 10_000.0
"""Largest tilt: beyond it a uniform unit is practically always at its bound."""
_DEEPEST = 30.0
"""How weak a cell is at most, in standard deviations of the normal of the same rank."""
_MOST_SUBSETS = 64
"""Largest number of sets of cells that get a proposal of their own."""
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Rare:
    """An estimated probability with its 95 % confidence interval."""

    probability: float
    """That a bitline fails the criterion."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval; NaN if no sample failed, which bounds nothing."""
    samples: int
    """Samples drawn."""
    failed: int
    """Samples, of the tilted distributions, that failed."""
    effective: float
    """Failed samples of equal weight that would be as good."""


def estimate(
    circuit: Circuit,
    process: Process,
    operation: Majority,
    variation_percent: float,
    sampling: Sampling,
) -> Rare:
    """Estimate how likely a bitline gets at least one pattern of the operation wrong.

    With several ``accesses`` in ``sampling``, it is the probability of being wrong in every one of
    them, as a bitline that is weak for good is. Only static units are tilted then.

    Raises :class:`~pimsim.errors.InputError` for values out of range.
    """
    require_variation(variation_percent)
    samples, accesses = sampling.samples, sampling.accesses
    if samples < 100:
        raise InputError(f"`samples` must be an integer of at least 100, not {samples!r}")
    path = DecisionPath(circuit, process, operation)
    variation = variation_percent / 100.0
    tilted = ~path.layout.per_access if accesses > 1 else np.ones(path.layout.dims, np.bool_)
    tilts = np.array(
        [
            tilt
            for one in operation.patterns
            for tilt in _tilts(
                DecisionPath(circuit, process, replace(operation, patterns=(one,))),
                variation,
                tilted,
            )
        ]
    )
    rng = np.random.default_rng(sampling.seed)
    weights = []
    for start in range(0, samples, _CHUNK):
        units, density = _draw(path, tilts, min(_CHUNK, samples - start), rng)
        failed = path.wrong(units, variation).any(axis=0)
        for _ in range(accesses - 1):
            path.layout.redraw(units, rng)
            failed &= path.wrong(units, variation).any(axis=0)
        weights.append(np.where(failed, density, 0.0))
    return _summary(np.concatenate(weights))


def worst_margin_mv(path: DecisionPath, variation: float) -> float:
    """Return the least margin, in mV, that any corner of a bounded process has.

    ``path`` must have a single pattern. A corner has every quantity at one of its two bounds. The
    least margin lies at a corner, because charge sharing and offset change monotonically with each
    quantity (but for the small part that the common mode has in the offset). The search begins at
    the corner that the slope at the centre points to. It moves one quantity at a time to its other
    bound, until no move lowers the margin. A negative result says that some corner is wrong.

    >>> from pimsim.circuit.model import parameters, variation
    >>> from pimsim.circuit.statistics.sense_decision import majority
    >>> circuit, ambit = parameters.load("rambus55"), variation.load("ambit-like")
    >>> path = DecisionPath(circuit, ambit, majority(3, criterion="110"))
    >>> [round(worst_margin_mv(path, percent / 100), 1) for percent in (0, 5, 6)]
    [87.4, 9.1, -6.4]
    """
    dims = path.layout.dims
    flips = np.ones((dims, dims)) - 2.0 * np.eye(dims)
    at = np.ones((dims, 1))
    low_mv = path.margin_mv(0.5 * (flips * at), variation)[0]
    high_mv = path.margin_mv(0.5 * np.ones((dims, 1)), variation)[0]
    # A side that lowers the margin at half of the spread is where to begin.
    at[:, 0] = np.where(low_mv < high_mv, -1.0, 1.0)
    least_mv = float(path.margin_mv(at, variation)[0, 0])
    while dims:
        tried_mv = path.margin_mv(flips * at, variation)[0]
        best = int(tried_mv.argmin())
        if tried_mv[best] >= least_mv:
            break
        at[best] *= -1.0
        least_mv = float(tried_mv[best])
    return least_mv


def _summary(weights: Floats) -> Rare:
    from scipy.special import ndtri

    samples, failed = len(weights), int(np.count_nonzero(weights))
    if not failed:
        return Rare(0.0, 0.0, math.nan, samples, 0, 0.0)
    scale = float(weights.max())
    weights = weights / scale  # squares of the tiniest would be zero
    mean = float(weights.mean())
    error = float(weights.std(ddof=1)) / math.sqrt(samples)
    reach = math.exp(float(ndtri(0.5 + LEVEL / 2.0)) * error / mean)
    # Symmetric on a logarithmic axis: a probability is positive, and small ones are compared so.
    return Rare(
        probability=mean * scale,
        low=mean * scale / reach,
        high=min(1.0, mean * scale * reach),
        samples=samples,
        failed=failed,
        effective=float(weights.sum() ** 2 / np.square(weights).sum()),
    )


def _tilts(path: DecisionPath, variation: float, tilted: NDArray[np.bool_]) -> list[Floats]:
    """Tilts of a path with one pattern: towards failing sense amplifiers, and failing cells."""
    leaking = path.layout.rows(retention.SPREAD)
    others = tilted.copy()
    others[leaking] = False
    found = [_tilt(path, variation, others)]
    for size in range(1, len(leaking) + 1):
        if math.comb(len(leaking), size) > _MOST_SUBSETS:
            break
        lost = [
            tilt
            for cells in itertools.combinations(leaking, size)
            if (tilt := _cliff(path, variation, cells)) is not None
        ]
        if lost:
            return found + lost
    return found


def _cliff(path: DecisionPath, variation: float, cells: tuple[int, ...]) -> Floats | None:
    """How weak these cells must be for the answer to be wrong; None if no weakness is enough.

    The margin is flat at first, and then falls from nearly all to nearly nothing in a small range.
    """
    from scipy.optimize import brentq

    direction = np.zeros((path.layout.dims, 1))
    direction[list(cells)] = -1.0

    def margin_mv(depth: float) -> float:
        return float(path.margin_mv(depth * direction, variation)[0, 0])

    if margin_mv(0.0) <= 0.0 or margin_mv(_DEEPEST) > 0.0:
        return None
    return np.asarray(float(brentq(margin_mv, 0.0, _DEEPEST, xtol=1e-3)) * direction[:, 0])


def _tilt(path: DecisionPath, variation: float, tilted: NDArray[np.bool_]) -> Floats:
    """Tilt of every unit, shape ``(dims,)``, of a path with one pattern; 0 if not tilted."""
    gaussian = path.layout.gaussian
    tilt = np.zeros(path.layout.dims)
    for _ in range(_STEPS):
        at = _mean(tilt, gaussian)
        margin_mv, slope_mv = _linearised(path, at, variation)
        slope_mv = np.where(tilted, slope_mv, 0.0)
        if not np.any(slope_mv):
            break
        before = tilt
        tilt = _saddle(margin_mv - float(slope_mv @ at), slope_mv, gaussian)
        if np.allclose(tilt, before, rtol=1e-3, atol=1e-3):
            break
    return tilt


def _linearised(path: DecisionPath, at: Floats, variation: float) -> tuple[float, Floats]:
    """Margin at a point, and its slope there, by central differences."""
    step = 1e-3
    dims = len(at)
    points = np.repeat(at[:, np.newaxis], 2 * dims + 1, axis=1)
    points[np.arange(dims), np.arange(dims)] += step
    points[np.arange(dims), dims + np.arange(dims)] -= step
    (margin_mv,) = path.margin_mv(points, variation)
    slope_mv = (margin_mv[:dims] - margin_mv[dims : 2 * dims]) / (2 * step)
    return float(margin_mv[-1]), slope_mv


def _saddle(constant_mv: float, slope_mv: Floats, gaussian: NDArray[np.bool_]) -> Floats:
    """The tilt, along the slope, under which the linear margin is zero on average."""
    size = float(np.abs(slope_mv).max())
    direction = -slope_mv / size

    def margin_mv(strength: float) -> float:
        return constant_mv + float(slope_mv @ _mean(strength * direction, gaussian))

    if margin_mv(0.0) <= 0.0:  # wrong already without any variation
        return np.zeros_like(slope_mv)
    if margin_mv(_MOST_TILT) > 0.0:  # out of reach, if the margin is linear
        return np.asarray(_MOST_TILT * direction)
    from scipy.optimize import brentq

    return np.asarray(brentq(margin_mv, 0.0, _MOST_TILT, xtol=1e-6) * direction)


def _mean(tilt: Floats, gaussian: NDArray[np.bool_]) -> Floats:
    """Mean of tilted units: the tilt for a normal, coth(t) - 1/t for a uniform in [-1, 1]."""
    small = np.abs(tilt) < 1e-3
    safe = np.where(small, 1.0, tilt)
    uniform = np.where(small, tilt / 3.0, 1.0 / np.tanh(safe) - 1.0 / safe)
    return np.where(gaussian, tilt, uniform)


def _log_moment(tilt: Floats, gaussian: NDArray[np.bool_]) -> Floats:
    """Ln E exp(t u): t^2 / 2 for a normal, ln(sinh(t) / t) for a uniform in [-1, 1]."""
    size = np.abs(tilt)
    small = size < 1e-3
    safe = np.where(small, 1.0, size)
    uniform = np.where(small, tilt**2 / 6.0, safe + np.log(-np.expm1(-2.0 * safe) / (2.0 * safe)))
    return np.where(gaussian, tilt**2 / 2.0, uniform)


def _draw(
    path: DecisionPath, tilts: Floats, samples: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Units of the mixture, ``(dims, samples)``, and their weights, true density over mixture."""
    gaussian = path.layout.gaussian
    patterns, dims = tilts.shape
    components = np.vstack([np.zeros(dims), tilts])
    shares = np.concatenate([[_UNTILTED_SHARE], np.full(patterns, 1 / patterns)])
    shares[1:] *= 1.0 - _UNTILTED_SHARE
    tilt = components[rng.choice(len(shares), size=samples, p=shares)].T  # (dims, samples)
    units = np.empty((dims, samples))
    count = int(gaussian.sum())
    units[gaussian] = rng.standard_normal((count, samples)) + tilt[gaussian]
    units[~gaussian] = _tilted_uniform(rng.random((dims - count, samples)), tilt[~gaussian])
    log_ratio = components @ units - _log_moment(components, gaussian).sum(axis=1)[:, np.newaxis]
    peak = log_ratio.max(axis=0)
    mixture = shares @ np.exp(log_ratio - peak)
    return units, np.exp(-peak) / mixture


def _tilted_uniform(share: Floats, tilt: Floats) -> Floats:
    """Invert the distribution function of a uniform in [-1, 1] tilted by exp(t u)."""
    size = np.abs(tilt)
    small = size < 1e-6
    safe = np.where(small, 1.0, size)
    # With the mass towards +1: u = 1 + ln(s + (1 - s) exp(-2 t)) / t.
    towards = 1.0 + np.log(share + (1.0 - share) * np.exp(-2.0 * safe)) / safe
    return np.where(small, 2.0 * share - 1.0, np.sign(tilt) * towards)
