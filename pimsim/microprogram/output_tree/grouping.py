"""Which outputs share a tree: those whose weights agree, or disagree, most.

Outputs are matched in pairs by the absolute correlation of their weights, pairs are matched by its
mean, and so on; that is fast. :func:`climbed` then exchanges outputs between groups as long as the
number of commands falls.

>>> weights = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [-1, -1, -1, -1], [1, -1, 1, 1]])
>>> clustered(weights, 2)
[(0, 2), (1, 3)]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.microprogram.output_tree.tree import Tree, leaves, shaped
from pimsim.object_code import Kept, part


def clustered(weights: NDArray[np.integer[Any]], size: int) -> list[Tree]:
    """Return groups of up to ``size`` outputs, a power of 2.

    Args:
        weights: ``(outputs, operands)`` -1, 0 and +1.
        size: outputs of a group.

    """
    alike = _alike(weights)
    trees: list[Tree] = list(range(len(weights)))
    for _ in range(size.bit_length() - 1):
        pairs, rest = _matched(alike)
        order = [*pairs, *((one,) for one in rest)]
        trees = [
            (trees[some[0]], trees[some[1]]) if len(some) == 2 else trees[some[0]] for some in order
        ]
        first, last = [some[0] for some in order], [some[-1] for some in order]
        rows = (alike[first] + alike[last]) / 2
        alike = (rows[:, first] + rows[:, last]) / 2
    return trees


def _alike(weights: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Absolute correlation of every two outputs.

    It is found by counting bits: for such small matrices, the threads of a matrix product would
    mostly wait.
    """
    planes = []
    for bits in (weights != 0, weights < 0):
        packed = np.packbits(bits, axis=1)
        packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
        planes.append(np.ascontiguousarray(packed).view(np.int64))
    found = np.empty((len(weights), len(weights)), np.float32)
    _CORRELATE(planes[0], planes[1], found)
    return found


@part
def _ones(word: int) -> int:
    """How many of 64 bits are 1, by adding ever longer fields of the word."""
    word = word - ((word >> 1) & 0x5555555555555555)
    word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (word * 0x0101010101010101) >> 56


def _correlate(present: Any, negative: Any, found: NDArray[np.float32]) -> None:
    """Fill in the sizes of sums of products of -1, 0 and +1."""
    for one in range(len(present)):
        for other in range(one, len(present)):
            total = 0
            for word in range(present.shape[1]):
                both = present[one, word] & present[other, word]
                unlike = both & (negative[one, word] ^ negative[other, word])
                total += _ones(both) - 2 * _ones(unlike)
            found[one, other] = found[other, one] = abs(total)


_CORRELATE = Kept(_correlate, [Path(__file__)])


def halved(groups: Sequence[Tree]) -> list[Tree]:
    """Return the groups of half the size that groups were made of.

    >>> halved([((0, 2), (1, 3)), 4])
    [(0, 2), (1, 3), 4]
    """
    return [half for tree in groups for half in ([tree] if isinstance(tree, int) else tree)]


def _matched(alike: NDArray[np.float32]) -> tuple[list[tuple[int, int]], list[int]]:
    """Match the most similar first; return the pairs, and what is left over."""
    first, second = np.triu_indices(len(alike), 1)
    order = np.argsort(_ranked(alike[first, second]), kind="stable")
    free, found = np.ones(len(alike), np.bool_), np.empty((len(alike) // 2, 2), np.int64)
    count = _MATCH(first[order], second[order], free, found)
    return [(one, other) for one, other in found[:count].tolist()], np.flatnonzero(free).tolist()


def _ranked(alike: NDArray[np.float32]) -> NDArray[np.generic]:
    """Numbers that fall as some rise, in 16 bits where these do: such are sorted by their digits.

    >>> _ranked(np.float32([2, 0.25, 7])), _ranked(np.float32([2, 0.2])).dtype
    (array([ -8,  -1, -28], dtype=int16), dtype('float32'))
    """
    fourths = -4 * alike  # means of two outputs' are halves, and of two pairs' fourths
    if len(alike) and float(-fourths.min()) < 1 << 15:
        short = fourths.astype(np.int16)
        if np.array_equal(short, fourths):
            return short
    return -alike


def _match(
    first: NDArray[np.intp], second: NDArray[np.intp], free: NDArray[np.bool_], found: Any
) -> int:
    count = 0
    for one, other in zip(first, second):  # noqa: B905 - compiled
        if free[one] and free[other]:
            free[one] = free[other] = False
            found[count, 0], found[count, 1] = one, other
            count += 1
    return count


_MATCH = Kept(_match, [Path(__file__)])


def climbed(
    groups: Sequence[Tree],
    cost: Callable[[Tree], int],
    tries: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> list[Tree]:
    """Exchange two outputs, ``tries`` times, and keep each exchange that costs no more.

    Args:
        groups: to begin with.
        cost: of a group.
        tries: exchanges.
        rng: chooses what to exchange.
        progress: called with exchanges tried, and all of them.

    """
    orders = [leaves(tree) for tree in groups]
    costs = [cost(tree) for tree in groups]
    known: dict[tuple[int, ...], int] = {}  # few outputs have few orders, which come again
    found = list(groups)
    for number in range(tries):
        one, other = rng.integers(len(orders), size=2).tolist()
        a, b = int(rng.integers(len(orders[one]))), int(rng.integers(len(orders[other])))
        changed = {one: list(orders[one])}
        changed.setdefault(other, list(orders[other]))
        changed[one][a], changed[other][b] = changed[other][b], changed[one][a]
        trees = {group: shaped(order) for group, order in changed.items()}
        for group, tree in trees.items():
            key = tuple(changed[group])
            if key not in known:
                known[key] = cost(tree)
        spent = {group: known[tuple(changed[group])] for group in trees}
        if sum(spent.values()) <= sum(costs[group] for group in spent):
            for group, tree in trees.items():
                orders[group], costs[group], found[group] = changed[group], spent[group], tree
        if progress is not None:
            progress(number + 1, tries)
    return found
