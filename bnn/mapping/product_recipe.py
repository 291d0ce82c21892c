"""What a column whose products are read out does, as a recipe, and what the host makes of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.columns import Numbers, Same
from bnn.mapping.on_host import count, decide
from bnn.mapping.product_plan import ProductPlan
from bnn.mapping.weight_plan import constants
from pimsim.bits import Words
from pimsim.executors.compiled.run.read_rows import sums
from pimsim.microprogram.row_program import RowProgram


class ProductRecipe:
    """The recipe of a plan; it has one output, for all columns run the same.

    Args:
        stage: the stage.
        planned: its plan.

    """

    def __init__(self, stage: Stage, planned: ProductPlan) -> None:
        self._stage = stage
        self.recipe = RowProgram(1)
        self.same: list[Same] = []
        """Rows hold nothing but activations, weights and products."""
        self.numbers: Numbers | None = None
        self._levels: list[list[int]] = []
        for parts in planned.offsets:
            levels: list[int] = []
            for part, fetches in enumerate(parts):
                for fetch in fetches:
                    self.recipe.run(fetch.schedule, part)
                    for row in fetch.rows:
                        self.recipe.read(row, part)
                    levels += fetch.levels
            self._levels.append(levels)

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
        first = sum(len(levels) for levels in self._levels[:offset])
        levels = self._levels[offset]
        words = count(found[:, first : first + len(levels)], levels)
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
        totals = [
            self.counts(found[None], offset, shape[0] * shape[1], 1).reshape(shape)
            + constant[outputs][:, positions]
            for offset, constant in enumerate(self._constants)
        ]
        if self._stage.thresholds is None:
            return totals[0]
        return decide(self._stage, [own[:, None] for own in totals], outputs, positions)[:, 0]

    @cached_property
    def _constants(self) -> list[NDArray[np.int64]]:
        return [constants(self._stage, offset) for offset in range(len(self._levels))]
