"""Computing outputs again whose checksums are wrong, in vector code.

What a block of columns gave is kept until all blocks are done, for a subarray computes an output
again if it failed in any of its columns; what other columns of that row give then is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.repeats import Repeat, Repeats
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.parity import Parities
from bnn.values.encoding import Integers
from pimsim.bits import Words, pack


class Strip(NamedTuple):
    """Columns of a block that lie in one row of DRAM."""

    columns: slice
    """Of the block."""
    batch: int
    """Number of the batch that the row is computed with."""
    lane: int
    """Lane of the batch."""


class Task(NamedTuple):
    """Outputs that are to be computed for a block of columns."""

    block: int
    team: int
    outputs: NDArray[np.intp]
    attempt: int


class Computing(Protocol):
    """What computes the outputs of blocks."""

    teams: list[NDArray[np.intp]]
    """Outputs that the same subarrays compute."""

    def strips(self, block: int, team: int) -> Sequence[Strip]:
        """Where the columns of a block lie for a team."""
        ...

    def carry_out(self, tasks: Sequence[Task]) -> tuple[list[Words], int]:
        """Rows read out, (outputs, slots, words) for each task, and how often noise struck."""
        ...


class Retries:
    """The checksums of a stage, and what is computed again.

    Args:
        mapped: the stage.
        slots: which of the rows read out each is, by its number.
        operands: ``(images, pixels, channels)``.

    """

    def __init__(self, mapped: MappedStage, slots: Mapping[int, int], operands: Integers) -> None:
        self._stage, self._checks = mapped.stage, mapped.readback.checks
        self._slots = [slots[number] for number, _, _ in self._checks]
        self._operands = operands
        self._images: dict[int, slice] = {}
        self._wrong: dict[int, Words] = {}
        """Per block, columns whose checksum is wrong, (outputs, words)."""
        self.kept: dict[int, Words] = {}
        """Per block, rows read out that are right as far as the host can tell."""

    def take(self, block: int, images: slice, found: Words) -> None:
        """Keep what a block, with those images, gave, (outputs, slots, words)."""
        self._images[block], self.kept[block] = images, found
        wrong = self._compared(found, self._expected(block), self._columns(block))
        if wrong.any():
            self._wrong[block] = wrong

    def again(self, computing: Computing, attempts: int) -> Repeats:
        """Compute what failed again, so often at most; return what that was."""
        repeats: Repeats = {}
        for attempt in range(1, attempts + 1):
            if not self._wrong:
                break
            failed = self._failed(computing)
            for batch, pairs in failed.items():
                repeats.setdefault(batch, []).append(Repeat.of(pairs))
            self._repeat(computing, failed, attempt)
        return repeats

    # -- inside ------------------------------------------------------------------------------

    def _failed(self, computing: Computing) -> dict[int, set[tuple[int, int]]]:
        """Per batch, lanes and outputs that failed in any column."""
        failed: dict[int, set[tuple[int, int]]] = {}
        for block, wrong in self._wrong.items():
            for team, outputs in enumerate(computing.teams):
                for strip in computing.strips(block, team):
                    some = (wrong[outputs] & _inside(strip.columns, wrong.shape[1])).any(axis=1)
                    for output in outputs[some].tolist():
                        failed.setdefault(strip.batch, set()).add((strip.lane, output))
        return failed

    def _repeat(
        self, computing: Computing, failed: dict[int, set[tuple[int, int]]], attempt: int
    ) -> None:
        """Compute outputs that failed again, in every block that has columns among those."""
        before, self._wrong = self._wrong, {}
        by_lane: dict[tuple[int, int], list[int]] = {}
        for batch, pairs in failed.items():
            for lane, output in sorted(pairs):
                by_lane.setdefault((batch, lane), []).append(output)
        for block, wrong in before.items():
            tasks, masks = [], []
            for team, outputs in enumerate(computing.teams):
                for strip in computing.strips(block, team):
                    mask = wrong & _inside(strip.columns, wrong.shape[1])
                    if mask[outputs].any():
                        some = np.array(by_lane[strip.batch, strip.lane])
                        tasks.append(Task(block, team, some, attempt))
                        masks.append(mask[some])
            found, _ = computing.carry_out(tasks)
            expected, columns = self._expected(block), self._columns(block)
            still = np.zeros_like(wrong)
            for task, mask, rows in zip(tasks, masks, found, strict=True):
                kept, own = self.kept[block], [some[task.outputs] for some in expected]
                apart = mask[:, None]
                kept[task.outputs] = kept[task.outputs] & ~apart | rows & apart
                still[task.outputs] |= self._compared(rows, own, columns) & mask
            if still.any():
                self._wrong[block] = still

    def _expected(self, block: int) -> list[Words]:
        """What rows must hold, (outputs, words) for each check."""
        parities = Parities(self._stage, self._operands[self._images[block]])
        return [parities.words(check, place) for _, place, check in self._checks]

    def _columns(self, block: int) -> int:
        images = self._images[block]
        columns: int = (images.stop - images.start) * self._stage.windows.positions
        return columns

    def _compared(self, found: Words, expected: Sequence[Words], columns: int) -> Words:
        """Columns in which a row is not what it must be, (outputs, words)."""
        wrong = np.zeros((found.shape[0], found.shape[2]), np.uint64)
        for slot, rows in zip(self._slots, expected, strict=True):
            words = rows.shape[1]
            wrong[:, :words] |= found[:, slot, :words] ^ rows
        return wrong & _inside(slice(0, columns), wrong.shape[1])


def _inside(columns: slice, words: int) -> Words:
    """``(words,)`` with ones in some columns."""
    bits = np.zeros((1, words * 64), np.uint8)
    bits[0, columns] = 1
    packed: Words = pack(bits)[0]
    return packed
