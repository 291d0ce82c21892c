"""DRAMPower 5: ``timestamp,command,rank,bankgroup,bank,row,column[,data]``.

Read in github.com/tukl-msd/DRAMPower: src/cli/lib/DRAMPower/cli/run.cpp (``parse_command_list``,
commit 0b8fc68d), command/CmdType.h (mnemonics, 1f97981b), standards/ddr4/DDR4Core.cpp and
DDR4Interface.cpp (050a0a6f), util/bus.h (04d3cdfe), util/cycle_stats.h (0a67e89d), util/
RegisterHelper.h (0bd9902c). What follows from them:

- Seven fields, no header; RD, RDA, WR and WRA are refused without an eighth, hexadecimal data.
- ``bank`` indexes all banks of the rank, bank groups included; the group serves the pins alone.
- Two commands on one clock fail an assertion of the command bus, bursts closer than BL/2 one of
  the preambles.
- An ACT on an open bank counts in full; the bank's own active time starts anew with it.
- The last time stamp ends the run: END puts it after the last precharge.
"""

from __future__ import annotations

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.constraints import BankAddress
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.commandtrace import BusCommand, Dialect

_MNEMONICS = {
    Kind.ACT: "ACT",
    Kind.PRE: "PRE",
    Kind.RD: "RD",
    Kind.WR: "WR",
    Kind.REF: "REFA",
}


class DRAMPower(Dialect):
    """Lines of DRAMPower 5.

    The data of a burst are zeros: a trace carries no data. The energy of the data pins is to be
    had from DRAMPower's toggling rates (``useToggleRate``), which take only the length from it.
    """

    charged_acts = True

    def __init__(self, standard: Standard) -> None:
        self._banks_per_group = standard.banks // standard.bank_groups
        self._burst_length = standard.burst_length
        self._data = "," + "00" * standard.burst_bytes

    def line(self, clock: int, step: BusCommand, where: BankAddress) -> str:
        """One command; a REFA is of the rank, its bank is not read."""
        name = _MNEMONICS[step.kind]
        if step.kind is Kind.REF:
            return f"{clock},{name},{where.rank},0,0,0,0\n"
        bank = where.group * self._banks_per_group + where.bank
        column = (step.column or 0) * self._burst_length
        data = self._data if step.kind in (Kind.RD, Kind.WR) else ""
        at = f"{where.rank},{where.group},{bank},{step.row or 0},{column}"
        return f"{clock},{name},{at}{data}\n"

    def tail(self, clock: int) -> str:
        """END: background power counts until then."""
        return f"{clock},END,0,0,0,0,0\n"
