"""Columns in which one output is computed after the other, through a program compiled for all.

The program runs for all outputs while a tile of columns stays in a processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapping.backends.compiled.patch_gather import moved_patch
from bnn.mapping.mapped_stage import ConstantRows, MappedStage, OperandRows
from bnn.values.bitstrings import BitStrings
from bnn.values.encoding import Integers
from pimsim.bits import Words, pack
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.compiled.run.write_bits import Gather
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.microprogram.row_program import RowProgram, Write

MEMORY_BYTES = 64 << 20
"""Rows and results held at a time, about: what is used again need not be fetched again."""


class InTurn:
    """Columns of a mapped stage.

    Args:
        mapped: the stage.
        program: what is done for an output, all that it looks at being read.
        images: images that will be run, so that no more columns are made than they need.
        sums: counts of a column that are held at a time.

    """

    def __init__(self, mapped: MappedStage, program: RowProgram, images: int, *, sums: int) -> None:
        self._stage, self._mapped = mapped.stage, mapped
        stage, positions, slots = mapped.stage, mapped.stage.windows.positions, program.slots
        per_image = positions * (mapped.rows * mapped.parts + stage.outputs * max(slots, 1)) // 8
        self.images = max(1, min(images, MEMORY_BYTES // max(per_image, 1)))
        self.compiled = compile_program(
            program, Layout(mapped.rows, mapped.parts, mapped.system.address_map)
        )
        together = self.compiled.rows_together
        self._tiles = Tiles(
            self.images * positions,
            mapped.rows,
            parts=mapped.parts,
            together=together,
            address_map=mapped.system.address_map,
        )
        prepare(self.compiled, self._tiles)
        self._found = empty((stage.outputs, slots, self._tiles.words), "rows read out")
        self._found.fill(0)  # so that its memory is there when it is needed
        self._patch = moved_patch(stage.windows.pixels, _sides(stage))
        writes = [each for each in mapped.program.phases["inputs"] if isinstance(each, Write)]
        self._operands = [
            (write.rows[0], write.part, write.content)
            for write in writes
            if isinstance(write.content, OperandRows)
        ]
        self._gathers = self._gather()
        tall, wide = _sides(stage)
        self._load(BitStrings.empty(self.images, tall * wide, stage.windows.channels, stage.planes))
        for write in writes:
            if isinstance(write.content, ConstantRows):
                for row, held in zip(write.rows, write.content.bits[:, 0], strict=True):
                    bits = np.tile(held, self.images).astype(np.uint8)
                    self._tiles.save(row, pack(bits), write.part)

    def run(
        self, operands: Integers | BitStrings, threads: int | None
    ) -> Iterator[tuple[slice, Words]]:
        """Run the program on a few images at a time, all outputs at once.

        Args:
            operands: (images, pixels, channels).
            threads: processors used, all if None.

        Yields:
            the images, and the rows read out of their columns, (outputs, slots, words), which are
            overwritten by what follows.

        """
        if not isinstance(operands, BitStrings):
            operands = BitStrings.of(operands, self._stage.planes)
        every, count = np.arange(self._stage.outputs), len(operands)
        for start in range(0, count, self.images):
            some = slice(start, min(start + self.images, count))
            self._load(operands.some(some), threads)
            yield some, run(self.compiled, self._tiles, every, threads=threads, into=self._found)

    def _gather(self) -> list[Gather]:
        """Per part, how its rows are filled; nothing where windows are no moved patch."""
        stage, patch = self._stage, self._patch
        if patch is None:
            return []
        pixel_bytes = -(-stage.windows.channels * stage.planes // 8)
        return [
            patch.gather(
                self.images,
                pixel_bytes,
                slice(chunk.channels.start * stage.planes, chunk.channels.stop * stage.planes),
                self._tiles,
                places=chunk.places,
                part=part,
                first_row=first_row,
            )
            for first_row, part, (chunk, _) in self._operands
        ]

    def _load(self, operands: BitStrings, threads: int | None = None) -> None:
        stage, positions = self._stage, self._stage.windows.positions
        if self._patch is not None:
            framed = self._patch.framed(operands, stage.pad)
            limit = len(framed) * framed.image_bytes
            for gather in self._gathers:
                gather.load(framed.memory, limit, threads=threads)
            return
        integers = operands.integers()
        images = np.repeat(np.arange(self.images), positions)
        images[len(operands) * positions :] = -1
        for first_row, part, (chunk, _) in self._operands:
            load(
                self._tiles,
                Operands(
                    integers[:, :, chunk.channels],
                    stage.windows.pixels[:, chunk.places],
                    stage.planes,
                    stage.pad,
                ),
                images,
                part=part,
                first_row=first_row,
                threads=threads,
            )


def _sides(stage: Stage) -> tuple[int, int]:
    """Height and width that the pixels of an image lie in."""
    *further, wide, _ = (1, *stage.shape)
    return int(np.prod(further, dtype=np.intp)), wide
