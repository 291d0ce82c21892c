"""Compiled store of the states of a search: a list with each state once.

A hash table of their numbers finds a state again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.object_code import Kept, part
from pimsim.synthesis.rules import Ints, Words

NEXT, COUNT, PUSHED, BEST, CUT, PARENT = range(6)
"""Places in :attr:`Store.numbers`: next state of the batch; number of states; number of states
pushed; least cost of a goal found so far, or -1; whether the limit cut anything off; and the state
before the goal."""


class Store(NamedTuple):
    """States that were found."""

    states: Words
    """(most, W) packed states, in the order in which they were found."""
    origin: NDArray[np.uint32]
    """(most, 2) least cost found for each, and the state that it was then found from."""
    table: NDArray[np.uint32]
    """(power of two,) hash table: 1 + number of a state, at its hash or after it; 0 if empty."""
    pushed: NDArray[np.uint32]
    """(room,) states that were found, or found again at a lower cost."""
    numbers: Ints
    """See :data:`NEXT`."""


@part
def _hash(state: Any) -> Any:
    mixed = np.uint64(0x9E3779B97F4A7C15)
    for word in range(len(state)):
        mixed ^= state[word]
        mixed *= np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xC4CEB9FE1A85EC53)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _rehash(states: Any, table: Any, count: Any, state: Any) -> None:
    """Enter the numbers of all states into a table that is empty; ``state`` is room for one."""
    mask = np.uint64(len(table) - 1)
    for number in range(count):
        for word in range(len(state)):
            state[word] = states[number, word]
        at = _hash(state) & mask
        while table[at]:
            at = (at + np.uint64(1)) & mask
        table[at] = number + 1


rehash = Kept(_rehash, [Path(__file__)])
"""Enter the numbers of all states into a table that is empty; the last argument is room for one."""


@part
def enter(
    states: Any, origin: Any, table: Any, pushed: Any, numbers: Any,
    state: Any, cost: Any, parent: Any,
) -> None:  # fmt: skip
    """Store a state that was found, unless it is known at the same or a lower cost."""
    words = len(state)
    mask = np.uint64(len(table) - 1)
    at = _hash(state) & mask
    number = numbers[COUNT]
    while table[at]:
        same = True
        for word in range(words):
            same = same and states[table[at] - 1, word] == state[word]
        if same:
            number = np.int64(table[at]) - 1
            break
        at = (at + np.uint64(1)) & mask
    if number == numbers[COUNT]:
        for word in range(words):
            states[number, word] = state[word]
        table[at] = number + 1
        numbers[COUNT] += 1
    elif origin[number, 0] <= cost:
        number = -1
    if number >= 0:
        origin[number, 0] = cost
        origin[number, 1] = parent
        pushed[numbers[PUSHED]] = number
        numbers[PUSHED] += 1
