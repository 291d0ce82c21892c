"""The compiled planner: from the signs of a group's rows to the records of its tape.

What it writes is explained in :mod:`~pimsim.microprogram.output_tree.tree` (rows sorted by their
signs, halves, joint adders), :mod:`~pimsim.microprogram.output_tree.pairs` (leaves settled to one
digit a weight) and :mod:`~pimsim.microprogram.output_tree.deciding` (comparing by carries).

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
BEFORE, SETTLED, DECIDED = range(3)
"""Records of a leaf: how many there are before it, when it is settled, and behind each bit."""
MAX_WEIGHT = 40
NOTHING = -3
"""Instead of an item: there is none."""
_PLUS, _MINUS = -2, -1
_PAYS = 2

_compiled = partial(kept, parallel=False, nogil=True)


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
            return total
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


@_compiled
def write(work: Work, group: Group, found: Found) -> None:
    """Write the records of a group in one part."""
    signs, rows, weights = group.signs, group.rows, group.weights
    count = len(rows)
    capacity = work.scratch.shape[1]
    state, refs, cols, cnt = work.state, work.refs, work.columns, work.waiting
    incoming, constants, marks = group.incoming, found.constants, found.marks
    digits, lasts, kappas, here = found.digits, found.lasts, group.kappas, group.here
    depths = 8
    e_item = np.empty((depths, capacity), np.int64)
    e_weight = np.empty((depths, capacity), np.int64)
    e_negative = np.empty((depths, capacity), np.int64)
    e_present = np.empty((depths, capacity), np.int64)
    e_size = np.zeros(depths, np.int64)
    own = np.empty((4, capacity), np.int64)
    g_key = np.empty(capacity, np.int64)
    g_count = np.empty(capacity, np.int64)
    g_items = np.empty((capacity, 6), np.int64)
    left = np.empty(capacity, np.int64)
    places = signs.shape[1]
    for i in range(count):
        negative = present = 0
        for place in range(places):
            if signs[i, place] < 0:
                negative |= 1 << place
            if signs[i, place] != 0:
                present |= 1 << place
        if present:
            n = e_size[0]
            e_item[0, n], e_weight[0, n] = 2 * rows[i], weights[i]
            e_negative[0, n], e_present[0, n] = negative, present
            e_size[0] += 1
    leaf = came = 0
    for node in range(len(group.nodes)):
        kind, depth, members = (
            group.nodes[node, KIND],
            group.nodes[node, DEPTH],
            group.nodes[node, MEMBERS],
        )
        size = 0
        for i in range(e_size[depth]):
            present = e_present[depth, i] & members
            if not present:
                continue
            negative, item = e_negative[depth, i] & present, e_item[depth, i]
            if negative & present & -present:
                negative ^= present
                item ^= 1
            own[0, size], own[1, size] = item, e_weight[depth, i]
            own[2, size], own[3, size] = negative, present
            size += 1
        if kind != INNER:
            columns = 1 if kind == LEAF else 2
            first = second = 0
            while not members >> first & 1:
                first += 1
            if kind == PAIR:
                second = first + 1
                while not members >> second & 1:
                    second += 1
            marks[leaf, BEFORE] = state[AT]
            until = came
            while until < len(incoming) and incoming[until, 0] == leaf:
                if incoming[until, 3] >= 0:
                    row = _take(work, 1)
                    incoming[until, 3] = 2 * row + (incoming[until, 3] & 1)
                until += 1
            alike = unlike = 0
            for column in range(columns):
                for i in range(size):
                    if own[1, i] == 0:
                        if own[2, i]:
                            unlike += column
                        else:
                            alike += 1 - column
                for i in range(came, until):
                    if incoming[i, 2] == 0 and incoming[i, 1] == column:
                        alike, unlike = alike + 1 - column, unlike + column
            kappa = kappas[first] + constants[first]
            beside, another, last, other = (alike + 1) % 2, (unlike + 1) % 2, 0, 0
            if here and kind == PAIR:
                beside, another, last, other = _shares(
                    kappa, kappas[second] + constants[second], alike, unlike
                )
                if last == 0:
                    state[WRONG] = 4
                    return
            elif here:
                rest = kappa - beside
                last = 1 if rest % 4 == 0 else -1
                another = rest - last
            sizes = (0, 0)
            for column in range(2 if here else columns):
                cnt[:] = 0
                if column < columns:
                    for i in range(size):
                        if (own[2, i] != 0) == (column == 1):
                            w = own[1, i]
                            cols[w, cnt[w]] = own[0, i]
                            cnt[w] += 1
                    for i in range(came, until):
                        if incoming[i, 1] == column:
                            w = incoming[i, 2]
                            cols[w, cnt[w]] = incoming[i, 3]
                            cnt[w] += 1
                size_found = _settle(work, another if column else beside, digits[leaf, column])
                if state[WRONG]:
                    return
                sizes = (size_found, sizes[1]) if column == 0 else (sizes[0], size_found)
            came = until
            marks[leaf, SETTLED] = state[AT]
            if here:
                lasts[leaf, 0], lasts[leaf, 1] = last, other
                top = max(sizes[0], sizes[1]) - 1
                uses = digits[leaf].copy()
                _extended(digits[leaf, 0], sizes[0], top)
                _extended(digits[leaf, 1], sizes[1], top)
                for place in range(columns):
                    _decide(
                        work,
                        digits[leaf, 0],
                        digits[leaf, 1],
                        top,
                        place,
                        other if place else last,
                        group.outs[second if place else first],
                    )
                    marks[leaf, DECIDED + place] = state[AT]
            else:
                lasts[leaf, 0] = beside + (another if kind == PAIR else 0)
                lasts[leaf, 1] = beside - another
                uses = digits[leaf]
            for column in range(2):
                for w in range(sizes[column]):
                    if uses[column, w] >= 0:
                        _use(work, uses[column, w])
            leaf += 1
            continue
        # add within buckets
        keys = (((own[3, :size] << 16) | own[2, :size]) << 8) | own[1, :size]
        order = np.argsort(keys, kind="mergesort")
        groups = i = 0
        while i < size:
            bucket = keys[order[i]] >> 8
            negative, present = own[2, order[i]], own[3, order[i]]
            cnt[:] = 0
            waiting = 0
            while i < size and keys[order[i]] >> 8 == bucket:
                w = own[1, order[i]]
                cols[w, cnt[w]] = own[0, order[i]]
                cnt[w] += 1
                waiting += 1
                i += 1
            w = 0
            while waiting:
                n = cnt[w]
                waiting -= n
                cnt[w] = 0
                if n >= 2 and n % 2 == 0 and _settles(cnt, w, n):
                    cols[w, n] = _PLUS
                    n += 1
                    for place in range(places):
                        if present >> place & 1:
                            sign = -1 if negative >> place & 1 else 1
                            constants[place] -= sign << w
                adders = (n - 1) // 2
                if adders > 0:
                    before = cnt[w + 1]
                    total, rest, carried = _add(work, cols[w], n, adders, cols[w + 1], before)
                    if state[WRONG]:
                        return
                    cnt[w + 1] = carried
                    waiting += carried - before
                    for k in range(rest):
                        left[k] = cols[w, k]
                    cols[w, 0] = total
                    for k in range(rest):
                        cols[w, k + 1] = left[k]
                    n = rest + 1
                if n:
                    g_key[groups], g_count[groups] = (bucket << 8) | w, n
                    for k in range(n):
                        g_items[groups, k] = cols[w, k]
                    groups += 1
                w += 1
        # add for both halves at once
        one, another = group.nodes[node, FIRST], group.nodes[node, SECOND]
        into = depth + 1
        extra = 0
        for g in range(groups):
            w, negative, present = g_key[g] & 255, g_key[g] >> 8 & 65535, g_key[g] >> 24
            far = present & another
            if not far or not present & one or negative & far & -far:
                continue
            h = _find(g_key, groups, (((present << 16) | (negative ^ far)) << 8) | w)
            if h < 0 or not g_count[g] or not g_count[h] or g_count[g] + g_count[h] < 3:
                continue
            fixed = False
            for k in range(g_count[g]):
                fixed = fixed or g_items[g, k] < 0
            for k in range(g_count[h]):
                fixed = fixed or g_items[h, k] < 0
            if fixed:
                continue
            minus = 0
            if g_count[g] < 2 or (g_count[h] >= 2 and g_count[g] > g_count[h]):
                minus = 1
            both, odd = (h, g) if minus else (g, h)
            x, y, z, total, carry, other = _joint(
                work, g_items[both], g_items[odd], (g_count[both], g_count[odd])
            )
            n = 0
            for k in range(g_count[both]):
                if k != x and k != y:
                    g_items[both, n] = g_items[both, k]
                    n += 1
            g_count[both] = n
            n = 0
            for k in range(g_count[odd]):
                if k != z:
                    g_items[odd, n] = g_items[odd, k]
                    n += 1
            g_count[odd] = n
            home = g if minus else h
            g_items[home, g_count[home]] = total
            g_count[home] += 1
            near = present & one
            e_item[into, extra], e_weight[into, extra] = carry, w + 1
            e_negative[into, extra], e_present[into, extra] = negative & near, near
            extra += 1
            e_item[into, extra], e_weight[into, extra] = other, w + 1
            e_negative[into, extra] = (negative ^ far if minus else negative) & far
            e_present[into, extra] = far
            extra += 1
        for g in range(groups):
            w, negative, present = g_key[g] & 255, g_key[g] >> 8 & 65535, g_key[g] >> 24
            for k in range(g_count[g]):
                item = g_items[g, k]
                if item >= 0 and refs[item >> 1] and present & one and present & another:
                    refs[item >> 1] += 1
                e_item[into, extra], e_weight[into, extra] = item, w
                e_negative[into, extra], e_present[into, extra] = negative, present
                extra += 1
        e_size[into] = extra
