"""What the driver is given: addresses of machine code, tables and lists of rows."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.executors.compiled.codegen.driver import BLOCK, PHASE
from pimsim.executors.compiled.codegen.kernel import address, reader
from pimsim.executors.compiled.lower.compile import Compiled, Sort
from pimsim.executors.compiled.lower.phases import blocks
from pimsim.executors.compiled.run.tiles import Tiles, empty

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
        """Rows that an output of a block has of its own."""
        self.entries: Numbers = np.zeros(compiled.program.outputs, dtype=np.int64)
        """Per output, address of its table."""
        self._sort_of = compiled.sort_of
        self._tile_words = tile_words
        self._phases: list[Numbers] = []
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

    def blocks(self, outputs: Numbers) -> tuple[Numbers, Numbers]:
        """Blocks of outputs (lanes, n), as the driver takes them, and the first of each lane."""
        edges, sorts = blocks(np.where(outputs < 0, -1, self._sort_of[outputs]), TOGETHER)
        found: Numbers = np.zeros((len(sorts), BLOCK), dtype=np.int64)
        found[:, 0], found[:, 1] = edges[:-1], edges[1:]
        for number, phases in enumerate(self._phases):
            found[sorts == number, 2:] = phases.ctypes.data, len(phases)
        lanes, count = outputs.shape
        return found, np.searchsorted(edges, np.arange(lanes + 1) * count).astype(np.int64)

    def take_own(self) -> Words:
        """Memory for the rows that outputs of a block have of their own, to be given back."""
        try:
            return self._free.pop()
        except IndexError:
            shape = (TOGETHER, self.own_rows, self._tile_words)
            return empty(shape, f"{TOGETHER} times {self.own_rows} rows of a tile")

    def provide(self, threads: int) -> None:
        """Have that memory for so many threads, and have it mapped, before it is needed."""
        taken = [self.take_own() for _ in range(threads)]
        for memory in taken:
            memory.fill(0)
            self.give_own(memory)

    def give_own(self, memory: Words) -> None:
        """Let another thread have it."""
        self._free.append(memory)


def plan_for(compiled: Compiled, tiles: Tiles) -> DriverTables:
    """The plan for such tiles, made when first asked for."""
    found = compiled.plans.get(tiles.tile_words)
    if found is None:
        found = compiled.plans[tiles.tile_words] = DriverTables(compiled, tiles.tile_words)
    return found


def _calls(sort: Sort) -> Numbers:
    """Per call, the address of its kernel and how far in the table it begins."""
    size = sort.table.itemsize
    calls = np.empty((len(sort.bodies), 2), dtype=np.int64)
    calls[:, 0] = [reader(size) if body is None else address(body, size) for body in sort.bodies]
    calls[:, 1] = sort.starts * size
    return calls
