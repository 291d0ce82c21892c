"""What steps of a tape have in common: the same commands, on whatever rows.

A *form* is what a step opens, command by command: wordlines of compute cells, or some row beyond
them. Networks have millions of steps and a handful of forms, so that machine code can be made for
each of them.

>>> from pimsim.executors.compiled.run.tiles import Layout
>>> from pimsim.microprogram.logic import AND
>>> layout = Layout(rows=24)
>>> found = form(AND, layout)
>>> len(found), found[0].sensed is None, found[3].driven is None
(4, True, True)
>>> [line.place - layout.stored for line in found[3].sensed]    # T0, T1, T2 are sensed together
[0, 1, 2]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.faults import Access
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule, Step
from pimsim.microprogram.tape import AdderTape, templates


class Wordline(NamedTuple):
    """Of a compute cell."""

    place: int
    """Of the cell in a tile, of the first part."""
    complement: int
    """1 if the cell is opened complemented."""


Opened = tuple[Wordline, ...] | None
"""What a command opens, or drives: wordlines, none of them if it drives nothing; None: a row."""


class Command(NamedTuple):
    """Of a form."""

    sensed: Opened
    driven: Opened


Form = tuple[Command, ...]


class Steps(NamedTuple):
    """Steps of a tape, and moves and reads, each as one of its own."""

    at: NDArray[np.int64]
    """(steps, 2): number of the first command, and how many there are."""
    forms: NDArray[np.int16]
    """(outputs, steps): number among ``known``; -1: none."""
    known: tuple[Form, ...]


def form(program: Program, layout: Layout) -> Form:
    """Return the form of a program, whose symbols stand for rows."""
    rows = layout.map

    def opened(slot: tuple[bool, int] | None) -> Opened:
        if slot is None:
            return ()
        given, address = slot
        if given or address >= rows.first_constant:
            return None
        lines = rows.wordlines(address)
        return tuple(Wordline(layout.cell(line.cell), int(line.complement)) for line in lines)

    return tuple(Command(opened(source), opened(target)) for source, target in program.slots)


def accesses(command: Command) -> Iterator[Access]:
    """The kinds of accesses of a command, in order."""
    yield Access("sense", 1 if command.sensed is None else len(command.sensed))
    if command.driven is None:
        yield Access("copy", 1)
        return
    for line in command.driven:
        yield Access("not" if line.complement else "copy", len(command.driven))


class Collected:
    """Forms of items of a tape, in order."""

    def __init__(self, outputs: int, layout: Layout) -> None:
        self._outputs, self._layout = outputs, layout
        self._lengths: list[NDArray[np.int64]] = []
        self._forms: list[NDArray[np.int16]] = []
        self._known: dict[Form, int] = {}
        self._of: dict[tuple[int, ...], NDArray[np.int16]] = {}

    def other(self) -> None:
        """Add a move or a read."""
        self._add([1], np.full((self._outputs, 1), -1, np.int16))

    def add(self, schedule: Schedule | AdderTape) -> None:
        """Add the steps of a schedule, or the records of a tape of adders."""
        if isinstance(schedule, AdderTape):
            programs = [one.program for one in templates(schedule.address_map)]
            codes = schedule.codes
            lengths = np.array([len(program.commands) for program in programs])
            self._add(lengths[codes], self._numbers(programs)[codes][None])
            return
        table = np.empty((self._outputs, len(schedule.steps)), np.int16)
        for number, step in enumerate(schedule.steps):
            table[:, number] = self._step(step)
        self._add([len(step.programs[0].commands) for step in schedule.steps], table)

    def steps(self) -> Steps:
        """All that were added."""
        lengths = np.concatenate([np.zeros(0, np.int64), *self._lengths])
        at = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1)
        forms = [np.empty((self._outputs, 0), np.int16), *self._forms]
        return Steps(at, np.ascontiguousarray(np.concatenate(forms, axis=1)), tuple(self._known))

    # -- inside ------------------------------------------------------------------------------

    def _add(self, lengths: list[int] | NDArray[np.int64], forms: NDArray[np.int16]) -> None:
        self._lengths.append(np.asarray(lengths, np.int64))
        self._forms.append(forms)

    def _step(self, step: Step) -> int | NDArray[np.int16]:
        first = self._layout.map.first_constant
        if any((row if isinstance(row, int) else row.min()) < first for row in step.rows):
            return -1  # a symbol that stands for compute cells
        numbers = self._of.get(key := tuple(map(id, step.programs)))
        if numbers is None:
            numbers = self._of[key] = self._numbers(step.programs)
        return int(numbers[0]) if step.variant is None else numbers[step.variant]

    def _numbers(self, programs: list[Program] | tuple[Program, ...]) -> NDArray[np.int16]:
        found = [form(program, self._layout) for program in programs]
        return np.array([self._known.setdefault(one, len(self._known)) for one in found], np.int16)
