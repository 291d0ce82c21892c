"""What row cycles do, as arrays that compiled code walks from one REF to the next.

A *node* is a row cycle and a state that it begins in. For each node there is a table of repetitions
without any REF, up to where these are periodic, and a table of what one repetition takes with a REF
before each of its chances. A stream of runs is then a walk from node to node, at some 20 ns a REF.
What is not known yet, the caller works out
(:meth:`~pimsim.dram.timeline.channel.ChannelStream.rounds`).

It is of channels with one rank: with more, what is next is not a matter of one due time.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.timeline.cycles import LanePlan
from pimsim.dram.timeline.lockstep import StateNumber, Transition
from pimsim.object_code import Kept, part

_Ints = NDArray[np.int64]

STATE, FRONT, OPEN, BANK_OPEN, REFS, DUE, FREE, END = range(8)
"""Of where a stream stands: state, time of the last command and open time of ranks and of banks in
ps, REFs, when the next is due, until when the rank is busy, and until when any was; times and REFs
since the walk began."""
AGAIN, PART, ROUND, STEP, LEFT = range(5)
"""Of what is to be done next: how often all parts have been, part, round of it, step of that, and
repetitions of the step that are left; -1 of a step that has not begun."""
FIRST, UNTIL, ROUNDS = range(3)
"""Of a part: its steps, and how often they come."""
_AT, _CHANCES, _FREE_AT, _LAST, _FROM = range(5)
"""Of a node: where its chances begin, and how many there are; where its repetitions begin, number
of the last that is known, and of the one that it is like."""
_CHANCE, _AFTER, _TOOK, _OPENED, _BANK_OPENED, _LAST_ONE = range(6)
"""Of a chance: its time; and of a repetition with a REF before it: state (-1 if not known), time
and open time of ranks and of banks after it, and time of the last chance."""
_STATE, _START, _OPEN, _BANKS, _LATEST = range(5)
"""Before each repetition: state, time, open time of ranks and of banks; and time of the last chance
in it."""
LONG = 1 << 20
"""Repetitions of a run in which it pays to look for a period of REFs."""
_FAR_PERIODIC = 256
"""Repetitions within which what a row cycle does must become periodic to be held here."""


class Stream(NamedTuple):
    """Parts that come one after the other, and all of that so often."""

    times: int
    refi_ps: int
    """tREFI."""
    parts: _Ints
    """``(parts, 3)``, see :data:`FIRST`."""
    steps: _Ints
    """``(n, 2)`` numbers of plans and repetitions, which come one after the other."""
    spent: _Ints
    """``(parts, 5)`` what has passed in each: time until the end of what was done, time that the
    rank is held, open time of ranks and of banks, and REFs."""


class Nodes(NamedTuple):
    """The tables."""

    of: NDArray[np.int32]
    """``(plans, states)`` number of each; -1: it is not known."""
    nodes: _Ints
    chances: _Ints
    free: _Ints


class LeapTables:
    """Nodes that have been met, of one channel's states."""

    def __init__(self) -> None:
        self.plans: list[LanePlan] = []
        self._number: dict[LanePlan, int] = {}
        self._nodes_of = np.full((4, 64), -1, np.int32)
        self._nodes, self._chances, self._free = (np.zeros((64, n), np.int64) for n in (5, 6, 5))
        self._used = [0, 0, 0]

    def number(self, plan: LanePlan) -> int:
        """Number of a plan."""
        found = self._number.setdefault(plan, len(self.plans))
        if found == len(self.plans):
            self.plans.append(plan)
        return found

    def holds(self, plan: LanePlan, state: StateNumber) -> bool:
        """Hold a node from now on; False if what repeats takes too long to become periodic."""
        number = self.number(plan)
        self._nodes_of = _fitting(self._nodes_of, number, state)
        if self._nodes_of[number, state] >= 0:
            return True
        known = plan.cache(state).known(_FAR_PERIODIC)
        if known is None:
            return False
        *columns, (latest_ps,), period_from = known
        free = np.array([*columns, [*latest_ps, 0]], np.int64).T
        chances = np.full((len(plan.chances_ps(state)), _LAST_ONE + 1), -1, np.int64)
        chances[:, _CHANCE] = plan.chances_ps(state)
        at, self._chances = self._added(1, self._chances, chances)
        free_at, self._free = self._added(2, self._free, free)
        own = np.array([[at, len(chances), free_at, len(free) - 1, period_from]], np.int64)
        self._nodes_of[number, state], self._nodes = self._added(0, self._nodes, own)
        return True

    def note(self, plan: LanePlan, state: StateNumber, chance: int, move: Transition) -> None:
        """Remember a repetition of a node that is held, with a REF before a chance of it."""
        node = self._nodes[self._nodes_of[self._number[plan], state]]
        row = self._chances[node[_AT] + chance]
        opened_ps = move.open_ps, move.bank_open_ps
        row[_AFTER:] = move.after, move.took_ps, *opened_ps, move.chance_ps[0]

    def walk(self, stream: Stream, at: _Ints, now: _Ints, frees_ps: _Ints) -> bool:
        """Go on with a stream as far as it is known; False if something is not.

        Args:
            stream: all of it.
            at: what is next; see :data:`AGAIN`.
            now: where the stream stands; see :data:`STATE`.
            frees_ps: of each state, how long the rank is busy behind its last command.

        """
        held = Nodes(self._nodes_of, self._nodes, self._chances, self._free)
        return _WALK(stream, at, now, frees_ps, held) == 0

    def _added(self, which: int, table: _Ints, rows: _Ints) -> tuple[int, _Ints]:
        """Where the rows are now, and the table with them."""
        first = self._used[which]
        self._used[which] += len(rows)
        if self._used[which] > len(table):
            more = np.zeros((2 * self._used[which], table.shape[1]), np.int64)
            more[:first] = table[:first]
            table = more
        table[first : self._used[which]] = rows
        return first, table


