"""Compiled effect of commands on a state: sensing, driving, and equivalent states.

States are packed as in :mod:`~pimsim.synthesis.encoding`. All functions here are compiled as parts
of those in :mod:`~pimsim.synthesis.kernel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pimsim.object_code import part
from pimsim.synthesis.rules import (
    CELLS,
    COLUMNS,
    FIRST_STATE,
    FIXED,
    KIND,
    LINES,
    MASK,
    ROW,
    SHIFT,
    STATES,
    TABLE,
    TABLES,
    WORD,
)


@part
def unpack(plain: Any, cells: Any, state: Any, held: Any) -> None:
    """Unpack cells and scratch rows of a state: truth tables, or the bit above if unknown."""
    mask = (np.uint64(2) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    for at in range(len(cells)):
        held[at] = (state[cells[at, WORD]] >> np.uint64(cells[at, SHIFT])) & mask


@part
def value_of(outputs: Any, at: Any, state: Any) -> Any:
    """Return the value of an output's field."""
    field = state[outputs[at, WORD]] >> np.uint64(outputs[at, SHIFT])
    return np.int64(field & np.uint64(outputs[at, MASK]))


@part
def most(plain: Any, sources: Any, source: Any, held: Any) -> Any:
    """Return the majority of many cells; the bit above if unknown cells could decide."""
    found, lines = np.uint64(0), sources[source, LINES]
    unknown = np.uint64(1) << np.uint64(plain[COLUMNS])
    for column in range(plain[COLUMNS]):
        ones = zeros = np.int64(0)
        for line in range(lines):
            table = held[sources[source, CELLS + 2 * line]]
            flip = np.uint64(sources[source, CELLS + 2 * line + 1])
            if table < unknown:
                bit = np.int64(((table ^ flip) >> np.uint64(column)) & np.uint64(1))
                ones += bit
                zeros += 1 - bit
        if 2 * ones > lines:
            found |= np.uint64(1) << np.uint64(column)
        elif 2 * zeros <= lines:
            return unknown
    return found


@part
def sense(plain: Any, sources: Any, outputs: Any, source: Any, state: Any, held: Any) -> Any:
    """Return the truth table that a source puts on the bitlines; the bit above it if none."""
    everywhere = (np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    unknown = everywhere + np.uint64(1)
    kind = sources[source, KIND]
    if kind == FIXED:
        found = np.uint64(sources[source, TABLE])
    elif kind == ROW:
        output = sources[source, LINES]
        value = value_of(outputs, output, state)
        found = unknown
        if value >= outputs[output, FIRST_STATE]:
            found = np.uint64(outputs[output, TABLES + value])
    else:
        a = held[sources[source, CELLS]] ^ np.uint64(sources[source, CELLS + 1])
        found = a
        if sources[source, LINES] == 2:
            b = held[sources[source, CELLS + 2]] ^ np.uint64(sources[source, CELLS + 3])
            found = a if a == b else unknown
        elif sources[source, LINES] == 3:
            b = held[sources[source, CELLS + 2]] ^ np.uint64(sources[source, CELLS + 3])
            c = held[sources[source, CELLS + 4]] ^ np.uint64(sources[source, CELLS + 5])
            if (a | b | c) <= everywhere:
                found = (a & b) | (a & c) | (b & c)
            elif a != b:
                found = c if c in (a, b) else unknown
        elif sources[source, LINES] > 3:
            found = most(plain, sources, source, held)
    return found if found <= everywhere else unknown


@part
def store_output(outputs: Any, target: Any, value: Any, state: Any, child: Any) -> Any:
    """Put into ``child`` the state with an output stored; return whether that value is accepted."""
    for number in range(1, outputs[target, STATES]):
        if np.uint64(outputs[target, TABLES + number]) == value:
            for word in range(len(state)):
                child[word] = state[word]
            word, shift = outputs[target, WORD], np.uint64(outputs[target, SHIFT])
            child[word] &= ~(np.uint64(outputs[target, MASK]) << shift)
            child[word] |= np.uint64(number) << shift
            return True
    return False


@part
def drive(plain: Any, drives: Any, number: Any, value: Any, state: Any, child: Any) -> None:
    """Put into ``child`` the state with cells overwritten."""
    complement = value ^ ((np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1))
    for word in range(len(state)):
        child[word] = (
            (state[word] & drives[number, word, 0])
            | (value * drives[number, word, 1])
            | (complement * drives[number, word, 2])
        )


@part
def give(
    plain: Any, outputs: Any, drives: Any, targets: Any,
    destination: Any, value: Any, sensed: Any, child: Any,
) -> Any:  # fmt: skip
    """Put into ``child`` the state after a second activation; return whether that is allowed."""
    if targets[destination] >= 0:
        return store_output(outputs, targets[destination], value, sensed, child)
    drive(plain, drives, destination, value, sensed, child)
    return True


@part
def canonical(
    plain: Any,
    cells: Any,
    outputs: Any,
    names: Any,
    values: Any,
    state: Any,
    least: Any,
    spare: Any,
) -> None:
    """Put into ``least`` the smallest of the states that differ only by a renaming of inputs."""
    words = len(state)
    unknown = np.uint64(1) << np.uint64(plain[COLUMNS])
    mask = unknown - np.uint64(1)
    for word in range(words):
        least[word] = state[word]
    for symmetry in range(1, len(values)):
        for word in range(words):
            spare[word] = np.uint64(0)
        for at in range(len(cells)):
            shift = np.uint64(cells[at, SHIFT])
            field = state[cells[at, WORD]] >> shift
            table = unknown if field & unknown else names[symmetry, field & mask]
            spare[cells[at, WORD]] |= table << shift
        for at in range(len(outputs)):
            renamed = values[symmetry, at, value_of(outputs, at, state)]
            spare[outputs[at, WORD]] |= np.uint64(renamed) << np.uint64(outputs[at, SHIFT])
        smaller = False
        for word in range(words):
            if spare[word] != least[word]:
                smaller = spare[word] < least[word]
                break
        if smaller:
            for word in range(words):
                least[word] = spare[word]
