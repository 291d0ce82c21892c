"""A plan moved to other rows: a group that counts the same need not be planned again.

>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.microprogram.output_tree.group import FanIn, plan
>>> from pimsim.microprogram.output_tree.tree import shaped
>>> signs = np.random.default_rng(0).choice(np.int8([-1, 1]), (48, 8))
>>> weights, free = np.zeros(48, np.int64), np.arange(250, 100, -1)
>>> here, there = np.arange(2, 50), np.arange(97, 49, -1)
>>> one, two = (
...     plan(shaped(range(8)), [FanIn(signs, own, weights, free)], np.ones(8, np.int64),
...          np.arange(260, 268), ambit())
...     for own in (here, there)
... )
>>> rows = np.arange(300)
>>> rows[here] = there
>>> np.array_equal(renamed(one, [rows], ambit()).tapes[0], two.tapes[0])
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram import tape
from pimsim.microprogram.output_tree.group import GroupPlan, Ints


def renamed(planned: GroupPlan, rows: Sequence[Ints], address_map: AddressMap) -> GroupPlan:
    """Return a plan that does the same with other rows.

    Args:
        planned: the plan.
        rows: for each part, the new place of every place.
        address_map: of the subarrays.

    """
    digits, home = planned.digits, rows[0]
    held = digits >= 0
    brought = planned.brought.copy()
    first = np.cumsum([0, *map(len, rows)])
    brought[:, 2] = np.concatenate(rows)[first[brought[:, 1]] + brought[:, 2]]
    brought[:, 3] = home[brought[:, 3]]
    return replace(
        planned,
        tapes=tape.renamed_each(planned.tapes, rows, address_map),
        brought=brought,
        digits=np.where(held, 2 * home[digits >> 1] + (digits & 1), digits),
    )


def numbered(planned: GroupPlan, first: int) -> GroupPlan:
    """Return a plan whose outputs have numbers from ``first`` on."""
    return replace(
        planned,
        outputs=[first + one for one in planned.outputs],
        leaves=[tuple(first + one for one in leaf) for leaf in planned.leaves],
    )
