"""What one subarray holds of a fan-in: some channels at some places of a column's patch.

Most fan-ins are cut by channels alone. Where the whole patch of a channel is more than a subarray
holds, as with a convolution of 11x11 taps on pixels of 8 bits, the patch is cut, too.

>>> from bnn.model.network import Conv2D, MaxPool2D
>>> from bnn.lowering.windows import windows
>>> conv = Conv2D("c", np.ones((3, 3, 2, 8), np.float32), None, "ste_sign", "ste_sign")
>>> laid = windows(conv, (6, 6, 2), MaxPool2D("p", (2, 2), (2, 2)))   # a patch of 4x4 pixels
>>> upper = Chunk(slice(0, 2), slice(0, 8))                           # two rows of them
>>> [upper.taps(laid, offset).tolist() for offset in range(4)]
[[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 1, 2]]
>>> upper.every_tap(laid).tolist(), upper.width, upper.operands
([0, 1, 2, 3, 4, 5], 2, 16)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.lowering.windows import Windows

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Operands that a subarray holds, bit by bit, channel by channel, place by place.

    Bit b of channel c at place p, both counted from where the chunk begins, lies in row
    ``(p * width + c) * planes + b`` of those that hold operands.
    """

    channels: slice
    """Channels of a group, or all channels of the stage."""
    places: slice
    """Places of the patch."""

    @property
    def width(self) -> int:
        """Channels, each at every place."""
        width: int = self.channels.stop - self.channels.start
        return width

    @property
    def operands(self) -> int:
        """Operands of a column, channels times places."""
        count: int = self.places.stop - self.places.start
        return count * self.width

    def taps(self, windows: Windows, offset: int) -> Indices:
        """Kernel taps that read these places, at one place of the pooling window, in order."""
        places = windows.taps[offset]
        return np.flatnonzero((places >= self.places.start) & (places < self.places.stop))

    def every_tap(self, windows: Windows) -> Indices:
        """Kernel taps that read these places at any place of the pooling window, in order."""
        here = (windows.taps >= self.places.start) & (windows.taps < self.places.stop)
        return np.flatnonzero(here.any(axis=0))

    def highest(self, stage: Stage, channels: slice | None = None) -> int:
        """Largest count that any output can reach here, wherever in the pooling window.

        Args:
            stage: the stage.
            channels: of a group; those of the chunk if None.

        """
        some = self.channels if channels is None else channels
        sets = {tuple(self.taps(stage.windows, n)) for n in range(stage.windows.offsets)}
        return max(stage.highest(some, np.array(taps, np.intp)) for taps in sets)


def whole(stage: Stage) -> Chunk:
    """All channels, of all groups, and the whole patch."""
    return Chunk(slice(0, stage.windows.channels), slice(0, stage.windows.patch))
