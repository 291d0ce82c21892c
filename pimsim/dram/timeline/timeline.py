"""How long a stream takes, without walking what repeats.

>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.timeline.command_stream import Run, Segment
>>> timeline = Timeline(load("ddr3-1600-8-8-8"), ModelOptions(faw=False, refresh=False))
>>> row_and = Run(((Kind.AAP, 4),), 1_000_000_000)
>>> timeline.run(Segment((row_and,), banks=tuple(range(8))))
>>> timeline.now_ps
196000000000000
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, lru_cache, partial

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address, effective_timing
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import RowCycle, Run, Segment
from pimsim.dram.timeline.cycles import CommandChunk, Lane, LanePlan
from pimsim.dram.timeline.lockstep import Lockstep, Transition
from pimsim.errors import InputError

_LONG_CYCLE_BEATS = 1 << 16
"""Longer row cycles are run one command after the other, each a repetition of its own."""

_FEW_CHUNKS = 16
"""Up to here a row cycle in one rank is remembered as a whole for each place of a REF in it."""

_SEEN, _SEEN_LATER = 4096, 64
"""Situations after a REF that are remembered to find the period: the first, then only some, for
where times share no coarse grid (DDR4-2400) a period can be half a million REFs long."""

_KEPT = 4
"""Pairs of a standard and options of which is remembered what was worked out."""
_MET = 4_000
"""States that it may have taken: some 10 KB each, with all that begins at them."""


class _WorkedOut(threading.local):
    """What timelines have worked out, of the last few standards and options.

    Each thread has its own: what is not known yet is worked out in the one scheduler of a Lockstep.
    """

    def __init__(self) -> None:
        self._kept = lru_cache(maxsize=_KEPT)(self._nothing)

    def of(self, standard: Standard, options: ModelOptions) -> tuple[Lockstep, Callable[..., Lane]]:
        """Return what is known, unless that has become too much: then it is worked out anew."""
        lockstep, lane = self._kept(standard, options)
        if lockstep.met <= _MET:
            return lockstep, lane
        self._kept.cache_clear()
        return self._kept(standard, options)

    @staticmethod
    def _nothing(standard: Standard, options: ModelOptions) -> tuple[Lockstep, Callable[..., Lane]]:
        """States, and lanes by the banks within a channel, alike in all channels."""
        lockstep = Lockstep(standard, options)
        return lockstep, cache(partial(Lane, lockstep))


_WORKED_OUT = _WorkedOut()


class Timeline:
    """Time, open time and REFs of a stream: exactly those of issuing every command.

    What was worked out for one segment serves all that come later, in other timelines of the same
    standard and options too. Raises :class:`~pimsim.errors.InputError` for a bank that the standard
    does not have.

    Ranks that no segment names are not refreshed here, nor is a rank after the last segment that
    names it; :attr:`held_ps` is the time over which ranks are. Whoever wants the energy of all
    refreshes, idle ranks included, takes one REF a rank for every tREFI of ``now_ps``.
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        self._standard = standard
        lockstep, self._lane = _WORKED_OUT.of(standard, options)
        refi_ps = effective_timing(standard, options).t_refi_ps if options.refresh else 0
        rfc_ps = effective_timing(standard, options).t_rfc_ps
        self._channels = [
            ChannelStream(lockstep, standard.ranks, refi_ps, rfc_ps)
            for _ in range(standard.channels)
        ]
        self.parts = cache(self._parts)

    @property
    def now_ps(self) -> int:
        """When every bank so far is precharged and may be activated again; never decreases."""
        return max(channel.now_ps for channel in self._channels)

    @property
    def open_ps(self) -> int:
        """Time during which a rank has a bank open or is refreshing, summed over ranks."""
        return sum(channel.open_ps for channel in self._channels)

    @property
    def held_ps(self) -> int:
        """Time until the last command of a rank is over, summed over the ranks that have any."""
        return sum(channel.held_ps for channel in self._channels)

    @property
    def refreshes(self) -> int:
        """REFs so far, those of all ranks together."""
        return sum(channel.refreshes for channel in self._channels)

    def run(self, segment: Segment) -> None:
        """Let the stream go on by one segment."""
        for channel, lane in self.parts(segment.banks, segment.to):
            channel.run(lane, segment.runs)

    def _parts(
        self, banks: tuple[int, ...], to: tuple[int, ...]
    ) -> list[tuple[ChannelStream, Lane]]:
        """Where the streams of the banks' channels stand, and the banks in each."""
        of_channel: dict[int, list[list[int]]] = {}
        banks_of_channel = self._standard.ranks * self._standard.banks
        for pair in zip(banks, to, strict=True) if to else ((bank,) for bank in banks):
            places = [bank_address(self._standard, bank) for bank in pair]
            if places[0][:2] != places[-1][:2]:
                raise InputError(f"`to` must be banks of the ranks of {banks}, not {to}")
            within = [bank % banks_of_channel for bank in pair]
            of_channel.setdefault(places[0].channel, []).append(within)
        return [
            (self._channels[channel], self._lane(*zip(*pairs, strict=True)))
            for channel, pairs in of_channel.items()
        ]


