"""What a column of the weight-stationary mapping does, as a recipe, and how it is read back.

A recipe is what both kinds of vector code carry out: schedules, rows moved between the subarrays
that share the fan-in, rows read out. All columns run the same, so it has one output.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.columns import Numbers, Same
from bnn.mapping.weight_plan import WeightPlan, constants, limits
from pimsim.bits import Words, unpack
from pimsim.executors.compiled.run.read_rows import sums
from pimsim.microprogram.row_program import RowProgram


class WeightRecipe:
    """The recipe of a plan.

    Args:
        stage: the stage.
        planned: its plan.
        look: read every sum out, whether the stage gives sums or not.

    """

    def __init__(self, stage: Stage, planned: WeightPlan, *, look: bool = False) -> None:
        self._stage, self._plan = stage, planned
        self.recipe = RowProgram(1)
        self.totals: list[list[tuple[int, int]]] = []
        """For each place of the pooling window, if sums are read out, the bits of the count:
        exponent, and which of the rows read out."""
        self.result: int | None = None
        """Which of the rows read out holds the output's bit; None where sums are wanted."""
        self._write(look=look or stage.thresholds is None)
        self.same, self.numbers = self._constants()
        """What rows hold beside activations and weights: complements, and least counts for a 1."""

    @property
    def levels(self) -> set[int]:
        """Bits of the counts that are read out."""
        return {len(steps.total) for steps in self._plan.offsets} if self.totals else set()

    def counts(
        self, found: Words, offset: int, columns: int, threads: int | None = None
    ) -> NDArray[np.int32]:
        """Scale times the counts at a place of the pooling window, (outputs, columns).

        Args:
            found: (outputs, slots, words) rows read out.
            offset: the place.
            columns: of each output.
            threads: processors used, all if None.

        """
        slots = [slot for _, slot in self.totals[offset]]
        levels = len(self._plan.offsets[offset].total)
        if len(slots) == levels:
            words = found[:, slots[0] : slots[-1] + 1]
        else:  # some bits are always 0
            words = np.zeros((len(found), levels, found.shape[2]), np.uint64)
            words[:, [level for level, _ in self.totals[offset]]] = found[:, slots]
        plain = np.zeros(words.shape[:2], np.bool_)
        total = sums(words[None], columns, plain, self._stage.scale, threads=threads)
        return total.reshape(-1, columns)

    def values(
        self, found: Words, outputs: slice, positions: NDArray[np.intp]
    ) -> NDArray[np.integer[Any]]:
        """Bits, or sums without thresholds, (outputs, positions).

        Args:
            found: (slots, words) rows read out, output after output.
            outputs: of the stage.
            positions: of the columns of each.

        """
        shape = outputs.stop - outputs.start, len(positions)
        columns = shape[0] * shape[1]
        if self.result is not None:
            return unpack(found[self.result][None], columns).reshape(shape)
        total = self.counts(found[None], 0, columns, 1).reshape(shape)
        return total + self._constant[outputs][:, positions]

    # -- inside ------------------------------------------------------------------------------

    @cached_property
    def _constant(self) -> NDArray[np.int64]:
        return constants(self._stage, 0)

    def _write(self, *, look: bool) -> None:
        recipe = self.recipe
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
                self.totals.append([(level, recipe.read(row)) for level, row in read])
            recipe.run(steps.decide)
        recipe.run(self._plan.pool)
        if self._plan.result is not None:
            self.result = recipe.read(self._plan.result)

    def _constants(self) -> tuple[list[Same], Numbers | None]:
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
