"""Where operands lie: at one place, or at one an output.

Most rows that differ between outputs are operands that no step writes. What is asked of a row when
steps are traced (was it written, does a register stand for it) need not be asked of those, so they
are found first, for many steps at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import Move, RowProgram, Run
from pimsim.microprogram.schedule import Rows, Schedule

Flags = NDArray[np.bool_]
_TOGETHER = 64


class Each:
    """A place for every output."""

    __slots__ = ("lasting", "rows", "shared", "shift")

    def __init__(
        self, rows: NDArray[np.integer[Any]], shift: int, *, lasting: bool, shared: bool = False
    ) -> None:
        self.rows = rows
        """(outputs,)"""
        self.shift = shift
        """Places are this much behind ``rows``."""
        self.lasting = lasting
        """Whether no step of the row program writes any of them."""
        self.shared = shared
        """Whether the step that reads them may write one of them."""

    @property
    def places(self) -> NDArray[np.int32]:
        """(outputs,)."""
        return self.rows.astype(np.int32, copy=False) + np.int32(self.shift)


Where = int | Each


class Survey:
    """What a row program writes at all, and what it reads of the rest.

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

    def _note_written(self, schedule: Schedule, by: int) -> None:
        numbers: set[int] = set()
        for step in schedule.steps:
            for index in _used(step.programs)[1]:
                row = step.rows[index]
                if isinstance(row, int):
                    numbers.add(row + by)
                else:
                    self.written[row + by] = True
        self.written[[place for place in numbers if place >= 0]] = True

    def _note_read(self, schedule: Schedule, by: int) -> None:
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


_USED: dict[tuple[int, ...], tuple[tuple[Program, ...], list[int], list[int]]] = {}


def _used(programs: tuple[Program, ...]) -> tuple[list[int], list[int]]:
    """Symbols that commands of any of the programs read, and those that they write, by number."""
    key = tuple(map(id, programs))
    found = _USED.get(key)
    if found is None:
        commands = [command for program in programs for command in program.commands]
        sources = {command.source for command in commands}
        targets = {command.destination for command in commands}
        symbols = programs[0].symbols
        reads, writes = (list(_indices(symbols, names)) for names in (sources, targets))
        found = _USED[key] = (programs, reads, writes)
    return found[1], found[2]


def _indices(symbols: tuple[str, ...], names: set[str] | set[str | None]) -> Iterator[int]:
    return (index for index, symbol in enumerate(symbols) if symbol in names)