class ChannelStream:
    """Where the stream of one channel stands."""

    def __init__(self, lockstep: Lockstep, ranks: int, refi_ps: int, rfc_ps: int) -> None:
        self._lockstep = lockstep
        self._refi_ps, self._rfc_ps = refi_ps, rfc_ps
        self._state = lockstep.fresh
        self._front_ps = 0
        """Time of the last command."""
        self._due_ps = [refi_ps] * ranks
        """When the next REF is due, for each rank."""
        self._free_since_ps = [0] * ranks
        self.now_ps = self.open_ps = self.refreshes = 0

    @property
    def held_ps(self) -> int:
        """Time until the last command of a rank is over, summed over the ranks that have any."""
        return sum(self._free_since_ps)

    def run(self, lane: Lane, runs: Sequence[Run]) -> None:
        """Let the banks of a lane execute runs."""
        if self._refi_ps:
            self._refresh_idle(lane)
        for run in runs:
            for cycle, times in _loops(run):
                self._repeat(lane.plan(cycle), times)
        for rank in lane.ranks:
            free_ps = self._front_ps + self._lockstep.free_ps(self._state, rank)
            self._free_since_ps[rank] = free_ps
            self.now_ps = max(self.now_ps, free_ps)

    def sustained_ps(self, plan: LanePlan) -> Fraction:
        """Time of one repetition once the same comes round and round."""
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
                at_ps = max(self._due_ps[rank], at_ps + self._rfc_ps)

    def _repeat(self, plan: LanePlan, times: int, *, once: bool = False) -> tuple[int, int]:
        """Run a row cycle so many times; return the repetitions and time of a period, if met.

        With ``once``, stop when that is known.
        """
        seen: dict[tuple[int, ...], tuple[int, int, int, int]] = {}
        period = 0, 0
        # What comes but once may be an ACT alone, which cannot be repeated.
        leaping = bool(self._refi_ps) and plan.opens and times > 1 and _is_simple(plan)
        while times:
            done = self._leap(plan, times) if leaping else 0
            if not done:
                done = self._to_refresh(plan, times, leaping)
            times -= done
            if not times:
                break
            key = (self._state, *self._dues_ps(plan.lane))
            if key not in seen:
                if len(seen) < _SEEN or not key[1] % _SEEN_LATER:
                    seen[key] = times, self._front_ps, self.open_ps, self.refreshes
                continue
            then, front_ps, open_ps, refreshes = seen[key]
            period = then - times, self._front_ps - front_ps
            if once:
                break
            rounds = times // period[0]
            times -= rounds * period[0]
            self._go(self._state, rounds * period[1], rounds * (self.open_ps - open_ps))
            self.refreshes += rounds * (self.refreshes - refreshes)
            for rank in plan.lane.ranks:
                self._due_ps[rank] += rounds * period[1]
            seen.clear()
        return period

    def _leap(self, plan: LanePlan, times: int) -> int:
        """Run the repetitions up to a REF, and the one with it, if they are known; how many."""
        rank = plan.lane.ranks[0]
        due_ps = self._due_ps[rank] - self._front_ps
        far_ps = plan.far_chances_ps(self._state, self._refi_ps)
        number = bisect_left(far_ps, due_ps)
        known = plan.leaps.get((self._state, number)) if number < len(far_ps) else None
        if known is None or known[0] > times or known[1].took_ps >= due_ps + self._refi_ps:
            return 0
        self._move(known[1])
        self._refreshed(rank)
        return known[0]

    def _to_refresh(self, plan: LanePlan, times: int, leaping: bool) -> int:
        """Run repetitions up to the first with a REF, and that one; return how many."""
        state, start_ps, open_ps, refs = self._state, self._front_ps, self.open_ps, self.refreshes
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
            if number < len(far_ps):  # else more than one due time has this number
                took_ps, opened_ps = self._front_ps - start_ps, self.open_ps - open_ps
                plan.leaps[state, number] = (
                    free + 1,
                    Transition(self._state, took_ps, opened_ps, ()),
                )
        return free + 1

    def _run_cycle(self, plan: LanePlan) -> None:
        """One repetition that has a chance for a REF that is due."""
        if not _is_simple(plan):
            return self._by_chunks(plan)
        rank, start_ps, refreshes = plan.lane.ranks[0], self._front_ps, self.refreshes
        due_ps = self._due_ps[rank] - start_ps
        key = self._state, bisect_left(plan.chances_ps(self._state), due_ps)
        move = plan.refreshed.get(key)
        if move is not None and move.took_ps < due_ps + self._refi_ps:  # one REF is all
            self._move(move)
            self._refreshed(rank)
            return None
        open_ps = self.open_ps
        self._by_chunks(plan)
        if self.refreshes == refreshes + 1:
            took_ps = self._front_ps - start_ps
            plan.refreshed[key] = Transition(self._state, took_ps, self.open_ps - open_ps, ())
        return None

    def _by_chunks(self, plan: LanePlan) -> None:
        whole = plan.whole(self._state)
        first = whole.free(self._dues_ps(plan.lane))
        self._go(whole.states[first], whole.starts_ps[first], whole.opens_ps[first])
        for chunk in plan.chunks[first:]:
            self._chunk(plan.lane, chunk)

    def _chunk(self, lane: Lane, chunk: CommandChunk) -> None:
        first = 0
        while True:
            span = chunk.span(self._state, first)
            free = span.free(self._dues_ps(lane))
            self._go(span.states[free], span.starts_ps[free], span.opens_ps[free])
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
        self._go(move.after, move.took_ps, move.open_ps)

    def _go(self, state: int, took_ps: int, open_ps: int) -> None:
        self._state = state
        self._front_ps += took_ps
        self.open_ps += open_ps


