"""Transposed convolutions: every pixel spreads over a window of outputs.

>>> import numpy as np
>>> up = Conv2DTranspose("u", np.ones((2, 2, 1, 1), np.float32), None, strides=(2, 2))
>>> up.run(np.float32([[[[1], [2]]]]))[0, ..., 0].tolist()
[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bnn.model.geometry import Padding, WindowAxis
from bnn.model.layers.convolution import Windowed
from bnn.model.layers.layer import Reader, Reading, Shape


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Conv2DTranspose(Windowed):
    """The gradient of a convolution over ``(height, width, channels)``, used as a layer.

    Its kernel is ``(kernel height, kernel width, out, in)``.
    """

    strides: tuple[int, ...] = (1, 1)
    padding: Padding = "valid"
    output_padding: tuple[int, ...] | None = None
    """Outputs more than the least that the sizes ask for; None: Keras's usual size."""

    @property
    def copies(self) -> int:
        """The last axis of the kernel is that of the inputs."""
        return 0

    def sides(self, shape: Shape) -> tuple[WindowAxis, WindowAxis]:
        """Every place of the spread-out input; see :class:`bnn.model.geometry.WindowAxis`."""
        self._check(shape, 2, self.kernel.shape[3])
        return self._side(shape, 0), self._side(shape, 1)

    def _side(self, shape: Shape, place: int) -> WindowAxis:
        size, kernel, stride = shape[place], self.kernel.shape[place], self.strides[place]
        same = self.padding == "same"
        if self.output_padding is None:
            out = size * stride + (0 if same else max(kernel - stride, 0))
        else:
            less = 2 * (kernel // 2) if same else 0
            out = (size - 1) * stride + kernel - less + self.output_padding[place]
        # TensorFlow cuts off what a convolution back to the input would have padded.
        cut = max((size - 1) * stride + kernel - out, 0) // 2 if same else 0
        # The kernel is turned round, so the last tap is what the first window begins with.
        return WindowAxis(size, kernel, out, before=kernel - 1 - cut, spacing=stride)

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Turned round, as each output sees the taps, row by row; inputs before outputs."""
        turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
        return turned.reshape(-1, kernel.shape[3], kernel.shape[2])


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
