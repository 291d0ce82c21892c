"""Dense layers: a matrix product over the last axis.

>>> import numpy as np
>>> dense = Dense("out", np.float32([[0.5], [-2.0]]), None, "ste_sign", "ste_sign")
>>> dense.shape_after((3, 2)), dense.run(np.float32([[1, 7]])).tolist()
((3, 1), [[0.0]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from numpy.typing import NDArray

from bnn.model.activation_functions import Real
from bnn.model.layers.layer import Shape, misfit
from bnn.model.layers.product import Product
from bnn.model.layers.reading import Reader, Reading


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Product):
    """A matrix product over the last axis: Larq's QuantDense and Keras's Dense.

    Its kernel is ``(in, out)``.
    """

    def _shape(self, shape: Shape) -> Shape:
        size, units = self.kernel.shape
        if not shape or shape[-1] != size:
            raise misfit(self.name, f"an input whose last axis is {size}", shape)
        return (*shape[:-1], units)

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """One tap: ``(1, in, out)``."""
        return kernel[None]

    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """Multiply operands ``(n, ..., in)`` with a kernel ``(in, out)``; nothing is padded."""
        return cast(NDArray[Real], operands.astype(kernel.dtype, copy=False) @ kernel)


def _dense(reading: Reading) -> tuple[Dense]:
    fan_in = reading.shape[-1] if reading.shape else 0
    return (Dense(**reading.product((fan_in, reading.fields.size("units")))),)


READERS: dict[str, Reader] = {"QuantDense": _dense, "Dense": _dense}
"""By class in a model file."""
