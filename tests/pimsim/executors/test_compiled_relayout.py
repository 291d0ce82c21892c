"""Rows come back as the integers they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import pack
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.run import read_rows

SEEDS = st.integers(0, 2**32 - 1)
BACK_END = st.booleans()
COLUMNS = st.sampled_from([1, 63, 64, 511, 512, 513, 1500])


@settings(max_examples=30)
@given(
    seed=SEEDS,
    outputs=st.integers(1, 5),
    levels=st.integers(1, 20),
    columns=COLUMNS,
    threads=st.integers(1, 2),
    works=BACK_END,
)
def test_numbers_come_back_scaled_and_moved(
    seed: int, outputs: int, levels: int, columns: int, threads: int, works: bool
) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(0, 2**levels, (outputs, columns))
    inverted = random.integers(0, 2, (levels, outputs)).astype(bool).T  # not as it lies in memory
    rows = (numbers[:, None] >> np.arange(levels)[:, None] & 1) ^ inverted[:, :, None]
    words = pack(rows.astype(np.uint8))
    offsets = random.integers(-(2**20), 2**20, 2 * outputs)[::2]
    with pytest.MonkeyPatch.context() as patched:
        if not works:
            patched.setattr(emit, "why_not", lambda: "none")
        found = read_rows.sums(words, columns, inverted, 3, offsets, threads=threads)
    np.testing.assert_array_equal(found, 3 * numbers + offsets[:, None])


def test_complements_for_other_rows_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_rows.sums(np.zeros((2, 3, 16), np.uint64), 5, np.zeros((3, 2), bool))
    assert str(caught.value) == "`inverted` must have the shape (2, 3), not (3, 2)"
