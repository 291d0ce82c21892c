"""Integration of many bitline pairs in parallel, each with steps of its own; compiled.

The equation is stiff (a few ps at the sense amplifier, tens of ns to restore), so that the method
is RODAS3 (Sandu et al., Atmospheric Environment 31, 1997): linearly implicit, of third order,
L-stable, with an error estimate that chooses the step. Between two stops every control line is
straight, so that the right-hand side is smooth but for the corners of the square law, which the
step control handles. The charge out of each supply is integrated along by the same formula; what
the method conserves exactly is then the charge of the whole circuit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from pimsim.circuit.ladder import (
    BITLINE_FF,
    FROM_VDD,
    PRECHARGE,
    SET_LOAD,
    VDD,
    Floats,
    Ints,
    Rates,
    Sample,
    Wiring,
    factorise,
    find_currents,
    new_rates,
    solve,
)

SHORTEST_STEP_NS = 1e-7
FIRST_STEP_NS = 0.004
"""Step after a corner of a control line."""

LONGEST_STEP_NS = 1.0
"""Longest step, taken only where nothing moves."""

LATCHED_SHARE = 0.75
"""Bitlines this share of vdd apart count as latched."""

PLAIN, CORNER, SENSE, CLOSE = 0, 1, 2, 3
"""Kinds of stops: to record, a corner of a control line, start of sensing, closing of rows."""


class Schedule(NamedTuple):
    """Where steps end in any case."""

    stops: Floats
    """(stops,) times in ns, from 0 to the end."""
    kinds: Ints
    """(stops,) what happens there."""
    levels: Floats
    """(stops, lines) control lines, as shares of their full level."""
    tolerance: float
    """Largest error of a step in any voltage, in V."""


class Outcome(NamedTuple):
    """What is measured, every array beginning with the samples."""

    dv: Floats
    """(samples, cycles) bl - blb when sensing starts, V."""
    latch_ns: Floats
    """(samples, cycles) from that to :data:`LATCHED_SHARE`; nan where it does not come."""
    closing: Floats
    """(samples, cycles, 2 + cells) bl, blb at the sense amplifier and cells when rows close, V."""
    supplied: Floats
    """(samples, 3) charge out of vdd, the precharge supply and ground, fC."""
    imbalance: Floats
    """(samples,) charge gained by capacitors less charge supplied, over charge that moved."""
    waves: Floats
    """(samples, stops, nodes + cells) every voltage at every stop; or no stops."""
    stuck_ns: Floats
    """(samples,) where the step became too short; 0 for none."""


class _Work(NamedTuple):
    gates: Floats
    slopes: Floats
    trial: Floats
    stage: Floats
    """(4, nodes + cells) increments of the stages."""
    charge: Floats
    """(4, 3) increments of the supplies' charge."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def _charge_stage(now: Rates, later: Rates, work: _Work, stage: int, h: float, core: int) -> None:
    """The stage of the supplies' charge that belongs to the stage of the voltages."""
    q, x = work.charge, work.stage[stage]
    for s in range(3):
        rate = later.supplied[s]
        if stage == 0:
            rate += 0.5 * h * now.supplied_by_time[s]
        elif stage == 1:
            rate += 1.5 * h * now.supplied_by_time[s] + 4.0 / h * q[0, s]
        elif stage == 2:
            rate += (q[0, s] - q[1, s]) / h
        else:
            rate += (q[0, s] - q[1, s] - 8.0 / 3.0 * q[2, s]) / h
        for k in range(4):
            rate += now.supplied_by[s, k] * x[core + k]
        q[stage, s] = 0.5 * h * rate


@njit(cache=True)  # type: ignore[untyped-decorator]
def _try_step(
    v: Floats, h: float, now: Rates, later: Rates, work: _Work, wiring: Wiring, sample: Sample
) -> float:
    """Compute the four stages from ``v``; return the largest estimated error in V.

    ``work.gates`` are the control lines at the start of the step; at its end they are left.
    """
    size, core, charge = v.size, 2 * wiring.segments, sample.charge
    u1, u2, u3, u4 = work.stage[0], work.stage[1], work.stage[2], work.stage[3]
    find_currents(now, wiring, sample, v, work.gates, work.slopes, True)
    factorise(now, wiring, sample, 2.0 / h)
    for i in range(size):
        u1[i] = now.out[i] + 0.5 * h * now.by_time[i]
    solve(now, wiring, u1)
    _charge_stage(now, now, work, 0, h, core)
    for i in range(size):
        u2[i] = now.out[i] + charge[i] * (4.0 / h) * u1[i] + 1.5 * h * now.by_time[i]
    solve(now, wiring, u2)
    _charge_stage(now, now, work, 1, h, core)
    work.gates[:] += h * work.slopes
    for i in range(size):
        work.trial[i] = v[i] + 2.0 * u1[i]
    find_currents(later, wiring, sample, work.trial, work.gates, work.slopes, False)
    for i in range(size):
        u3[i] = later.out[i] + charge[i] / h * (u1[i] - u2[i])
    solve(now, wiring, u3)
    _charge_stage(now, later, work, 2, h, core)
    for i in range(size):
        work.trial[i] += u3[i]
    find_currents(later, wiring, sample, work.trial, work.gates, work.slopes, False)
    for i in range(size):
        u4[i] = later.out[i] + charge[i] / h * (u1[i] - u2[i] - 8.0 / 3.0 * u3[i])
    solve(now, wiring, u4)
    _charge_stage(now, later, work, 3, h, core)
    return float(np.max(np.abs(u4)))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _capacitances(p: Floats, cell_ff: Floats, segments: int) -> Floats:
    """Capacitance of every node: pi segments, so that an end of the ladder has half."""
    nodes = 2 * segments + 4
    charge = np.empty(nodes + cell_ff.size)
    for side in range(2):
        for k in range(segments + 1):
            share = 0.5 if k in (0, segments) else 1.0
            charge[2 * k + side] = share * p[BITLINE_FF + side] / segments
        charge[nodes - 2 + side] = p[SET_LOAD + side]
    charge[nodes:] = cell_ff
    return charge


