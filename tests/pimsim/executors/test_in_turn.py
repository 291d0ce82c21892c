"""Outputs in turn on one tile a thread: what a program for each, on columns of its own, gives."""

from __future__ import annotations

import numpy as np
import pytest

from pimsim.bits import pack, unpack
from pimsim.errors import DramError
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.run.in_turn import InTurn, OwnRows
from pimsim.executors.compiled.run.run import run
from pimsim.executors.compiled.run.tiles import Layout, Tiles
from pimsim.executors.compiled.run.write_bits import Gather, roomy
from pimsim.microprogram.logic import AND, XNOR
from pimsim.microprogram.row_program import RowProgram, Write
from pimsim.microprogram.schedule import Schedule

ROWS, INPUTS, OUTPUTS, COLUMNS = 60, 8, 5, 1300
FULL = np.uint64(2**64 - 1)


def _compiled(*, spoiling: bool = False) -> Compiled:
    """XNOR of two loaded rows with an output's own, into two slots; or one of them is spoiled."""
    layout, schedule = Layout(ROWS), Schedule(1)
    first = layout.map.first_data
    for k in range(2):
        schedule.append((XNOR,), None, a=first + k, b=first + INPUTS + k, out=first + 30 + k)
    if spoiling:
        schedule.append((AND,), None, a=first, b=first + 1, out=first)
    program = RowProgram(1)
    program.run(schedule)
    for k in range(2):
        program.read(30 + k)
    return compile_program(program, layout)


def _loaded(tiles: Tiles) -> tuple[Gather, np.ndarray]:
    strings = roomy(COLUMNS)
    strings[:COLUMNS] = np.random.default_rng(3).integers(0, 256, COLUMNS)
    return Gather(np.arange(COLUMNS), [(0, INPUTS)], tiles), strings


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tile_words", [8, 24])
def test_as_if_every_output_had_its_columns(tile_words: int, threads: int) -> None:
    compiled = _compiled()
    tiles = Tiles(COLUMNS, ROWS, tile_words=tile_words)
    gather, strings = _loaded(tiles)
    bits = np.random.default_rng(4).integers(0, 2, (OUTPUTS, 2)).astype(bool)
    first = tiles.layout.row(INPUTS)
    own = OwnRows(first, np.ascontiguousarray(np.where(bits, FULL, np.uint64(0))))
    tiles.written[first : first + 2] = True
    found = np.empty((OUTPUTS, 2, tiles.words), np.uint64)
    turn = InTurn(compiled, tiles, [own])
    for _ in range(2):  # and again, on tiles that were used
        turn.run([gather.call(strings, COLUMNS)], found, threads)
        for output in range(OUTPUTS):
            alone = Tiles(COLUMNS, ROWS, tile_words=tile_words)
            Gather(np.arange(COLUMNS), [(0, INPUTS)], alone).load(strings, COLUMNS)
            for k in range(2):
                alone.save(INPUTS + k, pack(np.full(COLUMNS, bits[output, k], np.uint8)))
            wanted = run(compiled, alone, np.array([0]), threads=1)[0]
            for slot in range(2):
                np.testing.assert_array_equal(
                    unpack(found[output, slot], COLUMNS), unpack(wanted[slot], COLUMNS)
                )
    assert len({found[output].tobytes() for output in range(OUTPUTS)}) > 1


def test_a_row_that_nobody_writes_is_refused() -> None:
    tiles = Tiles(COLUMNS, ROWS)
    gather, strings = _loaded(tiles)
    found = np.empty((OUTPUTS, 2, tiles.words), np.uint64)
    with pytest.raises(DramError, match="D8 was never written and cannot be activated"):
        InTurn(_compiled(), tiles, []).run([gather.call(strings, COLUMNS)], found)


def test_what_spoils_its_operands_cannot_be_repeated() -> None:
    loaded = [Write(range(INPUTS), 0, None)]
    assert _compiled().repeatable(loaded)
    assert not _compiled(spoiling=True).repeatable(loaded)
    assert _compiled(spoiling=True).repeatable([Write(range(1, INPUTS), 0, None)])
