"""Integration of many bitline pairs on several threads, each with steps of its own; compiled.

The equation is stiff (a few ps at the sense amplifier, tens of ns to restore), so that the method
is RODAS3 (Sandu et al., Atmospheric Environment 31, 1997): linearly implicit, of third order,
L-stable, with an error estimate that chooses the step. Between two stops every control line is
straight, so that the right-hand side is smooth but for the corners of the square law, which the
step control handles. The charge out of each supply is integrated along by the same formula; what
the method conserves exactly is then the charge of the whole circuit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numba import config

from pimsim import machine_code
from pimsim.circuit.transient.bitline_ode import (
    BITLINE_FF,
    PRECHARGE,
    SET_LOAD,
    VDD,
    Floats,
    Ints,
    Rates,
    Sample,
    Wiring,
    find_currents,
    new_currents,
    new_rates,
)
from pimsim.circuit.transient.devices import (
    allocating,
    called,
    compiled,
    strict,
    strict_allocating,
)
from pimsim.circuit.transient.linear_solve import factorise, solve

SHORTEST_STEP_NS = 1e-7
FIRST_STEP_NS = 0.05
"""Longest first step after a corner of a control line."""

LONGEST_STEP_NS = 1.0
"""Longest step, taken only where nothing moves."""

LATCHED_SHARE = 0.75
"""Bitlines this share of vdd apart count as latched."""

_SHARES = 8
"""Shares of the samples that a thread gets, about: some take longer than others."""

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
    first: Floats
    """(nodes + cells,) increments of the four stages."""
    second: Floats
    third: Floats
    fourth: Floats
    charge: Floats
    """(4, 3) increments of the supplies' charge."""


@called
def _charge_stage(
    now: Rates, later: Rates, q: Floats, x: Floats, stage: int, h: float, core: int
) -> None:
    """The stage of the supplies' charge ``q`` that belongs to the stage ``x`` of the voltages."""
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


@strict
def _try_step(
    v: Floats, h: float, now: Rates, later: Rates, work: _Work, wiring: Wiring, sample: Sample
) -> float:
    """Compute the four stages from ``v``; return the largest estimated error in V.

    ``work.gates`` are the control lines at the start of the step; at its end they are left.
    """
    size, core, charge = v.size, 2 * wiring.segments, sample.charge
    u1, u2, u3, u4, trial = work.first, work.second, work.third, work.fourth, work.trial
    find_currents(now, wiring, sample, v, work.gates, work.slopes)
    factorise(now, wiring, sample, 2.0 / h)
    for i in range(size):
        u1[i] = now.out[i] + 0.5 * h * now.by_time[i]
    solve(now, wiring, u1)
    _charge_stage(now, now, work.charge, u1, 0, h, core)
    for i in range(size):
        u2[i] = now.out[i] + charge[i] * (4.0 / h) * u1[i] + 1.5 * h * now.by_time[i]
    solve(now, wiring, u2)
    _charge_stage(now, now, work.charge, u2, 1, h, core)
    for k in range(work.gates.size):
        work.gates[k] += h * work.slopes[k]
    for i in range(size):
        trial[i] = v[i] + 2.0 * u1[i]
    find_currents(later, wiring, sample, trial, work.gates, work.slopes)
    for i in range(size):
        u3[i] = later.out[i] + charge[i] / h * (u1[i] - u2[i])
    solve(now, wiring, u3)
    _charge_stage(now, later, work.charge, u3, 2, h, core)
    for i in range(size):
        trial[i] += u3[i]
    find_currents(later, wiring, sample, trial, work.gates, work.slopes)
    for i in range(size):
        u4[i] = later.out[i] + charge[i] / h * (u1[i] - u2[i] - 8.0 / 3.0 * u3[i])
    solve(now, wiring, u4)
    _charge_stage(now, later, work.charge, u4, 3, h, core)
    error = 0.0
    for i in range(size):
        if not abs(u4[i]) <= error:  # nan included
            error = abs(u4[i])
    return float(error)


@allocating
def _capacitances(p: Floats, cell_ff: Floats, segments: int) -> Floats:
    """Capacitance of every node: pi segments, so that an end of the ladder has half."""
    nodes = 2 * segments + 4
    charge = np.empty(nodes + cell_ff.size)
    for side in range(2):
        for k in range(segments + 1):
            share = 0.5 if k in (0, segments) else 1.0
            charge[2 * k + side] = share * p[BITLINE_FF + side] / segments
        charge[nodes - 2 + side] = p[SET_LOAD + side]
    for cell in range(cell_ff.size):
        charge[nodes + cell] = cell_ff[cell]
    return charge


@compiled
def _held(sample: Sample, v: Floats) -> float:
    """Charge on all capacitors."""
    total = 0.0
    for i in range(v.size):
        total += sample.charge[i] * v[i]
    return total


