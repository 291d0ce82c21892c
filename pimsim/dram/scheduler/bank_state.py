"""State of the banks of a channel: open or closed, and when the next commands are allowed.

What a state allows depends only on times relative to the channel's last command. So
:func:`relative` writes a state with all times counted from there, and :func:`restore` puts it back
as if the last command had come at time 0.

>>> from pimsim.dram.standard.standard import load
>>> channel = channels(load("ddr3-1600-8-8-8"))[0]
>>> channel.front_ps, channel.ranks[0].banks[3].next_act_ps = 100, 145
>>> kept = relative(channel, reach_ps=0)
>>> restore(channel, kept)
>>> channel.front_ps, channel.ranks[0].banks[3].next_act_ps
(0, 45)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.constraints import BankAddress, bank_address
from pimsim.dram.standard.standard import Standard

State: TypeAlias = tuple[
    tuple[int | tuple[int, ...], ...],
    tuple[tuple[int, int, int, int, tuple[tuple[int, int], ...]], ...],
    tuple[tuple[int, int], ...],
    int,
]
"""Banks, ranks, groups and bus of a channel. Two channels in equal states can do exactly the same,
whatever the time."""

_LONG_AGO_PS = -(1 << 62)


@dataclass(slots=True, eq=False, repr=False)
class Channel:
    """What the ranks of a channel share."""

    front_ps: int = 0
    """Time of the last command: the next may issue at the same time, not before."""
    ranks: list[Rank] = field(default_factory=list)
    groups: list[BankGroup] = field(default_factory=list)
    busy: int = 0
    """Clocks around ``front_ps`` in which the command bus is taken; used only by
    :class:`~pimsim.dram.scheduler.bus.BusScheduler`."""


@dataclass(slots=True, eq=False, repr=False)
class Rank:
    """Next times that hold for all banks of a rank, and its ACTs."""

    channel: Channel
    banks: list[Bank] = field(default_factory=list)
    others: list[Rank] = field(default_factory=list)
    """The other ranks of the channel."""
    acts: list[tuple[int, int]] = field(default_factory=list)
    """Time and bank of the ACTs that tRRD and tFAW count, sorted, old ones dropped."""
    open_banks: int = 0
    next_rd_ps: int = 0
    next_wr_ps: int = 0
    next_transfer_ps: int = 0
    next_ref_ps: int = 0
    """Earliest REF: tRP after the last PRE and tRC after the last ACT, including those of an AAP
    that still lie ahead, and tRFC after the last REF."""
    refs: int = 0
    last_ref_ps: int = _LONG_AGO_PS


@dataclass(slots=True, eq=False, repr=False)
class BankGroup:
    """Next times that hold for all banks of a bank group."""

    next_rd_ps: int = 0
    next_wr_ps: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Bank:
    """State and next times of one bank."""

    number: int
    place: BankAddress
    rank: Rank
    group: BankGroup
    open: bool = False
    next_act_ps: int = 0
    next_pre_ps: int = 0
    next_column_ps: int = 0
    next_source_ps: int = 0
    """When it may be the source of a TRANSFER after it was the destination of one."""
    last_ps: dict[Kind, int] = field(default_factory=dict)
    """When each kind of command last came (TRANSFER: from here); used only to name reasons."""
    received_ps: int = _LONG_AGO_PS
    """When a TRANSFER to this bank last came; also used only to name reasons."""


def channels(standard: Standard) -> list[Channel]:
    """Return the channels of a standard, all banks closed; each rank has its banks in order."""
    built = [Channel() for _ in range(standard.channels)]
    groups: dict[tuple[int, int, int], BankGroup] = {}
    for channel in built:
        channel.ranks = [Rank(channel) for _ in range(standard.ranks)]
        for rank in channel.ranks:
            rank.others = [other for other in channel.ranks if other is not rank]
    for number in range(standard.all_banks):
        where = bank_address(standard, number)
        channel = built[where.channel]
        rank = channel.ranks[where.rank]
        if where[:3] not in groups:
            groups[where[:3]] = BankGroup()
            channel.groups.append(groups[where[:3]])
        rank.banks.append(Bank(number, where, rank, groups[where[:3]]))
    return built


def relative(channel: Channel, reach_ps: int) -> State:
    """Return the state with all times counted from the channel's last command.

    Times that have passed are written as 0. Times that have no meaning for a bank that is closed
    (or open) are left out, and so are ACTs older than ``reach_ps``.
    """
    front_ps = channel.front_ps
    since_ps = front_ps - reach_ps

    def ahead_ps(time_ps: int) -> int:
        return time_ps - front_ps if time_ps > front_ps else 0

    def of_bank(bank: Bank) -> int | tuple[int, ...]:
        act_ps, source_ps = ahead_ps(bank.next_act_ps), ahead_ps(bank.next_source_ps)
        if bank.open:
            return act_ps, source_ps, ahead_ps(bank.next_pre_ps), ahead_ps(bank.next_column_ps)
        return (act_ps, source_ps) if source_ps else act_ps

    return (
        tuple(of_bank(bank) for rank in channel.ranks for bank in rank.banks),
        tuple(
            (
                ahead_ps(rank.next_rd_ps),
                ahead_ps(rank.next_wr_ps),
                ahead_ps(rank.next_transfer_ps),
                ahead_ps(rank.next_ref_ps),
                tuple((act - front_ps, bank) for act, bank in rank.acts if act > since_ps),
            )
            for rank in channel.ranks
        ),
        tuple((ahead_ps(group.next_rd_ps), ahead_ps(group.next_wr_ps)) for group in channel.groups),
        channel.busy,
    )


def restore(channel: Channel, state: State) -> None:
    """Put a channel into a state that :func:`relative` wrote, its last command at time 0.

    What is used only to name reasons (when each kind last came) is forgotten; counts of REFs stay.
    """
    in_banks, in_ranks, in_groups, channel.busy = state
    channel.front_ps = 0
    for group, (rd_ps, wr_ps) in zip(channel.groups, in_groups, strict=True):
        group.next_rd_ps, group.next_wr_ps = rd_ps, wr_ps
    for rank, (rd_ps, wr_ps, transfer_ps, ref_ps, acts) in zip(
        channel.ranks, in_ranks, strict=True
    ):
        rank.next_rd_ps, rank.next_wr_ps = rd_ps, wr_ps
        rank.next_transfer_ps, rank.next_ref_ps = transfer_ps, ref_ps
        rank.acts = list(acts)
        rank.open_banks = 0
        rank.last_ref_ps = _LONG_AGO_PS
    every_bank = (bank for rank in channel.ranks for bank in rank.banks)
    for bank, times_ps in zip(every_bank, in_banks, strict=True):
        bank.last_ps.clear()
        bank.received_ps = _LONG_AGO_PS
        bank.open = False
        if isinstance(times_ps, int):
            bank.next_act_ps, bank.next_source_ps = times_ps, 0
            continue
        bank.next_act_ps, bank.next_source_ps, *rest = times_ps
        if rest:
            bank.open = True
            bank.next_pre_ps, bank.next_column_ps = rest
            bank.rank.open_banks += 1
