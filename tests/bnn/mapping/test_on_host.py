"""What the host counts in rows that it has read is what numpy counts in columns."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnn.mapping.host_popcount import count
from pimsim.bits import pack, unpack


@given(
    seed=st.integers(0, 2**32),
    outputs=st.integers(1, 4),
    levels=st.lists(st.integers(0, 6), min_size=1, max_size=70),
    columns=st.integers(1, 150),
)
def test_columns_are_added_up(seed: int, outputs: int, levels: list[int], columns: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (outputs, len(levels), columns))
    found = unpack(count(pack(bits.astype(np.uint8)), levels), columns)
    numbers = (found.astype(np.int64) << np.arange(found.shape[1])[:, None]).sum(axis=1)
    weights = 1 << np.array(levels)[:, None]
    assert np.array_equal(numbers, (bits * weights).sum(axis=1))
    assert found.shape[1] <= int(weights.sum()).bit_length() + 1
