"""What writing rows column by column has in common, in whatever form the operands come.

A *block* is 512 columns of a tile: 64 x 8 words, of which a line holds the bits of eight columns
before :func:`~pimsim.executors.compiled.codegen.emit.transpose`, and of one row afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, transpose
from pimsim.executors.compiled.run.tiles import Tiles


def by_column(name: str, table: NDArray[np.integer[Any]], tiles: Tiles) -> NDArray[np.int64]:
    """Return a table (lanes, columns), with -1 for the columns that fill the last tile.

    Raises :class:`~pimsim.errors.InputError`, calling it ``name``, for one of another shape.
    """
    if table.shape != (tiles.lanes, tiles.columns):
        raise InputError(
            f"`{name}` must have the shape ({tiles.lanes}, {tiles.columns}), not {table.shape}"
        )
    padded = np.full((tiles.lanes, tiles.words * 64), -1, dtype=np.int64)
    padded[:, : tiles.columns] = table
    return padded


def block_of(code: Emit, item: str, tile_words: int) -> tuple[str, str, str]:
    """Tile (of all lanes) that a block is in, its number there, and the address of its columns.

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
