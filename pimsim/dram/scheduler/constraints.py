"""Every minimum distance between two commands, as one table.

A row names two commands, a scope and a gap. The second command must issue at least the gap after
the first, if the scope is the nearest level (bank, group, rank or channel) that their banks share.
The scheduler takes all its distances from here.

>>> from pimsim.dram.standard.standard import load
>>> for row in table(load("ddr3-1600-8-8-8"), ModelOptions()):
...     if (row.before, row.after, row.scope) == (Kind.ACT, Kind.ACT, Scope.GROUP):
...         print(row.name, row.gap_ps, row.apart)
tRRD_S 6000 1
tFAW 30000 4

Sources: names and minima as in JESD79-3F (DDR3) and JESD79-4 (DDR4); distances that are sums are as
in the list of JEDEC timing checks in Teledyne LeCroy, "Kibra DDR Protocol Analyzer User Manual",
sections V06 (write to precharge), V15 (read to write) and V18 (write to read), with no additive
latency and whole bursts. Between ranks the data bus alone counts, and changes hands in tRTRS
(assumed, as in DRAMsim3).

No standard has TRANSFER (Seshadri et al., "RowClone", MICRO 2013, section 3.2: source bank in read
mode, destination bank in write mode, the chip's pins disconnected). Its distances are assumed from
what it does:

- Its data leave the source as late as those of a READ. They are then in the destination's sense
  amplifiers, as those of a WRITE are after their last clock on the bus.
- It occupies the rank's internal bus, so no other column command may come within tCCD (the one
  within a bank group, if there are several; the one between two WRITEs, if the other one writes).
- It writes, so a READ after it waits for tWTR; and it reads, so it waits for tWTR after a WRITE.
- It does not use the pins, so other ranks are not affected.

On DDR3-1066 7-7-7, 64 TRANSFERs copy 4 KB in 542 ns; the paper has 540.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import ACTS_PER_FAW, SPLIT_DECODER_OVERLAP_PS, Timing
from pimsim.errors import InputError

READ_TO_WRITE_CLOCKS = 2
"""Clocks between the data of a READ and those of a WRITE after it in the same rank: preamble and
turnaround (JESD79-3F, READ to WRITE: RL + tCCD + 2 tCK - WL)."""


class BankAddress(NamedTuple):
    """Where a bank is."""

    channel: int
    rank: int
    """Rank of the channel."""
    group: int
    """Bank group of the rank."""
    bank: int
    """Bank of the bank group."""


def bank_address(standard: Standard, bank: int) -> BankAddress:
    """Return where the bank of that number is.

    Consecutive numbers go over the bank groups of a rank first, then over the banks within the
    groups, then over ranks, then over channels. Raises :class:`~pimsim.errors.InputError` for a
    number that the standard does not have.

    >>> from pimsim.dram.standard.standard import load
    >>> bank_address(load("ddr3-1600-8-8-8"), 5)
    BankAddress(channel=0, rank=0, group=0, bank=5)
    """
    total = standard.all_banks
    if type(bank) is not int or not 0 <= bank < total:
        raise InputError(f"`bank` must be 0 to {total - 1} for {standard.name}, not {bank!r}")
    rank, within = divmod(bank, standard.banks)
    channel, rank = divmod(rank, standard.ranks)
    return BankAddress(channel, rank, within % standard.bank_groups, within // standard.bank_groups)


class Scope(IntEnum):
    """The nearest level that the banks of two commands share."""

    BANK = 0
    """The same bank."""
    GROUP = 1
    """Different banks of a bank group; any two banks of a rank without bank groups."""
    RANK = 2
    """Different bank groups of a rank."""
    CHANNEL = 3
    """Different ranks of a channel."""


def shared(one: BankAddress, other: BankAddress) -> Scope | None:
    """Return the nearest level that two banks share; None for different channels.

    >>> shared(BankAddress(0, 1, 0, 3), BankAddress(0, 1, 2, 3))
    <Scope.RANK: 2>
    """
    if one.channel != other.channel:
        return None
    if one.rank != other.rank:
        return Scope.CHANNEL
    if one.group != other.group:
        return Scope.RANK
    return Scope.BANK if one.bank == other.bank else Scope.GROUP


class TransferEnd(Enum):
    """What a bank is to a TRANSFER."""

    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True)
class Constraint:
    """``after`` issues at least ``gap_ps`` later than ``before``."""

    name: str
    """As in the field's documents: tRCD, tFAW, ..."""
    before: Kind
    after: Kind
    scope: Scope
    gap_ps: int
    apart: int = 1
    """1 if it binds the next ``after``; 4 if it binds the fourth one from ``before`` on (tFAW)."""
    end: TransferEnd | None = None
    """Which end of a TRANSFER the bank was, if ``before`` is one; None: either. If ``after`` is a
    TRANSFER, the bank is its source."""


