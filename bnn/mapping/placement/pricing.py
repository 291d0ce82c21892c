"""What rows that are accessed and commands that are run take in banks in lock-step."""

from __future__ import annotations

from dataclasses import replace

from bnn.system.system import System
from pimsim.cost import price
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle, Run, Segment, issue_order
from pimsim.dram.timeline.row_transfers import row_cycle


def spent_ps(system: System, banks: int, columns: int, *steps: tuple[RowCycle | Kind, int]) -> int:
    """Return the time of steps in order, refresh aside, which would stretch all alike.

    Args:
        system: whose banks.
        banks: how many of them, all doing the same.
        columns: of every row that is read or written.
        steps: row cycles, or reading or writing of rows (RD, WR), and how often each.

    """
    bursts = -(-columns // (system.standard.burst_bytes * 8))
    runs = [
        Run(row_cycle(what, bursts) if isinstance(what, Kind) else what, times)
        for what, times in steps
        if times
    ]
    if not runs:  # all weights are 0 and nothing is read
        return 0
    segment = Segment(tuple(runs), issue_order(system.standard, range(banks)))
    unrefreshed = replace(system.options, refresh=False)
    return price([segment], system.standard, unrefreshed).latency_ps
