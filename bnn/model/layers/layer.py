"""What every layer has, and the checks that they share.

A layer is a frozen dataclass of one family's module. It says the shape of what it gives, computes
it on the host, and says what integers it leaves integers; whoever adds one writes its class and a
reader for its entry in a model file, and nothing else has to know it.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.model.operand import OperandEncoding
from pimsim.errors import InputError

Shape = tuple[int, ...]
Weights = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)
Reals = NDArray[np.float32] | NDArray[np.float64]


class Layer(Protocol):
    """A layer of a network; shapes are those of one image, without the batch axis."""

    @property
    def name(self) -> str:
        """Unique in the network."""
        ...

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given those of the inputs; raises InputError if they do not fit."""
        ...

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute the layer on the host, in the precision of the values ``(n, ...)``."""
        ...

    def alphabet_after(self, *alphabets: OperandEncoding | None) -> OperandEncoding | None:
        """Return the alphabet of what it gives, None for real numbers, from those it is fed."""
        ...

    @property
    def monotone(self) -> bool:
        """Whether it treats every channel by itself with a function that never turns around."""
        ...

    @property
    def commutes(self) -> bool:
        """Whether a sign (or x > 0) may as well be taken before it: sign f(x) = sign f(sign x)."""
        ...

    @property
    def weights(self) -> int:
        """Number of weights that a processor fetches to carry it out."""
        ...


class OneInput:
    """What most layers are: one input, real numbers out, nothing for a sign to pass by."""

    __slots__ = ()

    @property
    def monotone(self) -> bool:
        """See :class:`Layer`."""
        return False

    @property
    def commutes(self) -> bool:
        """See :class:`Layer`."""
        return False

    @property
    def weights(self) -> int:
        """See :class:`Layer`."""
        return 0

    def alphabet_after(self, *alphabets: OperandEncoding | None) -> OperandEncoding | None:
        """See :class:`Layer`."""
        return None


def misfit(name: str, wanted: str, shape: Shape) -> InputError:
    """Return the error for an input of a wrong shape."""
    return InputError(f"input of layer {name!r} must have shape {wanted}, not {shape}")


def check_array(layer: str, name: str, values: Weights, shape: Shape) -> None:
    """Raise InputError if weights are not float32, finite and of ``shape``."""
    if values.dtype != np.float32:
        raise InputError(f"{name} of layer {layer!r} must be float32, not {values.dtype}")
    if values.shape != shape or values.size == 0:
        raise InputError(f"{name} of layer {layer!r} must have shape {shape}, not {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"{name} of layer {layer!r} must be finite, not NaN or infinite")
