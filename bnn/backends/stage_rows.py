"""Rows of tiles, filled with what the columns of a mapped stage hold.

What a program writes into a column depends on the column's output, image and position. The several
kinds of vector code (outputs in turn or side by side, with faults or without) differ only in which
columns are in the tiles, and in which order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.backends.stage_strings import Laid, StageStrings
from bnn.values.bitstrings import BitStrings
from pimsim.executors.compiled.run.in_turn import Call, OwnRows
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_bits import BitRun, Gather
from pimsim.microprogram.row_program import Write

_WORD = 64
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Columns(NamedTuple):
    """What columns of tiles stand for, ``(columns,)`` each."""

    image: NDArray[np.intp]
    """Number of the image among those that are loaded; -1: the column is not used."""
    position: NDArray[np.intp]
    output: NDArray[np.intp]
    """Number of the output in the loaded block; 0 where outputs come in turn."""

    @classmethod
    def of(cls, images: int, positions: int, width: int, copies: int = 1) -> Columns:
        """All positions of one image after the other, in ``width`` columns for each output.

        >>> Columns.of(images=1, positions=2, width=3, copies=2).image.tolist()
        [0, 0, -1, 0, 0, -1]
        """
        image = np.full(width, -1)
        image[: images * positions] = np.repeat(np.arange(images), positions)
        position = np.resize(np.arange(positions), width)
        outputs = np.repeat(np.arange(copies), width)
        return cls(np.tile(image, copies), np.tile(position, copies), outputs)


class StageRows:
    """Columns of a mapped stage in tiles.

    Args:
        strings: what they are filled with.
        tiles: rows that are written.
        columns: what they stand for.
        first: output of the stage that output 0 of the block is, where operands differ by output.

    """

    def __init__(
        self, strings: StageStrings, tiles: Tiles, columns: Columns, first: int = 0
    ) -> None:
        self._tiles, self._used = tiles, columns.image >= 0
        owner = _owner(columns.output, tiles.words)
        image, position, output = columns
        if strings.groups > 1:
            group = strings.stage.group_of
            image = image * strings.groups + group[np.minimum(first + output, len(group) - 1)]
        starts = image * strings.image_bytes + strings.starts[position]
        self._operands = [self._gather(starts, runs, rows) for rows, runs in strings.operands]
        self._sums = []
        for rows in strings.sums:
            size = -(-len(rows.rows) // 8)
            own = (image * strings.stage.windows.positions + position) * size
            self._sums.append(self._gather(own, [(0, len(rows.rows))], rows))
        self._constants: list[tuple[Gather, BitStrings]] = []
        self._by_word: list[tuple[Write, NDArray[np.bool_], NDArray[np.intp]]] = []
        for rows, bits, held in strings.constants:
            if bits.shape[2] == 1 and owner is not None:
                self._by_word.append((rows, bits[:, :, 0], owner))
                continue
            starts = position * held.pixel_bytes * (bits.shape[2] > 1)
            starts = starts + output * held.image_bytes * (bits.shape[1] > 1)
            self._constants.append((self._gather(starts, [(0, len(bits))], rows), held))

    def load(self, laid: Laid, threads: int | None = None) -> None:
        """Write operands as laid out; columns without an image get 0."""
        for gather in self._operands:
            _load(gather, laid.operands, threads)
        for gather, numbers in zip(self._sums, laid.sums, strict=True):
            _load(gather, numbers, threads)

    def write_constants(self, block: slice, threads: int | None = None) -> None:
        """Write the rows that are the same for all images, for some outputs of the stage."""
        for gather, held in self._constants:
            some = held.some(block) if len(held) > 1 else held
            _load(gather, some, threads)
        for rows, bits, owner in self._by_word:
            ones = bits[:, block] if bits.shape[1] > 1 else bits
            self._fill(rows, ones, np.minimum(owner, ones.shape[1]), threads)

    def loads(self, laid: Laid) -> list[Call]:
        """The calls of :meth:`load`, to be made for one tile at a time."""
        pairs = [(gather, laid.operands) for gather in self._operands]
        pairs += list(zip(self._sums, laid.sums, strict=True))
        return [gather.call(held.memory, len(held) * held.image_bytes) for gather, held in pairs]

    def own_rows(self, outputs: int) -> list[OwnRows]:
        """Rows of each output of the stage that hold the same in every column."""
        found = []
        for written, ones, _ in self._by_word:
            first = self._tiles.layout.row(written.rows[0], written.part)
            whole = np.broadcast_to(ones, (len(ones), outputs))
            words = np.ascontiguousarray(np.where(whole.T, _FULL, np.uint64(0)))
            found.append(OwnRows(first, words))
            self._tiles.written[first : first + len(ones)] = True
        return found

    def _gather(self, starts: NDArray[np.intp], runs: list[BitRun], rows: Write) -> Gather:
        columns = np.where(self._used, starts, -1)
        return Gather(columns, runs, self._tiles, part=rows.part, first_row=rows.rows[0])

    def _fill(
        self,
        written: Write,
        ones: NDArray[np.bool_],
        owner: NDArray[np.intp],
        threads: int | None,
    ) -> None:
        """Write rows that hold ``ones`` (rows, outputs), word by word, by the output of each."""
        tiles, (rows, outputs) = self._tiles, ones.shape
        first = tiles.layout.row(written.rows[0], written.part)
        full = np.zeros((rows, outputs + 1), np.uint64)
        full[:, :outputs][ones] = _FULL
        owner = owner.reshape(tiles.tiles, tiles.tile_words)

        def some(begin: int, end: int) -> None:
            for tile in range(begin, end):
                of = owner[tile]
                whole = of[0] == of[-1]
                tiles.data[tile, first : first + rows] = full[:, of[:1] if whole else of]

        spread(some, tiles.tiles, threads)
        tiles.written[first : first + rows] = True


def _load(gather: Gather, held: BitStrings, threads: int | None) -> None:
    gather.load(held.memory, len(held) * held.image_bytes, threads=threads)


def _owner(output: NDArray[np.intp], words: int) -> NDArray[np.intp] | None:
    """``(words,)`` output of each word, if its columns have the same; those behind have none."""
    own = np.pad(output, (0, -len(output) % _WORD), "edge").reshape(-1, _WORD)
    if (own != own[:, :1]).any():
        return None
    return np.pad(own[:, 0], (0, words - len(own)), constant_values=np.iinfo(np.intp).max)
