"""Monte Carlo: how often an operation is wrong, on the decision path or in whole cycles.

On both paths, bitlines that fail a criterion are counted. The decision path computes charge sharing
and adds a fitted offset, without time; it is fast. The transient path integrates whole cycles, and
is thousands of times slower. It needs no fitted offset, every quantity of a process acts, and a
latch that decides too late is wrong.

>>> from pimsim.circuit.statistics.sense_decision import majority
>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.model import variation
>>> circuit, ambit = load("rambus55"), variation.load("ambit-like")
>>> counts = count(circuit, ambit, majority(3), 25.0, Sampling(20_000, seed=1))
>>> counts.samples, 0.24 < counts.failed / counts.samples < 0.28
(20000, True)
>>> counts = count_cycles(circuit, ambit, majority(3, criterion="110"), 25.0, Sampling(20, seed=1))
>>> counts.samples, counts.failed <= 10
(20, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model import retention
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Floats, Process, UnitLayout
from pimsim.circuit.statistics.charge_sharing import replication
from pimsim.circuit.statistics.intervals import LEVEL, clopper_pearson
from pimsim.circuit.statistics.sense_decision import LEAST_SHARE, DecisionPath, Majority
from pimsim.circuit.transient import scenarios
from pimsim.circuit.transient.instances import Instances, nominal
from pimsim.circuit.transient.scenarios import Scenario
from pimsim.errors import InputError, require_positive

_DECISIONS, _CYCLES = 4096, 256
"""Samples at a time, on either path."""

Progress = Callable[[int], None]
"""Called with how many samples are done since the last call."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a Monte Carlo run saw."""

    names: tuple[str, ...]
    """The patterns, such as ``110``."""
    samples: int
    """Bitlines, each with static properties of its own."""
    accesses: int
    """Accesses to each bitline."""
    wrong: tuple[int, ...]
    """Wrong accesses, of ``samples * accesses``, one number a pattern."""
    always_wrong: tuple[int, ...]
    """Bitlines that were wrong in every access, one number a pattern."""
    failed: int
    """Bitlines that got at least one pattern wrong in at least one access."""

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the Clopper-Pearson interval of the share of failed bitlines."""
        return clopper_pearson(self.failed, self.samples, level)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is drawn.

    The same seed gives the same units at every variation (common random numbers), so that
    curves are smooth and comparisons sharp. Static and per-access draws use separate streams:
    the bitlines stay the same however often they are accessed.

    Raises :class:`~pimsim.errors.InputError` unless samples and accesses are positive.
    """

    samples: int
    """Bitlines, each with static properties of its own."""
    seed: int
    accesses: int = 1
    """Accesses to each bitline."""

    def __post_init__(self) -> None:
        require_positive(samples=self.samples, accesses=self.accesses)
        if type(self.seed) is not int or self.seed < 0:
            raise InputError(f"`seed` must be an integer of at least 0, not {self.seed!r}")

    def chunks(
        self, layout: UnitLayout, most_samples: int
    ) -> Iterator[tuple[Floats, np.random.Generator]]:
        """Yield the units of all samples in chunks, each with the generator of its accesses.

        Each chunk has random streams of its own, so the results of a seed depend on
        ``most_samples``.
        """
        static_root, access_root = np.random.SeedSequence(self.seed).spawn(2)
        for start in range(0, self.samples, most_samples):
            static = np.random.default_rng(static_root.spawn(1)[0])
            access = np.random.default_rng(access_root.spawn(1)[0])
            yield layout.draw(static, access, min(most_samples, self.samples - start)), access


def count(
    circuit: Circuit,
    process: Process,
    operation: Majority,
    variation_percent: float,
    sampling: Sampling,
    progress: Progress | None = None,
) -> Counts:
    """Count wrong decisions.

    Raises :class:`~pimsim.errors.InputError` for values out of range.
    """
    require_variation(variation_percent)
    path = DecisionPath(circuit, process, operation)
    wrong = partial(path.wrong, variation=variation_percent / 100.0)
    return _count(wrong, path.layout, operation, sampling, _DECISIONS, progress)


def count_cycles(
    circuit: Circuit,
    process: Process,
    operation: Majority,
    variation_percent: float,
    sampling: Sampling,
    progress: Progress | None = None,
) -> Counts:
    """Count wrong decisions of bitlines that are each integrated in time.

    Raises :class:`~pimsim.errors.InputError` for values out of range, and for a process in which
    the two bitlines of a pair may differ in their precharge level.
    """
    from pimsim.circuit.transient.simulation import simulate

    require_variation(variation_percent)
    replication(circuit, operation.inputs, operation.rows)
    acting = retention.acting(circuit, process)
    layout = UnitLayout(acting, operation.rows, decision_only=False)
    runs = [scenarios.majority(name, operation.rows) for name in operation.names]

    def wrong(units: Floats) -> NDArray[np.bool_]:
        values = [
            simulate(circuit, run, spread(circuit, run, layout, units, variation_percent / 100.0))
            for run in runs
        ]
        found = np.array([one.value for one in values])
        different: NDArray[np.bool_] = found != operation.answers[:, np.newaxis]
        return different

    return _count(wrong, layout, operation, sampling, _CYCLES, progress)


CountFunction = Callable[[Circuit, Process, Majority, float, Sampling, Progress | None], Counts]
"""A function with the arguments and the result of :func:`count`."""

