"""Loads rows from strings of bits: the bits of a column are a few runs in memory.

Up to 64 rows of a column are loaded at a time. Their bits are side by side (the channels of a
pixel, the pixels of a line of a patch), or each is the same bit of the next byte (a bit plane of
8-bit pixels). Where they begin for each column is computed once, for any number of loads.

>>> from pimsim.bits import unpack
>>> from pimsim.executors.compiled.run.tiles import Tiles
>>> tiles = Tiles(columns=3, rows=24)
>>> gather = Gather(np.array([0, 1, 2]), [(0, 2), (8, 2)], tiles)    # bits 0 1 and 8 9
>>> strings = roomy(4)
>>> strings[:4] = [0b01, 0b10, 0b11, 0b00]
>>> gather.load(strings, limit=2)         # the third column is not used
4
>>> [unpack(tiles.load(row), 3).tolist() for row in range(4)]
[[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import pack
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, transpose
from pimsim.executors.compiled.run.in_turn import Call
from pimsim.executors.compiled.run.processors import share
from pimsim.executors.compiled.run.tiles import Tiles

SLACK_BYTES = 8
"""Bytes after the last string that may be fetched with it."""

Strings = NDArray[np.uint8]
BitRun = tuple[int, int]
"""First bit, counted from where the column begins, and number of bits."""

_WORD = 64
_COLUMNS = 512
_OF_BYTES = 0
"""Instead of a mask; see :func:`_pieces`."""
_BYTES = f"<{_WORD} x i8>"


def roomy(size: int) -> Strings:
    """An array of ``size`` bytes, and the slack that a load needs; zeros."""
    made = np.empty(size + SLACK_BYTES, dtype=np.uint8)
    made.fill(0)  # np.zeros would have every small page mapped at its first use, by and by
    return made


class Gather:
    """Columns and the runs of bits that each of them holds.

    Args:
        origins: (columns,) byte at which a column begins; -1 for one that is not used, and
            gets 0.
        runs: the bits of a column's rows, in order.
        tiles: rows that are written.
        part: part whose rows are written.
        first_row: first data row.
    """

    def __init__(
        self,
        origins: NDArray[np.integer[Any]],
        runs: Sequence[BitRun],
        tiles: Tiles,
        *,
        part: int = 0,
        first_row: int = 0,
    ) -> None:
        self._origins = by_column("origins", origins, tiles)
        blocks = self._origins.reshape(-1, 8, _COLUMNS // 8)
        self._lines = np.ascontiguousarray(blocks.transpose(0, 2, 1))
        """Origins in the order of a block's words, whose lines have every 64th column."""
        self._tiles = tiles
        self.rows = sum(bits for _, bits in runs)
        tiles.layout.row(first_row + self.rows - 1, part)
        self._first = tiles.layout.row(first_row, part)
        self._starts, self._pieces = _pieces(runs)
        fetched = np.where(self._pieces[:, 2] == _OF_BYTES, _WORD, SLACK_BYTES)
        self._reach = int((self._pieces[:, 0] + fetched).max(initial=0))
        self._last = max(int(self._origins.max()), 0)

    def load(
        self, strings: Strings, limit: int | None = None, *, threads: int | None = None
    ) -> int:
        """Write the rows of all columns; returns how many rows.

        Args:
            strings: bytes, with :data:`SLACK_BYTES` to spare (see :func:`roomy`).
            limit: columns that begin at this byte or behind it are not used.
            threads: processors used, all if None.
        """
        end = self._end(strings, limit)
        self._note()
        if emit.why_not() is not None:
            self._load_slowly(strings, (self._origins >= 0) & (self._origins < end))
            return self.rows
        function, blocks, arguments = self._machine_code(strings, end)
        share(function, self._tiles.tiles * blocks, threads, *arguments)
        return self.rows

    def call(self, strings: Strings, limit: int | None = None) -> Call:
        """What :meth:`load` calls, for a tile at a time; the rows count as written."""
        end = self._end(strings, limit)
        self._note()
        function, blocks, arguments = self._machine_code(strings, end)
        return Call(function, blocks, (*arguments[:2], 0, *arguments[3:]), 1)

    def _note(self) -> None:
        self._tiles.written[self._first : self._first + self.rows] = True

    def _end(self, strings: Strings, limit: int | None) -> int:
        """The byte from which on columns are not used; refuses strings that are too short."""
        end, last = strings.size if limit is None else limit, self._last
        if end <= last:
            last = int(self._origins.max(where=self._origins < end, initial=0))
        needed = last + self._reach
        if needed > strings.size or not strings.flags.c_contiguous:
            raise InputError(f"`strings` must have {needed} bytes side by side, not {strings.size}")
        return end

    def _machine_code(
        self, strings: Strings, end: int
    ) -> tuple[Callable[..., None], int, tuple[int | NDArray[Any], ...]]:
        """The function, blocks of a tile, and its arguments behind the blocks it is for."""
        tiles = self._tiles
        blocks = tiles.tile_words * _WORD // _COLUMNS
        arguments = (
            blocks, tiles.data, tiles.layout.places, self._first, self.rows, strings, self._lines,
            end, len(self._starts) - 1, self._starts, self._pieces,
        )  # fmt: skip
        return _loader(tiles.tile_words), blocks, arguments

    def _load_slowly(self, strings: Strings, used: NDArray[np.bool_]) -> None:
        origins = np.where(used, self._origins, 0)
        for word in range(len(self._starts) - 1):
            whole = np.zeros(origins.shape, np.uint64)
            for delta, right, mask, left in self._pieces[
                self._starts[word] : self._starts[word + 1]
            ]:
                if mask == _OF_BYTES:
                    bits = strings[(origins + delta)[..., None] + np.arange(_WORD)] >> right & 1
                    whole = np.packbits(bits, axis=-1, bitorder="little").view("<u8")[..., 0]
                    continue
                places = (origins + delta)[..., None] + np.arange(8)
                found = strings[places].view("<u8")[..., 0].astype(np.uint64)
                whole |= (found >> np.uint64(right) & mask.astype(np.uint64)) << np.uint64(left)
            whole[~used] = 0
            for bit in range(min(_WORD, self.rows - word * _WORD)):
                row = pack((whole >> np.uint64(bit) & np.uint64(1)).astype(np.uint8))
                self._tiles.put(self._first + word * _WORD + bit, row)


