"""Data rows that say which columns something holds for, the same for every output.

Masks are written once, so no schedule may use their rows as scratch: they are set apart before any
schedule is written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from pimsim.microprogram.allocation import RowAllocator

Mask = NDArray[np.bool_]
"""``(positions,)``, the same in every image."""


class Masks:
    """Every mask that the schedules of a stage need, each in a row of its own."""

    def __init__(self, stage: Stage, rows: RowAllocator) -> None:
        self._rows: dict[bytes, tuple[int, Mask]] = {}
        for offset in range(stage.windows.offsets):
            if stage.zero_padding:
                for padded in stage.windows.padded(offset).T:
                    if padded.any():
                        self._take(~padded, rows)
            inside = stage.windows.outputs[offset] >= 0
            if stage.thresholds is not None and not inside.all():
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
