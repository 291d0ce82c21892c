"""Columns of resident weights, computed through a compiled recipe: the values, not the accounting.

All columns run one program, so it is compiled once, as a recipe for a single output. Columns do not
see each other; which of them share a DRAM row, and in which order they are computed, makes no
difference here. So a few images at a time are loaded, once, and one block of outputs after the
other is computed on them: only the weights beside the activations are replaced (and the
activations, where outputs read groups of channels of their own). Memory stays bounded however many
images there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.chunk import Chunk
from bnn.mapping.weight_layout import Resident
from bnn.mapping.weight_rows import weights
from bnn.values.encoding import Integers
from pimsim.bits import Words
from pimsim.dram.array.address_map import ambit
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.run.run import prepare, run, spread
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.microprogram.row_program import RowProgram

_WORD = 64
_VECTOR = 512
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

Flags = NDArray[np.bool_]


class Same(NamedTuple):
    """Rows of which all columns of an output hold the same."""

    part: int
    row: int
    """The first data row."""
    bits: Flags
    """``(rows, outputs)``."""


class Numbers(NamedTuple):
    """Rows of the first part with numbers that differ between positions."""

    row: int
    """The first data row."""
    planes: int
    """Bits of a number."""
    values: NDArray[np.int64]
    """``(outputs, positions, numbers)``."""


class Columns:
    """All columns of a stage, through a recipe that is compiled once.

    Args:
        stage: the stage.
        planned: where operands and weights lie.
        data_rows: data rows that the recipe uses, from D0 on.
        recipe: what is done in a column.
        images: images that will be run, so that no more columns are made than they need.
        same: what rows hold beside operands and weights.
        numbers: what they hold beside that, if anything.
        memory_bytes: rows and results held at a time, about.
        sum_bytes: what the caller holds for every column.

    """

    def __init__(
        self,
        stage: Stage,
        planned: Resident,
        data_rows: int,
        recipe: RowProgram,
        images: int,
        *,
        same: list[Same],
        numbers: Numbers | None,
        memory_bytes: int,
        sum_bytes: int,
    ) -> None:
        self._stage, self._plan, self._slots = stage, planned, recipe.slots
        positions, outputs = stage.windows.positions, stage.outputs
        rows, parts = ambit().first_data + data_rows, len(planned.chunks)
        column = rows * parts / 8
        results = outputs * (recipe.slots / 8 + sum_bytes)
        most = max(1, int(memory_bytes / (positions * (column + results))))
        self.images = _even(images, most)
        """Images that are run at a time."""
        self.words = _words(self.images * positions)
        """Words of an output's columns."""
        left = memory_bytes / (self.words * _WORD) - results
        self.outputs = _even(outputs, max(1, int(left / column)))
        """Outputs of a block, the last of which may be smaller."""
        self._tiles = Tiles(self.outputs * self.words * _WORD, rows, parts=parts)
        self.compiled: Compiled = compile_program(recipe, self._tiles.layout)
        prepare(self.compiled, self._tiles)
        pairs = zip(planned.chunks, planned.weight_rows, strict=True)
        held = [
            Same(part, rows.start, weights(stage, chunk))
            for part, (chunk, rows) in enumerate(pairs)
        ]
        self._same, self._numbers = held + same, numbers
        self._warm()

    def _warm(self) -> None:
        """Have the code that lays out made now, on one column."""
        stage = self._stage
        tiny = Tiles(1, self._tiles.layout.rows, tile_words=self._tiles.tile_words)
        unused = np.zeros((1, 1), np.intp)
        shapes = {chunk.width: chunk.places for chunk in self._plan.chunks}
        for width, places in shapes.items():
            pixels = stage.windows.pixels[:1, places]
            one = np.zeros((1, max(int(pixels.max()), 0) + 1, width), np.uint8)
            load(tiny, Operands(one, pixels, stage.planes, stage.pad), unused)
        if self._numbers is not None:
            one_number = self._numbers.values[:1, :1]
            load(tiny, Operands(one_number, unused, self._numbers.planes), unused)

    def run(self, operands: Integers, threads: int | None) -> Iterator[tuple[slice, Words]]:
        """Compute, a few images at a time; the rows read out, (outputs, slots, words).

        What is yielded is overwritten by what follows.
        """
        stage = self._stage
        found = np.empty((stage.outputs, self._slots, self.words), np.uint64)
        for start in range(0, len(operands), self.images):
            some = slice(start, min(start + self.images, len(operands)))
            if stage.groups == 1:
                self._load_operands(operands[some], slice(0, stage.outputs), threads)
            for first in range(0, stage.outputs, self.outputs):
                block = slice(first, min(first + self.outputs, stage.outputs))
                if stage.groups > 1:
                    self._load_operands(operands[some], block, threads)
                self._load_constants(block, threads)
                rows = run(self.compiled, self._tiles, np.array([0]), threads=threads)
                many = block.stop - block.start
                used = rows[0, 0, :, : many * self.words]
                found[block] = used.reshape(-1, many, self.words).transpose(1, 0, 2)
            yield some, found

    def _load_operands(self, operands: Integers, block: slice, threads: int | None) -> None:
        """Write the activations of every output of a block: those of its group of channels."""
        stage, positions, count = self._stage, self._stage.windows.positions, len(operands)
        images = np.full(self.words * _WORD, -1)
        images[: count * positions] = np.repeat(np.arange(count), positions)
        # The channels of a group, image by image, are loaded as images of their own.
        group = np.resize(stage.group_of[block], self.outputs)
        first, last, width = int(group.min()), int(group.max()) + 1, stage.weights.shape[2]
        some = operands[:, :, first * width : last * width]
        apart = some.reshape(count, -1, last - first, width).transpose(2, 0, 1, 3)
        values = apart.reshape(-1, *apart.shape[2:])
        columns = np.where(images < 0, -1, images + (group - first)[:, None] * count)
        columns, places = columns.reshape(1, -1), self._places()
        for part, chunk in enumerate(self._plan.chunks):
            strings, pixels = patches(stage, values, chunk)
            load(
                self._tiles,
                Operands(strings, pixels, stage.planes, stage.pad),
                columns,
                places,
                part=part,
                threads=threads,
            )

    def _load_constants(self, block: slice, threads: int | None) -> None:
        """Write weights, complements and numbers of a block."""
        for part, row, ones in self._same:
            _fill(self._tiles, self.words, row, part, ones[:, block], threads)
        if self._numbers is None:
            return
        outputs = np.arange(self.outputs)
        outputs[block.stop - block.start :] = -1
        of_position = np.arange(self._stage.windows.positions)[:, None]
        load(
            self._tiles,
            Operands(self._numbers.values[block], of_position, self._numbers.planes),
            np.repeat(outputs, self.words * _WORD)[None],
            self._places(),
            first_row=self._numbers.row,
            threads=threads,
        )

    def _places(self) -> NDArray[np.intp]:
        """Position of every column of a block."""
        places = np.resize(np.arange(self._stage.windows.positions), self.words * _WORD)
        return np.tile(places, self.outputs)


