"""The dialects of tools that list the commands of a channel, or its requests.

A tool's commands and its requests are two dialects. The first of them names the source files that
were read, and their commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.constraints import BankAddress, bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Numbers
from pimsim.dram.traces.commandtrace import Dialect, Steps, bus_names
from pimsim.dram.traces.text import Column, constant, decimal, hexadecimal, texts

_COLUMNS = (Kind.RD, Kind.WR)


class DRAMPower(Dialect):
    """DRAMPower 5: ``timestamp,command,rank,bankgroup,bank,row,column[,data]``.

    Read in github.com/tukl-msd/DRAMPower: src/cli/lib/DRAMPower/cli/run.cpp
    (``parse_command_list``, commit 0b8fc68d), command/CmdType.h (mnemonics, 1f97981b),
    standards/ddr4/DDR4Core.cpp and DDR4Interface.cpp (050a0a6f), util/bus.h (04d3cdfe), util/
    cycle_stats.h (0a67e89d), util/RegisterHelper.h (0bd9902c). What follows from them:

    - Seven fields, no header; RD, RDA, WR and WRA are refused without an eighth, hexadecimal data.
    - ``bank`` counts all banks of the rank, over all bank groups; the group is used only for the
      pins.
    - Two commands on one clock fail an assertion of the command bus, bursts closer than BL/2 one of
      the preambles.
    - An ACT on an open bank counts in full, and restarts the active time of the bank.
    - The last time stamp ends the run: END puts it after the last precharge.

    Run with 5.2.1: the energies of the core equal pimsim's on the same currents and clocks. The
    energy of the interface is garbage for bursts four clocks apart, unless ``prepostamble`` is 0.

    The data of a burst are written as zeros, because a trace carries no data. For the energy of the
    data pins, use DRAMPower's toggling rates (``useToggleRate``), which need only the length of a
    burst.
    """

    charged_acts = True
    names = bus_names("ACT", "PRE", "RD", "WR", "REFA")

    def lines(self, steps: Steps) -> Sequence[Column]:
        """Commands; a REFA is for the rank, and DRAMPower does not read its bank."""
        part = self.standard

        def name(kind: Kind, where: BankAddress) -> str:
            if kind is Kind.REF:
                return f",{self.names[kind]},{where.rank},0,0,"
            bank = where.group * (part.banks // part.bank_groups) + where.bank
            return f",{self.names[kind]},{where.rank},{where.group},{bank},"

        ends = ["," + "00" * part.burst_bytes + "\n" if kind in _COLUMNS else "\n" for kind in Kind]
        return (
            decimal(steps.clock), self.each(steps, name), decimal(np.maximum(steps.row, 0)),
            constant(","), decimal(np.maximum(steps.column, 0) * part.burst_length),
            texts(ends)[steps.kind],
        )  # fmt: skip

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

    def lines(self, steps: Steps) -> Sequence[Column]:
        """Commands, in columns as wide as DRAMsim3's."""

        def name(kind: Kind, where: BankAddress) -> str:
            group, bank = (0, 0) if kind is Kind.REF else (where.group, where.bank)
            return (
                f" {self.names[kind]:<20} {where.channel:>3} {where.rank:>3} {group:>3} {bank:>3} "
            )

        clocks = texts(["", *(f"{'':{18 - digits}}" for digits in range(1, 18)), ""])
        digits = np.searchsorted(_POWERS_OF_TEN, steps.clock, side="right")
        return (
            decimal(steps.clock), clocks[np.minimum(digits, len(clocks) - 1)],
            self.each(steps, name), *_prefixed(np.maximum(steps.row, 0)), constant(" "),
            *_prefixed(np.maximum(steps.column, 0)), constant("\n"),
        )  # fmt: skip


_POWERS_OF_TEN = np.array([0, *(10**digits for digits in range(1, 18))])
_POWERS_OF_SIXTEEN = np.array([0, *(16**digits for digits in range(1, 15))])


def _prefixed(values: Numbers) -> tuple[Column, Column]:
    """Hexadecimals with ``0x``, right-aligned in eight characters."""
    blanks = texts(["", *(" " * (6 - digits) + "0x" for digits in range(1, 16))])
    return blanks[np.searchsorted(_POWERS_OF_SIXTEEN, values, side="right")], hexadecimal(values)


class DRAMsim3Requests(Dialect):
    """``0xADDRESS READ|WRITE clock``: what ``dramsim3main --trace`` reads.

    Addresses are for the mapping ``rochrababgco`` (from the top: row, channel, rank, bank, bank
    group, column), which most of DRAMsim3's configurations have. DRAMsim3 schedules rows itself;
    a request comes no earlier than its clock.
    """

    names: ClassVar = {Kind.RD: "READ", Kind.WR: "WRITE"}
    order = ("row", "channel", "rank", "bank", "group", "column")
    missing = "it holds no RD or WR"

    def lines(self, steps: Steps) -> Sequence[Column]:
        """Requests."""
        address = linear(self.standard, self.order, steps)
        return (
            constant("0x"), hexadecimal(address * self.standard.burst_bytes),
            self.each(steps, lambda kind, _: f" {self.names[kind]} "),
            decimal(steps.clock), constant("\n"),
        )  # fmt: skip


