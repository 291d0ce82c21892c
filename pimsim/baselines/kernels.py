"""Loops over packed words that a measurement times: numpy's, and compiled ones on all threads.

Arrays are C-contiguous ``uint64`` of one length. Compiled loops store through the cache, as
numpy's do: a processor then reads a line of the result before it writes it, which the byte counts
of :mod:`~pimsim.baselines.measured` leave out, since the model of a channel does too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Kernel = Callable[[Words, Words, Words], Any]
"""Works on ``(a, b, result)``; a reduction returns its count and leaves the result alone."""

_BLOCK = 32 * 2**10
"""Words of a block of numpy's two-pass loops: 256 KB, so that the second pass finds the first in
the second-level cache."""

_M1, _M2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_M4, _H1 = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_ONE, _TWO, _FOUR, _TOP = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


@njit(inline="always")
def _ones(word: Any) -> Any:
    """Ones of a word; a form that LLVM knows as a population count."""
    word = word - ((word >> _ONE) & _M1)
    word = (word & _M2) + ((word >> _TWO) & _M2)
    word = (word + (word >> _FOUR)) & _M4
    return (word * _H1) >> _TOP


@njit(parallel=True, nogil=True)
def _not(a: Any, b: Any, result: Any) -> None:
    for i in prange(len(a)):
        result[i] = ~a[i]


@njit(parallel=True, nogil=True)
def _and(a: Any, b: Any, result: Any) -> None:
    for i in prange(len(a)):
        result[i] = a[i] & b[i]


@njit(parallel=True, nogil=True)
def _xnor(a: Any, b: Any, result: Any) -> None:
    for i in prange(len(a)):
        result[i] = ~(a[i] ^ b[i])


@njit(parallel=True, nogil=True)
def _popcount(a: Any, b: Any, result: Any) -> Any:
    total = np.uint64(0)
    for i in prange(len(a)):
        total += _ones(a[i])
    return total


@njit(parallel=True, nogil=True)
def _xnor_popcount(a: Any, b: Any, result: Any) -> Any:
    total = np.uint64(0)
    for i in prange(len(a)):
        total += _ones(~(a[i] ^ b[i]))
    return total


def _numpy_xnor(a: Words, b: Words, result: Words) -> None:
    for start in range(0, len(a), _BLOCK):
        block = slice(start, start + _BLOCK)
        np.bitwise_xor(a[block], b[block], out=result[block])
        np.invert(result[block], out=result[block])


COMPILED: Mapping[str, Kernel] = {
    "not": _not,
    "and": _and,
    "xnor": _xnor,
    "popcount": _popcount,
    "xnor-popcount": _xnor_popcount,
}
"""Loops that numba compiles, for all threads."""
NUMPY: Mapping[str, Kernel] = {
    "not": lambda a, _, result: np.invert(a, out=result),
    "and": lambda a, b, result: np.bitwise_and(a, b, out=result),
    "xnor": _numpy_xnor,
}
"""Loops of numpy, on one thread; numpy counts ones only from 2.0 on, and writes the counts down."""
