"""Every mapping computes stages of any kind: digits, groups, encodings, windows, poolings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnn.backends import compiled as vector_code
from bnn.backends.prepare import booked as book_alone
from bnn.backends.prepare import prepare
from bnn.lowering.stage import Stage, each_pixel
from bnn.mapped.mapped_stage import StageInputs, SumRows
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows import weight_stationary
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.system import System
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError, OutOfRowsError, OutOfSubarraysError

from ..planned_once import planned_once
from .executed import assert_booked
from .stage_cases import (
    ROWS,
    SLOW,
    STANDARD,
    Case,
    books_of,
    cases,
    machine_with,
    random_signs,
    run_case,
    stage_of,
    system_with,
)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.slow
@SLOW
@given(
    case=cases(),
    rows=ROWS,
    banks=st.sampled_from([1, 3, 8]),
    memory_bytes=st.sampled_from([1, 3000, 1 << 20]),
)
def test_sums_and_bits_are_those_of_numpy_and_books_what_was_executed(
    mapping: str, case: Case, rows: int, banks: int, memory_bytes: int
) -> None:
    reference, compiled = machine_with(rows, banks), machine_with(rows, banks)
    with planned_once(), pytest.MonkeyPatch.context() as patch:
        try:
            executed = run_case(mapping, case, reference, compiled=False)
        except OutOfRowsError:
            assume(False)
        patch.setattr(vector_code, "MEMORY_BYTES", memory_bytes)
        run_case(mapping, case, compiled, compiled=True)
    assert books_of(reference) == books_of(compiled)
    assert_booked(executed, reference)


@pytest.mark.parametrize("ands", [False, True])
@pytest.mark.slow
@SLOW
@given(
    case=cases(),
    rows=st.sampled_from([1024, 100, 60]),
    banks=st.sampled_from([1, 8]),
    memory_bytes=st.sampled_from([1, 3000, 1 << 20]),
)
def test_counting_ands_and_counting_xnors_give_the_same(
    ands: bool, case: Case, rows: int, banks: int, memory_bytes: int
) -> None:
    reference, compiled = machine_with(rows, banks), machine_with(rows, banks)

    with planned_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight_stationary, "ways", lambda *_: (ands,))
        try:
            run_case("weight-stationary", case, reference, compiled=False)
        except (OutOfRowsError, OutOfSubarraysError):
            assume(False)
        patch.setattr(vector_code, "MEMORY_BYTES", memory_bytes)
        run_case("weight-stationary", case, compiled, compiled=True)
    assert books_of(reference) == books_of(compiled)


def _commands(mapping: str, stage: Stage) -> int:
    """Row commands of one image."""
    machine = CommandLedger(System(load("ddr3-1600-8-8-8"), ModelOptions(banks=1)))
    execute = prepare(MAPPINGS[mapping].map_stage(stage, machine.system, 1), 1, compiled=True)
    execute(StageInputs(np.zeros((1, *stage.shape), np.uint8), machine, 1))
    total = machine.counts("compute")
    return total.aap + total.ap


@pytest.mark.parametrize("mapping", MAPPINGS)
@settings(SLOW, max_examples=6)
@given(case=cases(), images=st.integers(1, 3000))
@pytest.mark.slow
def test_no_bank_more_makes_anything_slower(mapping: str, case: Case, images: int) -> None:
    before: tuple[float, float] = (np.inf, np.inf)
    for banks in range(1, 9):
        machine = CommandLedger(
            System(
                replace(STANDARD, rows_per_subarray=1024), ModelOptions(banks=banks, refresh=False)
            )
        )
        try:
            book_alone(MAPPINGS[mapping].map_stage(case.stage, machine.system, images), machine)
        except (InputError, OutOfRowsError):
            continue
        machine.finish()
        once, *others = (machine.cost(phase).latency_ps for phase in PHASES)
        after = sum(others), once + sum(others)
        # a plan is priced as one run of commands, which the seams between runs differ from a bit
        assert all(new <= 1.002 * old for new, old in zip(after, before, strict=True)), banks
        before = after


def test_zeros_cost_no_adders_where_outputs_stay_put() -> None:
    windows = each_pixel(1, 512)
    full = _commands("output-stationary", stage_of(random_signs(1, 1, 512, 8), windows))
    sparse = random_signs(1, 1, 512, 8)
    for output in range(8):
        sparse[0, 0, np.random.default_rng(output).permutation(512)[:256], output] = 0
    half = _commands("output-stationary", stage_of(sparse, windows))
    assert full == 8 * (8 * (512 - 1) + 3 * 10 + 2)
    assert half == 8 * (8 * (256 - 1) + 3 * 9 + 2)
    sparse[0, 0, :, 0] = 1  # all banks wait for the output with the fewest zeros
    assert _commands("output-stationary", stage_of(sparse, windows)) == full


def test_zeros_are_selected_and_signs_anded_where_weights_stay_put() -> None:
    windows = each_pixel(1, 255)
    signs = _commands("weight-stationary", stage_of(random_signs(1, 1, 255, 8), windows))
    ternary = stage_of(random_signs(1, 1, 255, 8, zeros=0.1), windows)
    selected = _commands("weight-stationary", ternary)
    assert 9 * 255 <= signs <= 9.2 * 255  # half a pair of ANDs, and half an adder of its carries
    assert 7 * 255 + 6 * (255 - 8) <= selected <= 13.1 * 255
    (mapped,) = weight_stationary.map_stage(ternary, system_with(1006), 1)
    assert len(mapped.program.phases["weights"][0].rows) == 2 * 255


@pytest.mark.parametrize(
    ("fan_in", "planes", "zeros", "anded"),
    [
        (4, 1, 0.0, False),  # the sum of the operands has three digits for four products
        (64, 1, 0.0, False),  # writing seven takes longer than ANDs save
        (255, 1, 0.0, True),
        (255, 1, 0.1, False),
        (2, 8, 0.0, False),
        (27, 8, 0.0, True),
    ],
)
def test_ands_are_counted_where_they_take_less(
    fan_in: int, planes: int, zeros: float, anded: bool
) -> None:
    weights = random_signs(1, 1, fan_in, 8, zeros=zeros)
    stage = stage_of(weights, each_pixel(1, fan_in), planes=planes, step=2 - planes // 8)
    (mapped,) = weight_stationary.map_stage(stage, system_with(1006), 1)
    inputs = mapped.program.phases["inputs"]
    sums = [item for item in inputs if isinstance(item.content, SumRows)]
    assert len(sums) == anded
    assert all(len(one.rows) == (fan_in * stage.largest).bit_length() for one in sums)
    turned = [item.content.complemented for item in inputs if item not in sums]
    assert [one is not None for one in turned] == [anded]


def test_digits_and_planes_are_added_at_their_own_levels() -> None:
    windows = each_pixel(1, 32)
    stage = stage_of(random_signs(3, 1, 32, 4), windows, planes=2, step=1, low=0, shifts=(0, 1, 2))
    one = _commands("output-stationary", stage)
    assert stage.highest() == 32 * 7 * 3
    adders = pending = 0
    for level in range((32 * 7 * 3).bit_length()):  # three rows become one, and one a level up
        pending = (pending + 32 * {0: 1, 1: 2, 2: 2, 3: 1}.get(level, 0)) // 2
        adders += pending
    assert one == 4 * (8 * adders + 3 * 10 + 2)


def test_sums_beyond_31_bits_are_refused() -> None:
    stage = stage_of(random_signs(1, 1, 4, 6), each_pixel(1, 4))
    message = r"sums of stage 'stage' must stay below 2\*\*31, not reach 4294967296"
    with pytest.raises(InputError, match=message):
        replace(stage, shifts=(29,))
