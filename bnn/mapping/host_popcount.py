"""What the host does with rows that it has read: count the ones of columns, and decide.

>>> from pimsim.bits import pack, unpack
>>> rows = pack(np.array([[[1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 1]]]))   # 1 output, 4 rows
>>> total = count(rows, [0, 0, 0, 1])                                      # the last counts twice
>>> unpack(total, 3)[0].tolist()                                           # 3, 3 and 3
[[1, 1, 1], [1, 1, 1], [0, 0, 0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from pimsim.bits import Words


def count(rows: Words, levels: Sequence[int]) -> Words:
    """Add rows up column by column, as words of a processor do: 64 columns in one instruction.

    Args:
        rows: (outputs, rows, words).
        levels: per row, the exponent of what its ones count for.

    Returns:
        (outputs, bits, words): binary numbers, least significant bit first.

    """
    outputs, _, width = rows.shape
    pending: list[list[Words]] = []

    def add(level: int, row: Words) -> None:
        while len(pending) <= level:
            pending.append([])
        pending[level].append(row)
        if len(pending[level]) == 3:
            first, second, third = pending[level]
            either = first ^ second
            pending[level] = [either ^ third]
            add(level + 1, first & second | either & third)

    for number, level in enumerate(levels):
        add(level, rows[:, number])
    level = 0
    while level < len(pending):  # a carry may add a level
        if len(pending[level]) == 2:
            first, second = pending[level]
            pending[level] = [first ^ second]
            add(level + 1, first & second)
        level += 1
    zero = np.zeros((outputs, width), np.uint64)
    return np.stack([rest[0] if rest else zero for rest in pending], axis=1)


def decide(
    stage: Stage,
    sums: Sequence[NDArray[np.integer[Any]]],
    outputs: NDArray[np.intp],
    positions: NDArray[np.intp],
) -> NDArray[np.uint8]:
    """Compare sums with a stage's thresholds, and pool the bits.

    Args:
        stage: the stage.
        sums: those of columns, of any shape, for each place of the pooling window.
        outputs: output of each column; broadcasts to that shape.
        positions: position of each column, likewise.

    Returns:
        bits, of the same shape.

    """
    found = stage.thresholds
    if found is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    at, falling = found.at[outputs], found.falling[outputs]
    every = stage.conjunction[outputs]
    result = np.broadcast_to(every, sums[0].shape)
    for offset, own in enumerate(sums):
        inside = stage.windows.outputs[offset, positions] >= 0
        bits = np.where(inside, (own >= at) ^ falling, every)
        result = np.where(every, result & bits, result | bits)
    return result.astype(np.uint8)
