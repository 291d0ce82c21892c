"""Integration of many bitline pairs on several threads, each with steps of its own.

The equation is stiff (a few ps at the sense amplifier, tens of ns to restore), so the method
is implicit; see :mod:`pimsim.circuit.transient.step_code`. Between two stops every control line is
straight. The right-hand side is then smooth, except for the corners of the square law, which the
step control handles. The charge out of each supply is integrated by the same formula, so the method
conserves the charge of the whole circuit exactly.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from pimsim.circuit.transient import step_code
from pimsim.circuit.transient.bitline_ode import (
    BITLINE_FF,
    COLUMNS,
    PRECHARGE,
    SET_LOAD,
    Floats,
    Ints,
    Structure,
    Wiring,
    structure_of,
)
from pimsim.circuit.transient.lanes import COUNT
from pimsim.circuit.transient.step_code import LINES, SENSING, SPAN, START, TOLERANCE
from pimsim.executors.compiled.run.processors import default_threads, share

FIRST_STEP_NS = 0.05
"""Longest first step after a corner of a control line."""

PLAIN, CORNER, SENSE, CLOSE = 0, 1, 2, 3
"""Kinds of stops: to record, a corner of a control line, start of sensing, closing of rows."""

_TOGETHER = 4096
"""Pairs that are taken from stop to stop together: their state stays in a cache."""


class Schedule(NamedTuple):
    """Stops: the times at which every sample ends a step."""

    stops: Floats
    """(stops,) times in ns, from 0 to the end."""
    kinds: Ints
    """(stops,) what happens there."""
    levels: Floats
    """(stops, lines) control lines, as shares of their full level."""
    tolerance: float
    """Largest error of a step in any voltage, in V."""


class Outcome(NamedTuple):
    """What is measured; the first axis of every array is the samples."""

    dv: Floats
    """(samples, cycles) bl - blb when sensing starts, V."""
    latch_ns: Floats
    """(samples, cycles) from that until the pair has latched; nan where it does not."""
    closing: Floats
    """(samples, cycles, 2 + cells) bl, blb at the sense amplifier and cells when rows close, V."""
    supplied: Floats
    """(samples, 3) charge out of vdd, the precharge supply and ground, fC."""
    imbalance: Floats
    """(samples,) charge gained by capacitors less charge supplied, over charge that moved."""
    waves: Floats
    """(samples, stops, nodes + cells) every voltage at every stop; or no stops."""
    stuck_ns: Floats
    """(samples,) time at which the step became too short, ns; 0 if it never did."""


class Values(NamedTuple):
    """What pairs are made of; the first axis of every array is the samples."""

    packed: Floats
    """(samples, 32) columns of :mod:`pimsim.circuit.transient.bitline_ode`."""
    cell_ff: Floats
    cell_v: Floats
    """(samples, cells) capacitance and level of the cells."""
    access: Floats
    access_vt: Floats
    """(samples, contacts) strength and threshold of the access transistors."""


def integrate(values: Values, wiring: Wiring, schedule: Schedule, outcome: Outcome) -> None:
    """Integrate every sample, on all processors, and fill an Outcome.

    The result of a sample depends neither on the others nor on how many there are.
    """
    samples, cells = values.cell_ff.shape
    structure = structure_of(wiring, cells, schedule.levels.shape[1])
    for first in range(0, samples, _TOGETHER):
        some = slice(first, min(samples, first + _TOGETHER))
        _integrate(
            Values(*(each[some] for each in values)), (structure, wiring), schedule,
            Outcome(*(each[some] for each in outcome)),
        )  # fmt: skip


def _integrate(
    values: Values, what: tuple[Structure, Wiring], schedule: Schedule, outcome: Outcome
) -> None:
    structure, wiring = what
    samples, at = len(values.packed), step_code.places(structure)
    run, nodes, lines = step_code.made(structure), structure.nodes, structure.lines
    groups = -(-samples // COUNT)
    lane = np.minimum(np.arange(groups * COUNT), samples - 1)  # the last fills its group up
    charge = _capacitances(values, structure)
    own = _vectors(groups, structure.parameters)
    own[:] = _in_lanes(_parameters(values, charge, wiring)[lane])
    state = _vectors(groups, at.rows)
    state[:] = 0.0
    state[:, :nodes] = own[:, PRECHARGE, None]
    state[:, nodes : structure.size] = _in_lanes(values.cell_v[lane])
    state[:, at.step], state[:, at.latch] = FIRST_STEP_NS, np.nan
    before = _held(charge, _by_sample(state, samples)[:, : structure.size])
    common = np.zeros(LINES + 2 * lines)
    common[TOLERANCE] = schedule.tolerance
    stops, kinds, levels = schedule.stops, schedule.kinds, schedule.levels
    threads = min(_threads(), groups)
    cycle, bl = -1, 2 * structure.segments
    for stop, kind in enumerate(kinds):
        v = _by_sample(state, samples)[:, : structure.size]
        if outcome.waves.shape[1]:
            outcome.waves[:, stop] = v
        if kind == SENSE:
            cycle += 1
            outcome.dv[:, cycle] = v[:, bl] - v[:, bl + 1]
            state[:, at.latch] = np.nan
        elif kind == CLOSE:
            outcome.closing[:, cycle] = np.delete(v, [*range(bl), bl + 2, bl + 3], axis=1)
        if cycle >= 0 and kind in (SENSE, CLOSE):
            common[SENSING] = kind == SENSE
        if kind == CLOSE:
            outcome.latch_ns[:, cycle] = state[:, at.latch].reshape(-1)[:samples]
        if stop == len(stops) - 1:
            break
        span = stops[stop + 1] - stops[stop]
        common[START], common[SPAN] = stops[stop], span
        common[LINES : LINES + lines] = levels[stop]
        common[LINES + lines :] = (levels[stop + 1] - levels[stop]) / span
        if kind != PLAIN:
            state[:, at.step] = np.minimum(state[:, at.step], FIRST_STEP_NS)
        state[:, at.done] = 0.0
        share(run, groups, threads, state, own, common)
    found = _by_sample(state, samples)
    outcome.stuck_ns[:] = found[:, at.stuck]
    outcome.supplied[:] = found[:, at.supplied : at.supplied + 3]
    gain = _held(charge, found[:, : structure.size]) - before - outcome.supplied.sum(axis=1)
    outcome.imbalance[:] = gain / np.maximum(found[:, at.moved], 1e-30)


def _threads() -> int:
    """Processors to use: one inside a worker of a sweep, which an environment variable tells."""
    said = os.environ.get("NUMBA_NUM_THREADS", "")
    wanted = int(said) if said.isdecimal() and int(said) else default_threads()
    return min(wanted, default_threads())


def _parameters(values: Values, charge: Floats, wiring: Wiring) -> Floats:
    """(samples, parameters), as :class:`~pimsim.circuit.transient.bitline_ode.Structure` says."""
    alike = np.concatenate([wiring.share, wiring.modulation])
    rest = np.broadcast_to(alike, (len(charge), alike.size))
    filled = np.zeros((len(charge), COLUMNS - values.packed.shape[1]))
    return np.hstack([values.packed, filled, charge, values.access, values.access_vt, rest])


def _capacitances(values: Values, structure: Structure) -> Floats:
    """Capacitance of every node: pi segments, so that an end of the ladder has half."""
    p, segments = values.packed, structure.segments
    charge = np.empty((len(p), structure.size))
    for side in range(2):
        for k in range(segments + 1):
            part = 0.5 if k in (0, segments) else 1.0
            charge[:, 2 * k + side] = part * p[:, BITLINE_FF + side] / segments
        charge[:, structure.nodes - 2 + side] = p[:, SET_LOAD + side]
    charge[:, structure.nodes :] = values.cell_ff
    return charge


def _held(charge: Floats, v: Floats) -> Floats:
    """Charge on all capacitors of each sample."""
    found: Floats = (charge * v).sum(axis=1)
    return found


def _vectors(groups: int, rows: int) -> Floats:
    """An array (groups, rows, 8), aligned as vectors need it."""
    whole = np.empty(groups * rows * COUNT + COUNT)
    start = -(whole.ctypes.data // 8) % COUNT
    return whole[start : start + groups * rows * COUNT].reshape(groups, rows, COUNT)


def _in_lanes(values: Floats) -> Floats:
    """(8 groups, rows) as (groups, rows, 8)."""
    return values.reshape(-1, COUNT, values.shape[1]).transpose(0, 2, 1)


def _by_sample(state: Floats, samples: int) -> Floats:
    """(groups, rows, 8) as (samples, rows)."""
    return state.transpose(0, 2, 1).reshape(-1, state.shape[1])[:samples]
