"""Address maps: Ambit's as published, others read from files, malformed ones refused."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.dram.array.address_map import AddressMap, ambit, load, names, parse, text
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.executors.reference import execute
from pimsim.microprogram.program import Program

GOLDEN = Path(__file__).parents[2] / "golden" / "ambit_addresses.csv"


def _golden() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def _raised(rows: AddressMap, label: str) -> list[str]:
    lines = rows.wordlines(rows.address(label))
    return ["!" * line.complement + rows.cells[line.cell] for line in lines]


@pytest.mark.parametrize("row", _golden(), ids=lambda row: row["address"])
def test_ambit_raises_the_published_wordlines(row: dict[str, str]) -> None:
    assert _raised(ambit(), row["address"]) == row["wordlines"].split()


def test_ambit_has_sixteen_b_addresses_in_order_then_two_constants_then_data() -> None:
    rows = ambit()
    names = [row["address"] for row in _golden()]
    assert [rows.label(address) for address in range(20)] == [*names, "C0", "C1", "D0", "D1"]
    assert rows.cells == ("T0", "T1", "T2", "T3", "DCC0", "DCC1")
    assert rows.constants == (("C0", 0), ("C1", 1))


@pytest.mark.parametrize(("rows", "data_rows"), [(1024, 1006), (512, 494)])
def test_ambit_leaves_the_published_number_of_data_rows(rows: int, data_rows: int) -> None:
    assert ambit().data_rows(rows) == data_rows
    assert Subarray(columns=1, rows=rows).data_rows == data_rows


def _round_trip(rows: AddressMap) -> None:
    for address in range(rows.first_data + 5):
        assert rows.address(rows.label(address)) == address
        assert rows.has(rows.label(address))
    for bit in {bit for _, bit in rows.constants}:
        assert rows.constants[rows.constant(bit) - rows.first_constant][1] == bit


def test_labels_and_addresses_are_inverse(address_map: AddressMap, eight_cells: AddressMap) -> None:
    _round_trip(address_map)
    _round_trip(eight_cells)


def test_addresses_short_what_both_wordlines_of_a_cell_would(address_map: AddressMap) -> None:
    """Held against the wordlines as they are written."""
    for first in range(address_map.first_data + 1):
        for second in range(address_map.first_data + 1):
            one, other = (
                {*_raised(address_map, address_map.label(address))}
                if address < address_map.first_constant
                else set()
                for address in (first, second)
            )
            joined = {name for line in one for name in [line.removeprefix("!")]
                      if ({line, f"!{line}"} - {line} | {name}) - {line} & other}  # fmt: skip
            assert (address_map.shorted(first, second) is not None) == bool(joined)


@pytest.mark.parametrize("name", names())
def test_maps_that_come_with_pimsim_say_what_they_are_and_can_compute(name: str) -> None:
    rows = load(name)
    assert rows.name == name
    assert rows is load(name)
    assert rows.description
    assert rows.inverts
    assert 3 in rows.majorities
    assert {bit for _, bit in rows.constants} == {0, 1}
    assert parse(tomllib.loads(text(name)), name) == rows


def test_what_a_third_dual_contact_cell_adds_is_one_address_with_one_wordline() -> None:
    three = load("three-dcc").content
    *same, added = three.pop("addresses")
    assert {**three, "addresses": same} == ambit().content
    assert added == ["B16", ["!T3"]]


@pytest.mark.parametrize("label", ["B16", "C2", "D", "D-1", "d0", "T0", "", "D1 ", "D٣"])
def test_a_label_outside_the_map_is_refused(label: str) -> None:
    with pytest.raises(InputError) as caught:
        ambit().address(label)
    assert str(caught.value) == (
        f"address must be one of B0..B15, C0, C1 or D0, D1, ..., not {label!r}"
    )
    assert not ambit().has(label)


def test_extra_wordlines() -> None:
    rows = ambit()
    extra = {label: len(rows.wordlines(rows.address(label))) - 1 for label in ("B7", "B8", "B15")}
    assert extra == {"B7": 0, "B8": 1, "B15": 2}
    assert len(rows.wordlines(rows.address("C1"))) == 1
    assert len(rows.wordlines(rows.address("D5"))) == 1


def test_shorted_names_the_cell_that_two_addresses_join_to_both_bitlines() -> None:
    rows = ambit()
    shorted = {
        (first, second): cell
        for first in (f"B{i}" for i in range(16))
        for second in ("B4", "B5", "B14", "B9", "B12", "C0", "D3")
        if (cell := rows.shorted(rows.address(first), rows.address(second)))
    }
    assert shorted == {
        ("B4", "B5"): "DCC0",
        ("B5", "B4"): "DCC0",
        ("B8", "B4"): "DCC0",
        ("B14", "B5"): "DCC0",
        ("B5", "B14"): "DCC0",
        ("B8", "B14"): "DCC0",
        ("B6", "B9"): "DCC1",
        ("B15", "B9"): "DCC1",
    }


# -- another map ---------------------------------------------------------------------------------


def test_another_map_has_its_own_cells_constants_and_data_rows(eight_cells: AddressMap) -> None:
    assert eight_cells.name == "eight cells"
    assert len(eight_cells.cells) == 8
    assert eight_cells.data_rows(1024) == 1024 - 18 - 2
    assert eight_cells.label(18) == "ONES"
    assert eight_cells.address("D0") == 20
    assert _raised(eight_cells, "TRIPLE_N") == ["!DCC2", "D", "A"]


def test_another_map_executes_and_and_not(eight_cells: AddressMap) -> None:
    both = Program.parse(
        "and",
        "(a,P0)(b,P1)(ZEROS,P2)(TRIPLE,out)",
        inputs=("a", "b"),
        outputs=("out",),
        address_map=eight_cells,
    )
    inverse = Program.parse(
        "not", "(a,N2)(P6,out)", inputs=("a",), outputs=("out",), address_map=eight_cells
    )
    subarray = Subarray(columns=4, address_map=eight_cells)
    subarray.write_bits(0, np.array([[0, 0, 1, 1]]))
    subarray.write_bits(1, np.array([[0, 1, 0, 1]]))
    execute(both, subarray, a=0, b=1, out=2)
    execute(inverse, subarray, a=2, out=3)
    assert subarray.read_bits(2).tolist() == [[0, 0, 0, 1]]
    assert subarray.read_bits(3).tolist() == [[1, 1, 1, 0]]


# -- malformed maps ------------------------------------------------------------------------------

NOT_A_NAME = (
    "m.toml: a name must be a letter, then letters, digits or _, at most 64, and not that of a "
    "data row, not "
)


def _table(**changes: Any) -> dict[str, Any]:
    good = {
        "name": "small",
        "source": "made up",
        "cells": ["T0", "T1", "DCC0"],
        "constants": {"C0": 0, "C1": 1},
        "addresses": {"B0": ["T0"], "B1": ["T0", "T1", "!DCC0"]},
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def test_the_table_that_the_malformed_ones_start_from_is_good() -> None:
    assert parse(_table(), "m.toml").label(1) == "B1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": None}, "m.toml: it must have the key `cells`"),
        ({"name": None, "source": None}, "m.toml: it must have the keys `name`, `source`"),
        (
            {"colour": 1},
            "m.toml has the unknown key `colour` (known: name, source, cells, constants, "
            "addresses, description)",
        ),
        ({"celles": []}, "m.toml has the unknown key `celles`; did you mean `cells`?"),
        ({"name": 5}, "m.toml: `name` must be a text of one line, not 5"),
        ({"source": ["x"]}, "m.toml: `source` must be a text of one line, not ['x']"),
        ({"name": "a\nb"}, "m.toml: `name` must be a text of one line, not 'a\\nb'"),
        ({"cells": ["T" * 65]}, NOT_A_NAME + "'TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT..."),
        ({"source": "s" * 401}, "m.toml: `source` must have at most 400 characters, not 401"),
        ({"description": ""}, "m.toml: `description` must be a text of one line, not ''"),
        (
            {"cells": [f"T{i}" for i in range(65)]},
            "m.toml: `cells` must be at most 64 names, not 65",
        ),
        (
            {"addresses": {f"B{i}": ["T0"] for i in range(1_023)}},
            "m.toml: there must be at most 1,024 addresses and constants, not 1,025",
        ),
        ({"cells": "T0"}, "m.toml: `cells` must be a list of distinct names, not 'T0'"),
        ({"cells": []}, "m.toml: `cells` must be a list of distinct names, not []"),
        (
            {"cells": ["T0", "T0"]},
            "m.toml: `cells` must be a list of distinct names, not ['T0', 'T0']",
        ),
        ({"cells": ["T0", 1]}, NOT_A_NAME + "1"),
        ({"cells": [["T0"], ["T1"]]}, NOT_A_NAME + "['T0']"),
        ({"cells": ["T0", "!T1"]}, NOT_A_NAME + "'!T1'"),
        ({"addresses": ["B0"]}, "m.toml: `addresses` must be a table with entries, not ['B0']"),
        ({"addresses": {}}, "m.toml: `addresses` must be a table with entries, not {}"),
        ({"addresses": {"B 0": ["T0"]}}, NOT_A_NAME + "'B 0'"),
        ({"addresses": {"D7": ["T0"]}}, NOT_A_NAME + "'D7'"),
        ({"addresses": {"B0": "T0"}}, "m.toml: B0 must list 1 to 32 wordlines, not 'T0'"),
        ({"addresses": {"B0": []}}, "m.toml: B0 must list 1 to 32 wordlines, not []"),
        (
            {"addresses": {"B0": ["T0", "T1", "DCC0", "T0"]}},
            "m.toml: B0 must not raise a cell twice, as ['T0', 'T1', 'DCC0', 'T0'] does",
        ),
        (
            {"addresses": {"B0": [f"T{i}" for i in range(33)]}},
            "m.toml: B0 must list 1 to 32 wordlines, not ['T0', 'T1', 'T2', 'T3', 'T4', 'T5', ...",
        ),
        (
            {"addresses": {"B0": ["T7"]}},
            "m.toml: B0: a wordline must be a cell, or ! and a cell, not 'T7'",
        ),
        (
            {"addresses": {"B0": ["!!T0"]}},
            "m.toml: B0: a wordline must be a cell, or ! and a cell, not '!!T0'",
        ),
        (
            {"addresses": {"B0": [0]}},
            "m.toml: B0: a wordline must be a cell, or ! and a cell, not 0",
        ),
        (
            {"addresses": {"B0": ["DCC0", "!DCC0"]}},
            "m.toml: B0 must not raise a cell twice, as ['DCC0', '!DCC0'] does",
        ),
        ({"constants": [0, 1]}, "m.toml: `constants` must be a table with entries, not [0, 1]"),
        ({"constants": {"C0": 2}}, "m.toml: constant C0 must be 0 or 1, not 2"),
        ({"constants": {"C0": True}}, "m.toml: constant C0 must be 0 or 1, not True"),
        ({"constants": {"D0": 0}}, NOT_A_NAME + "'D0'"),
        (
            {"constants": {"B0": 0}},
            "m.toml: B0 must not be both in `addresses` and `constants`",
        ),
    ],
)
def test_a_malformed_map_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(_table(**changes), "m.toml")
    assert str(caught.value) == message


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
_LINES = st.lists(st.sampled_from(["T0", "T1", "DCC0", "!DCC0", "!T1"]) | _ODD, max_size=5)


@given(
    st.fixed_dictionaries(
        {"name": st.just("n") | _ODD, "source": st.just("s") | _ODD},
        optional={
            "cells": st.lists(st.sampled_from(["T0", "T1", "DCC0"]), unique=True) | _ODD,
            "constants": st.just({"C0": 0}) | st.dictionaries(st.text(max_size=3), _ODD) | _ODD,
            "addresses": st.dictionaries(st.sampled_from(["B0", "C0", "x"]), _LINES) | _ODD,
            "description": _ODD,
        },
    )
)
def test_any_table_is_a_map_or_refused_in_one_short_line(table: dict[str, Any]) -> None:
    try:
        rows, said = parse(table, "m.toml"), "m.toml"
    except InputError as error:
        rows, said = None, str(error)
    assert said.startswith("m.toml")
    assert len(said) < 250
    if rows is not None:
        _round_trip(rows)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(InputError) as caught:
        load(missing)
    assert str(caught.value) == (
        f"`address_map` {str(missing)!r} cannot be read: No such file or directory"
    )
    broken, half = tmp_path / "broken.toml", "name = "
    broken.write_text(half, encoding="utf-8")
    with pytest.raises(tomllib.TOMLDecodeError) as wrong:
        tomllib.loads(half)
    with pytest.raises(InputError) as caught:
        load(broken)
    assert str(caught.value) == f"broken.toml is not a TOML file: {wrong.value}"
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"binary\.toml' is not a TOML file: not UTF-8$"):
        load(binary)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        load("tree-dcc")
    assert str(caught.value) == (
        f"`address_map` must be one of {', '.join(names())} or the path of a .toml file, "
        "not 'tree-dcc'; did you mean 'three-dcc'?"
    )
