"""Recording a stream as it is executed: when each command issues, and which rows it names.

>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.timeline.command_stream import Run
>>> class Printed:
...     on_bus, room = False, 100
...     def add_block(self, block: Block, wait_clocks: Numbers) -> None:
...         for event in block.events():
...             print(event.at_ps, event.kind.name, event.bank, event.row, event.row2)
...     def skip(self, commands: int) -> None: ...
>>> recorder = Recorder(load("ddr3-1600-8-8-8"), ModelOptions(), [Printed()])
>>> copy = Segment((Run(((Kind.AAP, 1),), 1),), banks=(0, 1))
>>> recorder.record(copy, iter([Targets.of(row=[18, 20], row2=[19, 21])]))
0 AAP 0 18 19
10000 AAP 1 20 21
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import Segment
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.issue import Issues, Piece


class Target(Protocol):
    """A receiver of a recorded stream, such as a :class:`~pimsim.dram.traces.trace.Trace`."""

    @property
    def on_bus(self) -> bool:
        """Whether it wants times on clock edges, one command of a channel at a time."""

    @property
    def room(self) -> int:
        """How many more commands it takes; further ones are only counted."""

    def add_block(self, block: Block, wait_clocks: Numbers) -> None:
        """Take commands; ``wait_clocks`` says how long the bus delayed each."""

    def skip(self, commands: int) -> None:
        """Count commands that there is no room for."""


class Ending:
    """A target that needs no count of the commands it has no room for."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Rows and bursts that commands address, ``(commands,)`` int64, as issued; -1: none."""

    row: Numbers
    """Row of the bank that a command opens, reads or writes; the source of an AAP."""
    row2: Numbers
    """Row that the second ACT of an AAP opens, or that a TRANSFER writes to."""
    column: Numbers
    """Burst of the row."""
    extra_wordlines: Numbers
    """Wordlines raised beyond the first of each activation."""

    @staticmethod
    def of(
        row: ArrayLike, row2: ArrayLike = -1, column: ArrayLike = -1, extra_wordlines: ArrayLike = 0
    ) -> Targets:
        """Return the targets of commands; a number stands for all of them."""
        each = np.broadcast_arrays(row, row2, column, extra_wordlines)
        return Targets(*(np.ascontiguousarray(one, np.int64).ravel() for one in each))

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, which: slice) -> Targets:
        """Some of them."""
        return Targets(*(column[which] for column in self.columns()))

    def columns(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """The four arrays."""
        return self.row, self.row2, self.column, self.extra_wordlines


class Recorder:
    """Follows the segments of a stream, with the times of the run or those of a bus, or both."""

    def __init__(self, standard: Standard, options: ModelOptions, traces: Sequence[Target]) -> None:
        self._traces = traces
        self._groups = [
            (Issues(standard, options, on_bus=on_bus), [t for t in traces if t.on_bus == on_bus])
            for on_bus in (False, True)
            if any(trace.on_bus == on_bus for trace in traces)
        ]

    @property
    def full(self) -> bool:
        """Whether every trace is full, so that commands need only be counted."""
        return all(trace.room <= 0 for trace in self._traces)

    @property
    def over(self) -> bool:
        """Whether no trace asks for anything more."""
        return all(isinstance(trace, Ending) and trace.room <= 0 for trace in self._traces)

    def record(self, segment: Segment, targets: Iterator[Targets]) -> None:
        """Record the next segment of the stream.

        ``targets`` gives what every command addresses, in the order of issue and in pieces of any
        size. Once every trace is full, commands are counted and no longer issued.

        Raises ValueError for more targets than commands, or fewer.
        """
        if self.full:
            self.skip(segment.commands)
            return
        left, queue = segment.commands, _Queue(targets)
        for pieces in zip(*(issues.run(segment) for issues, _ in self._groups), strict=True):
            if self.full:
                break
            named = queue.take(len(pieces[0].at_ps))
            left -= len(named)
            for (_, traces), piece in zip(self._groups, pieces, strict=True):
                block, waits = _block(piece, named)
                room = max(0, *(trace.room for trace in self._traces))
                for trace in traces:
                    trace.add_block(block[:room], waits[:room])
                    beyond = int((block.kind[room:] != Kind.REF).sum())
                    if beyond:
                        trace.skip(beyond)
        if self.full:
            self.skip(left)
        elif left or not queue.empty():
            raise ValueError(f"`targets` must name {segment.commands} commands")

    def skip(self, commands: int) -> None:
        """Count commands that are not recorded, because every trace is full."""
        for trace in self._traces:
            if commands:
                trace.skip(commands)


class _Queue:
    """A queue of targets, taken out in other pieces than they were put in."""

    def __init__(self, targets: Iterator[Targets]) -> None:
        self._targets = targets
        self._waiting: list[Targets] = []

    def take(self, commands: int) -> Targets:
        """Return the next ``commands`` targets; ValueError if there are fewer."""
        have = sum(map(len, self._waiting))
        while have < commands:
            some = next(self._targets, None)
            if some is None:
                raise ValueError(f"`targets` must name {commands} commands more, not {have}")
            self._waiting.append(some)
            have += len(some)
        whole = Targets(
            *(
                np.concatenate(columns)
                for columns in zip(*(each.columns() for each in self._waiting), strict=True)
            )
        )
        self._waiting = [whole[commands:]]
        return whole[:commands]

    def empty(self) -> bool:
        """Whether nothing is left."""
        return not any(map(len, self._waiting)) and next(self._targets, None) is None


def _block(piece: Piece, named: Targets) -> tuple[Block, Numbers]:
    """The block of a piece with its targets and the REFs in between, and the waits for the bus."""
    block = Block(piece.at_ps, piece.kind, piece.bank, *named.columns(), piece.to)
    if not piece.refreshes:
        return block, piece.wait_clocks
    places, at_ps, banks = np.array(piece.refreshes, np.int64).T
    none = np.full(len(places), -1)
    of = [at_ps, np.full(len(places), int(Kind.REF)), banks, none, none, none, 0 * none, none]
    whole = Block(
        *(
            np.insert(column, places, values)
            for column, values in zip(block.columns(), of, strict=True)
        )
    )
    return whole, np.insert(piece.wait_clocks, places, 0)
