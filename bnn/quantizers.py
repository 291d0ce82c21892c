"""What Larq's quantizers do to a value, and under which names model files mention them.

Three quantizers binarize, and differ only in the gradient with which they were trained:
``ste_sign``, ``approx_sign`` and ``swish_sign`` give +1 for ``x >= 0`` and -1 otherwise. Keras
flushes denormal numbers to zero, so a value such as -1e-40 gives +1 as well.

>>> canonical("SteSign"), canonical("Larq>swish_sign"), canonical("NoOp")
('ste_sign', 'swish_sign', 'no_op')
>>> sign(np.array([-2.0, -1e-40, -0.0, 0.5])).tolist()
[-1, 1, 1, 1]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNS = frozenset({"ste_sign", "approx_sign", "swish_sign"})
"""Canonical names of the quantizers whose values are -1 and +1."""

NO_OP = "no_op"
"""Leaves the value as it is: the file of a network trained with Bop already holds +-1."""

EXECUTED = SIGNS | {NO_OP}
"""Quantizers that pimsim carries out; the others are refused when a file is read."""

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
"""2**-126: float32 values nearer to zero than this count as zero (Keras flushes denormals)."""

_CANONICAL = {
    "approx_sign": "approx_sign",
    "ApproxSign": "approx_sign",
    "dorefa_quantizer": "dorefa",
    "dorefa": "dorefa",
    "DoReFa": "dorefa",
    "DoReFaQuantizer": "dorefa",
    "magnitude_aware_sign": "magnitude_aware_sign",
    "MagnitudeAwareSign": "magnitude_aware_sign",
    "no_op": NO_OP,
    "NoOp": NO_OP,
    "ste_heaviside": "ste_heaviside",
    "SteHeaviside": "ste_heaviside",
    "ste_sign": "ste_sign",
    "SteSign": "ste_sign",
    "ste_tern": "ste_tern",
    "SteTern": "ste_tern",
    "swish_sign": "swish_sign",
    "SwishSign": "swish_sign",
}


def canonical(name: str) -> str | None:
    """Return Larq's function name for a quantizer, whichever way it is spelled; None if unknown.

    Class names (``SteSign``), function names (``ste_sign``) and both with the prefix that newer
    files put before them (``Larq>SteSign``) are known.

    >>> canonical("DoReFaQuantizer"), canonical("mine>SteSign")
    ('dorefa', None)
    """
    package, _, bare = name.rpartition(">")
    return _CANONICAL.get(bare) if package in ("", "Larq", "larq") else None


def is_sign(name: str | None) -> bool:
    """Whether the values of this quantizer (canonical name, or None for none) are -1 and +1."""
    return name in SIGNS


def sign(x: NDArray[np.floating[Any]] | NDArray[np.integer[Any]]) -> NDArray[np.int8]:
    """Binarize: +1 for ``x >= 0`` and for what float32 flushes to zero, else -1; same shape.

    ``x`` must hold no NaN.
    """
    ones: NDArray[np.int8] = np.where(x > -SMALLEST_NORMAL, np.int8(1), np.int8(-1))
    return ones


def flush(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return ``x`` as float64 with everything that float32 cannot hold normally set to zero.

    >>> flush(np.array([1e-40, -1e-39, 1e-37])).tolist()
    [0.0, 0.0, 1e-37]
    """
    wide: NDArray[np.float64] = x.astype(np.float64)
    wide[np.abs(wide) < SMALLEST_NORMAL] = 0.0
    return wide
