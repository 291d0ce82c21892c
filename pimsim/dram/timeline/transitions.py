"""Moves of a channel from one state to another, and what refresh needs to know of them.

Chances are the times at which a command opens a row of a rank that is closed: there REF goes first
if it is due by then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

NO_CHANCE_PS = -1

StateNumber: TypeAlias = int
"""A state that has been met, by its number."""


class Transition:
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


class RefreshSlot(NamedTuple):
    """A command that opens a row of a rank all of whose banks are closed."""

    at_ps: int
    rank: int
    """Which of the lane's ranks."""
    slot: int
    """Which of the lane's banks."""


class CommandTransition(Transition):
    """One command over the banks of a lane, or from one of its banks on."""

    __slots__ = ("chances",)

    def __init__(
        self, after: StateNumber, took_ps: int, open_ps: int, ranks: int, chances: list[RefreshSlot]
    ) -> None:
        last_ps = [NO_CHANCE_PS] * ranks
        for chance in chances:
            last_ps[chance.rank] = chance.at_ps
        super().__init__(after, took_ps, open_ps, tuple(last_ps))
        self.chances = chances


class TransitionChain(Transition):
    """Moves one after the other, with what has happened before each of them."""

    __slots__ = ("chances_ps", "moves", "opens_ps", "starts_ps", "states")

    def __init__(
        self, state: StateNumber, ranks: int, steps: Iterable[Callable[[StateNumber], Transition]]
    ) -> None:
        self.moves: list[Transition] = []
        self.states = [state]
        self.starts_ps, self.opens_ps = [0], [0]
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
        super().__init__(state, self.starts_ps[-1], self.opens_ps[-1], tuple(last_ps))

    def free(self, dues_ps: Sequence[int]) -> int:
        """Moves before the first that has a chance at or after the time a REF is due."""
        return min(map(bisect_left, self.chances_ps, dues_ps))


def chance_times_ps(move: Transition, start_ps: int = 0) -> Iterator[int]:
    """Times of all chances of a move, of all ranks in turn."""
    if isinstance(move, CommandTransition):
        for chance in move.chances:
            yield start_ps + chance.at_ps
    elif isinstance(move, TransitionChain):
        for part, part_ps in zip(move.moves, move.starts_ps, strict=False):
            yield from chance_times_ps(part, start_ps + part_ps)
