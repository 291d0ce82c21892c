"""The literal interpreter meets the same faults as the reference, and none without any."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim.bits import pack
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.address_map import AddressMap, ambit, load
from pimsim.dram.array.faults import Faults, Job, Site, block_width
from pimsim.dram.array.injection import Injector, Span
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.program import Block, Patch, Program
from pimsim.microprogram import arithmetic, logic
from pimsim.microprogram.program import Program as Microprogram
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape, templates

D = ambit().first_data
DATA_ROWS = 10
MANY = Microprogram.parse(
    "many", "(a,B13)(B13,b)(C1,B8)[B14](B5,B10)(B4,b)", inputs=("a",), outputs=("b",)
)
FIVE_ROW = load("five-row")
FIVE_MANY = Microprogram.parse(
    "five-many", "(a,B19)[B19](C1,B18)[B15](B19,B19)(B3,b)", inputs=("a",), outputs=("b",),
    address_map=FIVE_ROW,
)  # fmt: skip
STEPS = (
    (arithmetic.FULL_ADDER, arithmetic.FULL_ADDER_NOT_C),
    (arithmetic.COMPARE_BIT, arithmetic.COMPARE_NOT_BIT),
    (logic.COPY,),
    (logic.NOT,),
    (logic.AND, logic.OR),
    (logic.XOR, logic.XNOR),
    (logic.SELECT,),
    (MANY,),
)


@dataclass(frozen=True)
class Rates:
    """A failure table of any rates, for all kinds."""

    rates: dict[tuple[str, int, int], Rate]
    kinds: frozenset[str]

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        if kind not in self.kinds:
            raise InputError(f"no {kind}")
        return self.rates.get((kind, rows, ones), Rate(0.0, 0.0))


def rates_at_random(rng: Random) -> Rates:
    """Static faults, noise, both or nothing, for some kinds of accesses."""

    def one() -> float:
        return rng.choice([0.0, 0.0, 1e-30, 1e-18, 1e-4, 0.02, 0.3, 1.0])

    static, access = rng.random() < 0.6, rng.random() < 0.6
    kinds = frozenset(("sense", "copy", "not") if rng.random() < 0.5 else ("sense",))
    return Rates(
        {
            (kind, rows, ones): Rate(one() * static, one() * access)
            for kind in kinds
            for rows in (1, 2, 3, 5)
            for ones in range(rows + 1)
        },
        kinds,
    )


def adders_at_random(rng: Random, address_map: AddressMap) -> AdderTape:
    """Records of any templates, on random rows."""
    words: list[int] = []
    constants = len(address_map.constants)
    for _ in range(rng.randint(0, 6)):
        code = rng.randrange(len(templates(address_map)))
        symbols = len(templates(address_map)[code].program.symbols)
        words += [code, *(constants + rng.randrange(DATA_ROWS) for _ in range(symbols))]
    return AdderTape(np.array(words, np.int32), address_map)


def recipe_at_random(rng: Random, outputs: int, parts: int, address_map: AddressMap) -> RowProgram:
    """Schedules of known programs on random rows, moves and reads."""
    recipe, first = RowProgram(outputs), address_map.first_data
    steps = STEPS + (
        ((arithmetic.FULL_ADDER_OF_FIVE,), (FIVE_MANY,)) if address_map is FIVE_ROW else ()
    )
    for _ in range(rng.randint(1, 3)):
        part = rng.randrange(parts)
        schedule = Schedule(outputs, address_map)
        for _ in range(rng.randint(1, 5)):
            programs = rng.choice(steps)
            rows: dict[str, int | NDArray[np.int64]] = {}
            for symbol in programs[0].symbols:
                written = symbol in programs[0].outputs or symbol in programs[0].scratch
                chosen = rng.choices(range(0 if written else -2, DATA_ROWS), k=outputs)
                rows[symbol] = first + (np.array(chosen) if rng.random() < 0.6 else chosen[0])
            variant = np.array(rng.choices(range(len(programs)), k=outputs))
            schedule.append(programs, variant if len(programs) > 1 else None, **rows)
        recipe.run(schedule, part)
        if outputs == 1:
            recipe.run(adders_at_random(rng, address_map), rng.randrange(parts))
        recipe.move(rng.randrange(DATA_ROWS), part, rng.randrange(DATA_ROWS), rng.randrange(parts))
        recipe.read(rng.randrange(DATA_ROWS), part)
    return recipe


def by_reference(
    recipe: RowProgram, tape: Tape, faults: Faults, held: list[Subarray], block: Block, output: int
) -> list[NDArray[np.uint64]]:
    """Rows read out of subarrays that hold the columns of a block."""
    for part, subarray in enumerate(held):
        sites = [patch.sites[part] for patch in block.patches]
        (where,) = {patch.where for patch in block.patches}
        columns = subarray.columns
        placed = None if where == 0 else np.arange(where, where + columns)[None]
        injector = Injector(faults, sites, columns, placed)
        span = Span(Job(3, output, part), 0, block.number * block.width, columns, block.width)
        injector.begin([0], [[span]], tape.events(output, part))
        subarray.inject(injector)
    found = []
    for item in recipe.items:
        if isinstance(item, Run):
            item.schedule.run(held[item.part], np.array([output]))
        elif isinstance(item, Move):
            held[item.to_part].write(item.to_row, held[item.part].read(item.row))
        elif isinstance(item, Read):
            found.append(held[item.part].read(item.row)[0])
    return found


@pytest.mark.parametrize("address_map", [ambit(), FIVE_ROW], ids=lambda found: found.name)
@settings(max_examples=30, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_the_interpreter_meets_the_faults_of_the_reference(
    address_map: AddressMap, rng: Random
) -> None:
    parts, outputs = rng.choice([1, 1, 2]), rng.randint(1, 3)
    columns = rng.choice([1, 63, 64, 200, 520])
    recipe = recipe_at_random(rng, outputs, parts, address_map)
    width = block_width(rng.choice([1, 700, 9000]))
    start = rng.choice([0, 5])
    sites = tuple(Site(rng.randrange(3), part) for part in range(parts))
    block = Block(rng.randrange(3), columns, width, (Patch(columns, sites, start),))
    faults = Faults(rates_at_random(rng), chip=rng.randrange(9), noise=rng.randrange(9))  # type: ignore[arg-type]
    count, words_of = address_map.first_data + DATA_ROWS, -(-columns // 512) * 8
    tiles = Tiles(columns, count, parts=parts, tile_words=words_of, address_map=address_map)
    held = [Subarray(columns, rows=count, address_map=address_map) for _ in range(parts)]
    random = np.random.default_rng(rng.randrange(2**32))
    for part, subarray in enumerate(held):
        for row in range(DATA_ROWS):
            words = pack(random.integers(0, 2, (1, columns), dtype=np.uint8))
            subarray.write(row, words)
            tiles.save(row, words[0], part)
        for cell in range(len(address_map.cells)):
            words = pack(random.integers(0, 2, (1, columns), dtype=np.uint8))
            subarray.put_cell(cell, words)
            tiles.put(tiles.layout.cell(cell, part), words[0])
    tape = Tape(recipe, tiles.layout)
    program = Program(tape, faults)
    order = np.array(rng.sample(range(outputs), outputs))
    found = program.run(tiles.data[0], block, order, stage=3)
    inside = pack(np.ones((1, columns), np.uint8))[0]
    for number, output in enumerate(order.tolist()):
        wanted = by_reference(recipe, tape, faults, held, block, output)
        for slot, words in enumerate(wanted):
            got = found[number, slot, : len(inside)]
            np.testing.assert_array_equal(got & inside, words & inside)
    for part, subarray in enumerate(held):
        for row in range(DATA_ROWS):
            np.testing.assert_array_equal(
                tiles.load(row, part) & inside, subarray.peek(row)[0] & inside
            )


def test_without_a_compiler_the_reference_executor_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, schedule = RowProgram(1), Schedule(1)
    schedule.append((logic.COPY,), a=D, out=D + 1)
    recipe.run(schedule)
    tape = Tape(recipe, Tiles(1, D + DATA_ROWS).layout)
    monkeypatch.setattr(emit, "why_not", lambda: "OSError: none here")
    with pytest.raises(
        InputError, match=r"none \(OSError: none here\): use the reference executor"
    ):
        Program(tape, Faults(Rates({}, frozenset({"sense"})), 0, 0))  # type: ignore[arg-type]


def test_what_senses_two_rows_together_is_refused() -> None:
    recipe, schedule = RowProgram(1), Schedule(1)
    schedule.append(
        (Microprogram.parse("two", "(a,B8)(B8,b)", inputs=("a",), outputs=("b",)),), a=D, b=D + 1
    )
    recipe.run(schedule)
    layout = Tiles(1, D + DATA_ROWS).layout
    with pytest.raises(InputError, match=r"an odd number of rows is sensed together, not 2 \(B8\)"):
        Tape(recipe, layout)


def test_a_constant_row_is_not_driven() -> None:
    recipe, schedule = RowProgram(1), Schedule(1)
    schedule.append((logic.COPY,), a=D, out=D - 1)
    recipe.run(schedule)
    with pytest.raises(DramError, match="constant"):
        Tape(recipe, Tiles(1, D + DATA_ROWS).layout)
