"""Which integers are multiplied, and which real numbers they stand for.

DRAM multiplies integers ``u``; the cells hold the bits of ``p = (u - low) / step``, which is never
negative. An integer u stands for the real number ``scale * u + offset`` of the network, which is
called its *worth*.

>>> BIPOLAR.planes, BIPOLAR.stored(np.array([-1, 1])).tolist()
(1, [0, 1])
>>> two_bits = OperandEncoding(4, scale=Fraction(1, 3))
>>> two_bits.numbers(np.array([0, 1, 3])).tolist()
[0.0, 0.3333333432674408, 1.0]
>>> two_bits.integer_of(-1.0), two_bits.including(-1.0)
(None, OperandEncoding(count=7, step=1, low=-3, scale=Fraction(1, 3), offset=Fraction(0, 1)))
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.values.encoding import WIDEST, Encoding, Integers

_LONGEST = 1 << 31
"""Numerators and denominators below it times sums below 2**31 stay in 64 bits."""


@dataclass(frozen=True, slots=True)
class OperandEncoding:
    """Integers ``u = step * p + low`` for p from 0 to ``count`` - 1, each worth a real number."""

    count: int
    """How many integers there are, 2 or more."""
    step: int = 1
    low: int = 0
    scale: Fraction = Fraction(1)
    """What one unit of u is worth; positive."""
    offset: Fraction = Fraction(0)
    """What u = 0 is worth."""

    @staticmethod
    def of(encoding: Encoding) -> OperandEncoding:
        """Return the integers p of an encoding of a network's inputs."""
        return OperandEncoding(encoding.largest + 1, scale=encoding.scale, offset=encoding.offset)

    @property
    def planes(self) -> int:
        """Bits that hold any p."""
        return max(1, (self.count - 1).bit_length())

    @property
    def high(self) -> int:
        """Largest u."""
        return self.low + self.step * (self.count - 1)

    def integer_of(self, value: float) -> int | None:
        """Return the u that is worth ``value``, None if there is none."""
        u = (Fraction(value) - self.offset) / self.scale
        whole = u.denominator == 1 and (u.numerator - self.low) % self.step == 0
        return u.numerator if whole and self.low <= u <= self.high else None

    def including(self, value: float) -> OperandEncoding | None:
        """Return the smallest encoding with ``value`` added, in smaller units if it needs some.

        None if no integer of :data:`~bnn.values.encoding.WIDEST` bits is worth it.

        >>> pixels = OperandEncoding(256, scale=Fraction(2, 255), offset=Fraction(-1))
        >>> half_steps = pixels.including(0.0)
        >>> half_steps.step, str(half_steps.scale), half_steps.integer_of(0.0)
        (1, '1/255', 255)
        """
        u = (Fraction(value) - self.offset) / self.scale
        parts = u.denominator
        if parts >> WIDEST:
            return None
        place, low, step = u.numerator, self.low * parts, self.step * parts
        least, most = min(low, place), max(self.high * parts, place)
        step = gcd(step, place - low)
        found = OperandEncoding(
            (most - least) // step + 1, step, least, self.scale / parts, self.offset
        )
        return None if parts > 1 and found.planes > WIDEST else found

    def along(self, factor: Fraction, summand: Fraction) -> OperandEncoding | None:
        """Return the integers, or those of the other sign, worth ``factor * value + summand``.

        None where a factor of 0 leaves one value, or where fractions are too long for 64 bits.

        >>> turned = OperandEncoding(4, scale=Fraction(1, 3)).along(Fraction(-3), Fraction(1, 2))
        >>> turned.numbers(np.array([-3, 0])).tolist()
        [-2.5, 0.5]
        """
        if factor == 0:
            return None
        scale, offset = self.scale * abs(factor), self.offset * factor + summand
        denominator = lcm(scale.denominator, offset.denominator)
        sizes = (denominator, int(scale * denominator), int(abs(offset) * denominator))
        if max(sizes) >= _LONGEST:
            return None
        low = self.low if factor > 0 else -self.high
        return replace(self, low=low, scale=scale, offset=offset)

    def numbers(self, u: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return what integers are worth, each the nearest float32."""
        denominator = lcm(self.scale.denominator, self.offset.denominator)
        wide = u.astype(np.int64) * int(self.scale * denominator) + int(self.offset * denominator)
        return (wide / np.float64(denominator)).astype(np.float32)

    def stored(self, u: NDArray[np.integer[Any]]) -> Integers:
        """Return the p that stand for integers u of this encoding, in their shape."""
        p = u
        if self.low != 0 or self.step != 1:
            p = (u - self.low) if self.step == 1 else (u - self.low) // self.step
        if self.planes <= 8:
            return p.astype(np.uint8, copy=False)
        return p.astype(np.uint16, copy=False)


BIPOLAR = OperandEncoding(2, step=2, low=-1)
"""-1 and +1."""

TERNARY = OperandEncoding(3, low=-1)
"""-1, 0 and +1."""

HEAVISIDE = OperandEncoding(2)
"""0 and 1."""


def fractions_of_one(bits: int) -> OperandEncoding:
    """Return the integers 0 to n = 2**bits - 1, worth 0 to 1 in steps of 1/n."""
    return OperandEncoding(1 << bits, scale=Fraction(1, (1 << bits) - 1))
