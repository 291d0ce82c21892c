"""The counter adds rows of any weight and polarity as integers do, in few adders and rows."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import unpack
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError, OutOfRowsError
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.bitsets import numbers
from pimsim.microprogram.counting import Counter, Row, popcount
from pimsim.microprogram.schedule import Rows, Schedule

D, ZERO, ONE = (ambit().address(label) for label in ("D0", "C0", "C1"))
COLUMNS = 9
SEEDS = st.integers(0, 2**32 - 1)


def _value(subarray: Subarray, address: Rows, lane: int) -> np.ndarray:
    """Bits (columns,) that a lane, which works on the output of its number, has at an address."""
    row = int(np.broadcast_to(address, (subarray.lanes,))[lane])
    if row in (ZERO, ONE):
        return np.full(COLUMNS, row == ONE, dtype=np.int64)
    return unpack(subarray.peek(row - D), COLUMNS)[lane].astype(np.int64)


def _total(subarray: Subarray, bits: list[Row], lane: int) -> np.ndarray:
    """Binary number (columns,) that finished rows stand for."""
    total = np.zeros(COLUMNS, dtype=np.int64)
    for level, row in enumerate(bits):
        total += (_value(subarray, row.address, lane) ^ row.inverted[lane]) << level
    return total


def _free(allocator: RowAllocator) -> int:
    """Rows that can still be taken."""
    free = 0
    while True:
        try:
            allocator.take(1, "counting free rows")
        except OutOfRowsError:
            return free
        free += 1


@settings(max_examples=200)
@given(seed=SEEDS, rows=st.integers(0, 40), outputs=st.integers(1, 4), levels=st.integers(1, 4))
def test_a_count_is_the_sum_of_its_weighted_rows(
    seed: int, rows: int, outputs: int, levels: int
) -> None:
    rng, random = Random(seed), np.random.default_rng(seed)
    subarray = Subarray(COLUMNS, lanes=outputs)
    allocator, schedule = RowAllocator(subarray.data_rows), Schedule(outputs)
    operands = allocator.take(max(rows, 1), "operands")
    for row in operands:
        subarray.write_bits(row, random.integers(0, 2, (outputs, COLUMNS), dtype=np.uint8))

    # Where each row lies and which outputs see its complement; some lie elsewhere for each output.
    given: list[tuple[int, Rows, np.ndarray]] = []
    for _ in range(rows):
        places = [*map(D.__add__, operands), ZERO, ONE]
        address: Rows = rng.choice(places)
        if rng.random() < 0.5:
            address = np.array(rng.choices(places, k=outputs))
        inverted = np.array(rng.choices([False, True], k=outputs))
        if rng.random() < 0.3:
            inverted[:] = inverted[0]
        given.append((rng.randrange(levels), address, inverted))
    expected = np.zeros((outputs, COLUMNS), dtype=np.int64)
    for lane in range(outputs):
        for level, address, inverted in given:
            expected[lane] += (_value(subarray, address, lane) ^ inverted[lane]) << level

    # The most that can come, or exactly the most that does come: then the last carries are zero.
    highest = sum(1 << level for level, _, _ in given)
    if rng.random() < 0.5:
        highest = int(expected.max(initial=0))
    counter = Counter(schedule, allocator, highest)
    for level, address, inverted in given:
        flag = bool(inverted[0])
        alike = bool((inverted == flag).all())
        counter.add(level, address, flag if alike else inverted, owned=False)
    bits = counter.finish()
    assert len(bits) == max(highest, 1).bit_length()

    schedule.run(subarray, np.arange(outputs))
    for lane in range(outputs):
        np.testing.assert_array_equal(_total(subarray, bits, lane), expected[lane])
    assert allocator.peak - len(operands) <= 2 * len(bits) + 3
    counter.release(bits)
    assert _free(allocator) == subarray.data_rows - len(operands)


@settings(max_examples=60)
@given(seed=SEEDS, rows=st.integers(1, 60))
def test_rows_that_the_counter_owns_are_given_back(seed: int, rows: int) -> None:
    rng, random = Random(seed), np.random.default_rng(seed)
    subarray = Subarray(COLUMNS, rows=D + 64)
    allocator, schedule = RowAllocator(subarray.data_rows), Schedule(1)
    counter = Counter(schedule, allocator, rows)
    expected = np.zeros(COLUMNS, dtype=np.int64)
    for _ in range(rows):
        (row,) = allocator.take(1, "a product")
        bits, inverted = random.integers(0, 2, (1, COLUMNS), dtype=np.uint8), rng.random() < 0.5
        # Written at its place in the schedule: the row was in use for something else before.
        schedule.run(subarray, np.array([0]))
        schedule.steps.clear()
        subarray.write_bits(row, bits)
        expected += bits[0] ^ inverted
        counter.add(0, D + row, inverted, owned=True)
    bits_of_total = counter.finish()
    schedule.run(subarray, np.array([0]))
    np.testing.assert_array_equal(_total(subarray, bits_of_total, 0), expected)
    assert allocator.peak <= 2 * len(bits_of_total) + 3
    counter.release(bits_of_total)
    assert _free(allocator) == subarray.data_rows


@given(seed=SEEDS, rows=st.integers(1, 200))
def test_polarity_costs_nothing(seed: int, rows: int) -> None:
    flags = np.random.default_rng(seed).random((rows, 3)) < 0.5
    schedule, allocator = Schedule(3), RowAllocator(1000)
    counter = Counter(schedule, allocator, rows)
    for row, inverted in zip(allocator.take(rows, "operands"), flags, strict=True):
        counter.add(0, D + row, inverted, owned=False)
    counter.finish()
    assert len(schedule.steps) == rows - rows.bit_count()
    assert {len(program) for step in schedule.steps for program in step.programs} <= {8}


@given(seed=SEEDS, rows=st.integers(0, 40), outputs=st.integers(1, 17), level=st.integers(0, 2))
def test_rows_added_together_take_the_steps_of_rows_added_one_by_one(
    seed: int, rows: int, outputs: int, level: int
) -> None:
    rng = np.random.default_rng(seed)
    addresses = rng.integers(D, D + 40, (rows, outputs)).astype(np.int32)
    flags = rng.random((rows, outputs)) < rng.random((rows, 1)).round(1)
    schedules = []
    for together in (False, True):
        allocator, schedule = RowAllocator(200), Schedule(outputs)
        allocator.take(40, "operands")
        counter = Counter(schedule, allocator, rows << level)
        if together:
            counter.add_all(level, addresses, numbers(flags))
        else:
            for address, inverted in zip(addresses, flags, strict=True):
                counter.add(level, address, inverted, owned=False)
        counter.finish()
        schedules.append(schedule)
    for one, other in zip(*(schedule.steps for schedule in schedules), strict=True):
        assert one.programs == other.programs
        np.testing.assert_equal(one.variant, other.variant)
        np.testing.assert_equal(one.rows, other.rows)


def test_rows_of_one_polarity_in_every_output_need_one_variant() -> None:
    schedule, allocator = Schedule(2), RowAllocator(1000)
    counter = Counter(schedule, allocator, 63)
    for row in allocator.take(63, "operands"):
        counter.add(0, D + row, np.array([True, True]), owned=False)
    bits = counter.finish()
    assert all(len(step.programs) == 1 for step in schedule.steps)
    assert all(row.inverted.all() for row in bits)


def test_nothing_counted_is_zero() -> None:
    schedule = Schedule(2)
    counter = Counter(schedule, RowAllocator(1), 7)
    bits = counter.finish()
    assert [row.address for row in bits] == [ZERO] * 3
    assert not any(row.inverted.any() for row in bits)
    assert schedule.steps == []


def test_running_out_of_rows_says_how_many_were_needed() -> None:
    allocator = RowAllocator(4)
    counter = Counter(Schedule(1), allocator, 3)
    rows = [D + row for row in allocator.take(3, "operands")]
    counter.add(0, rows[0], False, owned=False)
    counter.add(0, rows[1], False, owned=False)
    with pytest.raises(OutOfRowsError) as caught:
        counter.add(0, rows[2], False, owned=False)
    assert str(caught.value) == ("adding rows: 5 data rows are needed at once, the subarray has 4")


@pytest.mark.parametrize("inputs", [1, 0, -4])
def test_popcount_has_at_least_two_inputs(inputs: int) -> None:
    with pytest.raises(InputError) as caught:
        popcount(inputs)
    assert str(caught.value) == f"popcount must have at least 2 input rows, not {inputs}"
