"""Which layers are sums of integers, which integers these are, and what the sums stand for.

A row of DRAM cells holds bits. A matrix product can be carried out there if its weights and its
operands are small integers. Operands are such integers if they come from a quantizer, if they stand
for the inputs of the network, or if they are sums of few products. Everything else is done by the
host.

>>> import numpy as np
>>> from bnn.model.network import Dense, Network
>>> kernel = np.ones((4, 4), np.float32)
>>> net = Network("n", (4,), (
...     Dense("first", kernel, None, None, "ste_sign"),
...     Dense("second", kernel, None, "ste_sign", "ste_sign"),
... ))
>>> [(place, fed.encoding == BIPOLAR) for place, fed in analyse(net, None).fed.items()]
[(1, True)]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.layers.activation import Activation
from bnn.model.layers.layer import Shape
from bnn.model.layers.preprocessing import Affine
from bnn.model.layers.product import (
    Product,
    finish,
    has_integer_kernel,
    integer_kernel,
    sums_of,
    unit,
)
from bnn.model.layers.shape import Pad
from bnn.model.network import INPUT, Network
from bnn.model.operand_encoding import BIPOLAR, TERNARY, OperandEncoding
from bnn.values.encoding import Encoding, encode

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class OperandAnalysis:
    """Integers that a product in DRAM multiplies."""

    encoding: OperandEncoding
    """Encoding of the stored operands."""
    pad: int
    """Integer u in the padding."""
    zeros: bool
    """Whether the padding is 0 and no stored operand is."""
    encoded: bool
    """Whether they are the integers of the network's encoded inputs."""

    @property
    def whole(self) -> OperandEncoding:
        """All integers that multiply, padding included."""
        return TERNARY if self.zeros else self.encoding

    def integers(self, layer: Product, values: NDArray[Any], pixels: Encoding | None) -> Integers:
        """Return the integers u that are multiplied, in the shape of ``values``.

        Args:
            layer: the product.
            values: what it is fed with, as numbers.
            pixels: encoding of the network's inputs.

        >>> from bnn.model.network import Dense
        >>> dense = Dense("d", np.float32([[1], [1]]), None, "dorefa(2)", "ste_sign")
        >>> fed = analyse(Network("n", (2,), (dense,)), None).fed[0]
        >>> fed.integers(dense, np.float32([[0.3, 2]]), None).tolist()
        [[1, 3]]
        """
        if _quantized(layer):
            return quantizers.named(str(layer.input_quantizer)).integers(values)
        if self.encoded and pixels is not None:
            exact = values if values.dtype == np.uint8 else values.astype(np.float32, copy=False)
            return encode(exact, pixels)
        scale, offset = self.encoding.scale, self.encoding.offset
        exact = values if offset == 0 else values - np.float64(offset)
        exact = exact if scale == 1 else exact * np.float64(1 / scale)
        low, high = self.encoding.low, self.encoding.high
        whole: Integers = np.rint(exact).astype(
            np.int16 if -(1 << 15) <= low <= high < 1 << 15 else np.int32
        )
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What is known of the values in a network before any image is seen."""

    fed: dict[int, OperandAnalysis]
    """By position, every product that is a sum of integers."""
    exact: tuple[bool, ...]
    """For each layer, whether its outputs are computed in float64 up to the next product. That is
    so if only decisions of quantizers follow. Otherwise the values themselves matter, and they are
    computed as in Keras, in float32."""
    misfit: frozenset[int] = frozenset()
    """Positions of products that multiply integers, but whose padding is none of these."""


def analyse(network: Network, encoding: Encoding | None) -> Analysis:
    """Find out which products are sums of integers, and of which.

    Args:
        network: the layers.
        encoding: how the inputs of the network are integers; None when they are not.

    A layer fed with encoded inputs counts only if its padding, a real 0 or ``pad_values``, is a
    value of the encoding as well.
    """
    start = None if encoding is None else OperandEncoding.of(encoding)
    values: list[OperandEncoding | None] = []
    encoded: list[bool] = []
    fed: dict[int, OperandAnalysis] = {}
    misfit: set[int] = set()
    for index, (layer, sources) in enumerate(zip(network.layers, network.inputs, strict=True)):
        inputs = tuple(start if i == INPUT else values[i] for i in sources)
        from_encoding = all(i == INPUT or encoded[i] for i in sources) and encoding is not None
        value = layer.encoding_after(*inputs)
        if isinstance(layer, Product):
            operand = _operands(layer, network.shape_before(index), inputs[0], from_encoding)
            if operand is None and (inputs[0] is not None or _quantized(layer)):
                misfit.add(index)
            if operand is not None and has_integer_kernel(layer):
                fed[index] = operand
                if value is None:
                    value = sums_of(layer, operand.whole)
            from_encoding = False
        elif isinstance(layer, Activation) and layer.function != "linear":
            from_encoding = False
        values.append(value)
        encoded.append(from_encoding and value is not None and value == start)
    return Analysis(fed, _exact(network, fed), frozenset(misfit))


def padding_of_inputs(network: Network) -> tuple[float, ...]:
    """Return the values with which the inputs of a network are padded before they are multiplied.

    >>> import numpy as np
    >>> from bnn.model.network import Conv2D
    >>> conv = Conv2D("c", np.ones((3, 3, 1, 2), np.float32), None, None, "ste_sign",
    ...               padding="same", pad_values=1.0)
    >>> padding_of_inputs(Network("n", (5, 5, 1), (conv,)))
    (1.0,)
    """
    found: set[float] = set()
    reached = {INPUT}
    for index, (layer, sources) in enumerate(zip(network.layers, network.inputs, strict=True)):
        if not reached.intersection(sources):
            continue
        if isinstance(layer, Product):
            if layer.pads(network.shape_before(index)):
                found.add(layer.pad_values)
        elif not isinstance(layer, Affine):  # behind which values are others
            reached.add(index)
            if isinstance(layer, Pad):
                found.add(layer.value)
    return tuple(sorted(found))


def _quantized(layer: Product) -> bool:
    """Whether a quantizer makes integers of what the layer is fed with."""
    return layer.input_quantizer not in (None, quantizers.NO_OP)


def _operands(
    layer: Product, shape: Shape, value: OperandEncoding | None, encoded: bool
) -> OperandAnalysis | None:
    """Operands after the input quantizer of a layer with the input ``value``, and its padding."""
    if _quantized(layer):
        value, encoded = quantizers.named(str(layer.input_quantizer)).encoding, False
    if value is None:
        return None
    if not layer.pads(shape):
        return OperandAnalysis(value, value.low, False, encoded)
    pad = value.integer_of(layer.pad_values)
    if pad is None and value == BIPOLAR and layer.pad_values == 0.0:
        return OperandAnalysis(value, 0, True, encoded)
    if pad is None and not encoded:
        value = value.including(layer.pad_values)
        pad = None if value is None else value.integer_of(layer.pad_values)
    if value is None or pad is None:
        return None
    return OperandAnalysis(value, pad, False, encoded)


def _exact(network: Network, fed: dict[int, OperandAnalysis]) -> tuple[bool, ...]:
    result = [False] * len(network.layers)
    for index in reversed(range(len(network.layers))):
        followers = network.consumers[index]
        result[index] = bool(followers) and all(
            _decides(network, fed, place)
            or (result[place] and not isinstance(network.layers[place], Product))
            for place in followers
        )
    return tuple(result)


def _decides(network: Network, fed: dict[int, OperandAnalysis], index: int) -> bool:
    """Whether nothing but decisions of quantizers leaves a layer's input behind."""
    layer = network.layers[index]
    if isinstance(layer, Product):
        return index in fed or quantizers.question(layer.input_quantizer) is not None
    return isinstance(layer, Activation) and quantizers.question(layer.function) is not None


