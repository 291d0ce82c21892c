"""Transient of a scenario: every voltage of a bitline pair over whole cycles.

>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.transient.scenarios import tra
>>> result = simulate(load("rambus55"), tra("110"))
>>> round(float(result.dv_at_sense_mv[0]), 1), int(result.value[0])
(87.4, 1)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pimsim import memory
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.transient import bitline_ode, integrator
from pimsim.circuit.transient.control_lines import Controls, lines
from pimsim.circuit.transient.instances import Floats, Instances, ladder_position, nominal
from pimsim.circuit.transient.scenarios import Scenario
from pimsim.errors import InputError, PimsimError

SHORTEST_WAVEFORM_STEP_PS = 0.01
"""Shortest spacing of a waveform's points: a shorter one shows nothing more."""

TOLERANCE_MV = 0.5
"""Error allowed in one step, in any voltage."""


class TransientError(PimsimError):
    """The integration could not go on; the message says when and in which sample."""


@dataclass(frozen=True, slots=True)
class Waveforms:
    """Voltages over time at the sense amplifier, in the cells, and of the control lines."""

    time_ns: Floats
    """(times,)"""
    nodes_mv: dict[str, Floats]
    """``bl``, ``blb``, ``san``, ``sap`` and each cell: (samples, times)."""
    controls_mv: dict[str, Floats]
    """Gates of the equaliser, of the set devices and of access transistors: (samples, times)."""

    def __repr__(self) -> str:
        return f"<Waveforms: {len(self.time_ns):,} times of {', '.join(self.nodes_mv)} and gates>"


@dataclass(frozen=True, slots=True)
class Transient:
    """The result for every sample; scenarios of two cycles are measured in the last."""

    scenario: Scenario
    controls: Controls
    dv_at_sense_mv: Floats
    """(samples,) bl - blb when the sense amplifier starts."""
    latch_ns: Floats
    """(samples,) time from then until the bitlines are 0.75 vdd apart; nan if rows close before."""
    value: NDArray[np.int64]
    """(samples,) 1 where bl is above blb when rows close, else 0."""
    restored_mv: Floats
    """(samples,) cell level when rows close: of the cells that should hold what bl does, the one
    furthest from it."""
    cells_mv: Floats
    """(samples, cells) every cell's level when rows close."""
    energy_fj: Floats
    """(samples,) taken from the array supply over all cycles, for this one bitline pair."""
    charge_imbalance: Floats
    """(samples,) charge that the integration gained or lost, as a share of the charge moved."""
    waveforms: Waveforms | None

    def __repr__(self) -> str:
        samples, first = len(self.value), f"{self.dv_at_sense_mv[0]:.1f} mV at sensing"
        of = f"bitline pairs, the first with {first}" if samples > 1 else f"bitline pair, {first}"
        return f"<Transient {self.scenario.title!r}: {samples:,} {of}, value {self.value[0]}>"


def simulate(
    circuit: Circuit,
    scenario: Scenario,
    instances: Instances | None = None,
    *,
    waveform_step_ps: float | None = None,
) -> Transient:
    """Integrate ``scenario`` on every bitline pair of ``instances`` (default: a nominal one).

    The steps of each sample are chosen so that none is wrong by more than :data:`TOLERANCE_MV`.
    With ``waveform_step_ps`` all voltages are recorded, at points that far apart and at every
    corner of a control line; steps then end there too.

    Raises :class:`~pimsim.errors.InputError` if the points of the waveforms are too far apart to
    show what happens (see :func:`longest_step_ps`), if the scenario opens more rows than a bitline
    has, or if ``instances`` are of another scenario; :class:`TransientError` if the integration
    gets stuck.
    """
    if circuit.gate_charge.enabled:
        raise InputError("`gate_charge.enabled` must be false for a transient, not true")
    pairs = nominal(circuit, scenario) if instances is None else instances
    pairs.require(scenario)  # the compiled code looks at no bounds
    if waveform_step_ps is not None and not (
        SHORTEST_WAVEFORM_STEP_PS <= waveform_step_ps <= longest_step_ps(circuit)
    ):
        raise InputError(
            f"`waveform_step_ps` must be from {SHORTEST_WAVEFORM_STEP_PS:g} to "
            f"{longest_step_ps(circuit):.4g} to "
            f"resolve this circuit, not {waveform_step_ps:g}"
        )
    controls = lines(circuit.timeline, scenario)
    stops, kinds = _stops(controls, waveform_step_ps)
    samples, cells, cycles = pairs.samples, len(scenario.cells), scenario.cycles
    nodes = 2 * circuit.bitline.segments + 4
    points = 0 if waveform_step_ps is None else stops.size
    memory.require(8 * samples * points * (nodes + cells), "waveforms")
    outcome = integrator.Outcome(
        dv=np.full((samples, cycles), np.nan),
        latch_ns=np.full((samples, cycles), np.nan),
        closing=np.full((samples, cycles, 2 + cells), np.nan),
        supplied=np.zeros((samples, 3)),
        imbalance=np.full(samples, np.nan),
        waves=np.empty((samples, points, nodes + cells)),
        stuck_ns=np.zeros(samples),
    )
    integrator.integrate(
        integrator.Values(
            _packed(pairs),
            pairs.cell_ff,
            pairs.cell_mv * 1e-3,
            pairs.access_ua_per_v2,
            pairs.access_vt_mv * 1e-3,
        ),
        _wiring(circuit, scenario, controls),
        integrator.Schedule(stops, kinds, controls.at(stops), TOLERANCE_MV * 1e-3),
        outcome,
    )
    if outcome.stuck_ns.any():
        at = int(np.flatnonzero(outcome.stuck_ns)[0])
        raise TransientError(
            f"sample {at} of {scenario.name} cannot be integrated beyond "
            f"{outcome.stuck_ns[at]:.4g} ns with a tolerance of {TOLERANCE_MV:g} mV"
        )
    closing = outcome.closing[:, -1]
    cells_mv = closing[:, 2:] * 1e3
    value = (closing[:, 0] > closing[:, 1]).astype(np.int64)
    waveforms = None
    if waveform_step_ps is not None:
        waveforms = _waveforms(scenario, controls, pairs, stops, outcome.waves[:, :, nodes - 4 :])
    return Transient(
        scenario=scenario,
        controls=controls,
        dv_at_sense_mv=outcome.dv[:, -1] * 1e3,
        latch_ns=outcome.latch_ns[:, -1] - controls.sense_ns[-1],
        value=value,
        restored_mv=_furthest(cells_mv[:, list(scenario.holders())], value),
        cells_mv=cells_mv,
        energy_fj=outcome.supplied[:, bitline_ode.FROM_VDD] * pairs.vdd_mv * 1e-3,
        charge_imbalance=outcome.imbalance,
        waveforms=waveforms,
    )