@njit(cache=True)  # type: ignore[untyped-decorator]
def _crossing(start: float, slope: float, end: float, level: float) -> float:
    """Share of a step at which the parabola through both ends, with ``slope`` first, is there."""
    if start >= level:
        return 0.0
    curve = end - start - slope
    root = slope * slope + 4.0 * curve * (level - start)
    below = slope + np.sqrt(max(root, 0.0))
    if below <= 0.0:
        return 1.0
    return min(2.0 * (level - start) / below, 1.0)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _integrate(
    s: int, sample: Sample, v: Floats, wiring: Wiring, schedule: Schedule, outcome: Outcome
) -> None:
    """Integrate sample ``s`` from the voltages ``v``, which are overwritten."""
    stops, levels, lines = schedule.stops, schedule.levels, schedule.levels.shape[1]
    size, bl, nodes = v.size, 2 * wiring.segments, 2 * wiring.segments + 4
    contacts = wiring.cell_of.size
    now, later = (
        new_rates(nodes, size - nodes, contacts), new_rates(nodes, size - nodes, contacts)
    )  # fmt: skip
    work = _Work(
        np.empty(lines), np.empty(lines), np.empty(size), np.empty((4, size)), np.empty((4, 3))
    )
    before, moved = np.sum(sample.charge * v), 0.0
    cycle, sensing, threshold = -1, False, LATCHED_SHARE * sample.p[VDD]
    step = FIRST_STEP_NS
    for stop in range(stops.size):
        if outcome.waves.shape[1]:
            outcome.waves[s, stop, :] = v
        if schedule.kinds[stop] == SENSE:
            cycle += 1
            outcome.dv[s, cycle] = v[bl] - v[bl + 1]
            sensing = True
        elif schedule.kinds[stop] == CLOSE:
            outcome.closing[s, cycle, :2] = v[bl : bl + 2]
            outcome.closing[s, cycle, 2:] = v[nodes:]
            sensing = False
        if stop == stops.size - 1:
            break
        start, span = stops[stop], stops[stop + 1] - stops[stop]
        work.slopes[:] = (levels[stop + 1] - levels[stop]) / span
        if schedule.kinds[stop] != PLAIN:
            step = min(step, FIRST_STEP_NS)
        done = 0.0
        while done < span:
            h, left = min(step, LONGEST_STEP_NS), span - done
            last = h >= left * (1.0 - 1e-9)
            if last:
                h = left
            elif h > 0.5 * left:
                h = 0.5 * left
            work.gates[:] = levels[stop] + work.slopes * done
            error = _try_step(v, h, now, later, work, wiring, sample) / schedule.tolerance
            if not error <= 1.0:  # nan included
                step = h * max(0.2, 0.9 * error ** (-1.0 / 3.0)) if error > 1.0 else 0.2 * h
                if step < SHORTEST_STEP_NS:
                    outcome.stuck_ns[s] = start + done
                    return
                continue
            was = v[bl] - v[bl + 1]
            rose = h * (now.out[bl] / sample.charge[bl] - now.out[bl + 1] / sample.charge[bl + 1])
            for i in range(size):
                v[i] = work.trial[i] + work.stage[3, i]
            for k in range(3):
                gained = 2.0 * work.charge[0, k] + work.charge[2, k] + work.charge[3, k]
                outcome.supplied[s, k] += gained
                moved += abs(gained)
            apart = v[bl] - v[bl + 1]
            if sensing and abs(apart) >= threshold:
                sign = 1.0 if apart > 0.0 else -1.0
                share = _crossing(sign * was, sign * rose, sign * apart, threshold)
                outcome.latch_ns[s, cycle] = start + done + h * share
                sensing = False
            done = span if last else done + h
            wish = h * min(4.0, 0.9 * max(error, 1e-6) ** (-1.0 / 3.0))
            step = max(step, wish) if h < step else wish
    gain = np.sum(sample.charge * v) - before - np.sum(outcome.supplied[s])
    outcome.imbalance[s] = gain / max(moved, 1e-30)


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def integrate(
    packed: Floats, cell_ff: Floats, cell_v: Floats, access: Floats, access_vt: Floats,
    wiring: Wiring, schedule: Schedule, outcome: Outcome,
) -> None:  # fmt: skip
    """Integrate every sample, in parallel, and fill ``outcome``.

    ``packed`` (samples, PACKED); ``cell_ff`` and ``cell_v`` (samples, cells); ``access`` and
    ``access_vt`` (samples, contacts).
    """
    for s in prange(packed.shape[0]):
        charge = _capacitances(packed[s], cell_ff[s], wiring.segments)
        sample = Sample(packed[s], charge, access[s], access_vt[s])
        v = np.empty(charge.size)
        v[:] = packed[s, PRECHARGE]
        v[v.size - cell_v.shape[1] :] = cell_v[s]
        _integrate(s, sample, v, wiring, schedule, outcome)


__all__ = ["CLOSE", "CORNER", "FROM_VDD", "PLAIN", "SENSE", "Outcome", "Schedule", "integrate"]
