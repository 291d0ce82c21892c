"""What a subarray holds of a stage, and how it shares it with the next stage of a chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bnn.mapped.placement.fan_in import Chunk


class Beside(NamedTuple):
    """How a stage of a chain shares its subarray with the next, and what becomes of its bits."""

    first_row: int = 0
    """First data row of its operands."""
    coming: range = range(0)
    """Data rows of the next stage's operands, to which bits go; empty if they are elsewhere."""
    stays: bool = True
    """Whether bits stay in their rows, and are not read out."""
    most: int = 8
    """Most outputs of a group: this many rows are reserved for bits that go nowhere else."""


@dataclass(frozen=True, slots=True)
class Part:
    """Operands in a subarray, or some of their bits."""

    chunk: Chunk
    places: list[int]
    """Places of the patch, in the order of their rows."""
    windows: range
    """Places of the pooling window, or block, that it counts for."""
    planes: range
    first_row: int = 0

    @property
    def rows(self) -> range:
        """Data rows of the operands."""
        size = len(self.places) * self.chunk.width * len(self.planes)
        return range(self.first_row, self.first_row + size)
