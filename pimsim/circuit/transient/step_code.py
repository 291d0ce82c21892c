"""Steps from one stop to the next as machine code: eight pairs at a time, each at its own time.

The method is RODAS3 (Sandu et al., Atmospheric Environment 31, 1997): linearly implicit, of third
order, L-stable. An error estimate chooses the step, for every lane by itself. A lane that has
reached the next stop waits for the other seven, and does not change meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from pimsim.circuit.transient.bitline_ode import VDD, Structure
from pimsim.circuit.transient.lanes import COUNT, Lanes, Value
from pimsim.circuit.transient.pair_code import Currents, Factors, Parameters, currents

SHORTEST_STEP_NS = 1e-7
LONGEST_STEP_NS = 1.0
"""Longest step, taken only where nothing moves."""

LATCHED_SHARE = 0.75
"""Bitlines this share of vdd apart count as latched."""

START, SPAN, TOLERANCE, SENSING, LINES = range(5)
"""Numbers that are the same for all pairs between two stops; levels and slopes of the control lines
follow them."""


class Places(NamedTuple):
    """Where the values of a pair's state lie; its voltages come first."""

    step: int
    done: int
    """Time since the stop."""
    stuck: int
    """When the step became too short; 0 if it did not."""
    latch: int
    """Time at which the bitlines were far enough apart to count as latched; nan until then."""
    moved: int
    """Charge that went out of the supplies or into them."""
    supplied: int
    """First of the three supplies' charge."""
    rows: int


def places(structure: Structure) -> Places:
    """Return where the state of a pair lies."""
    size = structure.size
    return Places(size, size + 1, size + 2, size + 3, size + 4, size + 5, size + 8)


class Stages(NamedTuple):
    """The result of one step that is tried."""

    voltages: list[Value]
    error: Value
    """The largest estimated error of any voltage, in V."""
    charge: list[Value]
    """Out of the supplies."""
    rise: Value
    """Slope of bl - blb at its start."""


@cache
def made(structure: Structure) -> Callable[..., None]:
    """The machine code for a structure: ``(first, last, state, parameters, common)``.

    It takes groups ``first`` to ``last`` of eight pairs each from one stop to the next. State and
    parameters are (groups, rows, 8), ``common`` has :data:`LINES` numbers, and two a line.
    """
    code, at = Lanes("pimsim_transient", "first last *state *parameters *common"), places(structure)
    with code.loop("%last", "%first") as group:
        state = code.at(f"[{at.rows * COUNT} x double]", "%state", group)
        own = code.at(f"[{structure.parameters * COUNT} x double]", "%parameters", group)
        span = code.everywhere("%common", SPAN)

        def active() -> str:
            return code.both(
                code.compare("olt", code.load(state, at.done), span),
                code.compare("oeq", code.load(state, at.stuck), 0.0),
            )

        with code.again(lambda: code.any(active())):
            _step(Parameters(code, own, structure), state, at, active())
    return code.function()


def _step(p: Parameters, state: str, at: Places, active: str) -> None:
    code, structure = p.code, p.structure
    span, done = code.everywhere("%common", SPAN), code.load(state, at.done)
    lines = range(structure.lines)
    levels = [code.everywhere("%common", LINES + line) for line in lines]
    slopes = [code.everywhere("%common", LINES + structure.lines + line) for line in lines]
    v: list[Value] = [code.load(state, node) for node in range(structure.size)]
    step, left = code.load(state, at.step), code.minus(span, done)
    h = code.low(step, LONGEST_STEP_NS)
    last = code.compare("oge", h, code.times(left, 1.0 - 1e-9))
    half = code.times(0.5, left)
    h = code.choose(last, left, code.choose(code.compare("ogt", h, half), half, h))
    h = code.choose(active, h, 1.0)
    gates = [code.plus(levels[k], code.times(slopes[k], done)) for k in lines]
    tried = _try(p, v, h, gates, slopes)

    error = code.over(tried.error, code.everywhere("%common", TOLERANCE))
    good = code.compare("ole", error, 1.0)
    taken = code.both(active, good)
    # Refused, or nan: shorter; else as long as the error allows.
    root = code.times(0.9, code.inverse_cube_root(code.low(code.high(error, 1e-6), 1e60)))
    shorter = code.choose(code.compare("ogt", error, 1.0), code.high(root, 0.2), 0.2)
    wish = code.times(h, code.low(root, 4.0))
    wish = code.choose(code.compare("olt", h, step), code.high(wish, step), wish)
    following = code.choose(good, wish, code.times(h, shorter))
    now = code.plus(code.everywhere("%common", START), done)
    tiny = code.choose(code.compare("olt", following, SHORTEST_STEP_NS), now, 0.0)
    code.keep(code.choose(active, code.choose(good, 0.0, tiny), code.load(state, at.stuck)),
              state, at.stuck)  # fmt: skip
    code.keep(code.choose(active, following, step), state, at.step)
    arrived = code.choose(last, span, code.plus(done, h))
    code.keep(code.choose(taken, arrived, done), state, at.done)
    for node, value in enumerate(tried.voltages):
        code.keep(code.choose(taken, value, v[node]), state, node)
    moved: Value = code.load(state, at.moved)
    for supply, gained in enumerate(tried.charge):
        held = code.load(state, at.supplied + supply)
        code.keep(code.choose(taken, code.plus(held, gained), held), state, at.supplied + supply)
        moved = code.plus(moved, code.choose(taken, code.size(gained), 0.0))
    code.keep(moved, state, at.moved)
    _latch(p, (state, at), (v, tried), (taken, now, h))


