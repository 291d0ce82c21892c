"""Bias, BatchNorm and sign after an integer sum are one comparison with an integer.

Between a sum and the next sign there are only monotone functions: a bias, the straight line of a
BatchNorm, a clipped or rectified activation. So the sign changes at most once over the integers
that the sum can be. To find where, the functions of the network themselves are evaluated, in
float64, rounding included. No equation is solved. Ties, a negative or zero gamma, and channels
whose sign never changes therefore need no special cases.

>>> from bnn.lowering.operand_analysis import analyse
>>> from bnn.model.network import Dense
>>> net = Network("n", (4,), (
...     Dense("a", np.ones((4, 3), np.float32), None, "ste_sign", "ste_sign"),
...     BatchNorm("b", np.float32([2, 2, 9]), np.ones(3, np.float32), np.float32([1, -1, 1]),
...               None, 0.0),
...     Dense("c", np.ones((3, 2), np.float32), None, "ste_sign", "ste_sign"),
... ))
>>> *_, last = decisions(net, 0, questions(net))
>>> found = crossing(net.layers[0], last, analyse(net, None).fed[0])
>>> found.at.tolist(), found.falling.tolist()
([2, 4, -4], [False, True, True])
>>> found.bits(np.array([0, 2, 4])[:, None]).astype(int).tolist()
[[0, 1, 0], [1, 1, 0], [1, 0, 0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.operand_analysis import OperandAnalysis, worth
from bnn.model import quantizers
from bnn.model.activation_functions import monotone
from bnn.model.layers.product import finish, reach
from bnn.model.network import (
    Activation,
    BatchNorm,
    Flatten,
    Layer,
    MaxPool2D,
    Network,
    PRelu,
    Product,
)


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
        """Compare sums ``(..., channels)``; a sum that is just at its threshold has reached it."""
        result: NDArray[np.bool_] = (sums >= self.at) ^ self.falling
        return result


@dataclass(frozen=True, slots=True)
class Decision:
    """The place where outputs of a binary layer become yes or no: x >= 0, or x > 0."""

    steps: tuple[Layer, ...]
    """Layers between the binary layer and the decision: BatchNorm, MaxPool2D, Flatten, activations.
    Each is the only layer that uses the output of the one before."""
    end: int
    """One past the last layer taken in; in a chain the first one that is fed with the answers."""
    quantizer: str = "ste_sign"
    """The quantizer that decides."""


def questions(network: Network) -> tuple[str | None, ...]:
    """For each layer, the deciding quantizer (a sign) that all later layers apply to its output.

    None if more than that decision is needed: at the end of the network, before a layer with real
    operands, and before one through which a sign cannot be moved.

    >>> from bnn.model.network import Dense
    >>> kernel = np.ones((2, 2), np.float32)
    >>> last = Dense("b", kernel, None, "ste_sign", "ste_sign")
    >>> questions(Network("n", (2,), (Activation("a", "relu"), Flatten("f"), last)))
    ('ste_sign', 'ste_sign', None)
    """
    asked: list[str | None] = [None] * len(network.layers)
    for index in reversed(range(len(network.layers))):
        found = set()
        for place in network.consumers[index]:
            layer = network.layers[place]
            own = _own_question(layer)
            found.add(asked[place] if own is None and layer.commutes else own)
        asked[index] = found.pop() if len(found) == 1 else None
    return tuple(asked)


def _own_question(layer: Layer) -> str | None:
    """The deciding quantizer that a layer begins with, under one name for all signs."""
    if isinstance(layer, Product):
        return quantizers.question(layer.input_quantizer)
    return quantizers.question(layer.function) if isinstance(layer, Activation) else None


def decisions(network: Network, index: int, asked: Sequence[str | None]) -> list[Decision]:
    """Find every place where the outputs of product ``index`` may be decided, from early to late.

    Args:
        network: the layers.
        index: position of the product.
        asked: see :func:`questions`.
    """
    activation = cast(Product, network.layers[index]).activation
    own = quantizers.question(activation)
    if own is not None:
        return [Decision((), index + 1, own)]
    if not monotone(activation):
        return []
    result: list[Decision] = []
    steps: list[Layer] = []
    at = index
    while True:
        question = asked[at]
        if question is not None:
            result.append(Decision(tuple(steps), at + 1, question))
        followers = network.consumers[at]
        if len(followers) != 1 or len(network.inputs[followers[0]]) != 1:
            return result
        at = followers[0]
        step = network.layers[at]
        own = _own_question(step)
        if isinstance(step, Activation) and own is not None:
            return [*result, Decision(tuple(steps), at + 1, own)]
        if isinstance(step, Product) or not (
            step.monotone or isinstance(step, MaxPool2D | Flatten)
        ):
            return result
        steps.append(step)


def crossing(layer: Product, sign_at: Decision, fed: OperandAnalysis) -> Thresholds:
    """Find the thresholds on the integer sums of a layer.

    Args:
        layer: the product.
        sign_at: where its sums are decided.
        fed: which integers it multiplies; sums of a layer fed with encoded inputs are those of the
            integers ``p``.

    Returns:
        One threshold per output channel; one per feature, ``(positions * channels,)`` in the
        order of Flatten, when a BatchNorm or PReLU behind it treats positions differently.
        A MaxPool2D in between is left out: :func:`conjunctions` says how bits are pooled instead.
    """
    steps = [step for step in sign_at.steps if step.monotone]
    width = max([layer.outputs, *(_channels(step, layer.outputs) for step in steps)])
    reached = reach(layer, fed.whole)
    decider, real = quantizers.named(sign_at.quantizer), worth(layer, fed.encoding)

    def positive(places: NDArray[np.int64]) -> NDArray[np.bool_]:
        sums = (reached.start + places * reached.step).reshape(-1, layer.outputs)
        values = finish(layer, real(sums))
        for step in steps:
            values = step.run(values.reshape(-1, _channels(step, width)))
        return decider.integers(values.reshape(-1)) > 0

    last = len(reached) - 1
    at_low = positive(np.zeros(width, np.int64))
    changes = at_low != positive(np.full(width, last))
    below, above = np.zeros(width, np.int64), np.full(width, last)
    while np.any(above - below > 1):
        middle = (below + above) // 2
        still = positive(middle) == at_low
        below, above = np.where(still, middle, below), np.where(still, above, middle)
    # A channel that never changes is compared with the lowest sum, which every sum reaches.
    places = np.where(changes, above, 0)
    return Thresholds(reached.start + places * reached.step, at_low == changes)


def _channels(step: Layer, width: int) -> int:
    """Length of the axis along which a step has parameters."""
    if isinstance(step, BatchNorm):
        return step.mean.size
    return step.slopes.size if isinstance(step, PRelu) else width


def conjunctions(layer: Product, sign_at: Decision) -> tuple[NDArray[np.bool_], ...]:
    """For each MaxPool2D before the decision, how to pool bits instead of sums: AND (True) or OR.

    The sign of the largest value of a window is the OR of the signs if the functions after the
    pooling increase, and the AND if they decrease. The signs of gamma decide which it is.

    Returns:
        One array per pooling, in the order of the network, of one flag per channel (per feature
        where a BatchNorm behind a Flatten follows).
    """
    result: list[NDArray[np.bool_]] = []
    falls = np.zeros(layer.outputs, np.bool_)
    for step in reversed(sign_at.steps):
        if isinstance(step, BatchNorm):
            falling = step.scale < 0
            width = max(falls.size, falling.size)
            falls = np.resize(falls, width) ^ np.resize(falling, width)
        elif isinstance(step, MaxPool2D):
            result.append(falls)
    return tuple(reversed(result))
