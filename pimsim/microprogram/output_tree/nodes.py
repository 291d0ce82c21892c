"""What the compiled planner is given, works on and gives; nothing here needs the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pimsim.microprogram.output_tree.adding import Ints

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
    """Whether bits are decided here; else leaves are settled, to be handed over or read."""


class Found(NamedTuple):
    """What came of it."""

    constants: Ints
    """``(places,)`` what is to be added to what leaves hold."""
    marks: Ints
    """``(leaves, 4)``, see :data:`BEFORE`."""
    digits: Ints
    """``(leaves, 2, MAX_WEIGHT)`` items that leaves are settled to."""
    lasts: Ints
    """``(leaves, 2)`` what is left to be added to each output: a digit where bits are decided."""


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
    signs: Ints
    """``(capacity,)`` outputs, signs and weight of each item of this node."""
    order: Ints
    """``(2, capacity)`` items in order of these, and what sorting takes."""
    sizes: Ints
    """``(2,)`` digits of a leaf's numbers."""

    @classmethod
    def of(cls, capacity: int) -> Nodes:
        """Memory for so many items."""
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