def _is_simple(plan: LanePlan) -> bool:
    """Whether what a row cycle with a REF takes is worth remembering."""
    return len(plan.lane.ranks) == 1 and len(plan.chunks) <= _FEW_CHUNKS


def _loops(run: Run) -> Iterator[tuple[RowCycle, int]]:
    """What to repeat how often: the row cycle, or if that is very long, its commands one by one."""
    if sum(times for _, times in run.cycle) <= _LONG_CYCLE_BEATS:
        yield run.cycle, run.times
        return
    for _ in range(run.times):
        for kind, times in run.cycle:
            yield ((kind, 1),), times


def sustained_ps(
    standard: Standard, options: ModelOptions, cycle: RowCycle, banks: tuple[int, ...]
) -> Fraction:
    """Return the time of a repetition of a row cycle in the long run, refresh included if it is on.

    >>> from pimsim.dram.standard.standard import load
    >>> row_and = ((Kind.AAP, 4),)
    >>> sustained_ps(load("ddr3-1600-8-8-8"), ModelOptions(refresh=False), row_and, tuple(range(8)))
    Fraction(480000, 1)
    """
    segment = Segment((Run(cycle, 1),), banks)
    parts = Timeline(standard, options).parts(segment.banks, segment.to)
    return max(channel.sustained_ps(lane.plan(cycle)) for channel, lane in parts)
