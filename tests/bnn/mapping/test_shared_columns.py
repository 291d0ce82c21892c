"""Outputs that share adders, and positions that share columns, give what they do alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnn.backends import streamed
from bnn.backends.prepare import booked as book_alone
from bnn.lowering.stage import lay
from bnn.lowering.thresholds import Thresholds
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_tree import division, layout
from bnn.model.geometry import WindowAxis
from pimsim.errors import OutOfRowsError, OutOfSubarraysError

from ..planned_once import planned_once
from .executed import assert_booked
from .stage_cases import (
    ROWS,
    SHARED,
    SLOW,
    Case,
    blocks,
    books_of,
    case_of,
    machine_with,
    random_signs,
    run_case,
    stage_of,
    system_with,
    values_of,
)


@pytest.mark.slow
@SLOW
@given(
    case=SHARED,
    rows=ROWS,
    banks=st.sampled_from([1, 8]),
    apart=st.booleans(),
)
def test_places_of_a_pooling_window_and_bits_may_have_subarrays_of_their_own(
    case: Case, rows: int, banks: int, apart: bool
) -> None:
    reference, compiled = machine_with(rows, banks), machine_with(rows, banks)
    way = layout.Way(apart, case.stage.planes if apart else 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "ways", lambda *_: [way])
        with planned_once():
            try:
                run_case("output-tree", case, reference, compiled=False)
            except (OutOfRowsError, OutOfSubarraysError):
                assume(False)
            run_case("output-tree", case, compiled, compiled=True)
    assert books_of(reference) == books_of(compiled)


@pytest.mark.slow
@settings(SLOW, max_examples=12)
@given(
    drawn=blocks(),
    rows=ROWS,
    banks=st.sampled_from([1, 3, 8]),
    apart=st.booleans(),
    memory_bytes=st.sampled_from([1, 3000, 1 << 20]),
)
def test_positions_that_share_columns_give_what_columns_of_their_own_do(
    drawn: tuple[Case, tuple[int, ...]], rows: int, banks: int, apart: bool, memory_bytes: int
) -> None:
    case, block = drawn
    reference, compiled = machine_with(rows, banks), machine_with(rows, banks)
    way = layout.Way(False, 1 if apart else case.stage.planes, block)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "ways", lambda *_: [way])
        patch.setattr(streamed, "MEMORY_BYTES", memory_bytes)
        with planned_once():
            try:
                executed = run_case("output-tree", case, reference, compiled=False)
            except (OutOfRowsError, OutOfSubarraysError):
                assume(False)
            run_case("output-tree", case, compiled, compiled=True)
    assert books_of(reference) == books_of(compiled)
    assert_booked(executed, reference)


def _convolution(sizes: tuple[int, int], stride: int, planes: int) -> Case:
    """A convolution of 3x3 taps on 128 images."""
    rng = np.random.default_rng(sizes)
    sides = [WindowAxis.padded(size, 3, stride, padding="same") for size in sizes]
    weights = random_signs(1, 9, 4, 8)
    step, low = (2, -1) if planes == 1 else (1, 0)
    stage = stage_of(
        weights, lay(4, sides), shape=sizes, planes=planes, step=step, low=low,
        zero_padding=planes == 1,
    )  # fmt: skip
    case = case_of(stage, sides, 128, low)
    found = Thresholds(rng.choice(case.sums.reshape(-1, 8), axis=0), rng.random(8) < 0.5)
    values = values_of(case.sums, sides, None, found, stage.conjunction)
    return replace(case, stage=replace(stage, thresholds=found), values=values)


@pytest.mark.parametrize("planes", [1, 8])
@pytest.mark.parametrize(("sizes", "stride"), [((7, 11), 1), ((15, 15), 2)])
def test_many_images_share_columns_and_write_less(
    sizes: tuple[int, int], stride: int, planes: int
) -> None:
    case = _convolution(sizes, stride, planes)
    written, machines = [], [machine_with(1024, 1), machine_with(1024, 1)]
    with planned_once():
        run_case("output-tree", case, machines[0], compiled=True)
        run_case("output-tree", case, machines[1], compiled=False)
    assert books_of(machines[0]) == books_of(machines[1])
    for one in (None, case.stage.windows.sides):
        windows = replace(case.stage.windows, sides=one or ())
        stage, alone = replace(case.stage, windows=windows), machine_with(1024, 1)
        (mapped,) = MAPPINGS["output-tree"].map_stage(stage, alone.system, len(case.operands))
        assert (mapped.blocks is not None) == bool(one)
        book_alone([mapped], alone)
        written.append(alone.counts("inputs").wr)
    assert books_of(alone) == books_of(machines[0])
    assert written[1] < 0.7 * written[0]


def test_places_whose_rows_do_not_stand_for_each_other_are_planned_apart() -> None:
    sides = [WindowAxis(1, 2, 4, dilation=2, before=1)]  # one tap of one window reads the pixel
    weights = np.ones((1, 2, 1, 1), np.int8)
    case = case_of(stage_of(weights, lay(1, sides), zero_padding=True), sides, 3, -1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "ways", lambda *_: [layout.Way(False, 1, (2,))])
        run_case("output-tree", case, machine_with(60, 1), compiled=False)


def test_outputs_are_exchanged_between_groups_though_positions_share_columns() -> None:
    sides = [WindowAxis(8, 3, 8, before=1)] * 2
    stage = stage_of(
        random_signs(1, 9, 1, 24), lay(1, sides), shape=(8, 8), planes=8, step=1, low=0
    )
    _, shared, groups = division.cheapest(stage, machine_with(1024, 1).system, 256)
    assert shared.each > 1
    better = division.exchanged(shared, groups)
    assert sum(map(shared.commands, better)) < sum(map(shared.commands, groups))


def test_a_single_image_does_not_wait_for_positions_to_share_columns() -> None:
    case = _convolution((8, 8), 1, 1)
    (mapped,) = MAPPINGS["output-tree"].map_stage(case.stage, system_with(1000), 1)
    assert mapped.blocks is None
