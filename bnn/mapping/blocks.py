"""A weight-stationary stage at once, through compiled schedules: the values, not the accounting.

All columns run one program, so its schedules are compiled once, as a recipe for a single output.
Columns do not see each other; which of them share a DRAM row, and in which order they are
computed, makes no difference here. So a few images at a time are loaded, once, and one block of
outputs after the other is computed on them: only the weights beside the activations are replaced
(and the activations, where outputs read groups of channels of their own). Memory stays bounded
however many images there are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bnn.bitstrings import BitStrings, Values, unpacked
from bnn.encoding import Integers
from bnn.lower import Stage
from bnn.mapping.weight_plan import WeightPlan, constants, limits, weights
from bnn.mapping.work import See
from pimsim.bits import Words
from pimsim.dram.rowgroups import ambit
from pimsim.microprogram.compiled.compile import Compiled, compile_recipe
from pimsim.microprogram.compiled.operands import load
from pimsim.microprogram.compiled.readout import bits, sums
from pimsim.microprogram.compiled.recipe import Recipe
from pimsim.microprogram.compiled.run import prepare, run, spread
from pimsim.microprogram.compiled.tiles import Tiles

MEMORY_BYTES = 32 << 20
"""Rows and results held at a time, about."""

_WORD = 64
_VECTOR = 512
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

Flags = NDArray[np.bool_]


class Blocks:
    """A stage's plan, compiled once for all of its columns.

    Args:
        stage: the stage.
        planned: its plan.
        images: images that will be run, so that no more columns are made than they need.
        look: read every sum out, for :meth:`run` to show them.

    """

    def __init__(self, stage: Stage, planned: WeightPlan, images: int, *, look: bool) -> None:
        self._stage, self._plan = stage, planned
        self._recipe = Recipe(1)
        self._totals: list[list[tuple[int, int]]] = []
        self._result: int | None = None
        self._write(look=look or stage.thresholds is None)
        positions, outputs = stage.windows.positions, stage.outputs
        rows, parts = ambit().first_data + planned.data_rows, len(planned.chunks)
        column = rows * parts / 8
        results = outputs * self._recipe.slots / 8 + (4 * outputs if self._totals else 0)
        most = max(1, int(MEMORY_BYTES / (positions * (column + results))))
        self.images = _even(images, most)
        """Images that are run at a time."""
        self._words = _words(self.images * positions)
        left = MEMORY_BYTES / (self._words * _WORD) - results
        self.outputs = _even(outputs, max(1, int(left / column)))
        """Outputs of a block, the last of which may be smaller."""
        self._tiles = Tiles(self.outputs * self._words * _WORD, rows, parts=parts)
        self.compiled: Compiled = compile_recipe(self._recipe, self._tiles.layout)
        prepare(self.compiled, self._tiles)
        self._same, self._least = self._constants()
        self._warm()

    def _write(self, *, look: bool) -> None:
        """Write the recipe of a column."""
        recipe = self._recipe
        for steps in self._plan.offsets:
            for part, schedule in enumerate(steps.counts):
                recipe.run(schedule, part)
            pairs = zip(steps.moved[1:], steps.arrivals[1:], strict=True)
            for part, (moved, arrivals) in enumerate(pairs, start=1):
                for row, arrival in zip(moved, arrivals, strict=True):
                    recipe.move(row, part, arrival)
            recipe.run(steps.combine)
            if look:
                read = [(level, row) for level, row in enumerate(steps.total) if row is not None]
                self._totals.append([(level, recipe.read(row)) for level, row in read])
            recipe.run(steps.decide)
        recipe.run(self._plan.pool)
        if self._plan.result is not None:
            self._result = recipe.read(self._plan.result)

    def _constants(self) -> tuple[list[tuple[int, int, Flags]], NDArray[np.int64] | None]:
        """What the rows beside the activations hold.

        Part, first row and bits (rows, outputs) where all columns of an output hold the same; least
        counts (outputs, positions, offsets) if they do not.
        """
        stage, planned = self._stage, self._plan
        same: list[tuple[int, int, Flags]] = []
        pairs = zip(planned.chunks, planned.weight_rows, strict=True)
        for part, (chunk, rows) in enumerate(pairs):
            same.append((part, rows.start, weights(stage, chunk)))
        for flags in (planned.before, planned.after):
            if flags is not None:
                same.append((0, flags[0], flags[1][None]))
        if stage.thresholds is None:
            return same, None
        least = [limits(stage, planned, offset) for offset in range(len(planned.offsets))]
        if any((each != each[:, :1]).any() for each in least):
            return same, np.stack(least, axis=2)
        bit = np.arange(len(planned.offsets[0].threshold_rows))[:, None]
        ones = [each[:, 0] >> bit & 1 > 0 for each in least]
        same.append((0, planned.offsets[0].threshold_rows[0], np.concatenate(ones)))
        return same, None

    def _warm(self) -> None:
        """Have the code that lays out and reads back made now, on one column."""
        stage, steps = self._stage, self._plan.offsets
        tiny = Tiles(1, self._tiles.layout.rows, tile_words=self._tiles.tile_words)
        unused, pixels = np.zeros((1, 1), np.intp), stage.windows.pixels[:1]
        for width in {chunk.stop - chunk.start for chunk in self._plan.chunks}:
            one = np.zeros((1, max(int(pixels.max()), 0) + 1, width), np.uint8)
            load(tiny, one, pixels, unused, planes=stage.planes, pad=stage.pad)
        if self._least is not None:
            planes = len(steps[0].threshold_rows)
            load(tiny, self._least[:1, :1], unused, unused, planes=planes)
        bits(np.zeros((1, 1, tiny.words), np.uint64), 1)
        for levels in {len(each.total) for each in steps if self._totals}:
            zero = np.zeros((1, 1, levels, tiny.words), np.uint64)
            sums(zero, 1, np.zeros((1, levels), np.bool_))

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
        operands = unpacked(operands)
        shape = (count, positions, stage.outputs)
        values = np.empty(shape, np.uint8)
        wide = np.empty(shape if self._result is None else 0, np.int64)
        found = np.empty((stage.outputs, self._recipe.slots, self._words), np.uint64)
        for start in range(0, count, self.images):
            some = slice(start, min(start + self.images, count))
            size = some.stop - some.start
            if stage.groups == 1:
                self._load_operands(operands[some], slice(0, stage.outputs), threads)
            for first in range(0, stage.outputs, self.outputs):
                block = slice(first, min(first + self.outputs, stage.outputs))
                if stage.groups > 1:
                    self._load_operands(operands[some], block, threads)
                self._load_constants(block, threads)
                rows = run(self.compiled, self._tiles, np.array([0]), threads=threads)
                many = block.stop - block.start
                used = rows[0, 0, :, : many * self._words]
                found[block] = used.reshape(-1, many, self._words).transpose(1, 0, 2)
            for offset in range(len(self._totals)):
                seen = self._sums(found, offset, size, threads)
                if see is not None:
                    see(some, offset, seen)
                if self._result is None:
                    wide[some] = seen.transpose(1, 2, 0)
            if self._result is not None:
                into = values[some].reshape(1, size * positions, stage.outputs)
                bits(found[None, :, self._result], size * positions, into=into, threads=threads)
            if report is not None:
                report(some.stop, count)
        return wide if self._result is None else values

    def _load_operands(self, operands: Integers, block: slice, threads: int | None) -> None:
        """Write the activations of every output of a block: those of its group of channels."""
        stage, positions, count = self._stage, self._stage.windows.positions, len(operands)
        images = np.full(self._words * _WORD, -1)
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
            patches, pixels = self._patches(values[:, :, chunk])
            load(
                self._tiles,
                patches,
                pixels,
                columns,
                places,
                planes=stage.planes,
                pad=stage.pad,
                part=part,
                threads=threads,
            )

    def _patches(self, values: Integers) -> tuple[Integers, NDArray[np.intp]]:
        """Values and the pixels that positions read of them; a small patch becomes one pixel.

        Fetching a pixel takes as long as fetching a whole word.
        """
        stage, pixels = self._stage, self._stage.windows.pixels
        if stage.windows.patch == 1 or pixels[0].size * values.shape[2] * stage.planes > _WORD:
            return values, pixels
        found = values[:, pixels]
        found[:, pixels < 0] = stage.pad
        return found.reshape(*found.shape[:2], -1), np.arange(len(pixels))[:, None]

    def _load_constants(self, block: slice, threads: int | None) -> None:
        """Write weights, complements and thresholds of a block."""
        for part, row, ones in self._same:
            _fill(self._tiles, self._words, row, part, ones[:, block], threads)
        if self._least is None:
            return
        outputs = np.arange(self.outputs)
        outputs[block.stop - block.start :] = -1
        steps = self._plan.offsets
        load(
            self._tiles,
            self._least[block],
            np.arange(self._stage.windows.positions)[:, None],
            np.repeat(outputs, self._words * _WORD)[None],
            self._places(),
            planes=len(steps[0].threshold_rows),
            first_row=steps[0].threshold_rows[0],
            threads=threads,
        )

    def _places(self) -> NDArray[np.intp]:
        """Position of every column of a block."""
        places = np.resize(np.arange(self._stage.windows.positions), self._words * _WORD)
        return np.tile(places, self.outputs)

    def _sums(self, found: Words, offset: int, size: int, threads: int | None) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions)."""
        stage, positions = self._stage, self._stage.windows.positions
        slots = [slot for _, slot in self._totals[offset]]
        levels = len(self._plan.offsets[offset].total)
        if len(slots) == levels:
            words = found[:, slots[0] : slots[-1] + 1]
        else:  # some bits are always 0
            words = np.zeros((stage.outputs, levels, self._words), np.uint64)
            words[:, [level for level, _ in self._totals[offset]]] = found[:, slots]
        plain = np.zeros(words.shape[:2], np.bool_)
        total = sums(words[None], size * positions, plain, stage.scale, threads=threads)
        shaped: NDArray[np.int32] = total.reshape(stage.outputs, size, positions)
        shaped += constants(stage, offset)[:, None].astype(np.int32)
        return shaped


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
