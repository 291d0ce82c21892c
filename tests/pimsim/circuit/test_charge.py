"""Charge sharing and retention: closed forms, golden numbers and laws."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from pimsim.circuit.model import retention
from pimsim.circuit.model.parameters import Circuit, load
from pimsim.circuit.statistics.charge_sharing import (
    level_mv,
    logic_margin_mv,
    majority_margin_mv,
)
from pimsim.errors import InputError

CIRCUIT = load("rambus55")
levels = st.floats(0.0, 1200.0)
farads = st.floats(0.1, 1000.0)
cells = st.lists(levels, min_size=1, max_size=40)


def _circuit(cell_ff: float, line_ff: float, **more: float) -> Circuit:
    sizes = {"cell.capacitance_ff": cell_ff, "bitline.capacitance_ff": line_ff}
    return CIRCUIT.with_settings({**sizes, **more})


def test_swings_of_the_reference_circuit() -> None:
    """The numbers measured with ngspice on the same circuit, to their last digit."""
    for bits, swing_mv in (
        ([1, 1, 1], 262.3), ([1, 1, 0], 87.42), ([0, 1, 0], -87.42), ([0, 0, 0], -262.3),
        ([1], 123.4), ([0], -123.4),
    ):  # fmt: skip
        digits = 2 if abs(swing_mv) == 87.42 else 1
        assert round(level_mv(CIRCUIT, [1200.0 * bit for bit in bits]) - 600.0, digits) == swing_mv
    assert majority_margin_mv(CIRCUIT, inputs=1) == pytest.approx(123.36, abs=0.01)


@pytest.mark.parametrize(
    ("inputs", "rows", "margin_mv"),
    [(3, 4, 76.3), (3, 32, 167.3), (5, 32, 100.4), (7, 32, 66.9), (9, 32, 50.2)],
)
def test_majority_margins_of_the_reference_circuit(
    inputs: int, rows: int, margin_mv: float
) -> None:
    assert round(majority_margin_mv(CIRCUIT, inputs, rows), 1) == margin_mv
    copies, cs, cb = rows // inputs, 22.0, 85.0
    formula_mv = copies * cs * 1200.0 / (2 * (rows * cs + cb))
    assert majority_margin_mv(CIRCUIT, inputs, rows) == pytest.approx(formula_mv, rel=1e-4)


@given(ones=st.integers(0, 3), cs=farads, cb=farads, vdd_mv=st.floats(500.0, 2000.0))
def test_tra_is_the_published_formula(ones: int, cs: float, cb: float, vdd_mv: float) -> None:
    circuit = CIRCUIT.with_settings(
        {"cell.capacitance_ff": cs, "bitline.capacitance_ff": cb, "supply.vdd_mv": vdd_mv}
    )
    held_mv = [circuit.one_mv] * ones + [circuit.zero_mv] * (3 - ones)
    swing_mv = level_mv(circuit, held_mv) - circuit.precharge_mv
    formula_mv = (2 * ones - 3) * cs * vdd_mv / (6 * cs + 2 * cb)
    assert swing_mv == pytest.approx(formula_mv, rel=1e-4, abs=1e-9)


def test_one_cell_of_an_older_circuit() -> None:
    older = _circuit(30.0, 300.0, **{"supply.vdd_mv": 1800.0})
    assert level_mv(older, [1800.0]) - 900.0 == pytest.approx(81.8, abs=0.05)


@given(cells=cells, cell_ff=farads, line_ff=farads)
def test_charge_is_conserved(cells: list[float], cell_ff: float, line_ff: float) -> None:
    mixed = level_mv(_circuit(cell_ff, line_ff), cells)
    before = cell_ff * sum(cells) + line_ff * 600.0
    assert mixed * (len(cells) * cell_ff + line_ff) == pytest.approx(before, rel=1e-9, abs=1e-6)
    assert min(*cells, 600.0) - 1e-9 <= mixed <= max(*cells, 600.0) + 1e-9


@given(cells=cells, cell_ff=farads, line_ff=farads)
def test_complementing_all_cells_mirrors_the_swing(
    cells: list[float], cell_ff: float, line_ff: float
) -> None:
    circuit = _circuit(cell_ff, line_ff)
    swing = level_mv(circuit, cells) - 600.0
    mirrored = level_mv(circuit, [1200.0 - level for level in cells]) - 600.0
    assert mirrored == pytest.approx(-swing, abs=1e-9)


@given(cells=cells, line_ff=farads, which=st.integers(0, 39), more=levels)
def test_the_bitline_rises_with_every_cell(
    cells: list[float], line_ff: float, which: int, more: float
) -> None:
    circuit, raised = _circuit(22.0, line_ff), list(cells)
    raised[which % len(raised)] = max(more, raised[which % len(raised)])
    assert level_mv(circuit, raised) >= level_mv(circuit, cells) - 1e-9


@given(cells=cells, line_ff=farads, factor=st.floats(0.01, 100.0))
def test_scaling_every_capacitance_leaves_voltages_unchanged(
    cells: list[float], line_ff: float, factor: float
) -> None:
    scaled = level_mv(_circuit(22.0 * factor, line_ff * factor), cells)
    assert scaled == pytest.approx(level_mv(_circuit(22.0, line_ff), cells), rel=1e-9, abs=1e-9)


@given(inputs=st.sampled_from([3, 5, 7, 9]), extra=st.integers(0, 30))
def test_operands_are_stored_alike_and_left_over_rows_at_half(inputs: int, extra: int) -> None:
    """One vote more than the others: as many cells as an operand has, each half a supply off."""
    rows = inputs + extra
    expected_mv = (rows // inputs) * 22.0 * 600.0 / (rows * 22.0 + 85.0)
    assert majority_margin_mv(CIRCUIT, inputs, rows) == pytest.approx(expected_mv)


@pytest.mark.parametrize("inputs", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("operation", ["and", "or"])
def test_logic_against_reference_cells(operation: str, inputs: int) -> None:
    """The operand that decides is half a supply from the reference's half: Cs vdd/2 over all."""
    expected_mv = 22.0 * 600.0 / (inputs * 22.0 + 85.0)
    assert logic_margin_mv(CIRCUIT, operation, inputs) == pytest.approx(expected_mv)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: majority_margin_mv(CIRCUIT, 4),
         "`inputs` must be an odd positive integer, not 4"),
        (lambda: majority_margin_mv(CIRCUIT, 5, 4), "`rows` must be at least 5, the inputs, not 4"),
        (lambda: majority_margin_mv(CIRCUIT, 3, 1024),
         "`rows` must be at most 512, the cells of a bitline, not 1024"),
        (lambda: level_mv(CIRCUIT, [600.0] * 513),
         "`rows` must be at most 512, the cells of a bitline, not 513"),
        (lambda: logic_margin_mv(CIRCUIT, "xor", 2),
         "`operation` must be \"and\" or \"or\", not 'xor'"),
    ],
)  # fmt: skip
def test_bad_input(act: object, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        act()  # type: ignore[operator]


def test_a_one_is_at_four_fifths_after_the_refresh_window() -> None:
    """CROW's deck opens cells at 0.8 vdd; twice as hot a window is half as long (JEDEC)."""
    worst = load("worst-cell")
    for time_ms, celsius in ((64.0, 85.0), (32.0, 95.0), (128.0, 75.0)):
        assert retention.after(worst, time_ms, celsius).one_mv == pytest.approx(960.0, abs=0.5)


@given(first=st.floats(0.0, 500.0), second=st.floats(0.0, 500.0), celsius=st.floats(0.0, 95.0))
def test_waiting_twice_is_waiting_once_for_longer(
    first: float, second: float, celsius: float
) -> None:
    worst = load("worst-cell")
    once = retention.after(worst, first + second, celsius)
    twice = retention.after(retention.after(worst, first, celsius), second, celsius)
    assert twice.one_mv == pytest.approx(once.one_mv, abs=1e-6)


def test_alike_cells_that_hold_nothing_any_more_are_refused() -> None:
    message = "`wait_ms` must leave a one above a zero (0 mV), not at 0 mV as 1e+09 ms at 85 °C do"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        retention.after(load("worst-cell"), 1e9, 85.0)
    assert retention.after(CIRCUIT, 1e12, 85.0).one_mv == 0.0  # others of its cells hold longer


def test_a_restore_ends_what_leaked() -> None:
    waited = retention.after(load("worst-cell"), 64.0, 85.0)
    again = retention.restored(waited, 30.0)
    assert (again.leaked, again.one_mv) == (0.0, pytest.approx(1200.0, abs=1e-3))


def test_a_hurried_restore_weakens_both_levels_and_a_long_one_none() -> None:
    hurried, calm = retention.restored(CIRCUIT, 0.3), retention.restored(CIRCUIT, 30.0)
    assert 700.0 < hurried.one_mv < 1100.0
    assert 20.0 < hurried.zero_mv < 500.0
    assert (calm.one_mv, calm.zero_mv) == pytest.approx((1200.0, 0.0), abs=1e-3)
    assert majority_margin_mv(hurried) < majority_margin_mv(calm)


@given(
    bit=st.booleans(),
    start_mv=st.floats(0.0, 1200.0),
    time_ns=st.floats(0.0, 20.0),
    vpp_mv=st.floats(1200.0, 3000.0),
)
def test_restoring_solves_the_square_law(
    bit: bool, start_mv: float, time_ns: float, vpp_mv: float
) -> None:
    """Against a numerical solution of C dV/dt = I with the device written down apart."""
    circuit = CIRCUIT.with_set("supply.vpp_mv", vpp_mv)
    k = 120e-6 * 0.055 / 0.085

    def slope(_: float, v: np.ndarray) -> list[float]:
        held = 1.2 if bit else 0.0
        low, high = sorted((float(v[0]), held))
        over, across = max(vpp_mv / 1e3 - low - 0.85, 0.0), high - low
        current = k * (over * across - across**2 / 2 if across < over else over**2 / 2)
        return [float(np.sign(held - v[0])) * current / 22e-15 * 1e-9]

    solved = solve_ivp(slope, (0.0, max(time_ns, 1e-9)), [start_mv / 1e3], rtol=1e-8, atol=1e-10)
    expected_mv = 1e3 * float(solved.y[0, -1])
    assert retention.restored_mv(circuit, bit, start_mv, time_ns) == pytest.approx(
        expected_mv, abs=0.05
    )
