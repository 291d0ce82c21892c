"""Forms: steps of a tape with the same commands, on any rows.

A *form* is what a step opens, command by command: wordlines of compute cells, or a row beyond them.
Networks have millions of steps but few forms, so there is machine code for each form. A step is
then only one number for each symbol of its program.

>>> from pimsim.executors.compiled.run.tiles import Layout
>>> from pimsim.microprogram.logic import AND
>>> layout = Layout(rows=24)
>>> found = form(AND, layout)
>>> len(found), found[0].sensed, found[3].driven                # rows a and out
(4, Symbol(number=0), Symbol(number=2))
>>> [line.place - layout.stored for line in found[3].sensed]    # T0, T1, T2 are sensed together
[0, 1, 2]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.faults import Access
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape, sizes, templates


class Wordline(NamedTuple):
    """A wordline of a compute cell."""

    place: int
    """Place of the cell in a tile, in the first part."""
    complement: int
    """1 if the cell is opened complemented."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A row that a step names."""

    number: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A row that is the same in every step."""

    place: int
    """Its place in the first part."""


Opened = tuple[Wordline, ...] | Symbol | Constant
"""What a command opens or drives: wordlines, none of them if it drives nothing, or a row."""


class Command(NamedTuple):
    """A command of a form."""

    sensed: Opened
    driven: Opened


Form = tuple[Command, ...]


class Steps(NamedTuple):
    """Steps of a tape; each move or read is a step, too."""

    at: NDArray[np.int64]
    """(steps, 3): number of the first command, how many there are, and of the first row."""
    forms: NDArray[np.int16]
    """(outputs, steps): number among ``known``; -1: a move or a read."""
    rows: NDArray[np.int16]
    """(outputs, rows): addresses of the symbols, step by step."""
    known: tuple[Form, ...]
    plain: bool
    """Whether forms describe all steps: no symbol is bound to compute cells, no driven symbol to a
    constant, and no two rows are sensed together."""


def form(program: Program, layout: Layout) -> Form:
    """Return the form of a program, whose symbols stand for rows."""
    rows = layout.map

    def opened(slot: tuple[bool, int] | None) -> Opened:
        if slot is None:
            return ()
        given, number = slot
        if given:
            return Symbol(number)
        if number >= rows.first_constant:
            return Constant(number - rows.first_constant)
        lines = rows.wordlines(number)
        return tuple(Wordline(layout.cell(line.cell), int(line.complement)) for line in lines)

    return tuple(Command(opened(source), opened(target)) for source, target in program.slots)


def accesses(command: Command) -> Iterator[Access]:
    """The kinds of accesses of a command, in order."""
    yield Access("sense", wordlines(command.sensed))
    if isinstance(command.driven, (Symbol, Constant)):
        yield Access("copy", 1)
        return
    for line in command.driven:
        yield Access("not" if line.complement else "copy", len(command.driven))


def wordlines(opened: Opened) -> int:
    """How many wordlines are raised."""
    return 1 if isinstance(opened, (Symbol, Constant)) else len(opened)


class Collected:
    """Steps of the items of a tape, in order."""

    def __init__(self, outputs: int, layout: Layout) -> None:
        self._outputs, self._layout, self._plain = outputs, layout, True
        self._lengths: list[NDArray[np.int64]] = []
        self._forms: list[NDArray[np.int16]] = []
        self._firsts: list[NDArray[np.int64]] = []
        self._rows: list[NDArray[np.int16]] = []
        self._count = 0
        self._known: dict[Form, int] = {}
        self._of: dict[tuple[int, ...], tuple[NDArray[np.int16], set[int]]] = {}

    def other(self) -> None:
        """Add a move or a read."""
        none = np.full((self._outputs, 1), -1, np.int16)
        self._add([1], none, np.zeros(1, np.int64), np.empty((self._outputs, 0), np.int16))

    def add(self, schedule: Schedule | AdderTape) -> None:
        """Add the steps of a schedule, or the records of a tape of adders."""
        if isinstance(schedule, AdderTape):
            self._records(schedule)
        else:
            self._schedule(schedule)

    def steps(self) -> Steps:
        """Return all steps that were added."""
        lengths = np.concatenate([np.zeros(0, np.int64), *self._lengths])
        firsts = np.concatenate([np.zeros(0, np.int64), *self._firsts])
        at = np.stack([np.cumsum(lengths) - lengths, lengths, firsts], axis=1)
        none = np.empty((self._outputs, 0), np.int16)
        forms, rows = (
            np.ascontiguousarray(np.concatenate([none, *some], axis=1))
            for some in (self._forms, self._rows)
        )
        return Steps(at, forms, rows, tuple(self._known), self._plain)

    # -- inside ------------------------------------------------------------------------------

    def _add(
        self,
        lengths: list[int] | NDArray[np.int64],
        forms: NDArray[np.int16],
        firsts: NDArray[np.int64],
        rows: NDArray[np.int16],
    ) -> None:
        self._lengths.append(np.asarray(lengths, np.int64))
        self._forms.append(forms)
        self._firsts.append(firsts + self._count)
        self._rows.append(rows)
        self._count += rows.shape[1]

    def _records(self, tape: AdderTape) -> None:
        address_map, size = tape.address_map, sizes(tape.address_map)
        programs = [one.program for one in templates(address_map)]
        codes = tape.codes
        lengths = np.array([len(program.commands) for program in programs], np.int64)[codes]
        firsts = np.cumsum(size[codes]) - size[codes] + 1
        used = np.zeros(len(programs), np.int16)
        for code in np.unique(codes).tolist():
            used[code : code + 1], driven = self._numbers(programs[code : code + 1])
            places = tape.words[firsts[codes == code][:, None] + np.array(sorted(driven), np.intp)]
            self._plain &= bool((places >= len(address_map.constants)).all())
        rows = (tape.words + address_map.first_constant).astype(np.int16)  # and codes among them
        self._add(lengths, used[codes][None], firsts, rows[None])

    def _schedule(self, schedule: Schedule) -> None:
        steps, rows = schedule.steps, self._layout.map
        forms = np.empty((len(steps), self._outputs), np.int16)
        counts = np.array([len(step.rows) for step in steps], np.int64)
        named = np.empty((int(counts.sum()), self._outputs), np.int16)
        least, number = np.empty(len(named), np.int64), 0
        for index, step in enumerate(steps):
            known = self._of.get(key := tuple(map(id, step.programs)))
            if known is None:
                known = self._of[key] = self._numbers(step.programs)
            numbers, driven = known
            forms[index] = numbers[0 if step.variant is None else step.variant]
            for symbol, row in enumerate(step.rows):
                named[number] = row
                least[number] = rows.first_data if symbol in driven else rows.first_constant
                number += 1
        self._plain &= bool((named.min(axis=1, initial=1 << 14) >= least).all())
        lengths = [len(step.programs[0].commands) for step in steps]
        self._add(lengths, forms.T, np.cumsum(counts) - counts, named.T)

    def _numbers(self, programs: Sequence[Program]) -> tuple[NDArray[np.int16], set[int]]:
        """Numbers of the forms of programs, and of the symbols that any of them drives."""
        found, driven = [], set[int]()
        for program in programs:
            one = form(program, self._layout)
            self._plain &= not any(isinstance(command.driven, Constant) for command in one)
            self._plain &= all(wordlines(command.sensed) % 2 for command in one)
            driven |= {each.driven.number for each in one if isinstance(each.driven, Symbol)}
            found.append(self._known.setdefault(one, len(self._known)))
        return np.array(found, np.int16), driven
