"""Where commands fit among those before them, and which constraint holds a command back."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.bank_state import Bank, BankGroup, Rank
from pimsim.dram.scheduler.constraints import Constraint, Scope, TransferEnd, gap_ps, shared
from pimsim.dram.standard.timing import ACTS_PER_FAW


class ActSpacing:
    """The distances that ACTs of a rank keep: tRRD between banks, four in any window of tFAW.

    The second ACT of an AAP may lie after commands that are issued later. So an ACT has to keep its
    distance from those after it as well as from those before it, and a later time may be illegal
    even though an earlier one is legal.

    >>> from pimsim.dram.scheduler.bank_state import channels
    >>> from pimsim.dram.standard.standard import load
    >>> banks = channels(load("ddr3-1600-8-8-8"))[0].ranks[0].banks
    >>> spacing = ActSpacing(rrd_s_ps=6_000, rrd_l_ps=6_000, faw_ps=30_000)
    >>> for at_ps in (0, 35_000):  # an AAP of bank 0
    ...     spacing.add(banks[0], at_ps)
    >>> spacing.fit(banks[1], 0), spacing.fit(banks[1], 29_001)
    (6000, 41000)
    >>> spacing.fit(banks[1], 0, second_ps=35_000)
    6000
    """

    def __init__(self, *, rrd_s_ps: int, rrd_l_ps: int, faw_ps: int) -> None:
        self._rrd_ps = rrd_s_ps, rrd_l_ps
        self._widest_rrd_ps = max(self._rrd_ps)
        self._faw_ps = faw_ps
        self.reach_ps = max(faw_ps, rrd_s_ps, rrd_l_ps)
        """How long an ACT matters."""

    def add(self, bank: Bank, at_ps: int) -> None:
        """Count an ACT of the bank, and forget those that no longer matter."""
        acts = bank.rank.acts
        past_ps = bank.rank.channel.front_ps - self.reach_ps
        while acts and acts[0][0] <= past_ps:
            del acts[0]
        if acts and at_ps < acts[-1][0]:
            insort(acts, (at_ps, bank.number))
        else:
            acts.append((at_ps, bank.number))

    def fit(self, bank: Bank, at_ps: int, second_ps: int = 0) -> int:
        """Return the first time from ``at_ps`` on, in ps, at which an ACT of the bank fits.

        If ``second_ps`` is not 0, another of the same bank has to fit that much later; the two
        need not keep tRRD between them.

        Each conflict forbids all times up to a certain one; the search continues from there.
        """
        acts = bank.rank.acts
        if not acts:
            return at_ps
        while True:
            at_ps = self._after_rrd(bank, at_ps, second_ps)
            if at_ps >= acts[-1][0]:  # the usual case: none lies ahead
                if len(acts) >= ACTS_PER_FAW:
                    at_ps = max(at_ps, acts[-ACTS_PER_FAW][0] + self._faw_ps)
                if second_ps and len(acts) >= ACTS_PER_FAW - 1:
                    at_ps = max(at_ps, acts[1 - ACTS_PER_FAW][0] + self._faw_ps - second_ps)
                return at_ps
            clear_ps = self._after_faw(acts, at_ps, second_ps)
            if clear_ps == at_ps:
                return at_ps
            at_ps = clear_ps

    def _after_rrd(self, here: Bank, at_ps: int, second_ps: int) -> int:
        """The first time from ``at_ps`` on that keeps tRRD."""
        rrd_ps, widest_ps, group = self._rrd_ps, self._widest_rrd_ps, here.group
        banks, first = here.rank.banks, here.rank.banks[0].number
        settled = False
        while not settled:
            settled = True
            for act_ps, number in reversed(here.rank.acts):
                if act_ps + widest_ps <= at_ps:
                    break
                if act_ps - widest_ps >= at_ps + second_ps:
                    continue
                other = banks[number - first]
                if other is here:
                    continue
                gap_ps = rrd_ps[other.group is group]
                if act_ps - gap_ps < at_ps < act_ps + gap_ps:
                    at_ps = act_ps + gap_ps
                    settled = False
                if second_ps and act_ps - gap_ps < at_ps + second_ps < act_ps + gap_ps:
                    at_ps = act_ps + gap_ps - second_ps
                    settled = False
        return at_ps

    def _after_faw(self, acts: list[tuple[int, int]], at_ps: int, second_ps: int) -> int:
        """``at_ps`` if no window then holds too many ACTs, else a time before which some do."""
        faw_ps = self._faw_ps
        for offset_ps in (0, second_ps) if second_ps else (0,):
            # Four ACTs next to one another and the new one, wherever it stands among them.
            new_ps = at_ps + offset_ps
            after = bisect_left(acts, (new_ps,))
            for index in range(max(0, after - ACTS_PER_FAW), len(acts) - ACTS_PER_FAW + 1):
                oldest_ps = acts[index][0]
                if oldest_ps >= new_ps + faw_ps:
                    break
                newest_ps = acts[index + ACTS_PER_FAW - 1][0]
                if max(newest_ps, new_ps) - min(oldest_ps, new_ps) < faw_ps:
                    return oldest_ps + faw_ps - offset_ps
        if 0 < second_ps < faw_ps:
            # Three ACTs next to one another and both new ones.
            new_ps = at_ps + second_ps
            for index in range(len(acts) - ACTS_PER_FAW + 2):
                oldest_ps, newest_ps = acts[index][0], acts[index + ACTS_PER_FAW - 2][0]
                if max(newest_ps, new_ps) - min(oldest_ps, at_ps) < faw_ps:
                    return oldest_ps + faw_ps - second_ps
        return at_ps


_RD, _WR, _PRE, _TRANSFER = Kind.RD, Kind.WR, Kind.PRE, Kind.TRANSFER


class ColumnSpacing:
    """The distances between READ, WRITE and TRANSFER, and from them to a PRE.

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
        """Take note of a column command, which delays those after it."""
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


