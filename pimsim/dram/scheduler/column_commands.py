"""When column commands fit among those before them: READ, WRITE and TRANSFER.

>>> from pimsim.dram.scheduler.bank_state import channels
>>> from pimsim.dram.scheduler.constraints import table
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.options import ModelOptions
>>> ddr3 = load("ddr3-1600-8-8-8")
>>> columns = ColumnSpacing(table(ddr3, ModelOptions()))
>>> banks = channels(ddr3)[0].ranks[0].banks
>>> columns.commit(Kind.TRANSFER, banks[0], banks[1], 100_000)
>>> columns.ready_ps(Kind.TRANSFER, banks[0], banks[1], 0)  # tCCD
105000
>>> columns.ready_ps(Kind.RD, banks[2], None, 0)  # what is transferred is written, then tWTR
122500
"""

from __future__ import annotations

from collections.abc import Iterable

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.bank_state import Bank, BankGroup, Rank
from pimsim.dram.scheduler.constraints import Constraint, Scope, TransferEnd, gap_ps

_RD, _WR, _PRE, _TRANSFER = Kind.RD, Kind.WR, Kind.PRE, Kind.TRANSFER


class ColumnSpacing:
    """The distances that column commands keep from one another, and the PRE from them."""

    def __init__(self, rows: Iterable[Constraint]) -> None:
        rows = tuple(rows)
        bank, rank, channel = Scope.BANK, Scope.RANK, Scope.CHANNEL
        self._rd_pre_ps, self._wr_pre_ps = gap_ps(rows, _RD, _PRE), gap_ps(rows, _WR, _PRE)
        # Gaps from READ and from WRITE, each to READ and to WRITE: group, rest of rank, other rank.
        self._gaps = {
            before: tuple(
                (gap_ps(rows, before, _RD, scope), gap_ps(rows, before, _WR, scope))
                for scope in (bank, rank, channel)
            )
            for before in (_RD, _WR)
        }
        # A TRANSFER has the rank's internal bus to itself: the same gap wherever in the rank.
        self._to_transfer_ps = {
            before: gap_ps(rows, before, _TRANSFER) for before in (_RD, _WR, _TRANSFER)
        }
        self._from_transfer_ps = gap_ps(rows, _TRANSFER, _RD), gap_ps(rows, _TRANSFER, _WR)
        self._sent_pre_ps = gap_ps(rows, _TRANSFER, _PRE, end=TransferEnd.SOURCE)
        self._received_pre_ps = gap_ps(rows, _TRANSFER, _PRE, end=TransferEnd.DESTINATION)
        self._received_sent_ps = gap_ps(rows, _TRANSFER, _TRANSFER, end=TransferEnd.DESTINATION)

    def ready_ps(self, kind: Kind, here: Bank, there: Bank | None, at_ps: int) -> int:
        """Return the first time from ``at_ps`` on at which a column command may issue, in ps.

        ``there`` is the destination of a TRANSFER, None for the others.
        """
        if here.next_column_ps > at_ps:
            at_ps = here.next_column_ps
        if kind is _RD:
            return max(at_ps, here.group.next_rd_ps, here.rank.next_rd_ps)
        if there is None:
            return max(at_ps, here.group.next_wr_ps, here.rank.next_wr_ps)
        return max(at_ps, there.next_column_ps, here.next_source_ps, here.rank.next_transfer_ps)

    def commit(self, kind: Kind, here: Bank, there: Bank | None, at_ps: int) -> None:
        """Hold back what comes after a column command."""
        rank = here.rank
        rank.next_transfer_ps = max(rank.next_transfer_ps, at_ps + self._to_transfer_ps[kind])
        here.last_ps[kind] = at_ps
        if there is not None:
            _hold(rank, at_ps, self._from_transfer_ps)
            there.received_ps = at_ps
            here.next_pre_ps = max(here.next_pre_ps, at_ps + self._sent_pre_ps)
            there.next_pre_ps = max(there.next_pre_ps, at_ps + self._received_pre_ps)
            there.next_source_ps = at_ps + self._received_sent_ps
            return
        in_group, in_rank, in_channel = self._gaps[kind]
        pre_ps = at_ps + (self._rd_pre_ps if kind is _RD else self._wr_pre_ps)
        if here.next_pre_ps < pre_ps:
            here.next_pre_ps = pre_ps
        _hold(here.group, at_ps, in_group)
        _hold(rank, at_ps, in_rank)
        for other in rank.others:
            _hold(other, at_ps, in_channel)


def _hold(level: BankGroup | Rank, at_ps: int, gaps_ps: tuple[int, int]) -> None:
    rd_ps, wr_ps = at_ps + gaps_ps[0], at_ps + gaps_ps[1]
    if level.next_rd_ps < rd_ps:
        level.next_rd_ps = rd_ps
    if level.next_wr_ps < wr_ps:
        level.next_wr_ps = wr_ps
