"""What a stage does in its subarrays: rows written, schedules run, rows moved, rows read out.

The rows of an output may be divided among several subarrays (*parts*), each of which runs schedules
of its own. A row program is used in four ways: to account for its time and energy, to execute it
command by command, to execute it as compiled code, or to execute it with commands that go wrong.

>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule = Schedule(outputs=3)
>>> schedule.append((NOT,), a=18, out=19)
>>> program = RowProgram(outputs=3)
>>> program.enter("inputs")
>>> program.write([0], part=0, content="operands")
>>> program.enter("compute")
>>> program.run(schedule)
>>> seen, result = program.look(0), program.read(1)
>>> plain, slots = program.delivered()                 # without rows that are only looked at
>>> plain.slots, slots[result]
(1, 0)
>>> program.delivered(looking=True)[1] == {seen: 0, result: 1}
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pimsim.dram.timeline.command_stream import Run as CommandRun
from pimsim.errors import InputError
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

PHASES = ("weights", "inputs", "compute")
"""Loading weights (once for all images), loading inputs, and computing."""


@dataclass(frozen=True, slots=True)
class Write:
    """Data rows of a part written over the channel."""

    rows: Sequence[int]
    part: int
    content: object
    """What the rows hold, in the form that the mapping and its writer agree on."""


@dataclass(frozen=True, slots=True)
class Run:
    """A schedule on a part."""

    schedule: Schedule | AdderTape
    part: int


@dataclass(frozen=True, slots=True)
class Move:
    """A data row of one part brought to another."""

    row: int
    part: int
    to_row: int
    to_part: int


@dataclass(frozen=True, slots=True)
class Read:
    """A data row read out over the channel."""

    row: int
    part: int
    number: int = 0
    """Number of this row among all rows that are read or looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """A data row looked at, which takes no command."""

    row: int
    part: int
    number: int
    always: bool
    """Whether its content is a result of the program, and not only for checks."""


Item: TypeAlias = Write | Run | Move | Read | Look


class RowProgram:
    """Items of each phase in order; those of ``compute`` are repeated for each of the outputs."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.phases: dict[str, list[Item]] = {phase: [] for phase in PHASES}
        self._phase = "compute"
        self._numbers = 0

    @property
    def items(self) -> list[Item]:
        """The items for one output, once operands are loaded."""
        return self.phases["compute"]

    @property
    def slots(self) -> int:
        """Rows read out for an output."""
        return sum(isinstance(item, Read) for item in self.items)

    @property
    def runs(self) -> tuple[CommandRun, ...]:
        """Row commands of one output."""
        schedules = (item.schedule for item in self.items if isinstance(item, Run))
        return tuple(run for schedule in schedules for run in schedule.runs)

    def rows_written(self, phase: str) -> int:
        """Rows that a phase writes, of all parts together."""
        return sum(len(item.rows) for item in self.phases[phase] if isinstance(item, Write))

    def enter(self, phase: str) -> None:
        """Begin a phase, one of :data:`PHASES`, to which following items belong."""
        self.phases[phase]
        self._phase = phase

    def write(self, rows: Sequence[int], part: int, content: object) -> None:
        """Write data rows of a part, unless there are none."""
        if len(rows):
            self.phases[self._phase].append(Write(rows, part, content))

    def run(self, schedule: Schedule | AdderTape, part: int = 0) -> None:
        """Run a schedule on a part, unless it is empty; InputError if it is for other outputs."""
        if schedule.outputs != self.outputs:
            raise InputError(
                f"a row program for {self.outputs} outputs must have schedules for as many, "
                f"not {schedule.outputs}"
            )
        if schedule:
            self.phases[self._phase].append(Run(schedule, part))

    def move(self, row: int, part: int, to_row: int, to_part: int = 0) -> None:
        """Copy a data row of one part to another part."""
        self.phases[self._phase].append(Move(row, part, to_row, to_part))

    def read(self, row: int, part: int = 0) -> int:
        """Read a data row out; returns its number, see :meth:`delivered`."""
        self.phases[self._phase].append(Read(row, part, self._numbers))
        self._numbers += 1
        return self._numbers - 1

    def look(self, row: int, part: int = 0, *, always: bool = False) -> int:
        """Look at a data row; returns its number, see :meth:`delivered`."""
        self.phases[self._phase].append(Look(row, part, self._numbers, always))
        self._numbers += 1
        return self._numbers - 1

    def delivered(self, *, looking: bool = False) -> tuple[RowProgram, dict[int, int]]:
        """Return the program with its looks turned into reads or left out, and slots by number.

        Args:
            looking: also read rows that are looked at only for checks.

        """
        plain = RowProgram(self.outputs)
        slots: dict[int, int] = {}
        for item in self.items:
            if isinstance(item, Look) and not (looking or item.always):
                continue
            if isinstance(item, Read | Look):
                slots[item.number] = plain.read(item.row, item.part)
            else:
                plain.items.append(item)
        return plain, slots