def binding(
    rows: Iterable[Constraint],
    kind: Kind,
    bank: Bank,
    ready_ps: int,
    second_ps: int,
    there: Bank | None = None,
) -> str:
    """Return the name of the first row in the table whose gap ends when the command becomes legal.

    ``second_ps`` is how much later an AAP has a second ACT that counts, else 0; ``there`` is the
    destination of a TRANSFER. The name is "order" if no row ends there, and empty if the command is
    legal from time 0.
    """
    if not ready_ps:
        return ""
    rows = tuple(rows)
    after = Kind.ACT if kind.opens else kind
    for row in rows:
        if row.after is not after:
            continue
        if _ends(row, bank, ready_ps, own_acts=0):
            return row.name
        if there is not None and row.before is Kind.ACT and _ends(row, there, ready_ps, own_acts=0):
            return row.name
    if second_ps:
        for row in rows:
            among_acts = row.apart > 1 or row.scope is not Scope.BANK
            if row.before is row.after is Kind.ACT and among_acts:
                own_acts = int(second_ps < row.gap_ps)
                if _ends(row, bank, ready_ps + second_ps, own_acts=own_acts):
                    return row.name
    return "order"


def _ends(row: Constraint, bank: Bank, at_ps: int, own_acts: int) -> bool:
    """Whether the row holds the bank's next command back until exactly ``at_ps``.

    ``own_acts`` is how many ACTs of the command itself lie within the row's gap before ``at_ps``.
    """
    since_ps = at_ps - row.gap_ps
    rank = bank.rank
    if row.apart > 1:
        first = bisect_left(rank.acts, (since_ps, -1))
        within = bisect_left(rank.acts, (at_ps, -1)) - first
        return (
            within + own_acts >= ACTS_PER_FAW
            and first < len(rank.acts)
            and rank.acts[first][0] == since_ps
        )
    if row.end is TransferEnd.DESTINATION:
        return bank.received_ps == since_ps
    if row.before is Kind.REF:
        return row.scope is Scope.BANK and rank.last_ref_ps == since_ps
    if row.before is row.after is Kind.ACT and row.scope is not Scope.BANK:
        places = {other.number: other.place for other in rank.banks}
        return any(
            act_ps == since_ps and shared(places[number], bank.place) is row.scope
            for act_ps, number in rank.acts
        )
    return any(
        other.last_ps.get(row.before) == since_ps and shared(other.place, bank.place) is row.scope
        for other_rank in rank.channel.ranks
        for other in other_rank.banks
    )
