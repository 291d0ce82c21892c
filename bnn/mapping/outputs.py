"""All outputs of a stage at once, through compiled schedules: the values, without the accounting.

What an output-stationary subarray does for one output is a recipe: schedules, rows moved between
the subarrays that share the fan-in, rows read out. Compiled, it runs for all outputs while a tile
of columns stays in a processor's cache. Images are taken a few at a time, so that memory stays
bounded.

Columns do not see each other, so it makes no difference here which of them share a DRAM row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapping.output_recipe import OutputRecipe
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.relayout import moved_patch
from bnn.mapping.work import See
from bnn.values.bitstrings import BitStrings, Values
from bnn.values.encoding import Integers
from pimsim.bits import pack
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.run.read_rows import strings, sums
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.compiled.run.write_bits import Gather
from pimsim.executors.compiled.run.write_integers import Operands, load

MEMORY_BYTES = 64 << 20
"""Rows and results held at a time, about: what is used again need not be fetched again."""


class Outputs:
    """A stage's plan, compiled for all of its outputs.

    Args:
        stage: the stage.
        planned: its plan.
        rows: row addresses of a subarray.
        images: images that will be run, so that no more columns are made than they need.
        look: read every sum out, for :meth:`run` to show them.

    """

    def __init__(
        self, stage: Stage, planned: OutputPlan, rows: int, images: int, *, look: bool
    ) -> None:
        self._stage, self._plan = stage, planned
        self._recipe = OutputRecipe(stage, planned, look=look)
        recipe = self._recipe.recipe
        positions = stage.windows.positions
        parts = planned.parts
        per_image = positions * (rows * parts + stage.outputs * max(recipe.slots, 1)) // 8
        self.images = max(1, min(images, MEMORY_BYTES // max(per_image, 1)))
        """Images that are run at a time."""
        self.compiled: Compiled = compile_program(recipe, Layout(rows, parts))
        together = self.compiled.rows_together
        self._tiles = Tiles(self.images * positions, rows, parts=parts, together=together)
        prepare(self.compiled, self._tiles)
        self._found = empty((1, stage.outputs, recipe.slots, self._tiles.words), "rows read out")
        self._found.fill(0)  # so that its memory is there when it is needed
        self._patch = moved_patch(stage.windows.pixels, _sides(stage))
        self._gathers = self._gather()
        self._warm()
        for row, mask in planned.masks:
            held = pack(np.tile(mask, self.images)[None].astype(np.uint8))
            for home in planned.homes:
                self._tiles.save(row, held, home)

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
                first_row=self._plan.first_row,
            )
            for part, chunk in enumerate(self._plan.chunks)
        ]

    def _warm(self) -> None:
        """Have the code that lays out and reads back made now, and memory for the rows given."""
        stage, (tall, wide) = self._stage, _sides(self._stage)
        zeros = BitStrings.empty(self.images, tall * wide, stage.windows.channels, stage.planes)
        self._load(zeros, None)
        words = np.zeros((1, stage.outputs, self._tiles.tile_words), np.uint64)
        strings(words, 1, np.zeros((1, 1, -(-stage.outputs // 8)), np.uint8))
        for levels in {len(totals) for totals in self._recipe.totals if totals}:
            many = np.zeros((1, 1, levels, self._tiles.tile_words), np.uint64)
            sums(many, 1, np.zeros((1, levels), np.bool_), 1, np.zeros(1, np.int64))

    def run(
        self,
        operands: Integers | BitStrings,
        *,
        threads: int | None = None,
        see: See | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> Values:
        """Values of all images, (images, positions, outputs): bits, or sums without thresholds.

        Args:
            operands: (images, pixels, channels).
            threads: processors used, all if None.
            see: is shown every sum that stood in rows; needs ``look``.
            report: called with how many images are done, and how many there are.

        """
        stage, positions, count = self._stage, self._stage.windows.positions, len(operands)
        if not isinstance(operands, BitStrings):
            operands = BitStrings.of(operands, stage.planes)
        values = BitStrings.empty(count, positions, stage.outputs)
        wide = np.empty(values.shape if self._recipe.result is None else 0, np.int64)
        every = np.arange(stage.outputs)[None]
        for start in range(0, count, self.images):
            some = slice(start, min(start + self.images, count))
            size = some.stop - some.start
            self._load(operands.some(some), threads)
            found = run(self.compiled, self._tiles, every, threads=threads, into=self._found)
            for offset, steps in enumerate(self._plan.offsets):
                if see is not None and self._recipe.looked[offset]:
                    see(some, steps.place, self._recipe.sums(found, offset, size, threads))
                if offset in self._recipe.given:
                    given = self._recipe.sums(found, offset, size, threads, given=True)
                    wide[some] = given.transpose(1, 2, 0)
            if self._recipe.result is not None:
                into = values.data[some].reshape(1, size * positions, -1)
                strings(found[:, :, self._recipe.result], size * positions, into, threads=threads)
            if report is not None:
                report(some.stop, count)
        return wide if self._recipe.result is None else values

    def _load(self, operands: BitStrings, threads: int | None) -> None:
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
        for part, chunk in enumerate(self._plan.chunks):
            load(
                self._tiles,
                Operands(
                    integers[:, :, chunk.channels],
                    stage.windows.pixels[:, chunk.places],
                    stage.planes,
                    stage.pad,
                ),
                images[None],
                part=part,
                first_row=self._plan.first_row,
                threads=threads,
            )


def _sides(stage: Stage) -> tuple[int, int]:
    """Height and width that the pixels of an image lie in."""
    *further, wide, _ = (1, *stage.shape)
    return int(np.prod(further, dtype=np.intp)), wide
