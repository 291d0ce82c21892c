"""Runs tapes on tiles, with threads; or command by command, if there is no compiler.

>>> from typing import NamedTuple
>>> from pimsim.bits import pack, unpack
>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.program import Program
>>> class One(NamedTuple):
...     program: Program
...     before: str | None = None
...     after: str | None = None
>>> tiles = Tiles(columns=4, rows=40)
>>> tiles.save(0, pack(np.array([0, 1, 1, 0], np.uint8)))
>>> d0, d1 = (tiles.layout.row(row) for row in (0, 1))
>>> tape = np.array([0, d0, d1, 1, d1, 0], np.uint16)   # template 0; a read into slot 0
>>> tapes = CompiledTapes([One(NOT)], {}, [tape], [1], tiles.layout)
>>> unpack(run_tapes(tapes, tiles)[0, :1], 4).tolist()
[1, 0, 0, 1]
"""

from __future__ import annotations

import numpy as np

from pimsim.bits import Words, words_for
from pimsim.dram.array.row_storage import unwritten
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.run.processors import VECTOR_WORDS, share
from pimsim.executors.compiled.run.tiles import Tiles, empty
from pimsim.executors.compiled.tape.records import CompiledTapes
from pimsim.executors.compiled.tape.walker import drive, walker, width


def run_tapes(
    tapes: CompiledTapes, tiles: Tiles, *, into: Words | None = None, threads: int | None = None
) -> Words:
    """Carry all tapes out in order, on every tile.

    Args:
        tapes: the tapes.
        tiles: rows, changed in place; compute cells are not kept.
        into: memory for the rows read out, of the shape of the result; new memory if None.
        threads: processors used, all if None; the result does not depend on it.

    Returns:
        (slots, words): the rows read out, those of the first tape first; ``words`` as of
        ``tiles.words``.

    Raises:
        DramError: a row that was never written is activated; found out before anything runs.
    """
    if tapes.layout.key() != tiles.layout.key():
        raise InputError("tiles must have the layout that the tapes were looked through for")
    shape = (int(tapes.slots.sum()), tiles.words)
    results = empty(shape, "rows read out") if into is None else into
    if results.shape != shape or results.dtype != np.uint64 or not results.flags.c_contiguous:
        raise InputError(f"`into` must have the shape {shape}, of uint64, and lie in one piece")
    missing = tapes.needed[~tiles.written[tapes.needed]]
    if len(missing):
        raise unwritten(tiles.layout.name(int(missing[0])))
    if emit.why_not() is None:
        _walk(tapes, tiles, results, threads)
    else:
        from pimsim.executors.compiled.run.run import warn

        warn()
        _literally(tapes, tiles, results)
    tiles.written[tapes.written] = True
    tiles.written[tapes.lost] = False
    return results


def prepare(tapes: CompiledTapes, tiles: Tiles, results: Words | None = None) -> int:
    """Address of the machine code for such tiles and results, made when first asked for."""
    drive()
    streaming = results is None or results.ctypes.data % 64 == 0
    size, vectors = tapes.records.itemsize, width(tiles.tile_words)
    return walker(tapes.functions, size, vectors, streaming=streaming)


def _walk(tapes: CompiledTapes, tiles: Tiles, results: Words, threads: int | None) -> None:
    row_bytes = tiles.tile_words * 8
    share(
        drive(),
        tiles.tiles,
        threads,
        prepare(tapes, tiles, results),
        width(tiles.tile_words) * VECTOR_WORDS * 8,
        tiles.data,
        tiles.layout.places * row_bytes,
        tapes.records.ctypes.data + tapes.edges[:-1] * tapes.records.itemsize,
        np.cumsum(tapes.slots) - tapes.slots,
        len(tapes.slots),
        results,
        tiles.words * 8,
        row_bytes,
    )


def _literally(tapes: CompiledTapes, tiles: Tiles, results: Words) -> None:
    """Every command of every record, on subarrays of the reference."""
    from pimsim.executors.compiled.run.run import subarray_of, take_back

    layout, templates = tiles.layout, len(tapes.table)
    parts = [subarray_of(tiles, part) for part in range(layout.parts)]
    first_data, used = len(layout.map.constants), words_for(tiles.columns)
    results[:, used:] = 0
    first_slot = 0
    for number, slots in enumerate(tapes.slots.tolist()):
        tape, at = tapes.tape(number).tolist(), 0
        while at < len(tape):
            code = tape[at]
            count = tapes.functions[code].symbols if code < templates else 2
            places = tape[at + 1 : at + 1 + count]
            at += 1 + count
            if code < templates:
                own = [layout.map.first_constant + place % layout.stride for place in places]
                part = places[0] // layout.stride
                parts[part].run(tapes.table[code].program.slots, own)
                continue
            part, row = divmod(places[0], layout.stride)
            words = parts[part].read(row - first_data)
            if code == templates:
                results[first_slot + places[1], :used] = words[0]
            else:
                to_part, to_row = divmod(places[1], layout.stride)
                parts[to_part].write(to_row - first_data, words)
        first_slot += slots
    for part, subarray in enumerate(parts):
        take_back(tiles, part, subarray)
