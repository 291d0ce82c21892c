"""A network as pimsim sees it: layers with their weights, what feeds them, the shapes between them.

The layers are in an order in which each comes after all of its inputs. A chain needs no more than
the layers; a graph also says for each layer which ones are its inputs.

>>> import numpy as np
>>> kernel = np.float32([[0.5, -2.0], [0.0, 1.0]])
>>> dense = Dense("out", kernel, None, input_quantizer="ste_sign", kernel_quantizer="ste_sign")
>>> Network("tiny", (2, 1), (Flatten("flat"), dense)).shapes()
((2,), (2,))
>>> relu = Activation("relu", "relu")
>>> shortcut = Network("s", (2,), (relu, Merge("add", "add")), inputs=((INPUT,), (0, INPUT)))
>>> shortcut.consumers
((1,), ())
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bnn.model.layers.activation import Activation, BatchNorm, PRelu
from bnn.model.layers.convolution import Conv1D, Conv2D, LocallyConnected
from bnn.model.layers.layer import Layer, Shape
from bnn.model.layers.merge import Merge
from bnn.model.layers.pooling import MaxPool2D
from bnn.model.layers.product import Dense, Product
from bnn.model.layers.shape import Flatten, Pad
from bnn.model.objective import UNKNOWN, Objective
from pimsim.errors import InputError

__all__ = [
    "FLOAT32",
    "INPUT",
    "Activation",
    "BatchNorm",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Flatten",
    "Layer",
    "LocallyConnected",
    "MaxPool2D",
    "Merge",
    "Network",
    "PRelu",
    "Pad",
    "Product",
    "Shape",
]

FLOAT32 = "float32"
"""The precision of everything here."""

Value = TypeVar("Value")

INPUT = -1
"""Stands for the input of the network among the layers that feed one."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers in an order in which each follows all that it is fed with; the last is the output.

    Raises:
        InputError: no layers, two of one name, one that does not fit its inputs, or feeds nothing.
    """

    name: str
    input_shape: Shape
    """Shape of one image or feature vector, without the batch axis."""
    layers: tuple[Layer, ...]
    source: str = ""
    """Where it comes from, for reports: usually the name of a file."""
    inputs: tuple[tuple[int, ...], ...] = ()
    """For each layer the positions of those that feed it, or :data:`INPUT`; empty: a chain."""
    objective: Objective = UNKNOWN
    """What it was trained for, as far as the file tells."""
    precision: str = FLOAT32
    """In which Keras computes it, such as ``mixed_float16``; here it is float32 all the same."""
    consumers: tuple[tuple[int, ...], ...] = field(init=False, repr=False)
    """For each layer the positions of those that it feeds, each once."""
    _shapes: tuple[Shape, ...] = field(init=False, repr=False)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.input_shape))
        return f"<Network {self.name!r}: {len(self.layers)} layers over {shape}>"

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError(f"network {self.name!r} must have at least one layer, not none")
        if not self.input_shape or min(self.input_shape) < 1:
            raise InputError(f"`input_shape` must be positive sizes, not {self.input_shape!r}")
        seen: set[str] = set()
        for layer in self.layers:
            if layer.name in seen:
                raise InputError(f"layer names must be unique, not twice {layer.name!r}")
            seen.add(layer.name)
        if not self.inputs:
            object.__setattr__(self, "inputs", tuple((i - 1,) for i in range(len(self.layers))))
        object.__setattr__(self, "consumers", self._followers())
        shapes: list[Shape] = []
        for layer, sources in zip(self.layers, self.inputs, strict=True):
            fed = (self.input_shape if i == INPUT else shapes[i] for i in sources)
            shapes.append(layer.shape_after(*fed))
        object.__setattr__(self, "_shapes", tuple(shapes))

    def _followers(self) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = [[] for _ in self.layers]
        for place, sources in enumerate(self.inputs):
            for i in sorted(set(sources) - {INPUT}):
                found[i].append(place)
        for layer, followers in zip(self.layers[:-1], found, strict=False):
            if not followers:
                raise InputError(f"layer {layer.name!r} must lie between the input and the output")
        return tuple(tuple(followers) for followers in found)

    def shapes(self) -> tuple[Shape, ...]:
        """Shape of the output of every layer, without the batch axis."""
        return self._shapes

    def shapes_before(self, index: int) -> tuple[Shape, ...]:
        """Shapes of the inputs of layer ``index``, without the batch axis."""
        return tuple(
            self.input_shape if i == INPUT else self._shapes[i] for i in self.inputs[index]
        )

    def shape_before(self, index: int) -> Shape:
        """Shape of the first input of layer ``index``, without the batch axis."""
        return self.shapes_before(index)[0]

    def walk(self, first: Value, step: Callable[[int, list[Value]], Value]) -> Value:
        """Carry values from the input to the output; each is dropped after its last use.

        Args:
            first: the input of the network.
            step: computes the output of layer ``index`` from its inputs.

        Returns:
            The output of the last layer.

        >>> relu = Activation("relu", "relu")
        >>> shortcut = Network("s", (2,), (relu, Merge("m", "add")), inputs=((INPUT,), (0, INPUT)))
        >>> shortcut.walk("x", lambda index, fed: f"{shortcut.layers[index].name}({','.join(fed)})")
        'm(relu(x),x)'
        """
        values = {INPUT: first}
        last = {i: index for index, sources in enumerate(self.inputs) for i in sources}
        for index, sources in enumerate(self.inputs):
            values[index] = step(index, [values[i] for i in sources])
            for i in set(sources):
                if last[i] == index:
                    del values[i]
        return values[len(self.layers) - 1]

    def before_softmax(self) -> Network:
        """Return the same network without a softmax at its end: what it gives are the logits.

        >>> net = Network("n", (3,), (Activation("a", "relu"), Activation("b", "softmax")))
        >>> [layer.name for layer in net.before_softmax().layers]
        ['a']
        """
        last = self.layers[-1]
        if (
            isinstance(last, Activation)
            and last.function == "softmax"
            and self.inputs[-1] != (INPUT,)
        ):
            return replace(self, layers=self.layers[:-1], inputs=self.inputs[:-1])
        if isinstance(last, Product) and last.activation == "softmax":
            plain = replace(last, activation="linear")
            return replace(self, layers=(*self.layers[:-1], plain))
        return self
