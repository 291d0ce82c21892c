"""Activation functions by name: what Keras and Larq compute, on the host.

>>> activate("hard_sigmoid", np.float32([-3, 0, 1])).tolist()
[0.0, 0.5, 0.699999988079071]
>>> activate("ste_sign", np.float32([-3, 0])).tolist()
[-1.0, 1.0]
>>> monotone("relu"), monotone("swish")
(True, False)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnn import quantizers
from bnn.layers.layer import Real
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Function:
    """A function of every value on its own (softmax: of the last axis)."""

    run: Callable[[NDArray[Any]], NDArray[Any]]
    monotone: bool = False
    """Whether it never decreases, in every last bit of its floating-point values."""


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + tail), tail / (1 + tail))


def _softplus(x: NDArray[Any]) -> NDArray[Any]:
    return cast(NDArray[Any], np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _softmax(x: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return cast(NDArray[Any], powers / powers.sum(axis=-1, keepdims=True))


def elu(x: NDArray[Real], alpha: float) -> NDArray[Real]:
    """Give x above 0 and ``alpha * (e^x - 1)`` below."""
    below = np.expm1(np.minimum(x, 0)) * x.dtype.type(alpha)
    return cast(NDArray[Real], np.where(x > 0, x, below))


def _selu(x: NDArray[Any]) -> NDArray[Any]:
    # Klambauer et al., Self-Normalizing Neural Networks (2017), equation 2.
    scaled: NDArray[Any] = x.dtype.type(1.0507009873554805) * elu(x, 1.6732632423543772)
    return scaled


def _leaky_tanh(x: NDArray[Any]) -> NDArray[Any]:
    slope = x.dtype.type(0.2)
    ends = (np.maximum(x, 1) - 1) * slope + (np.minimum(x, -1) + 1) * slope
    return cast(NDArray[Any], np.clip(x, -1, 1) + ends)


def _gelu(x: NDArray[Any]) -> NDArray[Any]:
    from scipy.special import erf  # half a second that no other network should wait for

    half = x.dtype.type(0.5)
    return cast(NDArray[Any], half * x * (1 + erf(x / x.dtype.type(np.sqrt(2)))))


def _hard_sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    line: NDArray[Any] = np.clip(x * x.dtype.type(0.2) + x.dtype.type(0.5), 0, 1)
    return line


FUNCTIONS: dict[str, Function] = {
    "elu": Function(lambda x: elu(x, 1.0)),
    "exponential": Function(np.exp),
    "gelu": Function(_gelu),
    "hard_sigmoid": Function(_hard_sigmoid, monotone=True),
    "hard_tanh": Function(lambda x: np.clip(x, -1, 1), monotone=True),
    "leaky_tanh": Function(_leaky_tanh),
    "linear": Function(lambda x: x, monotone=True),
    "mish": Function(lambda x: cast(NDArray[Any], x * np.tanh(_softplus(x)))),
    "relu": Function(lambda x: np.maximum(x, x.dtype.type(0)), monotone=True),
    "relu6": Function(lambda x: np.clip(x, 0, 6), monotone=True),
    "selu": Function(_selu),
    "sigmoid": Function(_sigmoid),
    "softmax": Function(_softmax),
    "softplus": Function(_softplus),
    "softsign": Function(lambda x: cast(NDArray[Any], x / (1 + np.abs(x)))),
    "swish": Function(lambda x: cast(NDArray[Any], x * _sigmoid(x))),
    "tanh": Function(np.tanh),
}
"""Activation functions besides the quantizers. Monotone are only those that rise in every last bit,
which a function that rounds its way through an exponential does not promise."""


def activate(function: str, x: NDArray[Real]) -> NDArray[Real]:
    """Apply an activation function or quantizer, by name; the result keeps shape and type."""
    if function in FUNCTIONS:
        return FUNCTIONS[function].run(x)
    return cast(NDArray[Real], quantizers.named(function).values(x))


def monotone(function: str) -> bool:
    """Whether an activation never decreases; quantizers never do."""
    return function not in FUNCTIONS or FUNCTIONS[function].monotone


def check_function(layer: str, function: str) -> None:
    """Raise InputError for an activation that pimsim does not carry out."""
    if function in FUNCTIONS:
        return
    names = FUNCTIONS.keys() | quantizers.TABLE.keys() - {quantizers.NO_OP}
    if function.partition("(")[0] not in names or quantizers.named(function).alphabet is None:
        known = ", ".join(sorted(names))
        raise InputError(f"activation of layer {layer!r} must be among {known}, not {function!r}")
