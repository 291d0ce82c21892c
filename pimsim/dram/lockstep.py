"""What commands in lock-step do to the state of one channel, each worked out once.

Nothing in a DRAM knows what time it is, refresh aside: from equal states equal commands lead to
equal states in equal time. So each command over the banks of a segment (a beat) is issued once for
each state that it meets, through the scheduler, and remembered as a move; moves chain into spans,
and repetitions of a visit into an orbit, which after a few repetitions goes round in a cycle.

What refresh needs is kept beside: the chances, times at which a command opens a row of a rank
that is closed, for there REF goes first if it is due. All moves here are without REF but for
:meth:`Lane.refresh`, which puts one at a chance.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from pimsim.dram.bankstate import State
from pimsim.dram.commands import Kind
from pimsim.dram.constraints import effective_timing, second_act_ps
from pimsim.dram.scheduler import Scheduler
from pimsim.dram.standards import Standard
from pimsim.dram.stream import Visit
from pimsim.dram.switches import Switches

_CHUNK_BEATS = 64
"""Beats that are chained at a time: after a REF, what follows is chained anew up to a multiple."""

_NO_CHANCE_PS = -1

StateNumber: TypeAlias = int


class Move:
    """From one state to another: how long it takes and what it leaves."""

    __slots__ = ("after", "chance_ps", "open_ps", "took_ps")

    def __init__(
        self, after: StateNumber, took_ps: int, open_ps: int, chance_ps: tuple[int, ...]
    ) -> None:
        self.after = after
        self.took_ps = took_ps
        """From the last command before to the last command."""
        self.open_ps = open_ps
        """Time with a bank open or refreshing, summed over ranks."""
        self.chance_ps = chance_ps
        """When the last chance for REF comes, for each rank of the lane; -1 if there is none."""


class Chance(NamedTuple):
    """A command that opens a row of a rank all of whose banks are closed."""

    at_ps: int
    rank: int
    """Which of the lane's ranks."""
    slot: int
    """Which of the lane's banks."""


class Beat(Move):
    """One command over the banks of a lane, or from one of its banks on."""

    __slots__ = ("chances",)

    def __init__(
        self, after: StateNumber, took_ps: int, open_ps: int, ranks: int, chances: list[Chance]
    ) -> None:
        last_ps = [_NO_CHANCE_PS] * ranks
        for chance in chances:
            last_ps[chance.rank] = chance.at_ps
        super().__init__(after, took_ps, open_ps, tuple(last_ps))
        self.chances = chances


class Span(Move):
    """Moves one after the other, with what has happened before each of them."""

    __slots__ = ("chances_ps", "moves", "opens_ps", "starts_ps", "states")

    def __init__(
        self, state: StateNumber, ranks: int, steps: Iterable[Callable[[StateNumber], Move]]
    ) -> None:
        self.moves: list[Move] = []
        self.states = [state]
        self.starts_ps, self.opens_ps = [0], [0]
        self.chances_ps: list[list[int]] = [[] for _ in range(ranks)]
        last_ps = [_NO_CHANCE_PS] * ranks
        for step in steps:
            move = step(state)
            self.moves.append(move)
            for rank, at_ps in enumerate(move.chance_ps):
                if at_ps != _NO_CHANCE_PS:
                    last_ps[rank] = self.starts_ps[-1] + at_ps
                self.chances_ps[rank].append(last_ps[rank])
            state = move.after
            self.states.append(state)
            self.starts_ps.append(self.starts_ps[-1] + move.took_ps)
            self.opens_ps.append(self.opens_ps[-1] + move.open_ps)
        super().__init__(state, self.starts_ps[-1], self.opens_ps[-1], tuple(last_ps))

    def free(self, dues_ps: Sequence[int]) -> int:
        """Moves before the first that has a chance at or after the time a REF is due."""
        return min(map(bisect_left, self.chances_ps, dues_ps))


class Chunk:
    """A few kinds of commands in a row."""

    def __init__(self, lane: Lane, kinds: tuple[Kind, ...]) -> None:
        self.kinds = kinds
        self._lane = lane
        self._spans: dict[tuple[StateNumber, int], Span] = {}

    def span(self, state: StateNumber, first: int = 0) -> Span:
        """The beats from ``first`` on."""
        span = self._spans.get((state, first))
        if span is None:
            steps = (self._lane.step(kind) for kind in self.kinds[first:])
            span = Span(state, len(self._lane.ranks), steps)
            self._spans[state, first] = span
        return span


