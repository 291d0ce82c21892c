"""A weight-stationary stage at once, through compiled schedules: the values, not the accounting.

What a column does is a recipe, and :mod:`bnn.mapping.columns` carries it out for all of them. Read
out are output bits, or the counts where sums are wanted or looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bnn.bitstrings import BitStrings, Values, unpacked
from bnn.encoding import Integers
from bnn.mapping.columns import Columns, Numbers, Same
from bnn.mapping.weight_plan import WeightPlan, constants, limits
from bnn.mapping.work import See
from bnn.stage import Stage
from pimsim.bits import Words
from pimsim.microprogram.compiled.compile import Compiled
from pimsim.microprogram.compiled.readout import bits, sums
from pimsim.microprogram.compiled.recipe import Recipe

MEMORY_BYTES = 32 << 20
"""Rows and results held at a time, about."""


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
        same, numbers = self._constants()
        self._columns = Columns(
            stage,
            planned,
            planned.data_rows,
            self._recipe,
            images,
            same=same,
            numbers=numbers,
            memory_bytes=MEMORY_BYTES,
            sum_bytes=4 if self._totals else 0,
        )
        self._warm()

    @property
    def images(self) -> int:
        """Images that are run at a time."""
        return self._columns.images

    @property
    def outputs(self) -> int:
        """Outputs that are run at a time."""
        return self._columns.outputs

    @property
    def compiled(self) -> Compiled:
        """The recipe of a column."""
        return self._columns.compiled

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

    def _constants(self) -> tuple[list[Same], Numbers | None]:
        """What rows hold beside activations and weights: complements, and least counts for a 1."""
        stage, planned = self._stage, self._plan
        same = [
            Same(0, flags[0], flags[1][None])
            for flags in (planned.before, planned.after)
            if flags is not None
        ]
        if stage.thresholds is None:
            return same, None
        rows = planned.offsets[0].threshold_rows
        least = [limits(stage, planned, offset) for offset in range(len(planned.offsets))]
        if any((each != each[:, :1]).any() for each in least):
            return same, Numbers(rows[0], len(rows), np.stack(least, axis=2))
        bit = np.arange(len(rows))[:, None]
        ones = [each[:, 0] >> bit & 1 > 0 for each in least]
        return [*same, Same(0, rows[0], np.concatenate(ones))], None

    def _warm(self) -> None:
        """Have the code that reads back made now, on one column."""
        bits(np.zeros((1, 1, self._columns.words), np.uint64), 1)
        for levels in {len(each.total) for each in self._plan.offsets if self._totals}:
            zero = np.zeros((1, 1, levels, self._columns.words), np.uint64)
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
        for some, found in self._columns.run(operands, threads):
            size = some.stop - some.start
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

    def _sums(self, found: Words, offset: int, size: int, threads: int | None) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions)."""
        stage, positions = self._stage, self._stage.windows.positions
        slots = [slot for _, slot in self._totals[offset]]
        levels = len(self._plan.offsets[offset].total)
        if len(slots) == levels:
            words = found[:, slots[0] : slots[-1] + 1]
        else:  # some bits are always 0
            words = np.zeros((stage.outputs, levels, self._columns.words), np.uint64)
            words[:, [level for level, _ in self._totals[offset]]] = found[:, slots]
        plain = np.zeros(words.shape[:2], np.bool_)
        total = sums(words[None], size * positions, plain, stage.scale, threads=threads)
        shaped: NDArray[np.int32] = total.reshape(stage.outputs, size, positions)
        shaped += constants(stage, offset)[:, None].astype(np.int32)
        return shaped
