"""A program as two numbers for each command: the address it senses, and the one it drives.

Addresses below ``Tape.opened`` are those of the B-group; from there on they are rows of the tile.
Moves and reads are in between, at the same place for all outputs.

>>> from pimsim.microprogram.row_program import RowProgram
>>> from pimsim.executors.compiled.run.tiles import Layout
>>> from pimsim.microprogram.logic import AND, OR
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule = Schedule(outputs=2)
>>> schedule.append((AND, OR), np.array([0, 1]), a=18, b=19, out=20)
>>> program = RowProgram(2)
>>> program.run(schedule)
>>> slot = program.read(2)
>>> tape = Tape(program, Layout(rows=24))
>>> tape.commands[0].tolist()           # (a,B0)(b,B1)(C0,B2)(B12,out), then a read
[[18, 0], [19, 1], [16, 2], [12, 20], [-1, -1]]
>>> tape.events(0, part=0)
{Access(kind='copy', rows=1): 4, Access(kind='sense', rows=1): 3, Access(kind='sense', rows=3): 1}
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.array.faults import Access
from pimsim.dram.array.injection import Events
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.faulty.forms import Collected, accesses
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run
from pimsim.microprogram.tape import AdderTape, templates

NOTHING = -1
"""In place of an address: no command, or the missing destination of an AP."""

MOVE, READ = 0, 1


class Tape:
    """Commands of every output of a row program.

    Args:
        program: what is done for an output.
        layout: rows of a tile.

    Raises InputError for a program that senses two rows together, which may differ when commands
    go wrong, and DramError for one that drives a constant row.
    """

    def __init__(self, program: RowProgram, layout: Layout) -> None:
        self.layout, self.program = layout, program
        self.opened = layout.map.first_constant
        parts = [np.empty(0, np.int32)]
        others: list[tuple[int, int, int]] = []
        slot, collected = 0, Collected(program.outputs, layout)
        for item in program.items:
            if isinstance(item, Run):
                collected.add(item.schedule)
                parts.append(np.full(_commands(item), item.part, np.int32))
                continue
            if isinstance(item, Move):
                places = layout.row(item.row, item.part), layout.row(item.to_row, item.to_part)
                others.append((MOVE, *places))
            elif isinstance(item, Read):
                others.append((READ, layout.row(item.row, item.part), slot))
                slot += 1
            collected.other()
            parts.append(np.full(1, -len(others), np.int32))
        self.steps = collected.steps()
        """All of it by steps."""
        self.parts: NDArray[np.int32] = np.concatenate(parts)
        """(commands,): part, or -1 - number of a move or read."""
        self.others: NDArray[np.int64] = np.array(others, dtype=np.int64).reshape(-1, 3)
        """Moves and reads: which, place, and place that is written or slot that is filled."""
        self.steps = collected.steps()
        """The same by steps."""
        self.most = max(3, layout.map.hardware["rows_at_once"])
        """The most wordlines that an address raises, but at least three."""
        self.lines = _lines(layout, self.most)
        self._table = cache(self._addresses_of)
        self.accesses = tuple(self._accesses())
        """Every kind of access that there is on the tape."""

    @cached_property
    def commands(self) -> NDArray[np.int16]:
        """(outputs, commands, 2): address that is sensed, and that is driven.

        Made when asked for: it is long.
        """
        tables = [np.empty((self.program.outputs, 0, 2), np.int16)]  # there may be none at all
        for item in self.program.items:
            if isinstance(item, Run):
                tables += _run(item)
            else:
                tables.append(np.full((self.program.outputs, 1, 2), NOTHING, np.int16))
        return np.ascontiguousarray(np.concatenate(tables, axis=1))

    def _accesses(self) -> list[Access]:
        """Kinds of accesses; raises as the class does."""
        if self.steps.plain:
            used = np.bincount(self.steps.forms.reshape(-1) + 1, minlength=1)[1:]
            forms = [self.steps.known[number] for number in np.flatnonzero(used)]
            return sorted({one for form in forms for each in form for one in accesses(each)})
        rows = self.layout.map
        sensed, driven = (_addresses(self.commands[:, :, side]) for side in (0, 1))
        for address in sensed:
            count = len(rows.wordlines(address))
            if count % 2 == 0:
                raise InputError(
                    "faults can be injected where an odd number of rows is sensed together, "
                    f"not {count} ({rows.label(address)})"
                )
        if any(rows.first_constant <= address < rows.first_data for address in driven):
            raise DramError("a constant row must not be driven")
        kinds = {_sensed(rows, address) for address in sensed}
        return sorted(kinds.union(*(_driven(rows, address) for address in driven)))

    def events(self, output: int, part: int) -> Events:
        """How many accesses of each kind an output has in a part."""
        return {
            access: len(commands)
            for access in self.accesses
            if len(commands := self.where(output, part, access)[0])
        }

    def where(
        self, output: int, part: int, access: Access
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Commands with that kind of access, one entry for each, in order.

        Also the slot in the command: 0 for sensing, i + 1 for driving its i-th wordline.
        """
        own = self.parts == part
        every = bool(own.all())
        if access.kind == "sense":
            sensed = self._table(access)[self.commands[output, :, 0]]
            commands = np.flatnonzero(sensed if every else sensed & own)
            return commands, np.zeros(len(commands), np.int64)
        lines = self._table(access)[self.commands[output, :, 1]] & own[:, None]
        commands, places = np.nonzero(lines)
        return commands, places + 1

    def _addresses_of(self, access: Access) -> NDArray[np.bool_]:
        """For each address, whether it has this access: when sensed, or when driven by wordline.

        All rows beyond the B-group are treated alike; the last entry means no address.
        """
        rows, sensing = self.layout.map, access.kind == "sense"
        table = np.zeros((1 << 15, 1 if sensing else self.most), np.bool_)
        table[:, 0] = access in (Access("sense", 1), Access("copy", 1))
        for address in range(rows.first_constant):
            kinds = [_sensed(rows, address)] if sensing else _driven(rows, address)
            table[address] = False
            table[address, : len(kinds)] = [kind == access for kind in kinds]
        table[NOTHING] = False
        return table[:, 0].copy() if sensing else table


