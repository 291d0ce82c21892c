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
from numpy.typing import NDArray

from bnn.encoding import Integers
from bnn.lower import Stage
from bnn.mapping.output_plan import OutputPlan
from bnn.mapping.work import See, Values
from pimsim.bits import pack
from pimsim.microprogram.compiled.compile import Compiled, compile_recipe
from pimsim.microprogram.compiled.operands import load
from pimsim.microprogram.compiled.readout import bits, sums
from pimsim.microprogram.compiled.recipe import Recipe
from pimsim.microprogram.compiled.run import prepare, run
from pimsim.microprogram.compiled.tiles import Layout, Tiles

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
        self._recipe = Recipe(stage.outputs)
        self._totals: list[list[tuple[int, int]]] = []
        self._result: int | None = None
        self._write(look=look or stage.thresholds is None)
        positions = stage.windows.positions
        parts = len(planned.chunks)
        per_image = positions * (rows * parts + stage.outputs * max(self._recipe.slots, 1)) // 8
        self.images = max(1, min(images, MEMORY_BYTES // max(per_image, 1)))
        """Images that are run at a time."""
        self.compiled: Compiled = compile_recipe(self._recipe, Layout(rows, parts))
        together = self.compiled.rows_together
        self._tiles = Tiles(self.images * positions, rows, parts=parts, together=together)
        prepare(self.compiled, self._tiles)
        self._warm(rows)
        for row, mask in planned.masks:
            self._tiles.save(row, pack(np.tile(mask, self.images)[None].astype(np.uint8)))

    def _write(self, *, look: bool) -> None:
        """Write the recipe of an output."""
        recipe = self._recipe
        for steps in self._plan.offsets:
            for part, schedule in enumerate(steps.counts):
                recipe.run(schedule, part)
            for part, (moved, arrivals) in enumerate(zip(steps.moved, steps.arrivals, strict=True)):
                for row, arrival in zip(moved, arrivals, strict=False):
                    recipe.move(row, part, arrival)
            recipe.run(steps.combine)
            read = [(n, row) for n, row in enumerate(steps.total) if row is not None]
            self._totals.append([(n, recipe.read(row)) for n, row in read] if look else [])
            recipe.run(steps.decide)
        recipe.run(self._plan.pool)
        if self._plan.result is not None:
            self._result = recipe.read(self._plan.result)

    def _warm(self, rows: int) -> None:
        """Have the code that lays out and reads back made now, on one column."""
        stage, tiny = self._stage, Tiles(1, rows, tile_words=self._tiles.tile_words)
        widths = {chunk.stop - chunk.start for chunk in self._plan.chunks}
        for width in widths:
            one = np.zeros((1, int(stage.windows.pixels.max()) + 1, width), np.uint8)
            unused = np.zeros((1, 1), np.intp)
            load(tiny, one, stage.windows.pixels[:1], unused, planes=stage.planes, pad=stage.pad)
        words = np.zeros((1, 1, 1, tiny.words), np.uint64)
        bits(words[:, :, 0], 1)
        for levels in {len(totals) for totals in self._totals if totals}:
            constants = np.zeros(1, np.int64)
            many = np.repeat(words, levels, axis=2)
            sums(many, 1, np.zeros((1, levels), np.bool_), 1, constants)

    def run(
        self,
        operands: Integers,
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
        shape = (count, positions, stage.outputs)
        values = np.empty(shape, np.uint8)
        wide = np.empty(shape if self._result is None else 0, np.int64)
        every = np.arange(stage.outputs)[None]
        for start in range(0, count, self.images):
            some = slice(start, min(start + self.images, count))
            size = some.stop - some.start
            self._load(operands[some], threads)
            found = run(self.compiled, self._tiles, every, threads=threads)
            for offset, totals in enumerate(self._totals):
                if totals:
                    seen = self._sums(found, offset, totals, size, threads)
                    if see is not None:
                        see(some, offset, seen)
                    if self._result is None:
                        wide[some] = seen.transpose(1, 2, 0)
            if self._result is not None:
                into = values[some].reshape(1, size * positions, stage.outputs)
                bits(found[:, :, self._result], size * positions, into=into, threads=threads)
            if report is not None:
                report(some.stop, count)
        return wide if self._result is None else values

    def _load(self, operands: Integers, threads: int | None) -> None:
        stage, positions = self._stage, self._stage.windows.positions
        images = np.repeat(np.arange(self.images), positions)
        images[len(operands) * positions :] = -1
        for part, chunk in enumerate(self._plan.chunks):
            load(
                self._tiles,
                operands[:, :, chunk],
                stage.windows.pixels,
                images[None],
                planes=stage.planes,
                pad=stage.pad,
                part=part,
                threads=threads,
            )

    def _sums(
        self,
        found: NDArray[np.uint64],
        offset: int,
        totals: list[tuple[int, int]],
        size: int,
        threads: int | None,
    ) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions)."""
        steps, stage = self._plan.offsets[offset], self._stage
        positions = stage.windows.positions
        levels = np.full(len(steps.total), -1)
        for number, slot in totals:
            levels[number] = slot
        slots = [slot for _, slot in totals]
        missing = (levels < 0).any() or slots != list(range(slots[0], slots[0] + len(slots)))
        words = found[:, :, slots[0] : slots[0] + len(slots)]
        if missing:  # a bit that is always 0 (or, inverted, always 1)
            words = np.zeros((*found.shape[:2], len(levels), found.shape[3]), np.uint64)
            words[:, :, levels >= 0] = found[:, :, slots]
        result = sums(
            words,
            size * positions,
            steps.inverted.T,
            self._plan.scale,
            steps.offsets,
            threads=threads,
        )
        shaped: NDArray[np.int32] = result[0].reshape(stage.outputs, size, positions)
        return shaped
