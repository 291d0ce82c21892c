"""Formulas value by value, of one input or several, and concatenated inputs.

Branches of a network join in a :class:`Merge`, in the precision of the values around it. An
:class:`Elementwise` is a formula of TensorFlow. It is computed in float32, as Keras does, whatever
the type of the values: a single operation can only round in one way, so a sign after it is the same
as in Keras.

>>> two = np.float32([[1, 2]]), np.float32([[3, -1]])
>>> Merge("m", "add").run(*two).tolist(), Concatenate("c").run(*two).tolist()
([[4.0, 1.0]], [[1.0, 2.0, 3.0, -1.0]])
>>> double = Elementwise("d", "multiply", (None, np.float32(2)))
>>> double.run(np.float64([[1, -3]])).tolist(), double.shape_after((2,)), double.monotone
([[2.0, -6.0]], (2,), True)
>>> from bnn.model.operand_encoding import HEAVISIDE
>>> chosen = Elementwise("w", "where", (None, np.float32(1), np.float32(-1)))
>>> chosen.run(np.float32([[0, 1]])).tolist(), chosen.encoding_after(HEAVISIDE).low
([[-1.0, 1.0]], -1)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.layers.layer import Layer, Reader, Reading, Shape, Weights, misfit, misfits
from bnn.model.operand_encoding import TERNARY, OperandEncoding
from pimsim.errors import InputError

OPERATIONS: dict[str, np.ufunc] = {
    "add": np.add,
    "average": np.add,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "multiply": np.multiply,
    "subtract": np.subtract,
}
"""What becomes of two values at the same place; an average is divided by their number."""


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
        found: NDArray[Any] = reduce(OPERATIONS[self.operation], values)
        return found / found.dtype.type(len(values)) if self.operation == "average" else found

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
    """Axis of the output, counted from 1; 0 is the batch axis."""

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


Formula = Callable[..., NDArray[Any]]

_MOST_INTEGERS = 256
"""Integers at which a formula is evaluated, to find out whether its results are integers."""


def _erf(x: NDArray[Any]) -> NDArray[Any]:
    from scipy.special import erf  # half a second that no other network should wait for

    result: NDArray[Any] = erf(x)
    return result


def _divide_no_nan(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    return np.where(y == 0, np.float32(0), x / np.where(y == 0, np.float32(1), y))


FORMULAS: dict[str, Formula] = {
    **{
        name: getattr(np, name)
        for name in (
            *("abs", "add", "ceil", "cos", "divide", "equal", "expm1", "floor", "floor_divide"),
            *("greater", "greater_equal", "less", "less_equal", "log", "log1p", "maximum"),
            *("minimum", "multiply", "negative", "not_equal", "power", "reciprocal", "sign"),
            *("sin", "sqrt", "square", "subtract"),
        )
    },
    "clip": lambda x, low, high: np.maximum(np.minimum(x, high), low),
    "divide_no_nan": _divide_no_nan,
    "erf": _erf,
    "floor_modulo": np.mod,
    "logical_and": lambda x, y: (x != 0) & (y != 0),
    "logical_not": lambda x: x == 0,
    "logical_or": lambda x, y: (x != 0) | (y != 0),
    "nonzero": lambda x: x != 0,
    "ones": np.ones_like,
    "round": np.rint,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "squared_difference": lambda x, y: (x - y) * (x - y),
    "where": lambda condition, x, y: np.where(condition != 0, x, y),
    "zeros": np.zeros_like,
}
"""From float32 arrays to one, of which many have their names in numpy; yes and no are 1 and 0."""

_RISING: dict[str, Callable[[tuple[float | None, ...]], bool]] = {
    **dict.fromkeys(
        ("add", "ceil", "floor", "maximum", "minimum", "round", "sign"), lambda operands: True
    ),
    "clip": lambda operands: operands[0] is None,
    "divide": lambda operands: operands[0] is None and (operands[1] or 0) > 0,
    "multiply": lambda operands: all(one is None or one >= 0 for one in operands),
    "subtract": lambda operands: operands[0] is None,
}
"""Those that never decrease in their only input, given the numbers in the other places."""


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise(Layer):
    """A formula of values at the same place; axes of size 1 are repeated."""

    formula: str
    """Name in :data:`FORMULAS`."""
    operands: tuple[Weights | np.float32 | None, ...]
    """What the formula is given: numbers of the file, or None for the next input."""

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output: that of the inputs, which fit each other and the numbers."""
        constants = [np.shape(one) for one in self.operands if one is not None]
        whole = [(1, *shape) for shape in shapes]
        try:
            found = np.broadcast_shapes(*whole, *constants)
            # The batch axis must stay the first, with one image for each of the input.
            if {len(shape) for shape in whole} == {len(found)} and found[0] == 1:
                return tuple(found[1:])
        except ValueError:
            pass
        raise misfits(self.name, (*shapes, *constants))

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute it in float32; numbers that float32 cannot hold normally are 0, as in Keras."""
        inputs = iter(values)
        operands = [
            quantizers.flushed(next(inputs).astype(np.float32, copy=False) if one is None else one)
            for one in self.operands
        ]
        with np.errstate(all="ignore"):
            found = FORMULAS[self.formula](*operands)
        result: NDArray[Any] = quantizers.flushed(found.astype(np.float32, copy=False))
        return result.astype(values[0].dtype, copy=False)

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """The encoding of the results, if few integers and single numbers give integers."""
        if self.formula in _YES_OR_NO:
            return OperandEncoding(2)
        if self.formula == "sign":
            return TERNARY
        singles = all(one is None or np.size(one) == 1 for one in self.operands)
        if len(encodings) != 1 or encodings[0] is None or not singles:
            return None
        encoding = encodings[0]
        if encoding.count > _MOST_INTEGERS:
            return None
        u = encoding.step * np.arange(encoding.count) + encoding.low
        return _integers(self.run(encoding.numbers(u).reshape(-1, *self._ones())))

    @property
    def monotone(self) -> bool:
        """Only with one input and single numbers, not with one number for each channel."""
        inputs = sum(one is None for one in self.operands)
        if inputs != 1 or any(np.size(one) != 1 for one in self.operands if one is not None):
            return False
        numbers = tuple(None if one is None else float(np.ravel(one)[0]) for one in self.operands)
        return self.formula in _RISING and _RISING[self.formula](numbers)

    @property
    def weights(self) -> int:
        """Numbers of the file, single ones left out."""
        sizes = [np.size(one) for one in self.operands if one is not None]
        return sum(size for size in sizes if size > 1)

    def _ones(self) -> Shape:
        rank = max((np.ndim(one) for one in self.operands if one is not None), default=0)
        return (1,) * max(0, rank - 1)


_YES_OR_NO = frozenset(
    (
        *("equal", "greater", "greater_equal", "less", "less_equal", "logical_and", "logical_not"),
        *("logical_or", "nonzero", "not_equal"),
    )
)


def _integers(values: NDArray[Any]) -> OperandEncoding | None:
    """The smallest encoding that holds ``values``, None where they are no small integers.

    >>> _integers(np.float32([-1, 1, 5])), _integers(np.float32([0.5]))
    (OperandEncoding(count=4, step=2, low=-1, scale=Fraction(1, 1), offset=Fraction(0, 1)), None)
    """
    if not np.isfinite(values).all() or np.abs(values).max() >= 1 << 15:
        return None
    if (values != np.rint(values)).any():
        return None
    found = sorted({int(one) for one in values.ravel()})
    if len(found) == 1:
        found.append(found[0] + 1)
    step = gcd(*(one - found[0] for one in found))
    return OperandEncoding((found[-1] - found[0]) // step + 1, step, found[0])


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
