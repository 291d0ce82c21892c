"""The output tree: every bit of every output, executed literally with garbage all around."""

from __future__ import annotations

from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim.bits import unpack
from pimsim.dram.array.address_map import load, names
from pimsim.errors import InputError, OutOfRowsError
from pimsim.executors.reference import carry_out
from pimsim.microprogram.accumulation import cheapest, programs
from pimsim.microprogram.output_tree import group, grouping
from pimsim.microprogram.output_tree.group import BLOCKS, FanIn, GroupPlan, plan
from pimsim.microprogram.output_tree.grouping import climbed, clustered
from pimsim.microprogram.output_tree.layer import GroupProgram, Layer
from pimsim.microprogram.output_tree.tree import Tree, leaves, shaped
from pimsim.microprogram.tape import AdderTape

from .garbage import COLUMNS, subarray

MAPS = [name for name in names() if programs(load(name))]


def _executed(
    layer: Layer, groups: list[Tree], least: NDArray[np.int64], address_map: str, seed: int
) -> list[GroupProgram]:
    """Carry groups out one after the other in the same subarrays, and hold every bit."""
    arrays, rng = [], np.random.default_rng(seed)
    outputs, fan_in = layer.weights.shape
    x = rng.integers(0, 1 << layer.planes, (fan_in, COLUMNS))
    for start, end in pairwise(layer.edges):
        array, _ = subarray(load(address_map), layer.data_rows, seed + start)
        for number, values in enumerate(x[start:end]):
            for plane in range(layer.planes):
                array.write_bits(number * layer.planes + plane, (values >> plane & 1)[None])
        arrays.append(array)
    sums = layer.weights.astype(np.int64) @ x
    made = [layer.program(group) for group in groups]
    seen = []
    for one in made:
        found = carry_out(one.program.items, arrays, np.array([0]))
        for output, number in one.results.items():
            got = unpack(found[number], COLUMNS)[0].astype(np.bool_)
            np.testing.assert_array_equal(got, sums[output] >= least[output])
            seen.append(output)
        counted = sum(array.counts()[0].aap + array.counts()[0].ap for array in arrays)
        assert counted == one.commands
        for array in arrays:
            array.clear_counts()
        assert one.rows <= layer.data_rows
    assert sorted(seen) == list(range(outputs))
    return made


