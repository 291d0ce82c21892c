"""The position of a stream in one channel, and how it advances, with REFs where they are due.

A *chance* is a command that opens a row in a rank whose banks are all closed: a REF that is due
goes before it. Row cycles that repeat are not walked one by one. Between two REFs they are
periodic. What they do from one REF to the next has mostly been worked out before, from the same
state.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from operator import add, sub
from typing import NamedTuple, TypeAlias

import numpy as np

from pimsim.dram.commands import Kind
from pimsim.dram.timeline import leaps
from pimsim.dram.timeline.command_stream import RowCycle, Run
from pimsim.dram.timeline.cycles import CommandChunk, Lane, LanePlan
from pimsim.dram.timeline.leaps import LeapTables
from pimsim.dram.timeline.lockstep import NO_CHANCE_PS, Lockstep, Transition, TransitionChain
from pimsim.object_code import Bound

LONG_CYCLE_BEATS = 1 << 16
"""Row cycles of more commands than this are run command by command, each as a run of its own."""

_FEW_CHUNKS = 16
"""Row cycles of up to this many commands, in one rank, are remembered as a whole, for each place
that a REF can have in them."""

SEEN, _SEEN_LATER = 4096, 64
"""Situations after a REF that are remembered to find the period: all at first, later only some.
Where times have no large common divisor (DDR4-2400), a period can be half a million REFs long."""


Steps: TypeAlias = tuple[Sequence[tuple[LanePlan, int]], int]
"""Row cycles in order, each with its repetitions, and how often the whole sequence repeats."""


class Mark(NamedTuple):
    """The position of a stream at some time."""

    front_ps: int
    open_ps: int
    bank_open_ps: int
    now_ps: int
    refreshes: int
    due_ps: tuple[int, ...]
    free_since_ps: tuple[int, ...]


class ChannelStream:
    """The position of a stream in one channel."""

    def __init__(
        self, lockstep: Lockstep, tables: LeapTables, ranks: int, refi_ps: int, rfc_ps: int
    ) -> None:
        self._lockstep, self._tables = lockstep, tables
        self._refi_ps, self._rfc_ps = refi_ps, rfc_ps
        self._state = lockstep.fresh
        self._names = lockstep.names
        """Banks by what they are called in the state."""
        self._front_ps = 0
        """Time of the last command."""
        self._chance_ps = 0
        """Time of the last chance since the last REF."""
        self._due_ps = [refi_ps] * ranks
        """When the next REF is due, for each rank."""
        self._free_since_ps = [0] * ranks
        self.now_ps = self.open_ps = self.bank_open_ps = self.refreshes = 0

    @property
    def held_ps(self) -> int:
        """Time for which ranks are used, summed over those that have commands.

        Each is until its last command is over, and at least until the last one of the channel in
        the last segment that names the rank.
        """
        return sum(self._free_since_ps)

    @property
    def passed(self) -> tuple[int, ...]:
        """What a :class:`~pimsim.dram.timeline.timeline.Passed` has of it."""
        return self.now_ps, self.held_ps, self.open_ps, self.bank_open_ps, self.refreshes

    def run(self, lane: Lane, runs: Sequence[Run]) -> None:
        """Let the banks of a lane execute runs."""
        if self._refi_ps:
            self._refresh_idle(lane)
        self._call(lane.names)
        lane = lane.like
        if self._refi_ps:
            for run in runs:
                for cycle, times in _loops(run):
                    self._repeat(lane.plan(cycle), times)
        else:
            self._bare(lane, runs)
        self._end(lane.ranks)

    def _bare(self, lane: Lane, runs: Sequence[Run]) -> None:
        """Execute runs without refresh: each that comes again in the same state is known."""
        known: dict[tuple[int, int, int], tuple[int, int, int, int]] = {}
        state, took_ps, open_ps, bank_open_ps = self._state, 0, 0, 0
        for run in runs:
            key = state, id(run.cycle), run.times
            found = known.get(key)
            if found is None:
                found = state, 0, 0, 0
                for cycle, times in _loops(run):
                    after, *more = lane.plan(cycle).cache(found[0]).after(times)
                    found = after, *map(add, found[1:], more)
                known[key] = found
            state = found[0]
            took_ps += found[1]
            open_ps += found[2]
            bank_open_ps += found[3]
        self._go(state, took_ps, open_ps, bank_open_ps)

    def rounds(self, parts: Sequence[Steps], times: int) -> list[list[int]]:
        """Execute parts in order, and all of that ``times`` times, in compiled code.

        The channel must have one rank, and refresh must be on. Returns what passed in each part,
        summed over all times, in the form of :attr:`passed`.
        """
        steps = [step for part, _ in parts for step in part]
        numbers = [(self._tables.number(plan), each) for plan, each in steps]
        numbered = np.array(numbers, np.int64).reshape(-1, 2)
        ends = np.cumsum([0, *(len(part) for part, _ in parts)])
        laid = np.array([ends[:-1], ends[1:], [each for _, each in parts]], np.int64).T
        spent, beside = np.zeros((len(parts), 5), np.int64), [[0] * 5 for _ in parts]
        stream = leaps.Stream(times, self._refi_ps, np.ascontiguousarray(laid), numbered, spent)
        at = np.array([0, 0, 0, 0, -1], np.int64)
        bound = Bound(stream), Bound(at)
        self._call(self._lockstep.names)
        while True:
            start_ps = self._front_ps
            due_ps, free_ps = self._due_ps[0] - start_ps, self._free_since_ps[0] - start_ps
            where = [self._state, 0, 0, 0, 0, due_ps, free_ps, self.now_ps - start_ps]
            now = np.array(where, np.int64)
            known = self._tables.walk(*bound, now, self._lockstep.frees_ps())
            state, took_ps, opened_ps, banks_ps, refreshes, due_ps, free_ps, end_ps = now.tolist()
            self._go(state, took_ps, opened_ps, banks_ps)
            self.refreshes += refreshes
            self._due_ps[0], self._free_since_ps[0] = start_ps + due_ps, start_ps + free_ps
            self.now_ps = start_ps + end_ps
            if known:
                return [list(map(add, *each)) for each in zip(spent.tolist(), beside, strict=True)]
            left, part = int(at[leaps.LEFT]), int(at[leaps.PART])
            if left > 0:  # else a state that is new ends the part
                before = self.passed
                plan = steps[int(laid[part, leaps.FIRST] + at[leaps.STEP])][0]
                at[leaps.LEFT] = left - self._step(plan, left)
                more = map(sub, self._up_to_here(), before)
                beside[part] = list(map(add, beside[part], more))

    def _call(self, names: tuple[int, ...]) -> None:
        """Write the state in terms of the banks ``names``."""
        if names is not self._names:
            self._state = self._lockstep.renamed(self._state, self._names, names)
            self._names = names

    def _up_to_here(self) -> tuple[int, ...]:
        """What has passed so far, if the rank were free right after its last command."""
        self._free_since_ps[0] = self._front_ps
        self.now_ps = max(self.now_ps, self._front_ps)
        return self.passed

    def _step(self, plan: LanePlan, times: int) -> int:
        """Go on where compiled code cannot; return the number of repetitions, possibly 0."""
        if times >= leaps.LONG or not _is_simple(plan):
            self._repeat(plan, times)
            return times
        if not self._tables.holds(plan, self._state):
            return self._to_refresh(plan, times, leaping=False)
        cache = plan.cache(self._state)
        free = cache.free(times, self._dues_ps(plan.lane))
        if free:
            self._go(*cache.after(free))
        if free == times:
            return free
        state, due_ps = self._state, self._due_ps[0] - self._front_ps
        key = state, bisect_left(plan.chances_ps(state), due_ps)
        known, done = plan.refreshed.get(key), free
        if known is None or not self._is_all(known, due_ps):
            self._run_cycle(plan)
            done += 1
        if key in plan.refreshed and self._tables.holds(plan, state):
            self._tables.note(plan, *key, plan.refreshed[key])
        elif done == free:
            self._run_cycle(plan)
            done += 1
        return done

    def relative(self, ranks: Sequence[int], base_ps: int) -> tuple[object, ...]:
        """Everything that decides how the stream goes on, independent of the current time."""
        dues_ps = (self._due_ps[rank] - base_ps for rank in ranks) if self._refi_ps else ()
        free_ps = (self._free_since_ps[rank] - base_ps for rank in ranks)
        front_ps, now_ps = self._front_ps - base_ps, self.now_ps - base_ps
        return self._state, self._names, front_ps, now_ps, *dues_ps, *free_ps

    def mark(self) -> Mark:
        """The current position."""
        return Mark(
            *self._passed_ps(),
            self.now_ps,
            self.refreshes,
            tuple(self._due_ps),
            tuple(self._free_since_ps),
        )

    def again(self, mark: Mark, times: int) -> None:
        """Repeat ``times`` times what was done since a mark whose state was the present one."""

        def after(then: int, now: int) -> int:
            return now + times * (now - then)

        now = self.mark()
        self._front_ps, *opened_ps, self.now_ps, self.refreshes = map(after, mark[:5], now[:5])
        self.open_ps, self.bank_open_ps = opened_ps
        if self._refi_ps:
            self._due_ps = [*map(after, mark.due_ps, now.due_ps)]
        self._free_since_ps = [*map(after, mark.free_since_ps, now.free_since_ps)]

    def _end(self, ranks: Sequence[int]) -> None:
        """Note until when ranks are busy."""
        for rank in ranks:
            free_ps = self._front_ps + self._lockstep.free_ps(self._state, rank)
            self._free_since_ps[rank] = free_ps
            self.now_ps = max(self.now_ps, free_ps)

    def sustained_ps(self, plan: LanePlan) -> Fraction:
        """Time of one repetition once repetitions have become periodic."""
        if self._refi_ps:
            times, took_ps = self._repeat(plan, 1 << 62, once=True)
        else:
            times, took_ps = plan.cache(self._state).period()
        return Fraction(took_ps, times)

    def _refresh_idle(self, lane: Lane) -> None:
        """Count the REFs that ranks got while segments left them out."""
        for rank in lane.ranks:
            at_ps = max(self._due_ps[rank], self._free_since_ps[rank])
            while at_ps + self._rfc_ps <= self._front_ps:
                self._refreshed(rank)
                self.open_ps += self._rfc_ps
                self.bank_open_ps += self._rfc_ps * self._lockstep.banks_of_rank
                at_ps = max(self._due_ps[rank], at_ps + self._rfc_ps)

    def _repeat(self, plan: LanePlan, times: int, *, once: bool = False) -> tuple[int, int]:
        """Run a row cycle ``times`` times; return repetitions and time of a period, if found.

        With ``once``, stop when that is known.
        """
        seen: dict[tuple[int, ...], tuple[int, Mark]] = {}
        period = 0, 0
        # A cycle that comes only once may be a single ACT, which cannot be repeated.
        leaping = bool(self._refi_ps) and plan.opens and times > 1 and _is_simple(plan)
        while times:
            leaps = leaping and plan.met_often(self._state)
            done = self._leap(plan, times) if leaps else 0
            if not done:
                done = self._to_refresh(plan, times, leaps)
            times -= done
            if not times:
                break
            key = (self._state, *self._dues_ps(plan.lane))
            if key not in seen:
                if len(seen) < SEEN or not key[1] % _SEEN_LATER:
                    seen[key] = times, self.mark()
                continue
            then, mark = seen[key]
            period = then - times, self._front_ps - mark.front_ps
            if once:
                break
            rounds, times = divmod(times, period[0])
            self.again(mark, rounds)
            seen.clear()
        return period

    def _leap(self, plan: LanePlan, times: int) -> int:
        """Run the repetitions up to and including one with a REF, if known; return how many."""
        rank = plan.lane.ranks[0]
        due_ps = self._due_ps[rank] - self._front_ps
        far_ps = plan.far_chances_ps(self._state, self._refi_ps)
        number = bisect_left(far_ps, due_ps)
        known = plan.leaps.get((self._state, number)) if number < len(far_ps) else None
        if known is None or known[0] > times or not self._is_all(known[1], due_ps):
            return 0
        self._move(known[1])
        self._refreshed(rank)
        return known[0]

    def _to_refresh(self, plan: LanePlan, times: int, leaping: bool) -> int:
        """Run repetitions up to the first with a REF, and that one; return how many."""
        state, refs, before = self._state, self.refreshes, self._passed_ps()
        dues_ps = self._dues_ps(plan.lane)
        cache, free = plan.cache(state), times
        if self._refi_ps and plan.opens:
            free = cache.free(times, dues_ps)
        if free:
            self._go(*cache.after(free))
        if free == times:
            return free
        self._run_cycle(plan)
        if leaping and self.refreshes == refs + 1:
            far_ps = plan.far_chances_ps(state, self._refi_ps)
            number = bisect_left(far_ps, dues_ps[0])
            if number < len(far_ps):  # otherwise several due times have this number
                plan.leaps[state, number] = free + 1, self._since(before)
        return free + 1

    def _run_cycle(self, plan: LanePlan) -> None:
        """Run one repetition, with the REFs that are due in it."""
        if not _is_simple(plan):
            return self._by_chunks(plan)
        rank, before, refreshes = plan.lane.ranks[0], self._passed_ps(), self.refreshes
        due_ps = self._due_ps[rank] - self._front_ps
        key = self._state, bisect_left(plan.chances_ps(self._state), due_ps)
        move = plan.refreshed.get(key)
        if move is not None and self._is_all(move, due_ps):
            self._chance_ps = self._front_ps + move.chance_ps[0]
            self._move(move)
            self._refreshed(rank)
            return None
        self._by_chunks(plan)
        if self.refreshes == refreshes + 1:
            plan.refreshed[key] = self._since(before)
        return None

    def _passed_ps(self) -> tuple[int, int, int]:
        """Time that has passed, and open time of ranks and of banks."""
        return self._front_ps, self.open_ps, self.bank_open_ps

    def _since(self, before: tuple[int, int, int]) -> Transition:
        """The move, with one REF, since :meth:`_passed_ps` was ``before``."""
        took_ps, open_ps, bank_open_ps = map(sub, self._passed_ps(), before)
        last_ps = self._chance_ps - before[0]
        return Transition(self._state, took_ps, open_ps, bank_open_ps, (last_ps,))

    def _is_all(self, move: Transition, due_ps: int) -> bool:
        """Whether a move needs only one REF, due at that time: a second has no chance in it."""
        return move.chance_ps[0] < due_ps + self._refi_ps

    def _by_chunks(self, plan: LanePlan) -> None:
        whole = plan.whole(self._state)
        first = whole.free(self._dues_ps(plan.lane))
        self._go_in(whole, first)
        for chunk in plan.chunks[first:]:
            self._chunk(plan.lane, chunk)

    def _chunk(self, lane: Lane, chunk: CommandChunk) -> None:
        first = 0
        while True:
            span = chunk.span(self._state, first)
            free = span.free(self._dues_ps(lane))
            if free and span.chances_ps[0][free - 1] != NO_CHANCE_PS:
                self._chance_ps = self._front_ps + span.chances_ps[0][free - 1]
            self._go_in(span, free)
            first += free
            if first == len(chunk.kinds):
                return
            self._beat(lane, chunk.kinds[first])
            first += 1

    def _beat(self, lane: Lane, kind: Kind) -> None:
        """One command over the banks, REF before each chance at which it is due."""
        first = 0
        while True:
            beat = lane.beat(self._state, kind, first)
            dues_ps = self._dues_ps(lane)
            chance = next((c for c in beat.chances if c.at_ps >= dues_ps[c.rank]), None)
            if chance is None:
                if beat.chances:
                    self._chance_ps = self._front_ps + beat.chances[-1].at_ps
                return self._move(beat)
            self._move(lane.refresh(self._state, kind, first, chance.slot))
            self._refreshed(lane.ranks[chance.rank])
            first = chance.slot

    def _dues_ps(self, lane: Lane) -> list[int]:
        """How long until REF is due, for each rank of the lane; less than 0 if it is late."""
        front_ps = self._front_ps
        return [self._due_ps[rank] - front_ps for rank in lane.ranks]

    def _refreshed(self, rank: int) -> None:
        self._due_ps[rank] += self._refi_ps
        self.refreshes += 1

    def _move(self, move: Transition) -> None:
        self._go(move.after, move.took_ps, move.open_ps, move.bank_open_ps)

    def _go_in(self, chain: TransitionChain, moves: int) -> None:
        """Advance by the first ``moves`` moves of a chain."""
        self._go(
            chain.states[moves],
            chain.starts_ps[moves],
            chain.opens_ps[moves],
            chain.bank_opens_ps[moves],
        )

    def _go(self, state: int, took_ps: int, open_ps: int, bank_open_ps: int) -> None:
        self._state = state
        self._front_ps += took_ps
        self.open_ps += open_ps
        self.bank_open_ps += bank_open_ps


def _is_simple(plan: LanePlan) -> bool:
    """Whether it pays to remember what a row cycle with a REF takes."""
    return len(plan.lane.ranks) == 1 and len(plan.chunks) <= _FEW_CHUNKS


@lru_cache(maxsize=1024)
def beats(cycle: RowCycle) -> int:
    """Commands of a row cycle, of one bank."""
    return sum(times for _, times in cycle)


def _loops(run: Run) -> Iterator[tuple[RowCycle, int]]:
    """What to repeat, and how often: the row cycle, or its single commands if it is very long."""
    if beats(run.cycle) <= LONG_CYCLE_BEATS:
        yield run.cycle, run.times
        return
    for _ in range(run.times):
        for kind, times in run.cycle:
            yield ((kind, 1),), times
