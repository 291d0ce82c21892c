"""Sums as rows hold them: a constant, and a factor for each row whose bit is 1.

Whatever adds up in rows, a sum is read of them so: the digits of a count, some of them
complemented, or those of a sum and a difference that two outputs share.

>>> digits = np.array([[0, 0, 1], [0, 1, 1]], np.uint8)      # two rows of three columns
>>> held = LinearSums(np.array([[0, 1]]), np.array([[1, -2]]), np.array([4]))
>>> held.of(digits).tolist()
[[4, 2, 3]]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class LinearSums(NamedTuple):
    """Sums of some outputs."""

    rows: NDArray[np.intp]
    """``(outputs, most)`` numbers of rows; any where the factor is 0."""
    factors: NDArray[np.int64]
    """``(outputs, most)``."""
    constants: NDArray[np.int64]
    """``(outputs,)``."""

    def some(self, outputs: slice) -> LinearSums:
        """Those of some outputs."""
        return LinearSums(*(each[outputs] for each in self))

    @property
    def reach(self) -> int:
        """What no sum can be beyond, whatever stands in the rows."""
        whole = np.abs(self.factors).sum(axis=1) + np.abs(self.constants)
        return int(whole.max(initial=0))

    def of(self, bits: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the sums, ``(outputs, columns)``, of rows ``(rows, columns)``."""
        found: NDArray[np.int64] = np.zeros((len(self.rows), bits.shape[1]), np.int64)
        found += self.constants[:, None]
        for rows, factors in zip(self.rows.T, self.factors.T, strict=True):
            found += factors[:, None] * bits[rows]
        return found