def values_behind(
    layer: Product, sums: Integers, operand: OperandEncoding, *, exact: bool
) -> NDArray[Any]:
    """Turn integer sums of a binary layer into what the network has behind the layer.

    Values are float32 or float64. In float32 they are computed as in Keras, except for the order of
    rounding. In float64 the signs after integer sums are decided. Keras's float32 formulas differ
    between its kernels, but their signs do not; float64 gives the same signs, exact ties included.

    Args:
        layer: the binary layer; its bias and activation are applied.
        sums: ``(n, ..., out)``, of the products of integer operands and weights.
        operand: what the integer operands are worth.
        exact: float64, for a sign to be taken; else float32, as Keras has it.

    >>> from bnn.model.network import Dense
    >>> dense = Dense("d", np.float32([[1], [1]]), np.float32([0.5]), None, "ste_sign")
    >>> values_behind(dense, np.array([[2], [-2]]), BIPOLAR, exact=True).tolist()
    [[2.5], [-1.5]]
    """
    wide = worth(layer, operand)(sums)
    return finish(layer, wide) if exact else finish(layer, wide.astype(np.float32))


def worth(layer: Product, operand: OperandEncoding) -> Callable[[Integers], NDArray[np.float64]]:
    """Return the function from a layer's integer sums ``(..., out)`` to what they stand for.

    Sums of w*u are worth ``scale*sum(w*u) + offset*sum(w)``.

    Args:
        layer: the binary layer, whose bias is left out.
        operand: what the integer operands are worth.
    """
    weight = unit(layer)
    scale, offset = operand.scale, operand.offset
    if isinstance(weight, Fraction):
        scale, offset = scale * weight, offset * weight
    denominator = lcm(scale.denominator, offset.denominator)
    totals: Integers = np.zeros(layer.outputs, np.int64)
    if offset:
        matrix = layer.matrix(integer_kernel(layer))
        totals = int(offset * denominator) * matrix.sum(axis=(0, 1), dtype=np.int64)

    def real(sums: Integers) -> NDArray[np.float64]:
        if scale == 1 and not offset:
            wide = sums.astype(np.float64)
        else:  # computed in integers and rounded once
            whole = sums.astype(np.int64) * int(scale * denominator) + totals
            wide = whole / np.float64(denominator)
        return wide if isinstance(weight, Fraction) else wide * weight.astype(np.float64)

    return real
