"""Programs: what their text means, and what cannot be a program or cannot be run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.dram.array import address_map
from pimsim.dram.array.address_map import AddressMap, ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts
from pimsim.errors import DramError, InputError
from pimsim.executors.reference import execute
from pimsim.microprogram.logic import AND, COPY, XOR
from pimsim.microprogram.program import Command, Program, parse

SYMBOLS = ("a", "b2", "out", "x_y", "t-1", "ä")
ADDRESSES = (*map(ambit().label, range(18)), "D0", "D1005")
ROWS = st.sampled_from(SYMBOLS + ADDRESSES)
COMMANDS = st.lists(st.builds(Command, ROWS, st.none() | ROWS), max_size=20)


def _shorts(command: Command) -> bool:
    rows = (command.source, command.destination)
    if any(row is None or row in SYMBOLS for row in rows):
        return False
    return ambit().shorted(*(ambit().address(str(row)) for row in rows)) is not None


# -- text ----------------------------------------------------------------------------------------


@given(COMMANDS, st.sampled_from(["", " ", "\n", "  \t"]))
def test_commands_are_read_as_they_are_written(commands: list[Command], between: str) -> None:
    assert list(parse(between.join(map(str, commands)))) == commands


@given(COMMANDS)
def test_a_program_counts_its_commands_and_wordlines(commands: list[Command]) -> None:
    commands = [command for command in commands if not _shorts(command)]
    program = Program("any", tuple(commands), SYMBOLS[:3], SYMBOLS[2:4], SYMBOLS[4:])
    assert list(parse(str(program))) == commands
    assert program.symbols == SYMBOLS
    assert len(program) == program.aap + program.ap == len(commands)
    assert program.ap == str(program).count("[")
    wordlines = dict.fromkeys(SYMBOLS + ADDRESSES, 1) | {f"B{i}": 2 for i in range(8, 12)}
    wordlines |= {f"B{i}": 3 for i in range(12, 16)}
    raised = [row for c in commands for row in (c.source, c.destination) if row is not None]
    assert program.extra_wordlines() == sum(wordlines[row] - 1 for row in raised)


@pytest.mark.parametrize(
    ("text", "wrong", "position"),
    [
        ("(a,B0", "(", 0),
        ("(a,B0)(b)", "(", 6),
        ("(a,B0,B1)", "(", 0),
        ("(a, B0)", "(", 0),
        ("(a,B0)B12]", "B", 6),
        ("[B12)", "[", 0),
        ("[]", "[", 0),
        ("(,B0)", "(", 0),
        ("[B12],[B12]", ",", 5),
        ("[a b]", "[", 0),
    ],
)
def test_bad_text_is_refused(text: str, wrong: str, position: int) -> None:
    with pytest.raises(InputError) as caught:
        Program.parse("bad", text, inputs=("a", "b"), outputs=())
    assert str(caught.value) == (
        f"a program must be (source,destination) and [address] only, not {wrong!r} "
        f"at position {position} of {text!r}"
    )


@pytest.mark.parametrize("text", ["(q,B0)", "(a,q)", "[q]", "(a,B0)[B12](C0,q)"])
def test_a_row_that_is_neither_symbol_nor_address_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Program.parse("bad", text, inputs=("a",), outputs=())
    assert str(caught.value) == (
        "program 'bad': 'q' must be among `inputs`, `outputs` or `scratch`, or an address of the "
        "map 'ambit': B0..B15, C0, C1 or D0, D1, ..."
    )


@pytest.mark.parametrize("name", ["B4", "C1", "D0", "D99999"])
def test_a_symbol_must_not_hide_an_address(name: str) -> None:
    with pytest.raises(InputError) as caught:
        Program.parse("bad", f"({name},B0)", inputs=(name,), outputs=())
    assert str(caught.value) == f"program 'bad' must not name a row like the address {name}"


def test_scratch_must_not_be_an_input_or_output() -> None:
    with pytest.raises(InputError) as caught:
        Program.parse("bad", "(a,t)", inputs=("a",), outputs=("t",), scratch=("t",))
    assert str(caught.value) == "program 'bad' must not name a row twice in ('a', 't', 't')"


def test_outputs_may_be_inputs() -> None:
    both = Program.parse("both", "(a,B0)", inputs=("a", "b"), outputs=("b", "c"))
    assert both.symbols == ("a", "b", "c")


@pytest.mark.parametrize(
    ("command", "cell"), [("(B4,B5)", "DCC0"), ("(B8,B14)", "DCC0"), ("(B15,B9)", "DCC1")]
)
def test_a_command_must_not_open_a_cell_to_both_bitlines(command: str, cell: str) -> None:
    with pytest.raises(InputError) as caught:
        Program.parse("bad", f"(C0,B0){command}", inputs=(), outputs=())
    assert str(caught.value) == (
        f"program 'bad': {command} must not connect {cell} to the bitline and to its complement"
    )


def test_placed_renames_rows_and_leaves_addresses() -> None:
    placed = AND.placed(a="x", b="y", out="a")
    assert "".join(map(str, placed)) == "(x,B0)(y,B1)(C0,B2)(B12,a)"
    assert "".join(map(str, AND.placed())) == str(AND)


def test_addresses_are_those_of_the_programs_own_map(eight_cells: AddressMap) -> None:
    text = "(a,MIXED)[TRIPLE_N](P0,out)"
    program = Program.parse("own", text, inputs=("a",), outputs=("out",), address_map=eight_cells)
    assert program.extra_wordlines() == 3
    with pytest.raises(InputError) as caught:
        Program.parse("own", text, inputs=("a",), outputs=("out",))
    assert str(caught.value) == (
        "program 'own': 'MIXED', 'P0', 'TRIPLE_N' must be among `inputs`, `outputs` or `scratch`, "
        "or an address of the map 'ambit': B0..B15, C0, C1 or D0, D1, ..."
    )
    with pytest.raises(InputError) as caught:
        Program.parse("own", "[B12]", inputs=(), outputs=(), address_map=eight_cells)
    assert str(caught.value) == (
        "program 'own': 'B12' must be among `inputs`, `outputs` or `scratch`, or an address of "
        f"the map {eight_cells.name!r}: P0, P1, P2, P3, P4, P5, P6, P7 and 10 more, ONES, ZEROS or "
        "D0, D1, ..."
    )


# -- running -------------------------------------------------------------------------------------


def _subarray() -> Subarray:
    subarray = Subarray(columns=4)
    subarray.write_bits(0, np.array([[0, 0, 1, 1]]))
    subarray.write_bits(1, np.array([[0, 1, 0, 1]]))
    subarray.clear_counts()
    return subarray


def test_execute_runs_on_the_given_rows_and_is_counted() -> None:
    subarray = _subarray()
    execute(XOR, subarray, a=0, b=1, out=1005)
    assert subarray.counts() == [CommandCounts(aap=5, ap=2, extra_wordlines=9)]
    assert subarray.read_bits(1005).tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": 0}, "program 'and': missing row b, out"),
        ({"a": 0, "b": 1, "out": 2, "c": 3}, "program 'and': unknown row c"),
    ],
)
def test_execute_wants_every_row_and_no_other(rows: dict[str, int], message: str) -> None:
    with pytest.raises(InputError) as caught:
        execute(AND, _subarray(), **rows)
    assert str(caught.value) == message


@pytest.mark.parametrize("row", [-1, -3, -18, 1006, 2000])
def test_execute_wants_data_rows_that_exist(row: int) -> None:
    for rows in ({"a": row, "out": 2}, {"a": 0, "out": row}):
        subarray = _subarray()
        with pytest.raises(DramError) as caught:
            execute(COPY, subarray, **rows)
        assert str(caught.value) == f"data row must be 0 to 1005, not {row}"
        assert subarray.counts() == [CommandCounts()]


def test_a_fixed_row_beyond_the_subarray_is_refused() -> None:
    program = Program.parse("far", "(a,B0)(B0,D1006)", inputs=("a",), outputs=())
    subarray = _subarray()
    with pytest.raises(DramError) as caught:
        execute(program, subarray, a=0)
    assert str(caught.value) == "row address must be 0 to 1023 (D1005), not 1024"
    assert subarray.counts() == [CommandCounts()]


def test_a_program_runs_only_on_its_own_address_map(eight_cells: AddressMap) -> None:
    with pytest.raises(InputError) as caught:
        execute(COPY, Subarray(columns=1, address_map=eight_cells), a=0, out=1)
    assert str(caught.value) == (
        "program 'copy' must run on a subarray with the address map 'ambit', not 'eight cells'"
    )


def test_a_program_stops_at_the_command_that_is_refused() -> None:
    program = Program.parse("stops", "(a,b)[B12](B12,C1)", inputs=("a",), outputs=("b",))
    subarray = _subarray()
    with pytest.raises(DramError) as caught:
        execute(program, subarray, a=0, b=1)
    assert str(caught.value) == "T0 was never written and cannot be activated"
    assert subarray.counts() == [CommandCounts(aap=1)]
    assert subarray.read_bits(1).tolist() == [[0, 0, 1, 1]]


def test_a_program_moves_only_to_a_map_with_its_addresses(
    eight_cells: AddressMap, reordered: AddressMap
) -> None:
    assert COPY.on(ambit()) is COPY
    moved = XOR.on(reordered)
    assert (str(moved), moved.address_map) == (str(XOR), reordered)
    assert (moved.extra_wordlines(), moved.symbols) == (XOR.extra_wordlines(), XOR.symbols)
    with pytest.raises(InputError) as caught:
        XOR.on(eight_cells)
    assert str(caught.value) == (
        "program 'xor' cannot run on the address map 'eight cells': no address raises !DCC1 and T1 "
        'together, as B9 of \'ambit\' does: add `B9 = ["DCC2", "C"]` under [addresses]'
    )


def test_a_program_takes_the_addresses_that_raise_the_same_whatever_their_names(
    renamed: AddressMap,
) -> None:
    moved = XOR.on(renamed)
    assert str(moved) != str(XOR)
    raised = {
        label: {line.cell for line in renamed.wordlines(renamed.address(label))}
        for label in moved.opened
        if renamed.address(label) < renamed.first_constant
    }
    assert sorted(map(len, raised.values())) == [1, 2, 2, 2, 3, 3, 3]
    assert [renamed.constants[renamed.address(label) - renamed.first_constant][1]
            for label in moved.opened if label.startswith("C")] == [0, 1]  # fmt: skip


def test_a_symbol_may_be_called_as_an_address_of_another_map_is_not() -> None:
    named = {"name": "n", "source": "s", "cells": ["T"], "constants": {"Z": 0},
             "addresses": {"self": ["T"]}}  # fmt: skip
    rows = address_map.parse(named, "n.toml")
    program = Program.parse("p", "(a,B0)(B0,out)", inputs=("a",), outputs=("out",))
    assert str(program.on(rows, alone=True)) == "(a,self)(self,out)"
    clash = Program.parse("p", "(self,B0)(B0,out)", inputs=("self",), outputs=("out",))
    with pytest.raises(InputError, match=r"must not name a row like the address self$"):
        clash.on(rows, alone=True)
