"""Input, working memory and output of the compiled planner; nothing here needs the compiler."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.microprogram.output_tree.tree import Tree, leaves

if TYPE_CHECKING:
    from pimsim.microprogram.output_tree.adding import Ints

LEAF, PAIR, INNER = range(3)
"""Kinds of nodes."""
KIND, DEPTH, MEMBERS, FIRST, SECOND = range(5)
"""Columns of a node: kind; depth; its outputs, and those of its halves, as sets of places."""
ITEM, WEIGHT, NEGATIVE, PRESENT = range(4)
"""Columns of what is handed on: the item; the exponent of its weight; and, as sets, the places in
the group that subtract it and those that count it at all."""
LEAF_OF, COLUMN, WEIGHT_OF, CAME = range(4)
"""Columns of what other parts have counted: leaf, column, exponent of the weight, and item."""
BEFORE, SETTLED, DECIDED = range(3)
"""For each leaf, the number of words written before it, when it is settled, and after each bit."""
DEPTHS = 8
"""Most nodes on the way from the group to a leaf."""


class Group(NamedTuple):
    """What a part of a group's fan-in has to count."""

    signs: NDArray[np.int8]
    """``(items, places)`` -1, 0 or +1 for each output of the group."""
    rows: Ints
    """``(items,)`` row of each."""
    weights: Ints
    """``(items,)`` exponent of its weight."""
    nodes: Ints
    """``(nodes, 5)``, see :data:`KIND`, each before its halves."""
    incoming: Ints
    """``(n, 4)`` leaf, column, weight and item of what other parts have counted, sorted by leaf;
    the planner fills in the rows of the items."""
    kappas: Ints
    """``(places,)`` constants: the bit says whether the count plus this is above 0."""
    outs: Ints
    """``(places,)`` row of each bit."""
    here: bool
    """Whether bits are decided here; otherwise leaves are only settled, to be moved or read."""


class Found(NamedTuple):
    """What the planner found."""

    constants: Ints
    """``(places,)`` constants still to be added to what leaves hold."""
    marks: Ints
    """``(leaves, 4)``, see :data:`BEFORE`."""
    digits: Ints
    """``(leaves, 2, MAX_WEIGHT)`` items that leaves are settled to."""
    lasts: Ints
    """``(leaves, 2)`` constants left for each output; a digit, if bits are decided."""


class Nodes(NamedTuple):
    """What is handed from a node to its halves, and what a node works on."""

    handed: Ints
    """``(depths, 4, capacity)``, see :data:`ITEM`, of the node at each depth; at 0 the operands."""
    size: Ints
    """``(depths,)`` how many."""
    own: Ints
    """``(4, capacity)`` the same for this node, with all rows of a bucket turned to the same
    signs."""
    keys: Ints
    """``(capacity,)`` keys (outputs, signs and weight) of what is left of each bucket, in order."""
    counts: Ints
    """``(capacity,)`` how many items that is."""
    left: Ints
    """``(capacity, 6)`` the items."""
    signs: Ints
    """``(capacity,)`` outputs, signs and weight of each item of this node."""
    order: Ints
    """``(2, capacity)`` items sorted by these keys, and memory for sorting."""
    sizes: Ints
    """``(2,)`` digits of a leaf's numbers."""

    @classmethod
    def of(cls, capacity: int) -> Nodes:
        """Memory for ``capacity`` items."""
        return cls(
            np.empty((DEPTHS, 4, capacity), np.int64),
            np.zeros(DEPTHS, np.int64),
            np.empty((4, capacity), np.int64),
            np.empty(capacity, np.int64),
            np.empty(capacity, np.int64),
            np.empty((capacity, 6), np.int64),
            np.empty(capacity, np.int64),
            np.empty((2, capacity), np.int64),
            np.empty(2, np.int64),
        )


@lru_cache(maxsize=256)
def of_tree(tree: Tree, apart: frozenset[int]) -> tuple[Ints, tuple[tuple[int, ...], ...]]:
    """Nodes of a tree, each before those inside it, and the outputs of its leaves."""
    order = leaves(tree)
    place_of = {output: place for place, output in enumerate(order)}
    found: list[tuple[int, int, int, int, int]] = []
    ends: list[tuple[int, ...]] = []

    def members(some: Tree) -> int:
        return sum(1 << place_of[output] for output in leaves(some))

    def walk(some: Tree, depth: int) -> None:
        own = leaves(some)
        if len(own) == 1 or (len(own) == 2 and apart.isdisjoint(own)):
            ends.append(tuple(own))
            kind = LEAF if len(own) == 1 else PAIR
            found.append((kind, depth, members(some), 0, 0))
            return
        assert not isinstance(some, int)
        one, other = some
        found.append((INNER, depth, members(some), members(one), members(other)))
        walk(one, depth + 1)
        walk(other, depth + 1)

    walk(tree, 0)
    return np.array(found, np.int64), tuple(ends)
