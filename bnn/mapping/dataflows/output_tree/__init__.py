"""Output tree: output-stationary, with one adder for many outputs.

Columns and operands are those of :mod:`bnn.mapping.dataflows.output_stationary`. But outputs go in
groups, each with a command stream of its own (:mod:`pimsim.microprogram.output_tree`): rows that
count with the same signs, or with all of them opposite, are added once for the whole group. No
count ever stands in rows; a bit is decided by carries. Which outputs share a group, and how many,
is chosen by what it costs.

A padded tap is stored as -1 and contributes minus its weights; rows that say which columns read
padding there are added with digits of these weights, as products are.

Where sums are wanted, the digits of S and D are read: a pair of outputs is their sum and their
difference, which whoever reads them adds up.

Outputs share adders with those of the same group of channels. Several groups of channels lie in a
subarray, as many as take least; a fan-in is divided where it is that of a single one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf, sqrt

import numpy as np

from bnn.lowering.blocks import shapes, written
from bnn.lowering.stage import Stage, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.parity import least_digits
from bnn.mapped.placement.fan_in import Piece, divide
from bnn.mapping.dataflows import output_stationary
from bnn.mapping.dataflows.output_tree.division import cheapest, exchanged
from bnn.mapping.dataflows.output_tree.layout import MOST, Layout
from bnn.system.system import System
from pimsim.microprogram.output_tree.tree import Tree

_Plan = tuple[float, Layout, list[Tree]]

name: str = "output-tree"
summary: str = "output-stationary, an adder serving up to eight outputs at once"
popcount: str = "in DRAM"
sums: str = "a sum that is read of an output tree is an addition on the host, not costed"
rank: int = 3
version: int = 4
chosen_with_faults: bool = False
"""Accuracy decides there, and prices do not tell."""


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapped.mapped_stage.Mapping`."""
    if system.mitigation.retries:
        least_digits(stage)
    own = stage if stage.each == 1 else _typical(stage)
    copies = -(-stage.outputs * stage.each // own.outputs)
    found: list[MappedStage] = []
    first = 0
    for piece in _pieces(own, system, partial(cheapest, images=images, copies=copies)):
        _, layout, trees = piece.plan
        # what a piece leaves behind is not needed any more when the next is computed
        first = first if first + layout.subarrays <= system.subarrays_per_bank else 0
        times = copies
        if stage.each > 1:  # all groups of channels are as the first
            times = copies * piece.stage.groups
            trees = trees[: len(trees) // piece.stage.groups]
        if stage.groups == 1:
            trees = exchanged(layout, trees)
        streams = [one for tree in trees for one in layout.streams(tree)] * times
        mapped = layout.mapped(streams, len(streams), images, first)
        places = 1 if mapped.blocks is None else len(mapped.blocks)
        start = piece.outputs.start * places
        found.append(replace(mapped, channels=piece.channels, first_output=start))
        first += layout.subarrays
    return found


def _pieces(stage: Stage, system: System, plan: Callable[..., _Plan]) -> list[Piece[_Plan]]:
    """Divide groups of channels among subarrays: as few, or as many more as it pays."""
    best: list[Piece[_Plan]] = []
    least = inf
    for share in (1, 2, 4):
        rows = max(system.data_rows // share, 1)
        found = divide(stage, rows, partial(plan, system=system))
        price = sum(sqrt(piece.plan[0]) for piece in found)  # one piece after the other
        if price < least:
            least, best = price, found
        if len(found) == stage.groups:
            break
    return best


def at_best(stage: Stage) -> tuple[str, int, float]:
    """See :class:`bnn.mapped.mapped_stage.Mapping`; a group takes no less than an output there."""
    laid = stage.windows
    alone = laid.positions * laid.patch
    least = min((written(laid, block) for block in shapes(laid)), default=alone)
    return output_stationary.name, MOST, least / alone


def _typical(stage: Stage) -> Stage:
    """Outputs that share adders, with random weights, for a stage without any that is only booked.

    They are those of a group, for each group of channels.
    """
    outputs = stage.groups * min(MOST, stage.each)
    rng = np.random.default_rng(0)
    weights = rng.choice(np.array([-1, 1], np.int8), (*stage.weights.shape[:3], outputs))
    zeros = np.zeros(outputs, np.int64)
    decides = stage.thresholds is not None
    low = int(stage.offsets[0]) // stage.weights[..., 0].size  # all weights are +1
    return replace(
        stage,
        weights=weights,
        offsets=offsets(weights, stage.shifts, stage.planes, stage.scale, low),
        thresholds=Thresholds(zeros, zeros > 0) if decides else None,
        conjunction=zeros > 0,
        each=1,
    )
