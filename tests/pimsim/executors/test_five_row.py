"""Majorities of five rows and more: what executors make of them, and what they are good for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import unpack
from pimsim.dram.array.address_map import AddressMap, load, parse
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run.run import run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.microprogram.arithmetic import FULL_ADDER_OF_FIVE
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

FIVE_ROW = load("five-row")
THREE_DCC = load("three-dcc")


def _both_sides() -> AddressMap:
    """A majority of five, two of whose cells are on the complement bitline."""
    cells = ["T0", "T1", "T2", "T3", "DCC0", "DCC1"]
    addresses = {
        "A0": ["T0"], "IN0": ["DCC0", "T1"], "IN1": ["DCC1", "T2"], "IN2": ["T0", "T3"],
        "CARRY": ["DCC0", "DCC1", "T0"], "SUM": ["!DCC0", "!DCC1", "T1", "T2", "T3"],
    }  # fmt: skip
    body = {"cells": cells, "constants": {"C0": 0, "C1": 1}, "addresses": addresses}
    return parse({"name": "both sides", "source": "made up for the tests", **body}, "test")


def _program(text: str, rows: AddressMap, *outputs: str) -> Program:
    inputs = tuple(name for name in ("a", "b", "c") if f"({name}," in text)
    return Program.parse("p", text, inputs=inputs, outputs=outputs, address_map=rows)


ADDERS = {
    "five-row": (str(FULL_ADDER_OF_FIVE), FIVE_ROW),
    "both sides": ("(a,IN0)(b,IN1)(c,IN2)(CARRY,carry)(SUM,sum)", _both_sides()),
}
ACCUMULATIONS = {
    "five-row": ("(a,B17)", "(b,B11)(c,B16)(B12,B18)(B0,carry)(B19,B2)", "(B2,sum)", FIVE_ROW),
    "both sides": ("(a,IN2)", "(b,IN0)(c,IN1)(CARRY,carry)(SUM,A0)", "(A0,sum)", _both_sides()),
}


def _rows_at_random(seed: int, rows: AddressMap, data_rows: int, columns: int) -> Subarray:
    """A subarray with garbage in every cell and data row."""
    subarray = Subarray(columns, rows=rows.first_data + data_rows, address_map=rows)
    subarray.randomize(np.random.default_rng(seed))
    return subarray


def _compiled(recipe: RowProgram, before: Subarray, read: list[int]) -> list[list[int]]:
    """Data rows that a compiled program leaves, of what a subarray held before."""
    rows = before.rows
    tiles = Tiles(before.columns, rows.first_data + before.data_rows, address_map=rows)
    for row in range(before.data_rows):
        tiles.save(row, before.peek(row)[0])
    for row in read:
        recipe.read(row)
    found = run(compile_program(recipe, tiles.layout), tiles, np.arange(1))
    return [row.tolist() for row in unpack(found[0], before.columns)]


@pytest.mark.parametrize("name", ADDERS)
def test_a_full_adder_takes_six_commands_or_five(name: str) -> None:
    text, rows = ADDERS[name]
    adder = _program(text, rows, "sum", "carry")
    assert len(adder) == {"five-row": 6, "both sides": 5}[name]
    columns = [*product((0, 1), repeat=3)]
    subarray = _rows_at_random(1, rows, 5, len(columns))
    for row in range(3):
        subarray.write_bits(row, np.array([[bits[row] for bits in columns]]))
    schedule = Schedule(1, rows)
    schedule.append((adder,), **{s: rows.first_data + i for i, s in enumerate("abc")},
                    sum=rows.first_data + 3, carry=rows.first_data + 4)  # fmt: skip
    recipe = RowProgram(1)
    recipe.run(schedule)
    fast = _compiled(recipe, subarray, [3, 4])
    schedule.run(subarray, np.array([0]))
    for row, of in ((3, lambda n: n & 1), (4, lambda n: n >> 1)):
        wanted = [of(sum(bits)) for bits in columns]
        assert subarray.read_bits(row)[0].tolist() == wanted == fast[row - 3]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 12))
@pytest.mark.parametrize("name", ACCUMULATIONS)
def test_a_running_sum_takes_five_commands_for_two_rows_or_four(
    name: str, seed: int, length: int
) -> None:
    first, step, last, rows = ACCUMULATIONS[name]
    begin, more, end = (
        _program(text, rows, *outputs)
        for text, outputs in ((first, ()), (step, ("carry",)), (last, ("sum",)))
    )
    assert len(more) == {"five-row": 5, "both sides": 4}[name]
    operands, d = 2 * length + 1, rows.first_data
    subarray = _rows_at_random(seed, rows, operands + length + 1, 40)
    values = [subarray.read_bits(row)[0].astype(int) for row in range(operands)]
    schedule = Schedule(1, rows)
    schedule.append((begin,), a=d)
    for k in range(length):
        schedule.append((more,), b=d + 2 * k + 1, c=d + 2 * k + 2, carry=d + operands + k)
    schedule.append((end,), sum=d + operands + length)
    recipe = RowProgram(1)
    recipe.run(schedule)
    fast = _compiled(recipe, subarray, [*range(operands, operands + length + 1)])
    schedule.run(subarray, np.array([0]))
    rows_read = [subarray.read_bits(operands + k)[0].astype(int) for k in range(length + 1)]
    assert [row.tolist() for row in rows_read] == fast
    *carries, total = rows_read
    np.testing.assert_array_equal(2 * sum(carries) + total, sum(values))


def test_a_third_dual_contact_cell_adds_two_rows_in_five_commands() -> None:
    """(T2, T3) = (NOT v, v); the next two rows stand complemented where v does, and so on."""
    rows = THREE_DCC
    begin = _program("(a,B5)(B4,B2)(a,B3)", rows)
    step = _program("(b,B8)(c,B9)(B12,carry)(B15,B1)(B14,B16)", rows, "carry")
    assert len(step) == 5
    length, d = 9, rows.first_data
    subarray = _rows_at_random(3, rows, 2 * length + 2 + length, 64)
    rng = np.random.default_rng(4)
    values = rng.integers(0, 2, (2 * length + 1, 64))
    signs = [0, *((index // 2) % 2 == 0 for index in range(2 * length))]
    for row, (value, sign) in enumerate(zip(values, signs, strict=True)):
        subarray.write_bits(row, (value ^ sign)[None])
    schedule, first = Schedule(1, rows), 2 * length + 1
    schedule.append((begin,), a=d)
    for k in range(length):
        schedule.append((step,), b=d + 2 * k + 1, c=d + 2 * k + 2, carry=d + first + k)
    schedule.append((_program("(B3,sum)", rows, "sum"),), sum=d + first + length)
    schedule.run(subarray, np.array([0]))
    total = subarray.read_bits(first + length)[0].astype(int) ^ (length % 2)
    for k in range(length):
        total += 2 * (subarray.read_bits(first + k)[0].astype(int) ^ signs[2 * k + 1])
    np.testing.assert_array_equal(total, values.sum(axis=0))


@pytest.mark.parametrize("count", [5, 7, 9, 11])
@pytest.mark.parametrize("negated", [0, 2])
def test_any_odd_number_of_rows_settles_on_its_majority(count: int, negated: int) -> None:
    cells = [f"X{i}" for i in range(count)]
    opened = [f"{'!' * (i < negated)}{cell}" for i, cell in enumerate(cells)]
    addresses = {**{f"A{i}": [cell] for i, cell in enumerate(cells)}, "ALL": opened}
    body = {"cells": cells, "constants": {"C0": 0}, "addresses": addresses}
    rows = parse({"name": "many", "source": "made up", **body}, "test")
    text = "".join(f"(x{i},A{i})" for i in range(count)) + "(ALL,out)(A0,one)"
    inputs = tuple(f"x{i}" for i in range(count))
    program = Program.parse("m", text, inputs=inputs, outputs=("out", "one"), address_map=rows)
    columns = [*product((0, 1), repeat=count)]
    subarray = _rows_at_random(0, rows, count + 2, len(columns))
    for row in range(count):
        subarray.write_bits(row, np.array([[bits[row] for bits in columns]]))
    schedule, recipe = Schedule(1, rows), RowProgram(1)
    schedule.append(
        (program,), **{s: rows.first_data + row for row, s in enumerate(program.symbols)}
    )
    recipe.run(schedule)
    fast = _compiled(recipe, subarray, [count, count + 1])
    schedule.run(subarray, np.array([0]))
    wanted = [int(2 * sum(bit ^ (i < negated) for i, bit in enumerate(bits)) > count)
              for bits in columns]  # fmt: skip
    left = [bit ^ (negated > 0) for bit in wanted]
    assert [subarray.read_bits(row)[0].tolist() for row in (count, count + 1)] == [wanted, left]
    assert fast == [wanted, left]


def test_a_program_must_not_sense_an_even_number_of_cells_together() -> None:
    addresses = {"A": ["X"], "FOUR": ["X", "Y", "Z", "W"]}
    body = {"cells": ["X", "Y", "Z", "W"], "constants": {"C0": 0}, "addresses": addresses}
    rows = parse({"name": "four", "source": "made up", **body}, "test")
    assert len(_program("(a,FOUR)(A,out)", rows, "out")) == 2  # driving four cells is copying
    with pytest.raises(InputError) as caught:
        _program("(a,FOUR)(FOUR,out)", rows, "out")
    assert str(caught.value) == (
        "program 'p': (FOUR,out) must not sense the 4 cells of FOUR together: half of them may "
        "differ from the others"
    )
