"""Counting rows and products of rows, whatever rows are left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.array.address_map import load
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.accumulation import CONSTANT, Item
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.logic import SELECT, XNOR
from pimsim.microprogram.product_counter import ProductCounter, is_zero

COLUMNS = 64


@pytest.mark.parametrize("name", ["ambit", "three-dcc"])
@given(
    ands=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40),
    others=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("adxs")), max_size=20),
    spare=st.integers(14, 60),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=30, deadline=None)
def test_numbers_are_right_with_garbage_all_around(
    name: str,
    ands: list[tuple[int, bool]],
    others: list[tuple[int, str]],
    spare: int,
    seed: int,
) -> None:
    rng, address_map = np.random.default_rng(seed), load(name)
    first, held = address_map.first_data, 2 * len(ands) + 3 * len(others)
    rows = RowAllocator(held + spare)
    operands = [first + row for row in rows.take(held, "operands")]
    array = Subarray(COLUMNS, rows=first + held + spare, address_map=address_map)
    array.randomize(rng)
    before = [array.read_bits(row)[0] for row in range(held)]
    bits = {row: one.astype(np.int64) for row, one in zip(operands, before, strict=True)}
    width = (8 * (len(ands) + len(others)) + 1).bit_length()
    counter, total = ProductCounter(rows, width, address_map), np.zeros(COLUMNS, np.int64)
    source = iter(operands)
    for level, kind in others:
        a, b, c = (next(source) for _ in range(3))
        if kind in "ad":  # added as it stands, or what it is the complement of
            counter.add(level, Item(a, kind == "d"))
            total += (bits[a] ^ (kind == "d")) << level
        elif kind == "x":
            counter.add_product(level, XNOR, a, b)
            total += (bits[a] ^ bits[b] ^ 1) << level
        else:
            counter.add_product(level, SELECT, a, b, c)
            total += np.where(bits[a] == 1, bits[b], bits[c]) << level
    pairs: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    for level, complemented in ands:
        x, w = next(source), next(source)
        pairs.setdefault(level, ([], []))[complemented].append((x, w))
        total += ((bits[x] ^ complemented) & (bits[w] ^ complemented)) << level
    for level, (plain, turned) in pairs.items():
        counter.add_ands(level, plain, turned)
    digits = counter.finish()
    counter.taken().run(array, np.zeros(1, np.intp))
    found = np.zeros(COLUMNS, np.int64)
    for level, digit in enumerate(digits):
        if not is_zero(digit):
            row = array.read_bits(digit.row - first)[0].astype(np.int64)
            found += (row ^ digit.complement) << level
    np.testing.assert_array_equal(found, total)
    for row, one in enumerate(before):  # read, and left alone
        np.testing.assert_array_equal(array.read_bits(row)[0], one)
    counter.release(digits)
    assert rows.left == spare


def test_few_rows_take_few_commands_more() -> None:
    found = []
    for spare in (400, 20):
        rows = RowAllocator(1000 + spare)
        first = load("ambit").first_data
        taken = [first + row for row in rows.take(1000, "operands")]
        products = list(zip(taken[:500], taken[500:], strict=True))
        counter = ProductCounter(rows, 9, load("ambit"))
        counter.add_ands(0, products[:250], products[250:])
        counter.finish()
        found.append(sum(len(step.programs[0]) for step in counter.taken().steps))
    assert found[0] <= 9.02 * 500
    assert found[1] <= 1.06 * found[0]


def test_products_of_one_kind_take_a_command_more_a_pair() -> None:
    address_map = load("ambit")
    found = []
    for turned in (0, 50):
        rows = RowAllocator(600)
        taken = [address_map.first_data + row for row in rows.take(200, "operands")]
        products = list(zip(taken[:100], taken[100:], strict=True))
        counter = ProductCounter(rows, 7, address_map)
        counter.add_ands(0, products[turned:], products[:turned])
        counter.finish()
        steps = counter.taken().steps
        found.append(sum(len(one.programs[0]) for one in steps if "count" in one.programs[0].name))
    assert found[0] - found[1] == 49  # all pairs but the last


def test_no_room_at_all_is_said() -> None:
    rows = RowAllocator(12)
    taken = [18 + row for row in rows.take(10, "operands")]
    counter = ProductCounter(rows, 3, load("ambit"))
    products = list(zip(taken[:5], taken[5:], strict=True))
    with pytest.raises(OutOfRowsError, match="adding rows: 13 data rows are needed at once"):
        counter.add_ands(0, products, [])


def test_bits_that_are_always_one_are_no_zeros() -> None:
    with pytest.raises(ValueError, match="nothing that is 1 everywhere is counted"):
        is_zero(Item(CONSTANT, False))
