"""DRAMsim3: the command trace that it records, and the request trace that it runs.

Read in github.com/umd-memsys/DRAMsim3: src/common.cc (commit b1838f10, the printed command),
src/controller.cc (000abef7, built with CMD_TRACE), src/thermal_replay.cc (50430db2),
scripts/validation.py (1a31e8c3), src/cpu.cc (01f91f84, the request trace) and README.md.
"""

from __future__ import annotations

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.constraints import BankAddress
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.commandtrace import BusCommand, Dialect

_MNEMONICS = {
    Kind.ACT: "activate",
    Kind.PRE: "precharge",
    Kind.RD: "read",
    Kind.WR: "write",
    Kind.REF: "refresh",
}


class Commands(Dialect):
    """``clock command channel rank bankgroup bank row column``, rows and columns hexadecimal."""

    def __init__(self, standard: Standard) -> None:
        pass

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command, in columns as wide as DRAMsim3's."""
        group, bank = (0, 0) if step.kind is Kind.REF else (where.group, where.bank)
        return (
            f"{clock:<18} {_MNEMONICS[step.kind]:<20} {where.channel:>3} {where.rank:>3} "
            f"{group:>3} {bank:>3} {step.row or 0:>#8x} {step.column or 0:>#8x}\n"
        )


class Requests(Dialect):
    """``0xADDRESS READ|WRITE clock``: what ``dramsim3main --trace`` reads.

    Addresses are for the mapping ``rochrababgco`` (from the top: row, channel, rank, bank, bank
    group, column), which most of DRAMsim3's configurations have. DRAMsim3 schedules rows itself;
    a request comes no earlier than its clock.
    """

    kinds = frozenset({Kind.RD, Kind.WR})
    missing = "it holds no RD or WR"

    def __init__(self, standard: Standard) -> None:
        self._sizes = (
            standard.channels,
            standard.ranks,
            standard.banks // standard.bank_groups,
            standard.bank_groups,
            standard.bursts_per_row,
        )
        self._burst_bytes = standard.burst_bytes

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One request."""
        address = step.row or 0
        fields = (where.channel, where.rank, where.bank, where.group, step.column or 0)
        for size, field in zip(self._sizes, fields, strict=True):
            address = address * size + field
        name = "READ" if step.kind is Kind.RD else "WRITE"
        return f"{address * self._burst_bytes:#x} {name} {clock}\n"
