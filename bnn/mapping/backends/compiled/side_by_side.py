"""Columns in which outputs lie side by side, through a program compiled for a single output.

All columns run one program. A few images at a time are loaded, once, and one block of outputs after
the other is computed on them: only the weights beside the activations are replaced (and the
activations, where outputs read groups of channels of their own).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.mapped_stage import ConstantRows, MappedStage, OperandRows
from bnn.mapping.placement.fan_in import Chunk
from bnn.values.bitstrings import BitStrings, unpacked
from bnn.values.encoding import Integers
from pimsim.bits import Words
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.microprogram.row_program import RowProgram, Write

MEMORY_BYTES = 32 << 20
"""Rows and results held at a time, about."""

_WORD = 64
_VECTOR = 512
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

Flags = NDArray[np.bool_]


class SideBySide:
    """Columns of a mapped stage.

    Args:
        mapped: the stage.
        program: what is done in a column, all that it looks at being read.
        images: images that will be run, so that no more columns are made than they need.
        sums: counts of a column that are held at a time.

    """

    def __init__(self, mapped: MappedStage, program: RowProgram, images: int, *, sums: int) -> None:
        stage = mapped.stage
        self._stage, self._slots = stage, program.slots
        positions, outputs = stage.windows.positions, stage.outputs
        rows, parts = mapped.rows, mapped.parts
        column = rows * parts / 8
        results = outputs * (program.slots / 8 + 4 * sums)
        most = max(1, int(MEMORY_BYTES / (positions * (column + results))))
        self.images = _even(images, most)
        """Images that are run at a time."""
        self.words = _words(self.images * positions)
        """Words of an output's columns."""
        left = MEMORY_BYTES / (self.words * _WORD) - results
        self.outputs = _even(outputs, max(1, int(left / column)))
        """Outputs of a block, the last of which may be smaller."""
        self._tiles = Tiles(
            self.outputs * self.words * _WORD,
            rows,
            parts=parts,
            address_map=mapped.system.address_map,
        )
        self.compiled = compile_program(program, self._tiles.layout)
        prepare(self.compiled, self._tiles)
        self._operands, self._constants = writes(mapped)
        self._warm()

    def run(
        self, operands: Integers | BitStrings, threads: int | None
    ) -> Iterator[tuple[slice, Words]]:
        """Run the program on a few images at a time, blocks of outputs one after the other.

        Args:
            operands: (images, pixels, channels).
            threads: processors used, all if None.

        Yields:
            the images, and the rows read out of their columns, (outputs, slots, words), which are
            overwritten by what follows.

        """
        operands = unpacked(operands)
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
                used = rows[0, :, : many * self.words]
                found[block] = used.reshape(-1, many, self.words).transpose(1, 0, 2)
            yield some, found

    def _warm(self) -> None:
        """Have the code that lays out made now, on one column."""
        stage, unused = self._stage, np.zeros(1, np.intp)
        tiny = Tiles(
            1,
            self._tiles.layout.rows,
            tile_words=self._tiles.tile_words,
            address_map=self._tiles.layout.map,
        )
        for width, places in {chunk.width: chunk.places for _, _, chunk in self._operands}.items():
            pixels = stage.windows.pixels[:1, places]
            one = np.zeros((1, max(int(pixels.max()), 0) + 1, width), np.uint8)
            load(tiny, Operands(one, pixels, stage.planes, stage.pad), unused)
        for _, _, bits in self._constants:
            if bits.shape[2] > 1:
                load(tiny, as_operands(bits[:, :1, :1]), unused, unused)

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
        columns, places = columns.reshape(-1), self._places()
        for first_row, part, chunk in self._operands:
            strings, pixels = patches(stage, values, chunk)
            load(
                self._tiles,
                Operands(strings, pixels, stage.planes, stage.pad),
                columns,
                places,
                part=part,
                first_row=first_row,
                threads=threads,
            )

    def _load_constants(self, block: slice, threads: int | None) -> None:
        """Write what stays in the rows of a block."""
        outputs = np.arange(self.outputs)
        outputs[block.stop - block.start :] = -1
        for row, part, bits in self._constants:
            if bits.shape[2] == 1:
                _fill(self._tiles, self.words, row, part, bits[:, block, 0], threads)
                continue
            load(
                self._tiles,
                as_operands(bits[:, block]),
                np.repeat(outputs, self.words * _WORD),
                self._places(),
                part=part,
                first_row=row,
                threads=threads,
            )

    def _places(self) -> NDArray[np.intp]:
        """Position of every column of a block."""
        places = np.resize(np.arange(self._stage.windows.positions), self.words * _WORD)
        return np.tile(places, self.outputs)


def writes(
    mapped: MappedStage,
) -> tuple[list[tuple[int, int, Chunk]], list[tuple[int, int, NDArray[np.bool_]]]]:
    """Return what operands and what constants are written, each with its first row and its part."""
    operands, constants = [], []
    for item in (*mapped.program.phases["weights"], *mapped.program.phases["inputs"]):
        match item:
            case Write(rows, part, ConstantRows(bits)):
                constants.append((rows[0], part, bits))
            case Write(rows, part, OperandRows(chunk)):
                operands.append((rows[0], part, chunk))
    return operands, constants


def as_operands(bits: NDArray[np.bool_]) -> Operands:
    """Rows (rows, outputs, positions) as what outputs, position by position, have for operands."""
    values = np.ascontiguousarray(bits.transpose(1, 2, 0)).astype(np.uint8)
    return Operands(values, np.arange(bits.shape[2])[:, None])


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
            tiles.data[tile, first : first + rows] = full[:, of[:1] if whole else of]

    spread(some, tiles.tiles, threads)
    tiles.written[first : first + rows] = True


def _even(count: int, most: int) -> int:
    """Size of the fewest pieces of at most ``most``, made about equal."""
    return -(-count // -(-count // most))


def _words(columns: int) -> int:
    """Words of an output's columns; whole vectors, unless too many columns were left over."""
    vectors = -(-columns // _VECTOR)
    if vectors * _VECTOR - columns <= columns // 8:
        return vectors * (_VECTOR // _WORD)
    return -(-columns // _WORD)
