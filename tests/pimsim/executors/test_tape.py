"""Tapes leave every row, and read out, what their commands do one by one, whatever cells hold."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import load
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.run import run as run_module
from pimsim.executors.compiled.run.tiles import Layout, Tiles
from pimsim.executors.compiled.tape.records import CompiledTapes
from pimsim.executors.compiled.tape.run import run_tapes
from pimsim.executors.compiled.tape.template import derived
from pimsim.microprogram.logic import NOT
from pimsim.microprogram.output_tree.layer import Layer
from pimsim.microprogram.output_tree.tree import shaped
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run

from .template_tables import DATA_ROWS, MAPS, PATTERNS, TABLES, One, Table


def drawn(rng: Random, table: Table, layout: Layout, records: int) -> tuple[list[int], int]:
    """A tape at random, with the slots that it reads into."""
    functions = derived(table, PATTERNS)
    constants = len(layout.map.constants)
    tape: list[int] = []
    slots, pattern, home = 0, None, 0

    def row(part: int, *, constant: bool = False) -> int:
        lowest = 0 if constant else constants
        return part * layout.stride + rng.randrange(lowest, constants + DATA_ROWS)

    for _ in range(records):
        chance = rng.random()
        part = rng.randrange(layout.parts)
        if chance < 0.15:
            tape += [len(table), row(part), slots]
            slots += 1
            continue
        if chance < 0.25:
            tape += [len(table) + 1, row(part), row(rng.randrange(layout.parts))]
            continue
        waiting = [n for n, one in enumerate(table) if one.before == pattern]
        code = rng.choice(waiting if rng.random() < 0.8 else range(len(table)))
        if table[code].before is not None:
            if table[code].before != pattern:
                continue
            part = home
        function = functions[code]
        while True:
            places = [
                row(part, constant=symbol not in function.stores)
                for symbol in range(function.symbols)
            ]
            if all(places[one] != places[other] for one, other in function.apart):
                break
        tape += [code, *places]
        pattern, home = table[code].after, part
    return tape, slots


class Pair:
    """The same random rows in tiles and in subarrays of the reference, and random cells there."""

    def __init__(self, seed: int, columns: int, layout: Layout, tile_words: int | None) -> None:
        self.columns, self.layout = columns, layout
        self.tiles = Tiles(
            columns,
            layout.rows,
            parts=layout.parts,
            tile_words=tile_words,
            address_map=layout.map,
        )
        self.parts = [
            Subarray(columns, rows=layout.rows, address_map=layout.map) for _ in range(layout.parts)
        ]
        self.ran: set[int] = set()
        random = np.random.default_rng(seed)
        for part, subarray in enumerate(self.parts):
            subarray.randomize(random)
            for row in range(DATA_ROWS):
                self.tiles.save(row, subarray.peek(row)[0], part)
            for cell in range(len(layout.map.cells)):
                words = pack(random.integers(0, 2, columns, dtype=np.uint8))
                self.tiles.put(layout.cell(cell, part), words)

    def reference(self, table: Table, tapes: Sequence[list[int]]) -> NDArray[np.uint8]:
        """Rows read out, (slots, columns), by every command of every record."""
        layout, found = self.layout, []
        first = layout.map.first_constant
        for tape in tapes:
            records, read = iter(tape), {}
            for code in records:
                if code < len(table):
                    program = table[code].program
                    places = [next(records) for _ in program.symbols]
                    own = [first + place % layout.stride for place in places]
                    self.ran.add(places[0] // layout.stride)
                    self.parts[places[0] // layout.stride].run(program.slots, own)
                    continue
                part, row = divmod(next(records), layout.stride)
                bits = self.parts[part].read_bits(row - len(layout.map.constants))
                if code == len(table):
                    read[next(records)] = bits[0]
                else:
                    part, row = divmod(next(records), layout.stride)
                    self.parts[part].write_bits(row - len(layout.map.constants), bits)
            found += [read[slot] for slot in range(len(read))]
        return np.array(found, np.uint8).reshape(-1, self.columns)

    def expect_same_rows(self) -> None:
        """Compare all rows."""
        for part, subarray in enumerate(self.parts):
            for row in range(DATA_ROWS):
                found = unpack(self.tiles.load(row, part), self.columns)
                np.testing.assert_array_equal(found, subarray.read_bits(row)[0], f"D{row} {part}")


@given(
    name=st.sampled_from(MAPS),
    seed=st.integers(0, 2**32 - 1),
    columns=st.sampled_from([3, 500, 2048, 2049, 5000]),
    tile_words=st.sampled_from([None, 8, 24, 64, 80, 88]),
    kind=st.sampled_from([np.uint16, np.uint32]),
    parts=st.integers(1, 3),
    tapes=st.integers(0, 3),
    threads=st.sampled_from([1, 2]),
)
@settings(max_examples=75)
def test_rows_and_reads_are_those_of_the_commands(
    name: str,
    seed: int,
    columns: int,
    tile_words: int | None,
    kind: type[Any],
    parts: int,
    tapes: int,
    threads: int,
) -> None:
    rng, table, address_map = Random(seed), TABLES[name], load(name)
    layout = Layout(address_map.first_data + DATA_ROWS, parts, address_map)
    some = [drawn(rng, table, layout, rng.randrange(40)) for _ in range(tapes)]
    pair = Pair(seed, columns, layout, tile_words)
    arrays = [np.array(tape, kind) for tape, _ in some]
    compiled = CompiledTapes(table, PATTERNS, arrays, [slots for _, slots in some], layout)
    found = run_tapes(compiled, pair.tiles, threads=threads)
    wanted = pair.reference(table, [tape for tape, _ in some])
    np.testing.assert_array_equal(unpack(found, columns) if len(found) else wanted, wanted)
    pair.expect_same_rows()
    cells = np.array([[layout.cell(cell, part) for cell in range(6)] for part in range(parts)])
    kept = ~np.isin(np.arange(parts), list(pair.ran))
    assert (pair.tiles.written[cells] == kept[:, None]).all()


@pytest.mark.parametrize("name", MAPS)
def test_without_a_compiler_tapes_are_carried_out_literally(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, table, address_map = Random(7), TABLES[name], load(name)
    layout = Layout(address_map.first_data + DATA_ROWS, 2, address_map)
    some = [drawn(rng, table, layout, 60) for _ in range(2)]
    arrays = [np.array(tape, np.uint16) for tape, _ in some]
    compiled = CompiledTapes(table, PATTERNS, arrays, [slots for _, slots in some], layout)
    fast, slow = (Pair(3, 700, layout, None) for _ in range(2))
    wanted = run_tapes(compiled, fast.tiles)
    monkeypatch.setattr(emit, "why_not", lambda: "OSError: none here")
    run_module.warn.cache_clear()
    with pytest.warns(RuntimeWarning, match="none here"):
        found = run_tapes(compiled, slow.tiles)
    np.testing.assert_array_equal(unpack(found, 700), unpack(wanted, 700))
    np.testing.assert_array_equal(fast.tiles.written, slow.tiles.written)
    slow.reference(table, [tape for tape, _ in some])
    slow.expect_same_rows()


@pytest.mark.parametrize("ternary", [True, False])
@pytest.mark.parametrize("name", MAPS)
def test_a_whole_layer(name: str, ternary: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of a group, over two subarrays, from the steps of its program."""
    if not ternary:
        monkeypatch.setattr(emit.Compiler, "ternary", False)
        table = (*TABLES[name], One(NOT.on(load(name))))  # machine code is kept by its table
    else:
        table = TABLES[name]
    address_map, random = load(name), np.random.default_rng(2)
    weights = random.choice([-1, 1], (8, 61))
    least = random.integers(-9, 9, 8)
    layer = Layer(weights, least, parts=2, data_rows=80, address_map=address_map)
    group = layer.program(shaped(range(8)))
    layout = Layout(address_map.first_data + 80, 2, address_map)
    tape, slots = recorded(group.program, table, layout)
    columns = 2500
    tiles = Tiles(columns, layout.rows, parts=2, tile_words=40, address_map=address_map)
    bits = random.integers(0, 2, (61, columns), dtype=np.uint8)
    for part in range(2):
        for row, number in enumerate(range(layer.edges[part], layer.edges[part + 1])):
            tiles.save(row, pack(bits[number]), part)
    compiled = CompiledTapes(table, PATTERNS, [tape], [slots], layout)
    found = unpack(run_tapes(compiled, tiles), columns)
    wanted = weights @ bits.astype(np.int64) >= least[:, None]
    for output, slot in group.results.items():
        np.testing.assert_array_equal(found[slot], wanted[output])


