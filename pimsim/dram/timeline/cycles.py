"""What banks in lock-step do: commands, row cycles and repetitions, each worked out only once.

A *beat* is one command in every bank of a segment. It is issued once for each state that it meets,
and remembered as a move. A row cycle is a chain of moves; its repetitions become periodic after a
few. All of these contain no REF, except the moves of :meth:`Lane.refresh`, which has one before a
chance. To put a REF into a row cycle, the cycle is taken apart, down to its beats if need be.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache, partial

from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle, slots
from pimsim.dram.timeline.lockstep import (
    NO_CHANCE_PS,
    CommandTransition,
    Lockstep,
    RefreshSlot,
    StateNumber,
    Transition,
    TransitionChain,
    chance_times_ps,
)

_OFTEN = 2
_CHUNK_BEATS = 64
"""Beats in a chunk. After a REF, the beats up to the end of the chunk are chained anew."""


class Lane:
    """Banks that work in lock-step, in the order of issue; with ``to``, pairs of banks.

    A lane remembers every move that has been worked out.
    """

    def __init__(
        self,
        lockstep: Lockstep,
        banks: tuple[int, ...],
        to: tuple[int, ...] = (),
        like: Lane | None = None,
    ) -> None:
        self._lockstep = lockstep
        self._banks, self._to = banks, to
        self.like = like or self
        """The first banks of all, as many: what these do, those do under the :attr:`names`."""
        self.names = lockstep.names if like is None else lockstep.names_of((*banks, *to))
        self.ranks = sorted({bank // lockstep.banks_of_rank for bank in banks})
        """Ranks that the banks belong to."""
        self.beat, self.refresh = cache(self._beat), cache(self._refresh)
        self.chunk = cache(partial(CommandChunk, self))
        """A few kinds of commands in succession."""
        self.plan = cache(partial(LanePlan, self))
        """What the banks do in a row cycle."""

    def step(self, kind: Kind) -> Callable[[StateNumber], CommandTransition]:
        """The beat of a kind of command, as a function from the state before to the move."""
        return lambda state: self.beat(state, kind, 0)

    def _beat(self, state: StateNumber, kind: Kind, first: int) -> CommandTransition:
        """One command in every bank, or in those from number ``first`` on."""
        self._lockstep.begin(state)
        chances = []
        every = slots(kind, self._banks, self._to)
        for slot, (bank, to) in enumerate(every[first:], start=first):
            number = bank // self._lockstep.banks_of_rank
            closed = self._lockstep.closed(number)
            at_ps = self._lockstep.issue(kind, bank, to)
            if kind.opens and closed:
                chances.append(RefreshSlot(at_ps, self.ranks.index(number), slot))
        return CommandTransition(*self._lockstep.end(), len(self.ranks), chances)

    def _refresh(self, state: StateNumber, kind: Kind, first: int, slot: int) -> Transition:
        """The command in the banks from ``first`` to before ``slot``, then REF for that bank."""
        self._lockstep.begin(state)
        every = slots(kind, self._banks, self._to)
        for bank, to in every[first:slot]:
            self._lockstep.issue(kind, bank, to)
        self._lockstep.issue(Kind.REF, every[slot][0])
        after, took_ps, opened_ps = self._lockstep.end()
        return Transition(after, took_ps, *opened_ps, (NO_CHANCE_PS,) * len(self.ranks))


class Lanes:
    """All lanes of a channel, each made once.

    >>> from pimsim.dram.options import ModelOptions
    >>> from pimsim.dram.standard.standard import load
    >>> ddr3, ddr4 = (load(name) for name in ("ddr3-1600-8-8-8", "ddr4-2400"))
    >>> some = Lanes(Lockstep(ddr3, ModelOptions())).of((5, 2))
    >>> some.names, some.like.names
    ((5, 2, 0, 1, 3, 4, 6, 7), (0, 1, 2, 3, 4, 5, 6, 7))
    >>> apart = Lanes(Lockstep(ddr4, ModelOptions())).of((5, 2))  # in groups of banks
    >>> apart.like is apart
    True
    """

    def __init__(self, lockstep: Lockstep) -> None:
        self._lockstep = lockstep
        self.of = cache(self._of)
        """The lane of some banks, or of pairs of them."""

    def _of(self, banks: tuple[int, ...], to: tuple[int, ...] = ()) -> Lane:
        ends = len(banks), len(banks) + len(to)
        first = tuple(range(ends[0])), *([tuple(range(*ends))] if to else [])
        if not self._lockstep.interchangeable or (*banks, *to) == tuple(range(ends[1])):
            return Lane(self._lockstep, banks, to)
        return Lane(self._lockstep, banks, to, self.of(*first))


class CommandChunk:
    """A few kinds of commands in a row, by the banks of a lane."""

    def __init__(self, lane: Lane, kinds: tuple[Kind, ...]) -> None:
        self._lane, self.kinds = lane, kinds
        self.span = cache(self._span)

    def _span(self, state: StateNumber, first: int = 0) -> TransitionChain:
        """The beats from ``first`` on."""
        steps = (self._lane.step(kind) for kind in self.kinds[first:])
        return TransitionChain(state, len(self._lane.ranks), steps)


class LanePlan:
    """One row cycle by the banks of a lane."""

    def __init__(self, lane: Lane, cycle: RowCycle) -> None:
        self.lane = lane
        kinds = [kind for kind, times in cycle for _ in range(times)]
        self.opens = any(kind.opens for kind in kinds)
        """Whether it has chances; if so, it has one in every rank of the lane."""
        self.chunks = [
            lane.chunk(tuple(kinds[start : start + _CHUNK_BEATS]))
            for start in range(0, len(kinds), _CHUNK_BEATS)
        ]
        self.refreshed: dict[tuple[StateNumber, int], Transition] = {}
        """The move of the row cycle from a state, with one REF before the chance of that number;
        filled in by whoever works it out."""
        self.leaps: dict[tuple[StateNumber, int], tuple[int, Transition]] = {}
        """Repetitions and their move from a state, up to and including the one with a REF before
        the chance of that number in :meth:`far_chances_ps`; filled in likewise."""
        self._met: dict[StateNumber, int] = {}
        self.whole = cache(self._whole)
        self.chances_ps = cache(lambda state: list(chance_times_ps(self.whole(state))))
        """All chances of the row cycle from a state on, of all ranks in turn."""
        self.far_chances_ps = cache(self._far_chances_ps)
        self.cache = cache(partial(CycleCache, self))
        """Repetitions of the row cycle, from a state on."""

    def met_often(self, state: StateNumber) -> bool:
        """Whether it has begun in a state often enough for a list of all chances to pay off."""
        self._met[state] = times = self._met.get(state, 0) + 1
        return times > _OFTEN

    def _whole(self, state: StateNumber) -> TransitionChain:
        """The chunks one after the other."""
        return TransitionChain(state, len(self.lane.ranks), (chunk.span for chunk in self.chunks))

    def _far_chances_ps(self, state: StateNumber, until_ps: int) -> list[int]:
        """All chances of repetitions of the row cycle, up to one at ``until_ps`` or later."""
        far: list[int] = []
        cache, repetition = self.cache(state), 0
        while not far or far[-1] < until_ps:
            after, start_ps, *_ = cache.after(repetition)
            far += [start_ps + at_ps for at_ps in self.chances_ps(after)]
            repetition += 1
        return far


class CycleCache:
    """Repetitions of a row cycle from a state on, known up to where they become periodic."""

    def __init__(self, plan: LanePlan, state: StateNumber) -> None:
        self._plan = plan
        self._states = [state]
        self._seen = {state: 0}
        self._starts_ps, self._opens_ps, self._bank_opens_ps = [0], [0], [0]
        self._chances_ps: list[list[int]] = [[] for _ in plan.lane.ranks]
        self._period_from: int | None = None
        """Number of the repetition before which the state was that after the last known one."""
        self._period = 0, 0

    def period(self) -> tuple[int, int]:
        """Repetitions of a period, and the time they take."""
        while self._period_from is None:
            self._extend()
        return self._period

    def known(
        self, at_most: int
    ) -> tuple[list[StateNumber], list[int], list[int], list[int], list[list[int]], int] | None:
        """States, times and open times after each repetition, up to the end of the first period.

        Open times are those of ranks, and then those of banks. The result also has the time of the
        last chance in each repetition, for each rank, and the repetition after which the period
        begins. None if the period has not ended after ``at_most`` repetitions.
        """
        while self._period_from is None and len(self._states) <= at_most:
            self._extend()
        if self._period_from is None:
            return None
        begin = self._period_from
        times_ps = self._starts_ps, self._opens_ps, self._bank_opens_ps
        return self._states, *times_ps, self._chances_ps, begin

    def free(self, times: int, dues_ps: Sequence[int]) -> int:
        """How many of ``times`` repetitions come before the first chance at which a REF is due."""
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

    def after(self, times: int) -> tuple[StateNumber, int, int, int]:
        """State, time, and open time of ranks and of banks after ``times`` repetitions."""
        while self._period_from is None and len(self._states) <= times:
            self._extend()
        rounds = period_ps = open_ps = bank_open_ps = 0
        if times >= len(self._states):
            repetitions, period_ps = self._period
            start = len(self._states) - 1 - repetitions
            open_ps = self._opens_ps[-1] - self._opens_ps[start]
            bank_open_ps = self._bank_opens_ps[-1] - self._bank_opens_ps[start]
            rounds, inside = divmod(times - start, repetitions)
            times = start + inside
        return (
            self._states[times],
            self._starts_ps[times] + rounds * period_ps,
            self._opens_ps[times] + rounds * open_ps,
            self._bank_opens_ps[times] + rounds * bank_open_ps,
        )

    def _extend(self) -> None:
        whole = self._plan.whole(self._states[-1])
        start_ps = self._starts_ps[-1]
        for chances_ps, at_ps in zip(self._chances_ps, whole.chance_ps, strict=True):
            chances_ps.append(start_ps + at_ps)
        self._starts_ps.append(start_ps + whole.took_ps)
        self._opens_ps.append(self._opens_ps[-1] + whole.open_ps)
        self._bank_opens_ps.append(self._bank_opens_ps[-1] + whole.bank_open_ps)
        self._period_from = self._seen.get(whole.after)
        self._seen[whole.after] = len(self._states)
        self._states.append(whole.after)
        if self._period_from is not None:
            start = self._period_from
            took_ps = self._starts_ps[-1] - self._starts_ps[start]
            self._period = len(self._states) - 1 - start, took_ps
