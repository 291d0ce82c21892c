"""What row cycles do, as arrays through which compiled code goes from one REF to the next.

A *node* is a row cycle together with the state that it begins in. Each node has two tables. One has
its repetitions without any REF, up to where these become periodic. The other has one repetition
with a REF, for each of the chances before which the REF may come. A stream of runs is then a walk
from node to node, which takes some 20 ns a REF. Where the tables lack something, the walk stops,
and :meth:`~pimsim.dram.timeline.channel.ChannelStream.rounds` works it out.

This is only for channels with one rank. With several ranks, the next step would depend on several
due times.
"""

from __future__ import annotations

from operator import is_not
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.timeline.cycles import LanePlan
from pimsim.dram.timeline.lockstep import StateNumber, Transition
from pimsim.object_code import Bound, Kept, part

_Ints = NDArray[np.int64]

STATE, FRONT, OPEN, BANK_OPEN, REFS, DUE, FREE, END = range(8)
"""Places in the array that says where a stream stands: state, time of the last command, open time
of ranks and of banks in ps, REFs, due time of the next REF, until when the rank is busy, and the
latest time until which it ever was. Times and REFs count from the beginning of the walk."""
AGAIN, PART, ROUND, STEP, LEFT = range(5)
"""Places in the array that says what comes next: how often all parts have been done, the part, its
round, the step, and the repetitions of the step that are left (-1: the step has not begun)."""
FIRST, UNTIL, ROUNDS = range(3)
"""Places in a part's row: its first step, the step after its last, and how often they come."""
_AT, _CHANCES, _FREE_AT, _LAST, _FROM = range(5)
"""Places in a node's row: where its chances begin, and how many there are; where its repetitions
begin, the number of the last known one, and the number of the one that is like it."""
_CHANCE, _AFTER, _TOOK, _OPENED, _BANK_OPENED, _LAST_ONE = range(6)
"""Places in a chance's row: its time; then, for a repetition with a REF before it: the state after
it (-1 if not known), time, open time of ranks and of banks, and time of the last chance."""
_STATE, _START, _OPEN, _BANKS, _LATEST = range(5)
"""Places in a repetition's row: state, time, and open time of ranks and of banks before it; and the
time of the last chance in it."""
LONG = 1 << 20
"""Repetitions of a run from which on it pays to look for a period of REFs."""
_FEW_CHANCES = 4
"""So many chances are looked at one after the other."""
_FAR_PERIODIC = 256
"""A row cycle whose repetitions do not become periodic within this many gets no node."""


class Stream(NamedTuple):
    """Parts that come one after the other, and how often all of that repeats."""

    times: int
    refi_ps: int
    """tREFI."""
    parts: _Ints
    """``(parts, 3)``, see :data:`FIRST`."""
    steps: _Ints
    """``(n, 2)`` numbers of plans and repetitions, which come one after the other."""
    spent: _Ints
    """``(parts, 5)`` what has passed in each: time until the end of its last command, time over
    which the rank is charged, open time of ranks and of banks, and REFs."""


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
        self._held = Bound(Nodes(self._nodes_of, self._nodes, self._chances, self._free))

    def number(self, plan: LanePlan) -> int:
        """Number of a plan."""
        found = self._number.setdefault(plan, len(self.plans))
        if found == len(self.plans):
            self.plans.append(plan)
        return found

    def holds(self, plan: LanePlan, state: StateNumber) -> bool:
        """Add a node; False if its repetitions take too long to become periodic."""
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
        """Add to a node the move of a repetition with a REF before one of its chances."""
        node = self._nodes[self._nodes_of[self._number[plan], state]]
        row = self._chances[node[_AT] + chance]
        opened_ps = move.open_ps, move.bank_open_ps
        row[_AFTER:] = move.after, move.took_ps, *opened_ps, move.chance_ps[0]

    def walk(self, stream: Bound, at: Bound, now: _Ints, frees_ps: _Ints) -> bool:
        """Go on with a stream as far as the tables reach; False if they lack something.

        Args:
            stream: all of it, a :class:`Stream`.
            at: what is next, an array; see :data:`AGAIN`.
            now: where the stream stands; see :data:`STATE`.
            frees_ps: of each state, how long the rank is busy behind its last command.

        """
        held = Nodes(self._nodes_of, self._nodes, self._chances, self._free)
        if any(map(is_not, held, self._held.value)):  # else tables have not grown
            self._held = Bound(held)
        return _WALK(stream, at, now, frees_ps, self._held) == 0

    def _added(self, which: int, table: _Ints, rows: _Ints) -> tuple[int, _Ints]:
        """Append rows to a table; return where they are, and the table."""
        first = self._used[which]
        self._used[which] += len(rows)
        if self._used[which] > len(table):
            more = np.zeros((2 * self._used[which], table.shape[1]), np.int64)
            more[:first] = table[:first]
            table = more
        table[first : self._used[which]] = rows
        return first, table


def _fitting(nodes: NDArray[np.int32], number: int, state: int) -> NDArray[np.int32]:
    """The array of node numbers, enlarged if it has no room for this one."""
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
    """See :meth:`LeapTables.walk`; 0 if all is done, 1 if a table lacks what comes next."""
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
    """Go on in a part; 1 if a table lacks what comes next."""
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
                    while end - chance > _FEW_CHANCES:  # of them, the first that is not sooner
                        middle = (chance + end) // 2
                        if chances[middle - 1, _CHANCE] < due_ps:
                            chance = middle
                        else:
                            end = middle
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
