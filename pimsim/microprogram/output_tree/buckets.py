"""Adding within buckets of rows, and between the halves of a group, in compiled code.

A bucket is rows that outputs of a node count with the same signs, once those whose signs are all
opposite are complemented. See :mod:`~pimsim.microprogram.output_tree.tree` and
:mod:`~pimsim.microprogram.output_tree.joint`.
"""

from __future__ import annotations

import numpy as np

from pimsim.microprogram.output_tree.adding import (
    BLOCK,
    MAX_WEIGHT,
    PLUS,
    WRONG,
    Ints,
    Work,
    add,
    compiled,
    joint,
)
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
"""Weights that a constant must settle, one after the other, to be worth an adder."""


# -- items that wait ------------------------------------------------------------------------------


@compiled
def clear(counts: Ints) -> None:
    """Let nothing wait."""
    for weight in range(len(counts)):
        counts[weight] = 0


@compiled
def wait(work: Work, weight: int, item: int) -> None:
    """Let an item wait to be added."""
    work.columns[weight, work.waiting[weight]] = item
    work.waiting[weight] += 1


# -- within a bucket, and between halves ----------------------------------------------------------


@compiled
def compressed(work: Work, found: Found, nodes: Nodes, size: int) -> int:
    """Add within each bucket until at most two items of a weight are left; number of what is."""
    own, waiting, columns = nodes.own, work.waiting, work.columns
    keys = (((own[PRESENT, :size] << 16) | own[NEGATIVE, :size]) << 8) | own[WEIGHT, :size]
    order = np.argsort(keys, kind="mergesort")
    groups = i = 0
    while i < size:
        bucket = keys[order[i]] >> 8
        negative, present = own[NEGATIVE, order[i]], own[PRESENT, order[i]]
        clear(waiting)
        new = weight = 0
        while i < size and keys[order[i]] >> 8 == bucket:
            if new == work.table[BLOCK]:
                if not added(work):
                    return groups
                new = 0
            wait(work, own[WEIGHT, order[i]], own[ITEM, order[i]])
            new += 1
            i += 1
        unseen = waiting.sum()
        while unseen:
            count = waiting[weight]
            unseen -= count
            waiting[weight] = 0
            if count >= 2 and count % 2 == 0 and _settles(waiting, weight, count):
                columns[weight, count] = PLUS
                count += 1
                for place in range(len(found.constants)):  # which take it off again
                    if present >> place & 1:
                        found.constants[place] += (2 * (negative >> place & 1) - 1) << weight
            adders = (count - 1) // 2
            if adders > 0:
                before = waiting[weight + 1]
                total, count, carried = add(
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


@compiled
def added(work: Work) -> bool:
    """Add what waits until at most two items of a weight do; whether there were rows for it."""
    waiting, columns = work.waiting, work.columns
    for weight in range(MAX_WEIGHT - 1):
        adders = (waiting[weight] - 1) // 2
        if adders > 0:
            total, count, carried = add(
                work, columns[weight], waiting[weight], adders, columns[weight + 1],
                waiting[weight + 1],
            )  # fmt: skip
            if work.state[WRONG]:
                return False
            columns[weight, count] = total
            waiting[weight], waiting[weight + 1] = count + 1, carried
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
def joined(work: Work, nodes: Nodes, node: Ints, groups: int) -> int:
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
        x, y, z, total, carry, other = joint(
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


@compiled
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


@compiled
def hand_on(work: Work, nodes: Nodes, node: Ints, groups: int, extra: int) -> None:
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


@compiled
def _hand(handed: Ints, number: int, item: int, weight: int, negative: int, present: int) -> None:
    handed[ITEM, number], handed[WEIGHT, number] = item, weight
    handed[NEGATIVE, number], handed[PRESENT, number] = negative, present


@compiled
def _fixed(items: Ints, count: int) -> bool:
    """Whether one of some items is a constant."""
    for k in range(count):  # noqa: SIM110 - compiled
        if items[k] < 0:
            return True
    return False


@compiled
def _without(items: Ints, count: int, one: int, other: int) -> int:
    """Leave two items out; how many are left."""
    kept = 0
    for k in range(count):
        if k != one and k != other:
            items[kept] = items[k]
            kept += 1
    return kept
