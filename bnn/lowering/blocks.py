"""Blocks of neighbouring positions that share a column, which holds what all of them read once.

Windows of a convolution overlap: a column for each position holds most pixels several times over.
A column that computes a block of positions needs the union of their patches.

>>> side = WindowAxis(size=5, kernel=3, out=5, before=1)
>>> laid = lay(8, [side, side])
>>> shared = laid_in_blocks(laid, (2, 2))
>>> laid.positions * laid.patch, shared.positions * shared.patch
(225, 144)

If blocks do not divide the positions evenly, the last one begins earlier. Positions that two blocks
compute are taken from the first.

>>> shared.outputs[:, 1:4].tolist()                     # of 5 positions a row, 2 by 2
[[2, -1, 10], [3, 4, 11], [7, -1, 15], [8, 9, 16]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np

from bnn.lowering.stage import Stage, Windows, lay
from bnn.lowering.thresholds import Thresholds
from bnn.model.geometry import OUTSIDE, Indices, WindowAxis

MOST = 16
"""Positions of a block."""
_LONGEST = 4
"""Longest side of a block."""
_LESS = 0.9
"""A larger block is tried only if it writes at most this share of what smaller ones write."""


@dataclass(frozen=True, slots=True)
class _Side(WindowAxis):
    """Blocks along an axis: the last begins earlier where it would reach too far."""

    def starts(self) -> Indices:
        return np.minimum(np.arange(self.out) * self.stride, self.size - self.kernel)


def laid_in_blocks(laid: Windows, block: Sequence[int]) -> Windows:
    """Return the windows of blocks: places are positions, as those of a pooling window are.

    Args:
        laid: of a convolution whose sides are known.
        block: positions along each of its axes, at most as many as there are.

    """
    over = [
        _Side(side.out, size, -(-side.out // size), size)
        for side, size in zip(laid.sides, block, strict=True)
    ]
    found = lay(laid.channels, laid.sides, over)
    computed = found.outputs.T.reshape(-1)
    first = np.zeros(len(computed), np.bool_)
    first[np.unique(computed, return_index=True)[1]] = True
    outputs = np.where(first, computed, OUTSIDE).reshape(found.outputs.T.shape).T
    return replace(found, outputs=outputs)


def shapes(laid: Windows) -> list[tuple[int, ...]]:
    """Blocks, ever larger, each with a tenth fewer operands written than those before.

    >>> side = WindowAxis(size=32, kernel=3, out=32, before=1)
    >>> shapes(lay(8, [side, side]))
    [(1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 4), (4, 4)]
    >>> apart = WindowAxis(size=32, kernel=2, out=16, stride=2)
    >>> shapes(lay(8, [apart]))
    []
    """
    sizes = [range(1, min(side.out, _LONGEST) + 1) for side in laid.sides]
    every = [block for block in product(*sizes) if 1 < prod(block) <= MOST]
    found, least = [], float(laid.positions * laid.patch)
    for block in sorted(every, key=lambda block: (_patch(laid, block), _columns(laid, block))):
        if written(laid, block) <= _LESS * least:
            least = written(laid, block)
            found.append(block)
    return found


def written(laid: Windows, block: Sequence[int]) -> int:
    """Pixels that columns of an image hold, all of them together."""
    return _patch(laid, block) * _columns(laid, block)


def _patch(laid: Windows, block: Sequence[int]) -> int:
    """Pixels that a column holds."""
    patch = 1
    for side, size in zip(laid.sides, block, strict=True):
        starts = [at * side.stride for at in range(size)]
        patch *= len(
            {start + tap * side.dilation for start in starts for tap in range(side.kernel)}
        )
    return patch


def _columns(laid: Windows, block: Sequence[int]) -> int:
    return prod(-(-side.out // size) for side, size in zip(laid.sides, block, strict=True))


def in_blocks(stage: Stage, block: Sequence[int]) -> Stage:
    """Return a stage with the windows of blocks, to be seen as columns by :func:`in_columns`."""
    return replace(stage, windows=laid_in_blocks(stage.windows, block))


def in_columns(stage: Stage) -> Stage:
    """Turn a stage in blocks into one whose columns are single positions with more outputs.

    It has the outputs of every place of a block, one place after the other. An output has weights
    of 0 for pixels that its place does not read.
    """
    shared, (digits, _, width, outputs) = stage.windows, stage.weights.shape
    places, patch = shared.offsets, shared.patch
    weights = np.zeros((digits, patch, width, places * outputs), np.int8)
    for place, taps in enumerate(shared.taps):
        weights[:, taps, :, place * outputs : (place + 1) * outputs] = stage.weights
    found, every = stage.thresholds, np.arange(shared.positions)
    return replace(
        stage,
        windows=Windows(shared.channels, shared.pixels, np.arange(patch)[None], every[None]),
        weights=weights,
        offsets=np.tile(stage.offsets, places),
        thresholds=found and Thresholds(np.tile(found.at, places), np.tile(found.falling, places)),
        conjunction=np.tile(stage.conjunction, places),
    )
