"""The compiled executor beside the reference: tiles and subarrays that hold the same."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import DramError
from pimsim.executors.compiled.lower.compile import Compiled
from pimsim.executors.compiled.run.run import run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.microprogram import arithmetic, logic
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run
from pimsim.microprogram.schedule import Schedule

MAP = ambit()
D = MAP.first_data
DATA_ROWS = 12
CELLS = len(MAP.cells)


def three(name: str, text: str) -> Program:
    return Program.parse(name, text, inputs=("a", "b", "c"), outputs=("out",))


ADDERS = ((arithmetic.FULL_ADDER, arithmetic.FULL_ADDER_NOT_C),)
COMPARISONS = (
    (arithmetic.COMPARE_BEGIN,),
    (arithmetic.COMPARE_BIT, arithmetic.COMPARE_NOT_BIT),
    (arithmetic.COMPARE_END, arithmetic.COMPARE_NOT_END),
)
LOOKS = tuple(
    (Program.parse(f"see-{name}", f"({name},out)", inputs=(), outputs=("out",)),)
    for name in ("B3", "B4", "B7")
)
OTHER_CELLS = (
    (
        three("low-cells", "(a,B0)(b,B1)(c,B2)(B2,out)"),
        three("high-cells", "(a,B3)(b,B4)(c,B6)(B3,out)"),
    ),
)
REST = (
    (logic.COPY,),
    (logic.NOT,),
    (logic.AND, logic.OR),
    (logic.XOR, logic.XNOR),
    (logic.reduction("C0", 4), logic.reduction("C1", 4)),
    # No masks make these the same: all are computed, and one is chosen.
    (
        logic.MAJ3,
        three("a-and-b", "(a,B0)(b,B1)(C0,B2)(B12,out)"),
        three("c", "(a,B0)(b,B1)(c,B2)(B2,out)"),
    ),
    (arithmetic.FULL_ADDER_NOT_C,),
    (arithmetic.greater_equal(2),),
    (arithmetic.maximum(2),),
    (logic.SELECT,),
)
FAMILIES = (
    ADDERS + COMPARISONS + REST + ADDERS,
    ADDERS,
    ADDERS + LOOKS,
    COMPARISONS,
    COMPARISONS + LOOKS + ADDERS,
)


def schedule_at_random(rng: Random, outputs: int, steps: int) -> Schedule:
    """Steps of known programs on random rows: some outputs alike, some rows shared."""
    schedule, families = Schedule(outputs), rng.choice(FAMILIES)
    together = rng.choice([0.3, 0.5, 1.0])
    for _ in range(steps):
        programs = rng.choice(families)
        variant = rng.choices(range(len(programs)), k=outputs)
        if rng.random() < 0.3:
            variant = variant[:1] * outputs
        rows: dict[str, int | NDArray[np.int64]] = {}
        for symbol in programs[0].symbols:
            written = symbol in programs[0].outputs or symbol in programs[0].scratch
            lowest = 0 if written else -2  # constants, too, can be read
            chosen = rng.choices(range(lowest, DATA_ROWS), k=outputs)
            if rng.random() < (max(0.9, together) if written else together):
                chosen = chosen[:1] * outputs
            alike = len(set(chosen)) == 1
            rows[symbol] = D + chosen[0] if alike else D + np.array(chosen)
        kinds = None if len(programs) == 1 else np.array(variant)
        schedule.append(programs, kinds, **rows)
    return schedule


class Pair:
    """The same rows twice: tiles, and subarrays of the reference."""

    def __init__(self, rng: Random, columns: int, parts: int = 1, *, cells: bool = True) -> None:
        self.columns = columns
        self.tiles = Tiles(
            columns, D + DATA_ROWS, parts=parts, tile_words=rng.choice([None, 8, 16, 40])
        )
        self.parts = [Subarray(columns, rows=D + DATA_ROWS) for _ in range(parts)]
        random = np.random.default_rng(rng.randrange(2**32))
        for part, subarray in enumerate(self.parts):
            for row in range(DATA_ROWS):
                words = pack(random.integers(0, 2, (1, columns), dtype=np.uint8))
                subarray.write(row, words)
                self.tiles.save(row, words[0], part)
            for cell in range(CELLS * cells):
                words = pack(random.integers(0, 2, (1, columns), dtype=np.uint8))
                subarray.put_cell(cell, words)
                self.tiles.put(self.tiles.layout.cell(cell, part), words[0])

    def forget_some(self, rng: Random) -> None:
        """Go on with rows some of which were never written."""
        for part, subarray in enumerate(self.parts):
            fresh = Subarray(self.columns, rows=D + DATA_ROWS)
            for row in range(DATA_ROWS):
                kept = rng.random() < 0.9
                if kept:
                    fresh.write(row, subarray.peek(row))
                self.tiles.written[self.tiles.layout.row(row, part)] = kept
            for cell in range(CELLS):
                if len(subarray.written_cell_lanes(cell)):
                    fresh.put_cell(cell, subarray.peek_cell(cell))
            self.parts[part] = fresh

    def reference(self, recipe: RowProgram, outputs: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Rows read out, (n, slots, columns)."""
        found = np.zeros((len(outputs), recipe.slots, self.columns), dtype=np.uint8)
        for k, output in enumerate(outputs[:, None]):
            slot = 0
            for item in recipe.items:
                if isinstance(item, Run):
                    item.schedule.run(self.parts[item.part], output)
                elif isinstance(item, Move):
                    self.parts[item.to_part].write(
                        item.to_row, self.parts[item.part].read(item.row)
                    )
                elif isinstance(item, Read):
                    found[k, slot] = self.parts[item.part].read_bits(item.row)
                    slot += 1
        return found

    def expect_same(self, *, cells: bool) -> None:
        """Compare all rows, and the cells if asked for: which were written, and what they hold."""
        layout = self.tiles.layout
        for part, subarray in enumerate(self.parts):
            for row in range(DATA_ROWS):
                written = bool(len(subarray.written_lanes(row)))
                self._expect(layout.row(row, part), subarray.peek(row) if written else None)
            for cell in range(CELLS * cells):
                if len(subarray.written_cell_lanes(cell)):
                    self._expect(layout.cell(cell, part), subarray.peek_cell(cell))

    def _expect(self, place: int, words: NDArray[np.uint64] | None) -> None:
        name = self.tiles.layout.name(place)
        assert self.tiles.written[place] == (words is not None), name
        if words is not None:
            found = unpack(self.tiles.get(place), self.columns)
            np.testing.assert_array_equal(found, unpack(words[0], self.columns), err_msg=name)


def both(
    pair: Pair, recipe: RowProgram, compiled: Compiled, outputs: NDArray[np.int64], threads: int
) -> str | None:
    """Run both and compare; the error that both raise, if they do."""
    wanted: NDArray[np.uint8] | None = None
    errors = []
    try:
        wanted = pair.reference(recipe, outputs)
    except DramError as error:
        errors.append(str(error))
    try:
        found = run(compiled, pair.tiles, outputs, threads=threads)
    except DramError as error:
        errors.append(str(error))
    if errors:
        assert len(errors) == 2, f"only one of them refuses: {errors}"
        assert errors[0] == errors[1]
        return errors[0]
    assert wanted is not None
    np.testing.assert_array_equal(unpack(found, pair.columns), wanted)
    return None
