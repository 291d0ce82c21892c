"""The compiled planner: from the signs of a group's rows to the records of its tape.

What it writes is explained in :mod:`~pimsim.microprogram.output_tree.tree` (rows sorted by their
signs, halves) and in :mod:`~pimsim.microprogram.output_tree.joint`. It adds by
:mod:`~pimsim.microprogram.output_tree.adding` and ends leaves by
:mod:`~pimsim.microprogram.output_tree.settling`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.machine_code import kept
from pimsim.microprogram.output_tree.adding import (
    AT,
    BLOCK,
    MAX_WEIGHT,
    PLUS,
    WRONG,
    Ints,
    Work,
    add,
    compiled,
    joint,
    take,
    use,
)
from pimsim.microprogram.output_tree.settling import decide, extended, settle, shares

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
DEPTHS = 8
"""Nodes from the group to a leaf, at most."""
_PAYS = 2
"""Weights that a constant must settle, one after the other, to be worth an adder."""


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


@compiled
def _write(work: Work, group: Group, found: Found) -> None:
    """Write the records of a group in one part."""
    capacity = work.sorted.shape[1]
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


@compiled
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


@compiled
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


@compiled
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
            incoming[until, CAME] = 2 * take(work, 1) + (incoming[until, CAME] & 1)
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
        beside, another, last, other = shares(kappa, both, alike, unlike)
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
            new = 0
            for i in range(size):
                if (nodes.own[NEGATIVE, i] != 0) == (column == 1):
                    if new == work.table[BLOCK]:
                        if not _added(work):
                            return until
                        new = 0
                    _wait(work, nodes.own[WEIGHT, i], nodes.own[ITEM, i])
                    new += 1
            for i in range(came, until):
                if incoming[i, COLUMN] == column:
                    _wait(work, incoming[i, WEIGHT_OF], incoming[i, CAME])
        extra = another if column else beside
        sizes[column] = settle(work, extra, found.digits[leaf, column])
        if work.state[WRONG]:
            return until
    found.marks[leaf, SETTLED] = work.state[AT]
    uses = work.sorted  # which is free now
    for weight in range(MAX_WEIGHT):
        uses[0, weight] = found.digits[leaf, 0, weight]
        uses[1, weight] = found.digits[leaf, 1, weight]
    if group.here:
        found.lasts[leaf, 0], found.lasts[leaf, 1] = last, other
        one, two = found.digits[leaf, 0], found.digits[leaf, 1]
        top = max(sizes[0], sizes[1]) - 1
        extended(one, sizes[0], top)
        extended(two, sizes[1], top)
        for number in range(columns):
            digit, place = (other, second) if number else (last, first)
            decide(work, one, two, top, number, digit, group.outs[place])
            found.marks[leaf, DECIDED + number] = work.state[AT]
    else:
        found.lasts[leaf, 0] = beside + (another if columns == 2 else 0)
        found.lasts[leaf, 1] = beside - another
    for column in range(2):
        for weight in range(sizes[column]):
            use(work, uses[column, weight])
    return until


@compiled
def _clear(counts: Ints) -> None:
    for weight in range(len(counts)):
        counts[weight] = 0


@compiled
def _wait(work: Work, weight: int, item: int) -> None:
    """Let an item wait to be added."""
    work.columns[weight, work.waiting[weight]] = item
    work.waiting[weight] += 1


# -- within a bucket, and between halves ----------------------------------------------------------


@compiled
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
        new = weight = 0
        while i < size and keys[order[i]] >> 8 == bucket:
            if new == work.table[BLOCK]:
                if not _added(work):
                    return groups
                new = 0
            _wait(work, own[WEIGHT, order[i]], own[ITEM, order[i]])
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
def _added(work: Work) -> bool:
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


# -- for all processes ----------------------------------------------------------------------------

_PARTS = ("adding", "settling", "planner")


def _digest() -> str:
    folder = Path(__file__).parent
    text = b"".join((folder / f"{part}.py").read_bytes() for part in _PARTS)
    return hashlib.sha256(text).hexdigest()


def _kept(digest: str) -> Callable[[Work, Group, Found], int]:
    """Return :func:`write`, whose machine code is kept for later processes.

    The compiler files it under the closure's values; ``digest`` is one, so that code of an older
    version of any of the modules in it is not taken for that of this one.
    """

    def write(work: Work, group: Group, found: Found) -> int:
        _write(work, group, found)
        return len(digest)

    return kept(write, parallel=False, nogil=True, no_cfunc_wrapper=True)


write = _kept(_digest())
"""Write the records of a group in one part."""
