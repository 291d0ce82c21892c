"""The order in which an output adds its products, such that all outputs run the same adders.

Products with +1 come first, and those with -1, which are complemented, come last: nearly every
adder then has operands of one kind. Products with 0 are left out. The number of rows is that of the
output with the fewest zeros; outputs with more zeros add nothing in some places in between.

>>> digits = np.int8([[1, 0], [-1, 0], [0, 0], [1, -1]])  # 4 products of 2 outputs
>>> found = order(digits)
>>> found.products.T.tolist()
[[0, 3, 1], [1, 2, 3]]
>>> found.nothing.T.astype(int).tolist(), found.complements
([[0, 0, 0], [1, 1, 0]], [0, 0, 3])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.microprogram import bitsets


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Rows that are taken in, the same number for every output."""

    products: NDArray[np.intp]
    """``(rows, outputs)``."""
    nothing: NDArray[np.bool_] | None
    """``(rows, outputs)`` True where an output has no product for a row; None if all have."""
    complements: list[int]
    """Per row, for which outputs it is complemented, see :mod:`pimsim.microprogram.bitsets`."""


def order(digits: NDArray[np.int8]) -> Order:
    """Order the products with ``digits`` (products, outputs) of -1, 0 and +1."""
    kinds = np.argsort(-digits.T, axis=1, kind="stable").T  # +1, 0, -1
    positive = np.count_nonzero(digits > 0, axis=0)
    negative = np.count_nonzero(digits < 0, axis=0)
    rows = int((positive + negative).max())
    number = np.arange(rows)[:, None]
    before, flipped = number < positive, number >= rows - negative
    complements = bitsets.numbers(flipped)
    nothing = ~(before | flipped)
    if not nothing.any():
        nothing = None
    if rows < len(digits):
        skipped = np.where(before, 0, len(digits) - rows)
        kinds = np.take_along_axis(kinds, number + skipped, axis=0)
    return Order(kinds, nothing, complements)
