"""When DRAM commands may issue: the timing constraints over the state of all banks.

:meth:`Scheduler.probe` says when a command may issue and what holds it back, and changes nothing;
:meth:`Scheduler.issue` is strict.

>>> from pimsim.dram.standards import load
>>> scheduler = Scheduler(load("ddr3-1600-8-8-8"), Switches())
>>> scheduler.issue(Kind.AAP, 0, 0)
>>> scheduler.probe(Kind.AAP, 1)  # the second ACT of the AAP came at 4 ns, tRRD is 6 ns
Gate(ready_ps=10000, reason='tRRD_S')
>>> scheduler.issue(Kind.AAP, 1, 9_999)
Traceback (most recent call last):
...
pimsim.errors.DramError: AAP of bank 1 at 9999 ps must wait until 10000 ps (tRRD_S)
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.constraints import (
    Constraint,
    Place,
    Scope,
    effective_timing,
    place,
    second_act_ps,
    shared,
    table,
    total_banks,
)
from pimsim.dram.standards import Standard
from pimsim.dram.switches import Switches
from pimsim.dram.timing import ACTS_PER_FAW
from pimsim.errors import DramError, InputError

POSTPONED_REFS = 8
"""REFs that may be postponed at a time (JESD79-3F, Refresh command; JESD79-4 has the same), so that
two stand at most 9 tREFI apart."""

# Members of an enum are slow to look up, and this module is about speed.
_ACT, _PRE, _RD, _WR, _REF, _AAP, _AP = Kind
_NEVER = -(1 << 62)


class Gate(NamedTuple):
    """The earliest time at which a command may issue, and why not before."""

    ready_ps: int
    reason: str
    """Name of the constraint that binds, as in :func:`pimsim.dram.constraints.table`; "order" if
    it is that a channel's commands issue in order; "" at the beginning of time."""


class _Channel:
    """What the ranks of a channel share."""

    __slots__ = ("front_ps", "ranks")

    def __init__(self) -> None:
        self.front_ps = 0
        self.ranks: list[_Rank] = []


class _Rank:
    """Next times that hold for all banks of a rank, and its ACTs."""

    __slots__ = (
        "acts", "banks", "channel", "last_ref_ps", "next_rd_ps", "next_ref_ps", "next_wr_ps",
        "open_banks", "others", "refs",
    )  # fmt: skip

    def __init__(self, channel: _Channel) -> None:
        self.channel = channel
        self.banks: list[_Bank] = []
        self.others: list[_Rank] = []
        self.acts: list[tuple[int, int]] = []
        """Time and bank of the ACTs that tRRD and tFAW count, sorted, old ones dropped."""
        self.open_banks = 0
        self.next_rd_ps = self.next_wr_ps = self.next_ref_ps = 0
        self.refs = 0
        self.last_ref_ps = _NEVER


class _Group:
    """Next times that hold for all banks of a bank group."""

    __slots__ = ("next_rd_ps", "next_wr_ps")

    def __init__(self) -> None:
        self.next_rd_ps = self.next_wr_ps = 0


class _Bank:
    """State and next times of one bank; ``last_ps`` is there to give reasons only."""

    __slots__ = (
        "group", "last_ps", "next_act_ps", "next_column_ps", "next_pre_ps", "number", "open",
        "place", "rank",
    )  # fmt: skip

    def __init__(self, number: int, where: Place, rank: _Rank, group: _Group) -> None:
        self.number, self.place, self.rank, self.group = number, where, rank, group
        self.open = False
        self.next_act_ps = self.next_pre_ps = self.next_column_ps = 0
        self.last_ps = dict.fromkeys((_ACT, _PRE, _RD, _WR), _NEVER)


