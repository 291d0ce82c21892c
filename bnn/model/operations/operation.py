"""One call of a TensorFlow function: its arguments, each of which must be understood.

>>> op = Operation("op", "layer 2, 'op'", ((4, 3),), {"input": Given(0), "axis": -1})
>>> op.only_input(), op.axis("axis", 0), op.finish()
((4, 3), 2, None)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from bnn.model.layers.layer import Layer, Reading, Shape, Weights
from bnn.values.fields import Fields, shown
from pimsim.errors import InputError

FIRST = "input"
"""What the first argument of an operator is called here."""

Operand = Weights | np.float32 | None
"""Numbers of the file; None for an input of the layer."""

_LARGEST = 1 << 22
"""Numbers of a constant at most."""


@dataclass(frozen=True, slots=True)
class Given:
    """Stands for an output of a layer among the arguments of an operator."""

    place: int
    """Which of the operator's inputs."""

    def __repr__(self) -> str:
        """For messages."""
        return f"input {self.place + 1}"


@dataclass(frozen=True, slots=True)
class Operation:
    """Arguments are taken one by one; what is left at the end is refused."""

    name: str
    """Name of the layer."""
    where: str
    """How messages call it."""
    shapes: tuple[Shape, ...]
    """Shapes of its inputs, without the batch axis."""
    arguments: Mapping[str, object]
    """The first as ``input``; an input of the layer is a :class:`Given`."""
    output: int = 0
    """Which of its outputs is wanted."""
    _taken: set[str] = field(default_factory=lambda: {"name"})

    @staticmethod
    def of(reading: Reading) -> Operation:
        """Begin with the entry of a model file; an argument of None is one that is not given."""
        given = {key: value for key, value in reading.arguments.items() if value is not None}
        return Operation(reading.name, reading.where, reading.shapes, given, reading.output)

    def take(self, key: str) -> object:
        """Return an argument as it is, None if it is not given."""
        self._taken.add(key)
        return self.arguments.get(key)

    def refuse(self, key: str, wanted: str) -> NoReturn:
        """Raise InputError: argument ``key`` must be ``wanted``."""
        Fields(self.arguments, self.where).refuse(key, wanted)

    def ignore(self) -> None:
        """Take all arguments that are left."""
        self._taken.update(self.arguments)

    def finish(self) -> None:
        """Refuse arguments that nobody has taken, and outputs that do not exist."""
        for key, value in self.arguments.items():
            if key not in self._taken and value is not False:
                self.refuse(key, "left out")
        if "outputs" not in self._taken:
            self.several(1)

    def several(self, outputs: int) -> None:
        """Say that the operator has several outputs."""
        if self.output >= outputs:
            raise InputError(f"{self.where} must have an output number {self.output + 1}")
        self._taken.add("outputs")

    def only_input(self) -> Shape:
        """Return the shape of the first argument; no other argument may be an output of a layer."""
        first = self.take(FIRST)
        if isinstance(first, list) and len(first) == 1:
            (first,) = first
        if not isinstance(first, Given) or len(self.shapes) != 1:
            self.refuse(FIRST, "the only output of a layer among its arguments")
        return self.shapes[0]

    def inputs_alone(self) -> None:
        """Make sure that the first argument is a list of all inputs of the layer, in order."""
        first = self.take(FIRST)
        given = first if isinstance(first, list) else [first]
        if given != [Given(place) for place in range(len(self.shapes))]:
            self.refuse(FIRST, "a list of outputs of layers")

    def operand(self, key: str = FIRST) -> Operand:
        """Return numbers, or None for an input of the layer."""
        value = self.take(key)
        if isinstance(value, Given):
            return None
        if isinstance(value, bool):
            value = float(value)
        try:
            found = np.asarray(value)
        except ValueError:
            found = np.asarray(None)
        if found.dtype.kind not in "iuf" or not 0 < found.size <= _LARGEST:
            self.refuse(key, "an output of a layer, a number or numbers")
        with np.errstate(over="ignore"):
            numbers: Weights = found.astype(np.float32)
        if not np.isfinite(numbers).all():
            self.refuse(key, "finite")
        return np.float32(numbers) if numbers.ndim == 0 else numbers

    def channels_last(self) -> None:
        """Make sure that images are ``(height, width, channels)``."""
        if self.take("data_format") not in (None, "NHWC"):
            self.refuse("data_format", "'NHWC'")

    def in_order(self, operands: Sequence[Operand]) -> None:
        """Make sure that the inputs of the layer are just those among ``operands``."""
        if sum(one is None for one in operands) != len(self.shapes):
            self.refuse(FIRST, "of other arguments than those that pimsim knows")

    def number(self, key: str, default: float) -> float:
        """Return a finite number."""
        self._taken.add(key)
        return Fields(self.arguments, self.where).number(key, default)

    def flag(self, key: str) -> bool:
        """Return true or false, which is the default."""
        self._taken.add(key)
        return Fields(self.arguments, self.where).flag(key, False)

    def axis(self, key: str, default: int, more: int = 0) -> int:
        """Return an axis, counted from 1; the batch axis, 0, is refused.

        Args:
            key: of the argument.
            default: the axis if it is not given, counted as TensorFlow counts.
            more: how many axes there are behind those of the first input.
        """
        value = self.take(key)
        (axis,) = self._axes(key, [default if value is None else value], more)
        return axis

    def axes(self, key: str) -> tuple[int, ...]:
        """Return one axis or several, none of them that of the batch."""
        value = self.take(key)
        if value is None:
            self.refuse(key, "axes without that of the batch")
        return self._axes(key, value if isinstance(value, list) else [value], 0)

    def integers(self, key: str) -> list[int]:
        """Return a list of integers; one stands for itself."""
        value = self.take(key)
        found = value if isinstance(value, list) else [value]
        whole = [one for one in found if type(one) is int and abs(one) < 1 << 31]
        if len(whole) != len(found) or not found:
            self.refuse(key, "integers")
        return whole

    def window(self, key: str) -> tuple[int, int]:
        """Return height and width, out of one, two or four positive integers."""
        sizes = self.integers(key)
        if len(sizes) == 4 and sizes[0] == sizes[3] == 1:
            sizes = sizes[1:3]
        if len(sizes) == 1:
            sizes *= 2
        if len(sizes) != 2 or min(sizes) < 1:
            self.refuse(key, "one or two positive integers")
        return sizes[0], sizes[1]

    def _axes(self, key: str, values: list[object], more: int) -> tuple[int, ...]:
        rank = len(self.shapes[0]) + 1 + more
        found = []
        for value in values:
            if type(value) is not int or not -rank <= value < rank or value % rank == 0:
                given = shown(self.arguments.get(key))
                raise InputError(
                    f"{self.where}: `{key}` must be 1 to {rank - 1} or count from the end, "
                    f"without the batch axis, not {given}"
                )
            found.append(value % rank)
        return tuple(found)


Made = tuple[Layer, ...]
"""Layers that an operation becomes, each fed with what the one before it gives."""

Maker = Callable[[Operation], Made]


def of_input(make: Callable[[Operation], Layer]) -> Maker:
    """Make a layer that is fed with the first argument, which is the only input."""

    def made(op: Operation) -> Made:
        op.only_input()
        return (make(op),)

    return made