def patches(stage: Stage, values: Integers, chunk: Chunk) -> tuple[Integers, NDArray[np.intp]]:
    """Values of a chunk and the pixels that positions read of them; a small patch becomes one.

    Fetching a pixel takes as long as fetching a whole word.
    """
    values, pixels = values[:, :, chunk.channels], stage.windows.pixels[:, chunk.places]
    if pixels.shape[1] == 1 or chunk.operands * stage.planes > _WORD:
        return values, pixels
    found = values[:, pixels]
    found[:, pixels < 0] = stage.pad
    return found.reshape(*found.shape[:2], -1), np.arange(len(pixels))[:, None]


def _fill(tiles: Tiles, words: int, row: int, part: int, ones: Flags, threads: int | None) -> None:
    """Write rows from ``row`` on that hold ``ones`` (rows, outputs) in ``words`` words each."""
    rows, outputs = ones.shape
    full = np.zeros((rows, outputs + 1), np.uint64)
    full[:, :outputs][ones] = _FULL
    owner = np.minimum(np.arange(tiles.words) // words, outputs)
    owner = owner.reshape(tiles.tiles, tiles.tile_words)
    first = tiles.layout.row(row, part)
    tiles.layout.row(row + rows - 1, part)

    def some(begin: int, end: int) -> None:
        for tile in range(begin, end):
            of = owner[tile]
            whole = of[0] == of[-1]
            tiles.data[0, tile, first : first + rows] = full[:, of[:1] if whole else of]

    spread(some, tiles.tiles, threads)
    tiles.written[0, first : first + rows] = True


def _even(count: int, most: int) -> int:
    """Size of the fewest pieces of at most ``most``, made about equal."""
    return -(-count // -(-count // most))


def _words(columns: int) -> int:
    """Words of an output's columns; whole vectors, unless too many columns were left over."""
    vectors = -(-columns // _VECTOR)
    if vectors * _VECTOR - columns <= columns // 8:
        return vectors * (_VECTOR // _WORD)
    return -(-columns // _WORD)
