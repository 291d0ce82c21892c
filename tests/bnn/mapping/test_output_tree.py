"""Numbers of the output-tree mapping: digits that stand for the weights of padded taps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnn.mapping.dataflows.output_tree import signed_digits


@given(st.lists(st.integers(-600, 600), min_size=1, max_size=9), st.booleans())
def test_digits_of_minus_and_plus_one_make_every_number(halves: list[int], odd: bool) -> None:
    numbers = 2 * np.array(halves, np.int64) + odd
    found = signed_digits(numbers)
    total = np.zeros(len(numbers), np.int64)
    for weight, digits in found:
        assert set(digits.tolist()) <= {-1, 1}
        total += digits.astype(np.int64) << weight
    assert total.tolist() == numbers.tolist()
    weights = [weight for weight, _ in found]
    assert weights == sorted(weights)
    assert weights.count(0) == (1 if odd else 2)
