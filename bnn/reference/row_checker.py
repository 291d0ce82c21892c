"""Compares sums in rows, and keeps the bits that must follow from them.

The bits are computed from the reference's sums. They are kept as strings, position by position, and
later compared with the results of the stage. That also checks the code that turned rows into
strings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.operand_analysis import OperandAnalysis
from bnn.lowering.stage import Stage
from bnn.model.geometry import OUTSIDE, Indices
from bnn.reference.decided import Limits
from bnn.reference.in_rows import Asked, Decided, SumsInRows
from bnn.reference.packed import PackedSums
from bnn.values.bitstrings import BitStrings
from bnn.values.linear import LinearSums
from pimsim.bits import Words


class RowChecker:
    """Compares the sums of a stage with bits, where they stand.

    Args:
        stage: the stage.
        fed: what its layer multiplies.
        operands: what is stored of the operands, of the images that are checked.
        limits: what decides bits; None: they are not decided here.
        packed: the layer's sums.

    """

    def __init__(
        self,
        stage: Stage,
        fed: OperandAnalysis,
        operands: BitStrings,
        limits: Limits | None,
        packed: PackedSums,
    ) -> None:
        self._stage, self._operands = stage, operands
        self._sums = SumsInRows(packed, stage.layer, fed.encoding, fed.pad)
        together = np.sort(stage.windows.outputs.T, axis=1)
        alike = limits is not None and np.array_equal(together, limits.windows)
        self._limits = limits if alike else None
        count, positions = operands.images, stage.windows.positions
        self.bits = BitStrings.empty(count if alike else 0, positions, stage.layer.outputs)
        """That must be given, ``(images, positions, outputs)``."""
        self._missing = count * positions * stage.layer.outputs
        self._before: dict[tuple[object, ...], tuple[Sequence[LinearSums], Asked]] = {}
        """What was asked before, with the sums that it was asked of: so they stay what they are."""

    @property
    def complete(self) -> bool:
        """Whether all bits are known."""
        return self._limits is not None and self._missing == 0

    def compare(
        self,
        slots: Indices,
        outputs: slice,
        words: Words,
        sums: Sequence[LinearSums],
        where: tuple[Indices, Indices],
        threads: int | None,
    ) -> tuple[int, int]:
        """Compare sums; returns how many were, and how many are wrong.

        Args:
            slots: ``(images,)`` which each is of all that are checked, of the images whose columns
                there are; -1: it is not.
            outputs: which.
            words: rows, ``(rows, words)``.
            sums: for each place of the pooling window, perhaps several times over.
            where: the layer's window of each place and column, ``(places, columns)``, -1 if it is
                none, and the position that each column of an image gives.
            threads: processors used, all if None.

        """
        windows, positions = where
        limits, count = self._limits, outputs.stop - outputs.start
        at = np.zeros(count, np.int64) if limits is None else limits.at[outputs]
        asked = self._asked(outputs, windows, at, sums)
        decided = None
        if limits is not None:
            ways = np.stack([limits.least[outputs], limits.turned[outputs]], axis=1)
            decided = Decided(self.bits, positions, ways)
        wrong = self._sums.compare(self._operands, asked, words, slots, decided, threads)
        checked, inside = int((slots != OUTSIDE).sum()), windows != OUTSIDE
        self._missing -= checked * count * int(inside.any(axis=0).sum())
        return len(sums) // len(windows) * checked * count * int(inside.sum()), wrong

    def _asked(
        self,
        outputs: slice,
        windows: Indices,
        limits: NDArray[np.int64],
        sums: Sequence[LinearSums],
    ) -> Asked:
        """What is asked of sums; the same as of the images before, as a rule."""
        held = [array.ctypes.data for each in sums for array in each]
        key = outputs.start, outputs.stop, windows.tobytes(), *held
        if key not in self._before:
            self._before[key] = sums, self._sums.asked(outputs, windows, limits, sums)
        return self._before[key][1]
