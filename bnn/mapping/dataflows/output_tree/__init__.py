"""Output tree: output-stationary, with one adder for many outputs.

Columns and operands are those of :mod:`bnn.mapping.dataflows.output_stationary`. But outputs form
groups, each with a command stream of its own (:mod:`pimsim.microprogram.output_tree`). Rows that
count with the same signs, or with all signs opposite, are added once for the whole group. No row
ever holds a count; carries decide the bits. Which outputs share a group, and how many, is chosen by
cost.

Padding with 0 is stored as -1, so a padded tap adds minus its weights. To correct that, the mask of
columns that read padding there is added with digits of these weights, like a product.

If sums are wanted, the digits of S and D are read. The two outputs of a pair are S + D and S - D,
which the host computes.

Outputs share adders with outputs of the same group of channels. Several groups of channels may lie
in a subarray, as many as is cheapest. A fan-in is only divided if the stage has a single group.
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
from bnn.mapping.dataflows.output_tree.apart import apart
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
"""With faults, accuracy matters, and prices say nothing about it."""


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
        # the rows of a piece are not needed any more when the next one is computed
        first = first if first + layout.subarrays <= system.subarrays_per_bank else 0
        times = copies
        if stage.each > 1:  # all groups of channels are like the first
            times = copies * piece.stage.groups
            trees = trees[: len(trees) // piece.stage.groups]
        if stage.groups == 1:
            trees = exchanged(layout, trees)
        streams, taken = apart(layout, trees, times)
        mapped = layout.mapped(streams, len(streams), images, first, taken)
        places = 1 if mapped.blocks is None else len(mapped.blocks)
        start = piece.outputs.start * places
        found.append(replace(mapped, channels=piece.channels, first_output=start))
        first += layout.subarrays
    return found


def _pieces(stage: Stage, system: System, plan: Callable[..., _Plan]) -> list[Piece[_Plan]]:
    """Divide groups of channels among as few subarrays as possible, or more if that is cheaper."""
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
    """Outputs of one group for each group of channels, with random weights.

    They stand for a stage without weights that is only booked.
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
