"""Groups of outputs: rows sorted by their signs, added once for all, then handed to halves.

Every row has a sign for each output of a group. Rows with the same signs, or with all of them
opposite, make a *bucket*, within which an adder serves all outputs: the complement of a sum is the
sum of the complements. At most two rows a weight and bucket are left over. They go to both halves
of the group, where patterns are shorter and buckets merge.

Arithmetic is that of digits z = 2 y - 1 (see :mod:`pimsim.microprogram.accumulation`): output o
counts Z_o = sum of weight times z.

>>> from pimsim.microprogram.accumulation import WorkRows
>>> from pimsim.microprogram.allocation import RowAllocator
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule, rows = Schedule(1), RowAllocator(40)
>>> first = schedule.address_map.first_data
>>> operands = [[first + row] for row in rows.take(9, "operands")]
>>> weights = np.array([[1, -1, 1, 1, -1, 1, 1, 1, -1], [1, 1, -1, 1, -1, -1, 1, 1, 1]])
>>> tree = OutputTree(Accumulator(schedule, WorkRows(rows, first)), weights, operands)
>>> [(leaf.outputs, [len(some[0]) for some in leaf.columns]) for leaf in tree.leaves((0, 1))]
[((0, 1), [5, 4])]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.microprogram.accumulation import CONSTANT, Accumulator, Item, constant
from pimsim.microprogram.output_tree.joint import joint

Tree = int | tuple["Tree", ...]
"""An output, or the halves of a group."""

_PAYS = 2
"""Weights that a constant must settle, one after the other, to be worth an adder."""


def leaves(tree: Tree) -> list[int]:
    """Outputs of a tree in order.

    >>> leaves(((0, 3), (1, 2)))
    [0, 3, 1, 2]
    """
    return [tree] if isinstance(tree, int) else [output for half in tree for output in leaves(half)]


def shaped(outputs: Sequence[int]) -> Tree:
    """Halve a group again and again.

    >>> shaped([5, 6, 7, 8, 9])
    (((5, 6), 7), (8, 9))
    """
    if len(outputs) == 1:
        return outputs[0]
    half = -(-len(outputs) // 2)
    return shaped(outputs[:half]), shaped(outputs[half:])


def _numbered(tree: Tree, places: Iterator[int]) -> Tree:
    """The same tree of places in the group: what is before in it has a lower number."""
    if isinstance(tree, int):
        return next(places)
    return tuple(_numbered(half, places) for half in tree)


class _Row(NamedTuple):
    """An item, the exponent of its weight, and the places in the group that count it."""

    weight: int
    item: Item
    negative: int
    """Set of places that subtract it."""
    present: int
    """Set of places that count it at all: a ternary weight may be 0."""


class Leaf(NamedTuple):
    """Where a tree ends: one output, or two."""

    outputs: tuple[int, ...]
    columns: tuple[dict[int, list[Item]], ...]
    """Items by the exponent of their weight: what one output counts; or what both count with the
    same sign, and what the second counts with the opposite sign."""


class OutputTree:
    """Writes the commands of groups of outputs.

    Args:
        accumulator: writes the commands.
        weights: ``(outputs, operands)`` of -1, 0 and +1.
        rows: addresses of the rows of each operand, least significant bit first.
        apart: outputs that end in leaves of their own, even where another counts the same rows.

    """

    def __init__(
        self,
        accumulator: Accumulator,
        weights: NDArray[np.integer[Any]],
        rows: Sequence[Sequence[int]],
        apart: frozenset[int] = frozenset(),
    ) -> None:
        self._accumulator, self._work = accumulator, accumulator.work
        self._weights, self._rows, self._apart = weights, rows, apart
        self.constants = [0] * len(weights)
        """Of each output: what is to be added to what its leaf holds to make its Z."""

    def leaves(self, tree: Tree) -> Iterator[Leaf]:
        """Write the commands of a group, leaf by leaf.

        Rows of a leaf must be used up before the next is asked for.
        """
        self._group = leaves(tree)
        signs = self._weights[self._group]
        places = 1 << np.arange(len(signs), dtype=np.int64)
        negative = ((signs < 0).T @ places).tolist()
        present = ((signs != 0).T @ places).tolist()
        items = [
            _Row(weight, Item(row, False), minus, counted)
            for rows, minus, counted in zip(self._rows, negative, present, strict=True)
            for weight, row in enumerate(rows)
            if counted
        ]
        yield from self._node(_numbered(tree, iter(range(len(signs)))), items)

    def _node(self, tree: Tree, rows: Iterable[_Row]) -> Iterator[Leaf]:
        outputs = leaves(tree)
        members = sum(1 << output for output in outputs)
        buckets: dict[tuple[int, int], dict[int, list[Item]]] = {}
        for weight, item, negative, present in rows:
            present &= members
            if not present:
                self._work.use(item.row)
                continue
            negative &= present
            if negative & present & -present:  # the first output subtracts: turn all round
                negative ^= present
                item = Item(item.row, not item.complement)
            columns = buckets.setdefault((negative, present), {})
            columns.setdefault(weight, []).append(item)
        if isinstance(tree, int):
            yield Leaf((self._group[tree],), (buckets.get((0, members), {}),))
            return
        numbers = tuple(self._group[place] for place in outputs)
        if len(outputs) == 2 and self._apart.isdisjoint(numbers):
            alike = buckets.pop((0, members), {})
            unlike = buckets.pop((1 << outputs[1], members), {})
            if buckets:
                raise ValueError(f"outputs {numbers} must count the same operands, or be apart")
            yield Leaf(numbers, (alike, unlike))
            return
        left = {
            (*pattern, weight): items
            for pattern, columns in buckets.items()
            for weight, items in self._compress(pattern, columns).items()
        }
        halves = [sum(1 << output for output in leaves(half)) for half in tree]
        for_one: list[list[_Row]] = [[] for _ in halves]
        if len(halves) == 2:
            self._joint(left, halves, for_one)
        shared = [
            _Row(weight, item, negative, present)
            for (negative, present, weight), items in left.items()
            for item in items
        ]
        for row in shared:
            self._work.more(row.item.row, len(halves) - 1)
        for half, own in zip(tree, for_one, strict=True):
            yield from self._node(half, [*shared, *own])

    # -- within a bucket -------------------------------------------------------------------------

    def _compress(
        self, pattern: tuple[int, int], columns: dict[int, list[Item]]
    ) -> dict[int, list[Item]]:
        """Add until at most two items of a weight are left."""
        found: dict[int, list[Item]] = {}
        waiting, weight = dict(columns), 0
        while waiting:
            items = waiting.pop(weight, [])
            if len(items) >= 2 and len(items) % 2 == 0 and self._settles(waiting, weight, items):
                items = [*items, self._free(pattern, weight)]
            adders = (len(items) - 1) // 2
            if adders > 0:
                total, rest, carries = self._accumulator.add(items, adders)
                items = [total, *rest]
                waiting[weight + 1] = [*waiting.get(weight + 1, []), *carries]
            if items:
                found[weight] = items
            weight += 1
        return found

    @staticmethod
    def _settles(waiting: dict[int, list[Item]], weight: int, items: list[Item]) -> bool:
        """Whether a constant leaves one item instead of two at enough weights in turn."""
        carries, settled = len(items) // 2, 0
        while True:
            weight += 1
            count = len(waiting.get(weight, ())) + carries
            if count < 3 or count % 2 == 0:
                return settled >= _PAYS
            settled += 1
            carries = (count - 1) // 2

    def _free(self, pattern: tuple[int, int], weight: int) -> Item:
        """A digit +1 for a bucket, which its outputs then have to take off again."""
        negative, present = pattern
        for place, output in enumerate(self._group):
            if present >> place & 1:
                sign = -1 if negative >> place & 1 else 1
                self.constants[output] -= sign << weight
        return constant(1)

    # -- between halves --------------------------------------------------------------------------

    def _joint(
        self,
        left: dict[tuple[int, int, int], list[Item]],
        halves: list[int],
        for_one: list[list[_Row]],
    ) -> None:
        """Add three leftovers of two buckets that differ in the sign of a half, for both halves."""
        first, second = halves
        for negative, present, weight in list(left):
            second_part = present & second
            if not second_part or not present & first or negative & second_part & -second_part:
                continue
            opposite = (negative ^ second_part, present, weight)
            same, turned = left[negative, present, weight], left.get(opposite, [])
            if not same or not turned or len(same) + len(turned) < 3:
                continue
            if any(item.row == CONSTANT for item in (*same, *turned)):
                continue
            choices = [
                (both, odd, minus)
                for both, odd, minus in ((same, turned, False), (turned, same, True))
                if len(both) >= 2
            ]
            both, odd, minus = max(choices, key=lambda choice: len(choice[1]))
            found = joint(self._accumulator, both, odd)
            both.remove(found.x)
            both.remove(found.y)
            odd.remove(found.z)
            part = present & first
            for_one[0].append(_Row(weight + 1, found.one, negative & part, part))
            signs = (negative ^ second_part if minus else negative) & second_part
            for_one[1].append(_Row(weight + 1, found.other, signs, second_part))
            home = (negative, present, weight) if minus else opposite
            left.setdefault(home, []).append(found.total)