@compiled
def _crossing(start: float, slope: float, end: float, level: float) -> float:
    """Share of a step at which the parabola through both ends, with ``slope`` first, is there."""
    if start >= level:
        return 0.0
    curve = end - start - slope
    root = slope * slope + 4.0 * curve * (level - start)
    below = slope + math.sqrt(max(root, 0.0))
    if below <= 0.0:
        return 1.0
    return min(2.0 * (level - start) / below, 1.0)


@strict_allocating
def _integrate(
    s: int, sample: Sample, cell_v: Floats, wiring: Wiring, schedule: Schedule, outcome: Outcome
) -> None:
    """Integrate sample ``s``."""
    stops, levels, lines = schedule.stops, schedule.levels, schedule.levels.shape[1]
    size, bl, nodes = sample.charge.size, 2 * wiring.segments, 2 * wiring.segments + 4
    v = np.empty(size)
    for i in range(size):
        v[i] = sample.p[PRECHARGE] if i < nodes else cell_v[i - nodes]
    contacts = wiring.cell_of.size
    now, later = (
        new_rates(nodes, size - nodes, contacts), new_currents(size)
    )  # fmt: skip
    work = _Work(
        np.empty(lines), np.empty(lines), np.empty(size), np.empty(size), np.empty(size),
        np.empty(size), np.empty(size), np.empty((4, 3)),
    )  # fmt: skip
    before, moved = _held(sample, v), 0.0
    cycle, sensing, threshold = -1, False, LATCHED_SHARE * sample.p[VDD]
    step = FIRST_STEP_NS
    for stop in range(stops.size):
        if outcome.waves.shape[1]:
            for i in range(size):
                outcome.waves[s, stop, i] = v[i]
        if schedule.kinds[stop] == SENSE:
            cycle += 1
            outcome.dv[s, cycle] = v[bl] - v[bl + 1]
            sensing = True
        elif schedule.kinds[stop] == CLOSE:
            outcome.closing[s, cycle, 0] = v[bl]
            outcome.closing[s, cycle, 1] = v[bl + 1]
            for i in range(nodes, size):
                outcome.closing[s, cycle, 2 + i - nodes] = v[i]
            sensing = False
        if stop == stops.size - 1:
            break
        start, span = stops[stop], stops[stop + 1] - stops[stop]
        for k in range(lines):
            work.slopes[k] = (levels[stop + 1, k] - levels[stop, k]) / span
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
            for k in range(lines):
                work.gates[k] = levels[stop, k] + work.slopes[k] * done
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
                v[i] = work.trial[i] + work.fourth[i]
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
    gain = _held(sample, v) - before
    for k in range(3):
        gain -= outcome.supplied[s, k]
    outcome.imbalance[s] = gain / max(moved, 1e-30)


def _kept(digest: str) -> Callable[..., None]:
    """Return a function that integrates samples, whose machine code is kept for later processes.

    The compiler files it under the closure's values; ``digest`` is one, so that code of an older
    version of any of the modules in it is not taken for that of this one.
    """

    def integrate(
        start: int, stop: int, packed: Floats, cell_ff: Floats, cell_v: Floats, access: Floats,
        access_vt: Floats, wiring: Wiring, schedule: Schedule, outcome: Outcome,
    ) -> int:  # fmt: skip
        for s in range(start, stop):
            charge = _capacitances(packed[s], cell_ff[s], wiring.segments)
            sample = Sample(packed[s], charge, access[s], access_vt[s])
            _integrate(s, sample, cell_v[s], wiring, schedule, outcome)
        return len(digest)

    return cast(Callable[..., None], machine_code.kept(integrate, parallel=False, nogil=True))


_PARTS = ("devices", "bitline_ode", "linear_solve", "integrator")


def _digest() -> str:
    folder = Path(__file__).parent
    text = b"".join((folder / f"{m}.py").read_bytes() for m in _PARTS)
    return hashlib.sha256(text).hexdigest()


_integrate_some = _kept(_digest())


def integrate(samples: int, *arguments: Floats | Wiring | Schedule | Outcome) -> None:
    """Integrate every sample, on as many threads as numba may have, and fill an Outcome.

    Args:
        samples: how many there are.
        arguments: packed (samples, 32); capacitance and level of the cells (samples, cells);
            strength and threshold of the access transistors (samples, contacts); wiring, schedule,
            outcome.

    """
    _integrate_some(0, min(samples, 1), *arguments)  # compiled before there are threads
    threads = min(config.NUMBA_NUM_THREADS, samples - 1)  # type: ignore[attr-defined]
    if threads < 2:
        _integrate_some(1, samples, *arguments)
        return
    shares = min(samples - 1, _SHARES * threads)
    edges = [1 + (samples - 1) * share // shares for share in range(shares + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda one, two: _integrate_some(one, two, *arguments), edges, edges[1:]))
