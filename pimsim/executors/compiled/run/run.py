"""Running a compiled program on tiles, with threads.

>>> import numpy as np
>>> from pimsim.executors.compiled.lower.compile import compile_program
>>> from pimsim.microprogram.row_program import RowProgram
>>> from pimsim.executors.compiled.run.tiles import Tiles, pack, unpack
>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule = Schedule(outputs=1)
>>> schedule.append((NOT,), a=18, out=19)
>>> program = RowProgram(1)
>>> program.run(schedule)
>>> slot = program.read(1)
>>> tiles = Tiles(columns=2, rows=24)
>>> tiles.save(0, pack(np.array([[0, 1]])))
>>> compiled = compile_program(program, tiles.layout)
>>> unpack(run(compiled, tiles, np.array([0]))[0, 0, slot], 2)
array([1, 0], dtype=uint8)
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, pack, words_for
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import backend
from pimsim.executors.compiled.codegen.driver import drive
from pimsim.executors.compiled.lower.compile import Compiled
from pimsim.executors.compiled.run.call_tables import plan_for
from pimsim.executors.compiled.run.fallback import run_reference
from pimsim.executors.compiled.run.threads import default_threads, spread
from pimsim.executors.compiled.run.tiles import Tiles, empty

__all__ = ["prepare", "run", "spread"]

Lanes = NDArray[np.intp]


def run(
    compiled: Compiled,
    tiles: Tiles,
    outputs: NDArray[np.intp],
    lanes: Lanes | None = None,
    *,
    threads: int | None = None,
    into: Words | None = None,
) -> Words:
    """Carry the row program out for outputs in order, on every tile.

    Args:
        compiled: the row program.
        tiles: rows, changed in place.
        outputs: (lanes,) or (lanes, n): what each lane works on; -1 is nothing.
        lanes: lanes that take part, all if None.
        threads: processors used, all if None; the result does not depend on it.
        into: memory for the rows read out, of the shape of the result; new memory if None.

    Returns:
        (lanes, n, slots, words): the rows read out; ``words`` as of ``tiles.words``.

    Raises:
        DramError: a row that was never written is activated (found out before anything runs), or
            two cells that differ are sensed together (found out afterwards).
    """
    if compiled.layout.key() != tiles.layout.key():
        raise InputError("tiles must have the layout that the row program was compiled for")
    some = np.arange(tiles.lanes) if lanes is None else np.asarray(lanes)
    table = np.ascontiguousarray(outputs, dtype=np.int64).reshape(len(some), -1)
    if table.size and not -1 <= table.min() <= table.max() < compiled.program.outputs:
        raise InputError(
            f"outputs must be -1 to {compiled.program.outputs - 1}, "
            f"not {table.min()} to {table.max()}"
        )
    shape = (len(some), table.shape[1], compiled.program.slots, tiles.words)
    results = empty(shape, "rows read out") if into is None else into
    if results.shape != shape or not results.flags.c_contiguous:
        raise InputError(f"`into` must have the shape {shape} and lie in one piece")
    if not table.size:
        return results
    if not _may_run(compiled, tiles, table, some):
        run_reference(compiled.program, tiles, table, some, results)
        return results
    plan = plan_for(compiled, tiles)
    blocks, lane_blocks = plan.blocks(table)
    numbers = some.astype(np.int64)
    function = drive()
    places = tiles.layout.places

    def part(first: int, last: int) -> None:
        own = plan.take_own()
        function(
            first,
            last,
            tiles.data.ctypes.data,
            tiles.tiles,
            places * tiles.tile_words * 8,
            numbers.ctypes.data,
            table.ctypes.data,
            lane_blocks.ctypes.data,
            blocks.ctypes.data,
            plan.entries.ctypes.data,
            results.ctypes.data,
            compiled.program.slots,
            tiles.tile_words * 8,
            own.ctypes.data,
            plan.own_rows,
        )
        plan.give_own(own)

    spread(part, len(some) * tiles.tiles, threads)
    _note(compiled, tiles, table, some)
    return results


@cache
def _warn() -> None:
    warnings.warn(
        f"no compiler back end ({backend.why_not()}): the reference executor is used, "
        "which is slower",
        RuntimeWarning,
        stacklevel=3,
    )


def _may_run(compiled: Compiled, tiles: Tiles, table: NDArray[np.int64], lanes: Lanes) -> bool:
    """Whether everything that is read was written; else the reference tells what is wrong."""
    if backend.why_not() is not None:
        _warn()
        return False
    if compiled.refused:
        return False
    used = np.unique(compiled.sort_of[table[table >= 0]])
    needed = np.zeros(tiles.layout.places, dtype=np.bool_)
    for number in used:
        needed |= compiled.sorts[number].needed
    written = tiles.written[lanes][(table >= 0).any(axis=1)]
    return bool(written[:, needed].all())


def prepare(compiled: Compiled, tiles: Tiles) -> None:
    """Make the machine code now, and have the memory, that the first run on such tiles needs."""
    plan_for(compiled, tiles).provide(min(default_threads(), tiles.lanes * tiles.tiles))


def _note(compiled: Compiled, tiles: Tiles, table: NDArray[np.int64], lanes: Lanes) -> None:
    """Mark what was written, and look for clashes."""
    layout = tiles.layout
    for number in np.unique(compiled.sort_of[table[table >= 0]]):
        sort = compiled.sorts[number]
        taking = lanes[((table >= 0) & (compiled.sort_of[table] == number)).any(axis=1)]
        tiles.written[np.ix_(taking, np.flatnonzero(sort.written))] = True
        tiles.written[np.ix_(taking, np.flatnonzero(sort.lost))] = False
        if sort.written[layout.clash]:
            clash = tiles.data[taking, :, layout.clash].reshape(len(taking), -1)
            inside = pack(np.ones(tiles.columns, dtype=np.uint8))
            differ = bool((clash[:, : words_for(tiles.columns)] & inside).any())
            tiles.data[:, :, layout.clash] = 0
            if differ:
                raise DramError(
                    "two cells that differ cannot be sensed together: charge sharing leaves the "
                    "bitline at its precharge level"
                )
