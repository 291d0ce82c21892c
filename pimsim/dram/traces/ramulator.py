"""Ramulator 2: the command trace that it records, and the request trace that it runs.

Read in github.com/CMU-SAFARI/ramulator2 (2.1): src/ramulator/controller/plugin/impl/
cmd_trace_recorder.cpp (commit 38c51d40), src/ramulator/frontend/impl/memory_trace/
readwrite_trace.cpp (0aba1928), base/request.h (0aba1928), python/ramulator/dram/ddr3.py, ddr4.py
and hbm2.py (levels and names of commands).
"""

from __future__ import annotations

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.constraints import BankAddress
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.commandtrace import BusCommand, Dialect

_MNEMONICS = {
    Kind.ACT: "ACT",
    Kind.PRE: "PREpb",
    Kind.RD: "RD",
    Kind.WR: "WR",
    Kind.REF: "REFab",
}
_REQUEST_TYPES = {Kind.RD: 0, Kind.WR: 1}
_NONE = -1  # what Ramulator has in place of a coordinate or type that does not apply


class _Address:
    """Address vectors: bank groups are a level only where the standard has them."""

    def __init__(self, standard: Standard) -> None:
        self.levels = ["Channel", "Rank", "BankGroup", "Bank", "Row", "Column"]
        self._groups = standard.bank_groups > 1
        if not self._groups:
            self.levels.remove("BankGroup")

    def vector(self, where: BankAddress, row: int | None, column: int | None, *, rank: bool) -> str:
        bank = [where.group, where.bank] if self._groups else [where.bank]
        if rank:
            bank = [_NONE] * len(bank)
        own = [_NONE if value is None else value for value in (row, column)]
        return ",".join(map(str, (where.channel, where.rank, *bank, *own)))


class Commands(Dialect):
    """The text of Ramulator 2.1's plugin CmdTraceRecorder, its header included."""

    def __init__(self, standard: Standard) -> None:
        self._address = _Address(standard)

    def head(self) -> str:
        """Names of the columns."""
        return f"clock,command,{','.join(self._address.levels)},type,source\n"

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command; only RD and WR are of a request, the others of type -1."""
        vector = self._address.vector(where, step.row, step.column, rank=step.kind is Kind.REF)
        request = _REQUEST_TYPES.get(step.kind, _NONE)
        return f"{clock},{_MNEMONICS[step.kind]},{vector},{request},{_NONE}\n"


class Requests(Dialect):
    """``R`` or ``W`` and an address vector: what the front end ReadWriteTrace sends.

    It has no times: Ramulator sends a request each clock and schedules rows itself. An empty line
    at the end would be refused.
    """

    kinds = frozenset(_REQUEST_TYPES)
    missing = "it holds no RD or WR, and Ramulator cannot run an empty trace"

    def __init__(self, standard: Standard) -> None:
        self._address = _Address(standard)

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One request."""
        vector = self._address.vector(where, step.row or 0, step.column or 0, rank=False)
        return f"{'R' if step.kind is Kind.RD else 'W'} {vector}\n"
