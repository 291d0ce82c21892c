"""Which values the operands of each layer can take, and so which layers are sums of +-1 products.

A row of DRAM cells holds bits. A matrix product can be carried out there when its weights are -1
and +1 and its operands are -1 and +1 too, or small integers that stand for the inputs of the
network. Everything else is the host's work.

>>> import numpy as np
>>> from bnn.network import Dense, Network
>>> kernel = np.ones((4, 4), np.float32)
>>> net = Network("n", (4,), (
...     Dense("first", kernel, None, None, "ste_sign"),
...     Dense("second", kernel, None, "ste_sign", "ste_sign"),
... ))
>>> [operand.value for operand in operands(net, None)]
['real', '+-1']
>>> binary_layers(net, None)
(1,)
"""

from __future__ import annotations

from enum import Enum
from math import prod

from bnn import quantizers
from bnn.encoding import Encoding
from bnn.network import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    Network,
    Product,
    has_binary_kernel,
)


class Operand(Enum):
    """Values that enter a layer, after its input quantizer and padding."""

    BIPOLAR = "+-1"
    """-1 and +1."""
    TERNARY = "+-1,0"
    """-1 and +1, and 0 in the padding."""
    PIXEL = "integer"
    """Integers ``p`` of an encoding, standing for ``scale*p + offset``."""
    REAL = "real"
    """Anything else."""


def operands(network: Network, encoding: Encoding | None) -> tuple[Operand, ...]:
    """Return the operand alphabet of every layer.

    Args:
        network: the chain of layers.
        encoding: how the inputs of the network are integers; None when they are not.

    A layer fed with encoded inputs counts as :attr:`Operand.PIXEL` only if its padding, a real 0
    or ``pad_values``, is a value of the encoding as well.
    """
    value = Operand.PIXEL if encoding is not None else Operand.REAL
    result = []
    for index, layer in enumerate(network.layers):
        operand = value
        if isinstance(layer, Dense | Conv2D):
            if quantizers.is_sign(layer.input_quantizer):
                operand = Operand.BIPOLAR
            if isinstance(layer, Conv2D) and pads(network, index):
                if operand is Operand.BIPOLAR and layer.pad_values == 0.0:
                    operand = Operand.TERNARY
                if operand is Operand.PIXEL and pad_operand(layer, encoding) is None:
                    operand = Operand.REAL
        result.append(operand)
        match layer:
            case Dense() | Conv2D():
                value = _after(layer.activation, Operand.REAL)
            case Activation():
                value = _after(layer.function, value)
            case BatchNorm():
                value = Operand.REAL
            case Flatten() | MaxPool2D():
                pass
    return tuple(result)


def binary_layers(network: Network, encoding: Encoding | None) -> tuple[int, ...]:
    """Return the indices of the layers that are sums of products of +-1 weights with integers."""
    return tuple(
        index
        for index, (layer, operand) in enumerate(
            zip(network.layers, operands(network, encoding), strict=True)
        )
        if isinstance(layer, Dense | Conv2D)
        and operand is not Operand.REAL
        and has_binary_kernel(layer)
    )


def pads(network: Network, index: int) -> bool:
    """Whether layer ``index`` is a convolution some of whose windows reach into padding."""
    layer = network.layers[index]
    return isinstance(layer, Conv2D) and any(
        axis.pads != (0, 0) for axis in layer.axes(network.shape_before(index))
    )


def pad_operand(layer: Product, encoding: Encoding | None) -> int | None:
    """Return the integer operand that ``same`` padding adds; None if the encoding has no such.

    Args:
        layer: a binary layer.
        encoding: that of the network's inputs if the layer is fed with them, else None.

    >>> import numpy as np
    >>> from bnn.encoding import ENCODINGS
    >>> conv = Conv2D("c", np.ones((3, 3, 1, 2), np.float32), None, None, "ste_sign",
    ...               padding="same", pad_values=1.0)
    >>> pad_operand(conv, None), pad_operand(conv, ENCODINGS["unit"])
    (1, 255)
    """
    value = layer.pad_values if isinstance(layer, Conv2D) else 0.0
    return int(value) if encoding is None else encoding.integer_of(value)


def reachable(network: Network, index: int, encoding: Encoding | None) -> range:
    """Return the integers that a sum of binary layer ``index`` can be, as far as its kind tells.

    With ``k`` products of +-1 with +-1 these are -k, -k+2, ..., k; an operand that may be 0 fills
    the gaps; an encoded input has up to ``largest`` times the reach.
    """
    layer = network.layers[index]
    if index not in binary_layers(network, encoding) or not isinstance(layer, Dense | Conv2D):
        raise ValueError(f"`index` must be that of a binary layer, not {index!r}")
    operand = operands(network, encoding)[index]
    fan_in = prod(layer.kernel.shape[:-1])
    if operand is Operand.PIXEL and encoding is not None:
        bound = fan_in * encoding.largest
        return range(-bound, bound + 1)
    return range(-fan_in, fan_in + 1, 2 if operand is Operand.BIPOLAR else 1)


def _after(function: str, value: Operand) -> Operand:
    if quantizers.is_sign(function):
        return Operand.BIPOLAR
    return value if function == "linear" else Operand.REAL
