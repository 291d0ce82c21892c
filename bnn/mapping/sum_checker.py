"""Every sum that stands in DRAM rows, compared with the independent integer reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.stage import Stage
from bnn.reference import Operands
from bnn.values.bitstrings import Values, unpacked

_AT_A_TIME = 1 << 18
"""Sums that are compared at a time: they stay in a processor's cache."""


class SumChecker:
    """Compares every sum that stands in DRAM rows with the independent integer reference."""

    def __init__(
        self,
        stage: Stage,
        operands: Operands,
        progress: Callable[[int, int], None] | None = None,
        pad: int | None = None,
    ) -> None:
        """Have nothing compared so far.

        Args:
            stage: the stage.
            operands: the integers that its layer multiplies, as the reference has them.
            progress: called with how much is done, and how much there is.
            pad: the integer in the padding; if None the layer's ``pad_values``, or what is stored
                for it where operands are encoded inputs.

        """
        self._stage, self._pad = stage, pad
        self._progress = progress
        self._operands = operands
        self._cache: dict[tuple[int, int], NDArray[np.int32]] = {}
        self.compared = 0
        """Sums compared so far."""
        self.wrong = 0
        """Of these, how many differed."""

    def compare(
        self,
        images: slice,
        offset: int,
        outputs: slice,
        sums: NDArray[np.int64] | NDArray[np.int32],
        positions: slice = slice(None),
    ) -> None:
        """Check ``sums`` (outputs, images, positions) at one place of the pooling window."""
        where = self._stage.windows.outputs[offset, positions]
        inside = where >= 0
        expected, places = self._expected(images), where[inside]
        step = max(1, _AT_A_TIME // max(sums[:, :1].size, 1))
        for start in range(0, len(expected), step):
            some = slice(start, start + step)
            right = expected[some, :, outputs][:, places].transpose(2, 0, 1)
            self.wrong += int(np.count_nonzero(right != sums[:, some][..., inside]))
            self.compared += right.size

    def same(self, values: Values, again: Values) -> None:
        """Compare values with those that were computed again, with every sum looked at."""
        self.wrong += int(np.count_nonzero(unpacked(again) != unpacked(values)))

    def report(self, done: int, total: int) -> None:
        """Tell how far computing again is."""
        if self._progress is not None:
            self._progress(done, total)

    def forget(self) -> None:
        """Drop reference sums that are no longer needed."""
        self._cache.clear()

    def _expected(self, images: slice) -> NDArray[np.int32]:
        """Reference sums of some images, (images, positions of the layer, outputs)."""
        key = (images.start, images.stop)
        if key not in self._cache:
            pad = self._stage.pad if self._pad is None and self._stage.encoded else self._pad
            found = reference.sums(self._stage.layer, self._operands[images], pad)
            self._cache[key] = found.reshape(len(found), -1, self._stage.outputs)
        return self._cache[key]
