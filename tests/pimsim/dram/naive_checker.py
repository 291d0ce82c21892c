"""A deliberately naive check of a command stream, independent of the scheduler.

Every command is written out as the ACTs, PREs, RDs, WRs and REFs that it consists of, and every
pair of those is held to every constraint, each straight from its definition. Nothing is kept from
one pair to the next; nothing is shared with the scheduler but the data: standard, options, kinds.

Definitions: JESD79-3F and JESD79-4, as datasheets of DDR3, DDR3L and DDR4 parts repeat them
(Samsung M393B5273CH0, Alliance AS4C512M16D3L, Winbond W632GU6NB, Micron MT40A1G4):

* tRC is "ACT to ACT or REF", of one bank; REF needs every bank of its rank precharged for tRP.
* tWR and tWTR start at the first clock edge after the last data of a WRITE; tRTP starts at a READ.
* READ to WRITE of one rank is RL + tCCD + 2 tCK - WL (DDR3), RL + BL/2 - WL + 2 tCK (DDR4, preamble
  of one clock): the data of a WRITE follow those of a READ by two clocks. HBM3 and GDDR6 state it.
* At most four ACTs of a rank start in any window [t, t + tFAW).
* At most eight REFs may be postponed: the one due at k tREFI has to come by (k + 8) tREFI; no row
  may be opened later than that while it is missing.

What no standard knows, from Seshadri et al., "Ambit", MICRO 2017: AAP is ACT, ACT, PRE and AP is
ACT, PRE, each command as soon after the one before as tRAS (or the split decoder's 4 ns) allows;
the ACTs of one AAP need not keep tRRD and tRC from each other.

Nor does one know TRANSFER, from Seshadri et al., "RowClone", MICRO 2013, section 3.2: a READ of its
source whose data, on the chip's internal bus as long after it as those of a READ on the pins, are
what a WRITE puts into its destination (assumed). So the bus carries one burst at a time and one
column command starts each tCCD; tRTP holds at the source, tWR at the destination from the end of
its data, tWTR between what writes and what reads after it. One TRANSFER after another reads and
writes at the same time in banks of their own, and waits for tWTR only to read what was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing

Command = tuple[int, Kind, int] | tuple[int, Kind, int, int | None]
"""When it starts in ps, what it is, its bank, and of a TRANSFER the bank that it goes to."""

READ_TO_WRITE_GAP_CLOCKS = 2
SPLIT_DECODER_PS = 4_000
POSTPONED_REFRESHES = 8


class Violation(NamedTuple):
    """A constraint that does not hold between two commands, by their places in the list."""

    name: str
    first: int
    second: int


class Part(NamedTuple):
    """An ACT, PRE, RD, WR or REF: alone, or as a part of the command at ``index``."""

    at: int
    index: int
    what: Kind
    bank: int
    counts: bool = True
    """For an ACT: whether it counts in tFAW and tRRD."""
    to: int | None = None
    """For a TRANSFER: its destination."""


def up(ps: int, standard: Standard, options: ModelOptions) -> int:
    """A time as the chip keeps it: to the next clock edge if commands start on edges."""
    clock = standard.timing.t_ck_ps
    return -(-ps // clock) * clock if options.clocked else ps


def parts(standard: Standard, options: ModelOptions, index: int, command: Command) -> list[Part]:
    """What one command consists of."""
    at, kind, bank, *to = command
    t_ras = up(standard.timing.t_ras_ps, standard, options)
    if kind is Kind.AP:
        return [Part(at, index, Kind.ACT, bank), Part(at + t_ras, index, Kind.PRE, bank)]
    if kind is Kind.AAP:
        sent_ps = standard.command_bus.act_clocks * standard.timing.t_ck_ps
        overlap_ps = up(max(SPLIT_DECODER_PS, sent_ps), standard, options)
        second = overlap_ps if options.split_decoder else t_ras
        return [
            Part(at, index, Kind.ACT, bank),
            Part(at + second, index, Kind.ACT, bank, counts=options.acts_per_aap == 2),
            Part(at + second + t_ras, index, Kind.PRE, bank),
        ]
    return [Part(at, index, kind, bank, to=to[0] if to else None)]


def channel_of(standard: Standard, bank: int) -> int:
    return bank // (standard.banks * standard.ranks)


def rank_of(standard: Standard, bank: int) -> int:
    """Rank, counted over all channels."""
    return bank // standard.banks


def group_of(standard: Standard, bank: int) -> tuple[int, int]:
    """Bank group, with its rank: neighbouring banks are in different groups."""
    return rank_of(standard, bank), bank % standard.banks % standard.bank_groups


def data_of(standard: Standard, part: Part) -> tuple[int, int]:
    """When the data of a RD or WR start and end on the bus, of a TRANSFER on the internal one."""
    timing = standard.timing
    latency = timing.cwl_clocks if part.what is Kind.WR else timing.cl_clocks
    start = part.at + latency * timing.t_ck_ps
    return start, start + standard.burst_length // timing.transfers_per_clock * timing.t_ck_ps


def between(standard: Standard, options: ModelOptions, a: Part, b: Part) -> Iterable[str]:
    """Constraints that ``b`` does not keep from the earlier ``a``."""
    t = standard.timing
    gap = b.at - a.at
    kinds = a.what, b.what
    same_bank = a.bank == b.bank
    same_rank = rank_of(standard, a.bank) == rank_of(standard, b.bank)
    same_group = same_rank and group_of(standard, a.bank) == group_of(standard, b.bank)
    length = "L" if same_group and standard.bank_groups > 1 else "S"

    if kinds == (Kind.ACT, Kind.ACT) and a.index != b.index:
        if same_bank and gap < t.t_rc_ps:
            yield "tRC"
        t_rrd = t.t_rrd_l_ps if length == "L" else t.t_rrd_s_ps
        counted = options.faw and a.counts and b.counts
        if same_rank and not same_bank and counted and gap < t_rrd:
            yield f"tRRD_{length}"
    if kinds == (Kind.ACT, Kind.PRE) and same_bank and gap < t.t_ras_ps:
        yield "tRAS"
    if a.what is Kind.ACT and b.what in (Kind.RD, Kind.WR) and same_bank and gap < t.t_rcd_ps:
        yield "tRCD"
    if kinds == (Kind.ACT, Kind.REF) and same_rank and gap < t.t_rc_ps:
        yield "tRC"
    if kinds == (Kind.PRE, Kind.ACT) and same_bank and gap < t.t_rp_ps:
        yield "tRP"
    if kinds == (Kind.PRE, Kind.REF) and same_rank and gap < t.t_rp_ps:
        yield "tRP"
    if a.what is Kind.REF and same_rank and gap < t.t_rfc_ps:
        yield "tRFC"
    if kinds == (Kind.RD, Kind.PRE) and same_bank and gap < t.t_rtp_ps:
        yield "tRTP"
    if kinds == (Kind.WR, Kind.PRE) and same_bank:
        _, end = data_of(standard, a)
        if b.at < end + t.t_wr_ps:
            yield "tWR"
    if kinds in ((Kind.RD, Kind.RD), (Kind.WR, Kind.WR)) and same_rank:
        if length == "L" and a.what is Kind.WR and t.t_ccd_l_wr_clocks is not None:
            clocks, name = t.t_ccd_l_wr_clocks, written_near(t)
        else:
            clocks, name = (t.t_ccd_l_clocks if length == "L" else t.t_ccd_s_clocks), f"_{length}"
        if gap < clocks * t.t_ck_ps:
            yield f"tCCD{name}"
    if kinds == (Kind.WR, Kind.RD) and same_rank:
        _, end = data_of(standard, a)
        if b.at < end + (t.t_wtr_l_ps if length == "L" else t.t_wtr_s_ps):
            yield f"tWTR_{length}"
    if Kind.TRANSFER in kinds:
        yield from of_transfers(standard, a, b)
    columns = Kind.RD, Kind.WR
    both = a.what in columns and b.what in columns
    if both and channel_of(standard, a.bank) == channel_of(standard, b.bank):
        _, end = data_of(standard, a)
        start, _ = data_of(standard, b)
        if start < end:  # data go over the bus in the order of their commands
            yield "data bus"
        elif not same_rank and start < end + t.t_rtrs_clocks * t.t_ck_ps:
            yield "tRTRS"
        elif same_rank and kinds == (Kind.RD, Kind.WR):
            idle_clocks = READ_TO_WRITE_GAP_CLOCKS if t.t_rtw_clocks is None else 0
            whole_clocks = t.t_rtw_clocks or 0
            if start < end + idle_clocks * t.t_ck_ps or gap < whole_clocks * t.t_ck_ps:
                yield "read to write"


def written_near(t: Timing) -> str:
    """What two WRITEs of a bank group keep: a limit of their own if it is longer."""
    assert t.t_ccd_l_wr_clocks is not None
    return "_L_WR" if t.t_ccd_l_wr_clocks > t.t_ccd_l_clocks else "_L"


def of_transfers(standard: Standard, a: Part, b: Part) -> Iterable[str]:
    """Constraints with a TRANSFER in them that ``b`` does not keep from the earlier ``a``."""
    t = standard.timing
    gap = b.at - a.at
    length = "L" if standard.bank_groups > 1 else "S"
    if a.what is Kind.ACT and b.what is Kind.TRANSFER and a.bank in (b.bank, b.to):
        if gap < t.t_rcd_ps:
            yield "tRCD"
        return
    if a.what is Kind.TRANSFER and b.what is Kind.PRE:
        if b.bank == a.bank and gap < t.t_rtp_ps:
            yield "tRTP"
        if b.bank == a.to and b.at < data_of(standard, a)[1] + t.t_wr_ps:
            yield "tWR"
        return
    columns = Kind.RD, Kind.WR, Kind.TRANSFER
    same_rank = rank_of(standard, a.bank) == rank_of(standard, b.bank)
    both = a.what in columns and b.what in columns
    if not both or not same_rank or Kind.TRANSFER not in (a.what, b.what):
        return
    clocks, name = (t.t_ccd_l_clocks if length == "L" else t.t_ccd_s_clocks), f"_{length}"
    write = Kind.RD not in (a.what, b.what)
    if write and length == "L" and t.t_ccd_l_wr_clocks is not None:
        clocks, name = t.t_ccd_l_wr_clocks, written_near(t)
    if gap < clocks * t.t_ck_ps:
        yield f"tCCD{name}"
    _, end = data_of(standard, a)
    if a.what is not Kind.WR and data_of(standard, b)[0] < end:
        yield "internal bus"
    written = a.to if a.what is Kind.TRANSFER else a.bank
    reads_it = b.what is Kind.RD or b.bank == written or a.what is Kind.WR
    t_wtr = t.t_wtr_l_ps if length == "L" else t.t_wtr_s_ps
    if a.what is not Kind.RD and b.what is not Kind.WR and reads_it and b.at < end + t_wtr:
        yield f"tWTR_{length}"


def violations(
    standard: Standard,
    options: ModelOptions,
    commands: Sequence[Command],
    *,
    only_last: bool = False,
) -> list[Violation]:
    """Every constraint that a stream does not keep; ``commands`` are in the order of issue.

    With ``only_last``, only those that the last command has a part in, for a stream whose other
    commands have been checked.
    """
    every: list[Part] = []
    for index, command in enumerate(commands):
        every += parts(standard, options, index, command)
    every.sort(key=lambda part: (part.at, part.index))

    found: list[Violation] = []
    first = len(commands) - 1 if only_last else 0
    new = [(place, part) for place, part in enumerate(every) if part.index >= first]
    for place, b in enumerate(every):
        for a in every[:place] if b.index >= first else [one for at, one in new if at < place]:
            names = between(standard, options, a, b)
            found += [Violation(name, a.index, b.index) for name in names]
    if options.clocked:
        clock = standard.timing.t_ck_ps
        found += [Violation("tCK", p.index, p.index) for p in every if p.at % clock]
    if options.faw:
        found += four_activate_windows(standard, every)
    for index in range(first, len(commands)):
        found += order(standard, commands[: index + 1])
        found += state(standard, commands[: index + 1])
        if options.refresh:
            found += overdue(standard, options, commands[: index + 1])
    return found


def four_activate_windows(standard: Standard, every: Sequence[Part]) -> list[Violation]:
    """Windows of tFAW, each begun by an ACT, in which more than four start."""
    found = []
    activates = [part for part in every if part.what is Kind.ACT and part.counts]
    for first in activates:
        window = [
            part
            for part in activates
            if first.at <= part.at < first.at + standard.timing.t_faw_ps
            and rank_of(standard, part.bank) == rank_of(standard, first.bank)
        ]
        if len(window) > 4:
            found.append(Violation("tFAW", first.index, max(part.index for part in window)))
    return found


def order(standard: Standard, commands: Sequence[Command]) -> list[Violation]:
    """Whether the last command starts before one that was issued earlier on its channel.

    A REF need only come after those of its own rank.
    """
    *earlier, (at, kind, bank, *_) = commands
    level = rank_of if kind is Kind.REF else channel_of
    return [
        Violation("order", index, len(earlier))
        for index, (before, _, other, *_) in enumerate(earlier)
        if level(standard, bank) == level(standard, other) and at < before
    ]


def state(standard: Standard, commands: Sequence[Command]) -> list[Violation]:
    """Whether the last command's bank, or for REF a bank of its rank, is in no state for it."""
    *earlier, (_, kind, bank, *to) = commands
    banks: Sequence[int] = [bank, *(each for each in to if each is not None)]
    if kind is Kind.REF:
        first = rank_of(standard, bank) * standard.banks
        banks = range(first, first + standard.banks)
    found = []
    for each in banks:
        last = [k for _, k, b, *_ in earlier if b == each and k in (Kind.ACT, Kind.PRE)]
        is_open = bool(last) and last[-1] is Kind.ACT
        if is_open != (kind in (Kind.RD, Kind.WR, Kind.PRE, Kind.TRANSFER)):
            found.append(Violation("state", len(earlier), len(earlier)))
    return found


