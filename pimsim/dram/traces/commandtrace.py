"""Command and request traces: one line for each command of a channel, in a tool's own dialect.

pimsim's times are in ps and its model leaves the command bus out. Here every command gets a
clock of its own: the first edge at or after its time that no earlier command of the channel has
taken. Remarks say how many had to wait, and how long.

A tool's commands and its requests are two dialects. What of its sources was read, and at which
commit, is said with the first of them.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import BankAddress, bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.event import Event, Spans


class BusCommand(NamedTuple):
    """An ACT, PRE, RD, WR or REF; rows and columns that it has not are None."""

    at_ps: int
    order: int
    """Ties in time keep the order in which the commands were added."""
    kind: Kind
    bank: int
    row: int | None
    column: int | None


def bus_names(*names: str) -> Mapping[Kind, str]:
    """Return what ACT, PRE, RD, WR and REF, in this order, are called."""
    return dict(zip((Kind.ACT, Kind.PRE, Kind.RD, Kind.WR, Kind.REF), names, strict=True))


class Dialect(ABC):
    """How a tool writes commands down, of a standard."""

    charged_acts = False
    """Whether an AAP has as many ACTs as ``ModelOptions.acts_per_aap`` says, not always two."""
    names: ClassVar[Mapping[Kind, str]]
    """What the kinds are called that the format can express; others take no part."""
    missing = "it holds no command"
    """Remark for a trace without any of them."""

    def __init__(self, standard: Standard) -> None:
        self.standard = standard

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
        kind: type[Dialect],
        write: Callable[[str], None],
        standard: Standard,
        options: ModelOptions,
    ) -> None:
        self._write, self._dialect = write, kind(standard)
        self._spans = spans = Spans.of(standard, options)
        self._second_act = not kind.charged_acts or options.acts_per_aap == 2
        self._places = [bank_address(standard, bank) for bank in range(standard.all_banks)]
        self._waiting: list[BusCommand] = []
        self._order = 0
        self._bus = _CommandBus(spans.t_ck_ps, -(-standard.burst_ps // spans.t_ck_ps))
        self._end_ps = 0
        self._written = 0
        self._transfers = 0
        write(self._dialect.head())

    def add(self, event: Event) -> None:
        """Write one command, or keep it until its time has come.

        A REF is no sign of time: other ranks may have got further, or not so far.
        """
        if event.kind is not Kind.REF:
            self._flush(event.at_ps)
        self._end_ps = max(self._end_ps, event.at_ps + self._spans.done_ps[event.kind])
        self._transfers += event.kind is Kind.TRANSFER
        for at_ps, kind, row in self._parts(event):
            if kind in self._dialect.names:
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
        if self._transfers and Kind.ACT in self._dialect.names:
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


class DRAMPower(Dialect):
    """DRAMPower 5: ``timestamp,command,rank,bankgroup,bank,row,column[,data]``.

    Read in github.com/tukl-msd/DRAMPower: src/cli/lib/DRAMPower/cli/run.cpp
    (``parse_command_list``, commit 0b8fc68d), command/CmdType.h (mnemonics, 1f97981b),
    standards/ddr4/DDR4Core.cpp and DDR4Interface.cpp (050a0a6f), util/bus.h (04d3cdfe), util/
    cycle_stats.h (0a67e89d), util/RegisterHelper.h (0bd9902c). What follows from them:

    - Seven fields, no header; RD, RDA, WR and WRA are refused without an eighth, hexadecimal data.
    - ``bank`` indexes all banks of the rank, bank groups included; the group serves the pins alone.
    - Two commands on one clock fail an assertion of the command bus, bursts closer than BL/2 one of
      the preambles.
    - An ACT on an open bank counts in full; the bank's own active time starts anew with it.
    - The last time stamp ends the run: END puts it after the last precharge.

    The data of a burst are zeros: a trace carries no data. The energy of the data pins is to be
    had from DRAMPower's toggling rates (``useToggleRate``), which take only the length from it.
    """

    charged_acts = True
    names = bus_names("ACT", "PRE", "RD", "WR", "REFA")

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command; a REFA is of the rank, its bank is not read."""
        name, part = self.names[step.kind], self.standard
        if step.kind is Kind.REF:
            return f"{clock},{name},{where.rank},0,0,0,0\n"
        bank = where.group * (part.banks // part.bank_groups) + where.bank
        column = (step.column or 0) * part.burst_length
        data = "," + "00" * part.burst_bytes if step.kind in (Kind.RD, Kind.WR) else ""
        at = f"{where.rank},{where.group},{bank},{step.row or 0},{column}"
        return f"{clock},{name},{at}{data}\n"

    def tail(self, clock: int) -> str:
        """END: background power counts until then."""
        return f"{clock},END,0,0,0,0,0\n"


class DRAMsim3(Dialect):
    """``clock command channel rank bankgroup bank row column``, rows and columns hexadecimal.

    Read in github.com/umd-memsys/DRAMsim3: src/common.cc (commit b1838f10, the printed command),
    src/controller.cc (000abef7, built with CMD_TRACE), src/thermal_replay.cc (50430db2),
    scripts/validation.py (1a31e8c3), src/cpu.cc (01f91f84, the request trace) and README.md.
    """

    names = bus_names("activate", "precharge", "read", "write", "refresh")

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command, in columns as wide as DRAMsim3's."""
        group, bank = (0, 0) if step.kind is Kind.REF else (where.group, where.bank)
        return (
            f"{clock:<18} {self.names[step.kind]:<20} {where.channel:>3} {where.rank:>3} "
            f"{group:>3} {bank:>3} {step.row or 0:>#8x} {step.column or 0:>#8x}\n"
        )


class DRAMsim3Requests(Dialect):
    """``0xADDRESS READ|WRITE clock``: what ``dramsim3main --trace`` reads.

    Addresses are for the mapping ``rochrababgco`` (from the top: row, channel, rank, bank, bank
    group, column), which most of DRAMsim3's configurations have. DRAMsim3 schedules rows itself;
    a request comes no earlier than its clock.
    """

    names: ClassVar = {Kind.RD: "READ", Kind.WR: "WRITE"}
    missing = "it holds no RD or WR"

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One request."""
        part, address = self.standard, step.row or 0
        for size, field in (
            (part.channels, where.channel),
            (part.ranks, where.rank),
            (part.banks // part.bank_groups, where.bank),
            (part.bank_groups, where.group),
            (part.bursts_per_row, step.column or 0),
        ):
            address = address * size + field
        return f"{address * part.burst_bytes:#x} {self.names[step.kind]} {clock}\n"


class Ramulator(Dialect):
    """The text of Ramulator 2.1's plugin CmdTraceRecorder, its header included.

    Read in github.com/CMU-SAFARI/ramulator2 (2.1): src/ramulator/controller/plugin/impl/
    cmd_trace_recorder.cpp (commit 38c51d40), src/ramulator/frontend/impl/memory_trace/
    readwrite_trace.cpp (0aba1928), base/request.h (0aba1928), python/ramulator/dram/ddr3.py,
    ddr4.py and hbm2.py (levels and names of commands).
    """

    names = bus_names("ACT", "PREpb", "RD", "WR", "REFab")

    def head(self) -> str:
        """Names of the columns: bank groups are a level only where the standard has them."""
        group = "BankGroup," if self.standard.bank_groups > 1 else ""
        return f"clock,command,Channel,Rank,{group}Bank,Row,Column,type,source\n"

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command; only RD and WR are of a request (type 0 and 1), the others of type -1."""
        request = {Kind.RD: 0, Kind.WR: 1}.get(step.kind)
        vector = self._vector(step, where, step.row, step.column, request, None)
        return f"{clock},{self.names[step.kind]},{vector}\n"

    def _vector(self, step: BusCommand, where: BankAddress, *fields: int | None) -> str:
        """An address and what follows it; -1 stands for a coordinate that does not apply."""
        bank = [where.group, where.bank] if self.standard.bank_groups > 1 else [where.bank]
        own = [None] * len(bank) if step.kind is Kind.REF else bank
        every = (where.channel, where.rank, *own, *fields)
        return ",".join(str(-1 if value is None else value) for value in every)


class RamulatorRequests(Ramulator):
    """``R`` or ``W`` and an address vector: what the front end ReadWriteTrace sends.

    It has no times: Ramulator sends a request each clock and schedules rows itself. An empty line
    at the end would be refused.
    """

    names: ClassVar = {Kind.RD: "R", Kind.WR: "W"}
    missing = "it holds no RD or WR, and Ramulator cannot run an empty trace"

    def head(self) -> str:
        """Nothing."""
        return ""

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One request."""
        vector = self._vector(step, where, step.row or 0, step.column or 0)
        return f"{self.names[step.kind]} {vector}\n"
