"""A stage whose products are read out, at once, through compiled schedules: the values.

:mod:`bnn.mapping.columns` computes the rows, and the host counts them as it would count those of a
DRAM. Every sum is the host's, so there is nothing to be looked at that is not there anyway.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.columns import Columns
from bnn.mapping.on_host import decide
from bnn.mapping.product_plan import ProductPlan
from bnn.mapping.product_recipe import ProductRecipe
from bnn.mapping.weight_plan import constants
from bnn.mapping.work import See
from bnn.values.bitstrings import BitStrings, Values, unpacked
from bnn.values.encoding import Integers
from pimsim.bits import Words

MEMORY_BYTES = 64 << 20
"""Rows and products held at a time, about."""


class Fetched:
    """A stage's plan, compiled once for all of its columns.

    Args:
        stage: the stage.
        planned: its plan.
        images: images that will be run, so that no more columns are made than they need.

    """

    def __init__(self, stage: Stage, planned: ProductPlan, images: int) -> None:
        self._stage = stage
        self._recipe = ProductRecipe(stage, planned)
        self._offsets = len(planned.offsets)
        self._columns = Columns(
            stage,
            planned,
            planned.data_rows,
            self._recipe.recipe,
            images,
            same=self._recipe.same,
            numbers=self._recipe.numbers,
            memory_bytes=MEMORY_BYTES,
            sum_bytes=4 * self._offsets,
        )

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
            see: is shown every sum.
            report: called with how many images are done, and how many there are.

        """
        stage, images = self._stage, len(operands)
        shape = (images, stage.windows.positions, stage.outputs)
        bits = stage.thresholds is not None
        values = np.empty(shape, np.uint8) if bits else np.empty(shape, np.int64)
        for some, found in self._columns.run(unpacked(operands), threads):
            seen = []
            for offset in range(self._offsets):
                seen.append(self._sums(found, offset, some.stop - some.start, threads))
                if see is not None:
                    see(some, offset, seen[-1])
            whole = decide(stage, seen) if bits else seen[0]
            values[some] = whole.transpose(1, 2, 0)
            if report is not None:
                report(some.stop, images)
        return values

    def _sums(self, found: Words, offset: int, size: int, threads: int | None) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions)."""
        stage, positions = self._stage, self._stage.windows.positions
        total = self._recipe.counts(found, offset, size * positions, threads)
        shaped = total.reshape(stage.outputs, size, positions)
        shaped += constants(stage, offset)[:, None].astype(np.int32)
        return shaped