def overdue(
    standard: Standard, options: ModelOptions, commands: Sequence[Command]
) -> list[Violation]:
    """Whether the last command opens a row when more than eight REFs of its rank are postponed."""
    *earlier, (at, kind, bank, *_) = commands
    t_refi = standard.timing.t_refi_ps
    if options.clocked:
        t_refi = t_refi // standard.timing.t_ck_ps * standard.timing.t_ck_ps
    rank = rank_of(standard, bank)
    done = [k for _, k, b, *_ in earlier if k is Kind.REF and rank_of(standard, b) == rank]
    by = (len(done) + 1 + POSTPONED_REFRESHES) * t_refi
    if kind in (Kind.ACT, Kind.AAP, Kind.AP) and at > by:
        return [Violation("tREFI", len(earlier), len(earlier))]
    return []


def distances(standard: Standard, options: ModelOptions) -> set[int]:
    """Every distance at which a constraint between two parts may end, in ps."""
    t = standard.timing
    clock, burst = t.t_ck_ps, standard.burst_length // t.transfers_per_clock
    rows = (t.t_rcd_ps, t.t_ras_ps, t.t_rp_ps, t.t_rc_ps, t.t_rrd_s_ps, t.t_rrd_l_ps, t.t_faw_ps)
    found = {0, *rows, t.t_rfc_ps, t.t_rtp_ps, t.t_ccd_s_clocks * clock, t.t_ccd_l_clocks * clock}
    if t.t_ccd_l_wr_clocks is not None:
        found.add(t.t_ccd_l_wr_clocks * clock)
    if t.t_rtw_clocks is not None:
        found.add(t.t_rtw_clocks * clock)
    written = (t.cwl_clocks + burst) * clock
    found |= {written + each for each in (t.t_wr_ps, t.t_wtr_s_ps, t.t_wtr_l_ps)}
    for before in (t.cl_clocks, t.cwl_clocks):
        for after in (t.cl_clocks, t.cwl_clocks):
            for gap in (0, READ_TO_WRITE_GAP_CLOCKS, t.t_rtrs_clocks):
                found.add((before + burst + gap - after) * clock)
    found |= {
        (t.cl_clocks + burst) * clock + each for each in (t.t_wr_ps, t.t_wtr_s_ps, t.t_wtr_l_ps)
    }
    return {up(each, standard, options) for each in found}


def earliest(
    standard: Standard,
    options: ModelOptions,
    commands: Sequence[Command],
    kind: Kind,
    bank: int,
    to: int | None = None,
) -> int | None:
    """When a command may start at the earliest after those, found by trying; None for never."""
    own = [part.at for part in parts(standard, options, 0, (0, kind, bank))]
    floor = 0
    level = rank_of if kind is Kind.REF else channel_of
    for at, _, other, *_ in commands:
        if level(standard, bank) == level(standard, other):
            floor = max(floor, at)
    candidates = {floor}
    gaps = distances(standard, options)
    for index, command in enumerate(commands):
        for part in parts(standard, options, index, command):
            candidates |= {part.at + gap - offset for gap in gaps for offset in own}
    for at in sorted(each for each in candidates if each >= floor):
        if not violations(standard, options, [*commands, (at, kind, bank, to)], only_last=True):
            return at
    return None
