"""What Larq's quantizers do to a value, and under which names model files mention them.

Three quantizers binarize, and differ only in the gradient with which they were trained:
``ste_sign``, ``approx_sign`` and ``swish_sign`` give +1 for ``x >= 0`` and -1 otherwise. Keras
flushes denormal numbers to zero, so a value such as -1e-40 gives +1 as well. The others are
entries of :data:`TABLE` too. A quantizer with parameters is written with them:
``ste_tern(0.05)``, ``ste_tern(weight networks)``, ``dorefa(2)``, ``dorefa(2, weights)``.

Every quantizer turns values into integers times a real number, so that products can be summed
exactly. For operands, an operand encoding describes these integers.

>>> canonical("SteSign"), canonical("Larq>swish_sign"), canonical("NoOp")
('ste_sign', 'swish_sign', 'no_op')
>>> sign(np.array([-2.0, -1e-40, -0.0, 0.5])).tolist()
[-1, 1, 1, 1]
>>> named("dorefa(2)").integers(np.float32([-1, 0.2, 0.5, 7])).tolist()
[0, 1, 2, 3]
>>> weights = named("dorefa(2, weights)").weights(np.float32([-1, 0, 0.1, 1]))
>>> weights.integers.tolist(), str(weights.unit)
([-3, 1, 1, 3], '1/3')
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.operand_encoding import (
    BIPOLAR,
    HEAVISIDE,
    TERNARY,
    OperandEncoding,
    fractions_of_one,
)
from pimsim.errors import InputError

Reals = NDArray[np.floating[Any]]
Values = Reals | NDArray[np.integer[Any]]

SIGNS = frozenset({"ste_sign", "approx_sign", "swish_sign"})
"""Canonical names of the quantizers whose values are -1 and +1."""

NO_OP = "no_op"
"""Leaves the value as it is: the file of a network trained with Bop already holds +-1."""

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
"""2**-126: float32 values nearer to zero than this count as zero (Keras flushes denormals)."""

LARGEST_BITS = 8
"""Bits of a DoReFa quantizer at most."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedWeights:
    """Integers times a real number: what a kernel quantizer makes of latent weights."""

    integers: NDArray[np.int16] | NDArray[np.int8]
    """In the shape of the latent weights."""
    unit: Fraction | NDArray[np.float32] = Fraction(1)
    """What 1 is worth; an array holds one value for each place along the last axis."""
    digits: tuple[int, bool] = (1, True)
    """How many binary digits an integer has, and whether they are -1 and +1 (True) or 0 and 1;
    one digit that may be -1, 0 or +1 counts as signed."""


@dataclass(frozen=True, slots=True)
class Quantizer:
    """One entry of :data:`TABLE`, with its parameters."""

    name: str
    """Canonical, parameters included."""
    encoding: OperandEncoding | None
    """Encoding of its integers; None if that depends on the whole batch."""
    integers: Callable[[Values], NDArray[np.integer[Any]]]
    """Operands of any shape to integers of the encoding."""
    weights: Callable[[NDArray[np.float32]], QuantizedWeights]
    """Latent weights to integers and what they are worth."""
    largest_weight: int = 1
    """Largest integer that it makes of a weight."""
    odd_weights: bool = False
    """Whether it makes only odd integers of weights."""

    def values(self, x: Reals) -> Reals:
        """Return what the quantizer makes of ``x``, in its type."""
        if self.encoding is None:
            raise ValueError(f"`x` must be weights for the quantizer {self.name!r}")
        found = self.integers(x)
        exact = self.encoding.scale == 1 and self.encoding.offset == 0
        return found.astype(x.dtype) if exact else self.encoding.numbers(found).astype(x.dtype)


def sign(x: Values) -> NDArray[np.int8]:
    """Binarize: +1 for ``x >= 0`` and for what float32 flushes to zero, else -1; same shape.

    ``x`` must hold no NaN.
    """
    ones: NDArray[np.int8] = (x > -SMALLEST_NORMAL).astype(np.int8)
    return 2 * ones - 1


def heaviside(x: Values) -> NDArray[np.int8]:
    """Give 1 for ``x > 0``, and 0 otherwise and for what float32 flushes to zero.

    >>> heaviside(np.array([-1.0, 0.0, 1e-40, 0.1])).tolist()
    [0, 0, 0, 1]
    """
    result: NDArray[np.int8] = (x >= SMALLEST_NORMAL).astype(np.int8)
    return result


def ternary(x: Values, threshold: float) -> NDArray[np.int8]:
    """Give -1, 0 or +1 as Larq does, in float32: a value on the threshold counts as beyond it.

    >>> ternary(np.float32([-0.06, -0.05, 0, 0.04, 0.05]), 0.05).tolist()
    [-1, -1, 0, 0, 1]
    """
    single, limit = flushed(x.astype(np.float32)), np.float32(threshold)
    ends = np.sign(flushed(single + limit)) + np.sign(flushed(single - limit))
    result: NDArray[np.int8] = np.sign(ends).astype(np.int8)
    return result


