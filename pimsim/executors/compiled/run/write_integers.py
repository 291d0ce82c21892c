"""Loading operands: integers of images become bits of rows, one row a bit of one channel.

A pixel's channels are packed into a string of bits; rows are then those strings side by side,
turned by 90 degrees, 512 columns and 64 rows at a time.

>>> from pimsim.bits import unpack
>>> tiles = Tiles(columns=4, rows=26)
>>> values = np.array([[[1, 2]], [[3, 0]]], dtype=np.uint8)   # 2 images, 1 pixel, 2 channels
>>> pixels = np.array([[0, -1]])                              # 1 position, patch of 2, one padding
>>> images = np.array([0, 1, 1, -1])                          # of each column; the last is unused
>>> load(tiles, Operands(values, pixels, planes=2, pad=2), images)
8
>>> for row in range(8):                                      # bits 0 and 1 of both channels
...     print(unpack(tiles.load(row), 4), end=" " * (row < 7))
[1 1 1 0] [0 1 1 0] [0 0 0 0] [1 0 0 0] [0 0 0 0] [1 1 1 0] [0 0 0 0] [1 1 1 0]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, pack, side_by_side, words_for
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.compiled.run.processors import share
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_bits import block_of, by_column, store_rows

Integers = NDArray[np.integer[Any]]


class Operands(NamedTuple):
    """Integers of images, and which of them are read where."""

    values: Integers
    """(images, pixels, channels) integers of ``planes`` bits."""
    pixels: NDArray[np.integer[Any]]
    """(positions, patch) pixel at each place of what a position reads; -1 is padding."""
    planes: int = 1
    """Bits of an operand."""
    pad: int = 0
    """What padding holds."""


def load(
    tiles: Tiles,
    operands: Operands,
    images: NDArray[np.integer[Any]],
    positions: NDArray[np.integer[Any]] | None = None,
    *,
    part: int = 0,
    first_row: int = 0,
    threads: int | None = None,
) -> int:
    """Write operands into data rows; returns how many rows.

    Row ``first_row + (place * channels + channel) * planes + bit`` of a column holds a bit of what
    its position reads at that place of the patch.

    Args:
        tiles: rows, changed in place.
        operands: what is written.
        images: (columns,) image of each column; -1 for a column that is not used, and gets 0.
        positions: (columns,) position of each column; by default they follow each other.
        part: part whose rows are written.
        first_row: first data row.
        threads: processors used, all if None.

    """
    count, pixel_count, channels = operands.values.shape
    bits = channels * operands.planes
    table = np.ascontiguousarray(operands.pixels, dtype=np.int64)
    rows = table.shape[1] * bits
    tiles.layout.row(first_row + rows - 1, part)
    # Per column: where its image begins among the strings, -1 if it is not used.
    origins = np.where(images < 0, -1, images.astype(np.int64) * pixel_count)
    starts = by_column("images", origins, tiles)
    if positions is None:
        positions = np.arange(tiles.columns) % len(table)
    strings = _strings(operands)
    first = tiles.layout.row(first_row, part)
    tiles.written[first : first + rows] = True
    where = np.zeros(tiles.words * 64, dtype=np.int64)
    where[: tiles.columns] = positions
    if emit.why_not() is not None:
        _load_slowly(tiles, strings, starts, where, table, first, bits)
        return rows
    together = 1 if bits > 32 else 64 // bits
    blocks = tiles.tile_words // 8
    share(
        _loader(tiles.tile_words, together),
        tiles.tiles * blocks,
        threads,
        blocks,
        tiles.data,
        tiles.layout.places,
        strings,
        strings.shape[1],
        count * pixel_count,
        starts,
        where,
        table,
        table.shape[1],
        first,
        bits,
    )
    return rows


def _strings(operands: Operands) -> Words:
    """(images * pixels + 1, words): bits of every pixel, and of padding."""
    values, _, planes, pad = operands
    count, pixels, channels = values.shape
    words = words_for(channels * planes)
    strings = np.zeros((count * pixels + 1, words), dtype=np.uint64)
    flat = values.reshape(count * pixels, channels)
    padding = np.full((1, channels), pad, dtype=values.dtype)
    for some, integers in ((strings[:-1], flat), (strings[-1:], padding)):
        packed = side_by_side(integers, planes)
        some.view(np.uint8)[:, : packed.shape[1]] = packed
    return strings


def _load_slowly(
    tiles: Tiles,
    strings: Words,
    images: NDArray[np.int64],
    where: NDArray[np.int64],
    pixels: NDArray[np.int64],
    first: int,
    bits: int,
) -> None:
    for place in range(pixels.shape[1]):
        pixel = pixels[where, place]
        index = np.where(pixel < 0, len(strings) - 1, images + pixel)
        for bit in range(bits):
            row = strings[index, bit // 64] >> np.uint64(bit % 64) & np.uint64(1)
            row[images < 0] = 0
            tiles.put(first + place * bits + bit, pack(row.astype(np.uint8)))


@cache
def _loader(tile_words: int, together: int) -> Callable[..., None]:
    """The loop over blocks of 512 columns; strings of ``together`` places make one word."""
    code = Emit(
        f"pimsim_load_{tile_words}_{together}",
        "begin end blocks *data places *strings words count *images *where *pixels patch "
        "first bits",
    )
    block = code.slot(f"[64 x {VECTOR}]", 64)
    shifts = [code.mul("%bits", j) for j in range(together)]
    last = code.add("%patch", -1)
    with code.loop("%end", "%begin") as item:
        tile, inner, data = block_of(code, item, tile_words)
        column = code.add(code.mul(tile, tile_words * 64), code.mul(inner, 512))
        images = code.at("i64", "%images", column)
        where = code.at("i64", "%where", column)
        groups = code.put(f"sdiv i64 {code.add('%patch', together - 1)}, {together}")
        with code.loop(groups) as group:
            place0 = code.mul(group, together)
            left = code.put(f"sub i64 %patch, {place0}")
            rows = code.mul(code.least(left, together), "%bits")
            first = code.add("%first", code.mul(place0, "%bits"))
            # Places beyond the patch repeat its last; their rows are not stored.
            places = [code.least(code.add(place0, j), last) for j in range(together)]
            with code.loop("%words") as word:
                strings = code.at("i64", "%strings", word)
                with code.loop(8) as matrix:
                    of_matrix = code.mul(matrix, 64)
                    with code.loop(64) as string:
                        c = code.add(of_matrix, string)
                        whole = _string(code, images, where, strings, places, shifts, c)
                        target = code.at("i64", block, code.add(code.mul(string, 8), matrix))
                        code.do(f"store i64 {whole}, ptr {target}, align 8")
                store_rows(code, block, data, word, first, rows, tile_words)
    return code.function()


def _string(
    code: Emit,
    images: str,
    where: str,
    strings: str,
    places: list[str],
    shifts: list[str],
    c: str,
) -> str:
    """What column ``c`` reads at ``places``: pixels, padding, or nothing at all."""
    image = code.get("i64", images, c, 8)
    unused = code.put(f"icmp slt i64 {image}, 0")
    first = code.put(f"select i1 {unused}, i64 0, i64 {image}")
    table = code.at("i64", "%pixels", code.mul(code.get("i64", where, c, 8), "%patch"))
    whole = "0"
    for place, shift in zip(places, shifts, strict=True):
        pixel = code.get("i64", table, place, 8)
        padding = code.put(f"icmp slt i64 {pixel}, 0")
        inside = code.add(first, pixel)
        index = code.put(f"select i1 {padding}, i64 %count, i64 {inside}")
        string = code.get("i64", strings, code.mul(index, "%words"), 8)
        moved = code.put(f"shl i64 {string}, {shift}")
        whole = moved if whole == "0" else code.put(f"or i64 {whole}, {moved}")
    return code.put(f"select i1 {unused}, i64 0, i64 {whole}")
