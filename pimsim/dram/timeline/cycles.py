"""Row cycles and their repetitions by a lane, as chains of moves.

Repetitions of a row cycle become periodic after a few. All without REF: a row cycle may be taken
apart, down to its beats, to put one in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle
from pimsim.dram.timeline.lockstep import Lane
from pimsim.dram.timeline.transitions import (
    StateNumber,
    Transition,
    TransitionChain,
    chance_times_ps,
)

_CHUNK_BEATS = 64
"""Beats that are chained at a time: after a REF, what follows is chained anew up to a multiple."""


class LanePlans:
    """What a lane has been seen to do."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._chunks: dict[tuple[Kind, ...], CommandChunk] = {}
        self._plans: dict[RowCycle, LanePlan] = {}

    def plan(self, cycle: RowCycle) -> LanePlan:
        """The row cycle by the banks of the lane."""
        plan = self._plans.get(cycle)
        if plan is None:
            plan = self._plans[cycle] = LanePlan(self, cycle)
        return plan

    def chunk(self, kinds: tuple[Kind, ...]) -> CommandChunk:
        """Commands of those kinds by the banks of the lane."""
        return self._chunks.setdefault(kinds, CommandChunk(self.lane, kinds))


class CommandChunk:
    """A few kinds of commands in a row."""

    def __init__(self, lane: Lane, kinds: tuple[Kind, ...]) -> None:
        self.kinds = kinds
        self._lane = lane
        self._spans: dict[tuple[StateNumber, int], TransitionChain] = {}

    def span(self, state: StateNumber, first: int = 0) -> TransitionChain:
        """The beats from ``first`` on."""
        span = self._spans.get((state, first))
        if span is None:
            steps = (self._lane.step(kind) for kind in self.kinds[first:])
            span = TransitionChain(state, len(self._lane.ranks), steps)
            self._spans[state, first] = span
        return span


class LanePlan:
    """One row cycle by the banks of a lane."""

    def __init__(self, plans: LanePlans, cycle: RowCycle) -> None:
        self.lane = plans.lane
        kinds = [kind for kind, times in cycle for _ in range(times)]
        self.opens = any(kind.opens for kind in kinds)
        """Whether it has chances: then it has one in every rank of the lane."""
        self.chunks = [
            plans.chunk(tuple(kinds[start : start + _CHUNK_BEATS]))
            for start in range(0, len(kinds), _CHUNK_BEATS)
        ]
        self.refreshed: dict[tuple[StateNumber, int], Transition] = {}
        """What the row cycle takes, from a state on, with one REF before a chance of that number;
        for whoever works it out to remember."""
        self.leaps: dict[tuple[StateNumber, int], tuple[int, Transition]] = {}
        """Repetitions and what they take, from a state on, up to and with the one with a REF before
        a chance of that number among :meth:`far_chances_ps`; for whoever works it out, too."""
        self._far: dict[StateNumber, list[int]] = {}
        self._wholes: dict[StateNumber, TransitionChain] = {}
        self._chances_ps: dict[StateNumber, list[int]] = {}
        self._caches: dict[StateNumber, CycleCache] = {}

    def whole(self, state: StateNumber) -> TransitionChain:
        """The chunks one after the other."""
        whole = self._wholes.get(state)
        if whole is None:
            steps = (chunk.span for chunk in self.chunks)
            whole = self._wholes[state] = TransitionChain(state, len(self.lane.ranks), steps)
        return whole

    def chances_ps(self, state: StateNumber) -> list[int]:
        """All chances of the row cycle, of all ranks in turn."""
        chances_ps = self._chances_ps.get(state)
        if chances_ps is None:
            chances_ps = self._chances_ps[state] = list(chance_times_ps(self.whole(state)))
        return chances_ps

    def far_chances_ps(self, state: StateNumber, until_ps: int) -> list[int]:
        """All chances of repetitions of the row cycle, up to one at ``until_ps`` or later.

        ``until_ps`` must be the same in every call.
        """
        far = self._far.get(state)
        if far is None:
            far = self._far[state] = []
            cache, repetition = self.cache(state), 0
            while not far or far[-1] < until_ps:
                after, start_ps, _ = cache.after(repetition)
                far += [start_ps + at_ps for at_ps in self.chances_ps(after)]
                repetition += 1
        return far

    def cache(self, state: StateNumber) -> CycleCache:
        """Repetitions of the row cycle."""
        cache = self._caches.get(state)
        if cache is None:
            cache = self._caches[state] = CycleCache(self, state)
        return cache


class CycleCache:
    """Repetitions of a row cycle from a state on, known up to where they become periodic."""

    def __init__(self, plan: LanePlan, state: StateNumber) -> None:
        self._plan = plan
        self._states = [state]
        self._seen = {state: 0}
        self._starts_ps, self._opens_ps = [0], [0]
        self._chances_ps: list[list[int]] = [[] for _ in plan.lane.ranks]
        self._period_from: int | None = None
        """The state after the last known repetition is that before this one."""
        self._period = 0, 0

    def period(self) -> tuple[int, int]:
        """Repetitions of a period, and the time they take."""
        while self._period_from is None:
            self._extend()
        return self._period

    def free(self, times: int, dues_ps: Sequence[int]) -> int:
        """Repetitions, of ``times``, before the first with a chance when a REF is due."""
        for chances_ps, due_ps in zip(self._chances_ps, dues_ps, strict=True):
            while (
                self._period_from is None
                and len(chances_ps) < times
                and (not chances_ps or chances_ps[-1] < due_ps)
            ):
                self._extend()
            if chances_ps[-1] >= due_ps:
                times = min(times, bisect_left(chances_ps, due_ps))
            elif self._period_from is not None:
                repetitions, period_ps = self._period
                rounds = -(-(due_ps - chances_ps[-1]) // period_ps)
                inside = bisect_left(chances_ps, due_ps - rounds * period_ps, lo=self._period_from)
                times = min(times, inside + rounds * repetitions)
            if not times:
                break
        return times

    def after(self, times: int) -> tuple[StateNumber, int, int]:
        """State, time and open time after so many repetitions."""
        while self._period_from is None and len(self._states) <= times:
            self._extend()
        rounds = period_ps = open_ps = 0
        if times >= len(self._states):
            repetitions, period_ps = self._period
            start = len(self._states) - 1 - repetitions
            open_ps = self._opens_ps[-1] - self._opens_ps[start]
            rounds, inside = divmod(times - start, repetitions)
            times = start + inside
        return (
            self._states[times],
            self._starts_ps[times] + rounds * period_ps,
            self._opens_ps[times] + rounds * open_ps,
        )

    def _extend(self) -> None:
        whole = self._plan.whole(self._states[-1])
        start_ps = self._starts_ps[-1]
        for chances_ps, at_ps in zip(self._chances_ps, whole.chance_ps, strict=True):
            chances_ps.append(start_ps + at_ps)
        self._starts_ps.append(start_ps + whole.took_ps)
        self._opens_ps.append(self._opens_ps[-1] + whole.open_ps)
        self._period_from = self._seen.get(whole.after)
        self._seen[whole.after] = len(self._states)
        self._states.append(whole.after)
        if self._period_from is not None:
            start = self._period_from
            took_ps = self._starts_ps[-1] - self._starts_ps[start]
            self._period = len(self._states) - 1 - start, took_ps
