"""Bits that flip because of rows beside them, for the faulty executor.

Which rows a command opens does not depend on their content. So it is known in advance before which
command of a tape a row loses bits. The tape is carried out up to that command, the row is changed,
and the tape goes on.

>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.dram.disturbance.chip_classes import ChipClass
>>> from pimsim.dram.disturbance.hammer import Hammer, Neighbours
>>> from pimsim.dram.disturbance.row_order import RowOrder
>>> from pimsim.executors.compiled.run.tiles import Layout
>>> from pimsim.microprogram.logic import AND
>>> from pimsim.microprogram.row_program import RowProgram
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule, program = Schedule(outputs=1), RowProgram(1)
>>> for _ in range(50):
...     schedule.append((AND,), a=18, b=19, out=20)     # hammers D2, beside which D3 lies
>>> program.run(schedule)
>>> tape = Tape(program, Layout(rows=24))
>>> beside = Neighbours(Hammer(ChipClass("frail", 10, 20), RowOrder.of(ambit(), 24), 10**6))
>>> [(one.command, one.beside) for one in beside.take(opened(tape, 0)) if not one.first]
[]
>>> slot = program.read(3)
>>> (lost,) = beside.take(opened(Tape(program, Layout(rows=24)), 0))
>>> lost.command, lost.beside
(200, (100, 0))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, pack
from pimsim.dram.disturbance.hammer import Hammer, Loss
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.faulty.command_tape import MOVE, NOTHING, Tape
from pimsim.microprogram.row_program import Item, Write

NOTHING_WRITTEN = np.zeros((0, 4), np.int64)
"""Means that no row is written."""


class Flipped(NamedTuple):
    """Bits that a row loses before a command."""

    command: int
    place: int
    """Number of the row in the subarray, by physical order."""
    row: int
    """Its place in a tile."""
    ones: Words
    """Columns that lose a one."""
    zeros: Words


def opened(tape: Tape, output: int) -> NDArray[np.int64]:
    """Return what each command of an output opens and drives, as Neighbours.take has it."""
    first, stride = tape.layout.map.first_constant, tape.layout.stride
    commands = tape.commands[output]
    found = np.empty((len(commands), 4), np.int64)
    found[:, 0], found[:, 1], found[:, 2:] = np.arange(len(commands)), tape.parts, commands
    driven = []
    for number in np.flatnonzero(tape.parts < 0).tolist():
        kind, place, to = tape.others[-1 - tape.parts[number]].tolist()
        part, row = divmod(place, stride)
        found[number, 1:] = part, row + first, NOTHING
        if kind == MOVE:
            part, row = divmod(to, stride)
            driven.append((number, part, NOTHING, row + first))
    if driven:
        at = [number + 1 for number, *_ in driven]
        found = np.insert(found, at, np.array(driven, np.int64), axis=0)
    return found


def written(items: Iterable[Item], layout: Layout) -> NDArray[np.int64]:
    """Return the same for rows written over the channel; ``items`` must have nothing else."""
    first = layout.map.first_data
    rows = [
        (0, item.part, NOTHING, first + row)
        for item in items
        if isinstance(item, Write)
        for row in item.rows
    ]
    return np.array(rows, np.int64).reshape(-1, 4)


class Flips:
    """Bits that rows lose in some columns; draws are cached.

    Args:
        hammer: says which cells are weak. layout: layout of the tile. patches: physical places of
            its columns. words: words of a row.

    """

    def __init__(self, hammer: Hammer, layout: Layout, patches: Sequence[Any], words: int) -> None:
        self._hammer, self._layout, self._patches, self._words = hammer, layout, patches, words
        self._known: dict[Loss, tuple[Words, Words]] = {}

    def of(self, losses: Iterable[Loss]) -> list[Flipped]:
        """Return the bits lost in these columns, in order."""
        found = []
        for loss in losses:
            key = loss._replace(command=0)
            if key not in self._known:
                self._known[key] = self._drawn(loss)
            ones, zeros = self._known[key]
            if ones.any() or zeros.any():
                found.append(Flipped(loss.command, loss.place, self._row(loss), ones, zeros))
        return found

    def _row(self, loss: Loss) -> int:
        if loss.cell >= 0:
            return self._layout.cell(loss.cell, loss.part)
        return loss.part * self._layout.stride + loss.address - self._layout.map.first_constant

    def _drawn(self, loss: Loss) -> tuple[Words, Words]:
        some = []
        for patch in self._patches:
            site, where = patch.sites[loss.part], patch.where
            share = self._hammer.share_of(loss, site)
            if isinstance(where, int):
                lost = self._hammer.lost(site, loss.place, share, where + patch.columns)
                some.append(np.array(lost)[:, where:])
            else:
                lost = self._hammer.lost(site, loss.place, share, int(where.max()) + 1)
                some.append(np.array(lost)[:, where])
        packed = pack(np.concatenate(some, axis=1).astype(np.uint8))
        found = np.zeros((2, self._words), np.uint64)
        found[:, : packed.shape[1]] = packed
        return found[0], found[1]
