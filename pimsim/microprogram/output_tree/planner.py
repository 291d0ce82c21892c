"""The compiled planner: from the signs of a group's rows to the records of its tape.

What it writes is explained in :mod:`~pimsim.microprogram.output_tree.tree` (rows sorted by their
signs, halves, leaves settled to one digit a weight), in
:mod:`~pimsim.microprogram.output_tree.joint` and in
:mod:`~pimsim.microprogram.output_tree.deciding` (comparing by carries).

All that is compiled stands here: machine code that is kept is held against the date of its own
module alone. An item is a number: twice its row, plus 1 if it holds the complement; rows are those
of a part, the constants' first, and -1 stands for a digit that is the same in every column.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.machine_code import kept

Ints = NDArray[np.int64]

AT, FREE, USED, PEAK, ADDERS, FULL, WRONG = range(7)
"""Of the state: records written; free rows; rows in use; most of them so far; adders; whether the
memory for records is full; and whether something was asked for that cannot be."""
JOINTS, CARRIES, ZERO, ONE, FEW_ACTIVATIONS, WAYS = range(6)
"""Of the table: first codes of joint adders and of carries; rows of the constants; whether
activations are to be few, not commands; and from there on the codes of chains, by what a program
does and what it leaves."""
START, MIXED, EQUAL, TURNED, END = range(5)
"""What a chain's program does (one of the first three), and what it leaves (all but the first)."""
LEAF, PAIR, INNER = range(3)
"""Kinds of nodes."""
KIND, DEPTH, MEMBERS, FIRST, SECOND = range(5)
"""Of a node: its kind; its depth; its outputs, and those of its halves, as sets of places."""
ITEM, WEIGHT, NEGATIVE, PRESENT = range(4)
"""Of what is handed on: the item; the exponent of its weight; and the places in the group that
subtract it, and that count it at all, as sets."""
LEAF_OF, COLUMN, WEIGHT_OF, CAME = range(4)
"""Of what other parts have counted: leaf, column, exponent of its weight, and item."""
BEFORE, SETTLED, DECIDED = range(3)
"""Records of a leaf: how many there are before it, when it is settled, and behind each bit."""
MAX_WEIGHT = 40
DEPTHS = 8
"""Nodes from the group to a leaf, at most."""
NOTHING = -3
"""Instead of an item: there is none."""
_PLUS, _MINUS = -2, -1
_PAYS = 2


class Nodes(NamedTuple):
    """What is handed from a node to its halves, and what a node works on."""

    handed: Ints
    """``(depths, 4, capacity)``, see :data:`ITEM`, of the node at each depth; at 0 the operands."""
    size: Ints
    """``(depths,)`` how many."""
    own: Ints
    """``(4, capacity)`` the same of this node, each bucket's the same way round."""
    keys: Ints
    """``(capacity,)`` outputs, signs and weight of what is left of each bucket, in order."""
    counts: Ints
    """``(capacity,)`` how many items that is."""
    left: Ints
    """``(capacity, 6)`` the items."""


