"""Rows that count for the outputs of a stage: operands, and masks of padding.

>>> rows = Items(np.int8([[1, -1], [0, 1]]), np.array([2, 3]), np.array([0, 1]))
>>> rows.least({}, columns=1).tolist()                   # every row holds 0, which stands for -1
[[-1], [-1]]
>>> rows.of([0])[1].tolist()
[2]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Items:
    """Rows that are counted, with their signs for all outputs."""

    signs: NDArray[np.int8]
    rows: NDArray[np.int64]
    weights: NDArray[np.int64]
    all_count: bool = False
    """Whether it is known that every row counts for every output."""

    def alike(self, other: Items) -> bool:
        """Whether others count in the same way, so that each row has a counterpart."""
        for one, also in ((self.weights, other.weights), (self.signs, other.signs)):
            if one is not also and not np.array_equal(one, also):
                return False
        return _one_for_each(self.rows, other.rows) and _one_for_each(other.rows, self.rows)

    def least(self, masks: Mapping[int, NDArray[np.bool_]], columns: int) -> NDArray[np.int64]:
        """The count of each output and column if every row holds 0, except masks."""
        scaled = self.signs.astype(np.int64) << self.weights[:, None]
        fixed = np.isin(self.rows, list(masks))
        found = np.tile(-scaled[~fixed].sum(axis=0)[:, None], columns)
        for row, amount in zip(self.rows[fixed].tolist(), scaled[fixed], strict=True):
            found += amount[:, None] * np.where(masks[row], 1, -1)
        return found

    def of(
        self, outputs: list[int]
    ) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
        """Signs, rows and weights of the rows that are counted for some outputs."""
        if self.all_count:
            return self.signs, self.rows, self.weights
        used = self.signs[:, outputs].any(axis=1)
        if used.all():
            return self.signs, self.rows, self.weights
        return self.signs[used], self.rows[used], self.weights[used]


def _one_for_each(rows: NDArray[np.int64], others: NDArray[np.int64]) -> bool:
    """Whether a row has the same one beside it wherever it stands."""
    beside = np.zeros(int(rows.max(initial=-1)) + 1, np.int64)
    beside[rows] = others
    return np.array_equal(beside[rows], others)
