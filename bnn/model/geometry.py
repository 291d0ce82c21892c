"""Where the windows of a convolution or a pooling lie, along one spatial axis.

The rules are TensorFlow's: ``valid`` windows stay inside the input; ``same`` gives
``ceil(size/stride)`` windows and pads as little as that needs, the odd pixel after the input;
``causal`` windows end where they stand, so all padding comes before the input.

>>> axis = WindowAxis(size=5, kernel=3, stride=2, dilation=1, padding="same")
>>> axis.out, axis.pads, axis.starts()
(3, (1, 1), (-1, 1, 3))
>>> WindowAxis(size=6, kernel=3, stride=2, dilation=1, padding="same").pads
(0, 1)
>>> WindowAxis(size=4, kernel=3, stride=1, dilation=1, padding="causal").taps()[0]
(None, None, 0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pimsim.errors import InputError

Padding = Literal["valid", "same", "causal"]


def _check_positive(windows: object, *names: str) -> None:
    for name in names:
        value = getattr(windows, name)
        if value < 1:
            raise InputError(f"`{name}` must be a positive integer, not {value!r}")


@dataclass(frozen=True, slots=True)
class WindowAxis:
    """Windows along one spatial axis; sizes in pixels.

    Raises:
        InputError: a size below 1, an unknown padding, or no window that fits.
    """

    size: int
    """Length of the input."""
    kernel: int
    """Taps of a window."""
    stride: int
    """Distance between the starts of neighbouring windows."""
    dilation: int
    """Distance between neighbouring taps of a window."""
    padding: Padding
    """``valid``, ``same`` or ``causal``."""

    def __post_init__(self) -> None:
        _check_positive(self, "size", "kernel", "stride", "dilation")
        if self.padding not in ("valid", "same", "causal"):
            raise InputError(f"`padding` must be 'valid', 'same' or 'causal', not {self.padding!r}")
        if self.padding == "valid" and self.reach > self.size:
            raise InputError(
                f"`kernel` must reach over at most the {self.size} pixels of its input, "
                f"not {self.reach}"
            )

    @property
    def reach(self) -> int:
        """Pixels from the first tap of a window to its last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def out(self) -> int:
        """Number of windows, which is the length of the output."""
        if self.padding in ("same", "causal"):
            return -(-self.size // self.stride)
        return (self.size - self.reach) // self.stride + 1

    @property
    def pads(self) -> tuple[int, int]:
        """Pixels added before and after the input."""
        if self.padding == "valid":
            return 0, 0
        if self.padding == "causal":
            return self.reach - 1, 0
        total = max((self.out - 1) * self.stride + self.reach - self.size, 0)
        return total // 2, total - total // 2

    def starts(self) -> tuple[int, ...]:
        """Where each window begins, counted from the first real pixel; negative in the padding.

        Tap ``t`` of a window that starts at ``s`` reads pixel ``s + t*dilation``.
        """
        before, _ = self.pads
        return tuple(i * self.stride - before for i in range(self.out))

    def taps(self) -> tuple[tuple[int | None, ...], ...]:
        """Return the pixels that each window reads, ``None`` where it reads padding.

        >>> WindowAxis(size=3, kernel=3, stride=1, dilation=1, padding="same").taps()
        ((None, 0, 1), (0, 1, 2), (1, 2, None))
        """
        return tuple(
            tuple(
                pixel if 0 <= (pixel := start + tap * self.dilation) < self.size else None
                for tap in range(self.kernel)
            )
            for start in self.starts()
        )


def windows(
    layer: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...] = (1, 1),
    padding: Padding = "valid",
) -> tuple[WindowAxis, WindowAxis]:
    """Return the windows of a layer along height and width; over a length those of one row.

    Args:
        layer: its name, which errors begin with.
        sizes: of the input along one or two spatial axes; the rest goes along the same axes.
        kernel: taps of a window.
        strides: between neighbouring windows.
        dilation: between neighbouring taps.
        padding: as :class:`WindowAxis` has it.

    >>> [axis.out for axis in windows("c", (5,), (3,), (1,))]
    [1, 3]
    """
    settings = [(1, 1, *one)[-2:] for one in (sizes, kernel, strides, dilation)]
    try:
        rows, columns = (
            WindowAxis(a, b, c, d, padding) for a, b, c, d in zip(*settings, strict=True)
        )
    except InputError as error:
        raise InputError(f"layer {layer!r}: {error}") from None
    return rows, columns


@dataclass(frozen=True, slots=True)
class Spread:
    """Windows of a transposed convolution along one axis: pixels spread out, then every place read.

    Pixel i reaches the outputs ``i*stride - before + t*dilation`` for each tap t; outputs that
    lie outside are cut off, and such that no pixel reaches are 0.

    >>> Spread(size=3, kernel=3, stride=2, dilation=1, out=6, before=0).taps()[2]
    (1, None, 0)

    Raises:
        InputError: a size below 1.
    """

    size: int
    """Length of the input."""
    kernel: int
    """Taps of a window."""
    stride: int
    """Distance between neighbouring pixels where they are spread out."""
    dilation: int
    """Distance between neighbouring taps."""
    out: int
    """Length of the output."""
    before: int
    """Outputs cut off before the first."""

    def __post_init__(self) -> None:
        _check_positive(self, "size", "kernel", "stride", "dilation", "out")

    def taps(self) -> tuple[tuple[int | None, ...], ...]:
        """Return the pixel that each output reads at each tap, ``None`` where there is none."""
        return tuple(
            tuple(
                self._pixel(place + self.before - tap * self.dilation) for tap in range(self.kernel)
            )
            for place in range(self.out)
        )

    def _pixel(self, place: int) -> int | None:
        pixel, between = divmod(place, self.stride)
        return pixel if between == 0 and 0 <= pixel < self.size else None
