"""Monte Carlo on the transient path: whole cycles of bitline pairs whose devices vary.

Thousands of times slower than the decision path, and without its assumptions: no fitted offset,
every quantity of a process acts, and a latch that decides too late is wrong.

>>> from pimsim.circuit.model import parameters, variation
>>> from pimsim.circuit.statistics.sense_decision import majority
>>> counts = count(parameters.load("rambus55"), variation.load("ambit-like"),
...                majority(3, criterion="110"), 25.0, Sampling(20, seed=1))
>>> counts.samples, counts.failed <= 10
(20, True)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Floats, Process, UnitLayout
from pimsim.circuit.statistics.charge_sharing import replication
from pimsim.circuit.statistics.monte_carlo import (
    Counts,
    Progress,
    Sampling,
    count_wrong,
    require_variation,
)
from pimsim.circuit.statistics.sense_decision import Majority
from pimsim.circuit.transient import scenarios
from pimsim.circuit.transient.instances import Instances, nominal
from pimsim.circuit.transient.scenarios import Scenario
from pimsim.circuit.transient.simulation import simulate
from pimsim.errors import InputError

MODEL = (
    "transient path: whole cycles of ladder bitlines, access devices and latch, integrated; every "
    "quantity of the process acts"
)
"""What the counts rest on, in words."""

_CHUNK = 256
"""Samples at a time."""
_LEAST_SHARE = 0.01


def count(
    circuit: Circuit,
    process: Process,
    operation: Majority,
    variation_percent: float,
    sampling: Sampling,
    progress: Progress | None = None,
) -> Counts:
    """Count wrong decisions of bitlines that are each integrated in time.

    Raises :class:`~pimsim.errors.InputError` for values out of range, and for a process that
    lets the two bitlines of a pair differ in their precharge level.
    """
    require_variation(variation_percent)
    replication(circuit, operation.inputs, operation.rows)
    layout = UnitLayout(process, operation.rows, decision_only=False)
    runs = [scenarios.majority(name, operation.rows) for name in operation.names]
    answers, variation = operation.answers, variation_percent / 100.0

    def wrong_now(units: Floats) -> NDArray[np.bool_]:
        return np.array(
            [
                decided(circuit, scenario, layout, units, variation) != answer
                for scenario, answer in zip(runs, answers, strict=True)
            ]
        )

    return count_wrong(wrong_now, layout, operation.names, sampling, _CHUNK, progress)


def decided(
    circuit: Circuit, scenario: Scenario, layout: UnitLayout, units: Floats, variation: float
) -> NDArray[np.bool_]:
    """Return what the sense amplifiers decide, one a sample, for ``(dims, samples)`` units."""
    done = simulate(circuit, scenario, spread(circuit, scenario, layout, units, variation))
    return np.asarray(done.value == 1)


def spread(
    circuit: Circuit, scenario: Scenario, layout: UnitLayout, units: Floats, variation: float
) -> Instances:
    """Return bitline pairs with the devices that the units stand for; cells all on ``bl``.

    An input-referred offset of the latch, or noise, stands in series with both gates: a shift of
    the thresholds of its nMOS and, the other way, of the magnitudes of its pMOS.

    Raises :class:`~pimsim.errors.InputError` if the two precharge levels of a pair differ.
    """
    pairs = nominal(circuit, scenario, units.shape[1])

    def shift(quantity: str) -> Floats:
        """(samples, instances), or zero."""
        drawn = layout.values(units, quantity, variation)
        return np.zeros((1, 1)) if drawn is None else drawn.T

    def share(quantity: str) -> Floats:
        return np.maximum(1.0 + shift(quantity), _LEAST_SHARE)

    def strength(device: str) -> Floats:
        return share(f"{device}.w") / share(f"{device}.l")

    precharge = share("bitline.precharge")
    if precharge.shape[1] != 1:
        raise InputError(
            "`bitline.precharge` must be shared by both bitlines in the transient path, not varied "
            "for each"
        )
    stored = np.array([cell.stored == 1 for cell in scenario.cells])
    level_mv = np.where(
        stored,
        pairs.cell_mv * share("cell.one"),
        pairs.cell_mv
        + np.array([cell.stored == 0 for cell in scenario.cells]) * shift("cell.zero"),
    )
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
