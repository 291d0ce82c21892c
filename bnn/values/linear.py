"""Sums as rows hold them: numbers whose digits are in rows; one or two of these give a sum.

This describes the results of every mapping: the digits of a count, some of them complemented, or a
sum and a difference that two outputs share.

>>> digits = np.array([[0, 0, 1], [0, 1, 1]], np.uint8)      # two rows of three columns
>>> held = LinearSums.alone(np.array([[0, 1]]), np.array([[1, -2]]), np.array([4]))
>>> held.of(digits).tolist()
[[4, 2, 3]]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class LinearSums(NamedTuple):
    """Sums of some outputs: a constant, and multiples of two numbers."""

    rows: NDArray[np.intp]
    """``(numbers, most)`` rows of digits; any where the factor is 0."""
    factors: NDArray[np.int64]
    """``(numbers, most)`` what a 1 adds to the number."""
    numbers: NDArray[np.intp]
    """``(outputs, 2)`` which are an output's."""
    multiples: NDArray[np.int64]
    """``(outputs, 2)`` what they are multiplied with."""
    constants: NDArray[np.int64]
    """``(outputs,)``."""

    @classmethod
    def alone(
        cls, rows: NDArray[np.intp], factors: NDArray[np.int64], constants: NDArray[np.int64]
    ) -> LinearSums:
        """A number for each output."""
        numbers = np.repeat(np.arange(len(rows))[:, None], 2, axis=1)
        return cls(rows, factors, numbers, np.tile([1, 0], (len(rows), 1)), constants)

    def some(self, outputs: slice) -> LinearSums:
        """Return the sums of some outputs."""
        own = self.numbers[outputs], self.multiples[outputs], self.constants[outputs]
        return LinearSums(self.rows, self.factors, *own)

    @property
    def reach(self) -> int:
        """Bound on the absolute value of every sum, whatever the rows hold."""
        each = np.abs(self.factors).sum(axis=1)[self.numbers]
        whole = (np.abs(self.multiples) * each).sum(axis=1) + np.abs(self.constants)
        return int(whole.max(initial=0))

    def of(self, bits: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the sums, ``(outputs, columns)``, of rows ``(rows, columns)``."""
        found: NDArray[np.int64] = np.zeros((len(self.rows), bits.shape[1]), np.int64)
        for rows, factors in zip(self.rows.T, self.factors.T, strict=True):
            found += factors[:, None] * bits[rows]
        one, other = self.multiples.T[..., None] * found[self.numbers.T]
        total: NDArray[np.int64] = one + other + self.constants[:, None]
        return total
