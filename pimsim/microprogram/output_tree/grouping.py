"""Which outputs share a tree: those whose weights agree, or disagree, most.

Outputs are matched in pairs by the size of the correlation of their weights, pairs of pairs by its
mean, and so on; that is fast. :func:`climbed` then exchanges outputs of two groups as long as the
commands fall.

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
from pimsim.object_code import Kept


def clustered(weights: NDArray[np.integer[Any]], size: int) -> list[Tree]:
    """Return groups of up to ``size`` outputs, a power of 2.

    Args:
        weights: ``(outputs, operands)``.
        size: outputs of a group.

    """
    flat = weights.astype(np.float32)
    alike = np.abs(flat @ flat.T)
    trees: list[Tree] = list(range(len(weights)))
    for _ in range(size.bit_length() - 1):
        pairs, rest = _matched(alike)
        order = [*pairs, *((one,) for one in rest)]
        trees = [
            (trees[some[0]], trees[some[1]]) if len(some) == 2 else trees[some[0]] for some in order
        ]
        member = np.zeros((len(order), len(alike)), np.float32)
        for row, some in zip(member, order, strict=True):
            row[list(some)] = 1 / len(some)
        alike = member @ alike @ member.T
    return trees


def halved(groups: Sequence[Tree]) -> list[Tree]:
    """Return the groups of half the size that groups were made of.

    >>> halved([((0, 2), (1, 3)), 4])
    [(0, 2), (1, 3), 4]
    """
    return [half for tree in groups for half in ([tree] if isinstance(tree, int) else tree)]


def _matched(alike: NDArray[np.float32]) -> tuple[list[tuple[int, int]], list[int]]:
    """Match the most alike first; returns pairs, and whoever is left over."""
    first, second = np.triu_indices(len(alike), 1)
    order = np.argsort(-alike[first, second], kind="stable")
    free, found = np.ones(len(alike), np.bool_), np.empty((len(alike) // 2, 2), np.int64)
    count = _MATCH(first[order], second[order], free, found)
    return [(one, other) for one, other in found[:count].tolist()], np.flatnonzero(free).tolist()


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
    """Exchange two outputs of two groups, or of one, so many times; keep what costs no more.

    Args:
        groups: to begin with.
        cost: of a group.
        tries: exchanges.
        rng: chooses what to exchange.
        progress: called with exchanges tried, and all of them.

    """
    orders = [leaves(tree) for tree in groups]
    costs = [cost(tree) for tree in groups]
    known: dict[tuple[int, ...], int] = {}  # of few outputs there are few orders
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