def longest_step_ps(circuit: Circuit) -> float:
    """Return the longest step that resolves the control ramps and the bitline's time constant.

    A ramp must take at least two steps, and so must the slowest time constant of the line,
    4 R C / pi^2.

    >>> from pimsim.circuit.model.parameters import load
    >>> longest_step_ps(load("rambus55"))
    100.0
    """
    line, timeline = circuit.bitline, circuit.timeline
    ohm_ff = line.resistance_ohm * line.cells * line.capacitance_ff
    slowest_ps = 4 / math.pi**2 * ohm_ff * 1e-3
    ramps_ps = 1e3 * min(timeline.sense_ramp_ns, timeline.word_line_ramp_ns)
    return min(ramps_ps, slowest_ps) / 2


def _furthest(held_mv: Floats, value: NDArray[np.int64]) -> Floats:
    """The lowest of a sample's cells (samples, cells) where ``value`` is 1, else the highest."""
    if not held_mv.shape[1]:
        return np.full(value.shape, np.nan)
    result: Floats = np.where(value == 1, held_mv.min(axis=1), held_mv.max(axis=1))
    return result


def _stops(controls: Controls, spacing_ps: float | None) -> tuple[Floats, NDArray[np.int64]]:
    """Return times at which steps end, and their kinds: corners, and the waveforms' points."""
    corners = controls.corner_times_ns()
    times = corners
    if spacing_ps is not None:
        grid = np.arange(0.0, controls.end_ns, spacing_ps * 1e-3)
        nearest = corners[np.abs(grid[:, None] - corners).argmin(axis=1)]
        grid = grid[np.abs(grid - nearest) > 1e-6]  # a point on a corner is the corner
        times = np.union1d(corners, grid)
    kinds = np.full(times.shape, integrator.PLAIN, dtype=np.int64)
    kinds[np.isin(times, corners)] = integrator.CORNER
    kinds[np.isin(times, controls.sense_ns)] = integrator.SENSE
    kinds[np.isin(times, controls.close_ns)] = integrator.CLOSE
    return times, kinds


def _wiring(circuit: Circuit, scenario: Scenario, controls: Controls) -> bitline_ode.Wiring:
    segments, contacts = circuit.bitline.segments, scenario.contacts
    near, share = ladder_position(circuit)
    sides = np.array([contact.side == "blb" for _, contact in contacts], dtype=np.int64)
    devices = (
        circuit.access, circuit.latch_n, circuit.latch_p, circuit.set_n, circuit.set_p,
        circuit.equaliser,
    )  # fmt: skip
    return bitline_ode.Wiring(
        segments,
        np.array([device.lambda_per_v for device in devices]),
        np.array([cell for cell, _ in contacts], dtype=np.int64),
        np.array([controls.names.index(c.word_line) for _, c in contacts], dtype=np.int64),
        np.stack([2 * (segments - k) + sides for k in (near, near + 1)], axis=1),
        np.full(len(contacts), share),
    )


def _packed(pairs: Instances) -> Floats:
    """Values of every pair in the units of the equation, whose columns have the same order."""
    columns = []
    for field in fields(pairs)[:-4]:  # the last are of cells and contacts
        values = getattr(pairs, field.name).reshape(pairs.samples, -1)
        if field.name == "bitline_ohm":
            values = 1e6 / values
        elif field.name.endswith("_mv"):
            values = values * 1e-3
        columns.append(values)
    return np.hstack(columns)


def _waveforms(
    scenario: Scenario, controls: Controls, pairs: Instances, times_ns: Floats, waves: Floats
) -> Waveforms:
    vdd_mv, levels = pairs.vdd_mv[:, None], controls.at(times_ns)
    driven = {
        "eq": pairs.equaliser_gate_mv[:, None] * levels[:, 0],
        "set_n": vdd_mv * levels[:, 1],
        "set_p": vdd_mv * (1 - levels[:, 1]),
    }
    for line, name in enumerate(scenario.word_lines, start=2):
        driven[name] = pairs.vpp_mv[:, None] * levels[:, line]
    return Waveforms(
        time_ns=times_ns,
        nodes_mv={name: waves[:, :, i] * 1e3 for i, name in enumerate(scenario.nodes)},
        controls_mv=driven,
    )
