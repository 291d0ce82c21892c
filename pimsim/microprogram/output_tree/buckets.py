"""Adding within buckets of rows, and between the halves of a group, in compiled code.

A bucket is a set of rows that the outputs of a node all count with the same signs; rows whose signs
are all opposite are complemented and belong to it, too. See
:mod:`~pimsim.microprogram.output_tree.tree` and :mod:`~pimsim.microprogram.output_tree.joint`.
"""

from __future__ import annotations

from pimsim.microprogram.output_tree.adding import (
    BLOCK,
    LONGEST,
    MAX_WEIGHT,
    PLUS,
    WRONG,
    Ints,
    Work,
    add,
    compiled,
)
from pimsim.microprogram.output_tree.joining import add_and_join, joint
from pimsim.microprogram.output_tree.nodes import (
    DEPTH,
    FIRST,
    ITEM,
    NEGATIVE,
    PRESENT,
    SECOND,
    WEIGHT,
    Found,
    Nodes,
)

_PAYS = 2
"""A constant must leave one item instead of two at this many weights in succession to be worth an
adder."""


# -- items that wait ------------------------------------------------------------------------------


@compiled
def clear(counts: Ints) -> None:
    """Empty the lists of waiting items."""
    for weight in range(len(counts)):
        counts[weight] = 0


@compiled
def wait(work: Work, side: int, weight: int, item: int) -> None:
    """Put an item on the list of those waiting to be added."""
    work.columns[side, weight, work.waiting[side, weight]] = item
    work.waiting[side, weight] += 1


# -- within buckets, and between two that differ in the sign of a half ----------------------------


@compiled
def compressed(work: Work, found: Found, nodes: Nodes, node: Ints, size: int) -> tuple[int, int]:
    """Add within each bucket until at most two items of a weight are left.

    If two buckets differ only in the sign of one half, three of their remaining items are then
    added for both halves at once. Returns how many lists of items are left, and how many items
    there are for one half.
    """
    own, keys = nodes.own, nodes.signs[:size]
    for i in range(size):
        keys[i] = (((own[PRESENT, i] << 16) | own[NEGATIVE, i]) << 8) | own[WEIGHT, i]
    order = nodes.order[0, :size]
    _sort(keys, order, nodes.order[1])
    at = 0, 0
    first = 0
    while first < size:
        bucket = keys[order[first]] >> 8
        until = _end(keys, order, first)
        present, negative = bucket >> 16, bucket & 65535
        near, far = present & node[FIRST], present & node[SECOND]
        beside = size
        if near and far:
            beside = _find(keys, order, bucket ^ far)
        if beside == size:
            at = _both(work, found, nodes, node, order, (first, until, 0, 0), (bucket, 0), at)
        elif not negative & far & -far:  # else it is added with the other one
            ranges = first, until, beside, _end(keys, order, beside)
            at = _both(work, found, nodes, node, order, ranges, (bucket, far), at)
        if work.state[WRONG]:
            return at
        first = until
    return at


@compiled
def _sort(keys: Ints, order: Ints, other: Ints) -> None:
    """Put the numbers of keys in their order, equal ones as they come; ``other`` is overwritten."""
    size = len(keys)
    for i in range(size):
        order[i] = i
    width = 1
    while width < size:
        for low in range(0, size, 2 * width):
            middle, high = min(low + width, size), min(low + 2 * width, size)
            one, two = low, middle
            for i in range(low, high):
                if one < middle and (two == high or keys[order[one]] <= keys[order[two]]):
                    other[i] = order[one]
                    one += 1
                else:
                    other[i] = order[two]
                    two += 1
        for i in range(size):
            order[i] = other[i]
        width *= 2


@compiled
def _end(keys: Ints, order: Ints, first: int) -> int:
    """Where the bucket ends that begins at ``first``."""
    until = first + 1
    while until < len(order) and keys[order[until]] >> 8 == keys[order[first]] >> 8:
        until += 1
    return until


@compiled
def _find(keys: Ints, order: Ints, bucket: int) -> int:
    """Where a bucket begins; the number of keys if there is none."""
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if keys[order[middle]] >> 8 < bucket:
            low = middle + 1
        else:
            high = middle
    return low if low < len(order) and keys[order[low]] >> 8 == bucket else len(order)


