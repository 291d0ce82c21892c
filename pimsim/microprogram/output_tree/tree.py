"""Groups of outputs: rows sorted by their signs, added once for all, then handed to halves.

Every row has a sign for each output of a group. Rows with the same signs, or with all of them
opposite, make a *bucket*, within which an adder serves all outputs: the complement of a sum is the
sum of the complements. At most two rows a weight and bucket are left over. They go to both halves
of the group, where patterns are shorter and buckets merge.

A *leaf* is where a tree ends. Two outputs that count the same rows share one: o1 = S + D and
o2 = S - D, of what both count with the same sign and what the second counts with the opposite one.
An output with weights of 0 that another has not ends in a leaf of its own.

Arithmetic is that of digits z = 2 y - 1 (see :mod:`pimsim.microprogram.accumulation`): output o
counts Z_o = sum of weight times z. A number whose digits are all -1 or +1 and fill all weights is
odd. What is added up is made odd by a constant, which comes out of the thresholds, so it costs no
row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Tree = int | tuple["Tree", ...]
"""An output, or the halves of a group."""


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
    """Number outputs from another one on.

    >>> numbered(((0, 3), (1, 2)), 10)
    ((10, 13), (11, 12))
    """
    return first + tree if isinstance(tree, int) else tuple(numbered(half, first) for half in tree)


def shaped(outputs: Sequence[int]) -> Tree:
    """Halve a group again and again.

    >>> shaped([5, 6, 7, 8, 9])
    (((5, 6), 7), (8, 9))
    """
    if len(outputs) == 1:
        return outputs[0]
    half = -(-len(outputs) // 2)
    return shaped(outputs[:half]), shaped(outputs[half:])
