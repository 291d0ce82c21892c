"""When each command of a stream issues, segment by segment, many commands at a time.

Times are those of :func:`pimsim.dram.timeline.command_stream.walk`; or, on a bus, those of a
controller with a clock and a command bus (:class:`~pimsim.dram.scheduler.bus.BusScheduler`). From
equal states, equal commands lead to equal states in equal time. So a *beat* (one command in every
bank) and a row cycle are scheduled only once for each state that they meet.

>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.timeline.command_stream import Run
>>> issues = Issues(load("ddr3-1600-8-8-8"), ModelOptions(), on_bus=True)
>>> (issued,) = issues.run(Segment((Run(((Kind.AAP, 2),), 1),), banks=(0, 1)))
>>> issued.at_ps.tolist(), issued.bank.tolist()
([0, 11250, 50000, 61250], [0, 1, 0, 1])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.bank_state import State
from pimsim.dram.scheduler.bus import BusScheduler
from pimsim.dram.scheduler.constraints import effective_timing
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import Segment, Slot
from pimsim.dram.traces.lanes import Lane, Lanes, Layout, layout_of
from pimsim.errors import InputError

_PIECE = 1 << 16
"""Approximate number of commands in a piece."""
_MET = 4_000
"""Most states that are remembered, with the moves that begin at them."""


class Refresh(NamedTuple):
    """A REF, before the command at a place of a piece or beat."""

    place: int
    at_ps: int
    bank: int


class Piece(NamedTuple):
    """Some commands of a segment in the order of issue, ``(commands,)`` each; REFs separately."""

    at_ps: NDArray[np.int64]
    kind: NDArray[np.int64]
    bank: NDArray[np.int64]
    to: NDArray[np.int64]
    """-1 where there is none."""
    refreshes: list[Refresh]
    wait_clocks: NDArray[np.int64]
    """How long the bus held each command back."""


@dataclass(slots=True, eq=False)
class _Move:
    """A move from a state to the next; times count from the channel's last command before it."""

    at_ps: NDArray[np.int64]
    after: int
    took_ps: int
    chance_ps: dict[int, int]
    """For each rank, the last chance: a command that opens a row while all banks are closed, and
    that a REF may precede."""
    chances: list[tuple[int, int, int]]
    """All chances, as time, rank and place; only for a beat."""
    refreshes: list[Refresh]
    wait_clocks: NDArray[np.int64]


@dataclass(slots=True)
class _Channel:
    """The position of a stream in a channel."""

    state: int
    front_ps: int = 0
    refs: list[int] = field(default_factory=list)
    """REFs so far, of each rank."""
    free_since_ps: dict[int, int] = field(default_factory=dict)
    """When each rank that segments have named was last used."""