@compiled
def _both(
    work: Work,
    found: Found,
    nodes: Nodes,
    node: Ints,
    order: Ints,
    ranges: tuple[int, int, int, int],
    signs: tuple[int, int],
    at: tuple[int, int],
) -> tuple[int, int]:
    """Add a bucket and the one beside it.

    ``ranges`` is where they are in the order, ``signs`` the first's outputs and signs, and what
    differs in the second's, 0 if there is none.
    """
    own, waiting, columns = nodes.own, work.waiting, work.columns
    (bucket, far), (groups, extra) = signs, at
    present = bucket >> 16
    for side in range(2):
        clear(waiting[side])
        new = 0
        longest = ranges[2 * side + 1] - ranges[2 * side]
        work.state[LONGEST] = max(work.state[LONGEST], longest)
        for i in range(ranges[2 * side], ranges[2 * side + 1]):
            if new == work.table[BLOCK]:
                if not added(work, side):
                    return groups, extra
                new = 0
            wait(work, side, own[WEIGHT, order[i]], own[ITEM, order[i]])
            new += 1
    unseen = weight = 0
    for side in range(2):
        for i in range(MAX_WEIGHT):
            unseen += waiting[side, i]
    while unseen:
        unseen -= waiting[0, weight] + waiting[1, weight]
        unseen -= waiting[0, weight + 1] + waiting[1, weight + 1]
        for side in range(2):
            count = waiting[side, weight]
            if count >= 2 and count % 2 == 0 and _settles(waiting[side], weight, count):
                columns[side, weight, count] = PLUS
                waiting[side, weight] += 1
                negative = (bucket ^ far * side) & 65535
                for place in range(len(found.constants)):  # which take it off again
                    if present >> place & 1:
                        found.constants[place] += (2 * (negative >> place & 1) - 1) << weight
        both = _joins(work, weight) if far else -1
        if both >= 0:
            _compress(work, 1 - both, weight)
            if work.state[WRONG]:
                return groups, extra
            odd = columns[1 - both, weight]
            count, left = waiting[both, weight], waiting[1 - both, weight]
            if count > 2:
                z = odd[left - 1]
                total, carry, other, carried = add_and_join(
                    work, columns[both, weight], count, z, columns[both, weight + 1],
                    waiting[both, weight + 1],
                )  # fmt: skip
                waiting[both, weight + 1] = carried
            else:
                total, carry, other = joint(work, columns[both, weight], odd[left - 1])
            odd[left - 1] = total
            waiting[both, weight] = 0
            handed, negative = nodes.handed[node[DEPTH] + 1], bucket & 65535
            turned = (negative ^ far * both) & far
            _hand(handed, extra, carry, weight + 1, negative & ~far, present & ~far)
            _hand(handed, extra + 1, other, weight + 1, turned, far)
            extra += 2
        else:
            _compress(work, 0, weight)
            _compress(work, 1, weight)
        if work.state[WRONG]:
            return groups, extra
        for side in range(2):
            count = waiting[side, weight]
            if count:
                nodes.keys[groups] = ((bucket ^ far * side) << 8) | weight
                nodes.counts[groups] = count
                for k in range(count):
                    nodes.left[groups, k] = columns[side, weight, k]
                groups += 1
            waiting[side, weight] = 0
        unseen += waiting[0, weight + 1] + waiting[1, weight + 1]
        weight += 1
    return groups, extra


@compiled
def _joins(work: Work, weight: int) -> int:
    """Which of two buckets gives two items to a joint adder (the other gives one); -1: neither."""
    first, second = work.waiting[0, weight], work.waiting[1, weight]
    if not first or not second or (first % 2 and second % 2):
        return -1
    for side in range(2):
        for k in range(work.waiting[side, weight]):
            if work.columns[side, weight, k] < 0:
                return -1
    if first % 2 or second % 2:
        return int(first % 2)
    return 1 if second > 2 >= first else 0


@compiled
def _compress(work: Work, side: int, weight: int) -> None:
    """Add items of a weight until at most two are left."""
    columns, waiting = work.columns[side], work.waiting[side]
    adders = (waiting[weight] - 1) // 2
    if adders > 0:
        total, count, carried = add(
            work, columns[weight], waiting[weight], adders, columns[weight + 1],
            waiting[weight + 1],
        )  # fmt: skip
        columns[weight, count] = total
        waiting[weight], waiting[weight + 1] = count + 1, carried


@compiled
def added(work: Work, side: int) -> bool:
    """Add waiting items until at most two of a weight are left; return whether rows sufficed."""
    for weight in range(MAX_WEIGHT - 1):
        _compress(work, side, weight)
        if work.state[WRONG]:
            return False
    return True


@compiled
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


@compiled
def hand_on(work: Work, nodes: Nodes, node: Ints, groups: int, extra: int) -> None:
    """Hand the remaining items to both halves, after those that are for one half only."""
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


@compiled
def _hand(handed: Ints, number: int, item: int, weight: int, negative: int, present: int) -> None:
    handed[ITEM, number], handed[WEIGHT, number] = item, weight
    handed[NEGATIVE, number], handed[PRESENT, number] = negative, present
