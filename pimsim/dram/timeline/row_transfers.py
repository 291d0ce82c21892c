"""Moving rows over the channel or from bank to bank: opening them, bursts, closing them.

>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> ddr3 = load("ddr3-1600-8-8-8")
>>> [segment.commands for segment in streamed(Kind.RD, 9 * 65536 + 1, ddr3, banks=8)]
[1040, 130, 3]
"""

from __future__ import annotations

from pimsim.dram.commands import Kind
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import RowCycle, Run, Segment, issue_order


def row_cycle(kind: Kind, bursts: int) -> RowCycle:
    """ACT, ``bursts`` column accesses of one kind, PRE.

    With TRANSFER it is what a pair of banks does in RowClone's pipelined serial mode.
    """
    return (Kind.ACT, 1), (kind, bursts), (Kind.PRE, 1)


def streamed(kind: Kind, bits: int, standard: Standard, banks: int) -> list[Segment]:
    """Reading or writing ``bits``: whole rows dealt out in turn to banks 0 to ``banks`` - 1."""
    bursts = -(-bits // (standard.burst_bytes * 8))
    rows, rest = divmod(bursts, standard.bursts_per_row)
    whole = row_cycle(kind, standard.bursts_per_row)
    rounds, more = divmod(rows, banks)
    segments = []
    if rounds:
        segments.append(Segment((Run(whole, rounds),), issue_order(standard, range(banks))))
    if more:
        segments.append(Segment((Run(whole, 1),), issue_order(standard, range(more))))
    if rest:
        segments.append(Segment((Run(row_cycle(kind, rest), 1),), (more,)))
    return segments