_WITHIN_RANK = (Scope.BANK, Scope.GROUP, Scope.RANK)


def table(standard: Standard, options: ModelOptions) -> tuple[Constraint, ...]:
    """Return all constraints between ACT, PRE, RD, WR, REF and TRANSFER under these options.

    There are rows only for scopes that the standard has: none between bank groups if it has one.

    An AAP is ACT, ACT :func:`second_act_ps` later and PRE tRAS after that; an AP is ACT and PRE
    tRAS later: they obey the same rows. The two ACTs of one AAP are exempt from tRC and tRRD
    between themselves; with ``acts_per_aap=1`` the second is not an ACT to tRRD and tFAW at all.
    With ``faw`` off there is neither tFAW nor tRRD.

    One rule is no distance between two commands and so not in the table: at most eight REFs may be
    postponed (tREFI, :class:`~pimsim.dram.scheduler.scheduler.Scheduler`). The command bus is
    assumed to carry any number of commands at a time. A command of several clocks issues at the one
    from which its distances count (:class:`~pimsim.dram.standard.command_bus.CommandBus`).
    :class:`~pimsim.dram.scheduler.bus.BusScheduler` models a bus of one command at a time.
    """
    scopes = {Scope.BANK}
    if standard.banks > standard.bank_groups:
        scopes.add(Scope.GROUP)
    if standard.bank_groups > 1:
        scopes.add(Scope.RANK)
    if standard.ranks > 1:
        scopes.add(Scope.CHANNEL)
    rows = _rows(effective_timing(standard, options), standard, options)
    return tuple(row for row in rows if row.scope in scopes)


def gap_ps(
    rows: Iterable[Constraint],
    before: Kind,
    after: Kind,
    scope: Scope = Scope.BANK,
    *,
    end: TransferEnd | None = None,
) -> int:
    """Return the widest gap of a table, tFAW left aside; 0 if there is none.

    >>> from pimsim.dram.standard.standard import load
    >>> gap_ps(table(load("ddr3-1600-8-8-8"), ModelOptions()), Kind.ACT, Kind.PRE)
    35000
    """
    wanted = (before, after, scope, 1, end)
    found = (
        row.gap_ps
        for row in rows
        if (row.before, row.after, row.scope, row.apart, row.end) == wanted
    )
    return max(found, default=0)


def effective_timing(standard: Standard, options: ModelOptions) -> Timing:
    """Return the timing that the options ask for: in whole clocks if ``clocked``."""
    return standard.timing.on_clock() if options.clocked else standard.timing


