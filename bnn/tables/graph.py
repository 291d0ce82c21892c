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
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal

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
    """Shape of the output, without the batch axis."""
    reads: tuple[str, ...] = ()
    """Names of the nodes that it is fed with."""
    kind: Literal["", "add", "concat", "flatten", "norm"] = field(default="", kw_only=True)
    """The sum of two nodes (a residual connection), channels of several side by side, all axes into
    one, or a batch normalization that does not directly follow a product."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A network without weights; every node comes after those that it reads."""

    name: str
    summary: str
    nodes: tuple[Node, ...]

    @property
    def input_shape(self) -> Shape:
        """Shape of one image."""
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
        norms += sum(node.shape[-1] for node in self.nodes if node.kind == "norm")
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
        window = Window(size, stride, padding)
        shape = (*(window.along(pixels).out for pixels in x.shape[:2]), outputs)
        normed = self._norm if norm is None else norm
        return self._add(
            ProductNode(name, shape, (x.name,), x.shape, window, groups, self._bias, normed)
        )

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
        biased = self._bias if bias is None else bias
        normed = self._norm if norm is None else norm
        return self._add(
            ProductNode(name, (outputs,), (x.name,), x.shape, bias=biased, norm=normed)
        )

    def pool(
        self,
        name: str,
        x: Node,
        size: int,
        stride: int,
        padding: Padding = "valid",
        *,
        largest: bool = True,
    ) -> Node:
        """Add a max pooling, or (without ``largest``) an average pooling."""
        window = Window(size, stride, padding)
        shape = (*(window.along(pixels).out for pixels in x.shape[:2]), x.shape[2])
        return self._add(PoolNode(name, shape, (x.name,), window, largest))

    def mean(self, x: Node) -> Node:
        """Add the mean of each channel over the whole image, as a vector."""
        return self.flatten(self.pool(f"{x.name}/mean", x, x.shape[0], x.shape[0], largest=False))

    def concat(self, name: str, parts: Sequence[Node]) -> Node:
        """Add the channels of nodes of one height and width side by side."""
        shape = (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts))
        return self._add(Node(name, shape, tuple(part.name for part in parts), kind="concat"))

    def add(self, name: str, x: Node, y: Node) -> Node:
        """Add a residual connection."""
        return self._add(Node(name, x.shape, (x.name, y.name), kind="add"))

    def norm(self, name: str, x: Node) -> Node:
        """Add a batch normalization of its own, before whoever reads it."""
        return self._add(Node(name, x.shape, (x.name,), kind="norm"))

    def flatten(self, x: Node) -> Node:
        """Add the same as a vector."""
        return self._add(Node(f"{x.name}/flat", (x.size,), (x.name,), kind="flatten"))

    def table(self) -> Table:
        """Return what has been drawn."""
        return Table(self._name, self._summary, tuple(self._nodes.values()))

    def _add(self, node: Node) -> Node:
        if node.name in self._nodes:
            raise InputError(f"names must be unique, not twice {node.name!r}")
        self._nodes[node.name] = node
        return node
