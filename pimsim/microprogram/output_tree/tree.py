"""Groups of outputs: rows sorted by their signs, added once for all outputs, then for each half.

Every row has a sign for each output of a group. Rows with the same signs form a *bucket*, together
with rows whose signs are all opposite, which are complemented. Within a bucket one adder serves all
outputs, because the complement of a sum is the sum of the complements. At most two rows of each
weight are left over in a bucket. They go to both halves of the group. A half has fewer outputs, so
fewer signs must agree, and buckets merge.

A *leaf* is where a tree ends. Two outputs that count the same rows share a leaf. S is what both
count with the same sign, and D is what the second counts with the opposite sign: o1 = S + D, o2 = S
- D. An output that has a weight of 0 where the other has none ends in a leaf of its own.

A row's bit y stands for the digit z = 2 y - 1 (see :mod:`pimsim.microprogram.accumulation`). Output
o counts Z_o, the sum of weight times z. A number whose digits are all -1 or +1, one for each
weight, is odd. So what is added up is made odd by a constant. The constant is subtracted from the
thresholds again, so it costs no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Tree = int | tuple["Tree", ...]
"""An output, or the two halves of a group."""


def leaves(tree: Tree) -> list[int]:
    """Outputs of a tree in order.

    >>> leaves(((0, 3), (1, 2)))
    [0, 3, 1, 2]
    """
    return list(_leaves(tree))


@lru_cache(maxsize=1 << 14)
def _leaves(tree: Tree) -> tuple[int, ...]:
    found, left = list[int](), [tree]
    while left:
        some = left.pop()
        if isinstance(some, int):
            found.append(some)
        else:
            left.extend(reversed(some))
    return tuple(found)


def numbered(tree: Tree, first: int) -> Tree:
    """Add ``first`` to the numbers of all outputs.

    >>> numbered(((0, 3), (1, 2)), 10)
    ((10, 13), (11, 12))
    """
    return first + tree if isinstance(tree, int) else tuple(numbered(half, first) for half in tree)


def in_order(tree: Tree) -> Tree:
    """Return the tree with its outputs numbered from 0 on, in order.

    >>> in_order(((7, 3), 5))
    ((0, 1), 2)
    """
    numbers = iter(range(len(leaves(tree))))

    def walk(some: Tree) -> Tree:
        return next(numbers) if isinstance(some, int) else tuple(walk(half) for half in some)

    return walk(tree)


def shaped(outputs: Sequence[int]) -> Tree:
    """Make a tree of outputs by halving them again and again.

    >>> shaped([5, 6, 7, 8, 9])
    (((5, 6), 7), (8, 9))
    """
    if len(outputs) == 1:
        return outputs[0]
    half = -(-len(outputs) // 2)
    return shaped(outputs[:half]), shaped(outputs[half:])