class Issues:
    """Issues the segments of a stream, only as far as somebody asks for them.

    Args:
        standard: the DRAM.
        options: options of the run.
        on_bus: times on clock edges, one command of a channel at a time; else the times of the run.

    On a bus, ranks that a segment leaves out get their REFs as they fall due.
    """

    def __init__(self, standard: Standard, options: ModelOptions, *, on_bus: bool) -> None:
        one, bare = replace(standard, channels=1), replace(options, refresh=False)
        options = replace(options, clocked=True) if on_bus else options
        self._bus = BusScheduler(one, bare) if on_bus else None
        self._scheduler = self._bus or Scheduler(one, bare)
        timing = effective_timing(standard, options)
        self._refi_ps = timing.t_refi_ps if options.refresh else 0
        self._rfc_ps = timing.t_rfc_ps
        self._standard = standard
        self._banks = standard.ranks * standard.banks
        self._forget(None)
        self._channels = [
            _Channel(self._number(), refs=[0] * standard.ranks) for _ in range(standard.channels)
        ]

    def run(self, segment: Segment) -> Iterator[Piece]:
        """Issue a segment; where its pieces end does not depend on the times.

        Raises :class:`~pimsim.errors.InputError` for a bank that the standard does not have.
        """
        for bank in (*segment.banks, *segment.to):
            if not 0 <= bank < self._standard.all_banks:
                raise InputError(f"`bank` must be 0 to {self._standard.all_banks - 1}, not {bank}")
        if not segment.runs:
            return
        used = sorted({bank // self._banks for bank in segment.banks})
        ranks = {
            number: sorted({self._rank(bank % self._banks) for bank in segment.banks
                            if bank // self._banks == number}) for number in used
        }  # fmt: skip
        early = [refresh for number in used for refresh in self._idle(number, ranks[number])]
        for run in segment.runs:
            layout = layout_of(run.cycle, segment.banks, segment.to, self._banks)
            each = len(layout.kind)
            for start in range(0, run.times, max(1, _PIECE // each)):
                times = min(run.times - start, max(1, _PIECE // each))
                found = Piece(
                    np.empty(times * each, np.int64),
                    np.tile(layout.kind, times), np.tile(layout.bank, times),
                    np.tile(layout.to, times), early,
                    np.zeros(times * each, np.int64),
                )  # fmt: skip
                for number, places in layout.places.items():
                    self._cycles(number, ranks[number], layout, places, found, times)
                found.refreshes.sort(key=lambda refresh: refresh.place)
                yield found
                early = []
        for number in used:
            channel = self._channels[number]
            in_ranks = self._states[channel.state][1]
            for rank in ranks[number]:
                channel.free_since_ps[rank] = channel.front_ps + in_ranks[rank][3]

    def _rank(self, bank: int) -> int:
        return bank // self._standard.banks

    # -- a channel ---------------------------------------------------------------------------

    def _due_ps(self, channel: _Channel, rank: int) -> int:
        return (channel.refs[rank] + 1) * self._refi_ps

    def _idle(self, number: int, ranks: Sequence[int]) -> Iterator[Refresh]:
        """REFs that ranks got while segments left them out."""
        channel = self._channels[number]
        if not self._refi_ps or self._bus is not None:
            return
        for rank in ranks:
            at_ps = max(self._due_ps(channel, rank), channel.free_since_ps.get(rank, 0))
            while at_ps + self._rfc_ps <= channel.front_ps:
                yield Refresh(0, at_ps, self._first_bank(number, rank))
                channel.refs[rank] += 1
                at_ps = max(self._due_ps(channel, rank), at_ps + self._rfc_ps)

    def _first_bank(self, number: int, rank: int) -> int:
        return number * self._banks + rank * self._standard.banks

    def _cycles(
        self,
        number: int,
        ranks: Sequence[int],
        layout: Layout,
        places: NDArray[np.intp],
        found: Piece,
        times: int,
    ) -> None:
        """Issue ``times`` row cycles in one channel, and write their commands to their places."""
        channel, each = self._channels[number], len(layout.kind)
        lanes = layout.lanes[number]
        idle = [rank for rank in channel.free_since_ps if rank not in ranks] if self._bus else []
        moves: list[_Move] = []
        fronts: list[int] = []
        for cycle in range(times):
            if len(self._states) > _MET:
                self._forget(channel)
            move = self._chain(channel.state, lanes)
            if not self._fits(channel, move, idle):
                base = cycle * each
                for beat, lane in enumerate(lanes):
                    at = self._beats(channel, number, lane, idle)
                    start = layout.starts[number][beat]
                    moves.append(at)
                    fronts.append(channel.front_ps)
                    for refresh in at.refreshes:
                        where = base + int(places[start + refresh.place])
                        bank = number * self._banks + refresh.bank
                        at_ps = channel.front_ps + refresh.at_ps
                        found.refreshes.append(Refresh(where, at_ps, bank))
                    self._go(channel, at)
                continue
            moves.append(move)
            fronts.append(channel.front_ps)
            self._go(channel, move)
        sizes = [len(move.at_ps) for move in moves]
        all_ps = np.concatenate([move.at_ps for move in moves])
        all_ps += np.repeat(np.array(fronts, np.int64), sizes)
        waits = np.concatenate([move.wait_clocks for move in moves])
        for column, values in ((found.at_ps, all_ps), (found.wait_clocks, waits)):
            column.reshape(times, each)[:, places] = values.reshape(times, len(places))

    def _go(self, channel: _Channel, move: _Move) -> None:
        channel.state = move.after
        channel.front_ps += move.took_ps

    def _fits(self, channel: _Channel, move: _Move, idle: Sequence[int]) -> bool:
        """Whether no REF is due by any of the chances for one."""
        if not self._refi_ps:
            return True
        front_ps = channel.front_ps
        return all(
            front_ps + at_ps < self._due_ps(channel, rank) for rank, at_ps in move.chance_ps.items()
        ) and all(front_ps + move.took_ps < self._due_ps(channel, rank) for rank in idle)

    def _beats(self, channel: _Channel, number: int, lane: Lane, idle: Sequence[int]) -> _Move:
        """One command in every bank of a lane, with the REFs before or between them."""
        move = self._beat(channel.state, lane)
        if self._fits(channel, move, idle):
            return move
        if not idle and len(move.chance_ps) == 1:  # one rank: the effect of a REF can be remembered
            ((rank, _),) = move.chance_ps.items()
            due_ps = self._due_ps(channel, rank) - channel.front_ps
            first = next(i for i, chance in enumerate(move.chances) if chance[0] >= due_ps)
            refreshed = self._refreshed(channel.state, lane, move.chances[first][2])
            if refreshed.chance_ps[rank] < due_ps + self._refi_ps:
                channel.refs[rank] += 1
                return refreshed
        return self._one_by_one(channel, lane, idle)

    def _one_by_one(self, channel: _Channel, lane: Lane, idle: Sequence[int]) -> _Move:
        """The same, command by command."""
        kind = lane.kind
        scheduler, front_ps, refreshes = self._scheduler, channel.front_ps, []
        scheduler.restore(self._states[channel.state])
        issued: list[tuple[int, int]] = []
        for place, (bank, to) in enumerate(lane.slots):
            rank = self._rank(bank)

            def refresh(of: int, place: int = place) -> None:
                first = of * self._standard.banks
                at = scheduler.issue_earliest(Kind.REF, first, scheduler.front_ps(first))
                refreshes.append(Refresh(place, at, first))
                channel.refs[of] += 1

            for other in idle:
                while front_ps + scheduler.earliest_ps(kind, bank, to=to) >= self._due_ps(
                    channel, other
                ):
                    refresh(other)
            if kind.opens and not scheduler.rank_of(bank).open_banks:
                while front_ps + scheduler.earliest_ps(kind, bank) >= self._due_ps(channel, rank):
                    refresh(rank)
            issued.append(self._issue(kind, (bank, to)))
        return self._moved(issued, [], refreshes)

    # -- what is remembered ------------------------------------------------------------------

    def _forget(self, kept: _Channel | None) -> None:
        """Forget all moves, and begin anew with the states that channels are in now."""
        states = [self._states[each.state] for each in self._channels] if kept else []
        self._states: list[State] = []
        self._numbers: dict[State, int] = {}
        remembered: Callable[..., Callable[..., _Move]] = lru_cache(maxsize=1 << 16)
        self._beat = remembered(self._make_beat)
        self._chain = remembered(self._make_chain)
        self._refreshed = remembered(self._make_refreshed)
        for channel, state in zip(self._channels if kept else [], states, strict=True):
            channel.state = self._numbered(state)

    def _number(self) -> int:
        return self._numbered(self._scheduler.state())

    def _numbered(self, state: State) -> int:
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number

    def _issue(self, kind: Kind, slot: Slot) -> tuple[int, int]:
        """Issue a command; return its time, and how many clocks the bus delayed it."""
        at_ps = self._scheduler.issue_earliest(kind, slot[0], to=slot[1])
        return at_ps, 0 if self._bus is None else self._bus.wait_clocks

    def _moved(
        self,
        issued: list[tuple[int, int]],
        chances: list[tuple[int, int, int]],
        refreshes: list[Refresh],
    ) -> _Move:
        """What has been issued since a state was restored."""
        front_ps = self._scheduler.front_ps(0)
        last_ps = {rank: at for at, rank, _ in chances}
        at_ps, wait_clocks = np.array(issued, np.int64).T.copy()
        return _Move(at_ps, self._number(), front_ps, last_ps, chances, refreshes, wait_clocks)

    def _make_beat(self, state: int, lane: Lane, refresh: int = -1) -> _Move:
        kind = lane.kind
        scheduler, chances, refreshes = self._scheduler, [], []
        scheduler.restore(self._states[state])
        issued: list[tuple[int, int]] = []
        for place, (bank, to) in enumerate(lane.slots):
            if place == refresh:
                first = self._rank(bank) * self._standard.banks
                at = scheduler.issue_earliest(Kind.REF, first, scheduler.front_ps(first))
                refreshes.append(Refresh(place, at, first))
            closed = kind.opens and not scheduler.rank_of(bank).open_banks
            issued.append(self._issue(kind, (bank, to)))
            if closed:
                chances.append((issued[-1][0], self._rank(bank), place))
        return self._moved(issued, chances, refreshes)

    def _make_refreshed(self, state: int, lane: Lane, place: int) -> _Move:
        return self._make_beat(state, lane, place)

    def _make_chain(self, state: int, lanes: Lanes) -> _Move:
        parts: list[NDArray[np.int64]] = []
        waits: list[NDArray[np.int64]] = []
        front_ps, last_ps = 0, dict[int, int]()
        for lane in lanes:
            move = self._beat(state, lane)
            parts.append(move.at_ps + front_ps)
            last_ps |= {rank: front_ps + at_ps for rank, at_ps in move.chance_ps.items()}
            state, front_ps = move.after, front_ps + move.took_ps
            waits.append(move.wait_clocks)
        return _Move(np.concatenate(parts), state, front_ps, last_ps, [], [], np.concatenate(waits))
