"""What every layer has, and the checks that they share.

A layer is a frozen dataclass of one family's module. It says the shape of what it gives, computes
it on the host, and says what integers it leaves integers; whoever adds one writes its class and a
reader for its entry in a model file, and nothing else has to know it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.operand_encoding import OperandEncoding
from pimsim.errors import InputError

Shape = tuple[int, ...]
Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer of a network; shapes are those of one image, without the batch axis.

    A class of layers with one input says in ``_shape`` and ``_run`` what becomes of it, one with
    several in :meth:`shape_after` and :meth:`run`; of the rest it says what is not as it is here:
    one that gives real numbers in the shape of its input, which no sign may pass by.
    """

    name: str
    """Unique in the network."""

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given those of the inputs; raises InputError if they do not fit."""
        (shape,) = shapes
        return self._shape(shape)

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute the layer on the host, in the precision of the values ``(n, ...)``."""
        (x,) = values
        return self._run(x)

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """Return the encoding of what it gives, None for real numbers, from those it is fed."""
        return encodings[0] if self.selects and len(set(encodings)) == 1 else None

    @property
    def selects(self) -> bool:
        """Whether all it gives are numbers that it is fed with, picked by their place or order."""
        return False

    @property
    def commutes(self) -> bool:
        """Whether a sign (or x > 0) may as well be taken before it: sign f(x) = sign f(sign x)."""
        return self.selects

    @property
    def monotone(self) -> bool:
        """Whether it treats every channel by itself with a function that never turns around."""
        return False

    @property
    def weights(self) -> int:
        """Number of weights that a processor fetches to carry it out."""
        return 0

    def _shape(self, shape: Shape) -> Shape:
        return shape

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        raise NotImplementedError


def misfit(name: str, wanted: str, shape: Shape) -> InputError:
    """Return the error for an input of a wrong shape."""
    return InputError(f"input of layer {name!r} must have shape {wanted}, not {shape}")


def misfits(name: str, shapes: Iterable[Shape], wanted: str = "") -> InputError:
    """Return the error for inputs whose shapes do not go together as they are ``wanted``."""
    return InputError(
        f"inputs of layer {name!r} must {wanted or 'have shapes that fit each other'}, not "
        + " and ".join(str(shape) for shape in shapes)
    )