class Plan:
    """One visit by the banks of a lane."""

    def __init__(self, lane: Lane, visit: Visit) -> None:
        self.lane = lane
        kinds = [kind for kind, times in visit for _ in range(times)]
        self.opens = any(kind.opens for kind in kinds)
        """Whether it has chances: then it has one in every rank of the lane."""
        self.chunks = [
            lane.chunk(tuple(kinds[start : start + _CHUNK_BEATS]))
            for start in range(0, len(kinds), _CHUNK_BEATS)
        ]
        self.refreshed: dict[tuple[StateNumber, int], Move] = {}
        """What the visit takes, from a state on, with one REF before a chance of that number; for
        whoever works it out to remember."""
        self._wholes: dict[StateNumber, Span] = {}
        self._chances_ps: dict[StateNumber, list[int]] = {}
        self._orbits: dict[StateNumber, Orbit] = {}

    def whole(self, state: StateNumber) -> Span:
        """The chunks one after the other."""
        whole = self._wholes.get(state)
        if whole is None:
            steps = (chunk.span for chunk in self.chunks)
            whole = self._wholes[state] = Span(state, len(self.lane.ranks), steps)
        return whole

    def chances_ps(self, state: StateNumber) -> list[int]:
        """All chances of the visit, of all ranks in turn."""
        chances_ps = self._chances_ps.get(state)
        if chances_ps is None:
            chances_ps = self._chances_ps[state] = list(_chances_ps(self.whole(state)))
        return chances_ps

    def orbit(self, state: StateNumber) -> Orbit:
        """Repetitions of the visit."""
        orbit = self._orbits.get(state)
        if orbit is None:
            orbit = self._orbits[state] = Orbit(self, state)
        return orbit


def _chances_ps(move: Move, start_ps: int = 0) -> Iterator[int]:
    if isinstance(move, Beat):
        for chance in move.chances:
            yield start_ps + chance.at_ps
    elif isinstance(move, Span):
        for part, part_ps in zip(move.moves, move.starts_ps, strict=False):
            yield from _chances_ps(part, start_ps + part_ps)


