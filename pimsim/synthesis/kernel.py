"""The compiled loop of a search: states in, their successors out.

States lie one behind the other in the order in which they were found, each once, found again by a
hash table of their numbers. What cannot end within the limit is dropped at once, by bounds that no
program beats: an output that is missing takes a command of its own, an input that nothing known
depends on takes one to read it, and where nothing wanted can be sensed yet, something comes before.

All that is compiled stands here, with the constants that it is compiled with: machine code that is
kept is held against the date of its own module alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.machine_code import kept

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]

FIXED, HELD, MAJORITY, ROW = range(4)
"""Kinds of sources: a row that is only read; cells that agree; three or more; an output's row."""
COLUMNS, INPUTS, ROW_INPUTS, STORE_COST, LEAST_COST, END_NEEDS, WANTED = range(7)
"""Of the plain numbers: bits of a truth table; inputs; those in rows that are only read, as bits;
least cost of a command that stores, and of any; inputs on which cells at the end depend; and from
there on the truth tables of these cells, and their complements."""
WORD, SHIFT, MASK, HELD_INPUT, NEEDS, FIRST_STATE, STATES, TABLES = range(8)
"""Of a field: where it is. Of an output's also what it takes; the input that its row holds before,
as a bit; inputs on which it depends; the first value at which its row may be read, and the number
of values; and from there on what the row holds at each."""
KIND, LINES, ANY_SHORTED, TABLE, CELLS = range(5)
"""Of a source: its kind; its cells, or the output; whether some destination would short a cell;
the truth table of a fixed row; and from there on each cell, and what it is complemented with."""


class Rules(NamedTuple):
    """What the compiled search works with: F cells, O outputs, S sources, D destinations."""

    plain: Ints
    """See :data:`COLUMNS`."""
    cells: Ints
    """(F, 2) word and shift of every cell and scratch row."""
    outputs: Ints
    """(O, ...) every stored output, see :data:`WORD`."""
    sources: Ints
    """(S, ...), see :data:`KIND`."""
    drives: Words
    """(D + S, W, 3) for destinations, then for sources that overwrite their cells: bits kept, and
    factors that spread a truth table, and its complement."""
    targets: Ints
    """(D,) output that is driven, or -1."""
    touched: Ints
    """(D, 1 + S) how many sources sense a cell that is driven, and which."""
    prices: Ints
    """(S, D) of each command; 0 where there is none."""
    goal: Words
    """(endings, W, 2) bits that matter, and what they must be."""
    names: Words
    """(symmetries, truth tables) every truth table renamed; the first symmetry is none."""
    values: Ints
    """(symmetries, O, values) every value of an output's field renamed."""


_compiled = partial(kept, parallel=False, _nrt=False)
"""Compiles a function that allocates nothing. Without numba's counting of references to arrays,
which it does atomically at every call, a search takes a fifth of the time."""

PRUNED, OPEN, DONE, NEAR = range(4)
"""What a state is: on no way to a goal, perhaps on one, a goal; on one if what is missing can be
sensed at once."""

NEXT, COUNT, PUSHED, BEST, CUT, PARENT = range(6)
"""Of a store's numbers: state of the batch to go on with, states there are, states pushed, least
cost of a goal that was found or -1, whether the limit cut anything off, and the state before the
goal."""

_LOW = (0x55555555, 0x33333333, 0x0F0F0F0F, 0x00FF00FF, 0x0000FFFF)
"""Columns where an input is 0."""


class Work(NamedTuple):
    """Room for one state after the other."""

    held: Words
    """(3, F) fields of cells."""
    states: Words
    """(5, W)"""
    tried: Words
    """(S,) truth tables of sources."""
    useful: Ints
    """(S,) 1 for sources of something that is missing."""


class Store(NamedTuple):
    """States that were found."""

    states: Words
    """(most, W) packed states in the order in which they were found."""
    origin: NDArray[np.uint32]
    """(most, 2) least cost found for each, and the state that it was then found from."""
    table: NDArray[np.uint32]
    """(power of two,) 1 + number of a state, at its hash or behind; 0 where there is none."""
    pushed: NDArray[np.uint32]
    """(room,) states that were found, or found cheaper."""
    numbers: Ints
    """See :data:`NEXT`."""


