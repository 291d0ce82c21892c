"""Command traces: one line for each command on the command bus of a channel, times in clocks.

pimsim's times are in ps and its model leaves the command bus out. Here every command gets a
clock of its own: the first edge at or after its time that no earlier command of the channel has
taken. Remarks say how many had to wait, and how long.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import BankAddress, bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.spans import Spans


class BusCommand(NamedTuple):
    """An ACT, PRE, RD, WR or REF; rows and columns that it has not are None."""

    at_ps: int
    order: int
    """Ties in time keep the order in which the commands were added."""
    kind: Kind
    bank: int
    row: int | None
    column: int | None


class Dialect(ABC):
    """How a tool writes commands down."""

    charged_acts = False
    """Whether an AAP has as many ACTs as ``ModelOptions.acts_per_aap`` says, not always two."""
    kinds = frozenset({Kind.ACT, Kind.PRE, Kind.RD, Kind.WR, Kind.REF})
    """Kinds that the format can express; others take no part."""
    missing = "it holds no command"
    """Remark for a trace without any of them."""

    def head(self) -> str:
        """Text before the first command."""
        return ""

    @abstractmethod
    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command."""

    def tail(self, clock: int) -> str:
        """Text after the last command, all of whose effects are over at ``clock``."""
        return ""


class CommandTrace:
    """Writes the commands of one channel in a dialect.

    AAP and AP come apart into their ACTs and their PRE, which other banks' commands go between. No
    dialect has a TRANSFER: those are left out, their ACTs and PREs stay, and a remark counts them.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        standard: Standard,
        options: ModelOptions,
        dialect: Dialect,
    ) -> None:
        self._write, self._dialect = write, dialect
        self._spans = spans = Spans.of(standard, options)
        self._second_act = not dialect.charged_acts or options.acts_per_aap == 2
        self._places = [bank_address(standard, bank) for bank in range(standard.all_banks)]
        self._waiting: list[BusCommand] = []
        self._order = 0
        self._bus = _CommandBus(spans.t_ck_ps, -(-standard.burst_ps // spans.t_ck_ps))
        self._end_ps = 0
        self._written = 0
        self._transfers = 0
        write(dialect.head())

    def add(self, event: Event) -> None:
        """Write one command, or keep it until its time has come.

        A REF is no sign of time: other ranks may have got further, or not so far.
        """
        if event.kind is not Kind.REF:
            self._flush(event.at_ps)
        self._end_ps = max(self._end_ps, event.at_ps + self._spans.done_ps[event.kind])
        self._transfers += event.kind is Kind.TRANSFER
        for at_ps, kind, row in self._parts(event):
            if kind in self._dialect.kinds:
                step = BusCommand(at_ps, self._order, kind, event.bank, row, event.column)
                heapq.heappush(self._waiting, step)
                self._order += 1

    def finish(self) -> list[str]:
        """Write what waits and the end; return remarks."""
        self._flush(None)
        end = max(self._bus.edge(self._end_ps), self._bus.last + 1)
        self._write(self._dialect.tail(end))
        remarks = []
        if not self._written:
            remarks.append(self._dialect.missing)
        if self._transfers and Kind.ACT in self._dialect.kinds:
            remarks.append(
                f"{self._transfers} TRANSFERs between banks are left out, for which the format has "
                "no command; the ACTs and PREs around them are there"
            )
        if self._bus.moved:
            remarks.append(
                f"{self._bus.moved} of {self._written} commands wait up to {self._bus.most} "
                "clocks for a free one on the command bus, which pimsim does not model"
            )
        return remarks

    def _parts(self, event: Event) -> Iterable[tuple[int, Kind, int | None]]:
        at_ps, kind = event.at_ps, event.kind
        if not (kind is Kind.AAP or kind is Kind.AP):
            yield at_ps, kind, event.row
            return
        yield at_ps, Kind.ACT, event.row
        if kind is Kind.AAP and self._second_act:
            yield at_ps + self._spans.second_act_ps, Kind.ACT, event.row2
        yield at_ps + self._spans.open_ps[kind], Kind.PRE, None

    def _flush(self, until_ps: int | None) -> None:
        """Write what is due up to that time, which no later event comes before, REFs excepted."""
        waiting = self._waiting
        while waiting and (until_ps is None or waiting[0].at_ps <= until_ps):
            step = heapq.heappop(waiting)
            clock = self._bus.take(step.at_ps, step.kind in (Kind.RD, Kind.WR))
            self._write(self._dialect.line(clock, step, self._places[step.bank]))
            self._written += 1


class _CommandBus:
    """Gives each command of a channel a clock."""

    def __init__(self, t_ck_ps: int, burst_clocks: int) -> None:
        self._t_ck_ps, self._burst = t_ck_ps, burst_clocks
        self.last = -1
        self._data_free = 0
        self.moved = 0
        self.most = 0

    def edge(self, at_ps: int) -> int:
        """Return the first clock edge at or after a time."""
        return -(-at_ps // self._t_ck_ps)

    def take(self, at_ps: int, column: bool) -> int:
        """Return the clock of a command of that time; bursts must not come to overlap."""
        due = self.edge(at_ps)
        clock = max(due, self.last + 1)
        if column:
            clock = max(clock, self._data_free)
            self._data_free = clock + self._burst
        if clock > due:
            self.moved += 1
            self.most = max(self.most, clock - due)
        self.last = clock
        return clock
