"""Stages computed three times, or on more rows, give the same and cost what that takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnn.backends.prepare import booked as book_alone
from bnn.lowering.stage import each_pixel, lay
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_stationary.planner import plan
from bnn.model.geometry import WindowAxis
from bnn.system.ledger import CommandLedger
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError, OutOfRowsError
from pimsim.microprogram.row_program import Run

from ..planned_once import planned_once
from .executed import assert_booked
from .stage_cases import (
    MITIGATIONS,
    ROWS,
    SHARED,
    SLOW,
    WAYS,
    Case,
    assume_checkable,
    books_of,
    case_of,
    cases,
    divided,
    machine_with,
    random_signs,
    run_case,
    stage_of,
    system_with,
)


@pytest.mark.slow
@SLOW
@given(
    case=cases(),
    rows=ROWS,
    banks=st.sampled_from([4, 5, 8]),
    tmr=st.sampled_from(["time", "banks"]),
    moves=st.sampled_from(["host", "psm"]),
)
def test_outputs_computed_three_times_are_voted_and_cost_what_that_takes(
    case: Case, rows: int, banks: int, tmr: str, moves: str
) -> None:
    once, stage = machine_with(rows, banks, moves=moves), case.stage
    reference, compiled, drafted = (
        machine_with(rows, banks, Mitigation(tmr), moves) for _ in range(3)
    )
    with planned_once():
        try:
            executed = run_case("output-stationary", case, reference, compiled=False)
        except OutOfRowsError:
            assume(False)
        run_case("output-stationary", case, compiled, compiled=True)
        images = len(case.operands)
        book_alone(MAPPINGS["output-stationary"].map_stage(stage, drafted.system, images), drafted)
    assert books_of(reference) == books_of(compiled) == books_of(drafted)
    assert_booked(executed, reference)

    plain = run_case("output-stationary", case, once, compiled=False)
    subarrays = sum(part.lanes for part in executed)
    each = 4 if tmr == "banks" else 1  # three with operands, and one that votes
    whole = len(plain) == 1 and len(executed) == each  # repeating has cut off no groups either
    if whole and subarrays == each * plain[0].lanes:
        # one subarray holds the fan-in, so that nothing but what comes out is moved or read
        before, after = once.counts("compute"), reference.counts("compute")
        voted = before.act
        assert (after.aap, after.ap) == (3 * before.aap + 4 * voted, 3 * before.ap)
        assert after.act == before.act + (6 * voted if tmr == "banks" else 0)
        if tmr == "banks":
            assert reference.counts("inputs").wr == 3 * once.counts("inputs").wr
        else:
            assert reference.counts("inputs") == once.counts("inputs")


def test_nothing_computed_once_more_overwrites_what_is_to_be_voted() -> None:
    sides = [WindowAxis(6, 3, 6, before=1)] * 2
    pool = [WindowAxis.padded(6, 2, 2, 1, "valid")] * 2
    windows = lay(3, sides, pool)
    stage = stage_of(random_signs(1, 9, 3, 4), windows, shape=(6, 6))
    planned = plan(stage, system_with(400, Mitigation("time")))
    schedules = [item.schedule for item in planned.program.items if isinstance(item, Run)]
    (vote,) = schedules.pop().steps
    kept = {int(row) for row in vote.rows[:3]}
    assert len(kept) == 3
    each = len(schedules) // 3
    for number in range(3):
        own = schedules[number * each : (number + 1) * each]
        written = [d for schedule in own for _, d in schedule.addresses(0) if d in kept]
        assert set(written) == {int(vote.rows[number])}


def test_a_majority_of_more_rows_takes_wordlines_and_rows_but_no_commands() -> None:
    stage = stage_of(np.ones((1, 1, 40, 3), np.int8), each_pixel(1, 40), shape=(1,))
    case = case_of(stage, [], 5, -1)
    plain = machine_with(128, 2)
    run_case("output-stationary", case, plain, compiled=False)
    adders = 3 * (40 - bin(40).count("1"))
    for rows in (4, 8, 16, 32):
        for compiled in (False, True):
            many = machine_with(128, 2, Mitigation(activation_rows=rows))
            run_case("output-stationary", case, many, compiled=compiled)
            copies = rows // 3
            assert many.system.data_rows == plain.system.data_rows - 6 * (copies - 1) - rows % 3
            before, after = plain.counts("compute"), many.counts("compute")
            assert replace(before, extra_wordlines=0) == replace(after, extra_wordlines=0)
            # an adder of SIMDRAM: 9 cells are written and 3 majorities taken; then 6 bits are
            # compared with a constant, 2 cells and a majority each, from 3 cells on
            adding = adders * (9 * copies - 5 + 3 * (rows - 1))
            comparing = 3 * (3 * copies - 1 + 6 * (2 * (copies - 1) + rows - 1))
            assert after.extra_wordlines == adding + comparing
            assert many.cost("compute").latency_ps == plain.cost("compute").latency_ps


@pytest.mark.parametrize("mapping", ["weight-stationary", "no-local-reuse"])
def test_other_mappings_refuse_what_changes_a_layout(mapping: str) -> None:
    stage = stage_of(random_signs(1, 1, 4, 2), each_pixel(1, 4), shape=(1,))
    for mitigation, name in (
        (Mitigation(tmr="time"), "tmr"),
        (Mitigation(retries=1), "retries"),
        (Mitigation(screening=1), "screening"),
    ):
        machine = machine_with(128, 2, mitigation)
        text = f"`mapping` must be output-stationary or output-tree with `{name}`"
        with pytest.raises(InputError, match=text):
            MAPPINGS[mapping].map_stage(stage, machine.system, 1)


@pytest.mark.slow
@SLOW
@given(
    case=SHARED,
    rows=st.sampled_from([1024, 160, 100]),
    banks=st.sampled_from([4, 5, 8]),
    mitigation=MITIGATIONS,
    moves=st.sampled_from(["host", "psm"]),
    kind=WAYS,
)
def test_what_is_voted_or_checked_is_right_and_booked_as_executed(
    case: Case, rows: int, banks: int, mitigation: Mitigation, moves: str, kind: str
) -> None:
    assume_checkable(case, mitigation)
    assume(kind != "apart" or moves == "host")
    reference, compiled, drafted = (machine_with(rows, banks, mitigation, moves) for _ in range(3))
    with divided(case, kind), planned_once():
        executed = run_case("output-tree", case, reference, compiled=False)
        run_case("output-tree", case, compiled, compiled=True)
        mapped = MAPPINGS["output-tree"].map_stage(case.stage, drafted.system, len(case.operands))
    book_alone(mapped, drafted)
    assert books_of(reference) == books_of(compiled) == books_of(drafted)
    # tests of columns are booked, and executed where something can go wrong
    if not mitigation.screening:
        assert_booked(executed, reference)


@pytest.mark.slow
@settings(SLOW, max_examples=15)
@given(case=SHARED, mitigation=MITIGATIONS, kind=WAYS, seed=st.integers(0, 9))
def test_nothing_is_taken_for_granted_of_rows_and_cells(
    case: Case, mitigation: Mitigation, kind: str, seed: int
) -> None:
    assume_checkable(case, mitigation)
    machine, rng, make = (
        machine_with(1024, 4, mitigation),
        np.random.default_rng(seed),
        System.subarrays,
    )

    def filled(system: System, columns: int, lanes: int) -> Subarray:
        made = make(system, columns, lanes)
        made.randomize(rng)
        return made

    with pytest.MonkeyPatch.context() as patch, divided(case, kind):
        patch.setattr(System, "subarrays", filled)
        run_case("output-tree", case, machine, compiled=False)


def _commands(machine: CommandLedger) -> tuple[int, int]:
    """Row commands, and rows read."""
    counts = machine.counts("compute")
    return counts.aap + counts.ap, counts.rd


@pytest.mark.slow
@SLOW
@given(case=SHARED)
def test_votes_and_checksums_cost_what_is_said(case: Case) -> None:
    assume_checkable(case, Mitigation(retries=1))
    found: dict[str, tuple[int, int]] = {}
    groups: list[list[list[int]]] = []
    for name, mitigation in {
        "once": NONE,
        "time": Mitigation("time"),
        "banks": Mitigation("banks"),
        "checked": Mitigation(retries=1),
    }.items():
        machine = machine_with(1024, 4, mitigation)
        with divided(case, "any"):
            mapped = MAPPINGS["output-tree"].map_stage(
                case.stage, machine.system, len(case.operands)
            )
        assume(all(one.parts in (1, 4) for one in mapped))  # nothing is moved but to be voted
        assume(all(one.blocks is None for one in mapped))
        groups.append([stream.outputs for one in mapped for stream in one.streams or ()])
        assume(groups[-1] == groups[0])  # prices may make them smaller
        book_alone(mapped, machine)
        found[name] = _commands(machine)
    (once, read), (time, voted), (banks, moved), (checked, more) = found.values()
    copied = 2 * read * (case.stage.thresholds is None)  # digits, of which the third are voted
    assert (time, voted) == (3 * once + 4 * read + copied, read)
    assert (banks, moved) == (3 * once + 4 * read, 4 * read)
    assert checked == once
    # the least digits of S and D for two outputs, and those of masks, at each place
    digits = (2 if case.stage.zero_padding else 1) * case.stage.windows.offsets
    assert more - read <= (0 if copied else read * digits)


def test_a_ternary_layer_has_no_checksum() -> None:

    stage = stage_of(random_signs(1, 1, 9, 4, zeros=0.5), each_pixel(1, 9), shape=(1,))
    with pytest.raises(InputError, match="`retries` must be 0 for layer 'stage': a checksum needs"):
        MAPPINGS["output-tree"].map_stage(
            stage, machine_with(128, 2, Mitigation(retries=1)).system, 1
        )
