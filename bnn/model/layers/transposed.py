"""Transposed convolutions: every pixel spreads over a window of outputs.

>>> up = Conv2DTranspose("u", np.ones((2, 2, 1, 1), np.float32), None, strides=(2, 2))
>>> up.run(np.float32([[[[1], [2]]]]))[0, ..., 0].tolist()
[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.activation_functions import Real
from bnn.model.geometry import Padding, Spread, WindowAxis
from bnn.model.layers.layer import Shape, misfit
from bnn.model.layers.product import Product, chunks, grouped
from bnn.model.layers.reading import Reader, Reading
from bnn.model.patches import patches


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Conv2DTranspose(Product):
    """The gradient of a convolution over ``(height, width, channels)``, used as a layer.

    Its kernel is ``(kernel height, kernel width, out, in)``.
    """

    strides: tuple[int, ...] = (1, 1)
    padding: Padding = "valid"
    output_padding: tuple[int, ...] | None = None
    """Outputs more than the least that the sizes ask for; None: Keras's usual size."""

    kernel_rank = 4

    @property
    def copies(self) -> int:
        """The last axis of the kernel is that of the inputs."""
        return 0

    def sides(self, shape: Shape) -> tuple[Spread, Spread]:
        """Where each output reads along height and width."""
        if len(shape) != 3 or shape[2] != self.kernel.shape[3]:
            raise misfit(self.name, f"(height, width, {self.kernel.shape[3]})", shape)
        return self._side(shape, 0), self._side(shape, 1)

    def _side(self, shape: Shape, place: int) -> Spread:
        size, kernel, stride = shape[place], self.kernel.shape[place], self.strides[place]
        same = self.padding == "same"
        if self.output_padding is None:
            out = size * stride + (0 if same else max(kernel - stride, 0))
        else:
            cut = 2 * (kernel // 2) if same else 0
            out = (size - 1) * stride + kernel - cut + self.output_padding[place]
        # TensorFlow cuts off what a convolution back to the input would have padded.
        before = max((size - 1) * stride + kernel - out, 0) // 2 if same else 0
        return Spread(size, kernel, stride, 1, out, before)

    def _shape(self, shape: Shape) -> Shape:
        rows, columns = self.sides(shape)
        return rows.out, columns.out, self.outputs

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Turned round, as each output sees the taps, row by row; inputs before outputs."""
        turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
        return turned.reshape(-1, kernel.shape[3], kernel.shape[2])

    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """Sums ``(n, out height, out width, out)``; ``pad`` stands where no pixel is."""
        rows, columns = self.sides(operands.shape[1:])
        turned = self.matrix(kernel)
        axes = _over_canvas(rows), _over_canvas(columns)
        result = np.empty((len(operands), rows.out, columns.out, self.outputs), kernel.dtype)
        taps = turned.shape[0]
        down, across = _places(rows), _places(columns)
        for part in chunks(len(operands), rows.out * columns.out * self.fan_in):
            some = operands[part]
            size = (len(some), axes[0].size, axes[1].size, some.shape[3])
            canvas = np.full(size, pad, kernel.dtype)
            inside = some[:, down[0]][:, :, across[0]]
            canvas[:, down[1][:, None], across[1]] = inside
            found = patches(canvas, axes, pad, kernel.dtype.type)
            result[part] = grouped(found.reshape(*found.shape[:-1], taps, -1), turned, 1)
        return result


def _over_canvas(side: Spread) -> WindowAxis:
    """Windows that read every place of the spread-out input."""
    return WindowAxis(side.out + side.kernel - 1, side.kernel, 1, 1, "valid")


def _places(side: Spread) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels that some output reads, and where they stand on the canvas."""
    places = np.arange(side.size) * side.stride + side.kernel - 1 - side.before
    inside = (places >= 0) & (places < side.out + side.kernel - 1)
    return np.flatnonzero(inside), places[inside]


def _transposed(reading: Reading) -> tuple[Conv2DTranspose]:
    fields, channels = reading.fields, reading.spatial()[-1]
    if fields.sizes("dilation_rate", 2, (1, 1)) != (1, 1):
        fields.refuse("dilation_rate", "1")
    extra = None
    if fields.get("output_padding") is not None:
        extra = fields.counts("output_padding", 2)
    filters = fields.size("filters")
    kernel = (*fields.sizes("kernel_size", 2), filters, channels)
    return (
        Conv2DTranspose(
            **reading.product(kernel, (filters,)),
            strides=fields.sizes("strides", 2, (1, 1)),
            padding=reading.padding("valid", "same"),
            output_padding=extra,
        ),
    )


READERS: dict[str, Reader] = {"Conv2DTranspose": _transposed, "QuantConv2DTranspose": _transposed}
"""By class in a model file."""