def linear(part: Standard, order: Sequence[str], steps: Steps) -> Numbers:
    """Return the number of each command's burst; ``order`` has its fields, the slowest first."""
    where = np.array([bank_address(part, bank) for bank in range(part.all_banks)])[steps.bank]
    fields = {
        "row": (part.subarrays_per_bank * part.rows_per_subarray, steps.row),
        "channel": (part.channels, where[:, 0]),
        "rank": (part.ranks, where[:, 1]),
        "group": (part.bank_groups, where[:, 2]),
        "bank": (part.banks // part.bank_groups, where[:, 3]),
        "column": (part.bursts_per_row, steps.column),
    }
    address = np.zeros_like(steps.row)
    for size, values in (fields[name] for name in order):
        address = address * size + values
    return address


def begins(standard: Standard) -> NDArray[np.int64]:
    """Return for each kind of command how many clocks before its time it begins to take the bus.

    >>> from pimsim.dram.standard.standard import load
    >>> begins(load("ddr5-4800"))[[Kind.ACT, Kind.PRE]].tolist()
    [1, 0]
    """
    return np.array([standard.command_bus.taken(kind)[0] for kind in Kind])


class Ramulator(Dialect):
    """The text of Ramulator 2.1's plugin CmdTraceRecorder, its header included.

    It records a command of several clocks at its first clock (python/ramulator/dram/spec.py,
    to_config). The first command may begin some clocks before time 0; all times are then that many
    clocks later.

    Read in github.com/CMU-SAFARI/ramulator2 (2.1): src/ramulator/controller/plugin/impl/
    cmd_trace_recorder.cpp (commit 38c51d40), src/ramulator/frontend/impl/memory_trace/
    loadstore_trace.cpp, readwrite_trace.cpp, base/request.h (0aba1928), controller/
    controller_base.cpp, controller/addr_mapper/impl/ro_ba_ra_co_ch.cpp (c5b1c3a4), python/
    ramulator/dram/ddr3.py, ddr4.py and hbm2.py (levels and names of commands).
    """

    names = bus_names("ACT", "PREpb", "RD", "WR", "REFab")

    def head(self) -> str:
        """Names of the columns: bank groups are a level only where the standard has them."""
        group = "BankGroup," if self.standard.bank_groups > 1 else ""
        return f"clock,command,Channel,Rank,{group}Bank,Row,Column,type,source\n"

    def lines(self, steps: Steps) -> Sequence[Column]:
        """Commands; only RD and WR belong to a request (type 0 and 1), the others have type -1."""
        ends = [{Kind.RD: ",0,-1\n", Kind.WR: ",1,-1\n"}.get(kind, ",-1,-1\n") for kind in Kind]
        early = begins(self.standard)
        return (
            decimal(steps.clock + early.max() - early[steps.kind]),
            self.each(steps, lambda kind, at: f",{self.names[kind]},{self.vector(kind, at)},"),
            *_or_none(steps.row), constant(","), *_or_none(steps.column), texts(ends)[steps.kind],
        )  # fmt: skip

    def vector(self, kind: Kind, where: BankAddress) -> str:
        """Where a bank is; -1 stands for a coordinate that does not apply."""
        bank = [where.group, where.bank] if self.standard.bank_groups > 1 else [where.bank]
        own = [-1] * len(bank) if kind is Kind.REF else bank
        return ",".join(map(str, (where.channel, where.rank, *own)))


def _or_none(values: Numbers) -> tuple[Column, Column]:
    """Numbers, -1 among them."""
    return texts(["", "-1"])[values < 0], decimal(values)


class RamulatorRequests(Dialect):
    """``LD`` or ``ST`` and a byte address: what the front end LoadStoreTrace sends.

    Addresses are for ``addr_mapper.RoBaRaCoCh`` behind ``channel_mapper.CacheLineInterleave`` (from
    the top: row, bank, bank group, rank, column, channel). It has no times: Ramulator sends a
    request each clock and schedules rows itself. An empty line at the end would be refused.

    Ramulator's other front end, ReadWriteTrace, takes coordinates and leaves every address at -1.
    The controller identifies requests by their address. It therefore takes all WRITEs for the same
    one, and absorbs those that come while one is buffered (controller_base.cpp,
    ``m_buffered_write_addrs``).
    """

    names: ClassVar = {Kind.RD: "LD 0x", Kind.WR: "ST 0x"}
    missing = "it holds no RD or WR, and Ramulator cannot run an empty trace"
    order = ("row", "bank", "group", "rank", "column", "channel")

    def lines(self, steps: Steps) -> Sequence[Column]:
        """Requests."""
        address = linear(self.standard, self.order, steps) * self.standard.burst_bytes
        name = self.each(steps, lambda kind, _: self.names[kind])
        return name, hexadecimal(address), constant("\n")