def levels(x: Values, bits: int) -> NDArray[np.int16]:
    """Round ``x``, clipped to [0, 1], to integers 0 to 2**bits - 1, in float32, halves to even."""
    n = np.float32((1 << bits) - 1)
    result: NDArray[np.int16] = np.rint(np.clip(flushed(x.astype(np.float32)), 0, 1) * n).astype(
        np.int16
    )
    return result


def flushed(x: Any) -> NDArray[Any]:
    """Return values of any shape and type with those that float32 cannot hold normally as zero.

    >>> flushed(np.array([1e-40, -1e-39, 1e-37])).tolist()
    [0.0, 0.0, 1e-37]
    """
    return np.where(np.abs(x) < np.float32(SMALLEST_NORMAL), np.float32(0), x)


def _as_weights(
    integers: Callable[[Values], NDArray[np.int8]],
) -> Callable[[NDArray[np.float32]], QuantizedWeights]:
    """Weights that are quantized as operands are, each worth itself."""
    return lambda latent: QuantizedWeights(integers(latent))


def _scaled_signs(latent: NDArray[np.float32]) -> QuantizedWeights:
    """Signs, worth the mean magnitude of all weights at the same place of the last axis."""
    mean = _mean_magnitude(latent.reshape(-1, latent.shape[-1]), axis=0)
    return QuantizedWeights(sign(latent), np.asarray(mean, np.float32))


def _clipped_scaled_signs(latent: NDArray[np.float32]) -> QuantizedWeights:
    """Signs, worth the mean magnitudes of weights that are clipped to -1 and +1 first."""
    return _scaled_signs(np.clip(latent, np.float32(-1), np.float32(1)))


def _signs_of_one_scale(latent: NDArray[np.float32]) -> QuantizedWeights:
    """Signs, all of them worth the mean magnitude of the whole kernel."""
    mean = np.float32(_mean_magnitude(latent))
    return QuantizedWeights(sign(latent), np.full(latent.shape[-1], mean))


def _mean_magnitude(latent: NDArray[np.float32], axis: int | None = None) -> Any:
    """Mean magnitude of weights; InputError where Keras's is infinite, as it adds in float32."""
    magnitudes = np.abs(latent)
    if np.any(magnitudes.sum(axis=axis, dtype=np.float64) > np.finfo(np.float32).max):
        raise InputError(
            "weights must be so small that float32 can add up their magnitudes, "
            f"not up to {float(magnitudes.max()):g}"
        )
    return magnitudes.mean(axis=axis, dtype=np.float64)


def _stored(latent: NDArray[np.float32]) -> QuantizedWeights:
    if not is_ternary(latent):
        raise InputError("weights must be -1, 0 and +1 where nothing quantizes them")
    return QuantizedWeights(latent.astype(np.int8))


def is_ternary(latent: NDArray[np.float32]) -> bool:
    """Whether all values are -1, 0 or +1.

    >>> is_ternary(np.float32([-1, 0, 1])), is_ternary(np.float32([0.5]))
    (True, False)
    """
    return bool((np.abs(latent) <= 1).all() and (latent == np.rint(latent)).all())


def _of_weights_only(x: Values) -> NDArray[np.integer[Any]]:
    raise ValueError("`x` must be weights: what becomes of a value depends on all of them")


_TERNARY_NETWORKS = "ste_tern(weight networks)"


def _tern(parameters: str) -> Quantizer:
    if parameters == "weight networks":

        def weights(latent: NDArray[np.float32]) -> QuantizedWeights:
            mean = _mean_magnitude(latent)
            found = ternary(latent, float(np.float32(0.7) * np.float32(mean)))
            return QuantizedWeights(found)

        return Quantizer(_TERNARY_NETWORKS, None, _of_weights_only, weights)
    threshold = float(parameters or 0.05)
    return Quantizer(
        f"ste_tern({threshold!r})",
        TERNARY,
        lambda x: ternary(x, threshold),
        _as_weights(lambda x: ternary(x, threshold)),
    )


def _dorefa(parameters: str) -> Quantizer:
    first, _, mode = (parameters or "2").partition(",")
    bits = int(first)
    if not 1 <= bits <= LARGEST_BITS:
        raise InputError(f"bits of a DoReFa quantizer must be 1 to {LARGEST_BITS}, not {bits}")
    n = (1 << bits) - 1

    def of_operands(latent: NDArray[np.float32]) -> QuantizedWeights:
        return QuantizedWeights(levels(latent, bits), Fraction(1, n), (bits, False))

    def of_weights(latent: NDArray[np.float32]) -> QuantizedWeights:
        limited = np.tanh(flushed(latent))
        largest = np.abs(limited).max()
        half = limited / (2 * largest) if largest > 0 else limited
        integers = 2 * np.rint((half + np.float32(0.5)) * np.float32(n)).astype(np.int16) - n
        return QuantizedWeights(integers.astype(np.int16), Fraction(1, n), (bits, True))

    if mode.strip() == "weights":
        name = f"dorefa({bits}, weights)"
        return Quantizer(name, None, _of_weights_only, of_weights, n, odd_weights=True)
    encoding = fractions_of_one(bits)
    return Quantizer(f"dorefa({bits})", encoding, lambda x: levels(x, bits), of_operands, n)


