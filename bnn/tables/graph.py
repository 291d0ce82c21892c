"""A network as a table of shapes: which layers there are and what each reads, without weights.

>>> drawing = Drawing("tiny", (6, 6, 3), "two convolutions, added", bias=True)
>>> x = drawing.conv("a", drawing.input, outputs=8, size=3)
>>> y = drawing.conv("b", x, outputs=8, size=3)
>>> last = drawing.dense("c", drawing.flatten(drawing.add("sum", x, y)), outputs=10)
>>> table = drawing.table()
>>> [(each.name, each.input, each.shape, each.macs) for each in table.products]
[('a', (6, 6, 3), (6, 6, 8), 7776), ('b', (6, 6, 8), (6, 6, 8), 20736), ('c', (288,), (10,), 2880)]
>>> table.weights, table.parameters
(3672, 3698)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from bnn.model.geometry import Padding, WindowAxis
from bnn.model.network import Shape
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Window:
    """A square kernel or pooling window, moved along height and width."""

    size: int
    stride: int = 1
    padding: Padding | int = "same"
    """As in Keras, or so many pixels on each of the four sides."""

    def along(self, pixels: int) -> WindowAxis:
        """Return the windows along an axis of ``pixels`` pixels.

        >>> Window(7, 2, 1).along(224).out, Window(3, 2, "same").along(55).out
        (110, 28)
        """
        if isinstance(self.padding, int):
            wide = WindowAxis.padded(pixels + 2 * self.padding, self.size, self.stride)
            return replace(wide, size=pixels, before=self.padding)
        return WindowAxis.padded(pixels, self.size, self.stride, padding=self.padding)


@dataclass(frozen=True, slots=True)
class Node:
    """What a network computes at one place; by itself, its input."""

    name: str
    shape: Shape
    """Of the output, without the batch axis."""
    reads: tuple[str, ...] = ()
    """Names of the nodes that it is fed with."""

    @property
    def size(self) -> int:
        """Numbers that come out."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class ProductNode(Node):
    """A convolution or, without a window, a dense layer."""

    input: Shape = ()
    """What it is fed with."""
    window: Window | None = None
    groups: int = 1
    bias: bool = False
    norm: bool = False
    """Whether a batch normalization follows it."""

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.shape[-1]

    @property
    def taps(self) -> int:
        """Pixels that a window covers."""
        return 1 if self.window is None else self.window.size**2

    @property
    def fan_in(self) -> int:
        """Products that one output sums, those with padding included."""
        return self.taps * self.input[-1] // self.groups

    @property
    def weights(self) -> int:
        """Weights that multiply."""
        return self.fan_in * self.outputs

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an image: weights times positions."""
        return self.weights * prod(self.shape[:-1])


@dataclass(frozen=True, slots=True)
class PoolNode(Node):
    """The largest (or the mean) of each window."""

    window: Window = Window(1)
    largest: bool = True


@dataclass(frozen=True, slots=True)
class ConcatNode(Node):
    """Channels of several nodes side by side."""


@dataclass(frozen=True, slots=True)
class AddNode(Node):
    """The sum of two nodes: a residual connection."""


@dataclass(frozen=True, slots=True)
class NormNode(Node):
    """A batch normalization that does not directly follow a product."""


@dataclass(frozen=True, slots=True)
class FlattenNode(Node):
    """All axes into one."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A network without weights; every node comes after those that it reads."""

    name: str
    summary: str
    nodes: tuple[Node, ...]

    @property
    def input_shape(self) -> Shape:
        """Of one image."""
        return self.nodes[0].shape

    @property
    def products(self) -> tuple[ProductNode, ...]:
        """Layers that multiply, in the order in which they are computed."""
        return tuple(node for node in self.nodes if isinstance(node, ProductNode))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an image."""
        return sum(node.macs for node in self.products)

    @property
    def weights(self) -> int:
        """Weights that multiply: no biases, no batch normalization."""
        return sum(node.weights for node in self.products)

    @property
    def parameters(self) -> int:
        """Trained numbers: weights, biases, and gamma and beta of each normalized channel."""
        biases = sum(node.outputs for node in self.products if node.bias)
        norms = sum(node.outputs for node in self.products if node.norm)
        norms += sum(node.shape[-1] for node in self.nodes if isinstance(node, NormNode))
        return self.weights + biases + 2 * norms

    def node(self, name: str) -> Node:
        """Return the node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def readers(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that read one; none for the last."""
        return tuple(node for node in self.nodes if name in node.reads)


class Drawing:
    """Draws a table, node by node; each method adds one and returns it for others to read.

    Args:
        name: of the network.
        input_shape: (height, width, channels) of an image.
        summary: what it is, in a line.
        bias: whether products have biases unless told otherwise.
        norm: whether a batch normalization follows a product unless told otherwise.
    """

    def __init__(
        self,
        name: str,
        input_shape: Shape,
        summary: str,
        *,
        bias: bool = False,
        norm: bool = False,
    ) -> None:
        self._name, self._summary = name, summary
        self._bias, self._norm = bias, norm
        self.input = Node("input", input_shape)
        self._nodes: dict[str, Node] = {"input": self.input}

    def conv(
        self,
        name: str,
        x: Node,
        outputs: int,
        size: int = 1,
        stride: int = 1,
        padding: Padding | int = "same",
        *,
        groups: int = 1,
        norm: bool | None = None,
    ) -> Node:
        """Add a convolution of ``size`` x ``size`` taps."""
        height, width, channels = _image(name, x)
        if channels % groups or outputs % groups:
            raise InputError(
                f"`groups` of {name!r} must divide its {channels} channels and {outputs} outputs, "
                f"not be {groups}"
            )
        window = Window(size, stride, padding)
        shape = (window.along(height).out, window.along(width).out, outputs)
        return self._product(name, x, shape, window, groups, None, norm)

    def dense(
        self,
        name: str,
        x: Node,
        outputs: int,
        *,
        bias: bool | None = None,
        norm: bool | None = None,
    ) -> Node:
        """Add a dense layer over a vector."""
        if len(x.shape) != 1:
            raise InputError(f"{name!r} must read a vector, not the shape {x.shape}")
        return self._product(name, x, (outputs,), None, 1, bias, norm)

    def max_pool(
        self, name: str, x: Node, size: int, stride: int, padding: Padding = "valid"
    ) -> Node:
        """Add a max pooling."""
        return self._pool(name, x, Window(size, stride, padding), largest=True)

    def mean_pool(
        self, name: str, x: Node, size: int, stride: int, padding: Padding = "valid"
    ) -> Node:
        """Add an average pooling."""
        return self._pool(name, x, Window(size, stride, padding), largest=False)

    def mean(self, x: Node) -> Node:
        """Add the mean of each channel over the whole image, as a vector."""
        height, width, _ = _image("mean", x)
        if height != width:
            raise InputError(f"a mean must be taken over a square, not {height}x{width}")
        return self.flatten(self.mean_pool(f"{x.name}/mean", x, height, height))

    def concat(self, name: str, parts: Sequence[Node]) -> Node:
        """Add the channels of nodes of one height and width side by side."""
        sides = {part.shape[:-1] for part in parts}
        if len(sides) != 1:
            raise InputError(f"parts of {name!r} must be of one size, not {sorted(sides)}")
        shape = (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts))
        return self._add(ConcatNode(name, shape, tuple(part.name for part in parts)))

    def add(self, name: str, x: Node, y: Node) -> Node:
        """Add a residual connection."""
        if x.shape != y.shape:
            raise InputError(f"parts of {name!r} must have one shape, not {x.shape} and {y.shape}")
        return self._add(AddNode(name, x.shape, (x.name, y.name)))

    def norm(self, name: str, x: Node) -> Node:
        """Add a batch normalization of its own, before whoever reads it."""
        return self._add(NormNode(name, x.shape, (x.name,)))

    def flatten(self, x: Node) -> Node:
        """Add the same as a vector."""
        return self._add(FlattenNode(f"{x.name}/flat", (x.size,), (x.name,)))

    def table(self) -> Table:
        """Return what has been drawn."""
        return Table(self._name, self._summary, tuple(self._nodes.values()))

    def _product(
        self,
        name: str,
        x: Node,
        shape: Shape,
        window: Window | None,
        groups: int,
        bias: bool | None,
        norm: bool | None,
    ) -> Node:
        biased = self._bias if bias is None else bias
        normed = self._norm if norm is None else norm
        return self._add(
            ProductNode(name, shape, (x.name,), x.shape, window, groups, biased, normed)
        )

    def _pool(self, name: str, x: Node, window: Window, *, largest: bool) -> Node:
        height, width, channels = _image(name, x)
        shape = (window.along(height).out, window.along(width).out, channels)
        return self._add(PoolNode(name, shape, (x.name,), window, largest))

    def _add(self, node: Node) -> Node:
        if node.name in self._nodes:
            raise InputError(f"names must be unique, not twice {node.name!r}")
        self._nodes[node.name] = node
        return node


def _image(name: str, x: Node) -> tuple[int, int, int]:
    if len(x.shape) != 3:
        raise InputError(f"{name!r} must read an image, not the shape {x.shape}")
    height, width, channels = x.shape
    return height, width, channels
