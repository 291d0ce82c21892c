"""What is ruled out before it is laid out would not be chosen: the choice is that of all ways."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.lowering.blocks import in_blocks
from bnn.lowering.stage import Stage, each_pixel
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.spent import steps
from bnn.mapping.dataflows import weight_stationary
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.dataflows.output_tree.bound import bound
from bnn.mapping.dataflows.output_tree.layout import Layout, Way
from bnn.mapping.dataflows.resident_counting import can_and, least_moved
from bnn.mapping.dataflows.resident_weights import has_zeros
from bnn.system.system import System
from pimsim.dram.commands import Kind
from pimsim.dram.energy import modes
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import OutOfRowsError, OutOfSubarraysError
from pimsim.microprogram.output_tree.tree import Tree, leaves

from .stage_cases import ROWS, SHARED, SLOW, Case, cases, random_signs, stage_of, wide_windows

SYSTEMS = st.builds(
    lambda standard, rows, **options: System(
        replace(load(standard), rows_per_subarray=rows),
        ModelOptions.of(load(standard), banks=4, **options),
    ),
    st.sampled_from(["ddr3-1600-8-8-8", "ddr4-2400", "lpddr4-3200", "hbm2"]),
    ROWS,
    faw=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
)


def _content(mapped: list[MappedStage]) -> list[object]:
    return [
        ([(run.cycle, run.times) for run in each.program.runs], each.placement.turns, each.parts)
        for each in mapped
    ]


@SLOW
@given(case=cases() | wide_windows(), system=SYSTEMS)
def test_products_by_xnor_take_no_less(case: Case, system: System) -> None:
    _xnors(case.stage, system)


@pytest.mark.parametrize("fan_in", [3, 64, 500, 1600, 5000])
@pytest.mark.parametrize("planes", [1, 8])
def test_products_of_long_fan_ins_by_xnor_take_no_less(fan_in: int, planes: int) -> None:
    stage = stage_of(random_signs(1, 1, fan_in, 2), each_pixel(1, fan_in), planes=planes)
    standard = load("ddr3-1600-8-8-8")
    _xnors(stage, System(standard, ModelOptions.of(standard)))


def _xnors(stage: Stage, system: System) -> None:
    assert can_and(stage, system.address_map) or any(has_zeros(stage))
    columns, found = 1024, None
    with suppress(OutOfRowsError):
        found = weight_stationary._plan(stage, system, ands=False)
    if found is not None:
        taken = steps(found[0])
        least_ps = weight_stationary._least_ps(stage, system, columns)
        assert 0 <= least_ps <= weight_stationary._price(found, system, columns)
        assert least_moved(stage, system.data_rows) <= dict(taken)[Kind.WR]

    def laid() -> list[object] | str:
        try:
            return _content(weight_stationary.map_stage(stage, system, 7))
        except (OutOfRowsError, OutOfSubarraysError) as error:
            return str(error)

    ours = laid()
    with patch.object(weight_stationary, "_least_ps", return_value=0):
        assert laid() == ours


def test_xnors_of_long_fan_ins_are_not_planned() -> None:
    stage = stage_of(random_signs(1, 1, 1600, 2), each_pixel(1, 1600))
    standard = load("ddr3-1600-8-8-8")
    plan = weight_stationary._plan
    with patch.object(weight_stationary, "_plan", wraps=plan) as planned:
        weight_stationary.map_stage(stage, System(standard, ModelOptions.of(standard)), 10)
    assert [call.kwargs["ands"] for call in planned.call_args_list] == [True]


@SLOW
@given(case=SHARED, system=SYSTEMS, images=st.integers(1, 3000), fan_in=st.integers(1, 400))
def test_small_groups_cost_no_less(case: Case, system: System, images: int, fan_in: int) -> None:
    dense = stage_of(random_signs(1, 1, fan_in, 4), each_pixel(1, fan_in))
    for stage in (case.stage, dense):
        _small_groups(stage, system, images)


@pytest.mark.parametrize("fan_in", [900, 3000])
@pytest.mark.parametrize("standard", ["ddr3-1600-8-8-8", "ddr4-2400"])
def test_small_groups_of_long_fan_ins_cost_no_less(fan_in: int, standard: str) -> None:
    stage = stage_of(random_signs(1, 1, fan_in, 8), each_pixel(1, fan_in))
    part = load(standard)
    for energy in modes(part):
        _small_groups(stage, System(part, ModelOptions.of(part, energy=energy)), 70_000)


def _small_groups(stage: Stage, system: System, images: int) -> None:
    if stage.groups == 1:
        for way, groups in itertools.product(division.ways(stage, system), (0, (0, 1))):
            if len(leaves(groups)) <= stage.outputs:
                _group(stage, system, images, way, groups)

    def chosen() -> object:
        try:
            price, layout, trees = division._cheapest(stage, system, images, 3)
        except (OutOfRowsError, OutOfSubarraysError) as error:
            return str(error)
        return price, layout.chunks, layout.way, trees

    ours = chosen()
    with patch.object(division, "_beaten", return_value=None):
        assert chosen() == ours


def _group(stage: Stage, system: System, images: int, way: Way, group: Tree) -> None:
    shared = in_blocks(stage, way.block) if way.block else stage
    most = system.subarrays_per_bank
    try:
        layout = division._divided(shared, system, group, way, most, whole=False)
    except (OutOfRowsError, OutOfSubarraysError):
        return
    units, sample = 5 * layout.each, layout.sample(group)
    least = bound(shared, system, images, way, len(leaves(group)), units)
    if least is None:
        return
    takes = division._Takes.of(layout, sample, units, images)
    assert least.commands <= takes.commands
    assert least.written <= takes.written
    assert least.price <= division._price(layout.mapped([sample], units, images))


def test_outputs_of_one_subarray_are_not_tried_alone() -> None:
    stage = stage_of(random_signs(1, 1, 500, 16), each_pixel(1, 500))
    standard = load("ddr3-1600-8-8-8")
    with patch.object(Layout, "sample", autospec=True, side_effect=Layout.sample) as sampled:
        division._cheapest(stage, System(standard, ModelOptions.of(standard)), 10_000, 1)
    sizes = {len(leaves(call.args[1])) for call in sampled.call_args_list}
    assert 8 in sizes
    assert 1 not in sizes