def second_act_ps(standard: Standard, options: ModelOptions) -> int:
    """Return how much later than the first the second ACT of an AAP issues.

    >>> from pimsim.dram.standard.standard import load
    >>> second_act_ps(load("ddr3-1600-8-8-8"), ModelOptions(clocked=True))
    5000
    """
    timing = effective_timing(standard, options)
    if not options.split_decoder:
        return timing.t_ras_ps
    # Nor can it come before the first has left the command bus.
    overlap_ps = max(SPLIT_DECODER_OVERLAP_PS, standard.command_bus.act_clocks * timing.t_ck_ps)
    if not options.clocked:
        return overlap_ps
    return -(-overlap_ps // timing.t_ck_ps) * timing.t_ck_ps


def _rows(timing: Timing, standard: Standard, options: ModelOptions) -> Iterator[Constraint]:
    act, pre, rd, wr, ref = Kind.ACT, Kind.PRE, Kind.RD, Kind.WR, Kind.REF
    bank = Scope.BANK
    clock = timing.t_ck_ps
    burst = timing.burst_ps(standard.burst_length)
    read, write = timing.cl_clocks * clock, timing.cwl_clocks * clock
    ccd_s, ccd_l = timing.t_ccd_s_clocks * clock, timing.t_ccd_l_clocks * clock
    ccd_l_wr = timing.write_to_write_clocks * clock
    near = "_L" if standard.bank_groups > 1 else "_S"

    def by_group(long: int, short: int) -> tuple[int, int]:
        return (long if standard.bank_groups > 1 else short), short

    yield Constraint("tRCD", act, rd, bank, timing.t_rcd_ps)
    yield Constraint("tRCD", act, wr, bank, timing.t_rcd_ps)
    yield Constraint("tRAS", act, pre, bank, timing.t_ras_ps)
    yield Constraint("tRTP", rd, pre, bank, timing.t_rtp_ps)
    yield Constraint("tWR", wr, pre, bank, write + burst + timing.t_wr_ps)
    yield Constraint("tRP", pre, act, bank, timing.t_rp_ps)
    yield Constraint("tRC", act, act, bank, timing.t_rc_ps)
    if options.faw:
        rrd_l, rrd_s = by_group(timing.t_rrd_l_ps, timing.t_rrd_s_ps)
        yield Constraint("tRRD" + near, act, act, Scope.GROUP, rrd_l)
        yield Constraint("tRRD_S", act, act, Scope.RANK, rrd_s)
        for scope in _WITHIN_RANK:
            yield Constraint("tFAW", act, act, scope, timing.t_faw_ps, ACTS_PER_FAW)
    near_ccd, far_ccd = by_group(ccd_l, ccd_s)
    near_wr, _ = by_group(ccd_l_wr, ccd_s)
    longer = "_WR" if near_wr > near_ccd else ""
    wtr_l, wtr_s = by_group(timing.t_wtr_l_ps, timing.t_wtr_s_ps)
    for scope in _WITHIN_RANK:
        level, ccd, wtr = ("_S", far_ccd, wtr_s) if scope is Scope.RANK else (near, near_ccd, wtr_l)
        far = scope is Scope.RANK
        for column in (rd, wr):
            if column is wr and longer and not far:
                yield Constraint(f"tCCD{level}{longer}", wr, wr, scope, near_wr)
            else:
                yield Constraint("tCCD" + level, column, column, scope, ccd)
            yield Constraint("data bus", column, column, scope, burst)
        yield Constraint("tWTR" + level, wr, rd, scope, write + burst + wtr)
        turnaround = read + burst + READ_TO_WRITE_CLOCKS * clock - write
        if timing.t_rtw_clocks is not None:
            turnaround = max(timing.t_rtw_clocks * clock, read + burst - write)
        yield Constraint("read to write", rd, wr, scope, max(0, turnaround))
        yield Constraint("tRP", pre, ref, scope, timing.t_rp_ps)
        yield Constraint("tRC", act, ref, scope, timing.t_rc_ps)
        yield Constraint("tRFC", ref, act, scope, timing.t_rfc_ps)
        yield Constraint("tRFC", ref, ref, scope, timing.t_rfc_ps)
    change = burst + timing.t_rtrs_clocks * clock
    for before, first in ((rd, read), (wr, write)):
        for after, second in ((rd, read), (wr, write)):
            gap = max(0, first + change - second)
            yield Constraint("tRTRS", before, after, Scope.CHANNEL, gap)
    yield from _transfer_rows(timing, standard)


def _transfer_rows(timing: Timing, standard: Standard) -> Iterator[Constraint]:
    """What holds back a TRANSFER, and what it holds back."""
    act, pre, rd, wr, transfer = Kind.ACT, Kind.PRE, Kind.RD, Kind.WR, Kind.TRANSFER
    bank, clock = Scope.BANK, timing.t_ck_ps
    burst = timing.burst_ps(standard.burst_length)
    read, write = timing.cl_clocks * clock, timing.cwl_clocks * clock
    groups = standard.bank_groups > 1
    near = "_L" if groups else "_S"
    ccd = (timing.t_ccd_l_clocks if groups else timing.t_ccd_s_clocks) * clock
    writes = timing.write_to_write_clocks * clock if groups else ccd
    write_near = near + ("_WR" if writes > ccd else "")
    wtr = timing.t_wtr_l_ps if groups else timing.t_wtr_s_ps
    arrived = read + burst

    yield Constraint("tRCD", act, transfer, bank, timing.t_rcd_ps)
    yield Constraint("tRTP", transfer, pre, bank, timing.t_rtp_ps, end=TransferEnd.SOURCE)
    yield Constraint(
        "tWR", transfer, pre, bank, arrived + timing.t_wr_ps, end=TransferEnd.DESTINATION
    )
    name = "tWTR" + near
    yield Constraint(name, transfer, transfer, bank, arrived + wtr, end=TransferEnd.DESTINATION)
    pairs = ((rd, transfer), (wr, transfer), (transfer, transfer), (transfer, rd), (transfer, wr))
    for scope in _WITHIN_RANK:
        for before, after in pairs:
            reads = rd in (before, after)
            name = near if reads else write_near
            yield Constraint("tCCD" + name, before, after, scope, ccd if reads else writes)
        for before, after in ((rd, transfer), (transfer, transfer), (transfer, rd)):
            yield Constraint("internal bus", before, after, scope, burst)
        yield Constraint("internal bus", transfer, wr, scope, max(0, arrived - write))
        yield Constraint("tWTR" + near, transfer, rd, scope, arrived + wtr)
        yield Constraint("tWTR" + near, wr, transfer, scope, write + burst + wtr)
