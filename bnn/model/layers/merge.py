"""Layers of several inputs: where the branches of a network come together.

>>> two = np.float32([[1, 2]]), np.float32([[3, -1]])
>>> Merge("m", "add").run(*two).tolist(), Concatenate("c").run(*two).tolist()
([[4.0, 1.0]], [[1.0, 2.0, 3.0, -1.0]])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnn.model.layers.layer import Layer, Shape, misfit, misfits
from bnn.model.layers.reading import Reader, Reading
from pimsim.errors import InputError


def _average(values: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    return cast(NDArray[Any], reduce(np.add, values) / values[0].dtype.type(len(values)))


OPERATIONS: dict[str, Callable[[tuple[NDArray[Any], ...]], NDArray[Any]]] = {
    "add": lambda values: reduce(np.add, values),
    "average": _average,
    "maximum": lambda values: reduce(np.maximum, values),
    "minimum": lambda values: reduce(np.minimum, values),
    "multiply": lambda values: reduce(np.multiply, values),
    "subtract": lambda values: reduce(np.subtract, values),
}
"""What becomes of values at the same place, from left to right."""


@dataclass(frozen=True, slots=True)
class Merge(Layer):
    """One number from each input, value by value; axes of size 1 are repeated."""

    operation: str
    """Name in :data:`OPERATIONS`."""

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output: that of the inputs, which fit each other."""
        if len(shapes) < 2 or (self.operation == "subtract" and len(shapes) != 2):
            wanted = "two" if self.operation == "subtract" else "two or more"
            raise InputError(f"layer {self.name!r} must have {wanted} inputs, not {len(shapes)}")
        try:
            if len({len(shape) for shape in shapes}) == 1:
                return tuple(np.broadcast_shapes(*shapes))
        except ValueError:
            pass
        raise misfits(self.name, shapes)

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Carry out the operation on values ``(n, ...)``, from left to right."""
        return OPERATIONS[self.operation](values)

    @property
    def selects(self) -> bool:
        """The larger of two values is one of them."""
        return self.operation in ("maximum", "minimum")


@dataclass(frozen=True, slots=True)
class Concatenate(Layer):
    """The inputs behind one another along an axis."""

    axis: int = -1
    """Counted from the end, below 0."""

    selects = True

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output: that of the inputs, whose other axes are the same."""
        if len(shapes) < 2:
            raise InputError(f"layer {self.name!r} must have two or more inputs, not {len(shapes)}")
        rank = len(shapes[0])
        if not -rank <= self.axis < 0:
            raise misfit(self.name, f"an axis {self.axis}", shapes[0])
        place = rank + self.axis
        others = {(len(shape), shape[:place], shape[place + 1 :]) for shape in shapes}
        if len(others) != 1:
            raise misfits(self.name, shapes)
        total = sum(shape[place] for shape in shapes)
        return (*shapes[0][:place], total, *shapes[0][place + 1 :])

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Put values ``(n, ...)`` behind one another."""
        return np.concatenate(values, axis=self.axis)


@dataclass(frozen=True, slots=True)
class Stack(Layer):
    """The inputs behind one another along an axis of their own."""

    axis: int
    """Of the output, counted from 1, as 0 is that of the batch."""

    selects = True

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output: that of the inputs, which is the same, and one axis more."""
        if len(set(shapes)) != 1 or not 1 <= self.axis <= len(shapes[0]) + 1:
            wanted = f"have the same shape, with a place for axis {self.axis}"
            raise misfits(self.name, shapes, wanted)
        before = shapes[0][: self.axis - 1]
        return (*before, len(shapes), *shapes[0][self.axis - 1 :])

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Put values ``(n, ...)`` behind one another along a new axis."""
        return np.stack(values, axis=self.axis)


def _merge(operation: str) -> Reader:
    def read(reading: Reading) -> tuple[Merge]:
        return (Merge(reading.name, operation),)

    return read


def _concatenate(reading: Reading) -> tuple[Concatenate]:
    axis, rank = reading.fields.get("axis"), len(reading.shapes[0])
    if axis is None:
        axis = -1
    if type(axis) is int and 0 < axis <= rank:
        axis -= rank + 1
    if type(axis) is not int or not -rank <= axis < 0:
        reading.fields.refuse("axis", "an axis of the inputs")
    return (Concatenate(reading.name, axis),)


READERS: dict[str, Reader] = {
    **{name.capitalize(): _merge(name) for name in OPERATIONS},
    "Concatenate": _concatenate,
}
"""By class in a model file."""
