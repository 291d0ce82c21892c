"""What the host makes of rows that vector code has read out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.host_popcount import count as add_up
from bnn.mapping.mapped_stage import Count, MappedStage
from pimsim.bits import Words
from pimsim.executors.compiled.run.read_rows import sums as numbers


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Turns rows that vector code has read out into sums."""

    mapped: MappedStage
    slots: Mapping[int, int]
    """Which of the rows each is that the program reads or looks at, by its number."""

    def held(self, count: Count) -> bool:
        """Whether the rows of a count were read."""
        return all(number in self.slots for _, number in count.bits)

    def scaled(
        self,
        count: Count,
        found: Words,
        columns: int,
        threads: int | None = None,
        offsets: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int32]:
        """Scale times a count plus an offset, (outputs, columns).

        Args:
            count: which.
            found: (outputs, slots, words) rows read out.
            columns: of each output.
            threads: processors used, all if None.
            offsets: (outputs,); 0 if None.

        """
        slots = [self.slots[number] for _, number in count.bits]
        exponents = [exponent for exponent, _ in count.bits]
        if self.mapped.readback.on_host:
            words = add_up(found[:, slots[0] : slots[-1] + 1], exponents)
        elif len(slots) == count.levels and slots == list(range(slots[0], slots[0] + len(slots))):
            words = found[:, slots[0] : slots[0] + len(slots)]
        else:  # a bit that is always 0 (or, inverted, always 1)
            words = np.zeros((len(found), count.levels, found.shape[2]), np.uint64)
            words[:, exponents] = found[:, slots]
        inverted = np.zeros(words.shape[:2], np.bool_)
        if count.inverted is not None:
            inverted = np.ascontiguousarray(count.inverted.T)
        scale = self.mapped.readback.scale
        return numbers(words, columns, inverted, scale, offsets, threads=threads)

    def sums(
        self, count: Count, found: Words, images: int, threads: int | None = None
    ) -> NDArray[np.int32]:
        """Sums as the reference has them, (outputs, images, positions), of rows as above."""
        stage, constant = self.mapped.stage, count.constant
        shape = stage.outputs, images, stage.windows.positions
        if not count.bits:  # all weights are 0
            return np.broadcast_to(constant[:, None].astype(np.int32), shape)
        same = constant[:, 0] if constant.shape[1] == 1 else None
        total = self.scaled(count, found, images * shape[2], threads, same).reshape(shape)
        if same is None:
            total += constant[:, None].astype(np.int32)
        return total
