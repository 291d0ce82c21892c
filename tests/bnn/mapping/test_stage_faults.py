"""Faults of stages of any kind are the same in both executors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.backends.prepare import prepare
from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import Result, StageInputs
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_tree import division, layout
from bnn.system.ledger import CommandLedger
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.values.bitstrings import unpacked
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.faults import Faults
from pimsim.dram.options import ModelOptions
from pimsim.errors import OutOfRowsError, OutOfSubarraysError

from .stage_cases import (
    MITIGATIONS,
    ROWS,
    SHARED,
    SLOW,
    STANDARD,
    WAYS,
    Case,
    assume_checkable,
    blocks,
    cases,
    divided,
    machine_with,
    wide_windows,
)

FAULTY: dict[str, st.SearchStrategy[Any]] = {
    "rows": ROWS,
    "banks": st.sampled_from([1, 3, 8]),
    "times": st.integers(1, 6),
    "static": st.sampled_from([0.0, 0.03]),
    "access": st.sampled_from([0.0, 1e-4, 0.01]),
}
"""Machines, how often the images of a case are repeated, and rates of faults."""


@pytest.mark.slow
@settings(SLOW, max_examples=10)
@given(drawn=blocks(), **FAULTY)
def test_faults_of_positions_that_share_columns_are_the_same_in_both_executors(
    drawn: tuple[Case, tuple[int, ...]],
    rows: int, banks: int, times: int, static: float, access: float,
) -> None:  # fmt: skip
    case, block = drawn
    faults = Faults(Rates(Rate(static, access)), chip=rows, noise=banks)  # type: ignore[arg-type]
    system = replace(machine_with(rows, banks).system, faults=faults)
    operands = np.concatenate([case.operands] * times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "ways", lambda *_: [layout.Way(False, case.stage.planes, block)])
        try:
            found, _ = _both_executors("output-tree", case.stage, operands, system)
        except (OutOfRowsError, OutOfSubarraysError):
            assume(False)
    if not static and not access:
        np.testing.assert_array_equal(unpacked(found.values), np.concatenate([case.values] * times))


@pytest.mark.parametrize("mapping", MAPPINGS)
@settings(SLOW, max_examples=2)
@given(case=wide_windows())
@pytest.mark.slow
def test_faults_of_a_window_beyond_a_subarray_are_the_same_in_both_executors(
    mapping: str, case: Case
) -> None:
    faults = Faults(Rates(Rate(0.03, 1e-3)), chip=1, noise=2)  # type: ignore[arg-type]
    system = replace(machine_with(150, 3).system, faults=faults)
    try:
        found, _ = _both_executors(mapping, case.stage, case.operands, system)
    except OutOfRowsError:  # partial counts alone may fill one so small
        assume(False)
    assert found.flips > 0


@dataclass(frozen=True)
class Rates:
    """A failure table with the same rates everywhere."""

    every: Rate
    kinds: frozenset[str] = frozenset({"sense", "copy", "not"})

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        return self.every


def _both_executors(
    mapping: str, stage: Stage, operands: NDArray[np.uint16], system: System
) -> tuple[Result, Result]:
    """Carry a stage out with faults, literally and by vector code; what they give is the same."""
    found = []
    mapped = MAPPINGS[mapping].map_stage(stage, system, len(operands))
    for compiled in (False, True):
        machine = CommandLedger(system)
        execute = prepare(mapped, len(operands), compiled=compiled)
        found.append(execute(StageInputs(operands, machine, 2)))
    first, second = found
    np.testing.assert_array_equal(unpacked(first.values), unpacked(second.values))
    assert first.flips == second.flips
    return first, second


@settings(SLOW, max_examples=10)
@given(
    case=SHARED,
    **FAULTY,
    moves=st.sampled_from(["host", "psm"]),
    activation_rows=st.sampled_from([3, 32]),
)
@pytest.mark.slow
def test_faults_in_shared_adders_are_the_same_in_both_executors(
    case: Case, rows: int, banks: int, times: int, static: float, access: float, moves: str,
    activation_rows: int,
) -> None:  # fmt: skip
    faults = Faults(Rates(Rate(static, access)), chip=rows, noise=banks)  # type: ignore[arg-type]
    mitigation = Mitigation(activation_rows=activation_rows)
    system = replace(machine_with(rows, banks, mitigation, moves).system, faults=faults)
    assume(moves == "host" or banks > 1)
    operands = np.concatenate([case.operands] * times)
    try:
        found, _ = _both_executors("output-tree", case.stage, operands, system)
    except OutOfRowsError:
        assume(False)
    if not static and not access:
        np.testing.assert_array_equal(unpacked(found.values), np.concatenate([case.values] * times))


@pytest.mark.parametrize("mapping", MAPPINGS)
@settings(SLOW, max_examples=10)
@given(case=cases(), **FAULTY)
@pytest.mark.slow
def test_faults_of_any_stage_are_the_same_in_both_executors(
    mapping: str, case: Case, rows: int, banks: int, times: int, static: float, access: float
) -> None:
    faults = Faults(Rates(Rate(static, access)), chip=rows, noise=banks)  # type: ignore[arg-type]
    standard = replace(STANDARD, rows_per_subarray=rows)
    operands = np.concatenate([case.operands] * times)
    system = System(standard, ModelOptions(banks=banks), faults=faults)
    try:
        _both_executors(mapping, case.stage, operands, system)
    except OutOfRowsError:
        assume(False)


@pytest.mark.slow
@SLOW
@given(
    case=SHARED,
    rows=st.sampled_from([1024, 160]),
    banks=st.sampled_from([4, 8]),
    times=st.integers(1, 12),
    static=st.sampled_from([0.0, 0.03]),
    access=st.sampled_from([0.0, 1e-4, 0.01]),
    mitigation=MITIGATIONS,
    kind=WAYS,
)
def test_both_executors_do_the_same_about_faults_of_trees(
    case: Case, rows: int, banks: int, times: int, static: float, access: float,
    mitigation: Mitigation, kind: str,
) -> None:  # fmt: skip
    assume_checkable(case, mitigation)
    assume(not mitigation.screening or access < 0.01)  # no column would be left
    faults = Faults(Rates(Rate(static, access)), chip=rows, noise=banks)  # type: ignore[arg-type]
    system = replace(machine_with(rows, banks, mitigation).system, faults=faults)
    operands = np.concatenate([case.operands] * times)
    with divided(case, kind):
        one, other = _both_executors("output-tree", case.stage, operands, system)
    assert one.repeated == other.repeated
    assert one.occupancy == other.occupancy
