"""What the DRAM is given to compute, and what the host keeps.

The DRAM counts ones. An operand is an integer u = step p + low; the bits of p >= 0 lie in rows. A
weight is an integer v, the sum of digits -1, 0 and +1 times 2**shift. A product with a digit adds p
for +1, the complement (largest - p) for -1, and nothing for 0. The total A gives the sum S of the
products of u and v, which the reference computes: S = scale A + offset for each output. The scale
is the step, and :func:`offsets` gives the offset.

A column computes one value after the pooling (without pooling: one output position). It holds every
input pixel that a convolution of its pooling window reads, once. A 3x3 convolution before 2x2
pooling needs a patch of 4x4 pixels, and not four of 3x3. The convolution at one place of the
pooling window (an *offset*) then reads its own taps out of that patch.

:func:`lay` makes windows of any convolution from one :class:`~bnn.model.geometry.WindowAxis` for
each spatial axis; :func:`each_pixel` those of a dense layer. A position that has weights of its own
is a :class:`Windows` of one column, written down directly.

>>> from bnn.model.network import Conv2D, MaxPool2D
>>> conv = Conv2D("c", np.ones((3, 3, 2, 8), np.float32), None, "ste_sign", "ste_sign")
>>> w = windows(conv, (6, 6, 2), MaxPool2D("p", (2, 2), (2, 2)))
>>> w.pixels.shape, w.taps.shape, w.channels
((4, 16), (4, 9), 2)
>>> w.pixels[0].tolist()
[0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21]
>>> w.outputs[:, 0].tolist()
[0, 1, 4, 5]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.thresholds import Thresholds
from bnn.model.geometry import OUTSIDE, Indices, WindowAxis
from bnn.model.network import Layer, MaxPool2D, Product, Shape
from bnn.model.operand_encoding import BIPOLAR, OperandEncoding
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Columns of one image and what each reads; the same for every image."""

    channels: int
    """Input channels of a pixel."""
    pixels: Indices
    """``(positions, patch)`` pixel (row by row) at each place of a column's patch; -1: padding."""
    taps: Indices
    """``(offsets, kernel taps)`` place in the patch of each tap, for each place of the pooling."""
    outputs: Indices
    """``(offsets, positions)`` output position of the convolution, -1 where the pooling window
    reaches beyond the convolution's output."""
    sides: tuple[WindowAxis, ...] = ()
    """The spatial axes of a convolution without pooling, if columns are all of its positions, row
    by row."""

    @property
    def positions(self) -> int:
        """Columns of one image."""
        return len(self.pixels)

    @property
    def offsets(self) -> int:
        """Convolutions that one column computes: the size of the pooling window."""
        return len(self.taps)

    @property
    def patch(self) -> int:
        """Pixels that one column holds."""
        return int(self.pixels.shape[1])

    @property
    def reads_itself(self) -> bool:
        """Whether each column reads only the pixel with its own number, as in a dense layer.

        >>> each_pixel(pixels=6, channels=2).reads_itself
        True
        >>> lay(2, [WindowAxis(size=6, kernel=1, out=3, stride=2)]).reads_itself
        False
        """
        own = self.offsets == self.patch == 1
        return own and np.array_equal(self.pixels[:, 0], np.arange(self.positions))

    def padded(self, offset: int) -> NDArray[np.bool_]:
        """``(positions, kernel taps)``: which taps read padding."""
        result: NDArray[np.bool_] = self.pixels[:, self.taps[offset]] == OUTSIDE
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A binary matrix product for the DRAM, with the sign and pooling that follow it, if any."""

    name: str
    layer: Product
    index: int
    """Position of the layer in the network."""
    end: int
    """One past the position of the last layer that the stage includes; in a chain, the position of
    the first layer that takes its results."""
    shape: Shape
    """Shape of the layer's input, without the batch axis."""
    windows: Windows
    weights: NDArray[np.int8]
    """``(digits, kernel taps, channels of a group, outputs)``, -1, 0 and +1; 0 adds nothing."""
    shifts: tuple[int, ...]
    """Per digit, the exponent of its weight: v = sum of 2**shift * digit."""
    groups: int
    """Output o reads the channels of group o // (outputs // groups), which lie side by side."""
    planes: int
    """Bits of an operand; 1 for -1 and +1."""
    encoded: bool
    """Whether operands are the integers of the network's encoded inputs."""
    pad: int
    """Operand that is stored for padding, as the integer in the bits."""
    zero_padding: bool
    """Whether the padding is really 0, which bits for -1 and +1 cannot store: counts are
    corrected."""
    scale: int
    """S = scale * A + offsets, where nothing is padded with 0; the step between operands."""
    offsets: NDArray[np.int64]
    """``(outputs,)``; see :func:`offsets`."""
    thresholds: Thresholds | None
    """Comparison that gives the output bits; None where the sums themselves are wanted."""
    conjunction: NDArray[np.bool_]
    """``(outputs,)`` True where pooling is an AND of bits, False where it is an OR."""
    gives: OperandEncoding = BIPOLAR
    """What the output bits stand for."""
    each: int = 1
    """How many outputs each output stands for. Outputs that take the same commands need not all be
    there in a stage that is only booked."""

    def __post_init__(self) -> None:
        reach = self.scale * self.highest()
        if reach >= 1 << 31:
            raise InputError(
                f"sums of stage {self.name!r} must stay below 2**31, not reach {reach}"
            )

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.weights.shape[3])

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.weights.shape[1] * self.weights.shape[2])

    @property
    def largest(self) -> int:
        """Largest operand, and so what a product with a digit of weight 1 adds at most."""
        return (1 << self.planes) - 1

    @property
    def tap_sums(self) -> NDArray[np.int64]:
        """``(kernel taps, outputs)`` sums of the weights v at a tap."""
        return _weigh(self.weights.sum(axis=2, dtype=np.int64), self.shifts)

    @property
    def group_of(self) -> NDArray[np.intp]:
        """``(outputs,)`` group whose channels each output reads."""
        return np.arange(self.outputs) // (self.outputs // self.groups)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an image in this layer, by Larq's count: weights x positions."""
        positions = self.windows.positions
        if self.windows.offsets > 1:  # a column computes a whole window of the pooling
            positions = int(np.prod(self.layer.shape_after(self.shape)[:-1], dtype=np.int64))
        return int(self.weights[0].size) * positions

    def highest(
        self, channels: slice = slice(None), taps: slice | NDArray[np.intp] = slice(None)
    ) -> int:
        """Largest count that any output can reach with some ``channels`` of its group, and taps."""
        used = np.count_nonzero(self.weights[:, taps, channels], axis=(1, 2)).astype(np.int64)
        return int(_weigh(used, self.shifts).max()) * self.largest

    def holds_patch(self, data_rows: int) -> bool:
        """Whether a subarray holds the patch of one channel: operands, weights and counts.

        A product needs a weight row for each digit, and one more if digits may be 0. Three numbers
        with the bits of a channel's count are needed: a count, what is added to it, and a
        threshold.
        """
        operands = self.windows.patch * self.planes
        weights = self.weights.shape[1] * sum(1 + bool((d == 0).any()) for d in self.weights)
        return operands + weights + 3 * self.highest(slice(0, 1)).bit_length() <= data_rows

    def of_groups(self, first: int, last: int) -> Stage:
        """Return the stage of groups ``first`` to ``last`` - 1 alone, with their channels."""
        width, each = self.weights.shape[2], self.outputs // self.groups
        some = slice(first * each, last * each)
        found = self.thresholds
        return replace(
            self,
            windows=replace(self.windows, channels=(last - first) * width),
            weights=self.weights[..., some],
            groups=last - first,
            offsets=self.offsets[some],
            thresholds=found and Thresholds(found.at[some], found.falling[some]),
            conjunction=self.conjunction[some],
        )