@_compiled
def _hash(state: Any) -> Any:
    mixed = np.uint64(0x9E3779B97F4A7C15)
    for word in range(len(state)):
        mixed ^= state[word]
        mixed *= np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xC4CEB9FE1A85EC53)
        mixed ^= mixed >> np.uint64(29)
    return mixed


@_compiled
def rehash(states: Any, table: Any, count: Any, state: Any) -> None:
    """Enter the numbers of all states into a table that is empty; ``state`` is room for one."""
    mask = np.uint64(len(table) - 1)
    for number in range(count):
        for word in range(len(state)):
            state[word] = states[number, word]
        at = _hash(state) & mask
        while table[at]:
            at = (at + np.uint64(1)) & mask
        table[at] = number + 1


@_compiled
def unpack(plain: Any, cells: Any, state: Any, held: Any) -> None:
    """Take the fields of cells and scratch rows out of a state: truth tables, or a bit above."""
    mask = (np.uint64(2) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    for at in range(len(cells)):
        held[at] = (state[cells[at, WORD]] >> np.uint64(cells[at, SHIFT])) & mask


@_compiled
def value_of(outputs: Any, at: Any, state: Any) -> Any:
    """Return the value of an output's field."""
    field = state[outputs[at, WORD]] >> np.uint64(outputs[at, SHIFT])
    return np.int64(field & np.uint64(outputs[at, MASK]))


@_compiled
def most(plain: Any, sources: Any, source: Any, held: Any) -> Any:
    """Return what most of many cells hold; a bit above where unknown ones could decide it."""
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


@_compiled
def sense(plain: Any, sources: Any, outputs: Any, source: Any, state: Any, held: Any) -> Any:
    """Return the truth table that a source puts on the bitlines; a bit above if it cannot."""
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


@_compiled
def lacking(plain: Any, cells: Any, needed: Any, present: Any, held: Any) -> Any:
    """Return the inputs that are needed and on which nothing known depends, as bits."""
    unknown = np.uint64(1) << np.uint64(plain[COLUMNS])
    for one in range(plain[INPUTS]):
        bit = 1 << one
        if needed & ~present & bit:
            low, step = np.uint64(_LOW[one]) & (unknown - np.uint64(1)), np.uint64(bit)
            for at in range(len(cells)):
                table = held[at]
                if table < unknown and ((table >> step) ^ table) & low:
                    present |= bit
                    break
    return needed & ~present


@_compiled
def lacks(plain: Any, outputs: Any, state: Any) -> Any:
    """Return what outputs in rows leave open.

    How many are missing; as bits the inputs that these and cells at the end depend on, those that
    rows with outputs depend on, and those in rows that can be read.
    """
    missing, needed, present, rows = 0, plain[END_NEEDS], 0, plain[ROW_INPUTS]
    for at in range(len(outputs)):
        if value_of(outputs, at, state) == 0:
            missing += 1
            needed |= outputs[at, NEEDS]
            rows |= outputs[at, HELD_INPUT]
        else:
            present |= outputs[at, NEEDS]
    return missing, needed, present, rows


@_compiled
def is_wanted(plain: Any, outputs: Any, state: Any, missing: Any, table: Any) -> Any:
    """Return whether a truth table is one of those that are missing."""
    value = np.int64(table)
    for at in range(WANTED, len(plain)):
        if missing == 0 and plain[at] == value:
            return True
    for at in range(len(outputs)):
        if value_of(outputs, at, state) == 0:
            for accepted in range(1, outputs[at, STATES]):
                if outputs[at, TABLES + accepted] == value:
                    return True
    return False


@_compiled
def find_useful(
    plain: Any, outputs: Any, sources: Any, state: Any, held: Any, missing: Any, useful: Any
) -> Any:
    """Note in ``useful`` which sources are of something that is missing; return how many."""
    count = 0
    for source in range(len(sources)):
        table = sense(plain, sources, outputs, source, state, held)
        useful[source] = is_wanted(plain, outputs, state, missing, table)
        count += useful[source]
    return count


@_compiled
def still_useful(
    plain: Any, outputs: Any, sources: Any, touched: Any, state: Any, held: Any, missing: Any,
    useful: Any, count: Any,
) -> Any:  # fmt: skip
    """Return whether a source is useful once cells were driven that ``touched`` ones sense.

    ``useful`` and ``count`` are as :func:`find_useful` left them before.
    """
    for at in range(1, 1 + touched[0]):
        count -= useful[touched[at]]
    if count > 0:
        return True
    for at in range(1, 1 + touched[0]):
        table = sense(plain, sources, outputs, touched[at], state, held)
        if is_wanted(plain, outputs, state, missing, table):
            return True
    return False


@_compiled
def is_goal(goal: Any, state: Any) -> Any:
    """Return whether cells are as they must be at the end."""
    for at in range(len(goal)):
        met = True
        for word in range(len(state)):
            met = met and state[word] & goal[at, word, 0] == goal[at, word, 1]
        if met:
            return True
    return False


@_compiled
def judge(plain: Any, cells: Any, goal: Any, state: Any, lack: Any, left: Any, held: Any) -> Any:
    """Return whether a state is a goal, may become one for at most ``left``, or cannot.

    ``lack`` is what :func:`lacks` returns. Of one that is :data:`NEAR` the fields of cells are then
    in ``held``.
    """
    missing, needed, present, rows = lack
    spare = left - missing * plain[STORE_COST]
    if missing == 0 and is_goal(goal, state):
        judged = DONE
    elif spare < 0 or (missing == 0 and spare < plain[LEAST_COST]):
        judged = PRUNED
    else:
        unpack(plain, cells, state, held)
        bits = lacking(plain, cells, needed, present, held)
        judged = PRUNED if bits & ~rows else OPEN
        reads = 0
        while bits:
            reads += plain[STORE_COST]
            bits &= bits - 1
        if reads > spare:
            judged = PRUNED
        elif judged == OPEN and spare < plain[LEAST_COST] * (1 if missing else 2):
            judged = NEAR
    return judged


@_compiled
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
    """Put into ``least`` the smallest state that a renaming of inputs makes of a state."""
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


@_compiled
def store_output(outputs: Any, target: Any, value: Any, state: Any, child: Any) -> Any:
    """Put into ``child`` a state with an output stored; return whether it accepts the value."""
    for number in range(1, outputs[target, STATES]):
        if np.uint64(outputs[target, TABLES + number]) == value:
            for word in range(len(state)):
                child[word] = state[word]
            word, shift = outputs[target, WORD], np.uint64(outputs[target, SHIFT])
            child[word] &= ~(np.uint64(outputs[target, MASK]) << shift)
            child[word] |= np.uint64(number) << shift
            return True
    return False


@_compiled
def drive(plain: Any, drives: Any, number: Any, value: Any, state: Any, child: Any) -> None:
    """Put into ``child`` a state in which cells were overwritten."""
    complement = value ^ ((np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1))
    for word in range(len(state)):
        child[word] = (
            (state[word] & drives[number, word, 0])
            | (value * drives[number, word, 1])
            | (complement * drives[number, word, 2])
        )


@_compiled
def give(
    plain: Any, outputs: Any, drives: Any, targets: Any,
    destination: Any, value: Any, sensed: Any, child: Any,
) -> Any:  # fmt: skip
    """Put into ``child`` what a second activation makes of a state; return whether it may be."""
    if targets[destination] >= 0:
        return store_output(outputs, targets[destination], value, sensed, child)
    drive(plain, drives, destination, value, sensed, child)
    return True


@_compiled
def enter(
    states: Any, origin: Any, table: Any, pushed: Any, numbers: Any,
    state: Any, cost: Any, parent: Any,
) -> None:  # fmt: skip
    """Keep a state that was found, unless it is known at no more."""
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


@_compiled
def expand(rules: Rules, store: Store, work: Work, batch: Any, cost: Any, limit: Any) -> Any:
    """Find the successors of states that cost ``cost``, from where it stopped; return the limit.

    It stops at the end of ``batch``, or where the store must be made larger. A goal that is found
    lowers the limit: only what costs less is worth finding.
    """
    plain, cells, outputs, sources = rules.plain, rules.cells, rules.outputs, rules.sources
    drives, targets, prices, goal = rules.drives, rules.targets, rules.prices, rules.goal
    names, values, touched = rules.names, rules.values, rules.touched
    states, origin, table = store.states, store.origin, store.table
    pushed, numbers = store.pushed, store.numbers
    words = states.shape[1]
    held, own, after = work.held[0], work.held[1], work.held[2]
    tried, useful = work.tried, work.useful
    state, sensed, child = work.states[0], work.states[1], work.states[2]
    least, spare = work.states[3], work.states[4]
    everywhere = (np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    destinations = len(targets)
    most = len(sources) * destinations
    room = min(len(states), len(table) * 5 // 8) - most
    while numbers[NEXT] < len(batch):
        if numbers[COUNT] > room or numbers[PUSHED] > len(pushed) - most:
            break
        number = batch[numbers[NEXT]]
        numbers[NEXT] += 1
        if origin[number, 0] != cost:
            continue
        for word in range(words):
            state[word] = states[number, word]
        unpack(plain, cells, state, own)
        before = lacks(plain, outputs, state)
        distinct = 0
        noted, count = -2, 0  # the source behind which `useful` was found: -1 any that leaves cells
        for source in range(len(sources)):
            value = sense(plain, sources, outputs, source, state, own)
            if value > everywhere:
                continue
            if sources[source, KIND] == MAJORITY:
                drive(plain, drives, destinations + source, value, state, sensed)
            else:
                again = False
                for at in range(distinct):
                    again = again or tried[at] == value
                if again:
                    continue
                if not sources[source, ANY_SHORTED]:
                    tried[distinct] = value
                    distinct += 1
                for word in range(words):
                    sensed[word] = state[word]
            for destination in range(destinations):
                price = prices[source, destination]
                if price == 0:
                    continue
                left = limit - cost - price
                if left < 0:
                    numbers[CUT] = 1
                    continue
                stores = targets[destination] >= 0
                if before[0] and not stores and left < before[0] * plain[STORE_COST]:
                    numbers[CUT] = 1
                    continue
                if not give(plain, outputs, drives, targets, destination, value, sensed, child):
                    continue
                lack = lacks(plain, outputs, child) if stores else before
                judged = judge(plain, cells, goal, child, lack, left, held)
                if judged == NEAR:
                    if stores:
                        noted = -2
                        near = find_useful(plain, outputs, sources, child, held, lack[0], useful)
                    else:
                        by = source if sources[source, KIND] == MAJORITY else -1
                        if noted != by:
                            noted = by
                            unpack(plain, cells, sensed, after)
                            count = find_useful(
                                plain, outputs, sources, sensed, after, lack[0], useful
                            )
                        near = still_useful(
                            plain, outputs, sources, touched[destination], child, held, lack[0],
                            useful, count,
                        )  # fmt: skip
                    judged = OPEN if near else PRUNED
                if judged == PRUNED:
                    numbers[CUT] = 1
                elif judged == DONE:
                    numbers[BEST] = cost + price
                    numbers[PARENT] = number
                    limit = cost + price - 1
                else:
                    canonical(plain, cells, outputs, names, values, child, least, spare)
                    enter(states, origin, table, pushed, numbers, least, cost + price, number)
    return limit


@_compiled
def retrace(rules: Rules, work: Work, target: Any, price: Any) -> Any:
    """Find a command of a price that leads from one state to another; return its number, or -1.

    The first state is the first of ``work.states``, and takes the value of what it becomes. It is
    to become ``target`` but for renaming; if that is empty, a goal.
    """
    plain, cells, outputs, sources = rules.plain, rules.cells, rules.outputs, rules.sources
    drives, targets, prices, goal = rules.drives, rules.targets, rules.prices, rules.goal
    own = work.held[1]
    state, sensed, child = work.states[0], work.states[1], work.states[2]
    least, spare = work.states[3], work.states[4]
    words = len(state)
    everywhere = (np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    unpack(plain, cells, state, own)
    for source in range(len(sources)):
        value = sense(plain, sources, outputs, source, state, own)
        if value > everywhere:
            continue
        for word in range(words):
            sensed[word] = state[word]
        if sources[source, KIND] == MAJORITY:
            drive(plain, drives, len(targets) + source, value, state, sensed)
        for destination in range(len(targets)):
            if prices[source, destination] != price:
                continue
            if not give(plain, outputs, drives, targets, destination, value, sensed, child):
                continue
            if len(target):
                canonical(plain, cells, outputs, rules.names, rules.values, child, least, spare)
                same = True
                for word in range(words):
                    same = same and least[word] == target[word]
            else:
                missing, _, _, _ = lacks(plain, outputs, child)
                same = missing == 0 and is_goal(goal, child)
            if same:
                for word in range(words):
                    state[word] = child[word]
                return source * len(targets) + destination
    return -1
