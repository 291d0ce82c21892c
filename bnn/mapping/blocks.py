"""A weight-stationary stage at once, through compiled schedules: the values, not the accounting.

What a column does is a recipe, and :mod:`bnn.mapping.columns` carries it out for all of them. Read
out are output bits, or the counts where sums are wanted or looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.columns import Columns
from bnn.mapping.weight_plan import WeightPlan, constants
from bnn.mapping.weight_recipe import WeightRecipe
from bnn.mapping.work import See
from bnn.values.bitstrings import BitStrings, Values, unpacked
from bnn.values.encoding import Integers
from pimsim.bits import Words
from pimsim.executors.compiled.lower.compile import Compiled
from pimsim.executors.compiled.run.read_rows import bits, sums

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
        self._stage = stage
        self._recipe = WeightRecipe(stage, planned, look=look)
        self._columns = Columns(
            stage,
            planned,
            planned.data_rows,
            self._recipe.recipe,
            images,
            same=self._recipe.same,
            numbers=self._recipe.numbers,
            memory_bytes=MEMORY_BYTES,
            sum_bytes=4 if self._recipe.totals else 0,
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

    def _warm(self) -> None:
        """Have the code that reads back made now, on one column."""
        bits(np.zeros((1, 1, self._columns.words), np.uint64), 1)
        for levels in self._recipe.levels:
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
        wide = np.empty(shape if self._recipe.result is None else 0, np.int64)
        for some, found in self._columns.run(operands, threads):
            size = some.stop - some.start
            for offset in range(len(self._recipe.totals)):
                seen = self._sums(found, offset, size, threads)
                if see is not None:
                    see(some, offset, seen)
                if self._recipe.result is None:
                    wide[some] = seen.transpose(1, 2, 0)
            if self._recipe.result is not None:
                into = values[some].reshape(1, size * positions, stage.outputs)
                bits(
                    found[None, :, self._recipe.result],
                    size * positions,
                    into=into,
                    threads=threads,
                )
            if report is not None:
                report(some.stop, count)
        return wide if self._recipe.result is None else values

    def _sums(self, found: Words, offset: int, size: int, threads: int | None) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions)."""
        stage, positions = self._stage, self._stage.windows.positions
        total = self._recipe.counts(found, offset, size * positions, threads)
        shaped = total.reshape(stage.outputs, size, positions)
        shaped += constants(stage, offset)[:, None].astype(np.int32)
        return shaped
