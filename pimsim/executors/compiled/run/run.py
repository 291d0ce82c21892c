"""Runs a compiled program on tiles, with threads; or command by command, if that is impossible."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, pack, words_for
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.lower.compile import Compiled
from pimsim.executors.compiled.run.driver import drive, plan_for
from pimsim.executors.compiled.run.processors import default_threads, spread
from pimsim.executors.compiled.run.tiles import Tiles, empty
from pimsim.executors.reference import carry_out
from pimsim.microprogram.row_program import RowProgram


def run(
    compiled: Compiled,
    tiles: Tiles,
    outputs: NDArray[np.intp],
    *,
    threads: int | None = None,
    into: Words | None = None,
) -> Words:
    """Carry the row program out for outputs in order, on every tile.

    Args:
        compiled: the row program.
        tiles: rows, changed in place.
        outputs: (n,).
        threads: processors used, all if None, and fewer for a short run; the result does not
            depend on it.
        into: memory for the rows read out, of the shape of the result; new memory if None.

    Returns:
        (n, slots, words): the rows read out; ``words`` as of ``tiles.words``.

    Raises:
        DramError: a row that was never written is activated (found out before anything runs), or
            two cells that differ are sensed together (found out afterwards).
    """
    if compiled.layout.key() != tiles.layout.key():
        raise InputError("tiles must have the layout that the row program was compiled for")
    table = np.ascontiguousarray(outputs, dtype=np.int64)
    if table.size and not 0 <= table.min() <= table.max() < compiled.program.outputs:
        raise InputError(
            f"outputs must be 0 to {compiled.program.outputs - 1}, "
            f"not {table.min()} to {table.max()}"
        )
    shape = (len(table), compiled.program.slots, tiles.words)
    results = empty(shape, "rows read out") if into is None else into
    if results.shape != shape or not results.flags.c_contiguous:
        raise InputError(f"`into` must have the shape {shape} and lie in one piece")
    if not table.size:
        return results
    if not _may_run(compiled, tiles, table):
        run_reference(compiled.program, tiles, table, results)
        return results
    plan, function = plan_for(compiled, tiles), drive()
    blocks, row_bytes = plan.blocks(table), tiles.tile_words * 8
    ahead = plan.ahead(table, tiles.layout.places * row_bytes)

    def part(first: int, last: int) -> None:
        own = plan.take_own()
        function(
            first,
            last,
            tiles.data.ctypes.data,
            tiles.tiles,
            tiles.layout.places * row_bytes,
            table.ctypes.data,
            blocks.ctypes.data,
            len(blocks),
            plan.entries.ctypes.data,
            results.ctypes.data,
            compiled.program.slots,
            row_bytes,
            own.ctypes.data,
            plan.own_rows,
            ahead,
        )
        plan.give_own(own)

    count = default_threads() if threads is None else threads
    spread(part, tiles.tiles, min(count, plan.threads(table, tiles.tiles)))
    _note(compiled, tiles, table)
    return results


@cache
def warn() -> None:
    """Say once that there is no compiler."""
    warnings.warn(
        f"no compiler back end ({emit.why_not()}): the reference executor is used, which is slower",
        RuntimeWarning,
        stacklevel=3,
    )


def _may_run(compiled: Compiled, tiles: Tiles, table: NDArray[np.int64]) -> bool:
    """Whether every row that is read was written; otherwise the reference reports the error."""
    if emit.why_not() is not None:
        warn()
        return False
    if compiled.refused:
        return False
    sorts = [compiled.sorts[number] for number in np.unique(compiled.sort_of[table])]
    return all(tiles.written[sort.needed].all() for sort in sorts)


def prepare(compiled: Compiled, tiles: Tiles) -> None:
    """Make the machine code and allocate the memory that the first run on such tiles needs."""
    plan_for(compiled, tiles).provide(min(default_threads(), tiles.tiles))
    if emit.why_not() is None:
        drive()


def _note(compiled: Compiled, tiles: Tiles, table: NDArray[np.int64]) -> None:
    """Mark written rows, and check for clashes."""
    for number in np.unique(compiled.sort_of[table]):
        sort = compiled.sorts[number]
        tiles.written[sort.written] = True
        tiles.written[sort.lost] = False
        place = tiles.layout.clash
        if sort.written[place]:
            clash = tiles.data[:, place].reshape(-1)[: words_for(tiles.columns)]
            differ = bool((clash & pack(np.ones(tiles.columns, dtype=np.uint8))).any())
            tiles.data[:, place] = 0
            if differ:
                raise DramError(
                    "two cells that differ cannot be sensed together: charge sharing leaves the "
                    "bitline at its precharge level"
                )


def run_reference(
    program: RowProgram, tiles: Tiles, outputs: NDArray[np.int64], results: Words
) -> None:
    """Carry out what :func:`run` does, command by command.

    It is used for programs that may be refused, and if there is no compiler. Raises DramError as
    the reference does; then the tiles are unchanged.
    """
    parts = [subarray_of(tiles, part) for part in range(tiles.layout.parts)]
    used = words_for(tiles.columns)
    for place in range(len(outputs)):
        found = carry_out(program.items, parts, outputs[place : place + 1])
        for slot, words in enumerate(found.values()):
            results[place, slot, :used] = words[0]
    for part, subarray in enumerate(parts):
        take_back(tiles, part, subarray)


def subarray_of(tiles: Tiles, part: int) -> Subarray:
    """A subarray of the reference with the content of a part."""
    layout = tiles.layout
    subarray = Subarray(tiles.columns, rows=layout.rows, address_map=layout.map)
    for cell in range(len(layout.map.cells)):
        if tiles.written[layout.cell(cell, part)]:
            subarray.put_cell(cell, tiles.get(layout.cell(cell, part))[None])
    for row in range(layout.data_rows):
        if tiles.written[layout.row(row, part)]:
            subarray.write(row, tiles.load(row, part)[None])
    return subarray


def take_back(tiles: Tiles, part: int, subarray: Subarray) -> None:
    """Copy the content of a subarray of the reference to a part."""
    layout = tiles.layout
    for row in range(layout.data_rows):
        if len(subarray.written_lanes(row)):
            tiles.save(row, subarray.peek(row)[0], part)
    for cell in range(len(layout.map.cells)):
        if len(subarray.written_cell_lanes(cell)):
            tiles.put(layout.cell(cell, part), subarray.peek_cell(cell)[0])
