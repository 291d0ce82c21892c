"""States of a channel, the moves from one to the next, and what refresh needs to know of them.

Apart from refresh, nothing in a DRAM depends on the time of day. From equal states, equal commands
lead to equal states in equal time. Such a *move* is worked out once, by the scheduler.

A *chance* is the time at which a command opens a row of a rank whose banks are all closed. If a REF
is due by then, it goes first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.bank_state import State
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard

NO_CHANCE_PS = -1

StateNumber: TypeAlias = int
"""A state that has been met, by its number."""


@dataclass(slots=True, eq=False)
class Transition:
    """A move from one state to another: how long it takes and what it leaves."""

    after: StateNumber
    took_ps: int
    """Time from the last command before the move to its last command."""
    open_ps: int
    """Time with a bank open or refreshing, summed over ranks."""
    bank_open_ps: int
    """Time that banks are open or refreshing, summed over banks."""
    chance_ps: tuple[int, ...]
    """When the last chance for REF comes, for each rank of the lane; -1 if there is none."""


class RefreshSlot(NamedTuple):
    """A chance: a command that opens a row of a rank whose banks are all closed."""

    at_ps: int
    rank: int
    """Which of the lane's ranks."""
    slot: int
    """Which of the lane's banks."""


class CommandTransition(Transition):
    """One command in the banks of a lane, or in those from one of them on."""

    __slots__ = ("chances",)

    def __init__(
        self,
        after: StateNumber,
        took_ps: int,
        opened_ps: tuple[int, int],
        ranks: int,
        chances: list[RefreshSlot],
    ) -> None:
        last_ps = [NO_CHANCE_PS] * ranks
        for chance in chances:
            last_ps[chance.rank] = chance.at_ps
        super().__init__(after, took_ps, *opened_ps, tuple(last_ps))
        self.chances = chances


class TransitionChain(Transition):
    """Moves one after the other, with the totals before each of them."""

    __slots__ = ("bank_opens_ps", "chances_ps", "moves", "opens_ps", "starts_ps", "states")

    def __init__(
        self, state: StateNumber, ranks: int, steps: Iterable[Callable[[StateNumber], Transition]]
    ) -> None:
        self.moves: list[Transition] = []
        self.states = [state]
        self.starts_ps, self.opens_ps, self.bank_opens_ps = [0], [0], [0]
        self.chances_ps: list[list[int]] = [[] for _ in range(ranks)]
        last_ps = [NO_CHANCE_PS] * ranks
        for step in steps:
            move = step(state)
            self.moves.append(move)
            for rank, at_ps in enumerate(move.chance_ps):
                if at_ps != NO_CHANCE_PS:
                    last_ps[rank] = self.starts_ps[-1] + at_ps
                self.chances_ps[rank].append(last_ps[rank])
            state = move.after
            self.states.append(state)
            self.starts_ps.append(self.starts_ps[-1] + move.took_ps)
            self.opens_ps.append(self.opens_ps[-1] + move.open_ps)
            self.bank_opens_ps.append(self.bank_opens_ps[-1] + move.bank_open_ps)
        super().__init__(
            state, self.starts_ps[-1], self.opens_ps[-1], self.bank_opens_ps[-1], tuple(last_ps)
        )

    def free(self, dues_ps: Sequence[int]) -> int:
        """How many moves come before the first chance at or after the time a REF is due."""
        return min(map(bisect_left, self.chances_ps, dues_ps))


def chance_times_ps(move: Transition, start_ps: int = 0) -> Iterator[int]:
    """Times of all chances of a move, of all ranks in turn."""
    if isinstance(move, CommandTransition):
        for chance in move.chances:
            yield start_ps + chance.at_ps
    elif isinstance(move, TransitionChain):
        for part, part_ps in zip(move.moves, move.starts_ps, strict=False):
            yield from chance_times_ps(part, start_ps + part_ps)


