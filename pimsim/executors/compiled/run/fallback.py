"""The reference executor on tiles: for what is refused, and where there is no compiler."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, words_for
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run


def run_reference(
    program: RowProgram,
    tiles: Tiles,
    outputs: NDArray[np.int64],
    lanes: NDArray[np.intp],
    results: Words,
) -> None:
    """Carry out what :func:`pimsim.executors.compiled.run.run.run` does, command by command.

    Raises DramError for what the reference refuses; the tiles are then as they were before.
    """
    parts = [_subarray(tiles, part, lanes) for part in range(tiles.layout.parts)]
    used = words_for(tiles.columns)
    for place, column in enumerate(outputs.T):
        some = np.flatnonzero(column >= 0)
        if not len(some):
            continue
        slot = 0
        for item in program.items:
            if isinstance(item, Run):
                item.schedule.run(parts[item.part], column[some], some)
            elif isinstance(item, Move):
                moved = parts[item.part].read(item.row, None, some)
                parts[item.to_part].write(item.to_row, moved, None, some)
            elif isinstance(item, Read):
                results[some, place, slot, :used] = parts[item.part].read(item.row, None, some)
                slot += 1
    for part, subarray in enumerate(parts):
        _take_back(tiles, part, lanes, subarray)


def _subarray(tiles: Tiles, part: int, lanes: NDArray[np.intp]) -> Subarray:
    """A subarray of the reference with what a part holds."""
    layout = tiles.layout
    subarray = Subarray(tiles.columns, rows=layout.rows, lanes=len(lanes), address_map=layout.map)
    for cell in range(len(layout.map.cells)):
        place = layout.cell(cell, part)
        some = np.flatnonzero(tiles.written[lanes, place])
        if len(some):
            subarray.put_cell(cell, tiles.get(place, lanes[some]), some)
    for row in range(layout.data_rows):
        place = layout.row(row, part)
        some = np.flatnonzero(tiles.written[lanes, place])
        if len(some):
            subarray.write(row, tiles.get(place, lanes[some]), None, some)
    subarray.clear_counts()
    return subarray


def _take_back(tiles: Tiles, part: int, lanes: NDArray[np.intp], subarray: Subarray) -> None:
    layout = tiles.layout
    for row in range(layout.data_rows):
        some = subarray.written_lanes(row)
        if len(some):
            tiles.put(layout.row(row, part), subarray.peek(row, some), lanes[some])
    for cell in range(len(layout.map.cells)):
        some = subarray.written_cell_lanes(cell)
        if len(some):
            tiles.put(layout.cell(cell, part), subarray.peek_cell(cell, some), lanes[some])
