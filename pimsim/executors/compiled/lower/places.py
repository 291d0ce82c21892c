"""Places of operands, one for all outputs or one for each, and their order.

Most rows that differ between outputs are operands that no step writes. When steps are traced, such
rows need no checks (was it written, is it in a register). So they are found first, for many steps
at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram import bitsets
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import Move, RowProgram, Run
from pimsim.microprogram.schedule import Rows, Schedule
from pimsim.microprogram.tape import AdderTape

if TYPE_CHECKING:
    from pimsim.executors.compiled.lower.binding import BoundStep

Flags = NDArray[np.bool_]
_TOGETHER = 64
_LASTING = 1 << 30


@dataclass(slots=True, eq=False)
class Each:
    """A place for every output."""

    rows: NDArray[np.integer[Any]]
    """(outputs,)"""
    shift: int
    """Places are ``rows`` plus this number."""
    lasting: bool
    """Whether no step of the row program writes any of them."""
    shared: bool = False
    """Whether the step that reads them may write one of them."""

    @property
    def places(self) -> NDArray[np.int32]:
        """(outputs,)."""
        return self.rows.astype(np.int32, copy=False) + np.int32(self.shift)


Where = int | Each


class Survey:
    """The rows that a row program writes, and the other rows that it reads.

    Args:
        program: what is done for an output.
        layout: rows of a tile.
        outputs: outputs that are looked at, all if None.

    """

    def __init__(
        self, program: RowProgram, layout: Layout, outputs: NDArray[np.intp] | None
    ) -> None:
        self.outputs = outputs
        self.written: Flags = np.zeros(layout.places, dtype=np.bool_)
        """Rows that some step may write."""
        self.needed: Flags = np.zeros(layout.places, dtype=np.bool_)
        """Places of arrays that are read and never written."""
        self._changing: set[tuple[int, int]] = set()
        self._shared: set[tuple[int, int]] = set()
        runs = [item for item in program.items if isinstance(item, Run)]
        for run in runs:
            self._note_written(run.schedule, shift(layout, run.part))
        for item in program.items:
            if isinstance(item, Move):
                self.written[layout.row(item.to_row, item.to_part)] = True
        for run in runs:
            self._note_read(run.schedule, shift(layout, run.part))

    def each(self, rows: NDArray[np.integer[Any]], by: int) -> Where:
        """Places of rows (outputs,) that lie ``by`` behind their addresses."""
        key = (id(rows), by)
        if self.outputs is not None:
            rows = rows[self.outputs]
        if len(rows) == 1:
            return int(rows[0]) + by
        return Each(rows, by, lasting=key not in self._changing, shared=key in self._shared)

    def _note_written(self, schedule: Schedule | AdderTape, by: int) -> None:
        numbers: set[int] = set()
        for step in schedule.steps:
            for index in _used(step.programs)[1]:
                row = step.rows[index]
                if isinstance(row, int):
                    numbers.add(row + by)
                else:
                    self.written[row + by] = True
        self.written[[place for place in numbers if place >= 0]] = True

    def _note_read(self, schedule: Schedule | AdderTape, by: int) -> None:
        arrays: list[NDArray[np.integer[Any]]] = []
        targets: list[list[int]] = []
        for step in schedule.steps:
            reads, writes = _used(step.programs)
            rows = step.rows
            for index in reads:
                row = rows[index]
                if not isinstance(row, int):
                    arrays.append(row)
                    targets.append(_numbers(rows, writes))
        for start in range(0, len(arrays), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            self._note_arrays(arrays[part], targets[part], by)

    def _note_arrays(
        self, arrays: list[NDArray[np.integer[Any]]], targets: list[list[int]], by: int
    ) -> None:
        """Rows that steps read; ``targets`` are rows that the same steps write, -1 for arrays."""
        rows = np.concatenate(arrays).reshape(len(arrays), -1)
        if self.outputs is not None:
            rows = rows[:, self.outputs]
        places = rows + np.int32(by)
        known = (self.written + 2 * self.needed.view(np.uint8)).take(places)
        changing = np.flatnonzero((known & 1).any(axis=1))
        for number in changing.tolist():
            self._changing.add((id(arrays[number]), by))
        count = max(map(len, targets))
        own = [(targets[number] * count)[:count] for number in changing.tolist()]
        some = rows if len(changing) == len(rows) else rows[changing]
        for column in np.array(own, dtype=np.int32).reshape(len(changing), count).T:
            shared = (some == column[:, None]).any(axis=1) | (column < 0)
            for number in changing[shared].tolist():
                self._shared.add((id(arrays[number]), by))
        if not known.all():
            self.needed[places[known == 0]] = True


def _numbers(rows: tuple[Rows, ...], indices: list[int]) -> list[int]:
    return [row if isinstance(row := rows[index], int) else -1 for index in indices] or [0]


def shift(layout: Layout, part: int) -> int:
    """Places of a part's rows are this much behind their addresses."""
    return part * layout.stride - layout.map.first_constant


