"""What is done for one output, from the first schedule to the last row that is read out.

The rows of an output may be divided among several subarrays (*parts*), each of which runs
schedules of its own; a row that moves from one part to another is read and written by the host.

>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule = Schedule(outputs=3)
>>> schedule.append((NOT,), a=18, out=19)
>>> recipe = Recipe(outputs=3)
>>> recipe.run(schedule)
>>> recipe.read(1)
0
>>> recipe.slots
1
"""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.errors import InputError
from pimsim.microprogram.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Run:
    """A schedule on a part."""

    schedule: Schedule
    part: int


@dataclass(frozen=True, slots=True)
class Move:
    """A data row of one part read and written to another."""

    row: int
    part: int
    to_row: int
    to_part: int


@dataclass(frozen=True, slots=True)
class Read:
    """A data row read out."""

    row: int
    part: int


class Recipe:
    """Schedules, moves and reads in order, for ``outputs`` outputs."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.items: list[Run | Move | Read] = []
        self.slots = 0
        """Rows read out for an output."""

    def run(self, schedule: Schedule, part: int = 0) -> None:
        """Run a schedule on a part."""
        if schedule.outputs != self.outputs:
            raise InputError(
                f"a recipe for {self.outputs} outputs must have schedules for as many, "
                f"not {schedule.outputs}"
            )
        self.items.append(Run(schedule, part))

    def move(self, row: int, part: int, to_row: int, to_part: int = 0) -> None:
        """Read a data row of a part and write it to another."""
        self.items.append(Move(row, part, to_row, to_part))

    def read(self, row: int, part: int = 0) -> int:
        """Read a data row out; returns which of the rows read out it is."""
        self.items.append(Read(row, part))
        self.slots += 1
        return self.slots - 1