def _try(
    p: Parameters, v: list[Value], h: Value, gates: list[Value], slopes: Sequence[Value]
) -> Stages:
    """The four stages from ``v``; ``gates`` are the control lines at the start of the step."""
    code, size = p.code, range(p.structure.size)
    inverse = code.over(1.0, h)
    now = currents(p, v, gates, slopes, derive=True)
    factors = Factors(p, now, code.times(2.0, inverse))
    half, more = code.times(0.5, h), code.times(1.5, h)
    by_h = [code.times(p.charge(i), inverse) for i in size]
    u1 = factors.solve([code.plus(now.out[i], code.times(half, now.by_time[i])) for i in size])
    u2 = factors.solve([
        code.plus(
            code.plus(now.out[i], code.times(code.times(by_h[i], 4.0), u1[i])),
            code.times(more, now.by_time[i]),
        )
        for i in size
    ])  # fmt: skip
    end = [code.plus(gate, code.times(h, slope)) for gate, slope in zip(gates, slopes, strict=True)]
    trial = [code.plus(v[i], code.times(2.0, u1[i])) for i in size]
    third = currents(p, trial, end, slopes, derive=False)
    apart = [code.times(by_h[i], code.minus(u1[i], u2[i])) for i in size]
    u3 = factors.solve([code.plus(third.out[i], apart[i]) for i in size])
    trial = [code.plus(trial[i], u3[i]) for i in size]
    fourth = currents(p, trial, end, slopes, derive=False)
    u4 = factors.solve([
        code.plus(
            fourth.out[i], code.minus(apart[i], code.times(code.times(by_h[i], 8.0 / 3.0), u3[i]))
        )
        for i in size
    ])  # fmt: skip
    error: Value = 0.0
    for i in size:
        each = code.size(u4[i])
        error = each if error == 0.0 else code.choose(code.compare("ole", each, error), error, each)
    bl = 2 * p.structure.segments
    slope = [code.over(now.out[node], p.charge(node)) for node in (bl, bl + 1)]
    return Stages(
        [code.plus(trial[i], u4[i]) for i in size],
        error,
        _charge(p, (now, third, fourth), (u1, u2, u3, u4), h),
        code.minus(*slope),
    )


def _charge(
    p: Parameters,
    rates: tuple[Currents, Currents, Currents],
    stages: tuple[list[Value], ...],
    h: Value,
) -> list[Value]:
    """Charge out of each supply in a step, by the formula that the voltages are computed by."""
    code, core, found = p.code, 2 * p.structure.segments, list[Value]()
    (now, third, fourth), inverse = rates, code.over(1.0, h)
    for s in range(3):
        tied = [
            _sum(code, [code.times(now.supplied_by[s][k], u[core + k]) for k in range(4)])
            for u in stages
        ]
        half, turn = code.times(0.5, h), now.supplied_by_time[s]

        def stage(rate: Value, more: Value, by_node: Value, half: Value = half) -> Value:
            return code.times(half, code.plus(code.plus(rate, more), by_node))

        q0 = stage(now.supplied[s], code.times(half, turn), tied[0])
        before = code.times(code.times(4.0, inverse), q0)
        q1 = stage(
            now.supplied[s], code.plus(code.times(code.times(1.5, h), turn), before), tied[1]
        )
        apart = code.times(code.minus(q0, q1), inverse)
        q2 = stage(third.supplied[s], apart, tied[2])
        last = code.minus(apart, code.times(code.times(8.0 / 3.0, inverse), q2))
        q3 = stage(fourth.supplied[s], last, tied[3])
        found.append(_sum(code, [code.times(2.0, q0), q2, q3]))
    return found


def _latch(
    p: Parameters,
    where: tuple[str, Places],
    ends: tuple[list[Value], Stages],
    step: tuple[str, Value, Value],
) -> None:
    """Note when the bitlines are far enough apart: where a parabola through the step is there."""
    code, bl = p.code, 2 * p.structure.segments
    (state, at), (v, tried), (taken, now, h) = where, ends, step
    level = code.times(LATCHED_SHARE, p.column(VDD))
    apart = code.minus(tried.voltages[bl], tried.voltages[bl + 1])
    up = code.compare("ogt", apart, 0.0)
    start, end, slope = (
        code.choose(up, one, code.negative(one))
        for one in (code.minus(v[bl], v[bl + 1]), apart, code.times(h, tried.rise))
    )
    to_go = code.minus(level, start)
    curve = code.minus(code.minus(end, start), slope)
    inside = code.plus(code.times(slope, slope), code.times(code.times(4.0, curve), to_go))
    below = code.plus(slope, code.root(code.high(inside, 0.0)))
    share = code.low(code.over(code.times(2.0, to_go), below), 1.0)
    share = code.choose(code.compare("ogt", below, 0.0), share, 1.0)
    share = code.choose(code.compare("oge", start, level), 0.0, share)
    held = code.load(state, at.latch)
    sensing = code.compare("ogt", code.everywhere("%common", SENSING), 0.0)
    unknown = code.both(sensing, code.compare("uno", held, held))
    there = code.both(code.both(taken, unknown), code.compare("oge", code.size(apart), level))
    code.keep(code.choose(there, code.plus(now, code.times(h, share)), held), state, at.latch)


def _sum(code: Lanes, values: list[Value]) -> Value:
    total: Value = 0.0
    for value in values:
        total = code.plus(total, value)
    return total
