"""What an output-stationary subarray does for one output, as a recipe, and how it is read back.

A recipe is what both kinds of vector code carry out: schedules, rows moved between the subarrays
that share the fan-in, rows read out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.output_plan import OutputPlan
from bnn.stage import Stage
from pimsim.microprogram.compiled.readout import sums
from pimsim.microprogram.compiled.recipe import Recipe


class OutputRecipe:
    """The recipe of a plan.

    Args:
        stage: the stage.
        planned: its plan.
        look: read every sum out, whether the stage gives sums or not.

    """

    def __init__(self, stage: Stage, planned: OutputPlan, *, look: bool = False) -> None:
        self._stage, self._plan = stage, planned
        self.recipe = Recipe(stage.outputs)
        self.totals: list[list[tuple[int, int]]] = []
        """For each place of the pooling window the bits of the count that are read out: exponent,
        and which of the rows read out."""
        self.result: int | None = None
        """Which of the rows read out holds the output's bit; None where sums are wanted."""
        self._write(look=look or stage.thresholds is None)

    def _write(self, *, look: bool) -> None:
        recipe = self.recipe
        for steps in self._plan.offsets:
            for part, schedule in enumerate(steps.counts):
                recipe.run(schedule, part)
            for part, (moved, arrivals) in enumerate(zip(steps.moved, steps.arrivals, strict=True)):
                for row, arrival in zip(moved, arrivals, strict=False):
                    recipe.move(row, part, arrival)
            recipe.run(steps.combine)
            read = [(n, row) for n, row in enumerate(steps.total) if row is not None]
            self.totals.append([(n, recipe.read(row)) for n, row in read] if look else [])
            recipe.run(steps.decide)
        recipe.run(self._plan.pool)
        if self._plan.result is not None:
            self.result = recipe.read(self._plan.result)

    def sums(
        self, found: NDArray[np.uint64], offset: int, size: int, threads: int | None = None
    ) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions).

        Args:
            found: (1, outputs, slots, words) rows read out.
            offset: place of the pooling window.
            size: images.
            threads: processors used, all if None.

        """
        steps, stage, totals = self._plan.offsets[offset], self._stage, self.totals[offset]
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