_SCALED = {
    "magnitude_aware_sign": _scaled_signs,
    # Those of larq_zoo: XNORNet has the first, DoReFaNet the second.
    "xnor_weight_scale": _clipped_scaled_signs,
    "magnitude_aware_sign_unclipped": _signs_of_one_scale,
}


TABLE: dict[str, Quantizer | Callable[[str], Quantizer]] = {
    **{
        name: Quantizer(name, BIPOLAR, sign, _as_weights(sign), odd_weights=True)
        for name in sorted(SIGNS)
    },
    **{
        name: Quantizer(name, None, _of_weights_only, weights, odd_weights=True)
        for name, weights in _SCALED.items()
    },
    "ste_tern": _tern,
    "ste_heaviside": Quantizer("ste_heaviside", HEAVISIDE, heaviside, _as_weights(heaviside)),
    "dorefa": _dorefa,
    NO_OP: Quantizer(NO_OP, None, _of_weights_only, _stored),
}
"""By name, the quantizer, or what makes it from its parameters as text."""

OF_OPERANDS = frozenset(TABLE.keys() - _SCALED.keys() - {NO_OP})
"""Names of those that look at one value at a time, and so may be activations."""

_CANONICAL = {name: name for name in TABLE} | {
    "ApproxSign": "approx_sign",
    "DoReFa": "dorefa",
    "DoReFaQuantizer": "dorefa",
    "MagnitudeAwareSign": "magnitude_aware_sign",
    "NoOp": NO_OP,
    "NoOpQuantizer": NO_OP,
    "SteHeaviside": "ste_heaviside",
    "SteSign": "ste_sign",
    "SteTern": "ste_tern",
    "SwishSign": "swish_sign",
    "dorefa_quantizer": "dorefa",
}
"""By what files call it, the name of a quantizer."""


def canonical(name: str) -> str | None:
    """Return Larq's function name for a quantizer, whichever way it is spelled; None if unknown.

    Class names (``SteSign``), function names (``ste_sign``) and both with the prefix that newer
    files put before them (``Larq>SteSign``) are known.

    >>> canonical("DoReFaQuantizer"), canonical("mine>SteSign")
    ('dorefa', None)
    """
    package, _, bare = name.rpartition(">")
    return _CANONICAL.get(bare) if package in ("", "Larq", "larq") else None


@lru_cache(maxsize=256)
def named(text: str) -> Quantizer:
    """Return a quantizer by its canonical name, with parameters in brackets if it has some.

    Raises:
        InputError: there is none of that name, or not with these parameters.

    >>> named("ste_tern").name, named("ste_tern(0.5)").encoding.planes
    ('ste_tern(0.05)', 2)
    """
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", text)
    if found is None or found[1] not in TABLE:
        raise InputError(f"a quantizer must be one of {', '.join(sorted(TABLE))}, not {text!r}")
    made, parameters = TABLE[found[1]], found[2] or ""
    if isinstance(made, Quantizer):
        if parameters:
            raise InputError(f"quantizer {made.name!r} must have no parameters, not {parameters!r}")
        return made
    try:
        return made(parameters)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"parameters of a quantizer must be numbers, not {text!r}") from None


def is_scaled(name: str | None) -> bool:
    """Whether a quantizer of weights gives signs times real numbers, one for each output.

    >>> is_scaled("magnitude_aware_sign"), is_scaled("ste_sign")
    (True, False)
    """
    return name in _SCALED


def averages(name: str | None) -> bool:
    """Whether a quantizer of weights looks at their mean magnitude, which float32 may not hold.

    >>> averages("magnitude_aware_sign"), averages("ste_tern(weight networks)"), averages(None)
    (True, True, False)
    """
    return is_scaled(name) or name == _TERNARY_NETWORKS


def is_sign(name: str | None) -> bool:
    """Whether the values of this quantizer (canonical name, or None for none) are -1 and +1."""
    return name in SIGNS


def question(name: str | None) -> str | None:
    """Return the plainest quantizer that makes the same yes-or-no decision; None if it makes none.

    Its integers are positive where the answer is yes.

    >>> question("swish_sign"), question("ste_heaviside"), question("dorefa(2)")
    ('ste_sign', 'ste_heaviside', None)
    """
    return "ste_sign" if is_sign(name) else name if name == "ste_heaviside" else None
