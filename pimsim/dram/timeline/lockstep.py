"""What commands in lock-step do to the state of one channel, each worked out once.

Nothing in a DRAM knows what time it is, refresh aside: from equal states equal commands lead to
equal states in equal time. So each command over the banks of a segment (a beat) is issued once for
each state that it meets, through the scheduler, and remembered as a move. All moves are without
REF but for :meth:`Lane.refresh`, which puts one at a chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.bank_state import State
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import slots
from pimsim.dram.timeline.transitions import (
    NO_CHANCE_PS,
    CommandTransition,
    RefreshSlot,
    StateNumber,
    Transition,
)


class Lockstep:
    """States of one channel, and the scheduler that leads from one to the next."""

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
        """Up to when the time that a rank is open has been counted, for each rank."""
        self._open_ps = 0
        self._numbers: dict[tuple[State, tuple[int, ...]], StateNumber] = {}
        self._states: list[tuple[State, tuple[int, ...]]] = []
        self.fresh = self.end()[0]
        """The state at time 0: nothing has happened."""

    def free_ps(self, state: StateNumber, rank: int) -> int:
        """Time from the last command until a rank could take REF: it has ended what it did."""
        return self._states[state][0][1][rank][3]

    def begin(self, state: StateNumber) -> None:
        """Go to a state, at time 0."""
        in_scheduler, counted_ps = self._states[state]
        self._scheduler.restore(in_scheduler)
        self._counted_ps[:] = counted_ps
        self._open_ps = 0

    def closed(self, rank: int) -> bool:
        """Whether all banks of a rank are closed."""
        return not self._ranks[rank].open_banks

    def issue(self, kind: Kind, bank: int, to: int | None = None) -> int:
        """Issue a command at the earliest legal time, in order; return it."""
        number = bank // self.banks_of_rank
        rank = self._ranks[number]
        if kind is Kind.REF:
            self._open_ps += self._rfc_ps
            return self._scheduler.issue_earliest(kind, bank, rank.channel.front_ps)
        was_open = rank.open_banks > 0
        at_ps = self._scheduler.issue_earliest(kind, bank, to=to)
        counted_ps = self._counted_ps[number]
        if not was_open:
            counted_ps = max(counted_ps, at_ps)
        until_ps = at_ps + self._row_ps.get(kind, 0)
        if was_open or kind in self._row_ps:
            self._open_ps += max(0, until_ps - counted_ps)
            counted_ps = max(counted_ps, until_ps)
        self._counted_ps[number] = counted_ps
        return at_ps

    def end(self) -> tuple[StateNumber, int, int]:
        """Return the state, the time since :meth:`begin` and how long ranks were open in it."""
        front_ps = self._ranks[0].channel.front_ps
        for number, rank in enumerate(self._ranks):
            ahead_ps = self._counted_ps[number] - front_ps
            if ahead_ps < 0:
                if rank.open_banks:
                    self._open_ps -= ahead_ps
                ahead_ps = 0
            self._counted_ps[number] = ahead_ps
        state = self._scheduler.state(), tuple(self._counted_ps)
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number, front_ps, self._open_ps


class Lane:
    """Banks that work in lock-step, in the order of issue; or pairs of banks, with ``to``."""

    def __init__(
        self, lockstep: Lockstep, banks: tuple[int, ...], to: tuple[int, ...] = ()
    ) -> None:
        self._lockstep = lockstep
        self._banks, self._to = banks, to
        self.ranks = sorted({bank // lockstep.banks_of_rank for bank in banks})
        """Ranks that the banks belong to."""
        self._beats: dict[tuple[StateNumber, Kind, int], CommandTransition] = {}
        self._refreshes: dict[tuple[StateNumber, Kind, int, int], Transition] = {}

    def step(self, kind: Kind) -> Callable[[StateNumber], CommandTransition]:
        """The beat as a function of the state before."""
        return lambda state: self.beat(state, kind)

    def beat(self, state: StateNumber, kind: Kind, first: int = 0) -> CommandTransition:
        """One command in every bank, or in those from number ``first`` on."""
        beat = self._beats.get((state, kind, first))
        if beat is None:
            self._lockstep.begin(state)
            chances = []
            every = slots(kind, self._banks, self._to)
            for slot, (bank, to) in enumerate(every[first:], start=first):
                number = bank // self._lockstep.banks_of_rank
                closed = self._lockstep.closed(number)
                at_ps = self._lockstep.issue(kind, bank, to)
                if kind.opens and closed:
                    chances.append(RefreshSlot(at_ps, self.ranks.index(number), slot))
            beat = CommandTransition(*self._lockstep.end(), len(self.ranks), chances)
            self._beats[state, kind, first] = beat
        return beat

    def refresh(self, state: StateNumber, kind: Kind, first: int, slot: int) -> Transition:
        """The command in the banks from ``first`` to before ``slot``, then REF for that bank."""
        key = (state, kind, first, slot)
        move = self._refreshes.get(key)
        if move is None:
            self._lockstep.begin(state)
            every = slots(kind, self._banks, self._to)
            for bank, to in every[first:slot]:
                self._lockstep.issue(kind, bank, to)
            self._lockstep.issue(Kind.REF, every[slot][0])
            move = Transition(*self._lockstep.end(), (NO_CHANCE_PS,) * len(self.ranks))
            self._refreshes[key] = move
        return move
