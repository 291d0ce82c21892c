"""Bias, BatchNorm and sign behind an integer sum are one comparison with an integer.

Between a sum and the next sign stand only functions that never turn around: adding a bias, the
straight line of a BatchNorm, a clipped or rectified activation. So the sign changes at most once
over the integers that the sum can be, and where it does is found by evaluating exactly what the
network evaluates, in float64, rounding included: no formula for the crossing is solved, and a tie,
a negative or vanishing gamma, or a channel whose sign never changes need no cases of their own.

>>> from bnn.network import BatchNorm, Dense, Network
>>> net = Network("n", (4,), (
...     Dense("a", np.ones((4, 3), np.float32), None, "ste_sign", "ste_sign"),
...     BatchNorm("b", np.float32([2, 2, 9]), np.ones(3, np.float32), np.float32([1, -1, 1]),
...               None, 0.0),
...     Dense("c", np.ones((3, 2), np.float32), None, "ste_sign", "ste_sign"),
... ))
>>> found = find(net, 0, None)
>>> found.at.tolist(), found.falling.tolist()
([2, 4, -4], [False, True, True])
>>> found.bits(np.array([0, 2, 4])[:, None]).astype(int).tolist()
[[0, 1, 0], [1, 1, 0], [1, 0, 0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn import host, quantizers
from bnn.alphabet import Operand, operands, reachable
from bnn.encoding import Encoding
from bnn.network import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Layer,
    MaxPool2D,
    Network,
    Product,
)
from pimsim.errors import InputError

MONOTONE = frozenset({"linear", "relu", "hard_tanh"}) | quantizers.SIGNS
"""Activations that never decrease, in every last bit of their float64 values."""


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """One comparison per output channel: ``bit = (s >= at) XOR falling``.

    ``bit`` 1 means +1. A channel that is always +1 has the smallest reachable sum as ``at`` and
    ``falling`` False; one that is always -1 has the same ``at`` and ``falling`` True.
    """

    at: NDArray[np.int64]
    """``(channels,)``, each a reachable sum."""
    falling: NDArray[np.bool_]
    """``(channels,)``: the bit is 1 below ``at`` instead of from ``at`` on."""

    def bits(self, sums: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Compare sums ``(..., channels)``."""
        result: NDArray[np.bool_] = (sums >= self.at) ^ self.falling
        return result


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the sign of a binary layer's outputs is taken."""

    steps: tuple[Layer, ...]
    """Layers between the binary layer and the sign: BatchNorm, MaxPool2D, Flatten, Activation."""
    end: int
    """Index of the first layer that is fed with the signs."""


def decision(network: Network, index: int) -> Decision | None:
    """Find the sign that the outputs of product ``index`` end in.

    None when their values matter beyond a sign (the end of the network, a layer with real
    operands) or pass through a function that is not in :data:`MONOTONE`.
    """
    layer = _product(network, index)
    if quantizers.is_sign(layer.activation):
        return Decision((), index + 1)
    if layer.activation not in MONOTONE:
        return None
    steps: list[Layer] = []
    for end in range(index + 1, len(network.layers)):
        match network.layers[end]:
            case Dense() | Conv2D() as follower:
                if quantizers.is_sign(follower.input_quantizer):
                    return Decision(tuple(steps), end)
                return None
            case Activation(function=function) if quantizers.is_sign(function):
                return Decision(tuple(steps), end + 1)
            case Activation(function=function) if function not in MONOTONE:
                return None
            case step:
                steps.append(step)
    return None


def find(network: Network, index: int, encoding: Encoding | None) -> Thresholds:
    """Find the thresholds on the integer sums of binary layer ``index``.

    Args:
        network: the chain of layers.
        index: position of a binary layer that :func:`decision` finds a sign for.
        encoding: how the inputs of the network are integers, None when they are not; sums of a
            layer fed with them are those of the integers ``p``.

    Returns:
        One threshold per output channel; one per feature, ``(positions * channels,)`` in the
        order of Flatten, when a BatchNorm behind a Flatten treats positions differently.
        A MaxPool2D in between is left out: :func:`pools` says how bits are pooled instead.

    Raises:
        InputError: the layer's outputs do not end in a sign.
    """
    layer, sign_at = _product(network, index), decision(network, index)
    if sign_at is None:
        raise InputError(f"outputs of layer {layer.name!r} must end in a sign quantizer")
    pixels = operands(network, encoding)[index] is Operand.PIXEL
    steps = [step for step in sign_at.steps if isinstance(step, BatchNorm | Activation)]
    widths = [step.mean.size for step in steps if isinstance(step, BatchNorm)]
    width = max([layer.outputs, *widths])
    reach = reachable(network, index, encoding)

    def positive(places: NDArray[np.int64]) -> NDArray[np.bool_]:
        sums = (reach.start + places * reach.step).reshape(-1, layer.outputs)
        values = sums.astype(np.float64)
        if pixels and encoding is not None:
            values = host.decoded(sums, host.weight_sums(layer), encoding)
        values = host.finish(layer, values)
        for step in steps:
            channels = step.mean.size if isinstance(step, BatchNorm) else width
            values = host.apply((step,), values.reshape(-1, channels))
        return quantizers.sign(values.reshape(-1)) > 0

    last = len(reach) - 1
    at_low = positive(np.zeros(width, np.int64))
    changes = at_low != positive(np.full(width, last))
    below, above = np.zeros(width, np.int64), np.full(width, last)
    while np.any(above - below > 1):
        middle = (below + above) // 2
        still = positive(middle) == at_low
        below, above = np.where(still, middle, below), np.where(still, above, middle)
    # A channel that never changes is compared with the lowest sum, which every sum reaches.
    places = np.where(changes, above, 0)
    return Thresholds(reach.start + places * reach.step, at_low == changes)


def pools(network: Network, index: int) -> tuple[NDArray[np.bool_], ...]:
    """For each MaxPool2D before the sign, how to pool bits instead of sums: AND (True) or OR.

    The sign of the largest value of a window is the OR of the signs if everything behind the
    pooling rises, and their AND if it falls, which the signs of gamma decide.

    Returns:
        One array per pooling, in the order of the network, of one flag per channel (per feature
        where a BatchNorm behind a Flatten follows).

    Raises:
        InputError: as :func:`find`.
    """
    layer, sign_at = _product(network, index), decision(network, index)
    if sign_at is None:
        raise InputError(f"outputs of layer {layer.name!r} must end in a sign quantizer")
    result: list[NDArray[np.bool_]] = []
    falls = np.zeros(layer.outputs, np.bool_)
    for step in reversed(sign_at.steps):
        if isinstance(step, BatchNorm):
            falling = host.scale_of(step) < 0
            width = max(falls.size, falling.size)
            falls = np.resize(falls, width) ^ np.resize(falling, width)
        elif isinstance(step, MaxPool2D):
            result.append(falls)
    return tuple(reversed(result))


def _product(network: Network, index: int) -> Product:
    layer = network.layers[index]
    if not isinstance(layer, Dense | Conv2D):
        raise InputError(f"`index` must be that of a Dense or Conv2D, not of {layer.name!r}")
    return layer
