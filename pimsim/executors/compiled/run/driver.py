"""The loop over tiles, blocks of outputs, phases and kernel calls, and its tables."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.compiled.codegen.kernel import address, reader
from pimsim.executors.compiled.lower.calls import blocks
from pimsim.executors.compiled.lower.compile import Compiled, Sort
from pimsim.executors.compiled.run.processors import level2_bytes
from pimsim.executors.compiled.run.tiles import Tiles, empty

_ARGUMENTS = (
    "first last *data tiles tile_bytes *outputs *blocks count *entries *results slots row_bytes "
    "*own own_rows ahead"
)

_LINE = 64
"""Bytes of a cache line."""

BLOCK = 4
"""Numbers that describe a block: its first output, that behind its last, address of its phases, how
many."""
PHASE = 6
"""Numbers that describe a phase: address and number of its calls, of what is restored before them
(places, and rows of the output's own), and of what is saved behind them."""


@cache
def drive() -> Callable[..., None]:
    """The loop, as a function of 15 numbers and addresses.

    The arguments are: tiles ``first`` to ``last``; rows; number of tiles; bytes of a tile; outputs
    (n,); blocks (see ``BLOCK``) and their number; for each output the address of its table;
    results; rows read out for an output; bytes of a row in a tile; memory for rows that the outputs
    of a block save, and how many each saves; bytes of the next tile to prefetch with every call.
    """
    code = Emit("pimsim_drive", _ARGUMENTS)
    code.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    fetched, lines = code.slot("i64"), code.put(f"lshr i64 %ahead, {_LINE.bit_length() - 1}")
    step = code.mul("%tiles", "%row_bytes")
    own_bytes = code.mul("%own_rows", "%row_bytes")
    with code.loop("%last", "%first") as tile:
        base = code.at("i8", "%data", code.mul(tile, "%tile_bytes"))
        following = code.at("i8", base, "%tile_bytes")
        code.do(f"store i64 0, ptr {fetched}")
        with code.loop("%count") as block:
            about = code.at(f"[{BLOCK} x i64]", "%blocks", block)
            start, stop = (code.get("i64", about, i, 8) for i in (0, 1))
            phases, count = code.get("ptr", about, 2, 8), code.get("i64", about, 3, 8)
            with code.loop(count) as n, code.loop(stop, start) as o:
                phase = code.at(f"[{PHASE} x i64]", phases, n)
                output = code.get("i64", "%outputs", o, 8)
                place = code.put(f"sub i64 {o}, {start}")
                own = code.at("i8", "%own", code.mul(place, own_bytes))
                row = code.add(code.mul(code.mul(o, "%slots"), "%tiles"), tile)
                out = code.at("i8", "%results", code.mul(row, "%row_bytes"))
                entries = code.get("ptr", "%entries", output, 8)
                _copy(code, phase, 2, base, own, restore=True)
                calls = code.get("ptr", phase, 0, 8)
                with code.loop(code.get("i64", phase, 1, 8)) as n_call:
                    begun = code.put(f"load i64, ptr {fetched}")
                    soon = code.at("i8", following, begun)
                    with code.loop(lines) as line:
                        place = code.at(f"[{_LINE} x i8]", soon, line)
                        code.do(f"call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 2, i32 1)")
                    code.do(f"store i64 {code.add(begun, '%ahead')}, ptr {fetched}")
                    call = code.at("[2 x i64]", calls, n_call)
                    kernel = code.get("ptr", call, 0, 8)
                    mine = code.at("i8", entries, code.get("i64", call, 1, 8))
                    arguments = f"ptr {base}, ptr {mine}, ptr {out}, i64 {step}, i64 %row_bytes"
                    code.do(f"call void {kernel}({arguments})")
                _copy(code, phase, 4, base, own, restore=False)
    return code.function()


def _copy(code: Emit, phase: str, index: int, base: str, own: str, *, restore: bool) -> None:
    """Copy the rows that the list at ``index`` of the phase names."""
    rows = code.get("ptr", phase, index, 8)
    vectors = code.put("lshr i64 %row_bytes, 6")
    with code.loop(code.get("i64", phase, index + 1, 8)) as n:
        pair = code.at("[2 x i64]", rows, n)
        there, here = (
            code.at("i8", where, code.mul(code.get("i64", pair, i, 8), "%row_bytes"))
            for i, where in enumerate((base, own))
        )
        source, target = (here, there) if restore else (there, here)
        with code.loop(vectors) as v:
            code.store(code.get(VECTOR, source, v, 64), target, v)


_WORTH_WORDS = 1 << 22
"""Least words read and written for which another thread is started: about half a millisecond of
work, of which the start takes a tenth (rows of 65,536 columns that are read once, 0.4 ms in all,
took half as long again on two threads as on one)."""

TOGETHER = 64
"""Outputs of a block at most."""

Numbers = NDArray[np.int64]


class DriverTables:
    """A compiled program on tiles of one size.

    Args:
        compiled: the row program.
        tile_words: words of a row in a tile.

    """

    def __init__(self, compiled: Compiled, tile_words: int) -> None:
        self.own_rows = max((sort.own_rows for sort in compiled.sorts), default=0)
        """Number of rows that an output of a block saves."""
        self.entries: Numbers = np.zeros(compiled.program.outputs, dtype=np.int64)
        """Per output, address of its table."""
        self._sort_of = compiled.sort_of
        self._tile_words = tile_words
        self._phases: list[Numbers] = []
        self._named = [sort.table.shape[1] for sort in compiled.sorts]
        self._keep: list[Numbers] = []  # machine code keeps itself
        self._free: deque[Words] = deque()
        for sort in compiled.sorts:
            self._phases.append(self._of(sort, _calls(sort)))
            row_bytes = sort.table.shape[1] * sort.table.itemsize
            first = sort.table.ctypes.data
            self.entries[sort.outputs] = first + row_bytes * np.arange(len(sort.outputs))

    def _of(self, sort: Sort, calls: Numbers) -> Numbers:
        """The phases of outputs, as the driver takes them."""
        phases: Numbers = np.zeros((len(sort.phases), PHASE), dtype=np.int64)
        self._keep.append(calls)
        for own, phase in zip(phases, sort.phases, strict=True):
            own[0] = calls.ctypes.data + calls.strides[0] * phase.first
            own[1] = phase.last - phase.first
            for index, rows in ((2, phase.restored), (4, phase.saved)):
                kept = np.ascontiguousarray(rows, dtype=np.int64)
                self._keep.append(kept)
                own[index : index + 2] = kept.ctypes.data, len(kept)
        return phases

    def blocks(self, outputs: Numbers) -> Numbers:
        """Blocks of outputs (n,), as the driver takes them."""
        edges, sorts = blocks(self._sort_of[outputs], TOGETHER)
        found: Numbers = np.zeros((len(sorts), BLOCK), dtype=np.int64)
        found[:, 0], found[:, 1] = edges[:-1], edges[1:]
        for number, phases in enumerate(self._phases):
            found[sorts == number, 2:] = phases.ctypes.data, len(phases)
        return found

    def ahead(self, outputs: Numbers, tile_bytes: int) -> int:
        """Bytes of the next tile to prefetch with every call, for some outputs.

        A single output reads each row of a tile once, and the rows are not consecutive, so without
        prefetching it would wait for memory. Several outputs use the rows again and again, so
        nothing is prefetched for them. Nor is it if two tiles do not fit in the cache.
        """
        if len(outputs) != 1 or 2 * tile_bytes > level2_bytes():
            return 0
        calls = int(self._phases[self._sort_of[outputs[0]]][:, 1].sum())
        return 0 if not calls else -(-tile_bytes // (calls * _LINE)) * _LINE

    def threads(self, outputs: Numbers, tiles: int) -> int:
        """Most threads that are worth starting for some outputs on so many tiles."""
        entries = sum(
            int((self._sort_of[outputs] == number).sum()) * named
            for number, named in enumerate(self._named)
        )
        return max(1, entries * self._tile_words * tiles // _WORTH_WORDS)

    def take_own(self) -> Words:
        """Take memory for the rows that outputs of a block save; it must be given back."""
        try:
            return self._free.pop()
        except IndexError:
            shape = (TOGETHER, self.own_rows, self._tile_words)
            return empty(shape, f"{TOGETHER} times {self.own_rows} rows of a tile")

    def provide(self, threads: int) -> None:
        """Allocate and map that memory for so many threads, before it is needed."""
        taken = [self.take_own() for _ in range(threads)]
        for memory in taken:
            memory.fill(0)
            self.give_own(memory)

    def give_own(self, memory: Words) -> None:
        """Give the memory back, for another thread."""
        self._free.append(memory)


def plan_for(compiled: Compiled, tiles: Tiles) -> DriverTables:
    """The plan for such tiles, made when first asked for."""
    if tiles.tile_words not in compiled.plans:
        compiled.plans[tiles.tile_words] = DriverTables(compiled, tiles.tile_words)
    return compiled.plans[tiles.tile_words]


def _calls(sort: Sort) -> Numbers:
    """For each call, the address of its kernel, and where its part of the table begins."""
    size = sort.table.itemsize
    calls = np.empty((len(sort.bodies), 2), dtype=np.int64)
    calls[:, 0] = [reader(size) if body is None else address(body, size) for body in sort.bodies]
    calls[:, 1] = sort.starts * size
    return calls
