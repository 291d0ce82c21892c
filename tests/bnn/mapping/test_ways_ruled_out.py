"""What is ruled out before it is laid out would not be chosen: the choice is that of all ways."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.lowering.stage import Stage, each_pixel
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.spent import steps
from bnn.mapping.dataflows import weight_stationary
from bnn.mapping.dataflows.resident_counting import can_and, least_moved
from bnn.mapping.dataflows.resident_weights import has_zeros
from bnn.system.system import System
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import OutOfRowsError, OutOfSubarraysError

from .stage_cases import ROWS, SLOW, Case, cases, random_signs, stage_of, wide_windows

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
