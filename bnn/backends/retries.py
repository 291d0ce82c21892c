"""Outputs that are computed again because their checksums are wrong: which, where, in what order.

All outputs of a batch of tiles are computed before any is computed again. Then the operands of
lanes with a failed output are written again, because wrong commands may have damaged them. These
lanes compute the outputs that failed in any of their columns, one after the other. This is repeated
while outputs fail and retries are left.

>>> repeat = Repeat.of({(2, 5), (0, 7), (2, 3)})
>>> repeat.lanes, repeat.outputs
([0, 2], [[7], [3, 5]])
>>> [(lanes.tolist(), outputs.tolist()) for lanes, outputs in repeat.slots()]
[([0, 1], [7, 3]), ([1], [5])]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.parity import Flags
from bnn.values.bitstrings import Values
from pimsim.dram.array.row_storage import Lanes

if TYPE_CHECKING:
    from pimsim.executors.faulty.program import Patch


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


Carried = tuple[Values, int, Repeats]
"""The result of carrying out a stage: values (images, positions, outputs), which are bits, or sums
if there are no thresholds; how often noise struck; and what was computed again."""


def repeated(repeats: Repeats) -> int:
    """Total number of outputs that were computed again."""
    return sum(each.count for some in repeats.values() for each in some)


class Task(NamedTuple):
    """Outputs that are computed in turn, for a block of columns."""

    images: slice
    """Outputs that the columns of the block belong to."""
    team: int
    """First of the outputs that the same subarrays compute."""
    outputs: NDArray[np.intp]
    """Those that are computed."""
    attempt: int = 0
    """How often they have been computed before."""
    mask: Flags | None = None
    """``(outputs, columns)`` which of the results are taken; all if None."""


class Strip(NamedTuple):
    """Columns of a block that lie in one row of DRAM."""

    columns: slice
    """Columns of the block."""
    turn: int
    lane: int
    patch: Patch


Failed = list[tuple[Task, Flags]]
"""A task, and ``(outputs, columns)`` which of its results are wrong."""


def again(
    failed: Failed, strips: Callable[[Task], Iterable[Strip]], repeats: Repeats
) -> list[Task]:
    """Return what vector code is to compute again, and add it to ``repeats``.

    A block of columns may lie in several subarrays; only results from the subarray that failed are
    taken again.
    """
    apart = [(task, wrong, strip) for task, wrong in failed for strip in strips(task)]
    lanes: dict[tuple[int, int], set[int]] = {}
    for task, wrong, strip in apart:
        outputs = task.outputs[wrong[:, strip.columns].any(axis=1)].tolist()
        if outputs:
            lanes.setdefault((strip.turn, strip.lane), set()).update(outputs)
    for turn in sorted({turn for turn, _ in lanes}):
        here = {lane: outputs for (own, lane), outputs in lanes.items() if own == turn}
        pairs = [(lane, output) for lane, outputs in here.items() for output in outputs]
        repeats.setdefault(turn, []).append(Repeat.of(pairs))
    tasks = []
    for task, wrong, strip in apart:
        if wrong[:, strip.columns].any():
            outputs = np.array(sorted(lanes[strip.turn, strip.lane]))
            mask = np.zeros((len(outputs), wrong.shape[1]), wrong.dtype)
            known = np.isin(task.outputs, outputs)
            rows = np.searchsorted(outputs, task.outputs[known])
            mask[rows, strip.columns] = wrong[known, strip.columns]
            tasks.append(Task(task.images, task.team, outputs, task.attempt + 1, mask))
    return tasks
