"""Adding rows in compiled code: handing out rows, writing records, choosing chains.

An item is a number: twice its row, plus 1 if the row holds the complement. Rows are those of a
part, with the constants first; -1 stands for a digit that is the same in every column. Chains are
explained in :mod:`pimsim.microprogram.accumulation`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.object_code import part

Ints = NDArray[np.int64]

AT, FREE, USED, PEAK, ADDERS, FULL, WRONG, LONGEST = range(8)
"""Places in the state: words written; free rows; rows in use, and the most so far; adders; whether
the memory for records is full; whether something impossible was asked for; and the most items that
were added as one bucket, or as many as fill a block."""
JOINTS, CARRIES, BOTH, ZERO, ONE, FEW_ACTIVATIONS, BLOCK, WAYS = range(8)
"""Of the table: first codes of joint adders, of carries and of two at once; rows of the constants;
whether activations are to be few, not commands; how many items of a bucket are added before their
carries are; and from there on the codes of chains, by their way."""
START, MIXED, EQUAL, TURNED, END = range(5)
"""What a program of a chain does (one of the first three), and what it leaves (all but the first).
A way is the first number times :data:`KINDS`, plus the second."""
KINDS = 5
MAX_WEIGHT = 40
PLUS, MINUS = -2, -1
"""Items that are constants."""
NOTHING = -3
"""Instead of an item: there is none."""
PLAIN, COMPLEMENTED, CONSTANT = range(3)
"""Sorts of items."""


class Work(NamedTuple):
    """Where records go, which rows are free, and what there is to work with."""

    state: Ints
    """See :data:`AT`."""
    free: Ints
    """Rows that may be used, the first to be used last."""
    refs: Ints
    """``(rows,)`` uses that are left of each."""
    tape: NDArray[np.int32]
    """Memory for records."""
    table: Ints
    """See :data:`WAYS`."""
    prices: Ints
    """``(ways, 2)`` commands and activations."""
    sorted: Ints
    """``(3, capacity)`` items to be added: plain ones, complemented ones, constants."""
    left: Ints
    """``(3,)`` how many of each are left."""
    ways: Ints
    """``(2, capacity)`` what the programs of a chain do, and whether they add complements."""
    columns: Ints
    """``(2, MAX_WEIGHT, capacity)`` items that wait, of a bucket and of another beside it, by the
    exponent of their weight."""
    waiting: Ints
    """``(2, MAX_WEIGHT)`` how many."""


compiled = part
"""Compiled into the functions that call it, because wrappers would take half of the time."""


# -- rows and records -----------------------------------------------------------------------------


@compiled
def take(work: Work, uses: int) -> int:
    """A free row, for ``uses`` uses."""
    state, free, refs = work.state, work.free, work.refs
    state[FREE] -= 1
    if state[FREE] < 0:
        state[FREE], state[WRONG] = 0, 1
        return 0
    row = free[state[FREE]]
    refs[row] = uses
    state[USED] += 1
    state[PEAK] = max(state[PEAK], state[USED])
    return int(row)


@compiled
def use(work: Work, item: int) -> None:
    """Count a use; rows that were not given out here are left alone."""
    state, free, refs = work.state, work.free, work.refs
    row = item >> 1
    if row >= 0 and refs[row] > 0:
        refs[row] -= 1
        if refs[row] == 0:
            free[state[FREE]] = row
            state[FREE] += 1
            state[USED] -= 1


@compiled
def put(work: Work, word: int) -> None:
    """Write a code or a row."""
    state, tape = work.state, work.tape
    if state[AT] >= len(tape):
        state[FULL] = 1
        return
    tape[state[AT]] = word
    state[AT] += 1


@compiled
def row_of(work: Work, item: int, complement: int) -> int:
    """Row that holds an item, or its complement; of a constant, either."""
    if item < 0:
        return int(work.table[ONE if (item & 1) == complement else ZERO])
    return int(item >> 1)


# -- chains ---------------------------------------------------------------------------------------


@compiled
def sort_items(work: Work, items: Ints, count: int) -> None:
    """Sort items that are to be added."""
    for sort in range(3):
        work.left[sort] = 0
    for i in range(count):
        sort = CONSTANT if items[i] < 0 else items[i] & 1
        work.sorted[sort, work.left[sort]] = items[i]
        work.left[sort] += 1


@compiled
def pop(work: Work, sort: int) -> int:
    """Take an item of a sort; a constant if none is left."""
    if not work.left[sort]:
        sort = CONSTANT
    work.left[sort] -= 1
    return int(work.sorted[sort, work.left[sort]])


@compiled
def _chain(
    work: Work, first: int, mixed: int, equal: tuple[int, int], start: int, tail: int
) -> None:
    """Write the ways of a chain down.

    Args:
        work: where they go.
        first: whether it begins with a complemented item.
        mixed: adders of a plain and a complemented item, which come first.
        equal: adders of two plain ones, and of two complemented ones, in turn.
        start: which of these begins.
        tail: the sort of the item that a joint adder takes at the end; -1: there is none.

    """
    left_plain, left_complemented = equal
    adders = mixed + left_plain + left_complemented
    held, kind, sort = first, START, start
    for number in range(adders + 1):
        following, added = END, 0
        if number < mixed:
            following = MIXED
        elif number == adders and tail >= 0:
            following = TURNED if held == tail else EQUAL
        elif number < adders:
            if (sort and not left_complemented) or (not sort and not left_plain):
                sort = 1 - sort
            if sort:
                left_complemented -= 1
            else:
                left_plain -= 1
            following = EQUAL if held != sort else TURNED
            added, sort = sort, 1 - sort
        work.ways[0, number], work.ways[1, number + 1] = kind * KINDS + following, added
        kind = MIXED if number < mixed else EQUAL
        held = 1 - held if number < mixed else 1 - added


@compiled
def _price(
    work: Work, first: int, mixed: int, equal: tuple[int, int], start: int, tail: int
) -> int:
    """Price of the chain that :func:`_chain` writes, from a formula.

    Equal adders of the two sorts alternate, and each is turned, until one sort is used up. Those of
    the other sort that are left follow, and none of these is turned.
    """
    plain, complemented = equal
    held, kind, price = (first + mixed) % 2, START, 0
    if mixed:
        price = _way(work, START, MIXED) + (mixed - 1) * _way(work, MIXED, MIXED)
        kind = MIXED
    if plain + complemented:
        begin = start
        if (begin and not complemented) or (not begin and not plain):
            begin = 1 - begin
        own, other = (complemented, plain) if begin else (plain, complemented)
        turned = 2 * other if own > other else 2 * own - 1  # of those behind the first
        rest = own + other - 1 - turned
        price += _way(work, kind, EQUAL if held != begin else TURNED)
        price += turned * _way(work, EQUAL, TURNED) + rest * _way(work, EQUAL, EQUAL)
        # the sort of the last: of those that are left over, or the one behind the last of the other
        last = begin if own > other else 1 - begin
        held, kind = 1 - last, EQUAL
    if tail < 0:
        return price + _way(work, kind, END)
    return price + _way(work, kind, TURNED if held == tail else EQUAL)


@compiled
def _way(work: Work, kind: int, following: int) -> int:
    """Price of a program of a chain; the other measure breaks a tie."""
    way = kind * KINDS + following
    few, other = work.prices[way, 0], work.prices[way, 1]
    if work.table[FEW_ACTIVATIONS]:
        few, other = other, few
    return int(few * 4096 + other)


@compiled
def _cheapest(work: Work, adders: int, joins: bool) -> int:
    """Write the ways of the cheapest chain of sorted items; return whether it begins complemented.

    It is the chain of :func:`pimsim.microprogram.accumulation.cheapest`; -1 if there is none. With
    ``joins``, the only item that is left over goes to a joint adder at the end.
    """
    plain, complemented, constants = work.left[PLAIN], work.left[COMPLEMENTED], work.left[CONSTANT]
    spare = plain + complemented + constants - 2 * adders - 1
    best, found = -1, (-1, 0, (0, 0), 0, -1)
    for left_plain in range(spare + 1):
        for left_complemented in range(spare - left_plain + 1):
            some, others = plain - left_plain, complemented - left_complemented
            fixed = constants - (spare - left_plain - left_complemented)
            if min(some, others, fixed) < 0:
                continue
            tail = 1 - left_plain if joins else -1
            for extra in range(fixed + 1):
                for first in range(2):
                    one, other = some + extra - (1 - first), others + fixed - extra - first
                    if min(one, other) < 0:
                        continue
                    most, odd = min(one, other), one % 2
                    for mixed in (odd, min(odd + 2, most), most):
                        equal = (one - mixed) // 2, (other - mixed) // 2
                        for start in range(2):
                            price = _price(work, first, mixed, equal, start, tail)
                            if best < 0 or price < best:
                                best, found = price, (first, mixed, equal, start, tail)
    if best >= 0:
        _chain(work, found[0], found[1], found[2], found[3], found[4])
    return found[0]


@compiled
def add(
    work: Work, items: Ints, count: int, adders: int, carries: Ints, carried: int
) -> tuple[int, int, int]:
    """Add 2 ``adders`` + 1 of ``items``; what is left is put at their beginning.

    Returns the sum, how many items are left, and how many carries there are then.
    """
    sort_items(work, items, count)
    carried, total = add_sorted(work, adders, carries, carried, False)
    left = 0
    for sort in range(3):
        for i in range(work.left[sort]):
            items[left] = work.sorted[sort, i]
            left += 1
    return total, left, carried


@compiled
def add_sorted(
    work: Work, adders: int, carries: Ints, carried: int, joins: bool
) -> tuple[int, int]:
    """Add sorted items; return the number of carries then, and the sum unless it goes on."""
    held = _cheapest(work, adders, joins)
    if held < 0:
        work.state[WRONG] = 2
        return carried, NOTHING
    first, total = pop(work, held), NOTHING
    put(work, work.table[WAYS + work.ways[0, 0]])
    put(work, row_of(work, first, held))
    for number in range(1, adders + 1):
        way, sort = work.ways[0, number], work.ways[1, number]
        carry = take(work, 1)
        if way // KINDS == MIXED:
            b, c = pop(work, PLAIN), pop(work, COMPLEMENTED)
            rows = row_of(work, b, 0), row_of(work, c, 1)
            carries[carried] = 2 * carry + held
            if held:
                rows = rows[1], rows[0]
            held = 1 - held
        else:
            b, c = pop(work, sort), pop(work, sort)
            rows = row_of(work, b, sort), row_of(work, c, sort)
            carries[carried] = 2 * carry + sort
            held = 1 - sort
        carried += 1
        put(work, work.table[WAYS + way])
        put(work, rows[0])
        put(work, rows[1])
        put(work, carry)
        if way % KINDS == END:
            row = take(work, 1)
            put(work, row)
            total = 2 * row + held
        use(work, b)  # which is read by now
        use(work, c)
    use(work, first)
    work.state[ADDERS] += adders
    return carried, total
