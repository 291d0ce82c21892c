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

Stages of several groups of channels are those of output-stationary.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from bnn.lowering.blocks import shapes, written
from bnn.lowering.stage import Stage, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapping.dataflows import output_stationary
from bnn.mapping.dataflows.output_tree.division import cheapest
from bnn.mapping.dataflows.output_tree.layout import MOST
from bnn.system.system import System
from pimsim.executors.compiled.run.processors import default_threads

name: str = "output-tree"
summary: str = "output-stationary, an adder serving up to eight outputs at once"
popcount: str = "in DRAM"
sums: str = "a sum that is read of an output tree is an addition on the host, not costed"
rank: int = 3
lockstep: bool = False
"""Every bank has a command stream of its own."""
chosen_with_faults: bool = False
"""Accuracy decides there, and prices do not tell."""


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapped.mapped_stage.Mapping`."""
    system.mitigation.refuse(name)
    if instead(stage, system) is not None:
        return output_stationary.map_stage(stage, system, images)
    own = stage if stage.each == 1 else _typical(stage)
    copies = -(-stage.outputs * stage.each // own.outputs)
    layout, groups = cheapest(own, system, images, copies)
    with ThreadPoolExecutor(default_threads()) as pool:
        streams = [one for some in pool.map(layout.streams, groups) for one in some] * copies
    return [layout.mapped(streams, len(streams), images)]


def at_best(stage: Stage) -> tuple[str, int, float]:
    """See :class:`bnn.mapped.mapped_stage.Mapping`; a group takes no less than an output there."""
    laid = stage.windows
    alone = laid.positions * laid.patch
    least = min((written(laid, block) for block in shapes(laid)), default=alone)
    return output_stationary.name, MOST, least / alone


def instead(stage: Stage, system: System) -> str | None:
    """Name of the mapping that is taken for a stage which cannot be counted so."""
    fits = stage.groups == 1
    if fits and stage.zero_padding:
        # a padded tap's weights must be odd together, or even, for all outputs
        fits = stage.planes == 1 and stage.scale == 2 and stage.shifts == (0,)
        fits = fits and bool(stage.weights.all())
    return None if fits else output_stationary.name


def _typical(stage: Stage) -> Stage:
    """A group of outputs with random weights, for a stage without any that is only booked."""
    outputs = min(MOST, stage.each)
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
