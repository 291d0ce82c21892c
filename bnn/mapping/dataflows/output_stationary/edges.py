"""What is different at the edges of an image: padding with 0, and places without an output.

A *mask* is a data row that says for which columns something holds; it is the same for every output.
Masks are written once, so no schedule may use their rows as scratch. Their rows are reserved before
any schedule is written.

If operands are -1 and +1, zero padding has no bit. It is stored as bit 0, which stands for -1, and
then corrected. A padded tap with weight sum d has added -d. So the mask of columns that read
padding at that tap is added with weight d (for d < 0, the mask of the other columns, minus a
constant).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter

Mask = NDArray[np.bool_]
"""``(positions,)``, the same in every image."""


class Masks:
    """Every mask that the schedules of a stage need, each in a row of its own."""

    def __init__(
        self,
        stage: Stage,
        rows: RowAllocator,
        counted: Sequence[int] | None = None,
        *,
        pooled: bool = True,
    ) -> None:
        """Take a row for each.

        Args:
            stage: the stage.
            rows: those of the subarray.
            counted: places of the pooling window that are counted there, all if None.
            pooled: whether they are brought together there.

        """
        self._rows: dict[bytes, tuple[int, Mask]] = {}
        for offset in range(stage.windows.offsets):
            if stage.zero_padding and (counted is None or offset in counted):
                for padded in stage.windows.padded(offset).T:
                    if padded.any():
                        self._take(~padded, rows)
            inside = stage.windows.outputs[offset] >= 0
            if pooled and stage.thresholds is not None and not inside.all():
                self._take(inside, rows)
                self._take(~inside, rows)

    def row(self, mask: Mask) -> int:
        """Data row of a mask."""
        return self._rows[mask.tobytes()][0]

    def all(self) -> list[tuple[int, Mask]]:
        """Data rows with what they hold."""
        return list(self._rows.values())

    def _take(self, mask: Mask, rows: RowAllocator) -> None:
        key = mask.tobytes()
        if key not in self._rows:
            (row,) = rows.take(1, "masks")
            self._rows[key] = (row, mask)


class ZeroPadding:
    """The correction that a stage's counts need, if any."""

    def __init__(self, stage: Stage, masks: Masks, address_map: AddressMap) -> None:
        self._stage, self._masks, self._map = stage, masks, address_map
        self._tap_sums = stage.tap_sums
        odd = bool((self._tap_sums % 2).any())
        self.halves = int(stage.zero_padding and odd)
        """1 where the unit of a count is half a product: products count for 2, and a correction
        may be odd."""

    def highest(self, offset: int) -> int:
        """Most that the correction adds to a count."""
        if not self._stage.zero_padding:
            return 0
        padded = self._stage.windows.padded(offset).any(axis=0)
        return int(self._amounts(self._tap_sums[padded]).sum(axis=0).max(initial=0))

    def add(self, counter: Counter, offset: int) -> NDArray[np.int64]:
        """Add the correction; the constant that remains, per output."""
        stage = self._stage
        constant = stage.offsets.copy()
        if not stage.zero_padding:
            return constant
        padded = stage.windows.padded(offset)
        for tap in np.flatnonzero(padded.any(axis=0)):
            weight = self._tap_sums[tap]
            amount = self._amounts(weight)
            row = self._map.first_data + self._masks.row(~padded[:, tap])
            constant -= np.where(weight < 0, -weight, 0)
            for level in range(int(amount.max()).bit_length()):
                has = (amount >> level & 1).astype(np.bool_)
                if has.any():
                    address = np.where(has, row, self._map.constant(0))
                    counter.add(level, address, has & (weight > 0), owned=False)
        return constant

    def least_bits(self, offset: int) -> NDArray[np.uint8]:
        """``(positions, outputs)``: what the correction adds to the least bits of the products."""
        padded = self._stage.windows.padded(offset)
        total = np.zeros((len(padded), self._stage.outputs), np.int64)
        if self._stage.zero_padding:
            for tap in np.flatnonzero(padded.any(axis=0)):
                weight = self._tap_sums[tap]
                inside = padded[:, tap, None] ^ (weight < 0)
                total += inside * self._amounts(weight)
        return (total >> self.halves & 1).astype(np.uint8)

    def _amounts(self, weights: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sums of weights in units of a count."""
        return np.abs(weights) >> (1 - self.halves)