@st.composite
def layers(draw: st.DrawFn) -> tuple[NDArray[np.int8], NDArray[np.int64], int, int]:
    """Weights, thresholds, planes and parts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    outputs, fan_in = draw(st.integers(1, 11)), draw(st.integers(1, 40))
    planes, parts = draw(st.sampled_from([1, 1, 2, 8])), draw(st.integers(1, min(3, fan_in)))
    values = draw(st.sampled_from([[-1, 1], [-1, 0, 1], [1], [-1, 0, 0, 0]]))
    weights = rng.choice(values, (outputs, fan_in)).astype(np.int8)
    if draw(st.booleans()):
        weights[:] = weights[0] * rng.choice([-1, 1], (outputs, 1))
    reach = fan_in * ((1 << planes) - 1) // draw(st.sampled_from([1, 4]))
    least = rng.integers(-reach - 2, reach + 3, outputs)
    return weights, least, planes, parts


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn=layers(),
    size=st.sampled_from([1, 2, 4, 8]),
    minimise=st.sampled_from(["commands", "activations"]),
    block=st.sampled_from([BLOCKS[0], 3, 2, 1]),
    seed=st.integers(0, 99),
)
@pytest.mark.slow
def test_every_bit_of_any_layer_is_right(
    name: str,
    drawn: tuple[NDArray[np.int8], NDArray[np.int64], int, int],
    size: int,
    minimise: str,
    block: int,
    seed: int,
) -> None:
    weights, least, planes, parts = drawn
    layer = Layer(
        weights, least, planes=planes, parts=parts, data_rows=420,
        address_map=load(name), minimise=minimise,
    )  # fmt: skip
    with mock.patch.object(group, "BLOCKS", (block,)):
        try:
            _executed(layer, clustered(weights, size), least, name, seed)
        except OutOfRowsError:
            assume(False)


@pytest.mark.parametrize(("size", "rows"), [(4, 960), (2, 915), (1, 900)])
def test_where_rows_are_few_buckets_are_added_in_blocks(size: int, rows: int) -> None:
    rng = np.random.default_rng(2)
    signs = rng.choice(np.int8([-1, 1]), (864, size))

    def planned(data_rows: int) -> GroupPlan:
        fan_in = [FanIn.over(signs, range(2, 866), 2 + data_rows)]
        outs = np.full(8, 2 + data_rows)
        return plan(shaped(range(size)), fan_in, np.ones(size, np.int64), outs, load("ambit"))

    few, plenty = planned(rows), planned(2000)
    assert few.rows <= rows < plenty.rows
    assert few.adders == plenty.adders
    assert len(few.tapes[0]) < 1.15 * len(plenty.tapes[0])


@pytest.mark.parametrize(
    ("fan_in", "parts", "address_map", "commands", "activations"),
    [
        (576, 1, "ambit", 1.37, 2.6),
        (1152, 2, "ambit", 1.38, 2.65),
        (1152, 2, "three-dcc", 1.25, 2.5),
        (288, 1, "ambit", 1.62, 3.1),
    ],
)
def test_commands_of_a_product_are_those_of_the_page(
    fan_in: int, parts: int, address_map: str, commands: float, activations: float
) -> None:
    rng = np.random.default_rng(5)
    weights = rng.choice([-1, 1], (16, fan_in)).astype(np.int8)
    least = rng.integers(-20, 21, 16)
    layer = Layer(weights, least, parts=parts, address_map=load(address_map))
    made = _executed(layer, clustered(weights, 8), least, address_map, 3)
    assert sum(one.commands for one in made) <= commands * weights.size
    assert sum(one.activations for one in made) <= activations * weights.size


def test_a_group_of_more_outputs_than_a_key_holds_is_refused() -> None:
    signs = np.ones((3, 17), np.int8)
    fan_in = [FanIn(signs, np.arange(3), np.zeros(3, np.int64), np.arange(90, 3, -1))]
    outs, kappas = np.arange(100, 117), np.zeros(17, np.int64)
    with pytest.raises(InputError, match=r"^a group must have at most 16 outputs, not 17$"):
        plan(shaped(range(17)), fan_in, kappas, outs, load("ambit"))


def test_two_rows_too_few_are_refused_and_smaller_groups_take_fewer() -> None:
    weights = np.random.default_rng(1).choice([-1, 1], (8, 300))
    whole = Layer(weights, np.zeros(8, np.int64))
    eight, four = whole.program(shaped(range(8))), whole.program(shaped(range(4)))
    assert four.rows < eight.rows
    tight = Layer(weights, np.zeros(8, np.int64), data_rows=eight.rows)
    assert tight.program(shaped(range(8))).commands == eight.commands
    with pytest.raises(OutOfRowsError, match="adding rows"):
        Layer(weights, np.zeros(8, np.int64), data_rows=eight.rows - 1).program(shaped(range(8)))


@given(st.integers(1, 40), st.sampled_from([1, 2, 4, 8, 16]), st.integers(0, 9))
def test_every_output_is_in_one_group(outputs: int, size: int, seed: int) -> None:
    weights = np.random.default_rng(seed).choice([-1, 1], (outputs, 12))
    groups = clustered(weights, size)
    assert sorted(output for group in groups for output in leaves(group)) == list(range(outputs))
    assert max(len(leaves(group)) for group in groups) <= size


def test_outputs_alike_are_found_and_cost_next_to_nothing() -> None:
    rng = np.random.default_rng(0)
    base = rng.choice([-1, 1], (4, 200))
    mixed = rng.permutation(16)
    weights = (base[:, None] * rng.choice([-1, 1], (4, 4, 1))).reshape(16, 200)[mixed]
    layer = Layer(weights, np.zeros(16, np.int64))
    groups = clustered(weights, 4)
    assert {frozenset((mixed[leaves(group)] // 4).tolist()) for group in groups} == {
        frozenset([n]) for n in range(4)
    }
    total = sum(layer.program(group).commands for group in groups)
    assert total < 0.35 * 8 * weights.size


def test_climbing_keeps_what_costs_no_more_and_is_seeded() -> None:
    weights = np.random.default_rng(2).choice([-1, 1], (12, 60))
    layer = Layer(weights, np.zeros(12, np.int64))

    def cost(tree: Tree) -> int:
        return layer.program(tree).commands

    start = [shaped(list(range(first, first + 4))) for first in (0, 4, 8)]
    told: list[tuple[int, int]] = []
    found = climbed(start, cost, 30, np.random.default_rng(1), lambda *some: told.append(some))
    assert sum(map(cost, found)) < sum(map(cost, start))
    assert found == climbed(start, cost, 30, np.random.default_rng(1))
    assert told[-1] == (30, 30)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("minimise", ["commands", "activations"])
@given(plain=st.integers(0, 9), complemented=st.integers(0, 9))
def test_compiled_chains_are_the_cheapest(
    name: str, minimise: str, plain: int, complemented: int
) -> None:
    """Those that :func:`cheapest` finds; sums of one output show the first of them whole."""
    assume((plain + complemented) % 2 and plain + complemented > 1)
    address_map, count = load(name), plain + complemented
    signs = np.repeat(np.int8([1, -1]), [plain, complemented])[:, None]
    first = len(address_map.constants)
    fan_in = FanIn.over(signs, range(first, first + count), 100)
    planned = plan(0, [fan_in], np.zeros(1, np.int64), np.array([99]), address_map, minimise)
    steps = AdderTape(planned.tapes[0], address_map).steps[: 1 + count // 2]
    wanted = cheapest((plain, complemented, 0), count // 2, address_map, minimise)
    found = [step.programs[0] for step in steps]
    program_of = programs(address_map)
    chain = [program_of[way] for way in wanted.ways()]
    assert sum(map(len, found)) == sum(map(len, chain))
    assert sum(one.activations for one in found) == sum(one.activations for one in chain)


@pytest.mark.parametrize("operands", [1, 63, 64, 65, 784])
@pytest.mark.parametrize("values", [[-1, 1], [-1, 0, 1]])
def test_correlations_are_those_of_a_matrix_product(operands: int, values: list[int]) -> None:
    weights = np.random.default_rng(operands).choice(values, (9, operands))
    assert np.array_equal(grouping._alike(weights), np.abs(weights @ weights.T))
