"""How long a stream takes, found without walking everything that repeats.

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
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, lru_cache
from operator import add
from typing import NamedTuple, TypeAlias

from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address, effective_timing
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.channel import LONG_CYCLE_BEATS, SEEN, ChannelStream, Mark, Steps, beats
from pimsim.dram.timeline.command_stream import (
    Part,
    Repeated,
    RowCycle,
    Run,
    Segment,
    segments_of,
)
from pimsim.dram.timeline.cycles import Lane, LanePlan, Lanes
from pimsim.dram.timeline.leaps import LONG, LeapTables
from pimsim.dram.timeline.lockstep import Lockstep
from pimsim.errors import InputError

_MANY = 2_000
"""Runs from which on it pays to load compiled code; a run of 64 repetitions counts twice."""
_SOME = 64
"""Runs from which on it pays to call compiled code that is already loaded."""
_COUNTED, _COUNTED_PS = 1 << 38, 1 << 56
"""Most commands, and most time, whose totals compiled code can add up in 64 bits."""
_LAID_OUT = 16
"""Parts for which it is remembered what each channel does."""
_KEPT = 4
"""Pairs of a standard and options for which results are remembered."""
_MET = 4_000
"""Most states that are remembered: each takes some 10 KB, with all that begins at it."""


_Steps: TypeAlias = tuple[ChannelStream, list[tuple[LanePlan, int]]]


class _Known(NamedTuple):
    """What has been worked out for a standard and options."""

    lockstep: Lockstep
    lane: Callable[..., Lane]
    """By the banks within a channel, alike in all channels."""
    tables: LeapTables


class _WorkedOut(threading.local):
    """What timelines have worked out, for the last few standards and options.

    Each thread has its own, because new moves are worked out in the one scheduler of a Lockstep.
    """

    def __init__(self) -> None:
        self._kept = lru_cache(maxsize=_KEPT)(self._nothing)

    def of(self, standard: Standard, options: ModelOptions) -> _Known:
        """Return what is known; if that has grown too large, begin anew."""
        known = self._kept(standard, options)
        if known.lockstep.met <= _MET:
            return known
        self._kept.cache_clear()
        return self._kept(standard, options)

    @staticmethod
    def _nothing(standard: Standard, options: ModelOptions) -> _Known:
        lockstep = Lockstep(standard, options)
        return _Known(lockstep, Lanes(lockstep).of, LeapTables())


_WORKED_OUT = _WorkedOut()


class Passed(NamedTuple):
    """What passes on a timeline."""

    now_ps: int = 0
    held_ps: int = 0
    open_ps: int = 0
    bank_open_ps: int = 0
    refreshes: int = 0

    def plus(self, now: Passed, before: Passed, times: int = 1) -> Passed:
        """Add what has passed from ``before`` until ``now``, ``times`` times."""
        return Passed(
            *(
                own + times * (after - then)
                for own, after, then in zip(self, now, before, strict=True)
            )
        )


_NOTHING = Passed()


class Timeline:
    """Time, open time and REFs of a stream, exactly as if every command were issued.

    What was worked out for one segment serves all later ones, also in other timelines of the same
    standard and options. Raises :class:`~pimsim.errors.InputError` for a bank that the standard
    does not have.

    A rank that no segment names is not refreshed, nor is a rank after the last segment that names
    it. :attr:`held_ps` is the time over which ranks are refreshed. For the energy of all refreshes,
    including those of idle ranks, count one REF in each rank for every tREFI of ``now_ps``.
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        self._standard = standard
        # between two REFs, banks do the same as with refresh off
        known = _WORKED_OUT.of(standard, replace(options, refresh=False))
        self._lane, self._refreshed = known.lane, options.refresh
        refi_ps = effective_timing(standard, options).t_refi_ps if options.refresh else 0
        rfc_ps = effective_timing(standard, options).t_rfc_ps
        self._channels = [
            ChannelStream(known.lockstep, known.tables, standard.ranks, refi_ps, rfc_ps)
            for _ in range(standard.channels)
        ]
        self.parts = cache(self._parts)
        self._steps: dict[int, tuple[Part, list[_Steps]]] = {}
        self._passed: Passed | None = Passed()
        self._come = 0
        """Runs so far, repeated ones counted each time."""

    @property
    def now_ps(self) -> int:
        """Time at which all banks used so far may be activated again; never decreases."""
        return max(channel.now_ps for channel in self._channels)

    @property
    def open_ps(self) -> int:
        """Time during which a rank has a bank open or is refreshing, summed over ranks."""
        return sum(channel.open_ps for channel in self._channels)

    @property
    def bank_open_ps(self) -> int:
        """Time during which a bank is open, summed over banks; a REF counts for all of a rank."""
        return sum(channel.bank_open_ps for channel in self._channels)

    @property
    def held_ps(self) -> int:
        """Time until the last command of a rank is over, summed over the ranks that have any."""
        return sum(channel.held_ps for channel in self._channels)

    @property
    def refreshes(self) -> int:
        """REFs so far, those of all ranks together."""
        return sum(channel.refreshes for channel in self._channels)

    def run(self, part: Part) -> None:
        """Extend the stream by a segment, or by segments that repeat."""
        self._passed = None
        if isinstance(part, Segment) and not self._refreshed:
            for channel, lane in self.parts(part.banks, part.to):
                channel.run(lane, part.runs)
            return
        segments, times = segments_of(part), part.times if isinstance(part, Repeated) else 1
        if self._refreshed and self._standard.ranks == 1 and self._many(segments, times):
            for channel, steps in self._steps_of(part):
                channel.rounds([(steps, times)], 1)
        elif isinstance(part, Repeated):
            self._repeat(segments, times, None)
        else:
            for channel, lane in self.parts(part.banks, part.to):
                channel.run(lane, part.runs)

    def repeat(self, parts: Sequence[Part], times: int) -> list[Passed]:
        """Extend the stream by parts one after the other, and all of that ``times`` times.

        If the stream returns to an earlier state, including the REFs that are due, it will go on as
        it did then, and what lies between is not walked again. Returns what passed in each of the
        parts, summed over all times.
        """
        return self._repeat(parts, times, [Passed()] * len(parts))

    def _repeat(
        self, parts: Sequence[Part], times: int, spent: list[Passed] | None
    ) -> list[Passed]:
        """See :meth:`repeat`; ``spent`` is what passed in each part so far; None: not wanted."""
        self._passed = None
        ranks: dict[ChannelStream, set[int]] = defaultdict(set)
        for part in parts:
            for segment in part.segments if isinstance(part, Repeated) else (part,):
                for channel, lane in self.parts(segment.banks, segment.to):
                    ranks[channel].update(lane.ranks)
        touched = [(channel, sorted(own)) for channel, own in ranks.items()]
        together, most = self._together(parts, times), 1
        seen: dict[tuple[object, ...], tuple[int, list[Passed], list[Mark]]] = {}
        while times:
            key = self._relative(touched)
            if key not in seen:
                if len(seen) < SEEN:
                    marks = [channel.mark() for channel, _ in touched]
                    seen[key] = times, list(spent or ()), marks
                if together is not None:
                    rounds = 1 if len(seen) < SEEN else min(times, most)
                    passed = touched[0][0].rounds(together, rounds)
                    most = max(1, _COUNTED_PS // (1 + sum(each[0] for each in passed) // rounds))
                    if spent is not None:
                        spent = [
                            own.plus(Passed(*more), _NOTHING)
                            for own, more in zip(spent, passed, strict=True)
                        ]
                    self._passed = None
                    times -= rounds
                    continue
                for number, part in enumerate(parts):
                    if spent is None:
                        self.run(part)
                        continue
                    before = self.passed
                    self.run(part)
                    spent[number] = spent[number].plus(self.passed, before)
                times -= 1
                continue
            then, before_then, marks = seen[key]
            rounds, times = divmod(times, then - times)
            self._passed = None
            for (channel, _), mark in zip(touched, marks, strict=True):
                channel.again(mark, rounds)
            if spent is not None:
                spent = [
                    now.plus(now, old, rounds) for now, old in zip(spent, before_then, strict=True)
                ]
            seen.clear()
        return spent or []

    def _together(self, parts: Sequence[Part], times: int) -> list[Steps] | None:
        """The parts in the form for compiled code; None if that should not be used."""
        if not self._refreshed or self._standard.ranks > 1 or self._standard.channels > 1:
            return None
        every = [segment for part in parts for segment in segments_of(part)]
        if not self._many(every, times) or sum(part.commands for part in parts) > _COUNTED:
            return None
        if any(run.times >= LONG for segment in every for run in segment.runs):
            return None
        found: list[Steps] = []
        for part in parts:
            laid = self._steps_of(part)
            steps = laid[0][1] if laid else []
            found.append((steps, part.times if isinstance(part, Repeated) else 1))
        return found if any(steps for steps, _ in found) else None

    @property
    def where(self) -> Hashable:
        """Everything that decides how the stream goes on, independent of the current time."""
        return self._relative([(each, range(self._standard.ranks)) for each in self._channels])

    @property
    def passed(self) -> Passed:
        """What has passed since the stream began."""
        if self._passed is None:
            first, *others = [channel.passed for channel in self._channels]
            for one in others:
                rest = map(add, first[1:], one[1:])
                first = max(first[0], one[0]), *rest
            self._passed = Passed(*first)
        return self._passed

    def _many(self, segments: Sequence[Segment], times: int) -> bool:
        """Whether compiled code pays off, and can take the row cycles as they are."""
        runs = [run for segment in segments for run in segment.runs]
        count = times * sum(1 + run.times // 64 for run in runs)
        self._come += count
        if count < _MANY and (count < _SOME or self._come < _MANY):
            return False
        return all(beats(run.cycle) <= LONG_CYCLE_BEATS for run in runs)

    def _relative(
        self, touched: Sequence[tuple[ChannelStream, Sequence[int]]]
    ) -> tuple[object, ...]:
        """Everything that decides how channels, and their ranks, go on; see :meth:`repeat`."""
        base_ps = max((channel.now_ps for channel, _ in touched), default=self.now_ps)
        own = (channel.relative(ranks, base_ps) for channel, ranks in touched)
        return self.now_ps - base_ps, *own

    def _steps_of(self, part: Part) -> list[_Steps]:
        """What each channel does in a part: row cycles of its banks, each with how often."""
        known = self._steps.get(id(part))
        if known is not None:
            return known[1]
        found: dict[ChannelStream, list[tuple[LanePlan, int]]] = {}
        for segment in segments_of(part):
            for channel, lane in self.parts(segment.banks, segment.to):
                steps = found.setdefault(channel, [])
                steps += [(lane.plan(run.cycle), run.times) for run in segment.runs]
        if len(self._steps) >= _LAID_OUT:
            self._steps.clear()
        self._steps[id(part)] = part, list(found.items())
        return self._steps[id(part)][1]

    def _parts(
        self, banks: tuple[int, ...], to: tuple[int, ...]
    ) -> list[tuple[ChannelStream, Lane]]:
        """The streams of the channels that banks belong to, each with its banks."""
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


def sustained_ps(
    standard: Standard, options: ModelOptions, cycle: RowCycle, banks: tuple[int, ...]
) -> Fraction:
    """Return the time of one repetition of a row cycle in the long run, with refresh if it is on.

    >>> from pimsim.dram.commands import Kind
    >>> from pimsim.dram.standard.standard import load
    >>> row_and = ((Kind.AAP, 4),)
    >>> sustained_ps(load("ddr3-1600-8-8-8"), ModelOptions(refresh=False), row_and, tuple(range(8)))
    Fraction(480000, 1)
    """
    segment = Segment((Run(cycle, 1),), banks)
    parts = Timeline(standard, options).parts(segment.banks, segment.to)
    return max(channel.sustained_ps(lane.plan(cycle)) for channel, lane in parts)
