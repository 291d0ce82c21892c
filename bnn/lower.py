"""From layers to stages: binary matrix products for the DRAM, and what stays on the host.

Every binary layer becomes a :class:`Stage` in DRAM. Where a sign follows, bias, BatchNorm and sign
become a comparison of the count of ones with a constant, and a max pooling in between becomes an
OR or AND of bits; otherwise the sums are read out and the host goes on with them. Layers that no
stage takes in are the host's.

The DRAM counts ones: each product of a +-1 weight and an operand stored as the bits of an integer
p >= 0 contributes p for a weight of +1 and the complement (largest - p) for -1. That total A is
tied to the reference's sum S by S = scale A + offset, per output.

>>> import numpy as np
>>> from bnn.network import Dense, Network
>>> kernel = np.float32([[1, -1], [1, 1], [-1, -1]])
>>> net = Network("n", (3,), (
...     Dense("a", kernel, None, "ste_sign", "ste_sign"),
...     Dense("b", kernel[:2], None, "ste_sign", "ste_sign"),
... ))
>>> first, second = lower(net, None)
>>> first.name, first.planes, first.scale, first.offsets.tolist()
('a', 1, 2, [-3, -3])
>>> first.thresholds is not None, second.thresholds is not None
(True, False)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn import thresholds
from bnn.alphabet import Operand, binary_layers, operands, pad_operand
from bnn.encoding import Encoding
from bnn.network import Conv2D, Dense, Layer, MaxPool2D, Network, Product, Shape, binary_kernel
from bnn.thresholds import Thresholds
from bnn.windows import Windows, windows


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A binary matrix product for the DRAM, with the sign and pooling behind it if there are."""

    name: str
    layer: Product
    index: int
    """Position of the layer in the network."""
    end: int
    """Position of the first layer that is fed with what the stage gives."""
    shape: Shape
    """Shape of the layer's input, without the batch axis."""
    windows: Windows
    weights: NDArray[np.int8]
    """``(kernel taps, channels, outputs)``, -1 and +1."""
    planes: int
    """Bits of an operand; 1 for -1 and +1."""
    encoded: bool
    """Whether operands are the integers of the network's encoded inputs."""
    pad: int
    """Operand stored in the padding, as the integer that the bits hold."""
    zero_padding: bool
    """Whether the padding is really 0, which a bit cannot hold: counts need a correction."""
    scale: int
    """S = scale * A + offsets, where nothing is padded with 0."""
    offsets: NDArray[np.int64]
    """``(outputs,)``."""
    thresholds: Thresholds | None
    """Comparison that gives the output bits; None where the sums themselves are wanted."""
    conjunction: NDArray[np.bool_]
    """``(outputs,)`` True where pooling is an AND of bits, False where it is an OR."""

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.weights.shape[2])

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.weights.shape[0] * self.weights.shape[1])

    @property
    def largest(self) -> int:
        """Largest operand, and so what one product adds to the count at most."""
        return (1 << self.planes) - 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an image in this layer, by Larq's count: weights x positions."""
        positions = int(np.prod(self.layer.shape_after(self.shape)[:-1], dtype=np.int64))
        return int(self.weights.size) * positions


@dataclass(frozen=True, slots=True, eq=False)
class HostStage:
    """Consecutive layers that the host carries out."""

    name: str
    layers: tuple[Layer, ...]
    index: int
    end: int
    macs: int


def lower(network: Network, encoding: Encoding | None) -> tuple[Stage | HostStage, ...]:
    """Split a network (without its final softmax) into stages.

    Args:
        network: the chain of layers.
        encoding: how its inputs are integers; None leaves a first layer with real inputs to the
            host.
    """
    binary = binary_layers(network, encoding)
    alphabet = operands(network, encoding)
    stages: list[Stage | HostStage] = []
    index = 0
    while index < len(network.layers):
        if index in binary:
            pixels = encoding if alphabet[index] is Operand.PIXEL else None
            stage = _stage(network, index, encoding, pixels)
            stages.append(stage)
            index = stage.end
            continue
        end = index + 1
        while end < len(network.layers) and end not in binary:
            end += 1
        stages.append(_host(network, index, end))
        index = end
    return tuple(stages)


def _stage(
    network: Network, index: int, encoding: Encoding | None, pixels: Encoding | None
) -> Stage:
    layer = network.layers[index]
    if not isinstance(layer, Dense | Conv2D):
        raise ValueError(f"`index` must be that of a product, not {index}")
    shape = network.shape_before(index)
    found, pool, conjunction, end = _sign(network, index, encoding, layer)
    kernel = binary_kernel(layer).reshape(-1, shape[-1], layer.outputs)
    negative = (kernel < 0).sum(axis=(0, 1), dtype=np.int64)
    fan_in = kernel.shape[0] * kernel.shape[1]
    if pixels is None:
        pad = layer.pad_values if isinstance(layer, Conv2D) else 0.0
        planes, stored, scale = 1, int(pad > 0), 2
        offsets = np.full(layer.outputs, -fan_in, dtype=np.int64)
        zero_padding = pad == 0.0
    else:
        planes, scale, zero_padding = pixels.bits, 1, False
        stored = pad_operand(layer, pixels) or 0
        offsets = -negative * pixels.largest
    laid = windows(layer, shape, pool)
    padded = bool((laid.pixels < 0).any())
    return Stage(
        layer.name,
        layer,
        index,
        end,
        shape,
        laid,
        kernel,
        planes,
        pixels is not None,
        stored,
        zero_padding and padded,
        scale,
        offsets,
        found,
        conjunction,
    )


def _sign(
    network: Network, index: int, encoding: Encoding | None, layer: Product
) -> tuple[Thresholds | None, MaxPool2D | None, NDArray[np.bool_], int]:
    """Threshold, pooling, kind of pooling, and where the stage ends."""
    neither = np.zeros(layer.outputs, dtype=np.bool_)
    sign_at = thresholds.decision(network, index)
    if sign_at is not None:
        found = thresholds.find(network, index, encoding)
        pools = [step for step in sign_at.steps if isinstance(step, MaxPool2D)]
        if found.at.size == layer.outputs and len(pools) <= 1 and not _pooled_flat(layer, pools):
            kinds = thresholds.pools(network, index)
            conjunction = kinds[0] if kinds else neither
            return found, pools[0] if pools else None, conjunction, sign_at.end
    return None, None, neither, index + 1


def _pooled_flat(layer: Product, pools: list[MaxPool2D]) -> bool:
    return bool(pools) and not isinstance(layer, Conv2D)


def _host(network: Network, index: int, end: int) -> HostStage:
    layers = network.layers[index:end]
    macs = 0
    for place, layer in enumerate(layers, start=index):
        if isinstance(layer, Dense | Conv2D):
            positions = int(np.prod(layer.shape_after(network.shape_before(place))[:-1]))
            macs += layer.kernel.size * positions
    return HostStage("+".join(layer.name for layer in layers), layers, index, end, macs)
