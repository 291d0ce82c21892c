"""What a subarray holds of a stage, and how it shares it with the next stage of a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.placement.fan_in import Chunk


class Beside(NamedTuple):
    """How a stage of a chain shares its subarray with the next, and what becomes of its bits."""

    first_row: int = 0
    """First data row of its operands."""
    coming: range = range(0)
    """Data rows of the next stage's operands, to which bits go; empty if they are elsewhere."""
    stays: bool = True
    """Whether bits stay in their rows, and are not read out."""
    most: int = 8
    """Most outputs of a group: this many rows are reserved for bits that go nowhere else."""


@dataclass(frozen=True, slots=True)
class Part:
    """Operands in a subarray, or some of their bits."""

    chunk: Chunk
    places: list[int]
    """Places of the patch, in the order of their rows."""
    windows: range
    """Places of the pooling window, or block, that it counts for."""
    planes: range
    first_row: int = 0

    @property
    def rows(self) -> range:
        """Data rows of the operands."""
        size = len(self.places) * self.chunk.width * len(self.planes)
        return range(self.first_row, self.first_row + size)


class Counted(NamedTuple):
    """Operands that count for the outputs of a stage, bit by bit of its weights and of theirs."""

    signs: NDArray[np.int8]
    """``(operands, outputs)``."""
    weights: NDArray[np.int64]
    """``(operands,)`` exponents of what they count for."""


def taps_of(stage: Stage, part: Part, place: int) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """Return the kernel taps that read a part at a place of the pooling window, and operand rows.

    Rows are data rows, in the order of :func:`counted`.
    """
    row_of = {spot: row for row, spot in enumerate(part.places)}
    every = stage.windows.taps[place].tolist()
    taps = tuple([tap for tap, spot in enumerate(every) if spot in row_of])
    spots = np.array([row_of[every[tap]] for tap in taps], np.int64)
    width = part.chunk.width
    first = (spots[:, None] * width + np.arange(width)).reshape(-1) * len(part.planes)
    rows = np.concatenate([part.first_row + first + row for row in range(len(part.planes))])
    return taps, np.tile(rows, len(stage.shifts))


def counted(
    stage: Stage,
    part: Part,
    taps: Sequence[int],
    turn: NDArray[np.int8],
    outputs: slice | list[int] = slice(None),
) -> Counted:
    """Return what a part counts where some kernel taps read it.

    Args:
        stage: the stage.
        part: what it holds.
        taps: these taps.
        turn: ``(outputs,)`` the sign that each output counts with.
        outputs: for which outputs.

    """
    lift, signs, weights = int(stage.zero_padding), [], []
    for digit, shift in enumerate(stage.shifts):
        some = stage.weights[digit, list(taps), part.chunk.channels][..., outputs] * turn[outputs]
        own = some.reshape(len(taps) * part.chunk.width, some.shape[-1])
        for bit in part.planes:
            signs.append(own)
            weights.append(np.full(len(own), bit + shift + lift))
    return Counted(np.concatenate(signs).astype(np.int8, copy=False), np.concatenate(weights))