def _addresses(column: NDArray[np.int16]) -> list[int]:
    """Different addresses in a column of the tape."""
    seen = np.zeros(1 << 16, np.bool_)
    for own in column:
        seen[own] = True  # one output at a time: numpy takes indices as eight bytes each
    seen[NOTHING] = False
    found: list[int] = np.flatnonzero(seen).tolist()
    return found


def _run(item: Run) -> list[NDArray[np.int16]]:
    """Addresses of every command, (outputs, commands, 2) each."""
    schedule = item.schedule
    if isinstance(schedule, AdderTape):
        return [schedule.commands[None]]
    return [step.commands(schedule.outputs) for step in schedule.steps]


def _commands(item: Run) -> int:
    """How many there are for an output."""
    schedule = item.schedule
    if isinstance(schedule, AdderTape):
        each = [len(one.program.commands) for one in templates(schedule.address_map)]
        return int(schedule.histogram @ np.array(each, np.int64))
    return sum(len(step.programs[0].commands) for step in schedule.steps)


def _lines(layout: Layout, most: int) -> NDArray[np.int64]:
    """(addresses, 1 + most): number of wordlines, then of each twice its place, plus 1 if n."""
    rows = layout.map
    table = np.zeros((rows.first_constant, 1 + most), np.int64)
    for address in range(rows.first_constant):
        lines = rows.wordlines(address)
        table[address, 0] = len(lines)
        for number, line in enumerate(lines):
            table[address, 1 + number] = 2 * layout.cell(line.cell) + line.complement
    return table


def _sensed(rows: AddressMap, address: int) -> Access:
    """Kind of the access; all rows beyond the B-group are alike."""
    return Access("sense", len(rows.wordlines(address)))


def _driven(rows: AddressMap, address: int) -> list[Access]:
    """The same for every wordline that is driven."""
    lines = rows.wordlines(address)
    return [Access("not" if line.complement else "copy", len(lines)) for line in lines]