@cache
def _used(programs: tuple[Program, ...]) -> tuple[list[int], list[int]]:
    """Symbols that commands of any of the programs read, and those that they write, by number."""
    commands = [command for program in programs for command in program.commands]
    sources = {command.source for command in commands}
    targets = {command.destination for command in commands}
    numbered = list(enumerate(programs[0].symbols))
    reads = [number for number, name in numbered if name in sources]
    return reads, [number for number, name in numbered if name in targets]


def arrange(steps: Sequence[BoundStep | int], outputs: int, written: Flags) -> None:
    """Sort the operands of steps, so that their order does not depend on the weights.

    A step of a schedule may have exchanged its operands, differently for each output, because the
    full adder takes the complemented one in a fixed position. If a function takes its operands in
    any order, they are put back here, for many steps at once and before steps are traced. Rows that
    steps write come first, so the running sum of a long count has one place again.

    Args:
        steps: bound, with their functions.
        outputs: how many there are.
        written: places that some step may write.

    """
    waiting: dict[int, list[BoundStep]] = {}
    for step in steps:
        if isinstance(step, int) or step.lasting or step.function is None:
            continue
        if step.function.symmetric:
            waiting.setdefault(len(step.function.inputs), []).append(step)
    for many in waiting.values():
        for start in range(0, len(many), _TOGETHER):
            _arrange(many[start : start + _TOGETHER], outputs, written)


def _arrange(steps: list[BoundStep], outputs: int, written: Flags) -> None:
    operands = [step.operands for step in steps]
    count = len(operands[0][0])
    shape = (count, len(steps), outputs)
    keys = np.empty(shape, dtype=np.int32)
    shifts = np.zeros((count, len(steps), 1), dtype=np.int32)
    for number, (places, _) in enumerate(operands):
        for i, place in enumerate(places):
            if isinstance(place, int):
                keys[i, number] = place
            else:
                keys[i, number] = place.rows
                shifts[i, number] = place.shift
    keys += shifts
    numbers = np.arange(len(written), dtype=np.int32) * 2
    keys = np.where(written, numbers, numbers + _LASTING).take(keys)
    keys += bitsets.flags(
        [masks[i] for i in range(count) for _, masks in operands], outputs
    ).reshape(shape)
    for end in range(count - 1, 0, -1):
        for i in range(end):
            low = np.minimum(keys[i], keys[i + 1])
            np.maximum(keys[i], keys[i + 1], out=keys[i + 1])
            keys[i] = low
    sets = bitsets.numbers((keys & 1).reshape(-1, outputs).astype(np.bool_))
    last = (keys >= _LASTING).all(axis=2).tolist()
    keys &= _LASTING - 1
    keys >>= 1
    firsts = keys[:, :, 0].tolist()
    same = (keys == keys[:, :, :1]).all(axis=2).tolist()
    for number, step in enumerate(steps):
        ordered: list[Where] = [
            firsts[i][number]
            if same[i][number]
            else Each(keys[i, number], 0, lasting=last[i][number])
            for i in range(count)
        ]
        step.lasting = all(isinstance(place, int) or place.lasting for place in ordered)
        step.operands = ordered, [sets[i * len(steps) + number] for i in range(count)]
