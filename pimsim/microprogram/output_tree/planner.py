"""The compiled planner: from the signs of a group's rows to the records of its tape.

What it writes is explained in :mod:`~pimsim.microprogram.output_tree.tree` (rows sorted by their
signs, halves) and in :mod:`~pimsim.microprogram.output_tree.joint`. It adds by
:mod:`~pimsim.microprogram.output_tree.adding` and ends leaves by
:mod:`~pimsim.microprogram.output_tree.settling`.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.output_tree import adding
from pimsim.microprogram.output_tree.adding import (
    AT,
    BLOCK,
    LONGEST,
    MAX_WEIGHT,
    WRONG,
    Ints,
    Work,
    compiled,
    take,
    use,
)
from pimsim.microprogram.output_tree.buckets import added, clear, compressed, hand_on, wait
from pimsim.microprogram.output_tree.group import FanIn, NoRoomError
from pimsim.microprogram.output_tree.nodes import (
    BEFORE,
    CAME,
    COLUMN,
    DECIDED,
    DEPTH,
    INNER,
    ITEM,
    KIND,
    LEAF,
    LEAF_OF,
    MEMBERS,
    NEGATIVE,
    PRESENT,
    SETTLED,
    WEIGHT,
    WEIGHT_OF,
    Found,
    Group,
    Nodes,
)
from pimsim.microprogram.output_tree.settling import decide, decide_both, extended, settle, shares
from pimsim.microprogram.tape import table
from pimsim.object_code import Bound, Kept


def _write(work: Work, group: Group, found: Found, nodes: Nodes) -> None:
    """Write the records of a group in one part."""
    _begin(group, nodes)
    leaf = came = 0
    for number in range(len(group.nodes)):
        node = group.nodes[number]
        size = _gathered(nodes, node)
        if node[KIND] == INNER:
            groups, extra = compressed(work, found, nodes, node, size)
            hand_on(work, nodes, node, groups, extra)
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
    """Take what a node was handed and counts; return how many items."""
    depth, members, size = node[DEPTH], node[MEMBERS], 0
    handed, own = nodes.handed[depth], nodes.own
    for i in range(nodes.size[depth]):
        present = handed[PRESENT, i] & members
        if not present:
            continue
        negative, item = handed[NEGATIVE, i] & present, handed[ITEM, i]
        if negative & present & -present:  # the first output subtracts: complement the item
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

    ``at`` is its number, and how many items of other parts have been used; returns the latter after
    it.
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
    both = group.kappas[second] + found.constants[second]
    beside, another, last, other = (alike + 1) % 2, (unlike + 1) % 2, 0, 0
    if group.here and columns == 2:
        beside, another, last, other = shares(kappa, both, alike, unlike)
        if last == 0:
            work.state[WRONG] = 4
            return until
    elif group.here:
        # the count is compared with a number that is the same in all columns
        last = 1 if (kappa - beside) % 4 == 0 else -1
        another = kappa - beside - last
    sizes = nodes.sizes
    sizes[0] = sizes[1] = 0
    for column in range(2 if group.here else columns):
        clear(work.waiting[0])
        if column < columns:
            new = 0
            for i in range(size):
                if (nodes.own[NEGATIVE, i] != 0) == (column == 1):
                    if new == work.table[BLOCK]:
                        work.state[LONGEST] = max(work.state[LONGEST], new + 1)
                        if not added(work, 0):
                            return until
                        new = 0
                    wait(work, 0, nodes.own[WEIGHT, i], nodes.own[ITEM, i])
                    new += 1
            work.state[LONGEST] = max(work.state[LONGEST], new)
            for i in range(came, until):
                if incoming[i, COLUMN] == column:
                    wait(work, 0, incoming[i, WEIGHT_OF], incoming[i, CAME])
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
        outs = group.outs[first], group.outs[second]
        if columns == 2:
            decide_both(work, one, two, top, (last, other), outs)
        else:
            decide(work, one, two, top, 0, last, outs[0])
        for number in range(columns):
            found.marks[leaf, DECIDED + number] = work.state[AT]
    else:
        found.lasts[leaf, 0] = kappa - beside - (another if columns == 2 else 0)
        found.lasts[leaf, 1] = both - beside + another
    for column in range(2):
        for weight in range(sizes[column]):
            use(work, uses[column, weight])
    return until


# -- for all processes ----------------------------------------------------------------------------

_PARTS = ("adding", "joining", "settling", "nodes", "buckets", "planner")


write = Kept(_write, [Path(__file__).with_name(f"{part}.py") for part in _PARTS])
"""Write the records of a group in one part."""


# -- what calls it --------------------------------------------------------------------------------


def written(
    nodes: Ints,
    part: FanIn,
    incoming: Ints,
    goal: tuple[Ints, Ints, bool],
    found: Found,
    address_map: AddressMap,
    how: tuple[bool, int],
    longest: int = 0,
) -> tuple[list[int], NDArray[np.int32]]:
    """Let the planner write the records of a part, whose signs are in the order of the group.

    ``longest`` is that of parts before, see
    :attr:`pimsim.microprogram.output_tree.group.NoRoomError.longest`; the state has it with this
    part.
    """
    kappas, outs, here = goal
    count, places = len(part.rows) + len(incoming), part.signs.shape[1]
    capacity = 2 * count + 256
    known, prices = _known(address_map, *how)
    highest = max(int(part.free.max(initial=0)), int(part.rows.max(initial=0)), int(outs.max()))
    memory = _MEMORY.of(capacity, 5 * (count + 64) * (places + 1) + 4096)
    memory.begin(len(part.free))
    work = adding.Work(
        memory.state,
        np.concatenate([part.free, _LAST]),
        np.zeros(highest + 2, np.int64),
        memory.tape,
        known,
        prices,
        memory.sorted,
        memory.left,
        memory.ways,
        memory.columns,
        memory.waiting,
    )
    group = Group(
        part.signs, part.rows, part.weights, nodes, incoming, kappas, outs.astype(np.int64), here
    )
    write(work, group, found, memory.nodes)
    state: list[int] = memory.state.value.tolist()
    state[adding.LONGEST] = max(state[adding.LONGEST], longest)
    if state[adding.WRONG] == 1:
        raise NoRoomError(len(part.free), state[adding.LONGEST])
    if state[adding.WRONG] or state[adding.FULL]:
        raise ValueError(f"a group must be odd throughout, state {state}")
    tape: NDArray[np.int32] = memory.tape.value[: state[adding.AT]].copy()
    return state, tape


class _Memory(threading.local):
    """Memory of the planner, reused for one group after the other; each thread has its own."""

    def __init__(self) -> None:
        self._capacity = 0
        self.tape: Any = Bound(np.empty(0, np.int32))
        self.sorted: Any = Bound(())
        self.ways: Any = self.sorted
        self.columns: Any = self.sorted
        self.nodes = Bound(())
        self.state: Any = Bound(np.zeros(8, np.int64))
        self.left: Any = Bound(np.zeros(3, np.int64))
        self.waiting: Any = Bound(())

    def begin(self, free: int) -> None:
        """Forget the counts of the part before; so many rows are free."""
        for each in (self.state, self.left, self.waiting):
            each.value.fill(0)
        self.state.value[adding.FREE] = free

    def of(self, capacity: int, words: int) -> _Memory:
        """Have room for so many items, and so many words of records."""
        if len(self.tape.value) < words:
            self.tape = Bound(np.empty(words, np.int32))
        if self._capacity < capacity:
            self._capacity = capacity
            shapes = (3, capacity), (2, capacity), (2, adding.MAX_WEIGHT, capacity)
            every = [Bound(np.empty(shape, np.int64)) for shape in shapes]
            self.waiting = Bound(np.zeros((2, adding.MAX_WEIGHT), np.int64))
            self.sorted, self.ways, self.columns = every
            self.nodes = Bound(Nodes.of(capacity))
        return self


_MEMORY = _Memory()
_LAST = np.zeros(1, np.int64)
"""What stands behind the rows that are free."""


@cache
def _known(address_map: AddressMap, few_activations: bool, block: int) -> tuple[Any, Any]:
    """The planner's table of an address map, with what is to be few, and prices."""
    every = table(address_map)
    place = {bit: number for number, (_, bit) in enumerate(address_map.constants)}
    ways = 3 * adding.KINDS
    known = np.zeros(adding.WAYS + ways, np.int64)
    known[adding.JOINTS], known[adding.CARRIES] = every.joints, every.carries
    known[adding.BOTH] = every.both
    known[adding.ZERO], known[adding.ONE] = place[0], place[1]
    known[adding.FEW_ACTIVATIONS], known[adding.BLOCK] = few_activations, block
    prices = np.zeros((ways, 2), np.int64)
    kinds, after = ("start", "mixed", "equal"), ("", "mixed", "equal", "turned", "end")
    for (kind, following), code in every.ways.items():
        if following in after:
            way = kinds.index(kind) * adding.KINDS + after.index(following)
            known[adding.WAYS + way] = code
            program = every.templates[code].program
            prices[way] = len(program), program.activations
    return Bound(known), Bound(prices)