class Lockstep:
    """States of one channel, and the scheduler that finds the moves between them."""

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        channel, bare = replace(standard, channels=1), replace(options, refresh=False)
        self._scheduler = Scheduler(channel, bare)
        self.banks_of_rank = standard.banks
        timing = effective_timing(standard, options)
        row_ps, second_ps = timing.t_ras_ps, second_act_ps(standard, options)
        self._row_ps = {Kind.AAP: second_ps + row_ps, Kind.AP: row_ps}
        self._rfc_ps = timing.t_rfc_ps
        self._ranks = [
            self._scheduler.rank_of(rank * standard.banks) for rank in range(standard.ranks)
        ]
        self._counted_ps = [0] * standard.ranks
        """For each rank, the time up to which its open time has been counted."""
        self._open_ps = self._bank_open_ps = 0
        self._numbers: dict[tuple[State, tuple[int, ...]], StateNumber] = {}
        self._states: list[tuple[State, tuple[int, ...]]] = []
        self._frees_ps = np.zeros(0, np.int64)
        self.interchangeable = standard.ranks == standard.bank_groups == 1
        """Whether it makes no difference which banks there are commands for."""
        self.names = tuple(range(standard.banks * standard.ranks))
        """The banks, as those are known that have no other names."""
        self.renamed = cache(self._renamed)
        self.fresh = self.end()[0]
        """The state at time 0: nothing has happened."""

    @property
    def met(self) -> int:
        """How many states have been met."""
        return len(self._states)

    def free_ps(self, state: StateNumber, rank: int) -> int:
        """Time from the last command until a rank could take a REF, with everything ended."""
        return self._states[state][0][1][rank][3]

    def frees_ps(self) -> NDArray[np.int64]:
        """:meth:`free_ps` of the first rank, for every state that has been met."""
        known = len(self._frees_ps)
        if known < self.met:
            more = [self.free_ps(state, 0) for state in range(known, self.met)]
            self._frees_ps = np.concatenate([self._frees_ps, np.array(more, np.int64)])
        return self._frees_ps

    def names_of(self, first: tuple[int, ...]) -> tuple[int, ...]:
        """All banks in order, but some of them first: each is known by its place."""
        return (*first, *(bank for bank in self.names if bank not in first))

    def _renamed(
        self, state: StateNumber, names: tuple[int, ...], others: tuple[int, ...]
    ) -> StateNumber:
        """What a state is under other names of its banks."""
        if names == others:
            return state
        (in_banks, (in_rank,), groups, busy), counted_ps = self._states[state]
        before = [names.index(bank) for bank in others]
        now = {place: number for number, place in enumerate(before)}
        acts = tuple(sorted((act_ps, now[bank]) for act_ps, bank in in_rank[-1]))
        banks, rank = tuple(in_banks[place] for place in before), (*in_rank[:-1], acts)
        return self._number(((banks, (rank,), groups, busy), counted_ps))

    def begin(self, state: StateNumber) -> None:
        """Go to a state, at time 0."""
        in_scheduler, counted_ps = self._states[state]
        self._scheduler.restore(in_scheduler)
        self._counted_ps[:] = counted_ps
        self._open_ps = self._bank_open_ps = 0

    def closed(self, rank: int) -> bool:
        """Whether all banks of a rank are closed."""
        return not self._ranks[rank].open_banks

    def issue(self, kind: Kind, bank: int, to: int | None = None) -> int:
        """Issue a command at the earliest legal time, in order; return it."""
        number = bank // self.banks_of_rank
        rank = self._ranks[number]
        if kind is Kind.REF:
            self._open_ps += self._rfc_ps
            self._bank_open_ps += self._rfc_ps * self.banks_of_rank
            return self._scheduler.issue_earliest(kind, bank, rank.channel.front_ps)
        was_open = rank.open_banks > 0
        at_ps = self._scheduler.issue_earliest(kind, bank, to=to)
        counted_ps = self._counted_ps[number]
        if not was_open:
            counted_ps = max(counted_ps, at_ps)
        until_ps = at_ps + self._row_ps.get(kind, 0)
        self._bank_open_ps += until_ps - at_ps
        if kind is Kind.ACT:
            self._bank_open_ps -= at_ps
        elif kind is Kind.PRE:
            self._bank_open_ps += at_ps
        if was_open or kind in self._row_ps:
            self._open_ps += max(0, until_ps - counted_ps)
            counted_ps = max(counted_ps, until_ps)
        self._counted_ps[number] = counted_ps
        return at_ps

    def end(self) -> tuple[StateNumber, int, tuple[int, int]]:
        """Return the state, the time since :meth:`begin`, and how long ranks and banks were open.

        The time that a bank is open counts from its ACT to its PRE, or at once for an AAP and AP.
        """
        front_ps = self._ranks[0].channel.front_ps
        for number, rank in enumerate(self._ranks):
            self._bank_open_ps += rank.open_banks * front_ps
            ahead_ps = self._counted_ps[number] - front_ps
            if ahead_ps < 0:
                if rank.open_banks:
                    self._open_ps -= ahead_ps
                ahead_ps = 0
            self._counted_ps[number] = ahead_ps
        number = self._number((self._scheduler.state(), tuple(self._counted_ps)))
        return number, front_ps, (self._open_ps, self._bank_open_ps)

    def _number(self, state: tuple[State, tuple[int, ...]]) -> StateNumber:
        """The number of a state, which is new or has been met."""
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number
