"""Data rows are handed out once, lowest first, and running out says how many were needed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.errors import OutOfRowsError
from pimsim.microprogram.allocation import RowAllocator


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_every_row_has_one_user_and_the_lowest_free_rows_go_first(capacity: int, seed: int) -> None:
    rng, allocator = Random(seed), RowAllocator(capacity)
    used: set[int] = set()
    peak = 0
    for _ in range(30):
        free = sorted(set(range(capacity)) - used)
        count = rng.randint(0, 8)
        if count <= len(free):
            rows = allocator.take(count, "rows")
            assert rows == free[:count]
            used |= set(rows)
            peak = max(peak, len(used))
        else:
            with pytest.raises(OutOfRowsError) as caught:
                allocator.take(count, "sums of conv1")
            assert str(caught.value) == (
                f"sums of conv1: {len(used) + count} data rows are needed at once, "
                f"the subarray has {capacity}"
            )
        if rng.random() < 0.4:
            back = rng.sample(sorted(used), rng.randint(0, len(used)))
            allocator.give_back(back)
            used -= set(back)
        assert allocator.peak == peak


def test_a_refused_request_takes_nothing() -> None:
    allocator = RowAllocator(4)
    with pytest.raises(OutOfRowsError):
        allocator.take(5, "too many")
    assert allocator.take(4, "all") == [0, 1, 2, 3]


def test_a_row_that_is_not_in_use_cannot_be_given_back() -> None:
    allocator = RowAllocator(4)
    allocator.take(2, "rows")
    allocator.give_back([1])
    for row in (1, 3, 4, -1):
        with pytest.raises(KeyError):
            allocator.give_back([row])
    assert allocator.take(3, "rows") == [1, 2, 3]


@pytest.mark.parametrize("capacity", [0, -3])
def test_where_rows_are_lacking_already_none_are_handed_out(capacity: int) -> None:
    """Constants and guards may take more rows than a small subarray has."""
    with pytest.raises(OutOfRowsError, match=f"1 data rows are needed at once.* has {capacity}$"):
        RowAllocator(capacity).take(1, "operands")