def recorded(program: RowProgram, table: Table, layout: Layout) -> tuple[NDArray[Any], int]:
    """The tape of a program whose steps are templates."""
    number = {one.program: code for code, one in enumerate(table)}
    tape: list[int] = []
    slots = 0
    for item in program.items:
        match item:
            case Run(schedule, part):
                shift = part * layout.stride - layout.map.first_constant
                for step in schedule.steps:
                    rows = [int(row) + shift for row in step.rows if isinstance(row, int)]
                    tape += [number[step.programs[0]], *rows]
            case Move(row, part, to_row, to_part):
                tape += [len(table) + 1, layout.row(row, part), layout.row(to_row, to_part)]
            case Read(row, part):
                tape += [len(table), layout.row(row, part), slots]
                slots += 1
    return np.array(tape, np.uint16), slots


# -- what is refused -----------------------------------------------------------------------------

LAYOUT = Layout(load("ambit").first_data + DATA_ROWS, 2)
AMBIT = TABLES["ambit"]
START, MIXED, END = 0, 3, 6
READ, MOVE = len(AMBIT), len(AMBIT) + 1
SECOND = LAYOUT.stride


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (
            [START, 2, len(AMBIT) + 2, 2],
            f"at 2 must begin with a number up to {MOVE}, not {MOVE + 1}",
        ),
        ([START, 2, MIXED, 3, 4], "at 2 must have 3 places"),
        ([START, LAYOUT.stored], "must name rows of the layout, not place 11"),
        ([START, LAYOUT.clash], f"must name rows of the layout, not place {LAYOUT.clash}"),
        ([START, 2, MIXED, 3, 4, 1], "must not write, read out or move the constant at place 1"),
        ([READ, 0, 0], "the constant at place 0"),
        ([MOVE, 2, SECOND], f"the constant at place {SECOND}"),
        (
            [START, 2, MIXED, 3, 4, SECOND + 5],
            f"not another one for place {SECOND + 5}",
        ),
        ([START, 2, MIXED, 3, 4, 3], "must not name place 3 twice"),
        ([MIXED, 3, 4, 5], "at 0 must take the pattern"),
        ([START, 2, END, 3, 4, 5, 6, MIXED, 3, 4, 5], "at 7 must take the pattern"),
        ([START, 2, MIXED, SECOND + 3, SECOND + 4, SECOND + 5], "at 2 must take the pattern"),
        ([READ, 3, 1], "must read into one of the slots, not 1"),
        ([START, 3], "tape 1 must read a row into each of its 1 slots, not none into slot 0"),
    ],
)
def test_what_machine_code_must_not_be_given(records: list[int], message: str) -> None:
    tapes = [np.array([READ, 2, 0], np.uint16), np.array(records, np.uint16)]
    with pytest.raises(InputError, match=message):
        CompiledTapes(AMBIT, PATTERNS, tapes, [1, 1], LAYOUT)


