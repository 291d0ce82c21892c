"""The search: all programs in order of their cost, until one solves the task.

A state is the content of compute cells and rows, as functions of the inputs. The search tries
programs of one command, then of two, and so on. In each round it drops states that cannot reach a
goal by the bounds of :mod:`~pimsim.synthesis.bounds`, and keeps one of several states that differ
only in the names of inputs. When a program is found, every shorter one has been excluded, which
:class:`Found` states. For other costs than the number of commands, the search starts from the
shortest program and looks for cheaper ones.

If memory runs out, the search goes on with samples of the states. The program that it then finds
may not be the best; the bound that was proven by then is stated with it.

>>> from pimsim.synthesis.task import ambit, task
>>> found = synthesize(task("out = a & ~b", ambit()))
>>> len(found.program), found.optimal
(4, True)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError
from pimsim.microprogram.program import Program
from pimsim.synthesis import check, kernel
from pimsim.synthesis.encoding import Encoding, encode, scratch_names
from pimsim.synthesis.objective import COMMANDS, EACH_ONE, Minimise
from pimsim.synthesis.store import BEST, COUNT, CUT, NEXT, PARENT, PUSHED, Store, rehash
from pimsim.synthesis.task import Task

MEMORY_MB = 1_024
MOST_COMMANDS = 40
_BATCH, _SAMPLE = 1 << 14, 1 << 5
"""Number of states after which progress is reported, or a sample is taken."""
_TABLE = 1 << 16
_BYTES_BESIDE = 44
"""Bytes of a state beside its words: 8 for its origin, up to 26 for its place in the hash table
while that is made larger, and twice its number in a batch."""
_SAMPLED_MORE = 8
"""Samples are searched up to this many commands beyond the bound."""
_LEAST_STATES = 20_000

Tell: TypeAlias = Callable[[str], None]
"""Called with a message on progress."""


@dataclass(frozen=True)
class Found:
    """A program, and the bound on others."""

    task: Task
    program: Program
    complemented: tuple[str, ...]
    """The outputs that are complemented, among those that may be."""
    minimise: Minimise
    """The quantity that was minimised."""
    optimal: bool
    """Whether no program is better."""
    bound: int
    """No program has fewer commands."""
    states: int
    """States that were found in the last round."""


class TooLargeError(InputError):
    """A search needs more memory than allowed; the message says what would help.

    Args:
        message: the text.
        bound: no program has fewer commands.
        states: number of states found in the last round.

    """

    def __init__(self, message: str, bound: int, states: int) -> None:
        super().__init__(message)
        self.bound, self.states = bound, states


class NothingFoundError(InputError):
    """No program up to some length solves the task, or none at all."""


def synthesize(
    task: Task,
    minimise: Minimise = COMMANDS,
    *,
    name: str = "found",
    most_commands: int = MOST_COMMANDS,
    memory_mb: int = MEMORY_MB,
    tell: Tell = lambda _: None,
) -> Found:
    """Return a program that costs least.

    ``tell`` is called with a message on progress, several times a second.

    Raises :class:`NothingFoundError` if there is none up to ``most_commands``, and
    :class:`TooLargeError` if memory runs out and samples contain none either.
    """
    shortest = _Search(encode(task, EACH_ONE), memory_mb, tell).deepen(most_commands, name)
    if not shortest.optimal:
        return replace(shortest, minimise=minimise)
    search = _Search(encode(task, minimise.prices), memory_mb, tell)
    try:
        better = search.improve(shortest, minimise)
    except _OutOfMemoryError:
        return replace(shortest, minimise=minimise, optimal=minimise is COMMANDS)
    states = shortest.states if minimise is COMMANDS else better.states
    return replace(better, states=states)


class _OutOfMemoryError(Exception):
    """A round needs more states than there is room for."""


class _Search:
    """Rounds of a search over one encoding."""

    def __init__(self, encoding: Encoding, memory_mb: int, tell: Tell) -> None:
        self.encoding, self.memory_mb, self.tell = encoding, memory_mb, tell
        words, rules = encoding.words, encoding.rules
        self._largest = max(rules.prices.size + 1, (memory_mb << 20) // (8 * words + _BYTES_BESIDE))
        self._work = kernel.Work(
            np.zeros((3, len(rules.cells)), np.uint64),
            np.zeros((5, words), np.uint64),
            np.zeros(len(rules.sources), np.uint64),
            np.zeros(len(rules.sources), np.int64),
        )
        self._store: Store
        self.states = 0

    # -- rounds --------------------------------------------------------------------------------

    def deepen(self, most: int, name: str) -> Found:
        """Return a shortest program; each round allows one command more."""
        for limit in range(1, most + 1):
            try:
                cost = self._round(limit, f"programs of {limit} commands")
            except _OutOfMemoryError:
                return self._sample(limit, min(most, limit + _SAMPLED_MORE), name)
            if cost is not None:
                return self._found(name, limit)
            if not self._store.numbers[CUT]:
                raise NothingFoundError(
                    f"no program on the address map {self._map!r} does this: all "
                    f"{self.states:,} states that cells and rows can take were tried; another map, "
                    "`scratch` rows or operands in rows of their own may do"
                )
        raise NothingFoundError(
            f"no program of up to {most} commands on the address map {self._map!r} does this: all "
            "were tried; `max-commands` may be larger"
        )

    def improve(self, found: Found, minimise: Minimise) -> Found:
        """Return a cheapest program, starting from any program."""
        cost = sum(map(self.encoding.price, found.program.commands))
        if self._round(cost - 1, f"programs with {minimise.fewer}") is None:
            return replace(found, minimise=minimise, states=self.states)
        return replace(self._found(found.program.name, found.bound), minimise=minimise)

    def _sample(self, bound: int, most: int, name: str) -> Found:
        """Return the shortest program found among samples of the states."""
        for limit in range(bound, most + 1):
            what = f"samples of programs of {limit} commands"
            if self._round(limit, what, sampled=True) is not None:
                return replace(self._found(name, bound), optimal=False)
        raise TooLargeError(
            f"the search must fit into {self.memory_mb:,} MB, which it exceeds; no program has "
            f"fewer than {bound} commands. More memory, fewer outputs at a time, outputs that may "
            "be complemented, or operands in cells at the start would do",
            bound,
            self.states,
        )

    def _round(self, limit: int, what: str, *, sampled: bool = False) -> int | None:
        """Try all programs that cost up to ``limit``; return the least cost of a solution, if any.

        Samples take an equal share of the memory for every cost.
        """
        store = self._open()
        numbers = store.numbers
        waiting: dict[int, list[NDArray[np.uint32]]] = {0: [np.zeros(1, np.uint32)]}
        while waiting and min(waiting) <= limit:
            cost = min(waiting)
            batch = np.concatenate(waiting.pop(cost))
            most, step = self._largest, _BATCH
            if sampled:
                batch = np.random.default_rng(limit).permutation(batch)
                share = int(numbers[COUNT]) + self._largest // (limit + 1)
                most, step = min(most, share), _SAMPLE
            for start in range(0, len(batch), step):
                part = batch[start : start + step]
                numbers[NEXT] = 0
                while numbers[NEXT] < len(part) and cost <= limit:
                    if not self._has_room(store, most):
                        break
                    store = self._with_table(store)
                    limit = int(
                        kernel.expand(self.encoding.rules, store, self._work, part, cost, limit)
                    )
                    _sort(store, waiting)
                self.tell(f"{what}: {int(numbers[COUNT]):,} states")
                if not self._has_room(store, most):
                    if sampled:
                        break
                    raise _OutOfMemoryError
        self._store, self.states = store, int(numbers[COUNT])
        found = int(numbers[BEST])
        return None if found < 0 else found

    # -- memory --------------------------------------------------------------------------------

    def _open(self) -> Store:
        """A store with only the start state. The system provides memory only as it is used."""
        words, most = self.encoding.words, self._largest
        numbers = np.zeros(6, np.int64)
        numbers[BEST] = -1
        numbers[COUNT] = 1
        store = Store(
            np.empty((most, words), np.uint64),
            np.empty((most, 2), np.uint32),
            np.zeros(_TABLE, np.uint32),
            np.empty(max(1 << 16, 2 * self.encoding.rules.prices.size), np.uint32),
            numbers,
        )
        store.states[0], store.origin[0] = self.encoding.start, 0
        rehash(store.states, store.table, 1, self._work.states[0])
        return store

    def _has_room(self, store: Store, most: int) -> bool:
        """Whether the successors of another state are sure to fit."""
        return int(store.numbers[COUNT]) <= most - self.encoding.rules.prices.size

    def _with_table(self, store: Store) -> Store:
        """The store, with a larger table if that is nearly full."""
        count, most = int(store.numbers[COUNT]), self.encoding.rules.prices.size
        if count <= len(store.table) * 5 // 8 - most:
            return store
        store = store._replace(table=np.zeros(2 * len(store.table), np.uint32))
        rehash(store.states, store.table, count, self._work.states[0])
        return store

    # -- what was found ------------------------------------------------------------------------

    @property
    def _map(self) -> str:
        return self.encoding.task.address_map.name

    def _found(self, name: str, bound: int) -> Found:
        """The program that led to the goal, run on a subarray."""
        task = self.encoding.task
        commands, final = self._retraced()
        program = Program(
            name,
            tuple(self.encoding.command(*one) for one in commands),
            task.rows,
            tuple(one.name for one in task.stored),
            scratch_names(task),
            task.address_map,
        )
        complemented = self.encoding.complemented(final)
        check.require_right(task, program, complemented)
        return Found(task, program, complemented, COMMANDS, True, bound, self.states)

    def _retraced(self) -> tuple[list[tuple[int, int]], list[int]]:
        """Commands from the start to the goal by their numbers, and the state that they end in."""
        encoding, store = self.encoding, self._store
        way = [int(store.numbers[PARENT])]
        while way[-1]:
            way.append(int(store.origin[way[-1], 1]))
        way.reverse()
        costs = [int(store.origin[state, 0]) for state in way] + [int(store.numbers[BEST])]
        self._work.states[0] = encoding.start
        commands = []
        for at in range(len(way)):
            target = store.states[way[at + 1]] if at + 1 < len(way) else np.zeros(0, np.uint64)
            price = costs[at + 1] - costs[at]
            number = int(kernel.retrace(encoding.rules, self._work, target, price))
            if number < 0:
                raise AssertionError("a state has lost the command that led to it")
            commands.append(divmod(number, len(encoding.destinations)))
        return commands, self._work.states[0].tolist()


def _sort(store: Store, waiting: dict[int, list[NDArray[np.uint32]]]) -> None:
    """Sort the states that were found into the batches of their cost."""
    new = store.pushed[: store.numbers[PUSHED]].copy()
    store.numbers[PUSHED] = 0
    costs = store.origin[new, 0]
    for cost in np.unique(costs).tolist():
        waiting.setdefault(cost, []).append(new[costs == cost])
