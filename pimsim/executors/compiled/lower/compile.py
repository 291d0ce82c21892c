"""Compiling a row program: kernels, the order of their calls, and a table of rows for each output.

>>> from pimsim.microprogram.row_program import RowProgram
>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule = Schedule(outputs=2)
>>> schedule.append((NOT,), a=18, out=np.array([19, 20]))
>>> program = RowProgram(2)
>>> program.run(schedule)
>>> compiled = compile_program(program, Layout(rows=24))
>>> [len(sort.bodies) for sort in compiled.sorts]       # two kinds of outputs, a call for each
[1, 1]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen.kernel import ENTRIES_AT_ONCE, Body
from pimsim.executors.compiled.lower.binding import BoundStep, SplitOutputs, steps
from pimsim.executors.compiled.lower.calls import CallPhase, TableEntry, calls, divide
from pimsim.executors.compiled.lower.places import Flags, Survey, arrange
from pimsim.executors.compiled.lower.segments import Tracer
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram import bitsets
from pimsim.microprogram.row_program import RowProgram, Run, Write
from pimsim.microprogram.schedule import gc_paused

if TYPE_CHECKING:
    from pimsim.executors.compiled.run.driver import DriverTables

_TOGETHER = 256
"""Entries of the table that are written at a time."""

Table = NDArray[np.uint16] | NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Sort:
    """Outputs of one kind, which are compiled together."""

    outputs: NDArray[np.intp]
    bodies: list[Body | None]
    """Kernels in the order of their calls; None reads a row out."""
    starts: NDArray[np.int64]
    """First table entry of each call."""
    table: Table
    """(outputs, entries): twice the place, plus 1 for a complement."""
    needed: Flags
    """Places that must have been written before."""
    written: Flags
    """Places that are written."""
    lost: Flags
    """Cells that are written, but not with the value of the reference."""
    phases: list[CallPhase]
    """Phases: calls that the outputs of a block go through together."""

    @property
    def own_rows(self) -> int:
        """Number of rows in which an output saves values for later phases."""
        return 1 + max(int(phase.restored[:, 1].max(initial=-1)) for phase in self.phases)


class Compiled:
    """A program, ready to be run on tiles of one layout."""

    def __init__(
        self, program: RowProgram, layout: Layout, sorts: list[Sort], *, cells: bool, refused: bool
    ) -> None:
        self.program, self.layout, self.sorts = program, layout, sorts
        self.cells = cells
        """Whether compute cells are left as the reference leaves them."""
        self.refused = refused
        """Whether some output writes a constant row, which the reference refuses."""
        self.plans: dict[int, DriverTables] = {}
        """The tables for the driver, by words of a tile, see
        :mod:`pimsim.executors.compiled.run.driver`."""
        self.sort_of = np.zeros(program.outputs, dtype=np.int64)
        for number, sort in enumerate(sorts):
            self.sort_of[sort.outputs] = number

    @property
    def rows_together(self) -> int:
        """Rows that are used by one output after the other, and so should stay in a cache."""
        return max((self._rows_together(sort) for sort in self.sorts), default=1)

    def repeatable(self, rows: Sequence[Write]) -> bool:
        """Whether a program of one output can be run again without ``rows`` being written again."""
        places = [self.layout.row(row, one.part) for one in rows for row in one.rows]
        changed = [sort.written[[*places, self.layout.clash]].any() for sort in self.sorts]
        return self.program.outputs == 1 and not self.refused and not any(changed)

    def _rows_together(self, sort: Sort) -> int:
        touched = (sort.needed | sort.written)[: self.layout.clash]
        of_parts = touched.reshape(self.layout.parts, -1).sum(axis=1)
        return max(1, int(of_parts.sum() if len(sort.phases) == 1 else of_parts.max()))


@gc_paused()
def compile_program(
    program: RowProgram,
    layout: Layout,
    *,
    cells: bool = False,
) -> Compiled:
    """Compile a row program for tiles of ``layout``.

    Args:
        program: what is done for an output.
        layout: rows of a tile.
        cells: leave compute cells, too, as the reference leaves them.

    Raises DramError for addresses that the subarray does not have, InputError for programs with
    another address map.
    """
    _check(program, layout)
    for keep in (cells, True):
        sorts: list[Sort] = []
        refused = carried = False
        waiting: list[NDArray[np.intp] | None] = [None]
        while waiting:
            outputs = waiting.pop()
            try:
                found = _sort(program, layout, outputs, keep)
            except SplitOutputs as split:
                every = np.arange(program.outputs) if outputs is None else outputs
                waiting += [every[split.labels == label] for label in np.unique(split.labels)]
                continue
            except _RefusedError:
                refused = True
                continue
            sorts.append(found[0])
            carried |= found[1]
        # The next output reads what one output leaves in the cells, so it must be kept.
        if keep or not carried:
            break
    return Compiled(program, layout, sorts, cells=keep, refused=refused)


class _RefusedError(Exception):
    """A constant row is written."""


def _check(program: RowProgram, layout: Layout) -> None:
    subarray = Subarray(1, rows=layout.rows, address_map=layout.map)
    for item in program.items:
        if isinstance(item, Run):
            if not 0 <= item.part < layout.parts:
                raise InputError(f"`part` must be 0 to {layout.parts - 1}, not {item.part}")
            item.schedule.check(subarray)


def _sort(
    program: RowProgram,
    layout: Layout,
    outputs: NDArray[np.intp] | None,
    cells: bool,
) -> tuple[Sort, bool]:
    """Compile outputs of one kind; also whether they read cells written before."""
    survey = Survey(program, layout, outputs)
    listed = list(steps(program, layout, survey))
    carried = _choose_functions(listed, layout, keep=cells)
    count = program.outputs if outputs is None else len(outputs)
    arrange(listed, count, survey.written)
    tracer = Tracer(layout.places, count)
    slot = 0
    for step in listed:
        if isinstance(step, BoundStep):
            tracer.step(step)
        else:
            tracer.read(step, slot, step // layout.stride)
            slot += 1
    tracer.close()
    live: Flags = np.ones(layout.places, dtype=np.bool_)
    if not cells:
        for part in range(layout.parts):
            live[layout.cell(0, part) : layout.cell(0, part) + len(layout.map.cells)] = False
    found = calls(tracer.segments, live)
    entries = [entry for call in found for entry in call.entries]
    sizes = np.array([len(call.entries) for call in found], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)[:-1]])[: len(sizes)]
    lost = np.zeros(layout.places, dtype=np.bool_)
    if not cells:
        deeds = {(s.first_cell, s.deed) for s in listed if isinstance(s, BoundStep)}
        lost[[first + cell for first, deed in deeds for cell in deed.cells]] = True
    sort = Sort(
        np.arange(program.outputs) if outputs is None else outputs,
        [call.body for call in found],
        starts,
        _table(entries, count, layout.places),
        tracer.needed | survey.needed,
        tracer.written,
        lost,
        divide(found, layout),
    )
    return sort, carried


def _table(entries: list[TableEntry], outputs: int, places: int) -> Table:
    """Entries as a kernel takes them, (outputs, entries): twice the place, plus 1 for a mask.

    There is more memory after the last one, because kernels fetch several at a time.
    """
    size = outputs * len(entries)
    small, more = 2 * places <= 1 << 16, size + ENTRIES_AT_ONCE
    whole: Table = np.empty(more, np.uint16) if small else np.empty(more, np.uint32)
    table = whole[:size].reshape(outputs, len(entries))
    for start in range(0, len(entries), _TOGETHER):
        some = entries[start : start + _TOGETHER]
        shifts = [where if isinstance(where, int) else where.shift for where, _ in some]
        part = np.empty((len(some), outputs), dtype=np.int32)
        part[:] = np.array(shifts, dtype=np.int32)[:, None]
        for row, (where, _) in zip(part, some, strict=True):
            if not isinstance(where, int):
                row += where.rows
        part *= 2
        masks = [mask for _, mask in some]
        if any(masks):
            part += bitsets.flags(masks, outputs)
        table[:, start : start + len(some)] = part.T
    return table


def _choose_functions(listed: list[BoundStep | int], layout: Layout, *, keep: bool) -> bool:
    """Choose every step's function, with the cells read later; return whether any is read first.

    ``keep``: all cells are seen at the end.
    """
    live: dict[int, frozenset[int]] = {}
    at_end = frozenset(range(len(layout.map.cells)) if keep else ())
    for step in reversed(listed):
        if not isinstance(step, BoundStep):
            continue
        if step.deed.refused:
            raise _RefusedError
        seen = live.get(step.first_cell, at_end)
        function, live[step.first_cell] = step.deed.function(seen)
        step.compute(function)
    return not keep and any(live.values())
