"""All outputs of a stage at once, through compiled schedules: the values, without the accounting.

What an output-stationary subarray does for one output is a recipe: schedules, rows moved between
the subarrays that share the fan-in, rows read out. Compiled, it runs for all outputs while a tile
of columns stays in a processor's cache. Images are taken a few at a time, so that memory stays
bounded.

Columns do not see each other, so it makes no difference here which of them share a DRAM row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.bitstrings import BitStrings, Values
from bnn.encoding import Integers
from bnn.mapping.output_steps import OffsetPlan, OutputPlan
from bnn.mapping.relayout import moved_patch
from bnn.mapping.work import See
from bnn.stage import Stage
from pimsim.bits import pack
from pimsim.microprogram.compiled.compile import Compiled, compile_recipe
from pimsim.microprogram.compiled.operands import load
from pimsim.microprogram.compiled.readout import strings, sums
from pimsim.microprogram.compiled.recipe import Recipe
from pimsim.microprogram.compiled.run import prepare, run
from pimsim.microprogram.compiled.strings import Gather
from pimsim.microprogram.compiled.tiles import Layout, Tiles, empty

MEMORY_BYTES = 64 << 20
"""Rows and results held at a time, about: what is used again need not be fetched again."""


@dataclass(frozen=True, slots=True, eq=False)
class _Count:
    """A count that is read out."""

    steps: OffsetPlan
    slots: list[tuple[int, int]]
    """Levels, and which of the rows read out hold them."""
    see: bool
    """Whether it is shown."""
    keep: bool
    """Whether it is what the stage gives."""


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
        self._counts: list[_Count] = []
        self._result: int | None = None
        self._write(look=look)
        positions = stage.windows.positions
        parts = len(planned.chunks)
        per_image = positions * (rows * parts + stage.outputs * max(self._recipe.slots, 1)) // 8
        self.images = max(1, min(images, MEMORY_BYTES // max(per_image, 1)))
        """Images that are run at a time."""
        self.compiled: Compiled = compile_recipe(self._recipe, Layout(rows, parts))
        together = self.compiled.rows_together
        self._tiles = Tiles(self.images * positions, rows, parts=parts, together=together)
        prepare(self.compiled, self._tiles)
        slots = self._recipe.slots
        self._found = empty((1, stage.outputs, slots, self._tiles.words), "rows read out")
        self._found.fill(0)  # so that its memory is there when it is needed
        self._patch = moved_patch(stage.windows.pixels, _sides(stage))
        self._gathers = self._gather()
        self._warm()
        for row, mask in planned.masks:
            held = pack(np.tile(mask, self.images)[None].astype(np.uint8))
            for home in planned.homes:
                self._tiles.save(row, held, home)

    def _write(self, *, look: bool) -> None:
        """Write the recipe of an output."""
        recipe = self._recipe
        for steps in self._plan.offsets:
            home = steps.home
            for part, schedule in enumerate(steps.counts, start=home):
                recipe.run(schedule, part)
            for part, moved, arrivals in steps.parts():
                for row, arrival in zip(moved, arrivals, strict=True):
                    recipe.move(row, part, arrival, home)
            recipe.run(steps.combine, home)
            wanted = self._plan.result is None and steps.reads is not None
            voted = bool(steps.vote.steps)
            if look or (wanted and not voted):
                keep = wanted and not voted
                self._counts.append(self._count(steps, steps.total, home, see=True, keep=keep))
            recipe.run(steps.decide, home)
            for row, arrival in steps.results:
                recipe.move(row, home, arrival)
            recipe.run(steps.vote)
            if wanted and voted:
                self._counts.append(self._count(steps, steps.reads, 0, see=False, keep=True))
        recipe.run(self._plan.pool)
        if self._plan.result is not None:
            self._result = recipe.read(self._plan.result)

    def _count(
        self,
        steps: OffsetPlan,
        rows: Sequence[int | None] | None,
        part: int,
        *,
        see: bool,
        keep: bool,
    ) -> _Count:
        """Read a count out of its rows."""
        some = [(level, row) for level, row in enumerate(rows or ()) if row is not None]
        slots = [(level, self._recipe.read(row, part)) for level, row in some]
        return _Count(steps, slots, see, keep)

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
                slice(chunk.start * stage.planes, chunk.stop * stage.planes),
                self._tiles,
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
        for levels in {len(count.steps.total) for count in self._counts if count.slots}:
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
        stage, positions, number = self._stage, self._stage.windows.positions, len(operands)
        if not isinstance(operands, BitStrings):
            operands = BitStrings.of(operands, stage.planes)
        values = BitStrings.empty(number, positions, stage.outputs)
        wide = np.empty(values.shape if self._result is None else 0, np.int64)
        every = np.arange(stage.outputs)[None]
        for start in range(0, number, self.images):
            some = slice(start, min(start + self.images, number))
            size = some.stop - some.start
            self._load(operands.some(some), threads)
            found = run(self.compiled, self._tiles, every, threads=threads, into=self._found)
            for count in self._counts:
                if see is not None or count.keep:
                    seen = self._sums(found, count, size, threads)
                    if see is not None and count.see:
                        see(some, count.steps.place, seen)
                    if count.keep:
                        wide[some] = seen.transpose(1, 2, 0)
            if self._result is not None:
                into = values.data[some].reshape(1, size * positions, -1)
                strings(found[:, :, self._result], size * positions, into, threads=threads)
            if report is not None:
                report(some.stop, number)
        return wide if self._result is None else values

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
                integers[:, :, chunk],
                stage.windows.pixels,
                images[None],
                planes=stage.planes,
                pad=stage.pad,
                part=part,
                first_row=self._plan.first_row,
                threads=threads,
            )

    def _sums(
        self,
        found: NDArray[np.uint64],
        count: _Count,
        size: int,
        threads: int | None,
    ) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions)."""
        steps, totals, stage = count.steps, count.slots, self._stage
        positions = stage.windows.positions
        if not totals:  # all weights are 0
            constant = steps.offsets.astype(np.int32)[:, None, None]
            return np.broadcast_to(constant, (stage.outputs, size, positions))
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


def _sides(stage: Stage) -> tuple[int, int]:
    """Height and width that the pixels of an image lie in."""
    *further, wide, _ = (1, *stage.shape)
    return int(np.prod(further, dtype=np.intp)), wide