PATHS: Mapping[str, tuple[CountFunction, str]] = {
    "decision": (
        count,
        "decision path: exact charge sharing of every cell, and an input-referred offset of the "
        "latch that depends on the common mode; no time: a latch that decides too late is not seen",
    ),
    "transient": (
        count_cycles,
        "transient path: whole cycles of ladder bitlines, access devices and latch, integrated; "
        "every quantity of the process acts",
    ),
}
"""By name of a path: the function that counts on it, and what it assumes, in words."""


def _count(
    wrong: Callable[[Floats], NDArray[np.bool_]],
    layout: UnitLayout,
    operation: Majority,
    sampling: Sampling,
    most_samples: int,
    progress: Progress | None,
) -> Counts:
    """Add up what bitlines get wrong, access by access and ``most_samples`` at a time.

    ``wrong`` says, for units, which of the operation's patterns are wrong, shape ``(patterns,
    samples)``; ``layout`` draws the units.
    """
    each, always = (np.zeros(len(operation.patterns), dtype=np.int64) for _ in range(2))
    failed = 0
    for units, access in sampling.chunks(layout, most_samples):
        now = wrong(units)
        each += now.sum(axis=1)
        ever, every = now, now.copy()
        for _ in range(sampling.accesses - 1):
            layout.redraw(units, access)
            now = wrong(units)
            each += now.sum(axis=1)
            ever |= now
            every &= now
        always += every.sum(axis=1)
        failed += int(ever.any(axis=0).sum())
        if progress is not None:
            progress(units.shape[1])
    counted = tuple(each.tolist()), tuple(always.tolist())
    return Counts(operation.names, sampling.samples, sampling.accesses, *counted, failed)


def spread(
    circuit: Circuit, scenario: Scenario, layout: UnitLayout, units: Floats, variation: float
) -> Instances:
    """Return bitline pairs with the devices that the units stand for; cells all on ``bl``.

    An input-referred offset of the latch, or noise, is a voltage in series with the gates. It is
    applied as a shift of the nMOS thresholds, and the opposite shift of the magnitudes of the pMOS
    thresholds.

    Raises :class:`~pimsim.errors.InputError` if the two precharge levels of a pair differ.
    """
    longer = layout.values(units, "cell.retention", variation)
    # Where every cell leaks by itself, it starts from what was restored.
    start = circuit if longer is None else replace(circuit, leaked=0.0)
    pairs = nominal(start, scenario, units.shape[1])

    def shift(quantity: str) -> Floats:
        """(samples, instances), or zero."""
        drawn = layout.values(units, quantity, variation)
        return np.zeros((1, 1)) if drawn is None else drawn.T

    def share(quantity: str) -> Floats:
        return np.maximum(1.0 + shift(quantity), LEAST_SHARE)

    def strength(device: str) -> Floats:
        return share(f"{device}.w") / share(f"{device}.l")

    precharge = share("bitline.precharge")
    if precharge.shape[1] != 1:
        raise InputError(
            "`bitline.precharge` must be shared by both bitlines in the transient path, not varied "
            "for each"
        )
    stored = np.array([cell.stored == 1 for cell in scenario.cells])
    zero = np.array([cell.stored == 0 for cell in scenario.cells])
    level_mv = np.where(
        stored, pairs.cell_mv * share("cell.one"), pairs.cell_mv + zero * shift("cell.zero")
    )
    if longer is not None:
        left_mv = retention.left_mv(circuit, level_mv, longer.T)
        level_mv = np.where(stored | zero, left_mv, level_mv)
    offset_mv = (shift("latch.offset") + shift("sense.noise")) * np.array([[0.5, -0.5]])
    ones = np.ones_like(pairs.set_ua_per_v2)
    return replace(
        pairs,
        vpp_mv=pairs.vpp_mv * share("supply.vpp")[:, 0],
        precharge_mv=pairs.precharge_mv * precharge[:, 0],
        bitline_ff=pairs.bitline_ff * share("bitline.capacitance"),
        bitline_ohm=pairs.bitline_ohm * share("bitline.resistance"),
        latch_n_ua_per_v2=pairs.latch_n_ua_per_v2 * strength("latch_n"),
        latch_n_vt_mv=pairs.latch_n_vt_mv + shift("latch_n.vt") + offset_mv,
        latch_p_ua_per_v2=pairs.latch_p_ua_per_v2 * strength("latch_p"),
        # A larger magnitude is more negative; a smaller one by half the offset, less.
        latch_p_vt_mv=pairs.latch_p_vt_mv - shift("latch_p.vt") + offset_mv,
        set_ua_per_v2=pairs.set_ua_per_v2
        * np.hstack([strength("set_n") * ones[:, :1], strength("set_p") * ones[:, 1:]]),
        cell_ff=pairs.cell_ff * share("cell.capacitance"),
        cell_mv=level_mv,
        access_ua_per_v2=pairs.access_ua_per_v2 * strength("access"),
    )


def require_variation(variation_percent: float) -> None:
    """Raise :class:`~pimsim.errors.InputError` unless it is a number from 0 to 100."""
    if not 0.0 <= variation_percent <= 100.0 or math.isnan(variation_percent):
        raise InputError(f"`variation` must be from 0 to 100 %, not {variation_percent!r}")