class Orbit:
    """Repetitions of a visit from a state on, known up to where they go round in a cycle."""

    def __init__(self, plan: Plan, state: StateNumber) -> None:
        self._plan = plan
        self._states = [state]
        self._seen = {state: 0}
        self._starts_ps, self._opens_ps = [0], [0]
        self._chances_ps: list[list[int]] = [[] for _ in plan.lane.ranks]
        self._cycle_from: int | None = None
        """The state after the last known repetition is that before this one."""

    def cycle(self) -> tuple[int, int]:
        """Repetitions of the cycle, and the time they take."""
        while self._cycle_from is None:
            self._extend()
        start = self._cycle_from
        return len(self._states) - 1 - start, self._starts_ps[-1] - self._starts_ps[start]

    def free(self, times: int, dues_ps: Sequence[int]) -> int:
        """Repetitions, of ``times``, before the first with a chance when a REF is due."""
        for chances_ps, due_ps in zip(self._chances_ps, dues_ps, strict=True):
            while (
                self._cycle_from is None
                and len(chances_ps) < times
                and (not chances_ps or chances_ps[-1] < due_ps)
            ):
                self._extend()
            if chances_ps[-1] >= due_ps:
                times = min(times, bisect_left(chances_ps, due_ps))
            elif self._cycle_from is not None:
                repetitions, period_ps = self.cycle()
                rounds = -(-(due_ps - chances_ps[-1]) // period_ps)
                inside = bisect_left(chances_ps, due_ps - rounds * period_ps, lo=self._cycle_from)
                times = min(times, inside + rounds * repetitions)
            if not times:
                break
        return times

    def after(self, times: int) -> tuple[StateNumber, int, int]:
        """State, time and open time after so many repetitions."""
        while self._cycle_from is None and len(self._states) <= times:
            self._extend()
        rounds = period_ps = open_ps = 0
        if times >= len(self._states):
            repetitions, period_ps = self.cycle()
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
        self._cycle_from = self._seen.get(whole.after)
        self._seen[whole.after] = len(self._states)
        self._states.append(whole.after)


class Lane:
    """Banks that work in lock-step, in the order of issue."""

    def __init__(self, lockstep: Lockstep, banks: tuple[int, ...]) -> None:
        self._lockstep = lockstep
        self._banks = banks
        self._rank_of = [bank // lockstep.banks_of_rank for bank in banks]
        self.ranks = sorted(set(self._rank_of))
        """Ranks that the banks belong to."""
        self._beats: dict[tuple[StateNumber, Kind, int], Beat] = {}
        self._refreshes: dict[tuple[StateNumber, Kind, int, int], Move] = {}
        self._chunks: dict[tuple[Kind, ...], Chunk] = {}
        self._plans: dict[Visit, Plan] = {}

    def plan(self, visit: Visit) -> Plan:
        """The visit by these banks."""
        plan = self._plans.get(visit)
        if plan is None:
            plan = self._plans[visit] = Plan(self, visit)
        return plan

    def chunk(self, kinds: tuple[Kind, ...]) -> Chunk:
        """Commands of those kinds by these banks."""
        return self._chunks.setdefault(kinds, Chunk(self, kinds))

    def step(self, kind: Kind) -> Callable[[StateNumber], Beat]:
        """The beat as a function of the state before."""
        return lambda state: self.beat(state, kind)

    def beat(self, state: StateNumber, kind: Kind, first: int = 0) -> Beat:
        """One command in every bank, or in those from number ``first`` on."""
        beat = self._beats.get((state, kind, first))
        if beat is None:
            self._lockstep.begin(state)
            chances = []
            for slot in range(first, len(self._banks)):
                closed = self._lockstep.closed(self._rank_of[slot])
                at_ps = self._lockstep.issue(kind, self._banks[slot])
                if kind.opens and closed:
                    rank = self.ranks.index(self._rank_of[slot])
                    chances.append(Chance(at_ps, rank, slot))
            beat = Beat(*self._lockstep.end(), len(self.ranks), chances)
            self._beats[state, kind, first] = beat
        return beat

    def refresh(self, state: StateNumber, kind: Kind, first: int, slot: int) -> Move:
        """The command in the banks from ``first`` to before ``slot``, then REF for that bank."""
        key = (state, kind, first, slot)
        move = self._refreshes.get(key)
        if move is None:
            self._lockstep.begin(state)
            for bank in self._banks[first:slot]:
                self._lockstep.issue(kind, bank)
            self._lockstep.issue(Kind.REF, self._banks[slot])
            move = Move(*self._lockstep.end(), (_NO_CHANCE_PS,) * len(self.ranks))
            self._refreshes[key] = move
        return move


class Lockstep:
    """States of one channel, and the scheduler that leads from one to the next."""

    def __init__(self, standard: Standard, switches: Switches) -> None:
        channel, bare = replace(standard, channels=1), replace(switches, refresh=False)
        self._scheduler = Scheduler(channel, bare)
        self.banks_of_rank = standard.banks
        timing = effective_timing(standard, switches)
        row_ps, second_ps = timing.t_ras_ps, second_act_ps(standard, switches)
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
        self._lanes: dict[tuple[int, ...], Lane] = {}
        self.fresh = self.end()[0]
        """The state at time 0: nothing has happened."""

    def lane(self, banks: tuple[int, ...]) -> Lane:
        """The banks of that number in the channel."""
        lane = self._lanes.get(banks)
        if lane is None:
            lane = self._lanes[banks] = Lane(self, banks)
        return lane

    def free_ps(self, state: StateNumber, rank: int) -> int:
        """Time from the last command until a rank could take REF: it has ended what it did."""
        return self._states[state][0][1][rank][2]

    def begin(self, state: StateNumber) -> None:
        """Go to a state, at time 0."""
        in_scheduler, counted_ps = self._states[state]
        self._scheduler.restore(in_scheduler)
        self._counted_ps[:] = counted_ps
        self._open_ps = 0

    def closed(self, rank: int) -> bool:
        """Whether all banks of a rank are closed."""
        return not self._ranks[rank].open_banks

    def issue(self, kind: Kind, bank: int) -> int:
        """Issue a command at the earliest legal time, in order; return it."""
        number = bank // self.banks_of_rank
        rank = self._ranks[number]
        if kind is Kind.REF:
            self._open_ps += self._rfc_ps
            return self._scheduler.issue_earliest(kind, bank, rank.channel.front_ps)
        was_open = rank.open_banks > 0
        at_ps = self._scheduler.issue_earliest(kind, bank)
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
