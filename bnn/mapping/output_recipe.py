"""What an output-stationary subarray does for one output, as a recipe, and how it is read back.

A recipe is what both kinds of vector code carry out: schedules, rows moved between the subarrays
that share the fan-in, rows read out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.output_steps import OutputPlan
from pimsim.executors.compiled.run.read_rows import sums
from pimsim.microprogram.row_program import RowProgram


class OutputRecipe:
    """The recipe of a plan.

    Args:
        stage: the stage.
        planned: its plan.
        look: read every sum out, whether the stage gives sums or not.
        check: read the rows out that are compared with checksums.

    """

    def __init__(
        self, stage: Stage, planned: OutputPlan, *, look: bool = False, check: bool = False
    ) -> None:
        self._stage, self._plan = stage, planned
        self.recipe = RowProgram(stage.outputs)
        self.totals: list[list[tuple[int, int]]] = []
        """For all steps of the plan the bits of the count that are read out: exponent, and which
        of the rows read out."""
        self.looked: list[bool] = []
        """For all steps whether their count is read out, which may have no bits."""
        self.given: dict[int, list[tuple[int, int]]] = {}
        """The same of the counts that the stage gives, by number of the steps they end."""
        self.checks: dict[int, int] = {}
        """Which of the rows read out is compared with a checksum, by number of the steps."""
        self.result: int | None = None
        """Which of the rows read out holds the output's bit; None where sums are wanted."""
        self._write(look=look, check=check)

    def _write(self, *, look: bool, check: bool) -> None:
        recipe = self.recipe
        for number, steps in enumerate(self._plan.offsets):
            home, wanted, voted = steps.home, steps.reads is not None, bool(steps.vote.steps)
            for part, schedule in enumerate(steps.counts, start=home):
                recipe.run(schedule, part)
            for part, moved, arrivals in steps.parts():
                for row, arrival in zip(moved, arrivals, strict=True):
                    recipe.move(row, part, arrival, home)
            recipe.run(steps.combine, home)
            if check and steps.check is not None:
                self.checks[number] = recipe.read(steps.check.row, home)
            read = look or (wanted and not voted)
            self.totals.append(self._read(steps.total, home) if read else [])
            self.looked.append(read)
            recipe.run(steps.decide, home)
            for row, arrival in steps.results:
                recipe.move(row, home, arrival, self._plan.voter)
            recipe.run(steps.vote, self._plan.voter)
            if wanted:
                self.given[number] = (
                    self._read(steps.reads, self._plan.voter) if voted else self.totals[-1]
                )
        recipe.run(self._plan.pool)
        if self._plan.result is not None:
            self.result = recipe.read(self._plan.result, self._plan.voter)

    def _read(self, rows: Sequence[int | None] | None, part: int) -> list[tuple[int, int]]:
        """Read a count out of its rows."""
        some = [(level, row) for level, row in enumerate(rows or ()) if row is not None]
        return [(level, self.recipe.read(row, part)) for level, row in some]

    def sums(
        self,
        found: NDArray[np.uint64],
        offset: int,
        size: int,
        threads: int | None = None,
        *,
        given: bool = False,
    ) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions).

        Args:
            found: (1, outputs, slots, words) rows read out.
            offset: number of the steps of the plan.
            size: images.
            threads: processors used, all if None.
            given: those that the stage gives, not those that are looked at.

        """
        steps, stage = self._plan.offsets[offset], self._stage
        totals = self.given[offset] if given else self.totals[offset]
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