_compiled = partial(kept, parallel=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what is called from compiled code alone: its wrappers would take half of the compiling."""


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
    """``(19, 2)`` commands and activations of chains' programs, then of joint adders."""
    scratch: Ints
    """``(3, capacity)``."""
    columns: Ints
    """``(MAX_WEIGHT, capacity)`` items that wait, by the exponent of their weight."""
    waiting: Ints
    """``(MAX_WEIGHT,)`` how many."""


class Group(NamedTuple):
    """What a part of a group's fan-in is to count."""

    signs: NDArray[np.int8]
    """``(items, places)`` -1, 0 or +1 for each output of the group."""
    rows: Ints
    """``(items,)`` row of each."""
    weights: Ints
    """``(items,)`` exponent of its weight."""
    nodes: Ints
    """``(nodes, 5)``, see :data:`KIND`, each before its halves."""
    incoming: Ints
    """``(n, 4)`` leaf, column, weight and item that other parts have counted, by leaf; the items
    get their rows here."""
    kappas: Ints
    """``(places,)`` bit = what is counted and this are above 0."""
    outs: Ints
    """``(places,)`` row of each bit."""
    here: bool
    """Whether bits are decided here; else leaves are settled to be handed over."""


class Found(NamedTuple):
    """What came of it."""

    constants: Ints
    """``(places,)`` what is to be added to what leaves hold."""
    marks: Ints
    """``(leaves, 4)``, see :data:`BEFORE`."""
    digits: Ints
    """``(leaves, 2, MAX_WEIGHT)`` items that leaves are settled to."""
    lasts: Ints
    """``(leaves, 2)`` the digit that is added to each output; where bits are not decided, what its
    numbers are too much by."""


@_compiled
def _take(work: Work, uses: int) -> int:
    """A free row, for so many uses."""
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


@_compiled
def _use(work: Work, item: int) -> None:
    """Count a use; rows that were not given out here are left alone."""
    state, free, refs = work.state, work.free, work.refs
    row = item >> 1
    if row >= 0 and refs[row] > 0:
        refs[row] -= 1
        if refs[row] == 0:
            free[state[FREE]] = row
            state[FREE] += 1
            state[USED] -= 1


@_compiled
def _put(work: Work, word: int) -> None:
    state, tape = work.state, work.tape
    if state[AT] >= len(tape):
        state[FULL] = 1
        return
    tape[state[AT]] = word
    state[AT] += 1


@_compiled
def _row(work: Work, item: int, complement: int) -> int:
    """Row that holds an item, or its complement; of a constant, either."""
    if item < 0:
        return int(work.table[ONE if (item & 1) == complement else ZERO])
    return int(item >> 1)


@_compiled
def _chain_cost(
    prices: Ints, first: int, mixed: int, plain: int, turned: int, start: int, minimise: int
) -> int:
    """Price of a chain: commands, then activations to break a tie, or the other way round."""
    held, total = first, 0
    kind, number, left_plain, left_turned, count = START, 0, plain, turned, mixed + plain + turned
    side = start
    if (side and not turned) or (not side and not plain):
        side = 1 - side
    own = side
    while True:
        if kind == MIXED:
            held = 1 - held
        elif kind == EQUAL:
            held = 1 - own
        # what follows
        if number < mixed:
            following = MIXED
        elif number < count:
            if number > mixed:
                side = 1 - side
                if (side and not left_turned) or (not side and not left_plain):
                    side = 1 - side
            own = side
            if own:
                left_turned -= 1
            else:
                left_plain -= 1
            following = EQUAL if held != own else TURNED
        else:
            following = END
        way = kind * 5 + following
        if minimise:
            total += prices[way, 1] * 4096 + prices[way, 0]
        else:
            total += prices[way, 0] * 4096 + prices[way, 1]
        if following == END:
            return int(total)
        kind = MIXED if number < mixed else EQUAL
        number += 1


@_compiled
def _add(
    work: Work, items: Ints, count: int, adders: int, carries: Ints, carried: int
) -> tuple[int, int, int]:
    """Add 2 ``adders`` + 1 of ``items``; what is left is put at their beginning.

    Returns the sum, how many items are left, and how many carries there are then.
    """
    state, table, prices, scratch = work.state, work.table, work.prices, work.scratch
    plain = turned = fixed = 0
    for i in range(count):
        if items[i] < 0:
            scratch[2, fixed] = items[i]
            fixed += 1
        elif items[i] & 1:
            scratch[1, turned] = items[i]
            turned += 1
        else:
            scratch[0, plain] = items[i]
            plain += 1
    minimise = table[FEW_ACTIVATIONS]
    spare = count - 2 * adders - 1
    best = -1
    b_first = b_mixed = b_plain = b_turned = b_start = 0
    for left_plain in range(spare + 1):
        for left_turned in range(spare - left_plain + 1):
            some, others = plain - left_plain, turned - left_turned
            constants = fixed - (spare - left_plain - left_turned)
            if some < 0 or others < 0 or constants < 0:
                continue
            for extra in range(constants + 1):
                p, t = some + extra, others + constants - extra
                for first in range(2):
                    one, other = p - (1 - first), t - first
                    if one < 0 or other < 0:
                        continue
                    most = min(one, other)
                    if (one - one % 2) < 0 or (other - one % 2) < 0:
                        continue
                    for option in range(3):
                        if option == 0:
                            mixed = one % 2
                        elif option == 1:
                            mixed = min(one % 2 + 2, most)
                        else:
                            mixed = most
                        if mixed > most or (one - mixed) % 2 or (other - mixed) % 2:
                            continue
                        for start in range(2):
                            cost = _chain_cost(
                                prices, first, mixed, (one - mixed) // 2, (other - mixed) // 2,
                                start, minimise,
                            )  # fmt: skip
                            if best < 0 or cost < best:
                                best = cost
                                b_first, b_mixed, b_start = first, mixed, start
                                b_plain, b_turned = (one - mixed) // 2, (other - mixed) // 2
    if best < 0:
        state[WRONG] = 2
        return 0, 0, carried
    # write it
    held = b_first
    if b_first:
        if turned:
            turned -= 1
            item = scratch[1, turned]
        else:
            fixed -= 1
            item = scratch[2, fixed]
    elif plain:
        plain -= 1
        item = scratch[0, plain]
    else:
        fixed -= 1
        item = scratch[2, fixed]
    pending = item
    number, side, own = 0, b_start, 0
    left_plain, left_turned = b_plain, b_turned
    if (side and not left_turned) or (not side and not left_plain):
        side = 1 - side
    kind = START
    b = c = row_b = row_c = carry = 0
    head = _row(work, item, b_first)
    total = -2
    while True:
        if kind != START:
            carry = _take(work, 1)
            if kind == MIXED:
                if plain:
                    plain -= 1
                    b = scratch[0, plain]
                else:
                    fixed -= 1
                    b = scratch[2, fixed]
                if turned:
                    turned -= 1
                    c = scratch[1, turned]
                else:
                    fixed -= 1
                    c = scratch[2, fixed]
                row_b, row_c = _row(work, b, 0), _row(work, c, 1)
                if held:
                    row_b, row_c = row_c, row_b
                carries[carried] = 2 * carry + held
                held = 1 - held
            else:
                side_count = turned if own else plain
                if side_count:
                    side_count -= 1
                    b = scratch[own, side_count]
                else:
                    fixed -= 1
                    b = scratch[2, fixed]
                if side_count:
                    side_count -= 1
                    c = scratch[own, side_count]
                else:
                    fixed -= 1
                    c = scratch[2, fixed]
                if own:
                    turned = side_count
                else:
                    plain = side_count
                row_b, row_c = _row(work, b, own), _row(work, c, own)
                carries[carried] = 2 * carry + own
                held = 1 - own
            carried += 1
        if number < b_mixed:
            following = MIXED
        elif number < adders:
            if number > b_mixed:
                side = 1 - side
                if (side and not left_turned) or (not side and not left_plain):
                    side = 1 - side
            own = side
            if own:
                left_turned -= 1
            else:
                left_plain -= 1
            following = EQUAL if held != own else TURNED
        else:
            following = END
        _put(work, table[WAYS + kind * 5 + following])
        if kind == START:
            _put(work, head)
        else:
            _put(work, row_b)
            _put(work, row_c)
            _put(work, carry)
            if following == END:
                row = _take(work, 1)
                _put(work, row)
                total = 2 * row + held
            # operands are read by now
            _use(work, b)
            _use(work, c)
        if following == END:
            break
        kind = MIXED if number < b_mixed else EQUAL
        number += 1
    _use(work, pending)
    state[ADDERS] += adders
    left = 0
    for i in range(plain):
        items[left] = scratch[0, i]
        left += 1
    for i in range(turned):
        items[left] = scratch[1, i]
        left += 1
    for i in range(fixed):
        items[left] = scratch[2, i]
        left += 1
    return total, left, carried


@_compiled
def _joint(
    work: Work, both: Ints, odd: Ints, counts: tuple[int, int]
) -> tuple[int, int, int, int, int, int]:
    """Write a joint adder of two of ``both`` and one of ``odd``.

    Returns places of those in their lists, and the items: sum, one carry, and the other.
    """
    state, table, prices = work.state, work.table, work.prices
    best = -1
    b_x = b_y = b_z = b_kind = 0
    for z in range(counts[1]):
        for x in range(counts[0]):
            for y in range(counts[0]):
                if x == y:
                    continue
                same_y = (both[y] & 1) == (both[x] & 1)
                same_z = (odd[z] & 1) == (both[x] & 1)
                # mixed, odd, turned, equal
                kind = (3 if same_y else 0) if same_z else (2 if same_y else 1)
                cost = prices[15 + kind, 0]
                if best < 0 or cost < best:
                    best, b_x, b_y, b_z, b_kind = cost, x, y, z, kind
    one = _take(work, 1)
    other = _take(work, 1)
    total = _take(work, 1)
    x, y, z = both[b_x], both[b_y], odd[b_z]
    _put(work, table[JOINTS] + b_kind)
    for row in (x >> 1, y >> 1, z >> 1, one, other, total):
        _put(work, row)
    state[ADDERS] += 1
    _use(work, x)
    _use(work, y)
    _use(work, z)
    held = x & 1
    turned = 1 if b_kind < 2 else 0
    return b_x, b_y, b_z, 2 * total + 1 - held, 2 * one + held, 2 * other + (held ^ turned)


@_compiled
def _settle(work: Work, beside: int, found: Ints) -> int:
    """Add the items of ``cols`` and a number up to one digit a weight; how many there are."""
    state, refs, cols, cnt = work.state, work.refs, work.columns, work.waiting
    weight = 0
    for w in range(MAX_WEIGHT):
        found[w] = NOTHING
    while True:
        above = 0
        for w in range(weight + 1, MAX_WEIGHT):
            above += cnt[w]
        count = cnt[weight]
        if not (above or count or beside):
            return weight
        if weight + 2 >= MAX_WEIGHT or (count + beside) % 2 == 0:
            state[WRONG] = 3
            return weight
        following = cnt[weight + 1]
        if count % 2 == 0:
            digit = 0
            if not count and not above and abs(beside) == 1:
                digit = beside
            else:
                for option in (1, -1):
                    if digit == 0 and ((beside - option) // 2 + following + count // 2) % 2:
                        digit = option
            beside -= digit
            cols[weight, count] = _PLUS if digit > 0 else _MINUS
            cnt[weight] += 1
        adders = cnt[weight] // 2
        if adders:
            total, _, carried = _add(
                work, cols[weight], cnt[weight], adders, cols[weight + 1], cnt[weight + 1]
            )
            cnt[weight + 1] = carried
        else:
            total = cols[weight, 0]
        cnt[weight] = 0
        beside //= 2
        if count % 2 and (above or adders or beside) and (following + adders + beside) % 2 == 0:
            cols[weight + 1, cnt[weight + 1]] = total  # z = 2 z - z makes the next weight odd
            cnt[weight + 1] += 1
            if total >= 0 and refs[total >> 1]:
                refs[total >> 1] += 1
            total ^= 1
        found[weight] = total
        weight += 1


@_compiled
def _extended(digits: Ints, size: int, top: int) -> None:
    """Give the same number digits up to a weight: z = 2 z - z."""
    last = digits[size - 1]
    for weight in range(size - 1, top):
        digits[weight] = last ^ 1
    digits[top] = last


@_compiled
def _decide(work: Work, one: Ints, other: Ints, top: int, minus: int, carry: int, out: int) -> None:
    """Write ``out`` = (one + other + carry > 0), or one - other + carry with ``minus``."""
    table = work.table
    held = 0
    for weight in range(top + 1):
        a, b = one[weight], other[weight] ^ minus
        if b < 0 <= a or (a >= 0 and b >= 0 and (a & 1) <= (b & 1)) or (a < 0 and b < 0):
            first, second = a, b
        else:
            first, second = b, a
        # rows come before constants, plain ones before complemented ones
        real = int(first >= 0) + int(second >= 0)
        third = NOTHING
        if weight == 0:
            begin = _PLUS if carry > 0 else _MINUS
            if real == 2 and (first & 1) != (second & 1):
                kind, held = 1, 0
                row_a, row_b, third = first >> 1, second >> 1, _row(work, begin, 0)
            else:
                held = first & 1 if real else 0
                kind = 0
                row_a, row_b = _row(work, first, held), _row(work, second, held)
                third = _row(work, begin, held)
        elif real == 2 and (first & 1) == (second & 1):
            row_a, row_b = first >> 1, second >> 1
            if (first & 1) == held:
                kind = 2
            else:
                kind, held = 3, 1 - held
        elif real == 2:
            kind = 4
            if (first & 1) != held:
                first, second = second, first
            row_a, row_b = first >> 1, second >> 1
        elif real == 0:
            kind, row_a, row_b = 2, _row(work, first, held), _row(work, second, held)
        else:
            kind = 2 if (first & 1) == held else 5
            row_a, row_b = first >> 1, _row(work, second, held)
        last = 0 if weight < top else 1 + held
        _put(work, table[CARRIES] + kind * 3 + last)
        _put(work, row_a)
        _put(work, row_b)
        if third != NOTHING:
            _put(work, third)
        if last:
            _put(work, out)


@_compiled
def _shares(one: int, other: int, alike: int, unlike: int) -> tuple[int, int, int, int]:
    """Divide two constants: what is added to S and to D, and the digit left for each output."""
    for first in (1, -1):
        for second in (1, -1):
            total, difference = one + other - first - second, one - other - first + second
            if total % 2 or difference % 2:
                continue
            total, difference = total // 2, difference // 2
            if (total + alike) % 2 and (difference + unlike) % 2:
                return total, difference, first, second
    return 0, 0, 0, 0


@_compiled
def _settles(cnt: Ints, weight: int, items: int) -> bool:
    """Whether a constant leaves one item instead of two at enough weights in turn."""
    carries, settled = items // 2, 0
    while True:
        weight += 1
        count = cnt[weight] + carries
        if count < 3 or count % 2 == 0:
            return settled >= _PAYS
        settled += 1
        carries = (count - 1) // 2


@_compiled
def _find(keys: Ints, size: int, key: int) -> int:
    """Where a key stands among sorted ones; -1 if it does not."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < size and keys[low] == key else -1


@partial(kept, parallel=False, nogil=True, no_cfunc_wrapper=True)
def write(work: Work, group: Group, found: Found) -> None:
    """Write the records of a group in one part."""
    capacity = work.scratch.shape[1]
    nodes = Nodes(
        np.empty((DEPTHS, 4, capacity), np.int64),
        np.zeros(DEPTHS, np.int64),
        np.empty((4, capacity), np.int64),
        np.empty(capacity, np.int64),
        np.empty(capacity, np.int64),
        np.empty((capacity, 6), np.int64),
    )
    _begin(group, nodes)
    leaf = came = 0
    for number in range(len(group.nodes)):
        node = group.nodes[number]
        size = _gathered(nodes, node)
        if node[KIND] == INNER:
            groups = _compressed(work, found, nodes, size)
            extra = _joined(work, nodes, node, groups)
            _hand_on(work, nodes, node, groups, extra)
        else:
            came = _leaf(work, group, found, nodes, node, size, (leaf, came))
            leaf += 1
        if work.state[WRONG]:
            return


@_compiled
def _begin(group: Group, nodes: Nodes) -> None:
    """Hand the operands to the first node."""
    count = 0
    for i in range(len(group.rows)):
        negative = present = 0
        for place in range(group.signs.shape[1]):
            if group.signs[i, place] < 0:
                negative |= 1 << place
            if group.signs[i, place] != 0:
                present |= 1 << place
        if present:
            nodes.handed[0, ITEM, count] = 2 * group.rows[i]
            nodes.handed[0, WEIGHT, count] = group.weights[i]
            nodes.handed[0, NEGATIVE, count] = negative
            nodes.handed[0, PRESENT, count] = present
            count += 1
    nodes.size[0] = count


@_compiled
def _gathered(nodes: Nodes, node: Ints) -> int:
    """Take what a node was handed that it counts; how much."""
    depth, members, size = node[DEPTH], node[MEMBERS], 0
    handed, own = nodes.handed[depth], nodes.own
    for i in range(nodes.size[depth]):
        present = handed[PRESENT, i] & members
        if not present:
            continue
        negative, item = handed[NEGATIVE, i] & present, handed[ITEM, i]
        if negative & present & -present:  # the first output subtracts: turn all round
            negative ^= present
            item ^= 1
        own[ITEM, size], own[WEIGHT, size] = item, handed[WEIGHT, i]
        own[NEGATIVE, size], own[PRESENT, size] = negative, present
        size += 1
    return size


# -- leaves ---------------------------------------------------------------------------------------


@_compiled
def _leaf(
    work: Work,
    group: Group,
    found: Found,
    nodes: Nodes,
    node: Ints,
    size: int,
    at: tuple[int, int],
) -> int:
    """Settle a leaf, and decide its bits if that is done here.

    ``at`` is its number, and how many items of other parts have come; returns the latter, then.
    """
    leaf, came = at
    columns = 1 if node[KIND] == LEAF else 2
    first = second = 0
    while not node[MEMBERS] >> first & 1:
        first += 1
    if columns == 2:
        second = first + 1
        while not node[MEMBERS] >> second & 1:
            second += 1
    found.marks[leaf, BEFORE] = work.state[AT]
    incoming, until = group.incoming, came
    while until < len(incoming) and incoming[until, LEAF_OF] == leaf:
        if incoming[until, CAME] >= 0:
            incoming[until, CAME] = 2 * _take(work, 1) + (incoming[until, CAME] & 1)
        until += 1
    alike = unlike = 0
    for i in range(size):
        if nodes.own[WEIGHT, i] == 0:
            unlike += nodes.own[NEGATIVE, i] != 0
            alike += nodes.own[NEGATIVE, i] == 0
    for i in range(came, until):
        if incoming[i, WEIGHT_OF] == 0:
            unlike += incoming[i, COLUMN] == 1
            alike += incoming[i, COLUMN] == 0
    kappa = group.kappas[first] + found.constants[first]
    beside, another, last, other = (alike + 1) % 2, (unlike + 1) % 2, 0, 0
    if group.here and columns == 2:
        both = group.kappas[second] + found.constants[second]
        beside, another, last, other = _shares(kappa, both, alike, unlike)
        if last == 0:
            work.state[WRONG] = 4
            return until
    elif group.here:
        # the count is held against a number that is the same in all columns
        last = 1 if (kappa - beside) % 4 == 0 else -1
        another = kappa - beside - last
    sizes = np.zeros(2, np.int64)
    for column in range(2 if group.here else columns):
        _clear(work.waiting)
        if column < columns:
            for i in range(size):
                if (nodes.own[NEGATIVE, i] != 0) == (column == 1):
                    _wait(work, nodes.own[WEIGHT, i], nodes.own[ITEM, i])
            for i in range(came, until):
                if incoming[i, COLUMN] == column:
                    _wait(work, incoming[i, WEIGHT_OF], incoming[i, CAME])
        extra = another if column else beside
        sizes[column] = _settle(work, extra, found.digits[leaf, column])
        if work.state[WRONG]:
            return until
    found.marks[leaf, SETTLED] = work.state[AT]
    uses = work.scratch  # which is free now
    for weight in range(MAX_WEIGHT):
        uses[0, weight] = found.digits[leaf, 0, weight]
        uses[1, weight] = found.digits[leaf, 1, weight]
    if group.here:
        found.lasts[leaf, 0], found.lasts[leaf, 1] = last, other
        one, two = found.digits[leaf, 0], found.digits[leaf, 1]
        top = max(sizes[0], sizes[1]) - 1
        _extended(one, sizes[0], top)
        _extended(two, sizes[1], top)
        _decide(work, one, two, top, 0, last, group.outs[first])
        found.marks[leaf, DECIDED] = work.state[AT]
        if columns == 2:
            _decide(work, one, two, top, 1, other, group.outs[second])
            found.marks[leaf, DECIDED + 1] = work.state[AT]
    else:
        found.lasts[leaf, 0] = beside + (another if columns == 2 else 0)
        found.lasts[leaf, 1] = beside - another
    for column in range(2):
        for weight in range(sizes[column]):
            _use(work, uses[column, weight])
    return until


@_compiled
def _clear(counts: Ints) -> None:
    for weight in range(len(counts)):
        counts[weight] = 0


@_compiled
def _wait(work: Work, weight: int, item: int) -> None:
    """Let an item wait to be added."""
    work.columns[weight, work.waiting[weight]] = item
    work.waiting[weight] += 1


# -- within a bucket, and between halves ----------------------------------------------------------


@_compiled
def _compressed(work: Work, found: Found, nodes: Nodes, size: int) -> int:
    """Add within each bucket until at most two items of a weight are left; number of what is."""
    own, waiting, columns = nodes.own, work.waiting, work.columns
    keys = (((own[PRESENT, :size] << 16) | own[NEGATIVE, :size]) << 8) | own[WEIGHT, :size]
    order = np.argsort(keys, kind="mergesort")
    groups = i = 0
    while i < size:
        bucket = keys[order[i]] >> 8
        negative, present = own[NEGATIVE, order[i]], own[PRESENT, order[i]]
        _clear(waiting)
        unseen = weight = 0
        while i < size and keys[order[i]] >> 8 == bucket:
            _wait(work, own[WEIGHT, order[i]], own[ITEM, order[i]])
            unseen += 1
            i += 1
        while unseen:
            count = waiting[weight]
            unseen -= count
            waiting[weight] = 0
            if count >= 2 and count % 2 == 0 and _settles(waiting, weight, count):
                columns[weight, count] = _PLUS
                count += 1
                for place in range(len(found.constants)):  # which take it off again
                    if present >> place & 1:
                        found.constants[place] += (2 * (negative >> place & 1) - 1) << weight
            adders = (count - 1) // 2
            if adders > 0:
                before = waiting[weight + 1]
                total, count, carried = _add(
                    work, columns[weight], count, adders, columns[weight + 1], before
                )
                if work.state[WRONG]:
                    return groups
                waiting[weight + 1] = carried
                unseen += carried - before
                columns[weight, count] = total
                count += 1
            if count:
                nodes.keys[groups], nodes.counts[groups] = (bucket << 8) | weight, count
                for k in range(count):
                    nodes.left[groups, k] = columns[weight, k]
                groups += 1
            weight += 1
    return groups


@_compiled
def _joined(work: Work, nodes: Nodes, node: Ints, groups: int) -> int:
    """Add three of what is left of two buckets that differ in the sign of a half, for both halves.

    Returns how many items each for one half there are.
    """
    keys, counts, left = nodes.keys, nodes.counts, nodes.left
    handed, extra = nodes.handed[node[DEPTH] + 1], 0
    for one in range(groups):
        weight, negative, present = keys[one] & 255, keys[one] >> 8 & 65535, keys[one] >> 24
        near, far = present & node[FIRST], present & node[SECOND]
        if not far or not near or negative & far & -far:
            continue
        two = _find(keys, groups, (((present << 16) | (negative ^ far)) << 8) | weight)
        if two < 0 or not counts[one] or not counts[two] or counts[one] + counts[two] < 3:
            continue
        if _fixed(left[one], counts[one]) or _fixed(left[two], counts[two]):
            continue
        minus = counts[one] < 2 or (counts[two] >= 2 and counts[one] > counts[two])
        both, odd = (two, one) if minus else (one, two)
        x, y, z, total, carry, other = _joint(
            work, left[both], left[odd], (counts[both], counts[odd])
        )
        counts[both] = _without(left[both], counts[both], x, y)
        counts[odd] = _without(left[odd], counts[odd], z, z)
        home = one if minus else two
        left[home, counts[home]] = total
        counts[home] += 1
        signs = (negative ^ far if minus else negative) & far
        _hand(handed, extra, carry, weight + 1, negative & near, near)
        _hand(handed, extra + 1, other, weight + 1, signs, far)
        extra += 2
    return extra


@_compiled
def _hand_on(work: Work, nodes: Nodes, node: Ints, groups: int, extra: int) -> None:
    """Hand what is left to both halves, behind what is for one of them."""
    depth = node[DEPTH] + 1
    for number in range(groups):
        key = nodes.keys[number]
        weight, negative, present = key & 255, key >> 8 & 65535, key >> 24
        shared = present & node[FIRST] and present & node[SECOND]
        for k in range(nodes.counts[number]):
            item = nodes.left[number, k]
            if shared and item >= 0 and work.refs[item >> 1]:
                work.refs[item >> 1] += 1
            _hand(nodes.handed[depth], extra, item, weight, negative, present)
            extra += 1
    nodes.size[depth] = extra


@_compiled
def _hand(handed: Ints, number: int, item: int, weight: int, negative: int, present: int) -> None:
    handed[ITEM, number], handed[WEIGHT, number] = item, weight
    handed[NEGATIVE, number], handed[PRESENT, number] = negative, present


@_compiled
def _fixed(items: Ints, count: int) -> bool:
    """Whether one of some items is a constant."""
    for k in range(count):  # noqa: SIM110 - compiled
        if items[k] < 0:
            return True
    return False


@_compiled
def _without(items: Ints, count: int, one: int, other: int) -> int:
    """Leave two items out; how many are left."""
    kept = 0
    for k in range(count):
        if k != one and k != other:
            items[kept] = items[k]
            kept += 1
    return kept
