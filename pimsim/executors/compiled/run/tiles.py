"""Rows stored in tiles: a tile has all rows of a few hundred columns.

A schedule uses many rows in the same columns. If each row were contiguous, these would be kilobytes
apart; a tile fits in a processor's cache. Beside data and constants, a tile has the compute cells
and a row for clashes (see :mod:`pimsim.executors.compiled.lower.symbolic`). Each has a *place*, its
number in the tile.

>>> from pimsim.bits import pack, unpack
>>> tiles = Tiles(columns=100, rows=20)
>>> tiles.save(0, pack(np.ones(100, np.uint8)))
>>> unpack(tiles.load(0), 100).sum()
100
>>> tiles.load(1)
Traceback (most recent call last):
    ...
pimsim.errors.DramError: D1 was never written and cannot be activated
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pimsim import memory
from pimsim.bits import Words, words_for
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.row_storage import unwritten
from pimsim.errors import DramError, InputError, require_positive
from pimsim.executors.compiled.run.processors import VECTOR_WORDS, best_tile_words, default_threads

_ALIGN = 64
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Layout:
    """Places in a tile, the same in every tile.

    Args:
        rows: row addresses of a subarray.
        parts: subarrays that share a tile, each with rows and cells of its own.
        address_map: which wordlines an address raises.

    """

    def __init__(self, rows: int, parts: int = 1, address_map: AddressMap = DEFAULT_MAP) -> None:
        self.map = address_map
        self.rows, self.parts = rows, parts
        self.data_rows = self.map.data_rows(rows)
        if self.data_rows < 1 or parts < 1:
            raise InputError(
                f"a subarray must have at least {self.map.first_data + 1} rows and there must be "
                f"at least 1 part, not {rows} and {parts}"
            )
        self.stored = len(self.map.constants) + self.data_rows
        self.stride = self.stored + len(self.map.cells)
        self.clash = parts * self.stride
        self.places = self.clash + 1

    def key(self) -> tuple[AddressMap, int, int]:
        """Two layouts are the same if their keys are equal."""
        return self.map, self.rows, self.parts

    def row(self, row: int, part: int = 0) -> int:
        """Place of a data row."""
        if not 0 <= row < self.data_rows:
            raise DramError(f"data row must be 0 to {self.data_rows - 1}, not {row}")
        if not 0 <= part < self.parts:
            raise InputError(f"`part` must be 0 to {self.parts - 1}, not {part}")
        return part * self.stride + len(self.map.constants) + row

    def cell(self, cell: int, part: int = 0) -> int:
        """Place of a compute cell."""
        return part * self.stride + self.stored + cell

    def name(self, place: int) -> str:
        """What the literature calls it."""
        own = place % self.stride
        if own >= self.stored:
            return self.map.cells[own - self.stored]
        return self.map.label(self.map.first_constant + own)


class Tiles:
    """Rows of ``parts`` subarrays.

    Args:
        columns: bitlines that are simulated.
        rows: row addresses of a subarray, as of :class:`pimsim.dram.array.subarray.Subarray`.
        parts: subarrays among which the rows of an output are divided.
        tile_words: words of a row that lie together, a multiple of 8; by default what
            :func:`~pimsim.executors.compiled.run.processors.best_tile_words` finds for all threads.
        together: rows that should stay in a cache, as of
            :attr:`pimsim.executors.compiled.lower.compile.Compiled.rows_together`; by default all.
        address_map: which wordlines an address raises.

    Raises InputError, before memory is taken, when there is not enough of it.
    """

    def __init__(
        self,
        columns: int,
        rows: int = 1024,
        *,
        parts: int = 1,
        tile_words: int | None = None,
        together: int | None = None,
        address_map: AddressMap = DEFAULT_MAP,
    ) -> None:
        require_positive(columns=columns)
        self.layout = Layout(rows, parts, address_map)
        self.columns = columns
        words = words_for(columns)
        if tile_words is None:
            rows_together = self.layout.places if together is None else together
            tile_words = best_tile_words(words, rows_together, threads=default_threads())
        if tile_words % VECTOR_WORDS or tile_words < 1:
            raise InputError(f"`tile_words` must be a multiple of {VECTOR_WORDS}, not {tile_words}")
        self.tile_words = tile_words
        self.tiles = -(-words // self.tile_words)
        shape = (self.tiles, self.layout.places, self.tile_words)
        self.data = empty(shape, f"1 x {columns} columns of {parts} x {rows} rows")
        self.written: NDArray[np.bool_] = np.zeros(self.layout.places, dtype=np.bool_)
        for part in range(parts):
            for index, (_, bit) in enumerate(self.layout.map.constants):
                self.data[:, part * self.layout.stride + index] = _FULL if bit else 0
                self.written[part * self.layout.stride + index] = True
        self.data[:, self.layout.clash] = 0

    @property
    def words(self) -> int:
        """Words of a row, with those that fill the last tile."""
        return self.tiles * self.tile_words

    def save(self, row: int, words: Words, part: int = 0) -> None:
        """Overwrite a data row with ``words`` (words,)."""
        self.put(self.layout.row(row, part), words)

    def put(self, place: int, words: Words) -> None:
        """Overwrite a place with ``words`` (words,)."""
        padded = np.zeros(self.words, dtype=np.uint64)
        padded[: len(words)] = words
        self.data[:, place] = padded.reshape(self.tiles, self.tile_words)
        self.written[place] = True

    def load(self, row: int, part: int = 0) -> Words:
        """Words (words,) of a data row; raises DramError if it was never written."""
        return self.get(self.layout.row(row, part))

    def get(self, place: int) -> Words:
        """Words (words,) of a place; raises DramError if it was never written."""
        if not self.written[place]:
            raise unwritten(self.layout.name(place))
        found: Words = self.data[:, place].reshape(-1)
        return found[: words_for(self.columns)]


def empty(shape: tuple[int, ...], what: str) -> Words:
    """Uninitialised words, aligned to a cache line.

    Raises InputError when more is asked for than memory can hold.
    """
    size = int(np.prod(shape, dtype=object)) * 8
    memory.require(size, what)
    whole = np.empty(size + _ALIGN, dtype=np.uint8)
    start = -whole.ctypes.data % _ALIGN
    words: Words = whole[start : start + size].view(np.uint64).reshape(shape)
    return words
