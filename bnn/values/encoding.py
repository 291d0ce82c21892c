"""What real numbers the integer inputs of the first layer stand for.

A DRAM row holds bits, so an input that is to be processed there must be an integer of a few
bits. People feed their networks with pixels scaled in one of a few ways; :func:`detect` finds
which of them a float array came from, and gives the integers back. The product of such an input
with a +-1 weight is then exact: ``sum(w*x) = scale*sum(w*p) + offset*sum(w)``.

>>> import numpy as np
>>> x = np.array([[0, 51, 255]], dtype=np.uint8).astype(np.float32) / np.float32(127.5) - 1
>>> encoding, p = detect(x)
>>> encoding.name, encoding.bits, str(encoding.scale), str(encoding.offset)
('symmetric', 8, '2/255', '-1')
>>> p.tolist()
[[0, 51, 255]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.values import rounding
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import emit

_SLACK = 2.0**-21
"""Largest relative difference between values computed in float32 in different orders.

``(p - 127.5)/127.5``, ``p/255*2 - 1`` and ``p*(2/255) - 1`` differ from each other by up to two
units in the last place of the largest value (of each value, where no offset is added); the levels
themselves lie 2/255 apart.
"""

_PIXEL_BITS = 8

WIDEST = 9
"""Bits of the widest encoding: half steps between 8-bit pixels, so that 0 lies on one."""

Integers = NDArray[np.uint8] | NDArray[np.uint16]
"""Integers ``p`` of an encoding: uint8 up to 8 bits, uint16 beyond."""

_CHUNK = 1 << 16
"""Values looked at together: a few hundred kilobytes, which stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The real number ``scale*p + offset`` for each integer ``p`` of ``bits`` bits.

    >>> ENCODINGS["bipolar"].levels().tolist()
    [-1.0, 1.0]
    """

    name: str
    """What reports call it."""
    bits: int
    """Width of ``p``, 1 to 9: ``p`` is in ``[0, 2**bits - 1]``."""
    scale: Fraction
    """Real value of one step of ``p``; positive."""
    offset: Fraction
    """Real value of ``p = 0``."""

    @property
    def largest(self) -> int:
        """Largest ``p``."""
        return (1 << self.bits) - 1

    def levels(self) -> NDArray[np.float32]:
        """Value of every ``p``, shape ``(2**bits,)``, each the nearest float32."""
        below = self.scale.denominator * self.offset.denominator
        step = self.scale.numerator * self.offset.denominator
        first = self.offset.numerator * self.scale.denominator
        exact = [(step * p + first) / below for p in range(self.largest + 1)]
        return np.array(exact, dtype=np.float64).astype(np.float32)


_KNOWN = (
    Encoding("bipolar", 1, Fraction(2), Fraction(-1)),
    Encoding("binary", 1, Fraction(1), Fraction(0)),
    Encoding("eighths", 5, Fraction(1, 8), Fraction(-1)),
    Encoding("sixteenths", 5, Fraction(1, 16), Fraction(0)),
    Encoding("uint8", 8, Fraction(1), Fraction(0)),
    Encoding("centred", 8, Fraction(1), Fraction(-128)),
    Encoding("unit", 8, Fraction(1, 255), Fraction(0)),
    Encoding("symmetric", 8, Fraction(2, 255), Fraction(-1)),
    Encoding("unit-256", 8, Fraction(1, 256), Fraction(0)),
    Encoding("symmetric-256", 8, Fraction(1, 128), Fraction(-1)),
    Encoding("symmetric-with-zero", 9, Fraction(1, 255), Fraction(-1)),
)

ENCODINGS: dict[str, Encoding] = {encoding.name: encoding for encoding in _KNOWN}
"""Every known encoding by name, fewest bits first: the order in which :func:`detect` tries them."""


def detect(
    x: NDArray[np.float32] | NDArray[np.uint8], also: Sequence[float] = ()
) -> tuple[Encoding, Integers] | None:
    """Return the cheapest encoding that holds every value of ``x``, and the integers.

    Args:
        x: inputs of any shape, float32 or uint8 (which Keras casts to a float of the same value).
        also: further real values that the encoding must hold, such as 0.0 for zero padding.

    Returns:
        The encoding and the array ``p``, of the shape of ``x``; None when the values are
        those of no known encoding, which means that the first layer has to run on the host.

    Raises:
        InputError: ``x`` is empty, of another dtype, or not finite.

    >>> detect(np.float32([0.5, 0.1])) is None
    True
    >>> detect(np.uint8([0, 1, 1]))[0].name
    'binary'
    >>> detect(np.uint8([0, 1, 1]), also=[7.0])[0].name
    'uint8'
    >>> pixels = np.float32([0, 51, 255]) / np.float32(127.5) - 1
    >>> detect(pixels)[0].name, detect(pixels, also=[0.0])[0].name
    ('symmetric', 'symmetric-with-zero')
    """
    _check(x)
    for encoding in ENCODINGS.values():
        if encoding.bits > _PIXEL_BITS and not also:
            continue  # half steps between pixels serve padding only
        if not also or _integers(np.array(also, np.float64), encoding) is not None:
            p = _integers(x, encoding)
            if p is not None:
                return encoding, p
    return None


def encode(
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding,
    *,
    into: Integers | None = None,
    threads: int | None = None,
) -> Integers:
    """Return the integers ``p`` that stand for ``x`` in a given encoding, in the shape of ``x``.

    Args:
        x: inputs of any shape.
        encoding: what the inputs are values of.
        into: array of as many integers, in one piece, that is filled; a new one if None.
        threads: processors used, all if None.

    Raises:
        InputError: as :func:`detect`, or a value is not one that ``encoding`` has.

    >>> encode(np.float32([-1.0, 0.125]), ENCODINGS["eighths"]).tolist()
    [0, 9]
    """
    out: Integers = np.empty(x.shape, _kind(encoding)) if into is None else into
    if x.dtype == np.float32 and _encoded(x.astype(np.float32, copy=False), encoding, out, threads):
        return out
    _check(x)
    p = _integers(x, encoding)
    if p is None:
        levels = encoding.levels().astype(np.float64)
        flat = np.asarray(x, dtype=np.float64).ravel()
        nearest = levels[np.clip(np.searchsorted(levels, flat), 0, levels.size - 1)]
        below = levels[np.clip(np.searchsorted(levels, flat) - 1, 0, levels.size - 1)]
        distance = np.minimum(abs(flat - nearest), abs(flat - below))
        raise InputError(
            f"`x` must hold only values of the encoding {encoding.name!r} "
            f"({encoding.scale}*p + {encoding.offset}, p from 0 to {encoding.largest}), "
            f"not {flat[np.argmax(distance)]:.9g}"
        )
    out.reshape(-1)[:] = p.reshape(-1)
    return out


def _check(x: NDArray[np.float32] | NDArray[np.uint8]) -> None:
    if x.dtype not in (np.float32, np.uint8):
        raise InputError(f"`x` must be an array of float32 or uint8, not {x.dtype}")
    if x.size == 0:
        raise InputError(f"`x` must hold at least one value, not shape {x.shape}")
    if not np.isfinite(x).all():
        raise InputError("`x` must hold finite values, not NaN or infinity")


def _kind(encoding: Encoding) -> np.dtype[Any]:
    return np.dtype(np.uint16 if encoding.bits > _PIXEL_BITS else np.uint8)


def _slack(encoding: Encoding) -> float:
    exact = all(one.denominator.bit_count() == 1 for one in (encoding.scale, encoding.offset))
    return 0.0 if exact else _SLACK


def _encoded(
    x: NDArray[np.float32], encoding: Encoding, into: Integers, threads: int | None
) -> bool:
    """Fill ``into`` with vector code; False without a compiler, or if some value has no integer."""
    if not x.flags.c_contiguous or not x.size or emit.why_not() is not None:
        return False
    scale, offset = float(encoding.scale), float(encoding.offset)
    slack, kept = _slack(encoding), into.reshape(x.shape)
    return rounding.steps(x, scale, offset, encoding.largest, slack, kept, threads=threads)


def _integers(x: NDArray[np.generic], encoding: Encoding) -> Integers | None:
    """Give the integers of ``x``, or None as soon as a value turns out to have none."""
    scale, offset = float(encoding.scale), float(encoding.offset)
    reach = max(abs(offset), abs(scale * encoding.largest + offset))
    slack = _slack(encoding)
    flat = np.ascontiguousarray(x).reshape(-1)
    p: Integers = np.empty(flat.size, _kind(encoding))
    for start in range(0, flat.size, _CHUNK):
        values = flat[start : start + _CHUNK].astype(np.float64)
        steps = np.rint((values - offset) / scale)
        if steps.min() < 0 or steps.max() > encoding.largest:
            return None
        size = np.abs(values) if offset == 0 else reach
        if (np.abs(steps * scale + offset - values) > slack * size).any():
            return None
        p[start : start + _CHUNK] = steps
    return p.reshape(x.shape)
