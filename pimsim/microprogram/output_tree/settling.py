"""Leaves in compiled code: reduced to one digit for each weight, and compared with 0.

See :mod:`~pimsim.microprogram.output_tree.tree` and
:mod:`~pimsim.microprogram.output_tree.deciding`, whose programs these are.
"""

from __future__ import annotations

from pimsim.microprogram.output_tree.adding import (
    BOTH,
    CARRIES,
    MAX_WEIGHT,
    MINUS,
    NOTHING,
    PLUS,
    WRONG,
    Ints,
    Work,
    add,
    compiled,
    put,
    row_of,
)


@compiled
def settle(work: Work, beside: int, found: Ints) -> int:
    """Add the items of ``cols`` and a number to one digit for each weight; return how many."""
    state, refs, cols, cnt = work.state, work.refs, work.columns[0], work.waiting[0]
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
            cols[weight, count] = PLUS if digit > 0 else MINUS
            cnt[weight] += 1
        adders = cnt[weight] // 2
        if adders:
            total, _, carried = add(
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


@compiled
def extended(digits: Ints, size: int, top: int) -> None:
    """Write a number with more digits, up to the weight ``top``: z = 2 z - z."""
    last = digits[size - 1]
    for weight in range(size - 1, top):
        digits[weight] = last ^ 1
    digits[top] = last


@compiled
def decide(work: Work, one: Ints, other: Ints, top: int, minus: int, carry: int, out: int) -> None:
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
            begin = PLUS if carry > 0 else MINUS
            if real == 2 and (first & 1) != (second & 1):
                kind, held = 1, 0
                row_a, row_b, third = first >> 1, second >> 1, row_of(work, begin, 0)
            else:
                held = first & 1 if real else 0
                kind = 0
                row_a, row_b = row_of(work, first, held), row_of(work, second, held)
                third = row_of(work, begin, held)
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
            kind, row_a, row_b = 2, row_of(work, first, held), row_of(work, second, held)
        else:
            kind = 2 if (first & 1) == held else 5
            row_a, row_b = first >> 1, row_of(work, second, held)
        last = 0 if weight < top else 1 + held
        put(work, table[CARRIES] + kind * 3 + last)
        put(work, row_a)
        put(work, row_b)
        if third != NOTHING:
            put(work, third)
        if last:
            put(work, out)


@compiled
def decide_both(
    work: Work, one: Ints, other: Ints, top: int, carries: tuple[int, int], outs: tuple[int, int]
) -> None:
    """Write whether one + other + ``carries[0]``, and one - other + ``carries[1]``, are above 0.

    The rows ``outs`` must differ.
    """
    turned = 0
    for weight in range(top + 1):
        for item in (one[weight], other[weight]):
            if item >= 0:
                turned += 1 if item & 1 else -1
    held = 1 if turned > 2 else 0  # both bits must then be complemented at the end
    put(work, work.table[BOTH])
    for carry in carries:
        put(work, row_of(work, PLUS if carry > 0 else MINUS, held))
    for weight in range(top + 1):
        s, d = one[weight], other[weight]
        kind = 2 * int(s >= 0 and (s & 1) != held) + int(d >= 0 and (d & 1) != held)
        last = 0 if weight < top else 1 + held
        put(work, work.table[BOTH] + 1 + kind * 3 + last)
        put(work, row_of(work, s, held))
        put(work, row_of(work, d, held))
        if last:
            put(work, outs[0])
            put(work, outs[1])


@compiled
def shares(one: int, other: int, alike: int, unlike: int) -> tuple[int, int, int, int]:
    """Split the constants of two outputs: what is added to S and D, and the digit left for each."""
    for first in (1, -1):
        for second in (1, -1):
            total, difference = one + other - first - second, one - other - first + second
            if total % 2 or difference % 2:
                continue
            total, difference = total // 2, difference // 2
            if (total + alike) % 2 and (difference + unlike) % 2:
                return total, difference, first, second
    return 0, 0, 0, 0