def _pieces(runs: Sequence[BitRun]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First piece of every 64 rows, and of each piece: byte, shift right, mask, shift left.

    A mask of 0 stands for one bit of each of 64 bytes, the one that the shift would make the least.
    """
    joined: list[list[int]] = []
    for first, bits in runs:
        if joined and sum(joined[-1]) == first:
            joined[-1][1] += bits
        else:
            joined.append([first, bits])
    starts, pieces, row, number = [0], list[tuple[int, int, int, int]](), 0, 0
    while number < len(joined):
        first, bits = joined[number]
        if row % _WORD == 0 and joined[number : number + _WORD] == [
            [first + 8 * byte, 1] for byte in range(_WORD)
        ]:
            pieces.append((first // 8, first % 8, _OF_BYTES, 0))
            starts.append(len(pieces))
            row, number = row + _WORD, number + _WORD
            continue
        number += 1
        while bits:
            taken = min(bits, _WORD - row % _WORD, _WORD - first % 8)
            mask = (1 << taken) - 1
            pieces.append((first // 8, first % 8, mask - (mask >> 63 << 64), row % _WORD))
            first, bits, row = first + taken, bits - taken, row + taken
            if row % _WORD == 0:
                starts.append(len(pieces))
    if row % _WORD:
        starts.append(len(pieces))
    return np.array(starts, np.int64), np.array(pieces, np.int64).reshape(-1, 4)


@cache
def _loader(tile_words: int) -> Callable[..., None]:
    """The loop over blocks of 512 columns, of 64 rows each."""
    code = Emit(
        f"pimsim_strings_{tile_words}",
        "begin end blocks *data places first rows *strings *origins limit words *starts *pieces",
    )
    block = code.slot(f"[64 x {VECTOR}]", 64)
    with code.loop("%end", "%begin") as item:
        _, _, data = block_of(code, item, tile_words)
        origins = code.at("i64", "%origins", code.mul(item, _COLUMNS))
        with code.loop("%words") as word:
            start = code.get("i64", "%starts", word, 8)
            stop = code.get("i64", "%starts", code.add(word, 1), 8)
            first = _piece(code, start)
            delta, bit, mask = (code.get("i64", first, i, 8) for i in range(3))
            of_bytes = code.put(f"icmp eq i64 {mask}, {_OF_BYTES}")
            with code.when(of_bytes):
                _bit_of_bytes(code, origins, block, delta, bit)
            with code.when(code.put(f"xor i1 {of_bytes}, true")):
                _stretches(code, origins, block, start, stop)
            store_rows(code, block, data, word, "%first", "%rows", tile_words)
    return code.function()


def _piece(code: Emit, number: str) -> str:
    return code.at("i64", "%pieces", code.mul(number, 4))


def _bit_of_bytes(code: Emit, origins: str, block: str, delta: str, bit: str) -> None:
    """Fill a block with one bit of each of 64 bytes of every column."""
    strings = code.at("i8", "%strings", delta)
    one = code.put(f"shl i8 1, {code.put(f'trunc i64 {bit} to i8')}")
    with code.loop(_COLUMNS) as column:
        origin = code.get("i64", origins, column, 8)
        used = code.put(f"icmp ult i64 {origin}, %limit")
        safe = code.put(f"select i1 {used}, i64 {origin}, i64 0")
        found = code.put(f"load {_BYTES}, ptr {code.at('i8', strings, safe)}, align 1")
        cut = code.put(f"and {_BYTES} {found}, {code.splat(one, 'i8', _WORD)}")
        ones = code.put(f"icmp ne {_BYTES} {cut}, zeroinitializer")
        whole = code.put(f"bitcast <{_WORD} x i1> {ones} to i64")
        kept = code.put(f"select i1 {used}, i64 {whole}, i64 0")
        code.do(f"store i64 {kept}, ptr {code.at('i64', block, column)}, align 8")


def _stretches(code: Emit, origins: str, block: str, start: str, stop: str) -> None:
    """Fill a block with stretches of bits, eight columns at a time."""
    gather = "@llvm.masked.gather.v8i64.v8p0"
    code.declare(f"{VECTOR} {gather}(<8 x ptr>, i32, <8 x i1>, {VECTOR})")
    count = code.put(f"sub i64 {stop}, {start}")
    limit = code.splat("%limit")
    with code.loop(64) as line:
        origin = code.get(VECTOR, origins, line, 8)
        used = code.put(f"icmp ult {VECTOR} {origin}, {limit}")
        with code.carry(count, VECTOR, ["zeroinitializer"]) as (number, (before,), after):
            own = _piece(code, code.add(start, number))
            delta, *shifts = (code.get("i64", own, i, 8) for i in range(4))
            right, mask, left = map(code.splat, shifts)
            strings = code.at("i8", "%strings", delta)
            places = code.put(f"getelementptr i8, ptr {strings}, {VECTOR} {origin}")
            found = code.put(
                f"call {VECTOR} {gather}(<8 x ptr> {places}, i32 1, <8 x i1> {used}, "
                f"{VECTOR} zeroinitializer)"
            )
            cut = code.two("and", code.two("lshr", found, right), mask)
            after.append(code.two("or", before, code.two("shl", cut, left)))
        code.store(before, block, line)


def by_column(name: str, table: NDArray[np.integer[Any]], tiles: Tiles) -> NDArray[np.int64]:
    """Return a table (columns,), with -1 for the columns that fill the last tile.

    Raises :class:`~pimsim.errors.InputError`, calling it ``name``, for one of another shape.
    """
    if table.shape != (tiles.columns,):
        raise InputError(f"`{name}` must have the shape ({tiles.columns},), not {table.shape}")
    padded = np.full(tiles.words * 64, -1, dtype=np.int64)
    padded[: tiles.columns] = table
    return padded


# A *block* is 512 columns of a tile: 64 x 8 words, of which a line holds the bits of eight columns
# before they are transposed, and of one row afterwards.


def block_of(code: Emit, item: str, tile_words: int) -> tuple[str, str, str]:
    """Tile that a block is in, its number there, and the address of its columns.

    The function has the arguments ``blocks`` of a tile, ``data`` of all tiles, and ``places``.
    """
    tile = code.put(f"sdiv i64 {item}, %blocks")
    inner = code.put(f"srem i64 {item}, %blocks")
    base = code.add(code.mul(code.mul(tile, "%places"), tile_words), code.mul(inner, 8))
    return tile, inner, code.at("i64", "%data", base)


def store_rows(
    code: Emit, block: str, data: str, word: str, first: str, rows: str, tile_words: int
) -> None:
    """Turn a block of columns and write it to its rows.

    ``data`` is the address of its columns; its rows are number ``word`` of each 64 among ``rows``
    from place ``first`` on.
    """
    transpose(code, block)
    skipped = code.mul(word, 64)
    rest = code.put(f"sub i64 {rows}, {skipped}")
    row0 = code.add(first, skipped)
    with code.loop(code.least(rest, 64)) as row:
        value = code.get(VECTOR, block, row, 64)
        at = code.mul(code.add(row0, row), tile_words)
        code.do(f"store {VECTOR} {value}, ptr {code.at('i64', data, at)}, align 64")
