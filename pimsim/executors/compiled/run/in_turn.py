"""Runs outputs one after the other on one tile, which stays in the cache of one thread.

A tile is filled once with the rows that are the same for all outputs. Then, for each output, the
rows with its own bits (the same in every column) are written, and the program runs. Every thread
uses one tile again and again, so that rows are neither written to memory nor read from it.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.dram.array.row_storage import unwritten
from pimsim.executors.compiled.codegen.emit import Emit
from pimsim.executors.compiled.run.processors import default_threads, spread
from pimsim.executors.compiled.run.tiles import Tiles, empty

if TYPE_CHECKING:
    from pimsim.executors.compiled.lower.compile import Compiled

_ARGUMENTS = 12
"""Number of arguments of called functions after ``first`` and ``last``. A function with fewer
arguments gets zeros, which it ignores."""
_RECORD = 2 + _ARGUMENTS
_SHARES = 2
"""Least items of work for a thread, if there are enough outputs."""


class Call(NamedTuple):
    """Machine code to be called for every tile: ``function(first, last, *arguments)``."""

    function: Callable[..., None]
    scale: int
    """Items of a tile."""
    arguments: tuple[int | NDArray[Any], ...]
    """Numbers and arrays, of which addresses are given."""
    tile: int
    """Number of the argument that is the address of the tiles; it is replaced by that of the
    thread's tile."""


class OwnRows(NamedTuple):
    """Rows that have the same bit in all columns, but another one for every output."""

    first: int
    """Place of the first."""
    words: Words
    """(outputs, rows)"""


class InTurn:
    """A program of one output, run for outputs that differ in the content of some rows.

    Args:
        compiled: the row program; it must be ``repeatable`` without loads.
        tiles: how columns are divided; its rows are not touched.
        own: rows of the outputs. Everything else that the program reads is written by loads, or
            constant.

    """

    def __init__(self, compiled: Compiled, tiles: Tiles, own: Sequence[OwnRows]) -> None:
        self._compiled, self._tiles, self._own = compiled, tiles, own
        from pimsim.executors.compiled.run.driver import drive, plan_for

        self._plan, self._drive = plan_for(compiled, tiles), drive
        rows = [(each.first, each.words.shape[1], each.words.ctypes.data) for each in own]
        self._fills = np.array(rows, np.int64).reshape(-1, 3)
        self._spare: deque[Words] = deque()
        _loop()

    def run(self, loads: Sequence[Call], into: Words, threads: int | None = None) -> None:
        """Carry the program out for every output.

        Args:
            loads: what fills a tile.
            into: (outputs, slots, words) for the rows read out; ``words`` as of ``tiles.words``.
            threads: processors used, all if None; the result does not depend on it.

        Raises DramError for a row that is activated and was not written.
        """
        tiles, plan = self._tiles, self._plan
        for sort in self._compiled.sorts:
            missing = np.flatnonzero(sort.needed & ~tiles.written)
            if len(missing):
                raise unwritten(tiles.layout.name(int(missing[0])))
        outputs, slots, words = into.shape
        row_bytes, table = tiles.tile_words * 8, np.zeros(1, np.int64)
        blocks = plan.blocks(table)
        count = default_threads() if threads is None else threads
        groups = max(1, min(outputs, -(-count * _SHARES // tiles.tiles)))
        edges = np.array([outputs * i // groups for i in range(groups + 1)], np.int64)

        def part(first: int, last: int) -> None:
            tile = self._spare.pop() if self._spare else _tile(tiles)
            kept = plan.take_own()
            records = [_record(load, tile) for load in loads]
            arguments = (
                tile, tiles.tiles, 0, table, blocks, len(blocks), plan.entries, into, slots,
                row_bytes, kept, plan.own_rows, 0,
            )  # fmt: skip
            driven = Call(self._drive(), 1, arguments, 0)
            given: tuple[int | NDArray[Any], ...] = (
                np.array(records, np.int64).reshape(-1, _RECORD), len(records), self._fills,
                len(self._fills), np.array(_record(driven, tile), np.int64),
                edges, groups, tile, row_bytes, slots * words * 8,
            )  # fmt: skip
            _loop()(first, last, *(_number(each) for each in given))
            self._spare.append(tile)
            plan.give_own(kept)

        spread(part, tiles.tiles * groups, threads)


def _tile(tiles: Tiles) -> Words:
    """Memory for one tile, with its constants."""
    made = empty((1, tiles.layout.places, tiles.tile_words), "rows of a tile")
    made[:] = 0
    for part in range(tiles.layout.parts):
        for index, (_, bit) in enumerate(tiles.layout.map.constants):
            made[:, part * tiles.layout.stride + index] = np.uint64(2**64 - 1) if bit else 0
    return made


def _number(value: int | NDArray[Any]) -> int:
    return value if isinstance(value, int) else value.ctypes.data


def _record(call: Call, tile: Words) -> list[int]:
    """A call as the loop takes it."""
    address = ctypes.cast(call.function, ctypes.c_void_p).value  # type: ignore[arg-type]
    arguments = [_number(each) for each in call.arguments]
    arguments[call.tile] = tile.ctypes.data
    return [address or 0, call.scale, *arguments, *[0] * (_ARGUMENTS - len(arguments))]


_RESULTS = 7
"""Number of the driver's argument that is the address of the results."""


@cache
def _loop() -> Callable[..., None]:
    """The loop over tiles, in each over a group of outputs."""
    code = Emit(
        "pimsim_in_turn",
        "first last *loads count *fills filled *driver *edges groups *tile row_bytes step",
    )
    vectors = code.put("lshr i64 %row_bytes, 6")
    with code.loop("%last", "%first") as item:
        number = code.put(f"sdiv i64 {item}, %groups")
        group = code.put(f"srem i64 {item}, %groups")
        begin, end = (code.get("i64", "%edges", place, 8) for place in (group, code.add(group, 1)))
        with code.loop("%count") as n:
            load = code.at(f"[{_RECORD} x i64]", "%loads", n)
            scale = code.get("i64", load, 1, 8)
            start = code.mul(number, scale)
            _call(code, load, (start, code.add(start, scale)), None)
        with code.loop(end, begin) as output:
            with code.loop("%filled") as n:
                fill = code.at("[3 x i64]", "%fills", n)
                place, rows = (code.get("i64", fill, k, 8) for k in (0, 1))
                words = code.at("i64", code.get("ptr", fill, 2, 8), code.mul(output, rows))
                target = code.at("i8", "%tile", code.mul(place, "%row_bytes"))
                with code.loop(rows) as row:
                    value = code.splat(code.get("i64", words, row, 8))
                    here = code.at("i8", target, code.mul(row, "%row_bytes"))
                    with code.loop(vectors) as v:
                        code.store(value, here, v)
            _call(code, "%driver", (number, code.add(number, 1)), code.mul(output, "%step"))
    return code.function()


def _call(code: Emit, record: str, stretch: tuple[str, str], further: str | None) -> None:
    """Call what a record says for a stretch; ``further`` is added to where results go."""
    arguments = [code.get("i64", record, 2 + k, 8) for k in range(_ARGUMENTS)]
    if further is not None:
        arguments[_RESULTS] = code.add(arguments[_RESULTS], further)
    listed = ", ".join(f"i64 {each}" for each in (*stretch, *arguments))
    code.do(f"call void {code.get('ptr', record, 0, 8)}({listed})")
