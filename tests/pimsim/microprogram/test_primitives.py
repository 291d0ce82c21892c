"""Every primitive: its program computes its truth table, in as many commands as published."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

from pimsim.bits import pack
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap, load
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.executors.reference import execute
from pimsim.microprogram.counting import popcount
from pimsim.microprogram.primitives import PRIMITIVES, Primitive, operands

GOLDEN = Path(__file__).parents[2] / "golden" / "command_counts.csv"
EXHAUSTIVE_BITS = 16


def _check(
    primitive: Primitive,
    width: int,
    columns: dict[str, list[int]],
    address_map: AddressMap = DEFAULT_MAP,
) -> None:
    """Run the program on the given operand values, one a column, and compare with the meaning."""
    program = primitive.program(width, address_map)
    count = len(next(iter(columns.values())))
    subarray = Subarray(columns=count, rows=4096, address_map=address_map)
    place = {symbol: index for index, symbol in enumerate(program.symbols)}
    rng = np.random.default_rng(len(place))
    for cell in range(len(address_map.cells)):  # what a program does not write means nothing
        subarray.put_cell(cell, pack(rng.integers(0, 2, (1, count))))
    for index in range(len(place), len(place) + 3):
        subarray.write_bits(index, rng.integers(0, 2, (1, count)))
    beside = [subarray.peek(index) for index in range(len(place), len(place) + 3)]
    for name, symbols in operands(program.inputs).items():
        for bit, symbol in enumerate(symbols):
            subarray.write_bits(
                place[symbol], np.array([[value >> bit & 1 for value in columns[name]]])
            )
    subarray.clear_counts()
    execute(program, subarray, **place)
    (counts,) = subarray.counts()
    assert (counts.aap, counts.ap) == (program.aap, program.ap)
    assert counts.extra_wordlines == program.extra_wordlines()
    for index, before in enumerate(beside, len(place)):
        assert np.array_equal(subarray.peek(index), before)
    got = {name: [0] * count for name in operands(program.outputs)}
    for name, symbols in operands(program.outputs).items():
        for bit, symbol in enumerate(symbols):
            for column, value in enumerate(subarray.read_bits(place[symbol])[0].tolist()):
                got[name][column] |= value << bit
    for column in range(count):
        expected = primitive.meaning(width, {n: v[column] for n, v in columns.items()})
        assert {n: v[column] for n, v in got.items()} == expected


def _inputs(primitive: Primitive, width: int) -> dict[str, int]:
    return {n: len(s) for n, s in operands(primitive.program(width).inputs).items()}


def _exhaustive(sizes: dict[str, int]) -> dict[str, list[int]]:
    columns: dict[str, list[int]] = {name: [] for name in sizes}
    for number in range(2 ** sum(sizes.values())):
        rest = number
        for name, bits in sizes.items():
            columns[name].append(rest & (2**bits - 1))
            rest >>= bits
    return columns


@pytest.mark.parametrize("name", PRIMITIVES)
def test_truth_table_is_met_on_every_input(name: str, address_map: AddressMap) -> None:
    primitive = PRIMITIVES[name]
    widths = range(primitive.narrowest, 12) if primitive.sized else [primitive.width]
    for width in widths:
        sizes = _inputs(primitive, width)
        if sum(sizes.values()) <= EXHAUSTIVE_BITS:
            _check(primitive, width, _exhaustive(sizes), address_map)


def test_a_map_that_opens_five_rows_adds_in_fewer_commands(renamed: AddressMap) -> None:
    counts = {name: len(PRIMITIVES["full-adder"].program(address_map=load(name)))
              for name in ("ambit", "three-dcc", "five-row")}  # fmt: skip
    assert counts == {"ambit": 8, "three-dcc": 8, "five-row": 6}
    assert len(PRIMITIVES["full-adder"].program(address_map=renamed)) == 8


EXPRESSED = {"copy", "not", "and", "or", "nand", "nor", "maj3", "and-reduction", "or-reduction",
             "greater", "greater-equal", "greater-equal-constant"}  # fmt: skip


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
        _check(primitive, width, _exhaustive(_inputs(primitive, width)), eight_cells)
        expressed.add(name)
    assert expressed == EXPRESSED
    assert all("cannot run on the address map 'eight cells': no address raises" in one
               for one in refused)  # fmt: skip


@pytest.mark.parametrize("name", [n for n, p in PRIMITIVES.items() if p.sized])
@pytest.mark.parametrize("width", [13, 24, 31, 64])
def test_wide_operands_are_right_on_random_rows(name: str, width: int) -> None:
    rng = random.Random(f"{name}{width}")
    sizes = _inputs(PRIMITIVES[name], width)
    values = {n: [rng.getrandbits(bits) for _ in range(200)] for n, bits in sizes.items()}
    if "b" in values:  # equal operands are what comparisons get wrong
        values["b"][:20] = values["a"][:20]
    _check(PRIMITIVES[name], width, values)


@pytest.mark.parametrize("inputs", [100, 127, 255, 511, 576, 784, 1023, 1152])
@pytest.mark.slow
def test_popcount_counts_random_rows(inputs: int) -> None:
    rng = random.Random(inputs)
    values = [rng.getrandbits(inputs) for _ in range(60)] + [0, 2**inputs - 1]
    for name in ("popcount", "popcount-simdram"):
        _check(PRIMITIVES[name], inputs, {"x": values})


@pytest.mark.parametrize("name", PRIMITIVES)
def test_programs_have_the_published_number_of_commands(name: str) -> None:
    primitive = PRIMITIVES[name]
    widths = range(primitive.narrowest, 65) if primitive.sized else [primitive.width]
    for width in widths:
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
