"""Stages that no subarray holds are cut: by groups, channels, places of a window, positions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnn.backends.compiled import CompiledStage
from bnn.backends.prepare import booked as book_alone
from bnn.backends.prepare import prepare
from bnn.lowering.stage import each_pixel, lay
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.placement.fan_in import divide
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_stationary.planner import plan
from bnn.model.geometry import WindowAxis
from bnn.system.mitigation import NONE, Mitigation
from pimsim.dram.array.address_map import ambit
from pimsim.errors import OutOfRowsError

from ..planned_once import planned_once
from .executed import assert_booked
from .stage_cases import (
    SLOW,
    STANDARD,
    Case,
    books_of,
    case_of,
    machine_with,
    random_signs,
    run_case,
    stage_of,
    system_with,
    values_of,
    wide_windows,
)


def test_depthwise_channels_that_do_not_fit_together_go_to_further_subarrays() -> None:
    channels = 40
    sides = [WindowAxis(5, 3, 5, before=1)] * 2
    weights = random_signs(1, 9, 1, 2 * channels)
    stage = stage_of(
        weights, lay(channels, sides), shape=(5, 5), groups=channels, zero_padding=True
    )
    case = case_of(stage, sides, 7, -1)
    with planned_once():
        for mapping, compiled in itertools.product(MAPPINGS, (False, True)):
            run_case(mapping, case, machine_with(256, 8), compiled=compiled)
    pieces = divide(stage, 238, lambda some: plan(some, system_with(238)))
    assert [piece.stage.groups for piece in pieces] == [20, 20]
    assert [piece.outputs for piece in pieces] == [slice(0, 40), slice(40, 80)]
    mapped = MAPPINGS["output-stationary"].map_stage(stage, machine_with(256, 8).system, 7)
    assert [each.stage.groups for each in mapped] == [20, 20]
    for each in mapped:  # and no kernel is made for one group alone
        assert len(CompiledStage(each, 7, looking=True).compiled.sorts) == 1


def test_a_group_that_does_not_fit_is_split_by_channels() -> None:
    stage = stage_of(random_signs(1, 1, 300, 4), each_pixel(2, 600), shape=(2,), groups=2)
    pieces = divide(stage, 238, lambda some: plan(some, system_with(238)))
    assert [len(piece.plan.chunks) for piece in pieces] == [2, 2]
    for mapping in MAPPINGS:
        run_case(mapping, case_of(stage, [], 9, -1), machine_with(256, 3), compiled=True)


@pytest.mark.parametrize("zero", [slice(0, 47), slice(24, 48), slice(0, 48)])
def test_a_part_of_a_fan_in_whose_weights_are_all_zero_adds_nothing(zero: slice) -> None:
    sides = [WindowAxis(3, 2, 2)]
    weights = random_signs(1, 2, 48, 3)
    weights[:, :, zero] = 0
    pooled = lay(48, sides, [WindowAxis.padded(2, 2, 1, 1, "valid")])
    stage = stage_of(weights, pooled, shape=(3,), shifts=(2,))
    case = case_of(replace(stage, windows=lay(48, sides)), sides, 9, -1)
    bits = (case.sums >= 0).any(axis=1, keepdims=True)
    assert len(plan(stage, system_with(132)).chunks) == 2
    pooled_case = replace(case, stage=stage, values=bits)
    with planned_once():
        for mapping, compiled in itertools.product(MAPPINGS, (False, True)):
            run_case(mapping, pooled_case, machine_with(150, 2), compiled=compiled)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_zero_padding_of_a_fan_in_over_several_subarrays(seed: int) -> None:
    sides = [WindowAxis(3, 3, 3, before=1)] * 2
    weights = np.random.default_rng(seed).choice([-1, 1], (1, 9, 8, 5)).astype(np.int8)
    stage = stage_of(weights, lay(8, sides), shape=(3, 3), zero_padding=True)
    assert len(plan(stage, system_with(62)).chunks) > 1
    case = case_of(stage, sides, 9, -1)
    with planned_once():
        for mapping, compiled in itertools.product(MAPPINGS, (False, True)):
            run_case(mapping, case, machine_with(80, 2), compiled=compiled)


@pytest.mark.parametrize(
    ("mapping", "mitigation", "moves"),
    [(mapping, NONE, "host") for mapping in MAPPINGS]
    + [
        ("output-stationary", NONE, "psm"),
        ("output-stationary", Mitigation("time"), "host"),
        ("output-stationary", Mitigation("banks"), "psm"),
        ("output-stationary", Mitigation(retries=2), "host"),
        ("output-tree", NONE, "psm"),
        ("output-tree", Mitigation("time"), "host"),
        ("output-tree", Mitigation("banks"), "psm"),
        ("output-tree", Mitigation(retries=2), "host"),
    ],
)
@settings(SLOW, max_examples=2)
@given(case=wide_windows(), banks=st.sampled_from([4, 7]))
@pytest.mark.slow
def test_a_window_of_one_channel_beyond_a_subarray_is_split(
    mapping: str, mitigation: Mitigation, moves: str, case: Case, banks: int
) -> None:
    if mitigation.retries:  # a checksum needs weights of -1 and +1
        assume(case.stage.weights.all())
    assert case.stage.windows.patch * case.stage.planes > 132
    reference, compiled, drafted = (machine_with(150, banks, mitigation, moves) for _ in range(3))
    with planned_once():
        try:
            executed = run_case(mapping, case, reference, compiled=False)
        except OutOfRowsError:  # partial counts alone may fill one so small
            assume(False)
        assert len(executed) > 1
        run_case(mapping, case, compiled, compiled=True)
        mapped = MAPPINGS[mapping].map_stage(case.stage, drafted.system, len(case.operands))
    book_alone(mapped, drafted)
    assert books_of(reference) == books_of(compiled) == books_of(drafted)
    assert_booked(executed, reference)


def test_channels_and_places_are_cut_where_neither_cut_is_enough() -> None:
    sides = [WindowAxis(4, 4, 1)] * 2
    stage = stage_of(
        random_signs(1, 16, 16, 3), lay(16, sides), shape=(4, 4), planes=8, step=1, low=0
    )
    machine = machine_with(112 + ambit().first_data, 2)
    (mapped,) = MAPPINGS["no-local-reuse"].map_stage(stage, machine.system, 1)
    writes = mapped.program.phases["inputs"]
    chunks = [write.content.chunk for write in writes]  # type: ignore[union-attr,attr-defined]
    assert len({chunk.channels.start for chunk in chunks}) > 1  # 128 rows at a place
    assert len({chunk.places.start for chunk in chunks}) > 1  # and 128 for a channel
    assert sum(chunk.operands for chunk in chunks) == 16 * 16
    machine = machine_with(112 + ambit().first_data, 2)
    run_case("no-local-reuse", case_of(stage, sides, 2, 0), machine, compiled=True)


def test_positions_beyond_a_row_are_cut_and_pooled_at_the_edges() -> None:
    sides, pool = [WindowAxis(1100, 2, 1101, before=1)], [WindowAxis.padded(1101, 3, 2, 1, "same")]
    stage = stage_of(
        random_signs(1, 2, 2, 4), lay(2, sides, pool), shape=(1100,), zero_padding=True
    )
    falling, conjunction = np.array([0, 0, 1, 1]) > 0, np.array([0, 1, 0, 1]) > 0
    found = Thresholds(np.array([0, -3, 2, 0]), falling)
    stage = replace(stage, thresholds=found, conjunction=conjunction)
    case = case_of(stage, sides, 3, -1)
    case = replace(case, values=values_of(case.sums, sides, pool, found, conjunction))
    assert stage.windows.positions > STANDARD.columns
    with planned_once():
        for mapping, compiled in itertools.product(MAPPINGS, (False, True)):
            run_case(mapping, case, machine_with(100, 3), compiled=compiled)


def test_a_part_that_gives_every_output_another_single_product() -> None:
    weights = random_signs(1, 1, 200, 4)
    weights[:, :, 100:] = 0
    for output in range(4):
        weights[0, 0, 150 + output, output] = (-1) ** output
    stage = stage_of(weights, each_pixel(1, 200))
    assert len(plan(stage, system_with(132)).chunks) == 2
    case = case_of(stage, [], 30, -1)
    with planned_once():
        for mapping, compiled in itertools.product(MAPPINGS, (False, True)):
            run_case(mapping, case, machine_with(150, 8), compiled=compiled)


def test_a_row_too_many_is_refused() -> None:
    windows = lay(2, [WindowAxis(3, 3, 3, before=1)] * 2)
    stage = stage_of(random_signs(1, 9, 1, 2), windows, shape=(3, 3), groups=2, planes=8)
    for mapping in MAPPINGS:
        with pytest.raises(OutOfRowsError):
            prepare(
                MAPPINGS[mapping].map_stage(stage, machine_with(24, 1).system, 1),
                1,
                compiled=False,
            )
