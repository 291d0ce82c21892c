"""Activation functions by name: what Keras and Larq compute, on the host.

>>> activate("hard_sigmoid", np.float32([-3, 0, 1])).tolist()
[0.0, 0.5, 0.699999988079071]
>>> activate("ste_sign", np.float32([-3, 0])).tolist()
[-1.0, 1.0]
>>> monotone("relu"), monotone("swish")
(True, False)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers

Floats = NDArray[Any]
Real = TypeVar("Real", np.float32, np.float64)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of every value on its own (softmax: of the last axis)."""

    run: Callable[[Floats], Floats]
    monotone: bool = False
    """Whether it never decreases, in every last bit of its floating-point values."""
    disputed: tuple[float, float] | None = None
    """Inputs, both ends included, for which Keras itself gives a tiny negative number in one kernel
    and 0 in another, and so either sign. ``model.predict``, which is followed here, may use other
    kernels than eager mode, and other kernels after a dense layer than elsewhere."""


def _single(run: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Make a smooth function compute in float32, as Keras does, whatever the type of its input.

    Its values are 0 exactly where they are 0 in float32, because a sign may follow. Denormal
    numbers count as 0 before and after.
    """

    def in_single(x: Floats) -> Floats:
        return quantizers.flushed(run(quantizers.flushed(x.astype(np.float32)))).astype(
            x.dtype, copy=False
        )

    return in_single


def _halved(x: Floats) -> Floats:
    """Set to 0 what is 0 once it is multiplied by a half."""
    return np.where(np.abs(x) < 2 * quantizers.SMALLEST_NORMAL, np.float32(0), x)


def _sigmoid(x: Floats) -> Floats:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + tail), tail / (1 + tail))


def _swish(x: Floats) -> Floats:
    tail = _halved(np.exp(-np.abs(x)))
    return cast(Floats, _halved(x) * np.where(x >= 0, 1 / (1 + tail), tail / (1 + tail)))


def _softplus(x: Floats) -> Floats:
    return cast(Floats, np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def softmax(x: Floats, axis: int = -1) -> Floats:
    """Give e^x of each of the values along an axis, as a part of all of them."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return cast(Floats, powers / powers.sum(axis=axis, keepdims=True))


def _exponential(x: Floats) -> Floats:
    with np.errstate(over="ignore"):
        powers: Floats = np.exp(x)
    return powers


def _expm1(x: Floats) -> Floats:
    """Give e^x - 1 for x below 0, where e^x is rounded to float32 before 1 is taken off."""
    below = np.expm1(np.minimum(x, 0))
    return np.where(x >= -(2.0**-25), np.float32(0), below)


def elu(x: NDArray[Real], alpha: float) -> NDArray[Real]:
    """Give x above 0 and ``alpha * (e^x - 1)`` below."""
    run = _single(lambda x: np.where(x > 0, x, _expm1(x) * np.float32(alpha)))
    return cast(NDArray[Real], run(x))


def _selu(x: Floats) -> Floats:
    # Klambauer et al., Self-Normalizing Neural Networks (2017), equation 2.
    scale, alpha = np.float32(1.0507009873554805), np.float32(1.6732632423543772)
    return np.where(x > 0, scale * x, scale * alpha * _expm1(x))


def _leaky_tanh(x: Floats) -> Floats:
    slope = x.dtype.type(0.2)
    ends = (np.maximum(x, 1) - 1) * slope + (np.minimum(x, -1) + 1) * slope
    return cast(Floats, np.clip(x, -1, 1) + ends)


_TANH_ENDS = 7.90739
"""Input from which on Keras's tanh is 1."""
_TANH_ROUNDS = 13 * math.log(2)
"""Input from which on a tanh rounded to the nearest float32 is 1."""


def _tanh(x: Floats, ends: float = _TANH_ENDS) -> Floats:
    return np.where(np.abs(x) >= np.float32(ends), np.sign(x), np.tanh(x))


def _mish(x: Floats) -> Floats:
    """Give x tanh(log(1 + e^x)) as oneDNN does, by the square of 1 + e^x, rounded."""
    square = (1 + np.exp(np.minimum(x, 20))) ** 2
    return cast(Floats, x * ((square - 1) / (square + 1)))


def _gelu(x: Floats) -> Floats:
    from scipy.special import erfc  # half a second that no other network should wait for

    half = np.float32(0.5)
    return cast(Floats, _halved(x) * quantizers.flushed(half * erfc(-x * np.float32(np.sqrt(0.5)))))


def _gelu_of_dense(x: Floats) -> Floats:
    from scipy.special import erf

    return cast(Floats, np.float32(0.5) * _halved(x) * (1 + erf(x / np.float32(np.sqrt(2)))))


def _gelu_tanh(x: Floats, ends: float = _TANH_ENDS) -> Floats:
    # Hendrycks and Gimpel, Gaussian error linear units (2016), section 2.
    near = np.clip(x, -20, 20)
    inner = np.float32(np.sqrt(2 / np.pi)) * (near + np.float32(0.044715) * near**3)
    return cast(Floats, np.float32(0.5) * _halved(x) * (1 + _tanh(inner, ends)))


def _hard_sigmoid(x: Floats) -> Floats:
    line: Floats = np.clip(x * x.dtype.type(0.2) + x.dtype.type(0.5), 0, 1)
    return line


FUNCTIONS: dict[str, Function] = {
    # larq_zoo's, in DoReFaNet.
    "clip_by_value_activation": Function(lambda x: np.clip(x, 0, 1), monotone=True),
    "elu": Function(lambda x: elu(x, 1.0)),
    "exponential": Function(_single(_exponential)),
    "gelu": Function(_single(_gelu), disputed=(-13.00306, -12.94995)),
    "hard_sigmoid": Function(_hard_sigmoid, monotone=True),
    "hard_tanh": Function(lambda x: np.clip(x, -1, 1), monotone=True),
    "leaky_tanh": Function(_leaky_tanh),
    "linear": Function(lambda x: x, monotone=True),
    "mish": Function(_single(_mish), disputed=(-87.3366, -16.6355)),
    "relu": Function(lambda x: np.maximum(x, x.dtype.type(0)), monotone=True),
    "relu6": Function(lambda x: np.clip(x, 0, 6), monotone=True),
    "selu": Function(_single(_selu)),
    "sigmoid": Function(_single(_sigmoid)),
    "softmax": Function(_single(softmax)),
    "softplus": Function(_single(_softplus)),
    "softsign": Function(_single(lambda x: cast(Floats, x / (1 + np.abs(x))))),
    "swish": Function(_single(_swish), disputed=(-87.3366, -86.6433)),
    "tanh": Function(_single(_tanh)),
}
"""Activation functions besides the quantizers. A function is marked as monotone only if it never
decreases by even the last bit; functions that round in an exponential may do so. Their tails were
measured with ``model.predict`` of tf-keras 2.21 on an x86 processor with AVX-512, where oneDNN
computes mish and swish."""

OPERATORS: dict[str, Function] = {
    "gelu_tanh": Function(_single(_gelu_tanh), disputed=(-5.15786, -4.84016)),
}
"""Functions that have no name of their own in Keras: gelu with ``approximate=True``."""

OF_DENSE: dict[str, Function] = {
    "gelu": Function(_single(_gelu_of_dense), disputed=(-13.00306, -5.4858)),
    "gelu_tanh": Function(
        _single(lambda x: _gelu_tanh(x, _TANH_ROUNDS)), disputed=(-5.15786, -4.84016)
    ),
}
"""By name, functions that ``model.predict`` (oneDNN) computes in one step with a dense layer that
has a bias; their tails then differ from those of the function alone."""

BEHIND_DENSE = " behind dense"
"""Behind the name of a function: the one of :data:`OF_DENSE`."""

_ALL = FUNCTIONS | OPERATORS | {name + BEHIND_DENSE: one for name, one in OF_DENSE.items()}


def activate(function: str, x: NDArray[Real]) -> NDArray[Real]:
    """Apply an activation function or quantizer, by name; the result keeps shape and type."""
    if function in _ALL:
        return cast(NDArray[Real], _ALL[function].run(x))
    return cast(NDArray[Real], quantizers.named(function).values(x))


def monotone(function: str) -> bool:
    """Whether an activation never decreases; quantizers never do."""
    return function not in _ALL or _ALL[function].monotone


def disputed(function: str) -> tuple[float, float] | None:
    """Return the inputs for which Keras gives either sign; see :class:`Function`.

    >>> disputed("mish"), disputed("relu"), disputed("ste_sign")
    ((-87.3366, -16.6355), None, None)
    """
    return _ALL[function].disputed if function in _ALL else None
