"""Chains of adders: executed literally, with garbage wherever they own nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.array.address_map import AddressMap, load, names
from pimsim.errors import InputError
from pimsim.microprogram.accumulation import (
    CONSTANT,
    Accumulator,
    Item,
    WorkRows,
    cheapest,
    constant,
    programs,
)
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.schedule import Schedule

from .garbage import COLUMNS, bits, subarray

MAPS = [name for name in names() if programs(load(name))]
MINIMISED = ("commands", "activations")


def _accumulator(address_map: AddressMap, rows: int) -> tuple[Accumulator, RowAllocator, list[int]]:
    schedule, allocator = Schedule(1, address_map), RowAllocator(300)
    taken = [address_map.first_data + row for row in allocator.take(rows, "operands")]
    work = WorkRows(allocator, address_map.first_data)
    return Accumulator(schedule, work), allocator, taken


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=40)
@given(
    complements=st.lists(st.booleans(), max_size=90),
    constants=st.lists(st.sampled_from([-1, 1]), max_size=3),
    seed=st.integers(0, 99),
)
def test_digits_are_the_number_of_ones(
    name: str, complements: list[bool], constants: list[int], seed: int
) -> None:
    address_map = load(name)
    array, rng = subarray(address_map, 300, seed)
    accumulator, allocator, rows = _accumulator(address_map, len(complements))
    x = rng.integers(0, 2, (len(rows), COLUMNS))
    for row, values in zip(rows, x, strict=True):
        array.write_bits(row - address_map.first_data, values[None])
    items = [Item(row, turned) for row, turned in zip(rows, complements, strict=True)]
    found = accumulator.digits({0: [*items, *map(constant, constants)]})
    accumulator.schedule.run(array, np.array([0]))
    ones = (x ^ np.array(complements, np.bool_)[:, None]).sum(axis=0) + constants.count(1)
    total = sum(bits(array, item.row, item.complement) << n for n, item in enumerate(found))
    np.testing.assert_array_equal(total, ones)
    own = {item.row for item in found} - set(rows) - {CONSTANT}
    assert 300 - allocator.left == len(rows) + len(own)  # nothing else is kept


@pytest.mark.parametrize(
    ("rows", "most"), [((512, 511, 0), 6 * 511 + 1), ((1023, 0, 0), 6 * 511 + 2)]
)
def test_an_adder_takes_six_commands_and_five_with_a_third_dual_contact_cell(
    rows: tuple[int, int, int], most: int
) -> None:
    def commands(name: str) -> int:
        table = programs(load(name))
        return sum(len(table[way]) for way in cheapest(rows, 511, load(name)).ways())

    assert commands("ambit") <= most
    if rows[1]:
        assert commands("three-dcc") <= 5 * 511 + 3


@given(
    plain=st.integers(0, 9),
    complemented=st.integers(0, 9),
    constants=st.integers(0, 2),
    minimise=st.sampled_from(MINIMISED),
)
def test_chains_take_the_rows_that_there_are(
    plain: int, complemented: int, constants: int, minimise: str
) -> None:
    total = plain + complemented + constants
    if total < 3:
        return
    adders = (total - 1) // 2
    chain = cheapest((plain, complemented, constants), adders, load("ambit"), minimise)
    assert chain.mixed + len(chain.equal) == adders
    taken = [chain.mixed + 2 * chain.equal.count(kind) + (chain.first == kind) for kind in (0, 1)]
    missing = max(0, taken[0] - plain) + max(0, taken[1] - complemented)
    assert sum(taken) == 2 * adders + 1
    assert missing <= constants
    assert len(chain.ways()) == adders + 1


def test_fewer_activations_cost_no_more_commands_in_a_long_chain() -> None:
    table = programs(load("ambit"))

    def spent(minimise: str) -> tuple[int, int]:
        some = [table[way] for way in cheapest((50, 51, 0), 50, load("ambit"), minimise).ways()]
        return sum(map(len, some)), sum(2 * one.aap + one.ap for one in some)

    assert spent("commands") == spent("activations")
    assert spent("activations")[1] < 11.2 * 50


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="3 adders must have 7 rows, not 2 fewer"):
        cheapest((4, 1, 0), 3, load("ambit"))
