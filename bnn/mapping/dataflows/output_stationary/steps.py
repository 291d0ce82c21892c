"""Steps of a subarray to an output of a stage, for all outputs at once: schedules and rows.

The fan-in lies in one part or several. In the first of them, the home, their counts are added up
and decided. With triple modular redundancy an output is computed three times: by the same parts one
after the other, or by three sets of parts with a home each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.dataflows.output_stationary.masks import Mask
from bnn.mapping.parity import Check
from bnn.mapping.placement.chunk import Chunk
from pimsim.microprogram.schedule import Schedule


@dataclass(frozen=True, slots=True, eq=False)
class OffsetPlan:
    """Steps for one place of the pooling window, once."""

    place: int
    """Place of the pooling window."""
    counts: list[Schedule]
    """Per chunk, counting its products, in the parts from ``home`` on."""
    moved: list[list[int]]
    """Per chunk, data rows of its partial count; unused for the first."""
    arrivals: list[list[int]]
    """Per chunk, data rows of part ``home`` that they are written to."""
    combine: Schedule
    """Adding the partial counts, in part ``home``."""
    total: list[int | None]
    """Data rows of part ``home`` with the count, least significant first, when ``combine`` is done;
    None: always 0."""
    inverted: Mask
    """``(bits, outputs)``: rows that hold the complement."""
    offsets: NDArray[np.int64]
    """``(outputs,)``: sum = scale * count + offset."""
    reads: list[int | None] | None
    """Data rows of the voter with the count to be read out where sums are wanted, in the end; None
    if it is one of several that are voted."""
    decide: Schedule
    """Comparing the count with the threshold, in part ``home``; empty where sums are wanted."""
    vote: Schedule
    """The majority of three results, in the voter, when ``results`` are there; mostly empty."""
    check: Check | None = None
    """The row that is read out, when ``combine`` is done, and compared with what it must hold."""
    home: int = 0
    """The part that adds up partial counts and decides."""
    results: tuple[tuple[int, int], ...] = ()
    """Data rows of part ``home`` with what is voted, and those of the voter that they go to."""

    def parts(self) -> Iterator[tuple[int, list[int], list[int]]]:
        """Every part whose partial count goes to ``home``: its number, and rows there and here."""
        pairs = zip(self.moved[1:], self.arrivals[1:], strict=True)
        for part, (moved, arrivals) in enumerate(pairs, start=self.home + 1):
            yield part, moved, arrivals


@dataclass(frozen=True, slots=True, eq=False)
class OutputPlan:
    """Everything that a subarray needs to compute any output of the stage."""

    chunks: list[Chunk]
    """What each part holds, a subarray that shares the fan-in; three times over where three
    sets of parts compute the same."""
    masks: list[tuple[int, Mask]]
    """Data rows of every home with what they hold, ``(positions,)``."""
    offsets: list[OffsetPlan]
    scale: int
    pool: Schedule
    """From the bits of all offsets to the result."""
    result: int | None
    """Data row of the voter with the output bits; None where sums are wanted."""
    first_row: int = 0
    """First data row of the operands, in each subarray."""
    voter: int = 0
    """The part that gives the result: part 0, or where three sets of parts have one voted another
    without operands. In a column that is weak in a set the vote would be as weak."""

    @property
    def parts(self) -> int:
        """Subarrays that take part."""
        return max(len(self.chunks), self.voter + 1)

    @property
    def homes(self) -> list[int]:
        """Parts in which partial counts are added up."""
        return sorted({steps.home for steps in self.offsets})


def thrice(
    once: list[OffsetPlan], parts: int, results: Sequence[int], arrivals: Sequence[int]
) -> list[OffsetPlan]:
    """Return steps for three sets of so many parts, which hand on what they have found.

    Args:
        once: steps of one set.
        parts: parts of a set.
        results: rows that hold what was found when the last of the steps is done.
        arrivals: rows of the voter that those of the first set go to, then those of the others.

    """
    sets = []
    for number in range(3):
        some = arrivals[number * len(results) : (number + 1) * len(results)]
        own = [replace(steps, home=number * parts) for steps in once]
        own[-1] = replace(own[-1], results=tuple(zip(results, some, strict=True)))
        sets.append(own)
    return [steps for own in sets for steps in own]


def joined(*schedules: Schedule) -> Schedule:
    """One schedule with the steps of several, for the same outputs, in order."""
    result = Schedule(schedules[0].outputs, schedules[0].address_map)
    for schedule in schedules:
        result.extend(schedule)
    return result