def offsets(
    weights: NDArray[np.int8], shifts: Sequence[int], planes: int, step: int, low: int
) -> NDArray[np.int64]:
    """Return what S = step * A + offset adds for every output, ``(outputs,)``.

    Args:
        weights: digits, as in :attr:`Stage.weights`.
        shifts: exponents of their weights.
        planes: bits of a stored operand p.
        step: operands are u = step * p + low.
        low: the operand stored as 0.

    >>> digits = np.int8([[[[1], [-1], [0]]]])
    >>> offsets(digits, (0,), planes=1, step=2, low=-1).tolist()  # two operands of -1 and +1
    [-2]
    >>> offsets(digits, (0,), planes=8, step=1, low=0).tolist()  # a pixel is taken from 255
    [-255]
    """
    values = _weigh(weights.sum(axis=(1, 2), dtype=np.int64), shifts)
    negative = _weigh((weights < 0).sum(axis=(1, 2), dtype=np.int64), shifts)
    return low * values - step * ((1 << planes) - 1) * negative


def _weigh(digits: NDArray[np.int64], shifts: Sequence[int]) -> NDArray[np.int64]:
    """Numbers (...) that digits (digits, ...) make."""
    return np.tensordot(np.int64(1) << np.array(shifts, np.int64), digits, axes=1)


