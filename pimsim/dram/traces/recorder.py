"""Recording a stream as it is executed: when each command issues, and which rows it names.

>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.timeline.command_stream import Run
>>> from pimsim.dram.traces.event import Event
>>> class Printed:
...     full = False
...     def add(self, event: Event) -> None:
...         print(event.at_ps, event.kind.name, event.bank, event.row, event.row2)
...     def skip(self, commands: int) -> None: ...
>>> recorder = Recorder(load("ddr3-1600-8-8-8"), ModelOptions(), [Printed()])
>>> copy = Segment((Run(((Kind.AAP, 1),), 1),), banks=(0, 1))
>>> recorder.record(copy, iter([[Target(18, 19), Target(20, 21)]]))
0 AAP 0 18 19
10000 AAP 1 20 21
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import Segment, walk
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.trace import Trace


class Target(NamedTuple):
    """What a command of one bank names."""

    row: int | None = None
    """Row of the bank that it opens, reads or writes; the source of an AAP."""
    row2: int | None = None
    """Row that the second ACT of an AAP opens, or that a TRANSFER writes to."""
    column: int | None = None
    """Burst of the row."""
    extra_wordlines: int = 0
    """Wordlines raised beyond the first of each activation."""


class Recorder:
    """Walks the segments of a stream, as a timeline times them."""

    def __init__(self, standard: Standard, options: ModelOptions, traces: Sequence[Trace]) -> None:
        self._traces = traces
        self._segments: deque[Segment] = deque()
        self._walk = walk(standard, options, self._next_segments())

    def record(self, segment: Segment, targets: Iterator[Sequence[Target]]) -> None:
        """Record the next segment of the stream.

        ``targets`` gives for every command of the row cycles, in order, what it names in each of
        the segment's banks (of a TRANSFER, in each of its pairs). Once every trace is full,
        commands are counted and no longer walked.
        """
        if all(trace.full for trace in self._traces):
            self._skip(segment.commands)
            return
        self._segments.append(segment)
        left = segment.commands
        for of_banks in targets:
            for number, target in enumerate(of_banks):
                issued = next(self._walk)
                while issued.kind is Kind.REF:
                    self._add(Event(issued.at_ps, issued.kind, issued.bank))
                    issued = next(self._walk)
                slots = segment.slots(issued.kind)
                if len(slots) != len(of_banks) or slots[number] != (issued.bank, issued.to):
                    raise ValueError(f"bank {issued.bank} must come in the order of the segment")
                self._add(Event(issued.at_ps, issued.kind, issued.bank, *target, issued.to))
            left -= len(of_banks)
            if all(trace.full for trace in self._traces):
                self._skip(left)
                return
        if left:
            raise ValueError(f"`targets` must name {segment.commands} commands, {left} are missing")

    def _next_segments(self) -> Iterator[Segment]:
        while True:
            yield self._segments.popleft()

    def _add(self, event: Event) -> None:
        for trace in self._traces:
            if trace.full:
                trace.skip(1)
            else:
                trace.add(event)

    def _skip(self, commands: int) -> None:
        for trace in self._traces:
            trace.skip(commands)
