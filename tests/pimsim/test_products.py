"""Ways to count products, side by side: what the page says, and what must hold of any of them."""

from __future__ import annotations

import numpy as np
import pytest

from pimsim.dram.array.address_map import ambit, load
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load as load_standard
from pimsim.errors import InputError
from pimsim.executors.reference import execute
from pimsim.microprogram.and_count import and_count, complemented
from pimsim.microprogram.output_tree.layer import Layer
from pimsim.products import folded, rows

THREE = np.array(
    [
        [1, 1, 1, -1, -1, -1, 1, 1, 1],
        [1, 1, -1, -1, -1, 1, 1, 1, -1],
        [1, -1, -1, -1, 1, 1, 1, -1, -1],
    ]
)


def test_the_worked_example_takes_what_the_page_says() -> None:
    full, chains, tree = folded(THREE)
    assert (full.aap + full.ap, chains.aap + chains.ap, tree.aap + tree.ap) == (210, 176, 92)
    assert Layer(THREE, np.zeros(3, np.int64)).program(((0, 1), 2)).adders == 10


def test_a_large_layer_takes_what_the_page_says() -> None:
    weights = np.random.default_rng(0).choice([-1, 1], (8, 1152))
    full, chains, tree = folded(weights)
    assert full.commands_per_product == pytest.approx(8.07, abs=0.01)
    assert chains.commands_per_product == pytest.approx(6.05, abs=0.01)
    assert tree.commands_per_product < 1.42
    assert tree.acts_per_product < 2.75
    assert (chains.subarrays, tree.subarrays, tree.group) == (2, 2, 8)
    assert tree.data_rows <= ambit().data_rows(1024)


def test_time_follows_activations_under_tfaw_and_commands_without() -> None:
    standard = load_standard("ddr3-1600-8-8-8")
    full, _, tree = folded(np.random.default_rng(0).choice([-1, 1], (8, 100)))
    bound, free = ModelOptions(refresh=False), ModelOptions(refresh=False, faw=False)
    for options, ratio in (
        (bound, full.acts_per_product / tree.acts_per_product),
        (free, full.commands_per_product / tree.commands_per_product),
    ):
        slow, fast = full.cost(standard, options)[0], tree.cost(standard, options)[0]
        assert slow / fast == pytest.approx(ratio, rel=0.03)
    # eight banks of 65,536 columns, four activations every 30 ns
    per_row_ps = full.acts_per_product * 8 * 30_000 / 4
    assert full.cost(standard, bound)[0] == pytest.approx(per_row_ps / (8 * 65_536), rel=0.01)


@pytest.mark.parametrize("products", [2, 3, 4, 5, 7, 8, 40, 101])
@pytest.mark.parametrize("name", ["ambit", "three-dcc"])
def test_ands_are_counted_with_garbage_all_around(products: int, name: str) -> None:
    rng, address_map = np.random.default_rng(products), load(name)
    for compare in (False, True):
        program = and_count(products, compare=compare, address_map=address_map)
        size = len(program.symbols) + address_map.first_data
        array = Subarray(columns=64, rows=size, address_map=address_map)
        array.randomize(rng)
        place = {symbol: row for row, symbol in enumerate(program.symbols)}
        operands = rng.integers(0, 2, (2, products, 64))
        for operand, bits in zip("xw", operands, strict=True):
            for number, values in enumerate(bits):
                turned = complemented(number)
                array.write_bits(place[f"{operand}{number}"], (values ^ turned)[None])
        count = (operands[0] & operands[1]).sum(axis=0)
        least = np.clip(count + rng.integers(-1, 2, 64), 0, (1 << products.bit_length()) - 1)
        for bit in range(products.bit_length()) if compare else ():
            array.write_bits(place[f"least{bit}"], (least >> bit & 1)[None])
        execute(program, array, **place)
        read = [array.read_bits(place[output])[0].astype(int) for output in program.outputs]
        if compare:
            np.testing.assert_array_equal(read[0], count >= least)
        else:
            np.testing.assert_array_equal(sum(b << n for n, b in enumerate(read)), count)


def test_products_of_rows_take_little_more_than_nine_commands() -> None:
    published, ours = rows(1152)
    assert published.commands_per_product == pytest.approx(15.16, abs=0.01)
    assert ours.commands_per_product == pytest.approx(9.15, abs=0.01)
    assert ours.data_rows <= ambit().data_rows(1024)
    alone = and_count(288, compare=False)
    assert len(alone) / 288 < 9.05


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.array([[2, 1]]), "`weights` must be a table of -1, 0 and \\+1"),
        (np.array([1, 1]), "`weights` must be a table"),
        (np.zeros((2, 3), np.int8), "`weights` must not all be 0"),
    ],
)
def test_other_weights_are_refused(weights: np.ndarray, text: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=text):
        list(folded(weights))


def test_one_product_in_rows_is_refused() -> None:
    with pytest.raises(InputError, match="`products` must be at least 2, not 1"):
        and_count(1)
