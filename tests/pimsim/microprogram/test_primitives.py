"""Every primitive: its program computes its truth table, in as many commands as published."""

from __future__ import annotations

import csv
import functools
import random
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from pimsim.bits import pack
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap, load
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.executors.reference import execute
from pimsim.microprogram.counting import popcount
from pimsim.microprogram.primitives import PRIMITIVES, Primitive, operands

GOLDEN = Path(__file__).parents[2] / "golden" / "command_counts.csv"
EXHAUSTIVE_BITS = 12


Rows = dict[str, NDArray[np.uint8]]
"""Bits of every row, (columns,), by its symbol."""


class Cases(NamedTuple):
    """Values of operands, one a column, and what comes out."""

    inputs: Rows
    outputs: Rows


def _rows(symbols: tuple[str, ...], values: list[dict[str, int]]) -> Rows:
    """The rows of operands, from what they are in every column."""
    found = {}
    for name, group in operands(symbols).items():
        size = -(-len(group) // 8)
        held = b"".join(one[name].to_bytes(size, "little") for one in values)
        packed = np.frombuffer(held, np.uint8).reshape(-1, size)
        bits = np.unpackbits(packed, axis=1, count=len(group), bitorder="little")
        found |= dict(zip(group, bits.T, strict=True))
    return found


def _cases(primitive: Primitive, width: int, columns: list[dict[str, int]]) -> Cases:
    program = primitive.program(width)
    meant = [primitive.meaning(width, one) for one in columns]
    sizes = {name: len(group) for name, group in operands(program.outputs).items()}
    assert all(one.keys() == sizes.keys() for one in meant)
    assert all(0 <= one[name] >> bits == 0 for one in meant for name, bits in sizes.items())
    return Cases(_rows(program.inputs, columns), _rows(program.outputs, meant))


def _check(
    primitive: Primitive, width: int, cases: Cases, address_map: AddressMap = DEFAULT_MAP
) -> None:
    """Run the program on the given rows, and compare what it leaves with what is expected."""
    program = primitive.program(width, address_map)
    assert (program.inputs, program.outputs) == (tuple(cases.inputs), tuple(cases.outputs))
    count = len(cases.inputs[program.inputs[0]])
    subarray = Subarray(columns=count, rows=4096, address_map=address_map)
    place = {symbol: index for index, symbol in enumerate(program.symbols)}
    rng = np.random.default_rng(len(place))
    for cell in range(len(address_map.cells)):  # what a program does not write means nothing
        subarray.put_cell(cell, pack(rng.integers(0, 2, (1, count))))
    for index in range(len(place), len(place) + 3):
        subarray.write_bits(index, rng.integers(0, 2, (1, count)))
    beside = [subarray.peek(index) for index in range(len(place), len(place) + 3)]
    for symbol, row in cases.inputs.items():
        subarray.write_bits(place[symbol], row[None])
    subarray.clear_counts()
    execute(program, subarray, **place)
    (counts,) = subarray.counts()
    assert (counts.aap, counts.ap) == (program.aap, program.ap)
    assert counts.extra_wordlines == program.extra_wordlines()
    for index, before in enumerate(beside, len(place)):
        assert np.array_equal(subarray.peek(index), before)
    for symbol, row in cases.outputs.items():
        np.testing.assert_array_equal(subarray.read_bits(place[symbol])[0], row, symbol)


def _sizes(primitive: Primitive, width: int) -> dict[str, int]:
    return {n: len(s) for n, s in operands(primitive.program(width).inputs).items()}


@functools.cache
def _exhaustive(name: str, width: int) -> Cases:
    """Every input of a primitive, for all address maps."""
    sizes = _sizes(PRIMITIVES[name], width)
    every = product(*(range(2**bits) for bits in sizes.values()))
    return _cases(PRIMITIVES[name], width, [dict(zip(sizes, one, strict=True)) for one in every])


@pytest.mark.parametrize("name", PRIMITIVES)
def test_truth_table_is_met_on_every_input(name: str, address_map: AddressMap) -> None:
    primitive = PRIMITIVES[name]
    widths = range(primitive.narrowest, 12) if primitive.sized else [primitive.width]
    for width in widths:
        if sum(_sizes(primitive, width).values()) <= EXHAUSTIVE_BITS:
            _check(primitive, width, _exhaustive(name, width), address_map)


def test_a_map_that_opens_five_rows_adds_in_fewer_commands(renamed: AddressMap) -> None:
    counts = {name: len(PRIMITIVES["full-adder"].program(address_map=load(name)))
              for name in ("ambit", "three-dcc", "five-row")}  # fmt: skip
    assert counts == {"ambit": 8, "three-dcc": 8, "five-row": 6}
    assert len(PRIMITIVES["full-adder"].program(address_map=renamed)) == 8


EXPRESSED = {"copy", "not", "and", "or", "nand", "nor", "maj3", "and-reduction", "or-reduction",
             "greater", "greater-equal", "greater-equal-constant", "add"}  # fmt: skip


def test_a_map_without_ambits_structure_runs_what_it_can_express(eight_cells: AddressMap) -> None:
    """And refuses the rest by what is missing; both are known of these cells."""
    expressed, refused = set(), []
    for name, primitive in PRIMITIVES.items():
        width = 3 if primitive.sized else primitive.width
        try:
            primitive.program(width, eight_cells)
        except InputError as error:
            refused.append(str(error))
            continue
        _check(primitive, width, _exhaustive(name, width), eight_cells)
        expressed.add(name)
    assert expressed == EXPRESSED, (
        f"runs on these cells: {sorted(expressed - EXPRESSED)}; no more: "
        f"{sorted(EXPRESSED - expressed)}. EXPRESSED above names those that do"
    )
    assert all("cannot run on the address map 'eight cells': no address raises" in one
               for one in refused)  # fmt: skip


@pytest.mark.parametrize("name", [n for n, p in PRIMITIVES.items() if p.sized])
@pytest.mark.parametrize("width", [13, 24, 31, 64])
def test_wide_operands_are_right_on_random_rows(name: str, width: int) -> None:
    rng = random.Random(f"{name}{width}")
    sizes = _sizes(PRIMITIVES[name], width)
    columns = [{n: rng.getrandbits(bits) for n, bits in sizes.items()} for _ in range(200)]
    if "b" in sizes:  # equal operands are what comparisons get wrong
        columns[:20] = [one | {"b": one["a"]} for one in columns[:20]]
    _check(PRIMITIVES[name], width, _cases(PRIMITIVES[name], width, columns))


@pytest.mark.parametrize("inputs", [100, 127, 255, 511, 576, 784, 1023, 1152])
@pytest.mark.slow
def test_popcount_counts_random_rows(inputs: int) -> None:
    rng = random.Random(inputs)
    drawn = [rng.getrandbits(inputs) for _ in range(60)]
    values = [{"x": value} for value in (*drawn, 0, 2**inputs - 1)]
    for name in ("popcount", "popcount-simdram"):
        _check(PRIMITIVES[name], inputs, _cases(PRIMITIVES[name], inputs, values))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_programs_have_the_published_number_of_commands(name: str) -> None:
    primitive = PRIMITIVES[name]
    every = [*range(primitive.narrowest, 18), 31, 32, 33, 63, 64]
    for width in every if primitive.sized else [primitive.width]:
        assert len(primitive.program(width)) == primitive.count(width)


def _golden() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", _golden(), ids=lambda row: f"{row['primitive']}-{row['width']}")
def test_golden_command_counts(row: dict[str, str]) -> None:
    program = PRIMITIVES[row["primitive"]].program(int(row["width"]))
    assert (program.aap, program.ap) == (int(row["aap"]), int(row["ap"]))


def test_popcount_keeps_few_rows_pending() -> None:
    assert len(popcount(784).scratch) <= 24


@pytest.mark.parametrize(("name", "width"), [("popcount", 1), ("add", 0), ("xor", 2)])
def test_impossible_widths_are_refused(name: str, width: int) -> None:
    with pytest.raises(InputError, match=f"must be .*, not {width}$"):
        PRIMITIVES[name].program(width)
