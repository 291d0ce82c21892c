"""Outputs that were computed again because their checksums were wrong: which, where, in what order.

All outputs of a batch of tiles are computed before any is computed again. Then the lanes in which
one failed take their operands once more, for commands that went wrong may have left errors in
them, and compute those outputs that failed one after the other; and so on.

>>> repeat = Repeat.of({(2, 5), (0, 7), (2, 3)})
>>> repeat.lanes, repeat.outputs
([0, 2], [[7], [3, 5]])
>>> [(lanes.tolist(), outputs.tolist()) for lanes, outputs in repeat.slots()]
[([0, 1], [7, 3]), ([1], [5])]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.row_storage import Lanes


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a batch computes once more."""

    lanes: list[int]
    """Lanes of the batch that take part, and so banks."""
    outputs: list[list[int]]
    """What each of them computes, in order."""

    @classmethod
    def of(cls, failed: Iterable[tuple[int, int]]) -> Repeat:
        """For every lane and output that failed."""
        found = [
            (lane, [output for _, output in some])
            for lane, some in groupby(sorted(failed), key=lambda pair: pair[0])
        ]
        return cls([lane for lane, _ in found], [outputs for _, outputs in found])

    def slots(self) -> Iterator[tuple[Lanes, NDArray[np.intp]]]:
        """Numbers of lanes among ``lanes``, and the output of each, one slot after the other."""
        for slot in range(max(map(len, self.outputs), default=0)):
            lanes = [n for n, outputs in enumerate(self.outputs) if len(outputs) > slot]
            yield np.array(lanes), np.array([self.outputs[lane][slot] for lane in lanes])

    @property
    def count(self) -> int:
        """Outputs that are computed again, each lane for itself."""
        return sum(map(len, self.outputs))


Repeats = dict[int, list[Repeat]]
"""By number of the batch, what it computed again, once, twice, ..."""


def repeated(repeats: Repeats) -> int:
    """Outputs that were computed again in all."""
    return sum(each.count for some in repeats.values() for each in some)
