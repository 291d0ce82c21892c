"""A stage of a chain as it lies in its subarrays; which banks and images is decided later.

What a bank computes at a time, an output or a group of outputs, is a *unit*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.placement import Placement
from bnn.system.system import System


class Bit(NamedTuple):
    """Where an output's bit stands once its unit has been computed."""

    output: int
    row: int
    """Data row of the first part."""


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A stage, but for which banks and images its subarrays are of."""

    stage: Stage
    chunks: Sequence[Chunk]
    """Operands that each part holds, where they are those of one bit that stages before give."""
    parts: int
    first_row: int
    """First data row of the operands, in each part."""
    units: Sequence[Sequence[Bit]]
    """Bits of each unit; none where sums are read."""
    place: Callable[[Placement, Sequence[int]], MappedStage]
    """The stage where a placement says, the first part of each lane in one of some banks."""


class Draft(Protocol):
    """A stage for which rows were found in a subarray, or in several."""

    @property
    def parts(self) -> int:
        """Subarrays."""
        ...

    def laid(self) -> Laid:
        """Write all that is done."""
        ...


class Planner(Protocol):
    """What lays out stages of a mapping for a chain."""

    def alone(self, number: int) -> Draft:
        """Return a stage that shares its subarrays with no other; its bits stay but for the last's.

        Raises OutOfRowsError for one that does not fit.
        """
        ...

    def beside(self, number: int, own: range, coming: range) -> Draft:
        """Return a stage with operands in the data rows ``own`` of one subarray.

        Its bits become operands of the next stage, in the rows ``coming``; where there are none,
        it is as if it were alone. Raises OutOfRowsError where they do not fit together.
        """
        ...


MakePlanner = Callable[[Sequence[Stage], System, int], Planner]
"""Makes a planner from the stages of a chain, the system and the number of images."""
