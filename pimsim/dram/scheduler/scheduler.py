"""When DRAM commands may issue: the timing constraints over the state of all banks.

:meth:`Scheduler.probe` says when a command may issue and what holds it back, and changes nothing.
:meth:`Scheduler.issue` issues it, and refuses a time that is too early.

>>> from pimsim.dram.standard.standard import load
>>> scheduler = Scheduler(load("ddr3-1600-8-8-8"), ModelOptions())
>>> scheduler.issue(Kind.AAP, 0, 0)
>>> scheduler.probe(Kind.AAP, 1)  # the second ACT of the AAP came at 4 ns, tRRD is 6 ns
Gate(ready_ps=10000, reason='tRRD_S')
>>> scheduler.issue(Kind.AAP, 1, 9_999)
Traceback (most recent call last):
...
pimsim.errors.DramError: AAP of bank 1 at 9999 ps must wait until 10000 ps (tRRD_S)
"""

from __future__ import annotations

from typing import NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.bank_state import Bank, Rank, State, channels, relative, restore
from pimsim.dram.scheduler.constraints import (
    Scope,
    bank_address,
    effective_timing,
    gap_ps,
    second_act_ps,
    table,
)
from pimsim.dram.scheduler.spacing import ActSpacing, ColumnSpacing, binding
from pimsim.dram.standard.standard import Standard
from pimsim.errors import DramError, InputError

POSTPONED_REFS = 8
"""REFs that may be postponed at a time (JESD79-3F, Refresh command; JESD79-4 has the same): two
REFs are then at most 9 tREFI apart."""

# Looking up members of an enum is slow, and this module must be fast.
_ACT, _PRE, _RD, _WR, _REF, _AAP, _AP, _TRANSFER = Kind
_OPENING = frozenset((_ACT, _AAP, _AP))
_COLUMNS = frozenset((_RD, _WR, _TRANSFER))


class Gate(NamedTuple):
    """The earliest time at which a command may issue, and why not before."""

    ready_ps: int
    reason: str
    """Name of the constraint that binds, as in :func:`pimsim.dram.scheduler.constraints.table`;
    "order" if the command only has to come after the last one of its channel; "" at time 0."""