class Scheduler:
    """Bank states and timing constraints of all channels of a standard.

    Times are in ps from 0. Commands of a channel are issued in order of time (as many as one likes
    at one time), REFs excepted: a REF touches no rank but its own. A REF names any bank of its
    rank. An AAP or AP is one command, its bank closed again as far as the next command goes.

    With refresh on, a rank's k-th REF is due at k * tREFI. At most eight may be postponed: an ACT,
    AAP or AP later than 9 * tREFI after the due time of the last REF issued (after 0, if none
    was) is refused with ``tREFI``. REFs may come as early as one likes.

    Each issue moves next-allowed times forward, so that a probe is a maximum of a few numbers; ACTs
    are placed among all those issued, the second ACTs of AAPs that still lie ahead included.
    """

    def __init__(self, standard: Standard, switches: Switches) -> None:
        self._standard, self._switches = standard, switches
        self._table = table(standard, switches)
        timing = effective_timing(standard, switches)
        self._ras_ps, self._rp_ps, self._rc_ps = timing.t_ras_ps, timing.t_rp_ps, timing.t_rc_ps
        self._clock_ps = timing.t_ck_ps if switches.clocked else 1
        self._refi_ps = timing.t_refi_ps if switches.refresh else 0
        self._second_ps = second_act_ps(standard, switches)
        self._counted_second_ps = self._second_ps if switches.acts_per_aap == 2 else 0
        self._faw_ps = timing.t_faw_ps if switches.faw else 0

        self._rcd_ps = self._gap(_ACT, _RD)
        self._rfc_ps = self._gap(_REF, _REF)
        self._rd_pre_ps, self._wr_pre_ps = self._gap(_RD, _PRE), self._gap(_WR, _PRE)
        self._rrd_ps = (self._gap(_ACT, _ACT, Scope.RANK), self._gap(_ACT, _ACT, Scope.GROUP))
        self._reach_ps = max(self._faw_ps, *self._rrd_ps)
        # Gaps from READ and from WRITE, each to READ and to WRITE: group, rest of rank, other rank.
        self._column_gaps = {
            before: tuple(
                (self._gap(before, _RD, scope), self._gap(before, _WR, scope))
                for scope in (Scope.BANK, Scope.RANK, Scope.CHANNEL)
            )
            for before in (_RD, _WR)
        }

        self._banks: list[_Bank] = []
        self._channels = [_Channel() for _ in range(standard.channels)]
        groups: dict[tuple[int, int, int], _Group] = {}
        for channel in self._channels:
            channel.ranks = [_Rank(channel) for _ in range(standard.ranks)]
            for rank in channel.ranks:
                rank.others = [other for other in channel.ranks if other is not rank]
        for number in range(total_banks(standard)):
            where = place(standard, number)
            rank = self._channels[where.channel].ranks[where.rank]
            bank = _Bank(number, where, rank, groups.setdefault(where[:3], _Group()))
            rank.banks.append(bank)
            self._banks.append(bank)

    def probe(self, kind: Kind, bank: int) -> Gate:
        """Return when the command may issue at the earliest, and what holds it back until then.

        Raises :class:`~pimsim.errors.DramError` if it is illegal in the bank's state or if too many
        REFs are postponed, and :class:`~pimsim.errors.InputError` for a bank that is not there.
        """
        ready_ps = self.earliest_ps(kind, bank)
        return Gate(ready_ps, self._reason(kind, self._banks[bank], ready_ps))

    def issue(self, kind: Kind, bank: int, at_ps: int) -> None:
        """Issue the command; :class:`~pimsim.errors.DramError` if it is not legal at that time."""
        if type(at_ps) is not int or at_ps < 0:
            raise InputError(f"`at_ps` must be a non-negative integer, not {at_ps!r}")
        if at_ps % self._clock_ps:
            raise DramError(
                f"{kind.name} of bank {bank} must issue at a multiple of the clock "
                f"({self._clock_ps} ps), not at {at_ps} ps"
            )
        ready_ps = self.earliest_ps(kind, bank, at_ps)
        if ready_ps != at_ps:
            reason = self._reason(kind, self._banks[bank], ready_ps)
            raise DramError(
                f"{kind.name} of bank {bank} at {at_ps} ps must wait until {ready_ps} ps ({reason})"
            )
        self._commit(kind, self._banks[bank], at_ps)

    def issue_earliest(self, kind: Kind, bank: int, not_before_ps: int = 0) -> int:
        """Issue the command at the first legal time from ``not_before_ps`` on; return it, in ps.

        >>> from pimsim.dram.standards import load
        >>> scheduler = Scheduler(load("ddr3-1600-8-8-8"), Switches())
        >>> [scheduler.issue_earliest(Kind.AP, bank) for bank in range(6)]
        [0, 6000, 12000, 18000, 30000, 36000]
        """
        at_ps = self.earliest_ps(kind, bank, not_before_ps)
        self._commit(kind, self._banks[bank], at_ps)
        return at_ps

    def earliest_ps(self, kind: Kind, bank: int, not_before_ps: int = 0) -> int:
        """Return the first legal time from ``not_before_ps`` on, in ps: a probe with no reason."""
        here = self._bank(bank)
        rank = here.rank
        ready_ps = rank.channel.front_ps
        if not_before_ps > ready_ps:
            ready_ps = not_before_ps
        if kind is _RD or kind is _WR:
            if not here.open:
                raise DramError(
                    f"{kind.name} of bank {bank} must find a row open, but it is closed"
                )
            if here.next_column_ps > ready_ps:
                ready_ps = here.next_column_ps
            if kind is _RD:
                return max(ready_ps, here.group.next_rd_ps, rank.next_rd_ps)
            return max(ready_ps, here.group.next_wr_ps, rank.next_wr_ps)
        if kind is _PRE:
            if not here.open:
                raise DramError(f"PRE of bank {bank} must find a row open, but it is closed")
            return max(ready_ps, here.next_pre_ps)
        if kind is _REF:
            if rank.open_banks:
                number = next(other.number for other in rank.banks if other.open)
                raise DramError(
                    f"REF of bank {bank} must find its rank closed, but bank {number} is open"
                )
            return max(not_before_ps, rank.next_ref_ps)
        if here.open:
            raise DramError(f"{kind.name} of bank {bank} must find it closed, but a row is open")
        if here.next_act_ps > ready_ps:
            ready_ps = here.next_act_ps
        if self._faw_ps and rank.acts:
            second_ps = self._counted_second_ps if kind is _AAP else 0
            ready_ps = self._among_acts(here, ready_ps, second_ps)
        if self._refi_ps and ready_ps > (rank.refs + POSTPONED_REFS + 1) * self._refi_ps:
            raise DramError(
                f"{kind.name} of bank {bank} at {ready_ps} ps must come after a REF: "
                f"more than {POSTPONED_REFS} are postponed (tREFI)"
            )
        return ready_ps

    def front_ps(self, bank: int) -> int:
        """Time of the last command on the bank's channel, in ps: none comes before it."""
        return self._bank(bank).rank.channel.front_ps

    def refreshed(self, bank: int) -> int:
        """REFs that the bank's rank has had."""
        return self._bank(bank).rank.refs

    def closed(self, bank: int) -> bool:
        """Whether all banks of the bank's rank are closed, so that REF is legal there."""
        return not self._bank(bank).rank.open_banks

    def _bank(self, bank: int) -> _Bank:
        if type(bank) is not int or not 0 <= bank < len(self._banks):
            place(self._standard, bank)  # raises InputError
        return self._banks[bank]

    def _gap(self, before: Kind, after: Kind, scope: Scope = Scope.BANK) -> int:
        """Widest gap of the table, tFAW left aside; 0 if there is none."""
        return max(
            (
                row.gap_ps
                for row in self._table
                if (row.before, row.after, row.scope, row.apart) == (before, after, scope, 1)
            ),
            default=0,
        )

    def _among_acts(self, here: _Bank, at_ps: int, second_ps: int) -> int:
        """First time from ``at_ps`` on at which an ACT, and one ``second_ps`` later, fits.

        Whatever is in the way forbids all times up to a certain one: go there and look again.
        """
        acts = here.rank.acts
        while True:
            start_ps = at_ps
            at_ps = self._clear_of_rrd(here, at_ps, second_ps)
            if at_ps >= acts[-1][0]:  # the usual case: no ACT lies ahead
                if len(acts) >= ACTS_PER_FAW:
                    at_ps = max(at_ps, acts[-ACTS_PER_FAW][0] + self._faw_ps)
                if second_ps and len(acts) >= ACTS_PER_FAW - 1:
                    at_ps = max(at_ps, acts[1 - ACTS_PER_FAW][0] + self._faw_ps - second_ps)
                return at_ps
            at_ps = self._clear_of_faw(acts, at_ps, second_ps)
            if at_ps == start_ps:
                return at_ps

    def _clear_of_rrd(self, here: _Bank, at_ps: int, second_ps: int) -> int:
        banks, group = self._banks, here.group
        rrd_ps, widest_ps = self._rrd_ps, max(self._rrd_ps)
        settled = False
        while not settled:
            settled = True
            for act_ps, number in reversed(here.rank.acts):
                if act_ps + widest_ps <= at_ps:
                    break
                other = banks[number]
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

    def _clear_of_faw(self, acts: list[tuple[int, int]], at_ps: int, second_ps: int) -> int:
        """The first time, or a later one, at which no window holds too many ACTs; none skipped."""
        faw_ps = self._faw_ps
        new = [at_ps, at_ps + second_ps] if second_ps else [at_ps]
        while True:
            for first, last in ((0, 0), (len(new) - 1, len(new) - 1), (0, len(new) - 1)):
                others = ACTS_PER_FAW - (last - first)
                for index in range(len(acts) - others + 1):
                    oldest_ps, newest_ps = acts[index][0], acts[index + others - 1][0]
                    if max(newest_ps, new[last]) - min(oldest_ps, new[first]) < faw_ps:
                        later_ps = oldest_ps + faw_ps - new[last]
                        new = [act_ps + later_ps for act_ps in new]
                        break
                else:
                    continue
                break
            else:
                return new[0]

    def _commit(self, kind: Kind, here: _Bank, at_ps: int) -> None:
        rank = here.rank
        if kind is _REF:
            rank.refs += 1
            rank.last_ref_ps = at_ps
            rank.next_ref_ps = free_ps = at_ps + self._rfc_ps
            for bank in rank.banks:
                if bank.next_act_ps < free_ps:
                    bank.next_act_ps = free_ps
            if at_ps > rank.channel.front_ps:
                rank.channel.front_ps = at_ps
            return
        rank.channel.front_ps = at_ps
        last_ps = here.last_ps
        if kind is _RD or kind is _WR:
            last_ps[kind] = at_ps
            self._commit_column(kind, here, at_ps)
        elif kind is _PRE:
            last_ps[_PRE] = at_ps
            here.open = False
            rank.open_banks -= 1
            self._close(here, at_ps)
        elif kind is _ACT:
            last_ps[_ACT] = at_ps
            here.open = True
            rank.open_banks += 1
            here.next_pre_ps = at_ps + self._ras_ps
            here.next_column_ps = at_ps + self._rcd_ps
            here.next_act_ps = at_ps + self._rc_ps
            self._count_act(here, at_ps)
        else:
            act_ps = at_ps
            self._count_act(here, at_ps)
            if kind is _AAP:
                act_ps += self._second_ps
                if self._counted_second_ps:
                    self._count_act(here, act_ps)
            last_ps[_ACT], last_ps[_PRE] = act_ps, act_ps + self._ras_ps
            here.next_act_ps = act_ps + self._rc_ps
            self._close(here, act_ps + self._ras_ps)

    def _close(self, here: _Bank, pre_ps: int) -> None:
        free_ps = pre_ps + self._rp_ps
        if here.next_act_ps < free_ps:
            here.next_act_ps = free_ps
        if here.rank.next_ref_ps < free_ps:
            here.rank.next_ref_ps = free_ps

    def _count_act(self, here: _Bank, at_ps: int) -> None:
        if not self._faw_ps:
            return
        acts = here.rank.acts
        past_ps = here.rank.channel.front_ps - self._reach_ps
        while acts and acts[0][0] <= past_ps:
            del acts[0]
        if acts and at_ps < acts[-1][0]:
            insort(acts, (at_ps, here.number))
        else:
            acts.append((at_ps, here.number))

    def _commit_column(self, kind: Kind, here: _Bank, at_ps: int) -> None:
        in_group, in_rank, in_channel = self._column_gaps[kind]
        pre_ps = at_ps + (self._rd_pre_ps if kind is _RD else self._wr_pre_ps)
        if here.next_pre_ps < pre_ps:
            here.next_pre_ps = pre_ps
        rank = here.rank
        _hold_columns(here.group, at_ps, in_group)
        _hold_columns(rank, at_ps, in_rank)
        for other in rank.others:
            _hold_columns(other, at_ps, in_channel)

    def _reason(self, kind: Kind, here: _Bank, ready_ps: int) -> str:
        """Name of a constraint that ends at ``ready_ps``: here alone the table is searched."""
        if not ready_ps:
            return ""
        starts = [(_ACT if kind.opens else kind, ready_ps)]
        if kind is _AAP and self._counted_second_ps:
            starts.append((_ACT, ready_ps + self._second_ps))
        for start, (after, at_ps) in enumerate(starts):
            for row in self._table:
                if row.after is after and self._binds(row, here, at_ps, second=start > 0):
                    return row.name
        return "order"

    def _binds(self, row: Constraint, here: _Bank, at_ps: int, *, second: bool) -> bool:
        """Whether ``row`` ends at ``at_ps`` for this bank."""
        since_ps = at_ps - row.gap_ps
        if row.apart > 1:
            acts = here.rank.acts
            own = second and self._second_ps < row.gap_ps
            index = bisect_left(acts, (since_ps, -1))
            between = bisect_left(acts, (at_ps, -1)) - index
            return (
                index < len(acts) and acts[index][0] == since_ps and between + own >= ACTS_PER_FAW
            )
        if row.before is _REF:
            return row.scope is Scope.BANK and here.rank.last_ref_ps == since_ps
        if row.before is _ACT and row.scope is not Scope.BANK:
            return any(
                act_ps == since_ps and shared(self._banks[number].place, here.place) is row.scope
                for act_ps, number in here.rank.acts
            )
        if second:
            return False
        return any(
            bank.last_ps[row.before] == since_ps and shared(bank.place, here.place) is row.scope
            for rank in here.rank.channel.ranks
            for bank in rank.banks
        )


def _hold_columns(level: _Group | _Rank, at_ps: int, gaps_ps: tuple[int, int]) -> None:
    rd_ps, wr_ps = at_ps + gaps_ps[0], at_ps + gaps_ps[1]
    if level.next_rd_ps < rd_ps:
        level.next_rd_ps = rd_ps
    if level.next_wr_ps < wr_ps:
        level.next_wr_ps = wr_ps