def _fitting(nodes: NDArray[np.int32], number: int, state: int) -> NDArray[np.int32]:
    """The numbers of nodes with room for one more."""
    shape = tuple(
        size if place < size else 2 * place
        for size, place in zip(nodes.shape, (number, state), strict=True)
    )
    if shape == nodes.shape:
        return nodes
    more = np.full(shape, -1, np.int32)
    more[: nodes.shape[0], : nodes.shape[1]] = nodes
    return more


def _walk(stream: Stream, at: _Ints, now: _Ints, frees_ps: _Ints, held: Nodes) -> int:
    """See :meth:`LeapTables.walk`; 0 if all is done, 1 where a table does not know what comes."""
    parts, spent = stream.parts, stream.spent
    while at[AGAIN] < stream.times:
        while at[PART] < len(parts):
            number = at[PART]
            open_ps, bank_open_ps, refs = now[OPEN], now[BANK_OPEN], now[REFS]
            unknown = _walk_part(stream, at, now, held)
            spent[number, 2] += now[OPEN] - open_ps
            spent[number, 3] += now[BANK_OPEN] - bank_open_ps
            spent[number, 4] += now[REFS] - refs
            if unknown or now[STATE] >= len(frees_ps):
                return 1
            free_ps = now[FRONT] + frees_ps[now[STATE]]
            spent[number, 1] += free_ps - now[FREE]
            now[FREE] = free_ps
            if free_ps > now[END]:
                spent[number, 0] += free_ps - now[END]
                now[END] = free_ps
            at[ROUND] = 0
            at[PART] += 1
        at[PART] = 0
        at[AGAIN] += 1
    return 0


@part
def _walk_part(stream: Stream, at: _Ints, now: _Ints, held: Nodes) -> int:
    """Go on in a part; 1 where a table does not know what comes."""
    steps, refi_ps, number = stream.steps, stream.refi_ps, at[PART]
    begin, until = stream.parts[number, FIRST], stream.parts[number, UNTIL]
    nodes_of, nodes, chances, free = held.of, held.nodes, held.chances, held.free
    while at[ROUND] < stream.parts[number, ROUNDS]:
        while begin + at[STEP] < until:
            plan = steps[begin + at[STEP], 0]
            if at[LEFT] < 0:
                at[LEFT] = steps[begin + at[STEP], 1]
            while at[LEFT] > 0:
                if at[LEFT] >= LONG or plan >= nodes_of.shape[0]:
                    return 1
                if now[STATE] >= nodes_of.shape[1] or nodes_of[plan, now[STATE]] < 0:
                    return 1
                node = nodes_of[plan, now[STATE]]
                where, last = nodes[node, _FREE_AT], nodes[node, _LAST]
                first, due_ps = nodes[node, _FROM], now[DUE] - now[FRONT]
                period_ps = free[where + last, _START] - free[where + first, _START]
                opened_ps = free[where + last, _OPEN] - free[where + first, _OPEN]
                banks_ps = free[where + last, _BANKS] - free[where + first, _BANKS]

                # repetitions before the first with a chance that REF goes before
                low, high, passed = 0, last, 0
                if free[where + last - 1, _LATEST] < due_ps:
                    late_ps = due_ps - free[where + last - 1, _LATEST]
                    low, passed = first, (late_ps + period_ps - 1) // period_ps
                while low < high:
                    middle = (low + high) // 2
                    if free[where + middle, _LATEST] < due_ps - passed * period_ps:
                        low = middle + 1
                    else:
                        high = middle
                times = low + passed * (last - first)
                refreshed = times < at[LEFT]
                if not refreshed:
                    times = low = at[LEFT]
                    passed = 0
                    if times > last:
                        passed = (times - first) // (last - first)
                        low = times - passed * (last - first)
                state = free[where + low, _STATE]
                front_ps = now[FRONT] + free[where + low, _START] + passed * period_ps
                open_ps = now[OPEN] + free[where + low, _OPEN] + passed * opened_ps
                bank_open_ps = now[BANK_OPEN] + free[where + low, _BANKS] + passed * banks_ps
                if refreshed:
                    if state >= nodes_of.shape[1] or nodes_of[plan, state] < 0:
                        return 1
                    node, due_ps = nodes_of[plan, state], now[DUE] - front_ps
                    chance, end = nodes[node, _AT], nodes[node, _AT] + nodes[node, _CHANCES]
                    while chance < end and chances[chance, _CHANCE] < due_ps:
                        chance += 1
                    if chances[chance, _AFTER] < 0:
                        return 1
                    if chances[chance, _LAST_ONE] >= due_ps + refi_ps:  # another REF goes before it
                        return 1
                    state = chances[chance, _AFTER]
                    front_ps += chances[chance, _TOOK]
                    open_ps += chances[chance, _OPENED]
                    bank_open_ps += chances[chance, _BANK_OPENED]
                    now[REFS] += 1
                    now[DUE] += refi_ps
                    times += 1
                now[STATE], now[FRONT] = state, front_ps
                now[OPEN], now[BANK_OPEN] = open_ps, bank_open_ps
                at[LEFT] -= times
            at[LEFT] = -1
            at[STEP] += 1
        at[STEP] = 0
        at[ROUND] += 1
    return 0


_WALK = Kept(_walk, [Path(__file__)])