@dataclass(frozen=True, slots=True, eq=False)
class HostStage:
    """Layers, one after the other in the order of the network, that the host carries out."""

    name: str
    layers: tuple[Layer, ...]
    places: tuple[int, ...]
    """Positions of the layers in the network."""
    macs: int
    weights: int
    """Numbers that are fetched once: kernels and slopes."""
    fetched: int
    """Numbers that are fetched for each image. Results of the stage before are at hand. What has to
    be fetched are the images, and results that were stored for later: the other inputs of a merge,
    and inputs of a branch that begins further back."""
    refused: dict[str, str] = field(default_factory=dict)
    """Layers that could run in DRAM if it had room for them, and why it has none."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why each of the layers is the host's."""


def windows(layer: Product, shape: Shape, pool: MaxPool2D | None) -> Windows:
    """Lay the windows of ``layer``, fed with ``shape``, and of the pooling behind it over columns.

    A dense layer is a convolution of one tap over the positions that its input has.
    """
    sides = layer.sides(shape)
    if sides is None:
        return each_pixel(int(np.prod(shape[:-1], dtype=np.intp)), shape[-1])
    over = None if pool is None else pool.axes(layer.shape_after(shape))
    return lay(shape[-1], sides, over)


def each_pixel(pixels: int, channels: int) -> Windows:
    """One column for every pixel, and one tap: a matrix product over the channels of each."""
    every = np.arange(pixels)
    return Windows(channels, every[:, None], np.zeros((1, 1), np.intp), every[None])


def lay(
    channels: int, sides: Sequence[WindowAxis], pool: Sequence[WindowAxis] | None = None
) -> Windows:
    """Lay the windows of a convolution, and of a pooling behind it, over columns.

    Args:
        channels: input channels of a pixel.
        sides: one for each spatial axis, in the order of the input's axes.
        pool: windows of the pooling over the convolution's output, one for each axis; without
            pooling every output position is a column with one offset.

    >>> causal = WindowAxis(size=4, kernel=2, out=4, dilation=2, before=2)
    >>> laid = lay(8, [causal])
    >>> laid.pixels[:, laid.taps[0]].tolist()
    [[-1, 0], [-1, 1], [0, 2], [1, 3]]
    """
    over = [WindowAxis(side.out, 1, side.out) for side in sides] if pool is None else pool
    pixels, taps, outputs = _along(sides[0], over[0])
    for side, reach in zip(sides[1:], over[1:], strict=True):
        more_pixels, more_taps, more_outputs = _along(side, reach)
        pixels = _cross(pixels, more_pixels, side.size)
        taps = _cross(taps, more_taps, more_pixels.shape[1])
        outputs = _cross(outputs, more_outputs, side.out)
    return Windows(channels, pixels, taps, outputs, tuple(sides) if pool is None else ())


def _along(side: WindowAxis, pool: WindowAxis) -> tuple[Indices, Indices, Indices]:
    """Pixels (positions, patch), taps (offsets, kernel) and outputs (offsets, positions)."""
    first = pool.starts()
    offsets = np.arange(pool.kernel) * pool.dilation
    shifts = offsets[:, None] * side.stride + np.arange(side.kernel) * side.dilation
    places, taps = np.unique(shifts, return_inverse=True)
    pixels = side.pixels(first[:, None] * side.stride - side.before + places)
    outputs = first[None] + offsets[:, None]
    outputs[(outputs < 0) | (outputs >= side.out)] = OUTSIDE
    return pixels, taps.reshape(shifts.shape), outputs


def _cross(down: Indices, across: Indices, width: int) -> Indices:
    """Combine two sides: (a, b) and (c, d) give (a*c, b*d), row-major, -1 where either is -1."""
    whole = down[:, None, :, None] * width + across[None, :, None, :]
    outside = (down[:, None, :, None] == OUTSIDE) | (across[None, :, None, :] == OUTSIDE)
    whole[outside] = OUTSIDE
    return whole.reshape(down.shape[0] * across.shape[0], -1)