def test_an_input_that_is_written_may_not_be_another_that_is_read_later() -> None:
    text = "(C0,a)(b,out)"
    program = Program.parse("mine", text, inputs=("a", "b"), outputs=("out",))
    fine, wrong = (np.array([0, place, 3, 4], np.uint16) for place in (2, 3))
    CompiledTapes([One(program)], {}, [fine], [0], LAYOUT)
    with pytest.raises(InputError, match="must not name place 3 twice"):
        CompiledTapes([One(program)], {}, [wrong], [0], LAYOUT)


def test_patterns_end_with_their_tape() -> None:
    tapes = [np.array(one, np.uint16) for one in ([START, 2], [MIXED, 3, 4, 5])]
    with pytest.raises(InputError, match="tape 1, record at 0 must take the pattern"):
        CompiledTapes(AMBIT, PATTERNS, tapes, [0, 0], LAYOUT)


@pytest.mark.parametrize(
    ("tapes", "slots", "layout", "message"),
    [
        ([np.zeros(0, np.uint16), np.zeros(0, np.uint32)], [0, 0], LAYOUT, "uint16 and uint32"),
        ([np.zeros(0, np.int64)], [0], LAYOUT, "all uint16 or all uint32, not int64"),
        ([np.zeros(0, np.uint16)], [], LAYOUT, "must be 1 numbers, one a tape, not 0"),
        ([], [], Layout(40, 1, load("three-dcc")), "for the address map 'three-dcc', not 'ambit'"),
    ],
)
def test_tapes_and_layouts_that_do_not_fit(
    tapes: list[Any], slots: list[int], layout: Layout, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        CompiledTapes(AMBIT, PATTERNS, tapes, slots, layout)


def test_what_was_never_written_is_found_before_anything_runs() -> None:
    first, second = ([START, 2, END, 3, 4, 5, 6, READ, 6, 0], [START, 6, END, 7, 8, 5, 2])
    tapes = [np.array(one, np.uint16) for one in (first, second)]
    compiled = CompiledTapes(AMBIT, PATTERNS, tapes, [1, 0], LAYOUT)
    assert compiled.needed.tolist() == [2, 3, 4, 7, 8]
    pair = Pair(1, 100, LAYOUT, None)
    pair.tiles.written[[8, 6]] = False
    before = pair.tiles.data.copy()
    with pytest.raises(DramError, match="D6 was never written"):
        run_tapes(compiled, pair.tiles)
    np.testing.assert_array_equal(pair.tiles.data, before)
    pair.tiles.written[8] = True
    run_tapes(compiled, pair.tiles)
    assert pair.tiles.written[6]


def test_results_and_tiles_of_another_shape_are_refused() -> None:
    compiled = CompiledTapes(AMBIT, PATTERNS, [np.array([READ, 2, 0], np.uint16)], [1], LAYOUT)
    pair = Pair(1, 100, LAYOUT, None)
    for into in (np.zeros((2, 8), np.uint64), np.zeros((1, 8), np.int64)):
        with pytest.raises(InputError, match=r"`into` must have the shape \(1, 8\)"):
            run_tapes(compiled, pair.tiles, into=into)
    with pytest.raises(InputError, match="must have the layout"):
        run_tapes(compiled, Tiles(100, 40))


@pytest.mark.parametrize("begin", range(8))
def test_results_may_lie_anywhere(begin: int) -> None:
    compiled = CompiledTapes(AMBIT, PATTERNS, [np.array([READ, 2, 0], np.uint16)], [1], LAYOUT)
    pair = Pair(1, 500, LAYOUT, None)
    whole = np.zeros(24, np.uint64)
    into = whole[begin : begin + 8].reshape(1, 8)
    assert run_tapes(compiled, pair.tiles, into=into) is into
    np.testing.assert_array_equal(unpack(into, 500), pair.parts[0].read_bits(0))
    assert np.count_nonzero(whole) == np.count_nonzero(into)