class Scheduler:
    """Bank states and timing constraints of all channels of a standard.

    Times are in ps from 0. Commands of a channel must be issued in order of time; any number may
    have the same time. Only a REF may go back in time, because it affects no other rank. A REF
    names any bank of its rank. An AAP or AP is one command; for the next command, its bank counts
    as closed. A TRANSFER goes from ``bank`` to ``to``, another bank of the same rank; no other
    command has a ``to``.

    With refresh on, a rank's k-th REF is due at k * tREFI. At most eight may be postponed: an ACT,
    AAP or AP later than 9 * tREFI after the due time of the last REF issued (after 0, if none was)
    is refused with ``tREFI``. REFs may come early, without a limit.

    Each issue updates the next allowed times, so a probe is a maximum of a few numbers. An ACT is
    placed among all ACTs issued, including second ACTs of AAPs that still lie ahead.
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        self._standard, self._options = standard, options
        self._table = table(standard, options)
        timing = effective_timing(standard, options)
        self._ras_ps, self._rp_ps, self._rc_ps = timing.t_ras_ps, timing.t_rp_ps, timing.t_rc_ps
        self._clock_ps = timing.t_ck_ps if options.clocked else 1
        self._refi_ps = timing.t_refi_ps if options.refresh else 0
        self._second_ps = second_act_ps(standard, options)
        self._counted_second_ps = self._second_ps if options.acts_per_aap == 2 else 0

        self._rcd_ps = gap_ps(self._table, _ACT, _RD)
        self._rfc_ps = gap_ps(self._table, _REF, _REF)
        self._spacing = ActSpacing(
            rrd_s_ps=gap_ps(self._table, _ACT, _ACT, Scope.RANK),
            rrd_l_ps=gap_ps(self._table, _ACT, _ACT, Scope.GROUP),
            faw_ps=timing.t_faw_ps if options.faw else 0,
        )
        self._columns = ColumnSpacing(self._table)

        self._channels = channels(standard)
        self._banks = [
            bank for channel in self._channels for rank in channel.ranks for bank in rank.banks
        ]
        self._fitted: tuple[Kind, int, int] | None = None
        """The place that was last found for an ACT: the caller will most likely issue it there."""

    def probe(self, kind: Kind, bank: int, to: int | None = None) -> Gate:
        """Return when the command may issue at the earliest, and what holds it back until then.

        Raises :class:`~pimsim.errors.DramError` if it is illegal in the bank's state or if too many
        REFs are postponed, and :class:`~pimsim.errors.InputError` for a bank that is not there.
        """
        ready_ps = self.earliest_ps(kind, bank, to=to)
        self._require_refreshed(kind, bank, ready_ps)
        return Gate(ready_ps, self._reason(kind, bank, to, ready_ps))

    def issue(self, kind: Kind, bank: int, at_ps: int, to: int | None = None) -> None:
        """Issue the command; :class:`~pimsim.errors.DramError` if it is not legal at that time."""
        if type(at_ps) is not int or at_ps < 0:
            raise InputError(f"`at_ps` must be an integer of at least 0, not {at_ps!r}")
        if at_ps % self._clock_ps:
            raise DramError(
                f"{kind.name} of bank {bank} must issue at a multiple of the clock "
                f"({self._clock_ps} ps), not at {at_ps} ps"
            )
        ready_ps = self.earliest_ps(kind, bank, at_ps, to)
        if ready_ps != at_ps:
            raise DramError(
                f"{kind.name} of bank {bank} at {at_ps} ps must wait until {ready_ps} ps "
                f"({self._reason(kind, bank, to, ready_ps)})"
            )
        self._require_refreshed(kind, bank, at_ps)
        self._commit(kind, self._banks[bank], at_ps, to)

    def issue_earliest(
        self, kind: Kind, bank: int, not_before_ps: int = 0, to: int | None = None
    ) -> int:
        """Issue the command at the first legal time from ``not_before_ps`` on; return it, in ps.

        >>> from pimsim.dram.standard.standard import load
        >>> scheduler = Scheduler(load("ddr3-1600-8-8-8"), ModelOptions())
        >>> [scheduler.issue_earliest(Kind.AP, bank) for bank in range(6)]
        [0, 6000, 12000, 18000, 30000, 36000]
        """
        at_ps = self.earliest_ps(kind, bank, not_before_ps, to)
        self._require_refreshed(kind, bank, at_ps)
        self._commit(kind, self._banks[bank], at_ps, to)
        return at_ps

    def earliest_ps(
        self, kind: Kind, bank: int, not_before_ps: int = 0, to: int | None = None
    ) -> int:
        """Return the first legal time from ``not_before_ps`` on, in ps, ignoring postponed REFs.

        Raises :class:`~pimsim.errors.DramError` if the command is illegal in the bank's state.
        """
        here = self._bank(bank)
        rank = here.rank
        ready_ps = rank.channel.front_ps
        if not_before_ps > ready_ps:
            ready_ps = not_before_ps
        if kind in _COLUMNS:
            there = self._destination(kind, bank, to)
            for each in (here,) if there is None else (here, there):
                if not each.open:
                    raise DramError(
                        f"{kind.name} of bank {each.number} must find a row open, but it is closed"
                    )
            return self._columns.ready_ps(kind, here, there, ready_ps)
        if to is not None:
            raise InputError(f"`to` must be None for {kind.name}, not {to!r}")
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
        if self._fitted == (kind, bank, not_before_ps):
            return not_before_ps
        if here.next_act_ps > ready_ps:
            ready_ps = here.next_act_ps
        if rank.acts:
            second_ps = self._counted_second_ps if kind is _AAP else 0
            ready_ps = self._spacing.fit(here, ready_ps, second_ps)
            self._fitted = kind, bank, ready_ps
        return ready_ps

    def front_ps(self, bank: int) -> int:
        """Time of the last command on the bank's channel, in ps."""
        return self._bank(bank).rank.channel.front_ps

    def rank_of(self, bank: int) -> Rank:
        """State of the bank's rank, to be read only."""
        return self._bank(bank).rank

    def state(self, channel: int = 0) -> State:
        """State of a channel, its times counted from its last command."""
        return relative(self._channels[channel], self._spacing.reach_ps)

    def restore(self, state: State, channel: int = 0) -> None:
        """Put a channel into a state, its last command at time 0."""
        self._fitted = None
        restore(self._channels[channel], state)

    def _reason(self, kind: Kind, bank: int, to: int | None, ready_ps: int) -> str:
        second_ps = self._counted_second_ps if kind is _AAP else 0
        there = self._destination(kind, bank, to)
        return binding(self._table, kind, self._banks[bank], ready_ps, second_ps, there)

    def _destination(self, kind: Kind, bank: int, to: int | None) -> Bank | None:
        """Where a TRANSFER goes; None for other commands."""
        if kind is not _TRANSFER:
            if to is not None:
                raise InputError(f"`to` must be None for {kind.name}, not {to!r}")
            return None
        if to is None or to == bank or self._bank(to).rank is not self._banks[bank].rank:
            raise InputError(f"`to` must be another bank of the rank of bank {bank}, not {to!r}")
        return self._banks[to]

    def _require_refreshed(self, kind: Kind, bank: int, at_ps: int) -> None:
        """Refuse to open a row when too many REFs are postponed."""
        if not self._refi_ps or kind not in _OPENING:
            return
        if at_ps > (self._banks[bank].rank.refs + POSTPONED_REFS + 1) * self._refi_ps:
            raise DramError(
                f"{kind.name} of bank {bank} at {at_ps} ps must come after a REF: "
                f"more than {POSTPONED_REFS} are postponed (tREFI)"
            )

    def _bank(self, bank: int) -> Bank:
        if type(bank) is not int or not 0 <= bank < len(self._banks):
            bank_address(self._standard, bank)  # raises InputError
        return self._banks[bank]

    def _commit(self, kind: Kind, here: Bank, at_ps: int, to: int | None) -> None:
        self._fitted = None
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
        if kind in _COLUMNS:
            self._columns.commit(kind, here, None if to is None else self._banks[to], at_ps)
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
            if self._options.faw:
                self._spacing.add(here, at_ps)
        else:
            act_ps = at_ps
            if self._options.faw:
                self._spacing.add(here, at_ps)
            if kind is _AAP:
                act_ps += self._second_ps
                if self._options.faw and self._counted_second_ps:
                    self._spacing.add(here, act_ps)
            last_ps[_ACT], last_ps[_PRE] = act_ps, act_ps + self._ras_ps
            here.next_act_ps = act_ps + self._rc_ps
            self._close(here, act_ps + self._ras_ps)

    def _close(self, here: Bank, pre_ps: int) -> None:
        free_ps = pre_ps + self._rp_ps
        if here.next_act_ps < free_ps:
            here.next_act_ps = free_ps
        if here.rank.next_ref_ps < here.next_act_ps:
            here.rank.next_ref_ps = here.next_act_ps
