"""Time and energy of DRAM commands.

:func:`primitive_cost` is for one operation. :func:`price` schedules any stream of commands, and
returns the time and energy that it takes as a :class:`Cost`. Where commands have been counted and
scheduled already, :func:`charge` computes their energy.

Only this module computes the energy of DRAM commands, and only :mod:`pimsim.dram.timeline.timeline`
computes their time.

>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.timeline.command_stream import Run
>>> ddr3 = load("ddr3-1600-8-8-8")
>>> bare = ModelOptions(faw=False, refresh=False)
>>> row_and = Segment((Run(((Kind.AAP, 4),), 1000),), tuple(range(8)))  # 1000 ANDs in eight banks
>>> price([row_and], ddr3, bare).latency_ps
196000000
>>> price([row_and], ddr3, ModelOptions(refresh=False)).latency_ps  # 64,000 ACTs, four every 30 ns
480029000
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache

from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.energy import NO_ENERGY, CommandEnergies, modes, stated_pj
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.timeline.command_stream import Run, Segment, issue_order
from pimsim.dram.timeline.timeline import Timeline, sustained_ps
from pimsim.errors import InputError
from pimsim.microprogram.primitives import Primitive, program_of
from pimsim.microprogram.program import Program

_COMMANDS, _AT_LEAST = 400_000, 100
"""Commands of a bank, and repetitions, over which a rate with refresh is averaged."""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Time that passed on a timeline."""

    latency_ps: int = 0
    held_ps: int = 0
    """Time in which ranks are charged for standby, summed over ranks: for each rank with commands,
    from the beginning to its last command."""
    open_ps: int = 0
    """The part of that time in which a bank is open or refreshing."""
    bank_open_ps: int = 0
    """Time with a bank open, summed over banks; in a REFRESH all banks of a rank count."""
    refreshes: int = 0
    """REFRESH commands issued, of all ranks."""

    @staticmethod
    def on(timeline: Timeline) -> Elapsed:
        """Return the time that has passed on ``timeline`` since it began."""
        return Elapsed(*timeline.passed)

    def __add__(self, other: Elapsed) -> Elapsed:
        return Elapsed(
            self.latency_ps + other.latency_ps,
            self.held_ps + other.held_ps,
            self.open_ps + other.open_ps,
            self.bank_open_ps + other.bank_open_ps,
            self.refreshes + other.refreshes,
        )

    def __sub__(self, other: Elapsed) -> Elapsed:
        return Elapsed(
            self.latency_ps - other.latency_ps,
            self.held_ps - other.held_ps,
            self.open_ps - other.open_ps,
            self.bank_open_ps - other.bank_open_ps,
            self.refreshes - other.refreshes,
        )

    def __mul__(self, times: int) -> Elapsed:
        return Elapsed(
            self.latency_ps * times,
            self.held_ps * times,
            self.open_ps * times,
            self.bank_open_ps * times,
            self.refreshes * times,
        )

    def with_idle_ranks(self, standard: Standard, options: ModelOptions) -> Elapsed:
        """Return the same, with every rank charged to the end if ``options.idle_ranks`` says so.

        With refresh, ranks without commands get a REF every tREFI, for which no other rank waits.

        >>> from pimsim.dram.standard.standard import load
        >>> hbm2, computed = load("hbm2"), Elapsed(7_800_000, 7_800_000, 7_000_000, 7_000_000, 2)
        >>> whole = computed.with_idle_ranks(hbm2, ModelOptions(idle_ranks=True))
        >>> whole.held_ps, whole.refreshes  # of eight channels, one has commands
        (62400000, 16)
        """
        if not options.idle_ranks:
            return self
        held_ps = standard.channels * standard.ranks * self.latency_ps
        timing, more = effective_timing(standard, options), 0
        if options.refresh:
            more = (held_ps - self.held_ps) // timing.t_refi_ps
        refreshing_ps = more * timing.t_rfc_ps
        return replace(
            self,
            held_ps=held_ps,
            open_ps=self.open_ps + refreshing_ps,
            bank_open_ps=self.bank_open_ps + refreshing_ps * standard.banks,
            refreshes=self.refreshes + more,
        )

    def with_refresh(self, standard: Standard) -> Elapsed:
        """Return an estimate with refresh, for commands that were scheduled without it.

        Ranks lose tRFC of each tREFI, and the other ranks of their channel wait. The result is
        within one or two percent of a schedule with REFs, which takes several times as long to
        compute.

        >>> from pimsim.dram.standard.standard import load
        >>> computed = Elapsed(7_540_000, 7_540_000, 7_000_000, 7_000_000)
        >>> refreshed = computed.with_refresh(load("ddr3-1600-8-8-8"))
        >>> refreshed.latency_ps, refreshed.open_ps, refreshed.bank_open_ps, refreshed.refreshes
        (7800000, 7260000, 9080000, 1)
        """
        if not self.latency_ps:
            return self
        timing, ranks = standard.timing, -(-self.held_ps // self.latency_ps)
        left_ps = timing.t_refi_ps - min(ranks, standard.ranks) * timing.t_rfc_ps
        latency_ps, held_ps = (
            ps * timing.t_refi_ps // left_ps for ps in (self.latency_ps, self.held_ps)
        )
        refreshes = held_ps // timing.t_refi_ps
        open_ps = min(held_ps, self.open_ps + refreshes * timing.t_rfc_ps)
        bank_open_ps = self.bank_open_ps + refreshes * timing.t_rfc_ps * standard.banks
        return Elapsed(
            latency_ps, held_ps, open_ps, min(bank_open_ps, open_ps * standard.banks), refreshes
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """Time and energy of a stream of commands. Costs of streams that follow one another add up."""

    latency_ps: int
    """Time, refresh included if it is on."""
    energy_pj: Mapping[str, float]
    """Energy by purpose, such as ``refresh``. The entries depend on the energy mode and the
    standard."""
    refreshes: int
    """REFRESH commands within that time."""

    @property
    def total_pj(self) -> float:
        """Energy of all parts together, in pJ; nan where energies are not stated."""
        return math.fsum(self.energy_pj.values()) if self.energy_pj else math.nan

    def __add__(self, other: Cost) -> Cost:
        if self.energy_pj.keys() != other.energy_pj.keys():
            raise InputError(
                "costs must be of one standard and energy mode to be added, "
                f"not {self!r} and {other!r}"
            )
        return Cost(
            self.latency_ps + other.latency_ps,
            {part: pj + other.energy_pj[part] for part, pj in self.energy_pj.items()},
            self.refreshes + other.refreshes,
        )


@dataclass(frozen=True, slots=True)
class PrimitiveCost:
    """What one row-wide operation costs."""

    latency_ps: int
    """Time of one operation in one bank, from its first ACTIVATE to the end of its last
    PRECHARGE."""
    energy_pj_per_kb: float
    """Energy of its row commands for each KB (1024 bytes) of its result."""
    throughput_gb_per_s: float
    """Results of all banks together, in 1e9 bytes a second, if the operation is repeated."""


def price(segments: Iterable[Segment], standard: Standard, options: ModelOptions) -> Cost:
    """Return time and energy of a stream of commands; the memory is idle before it.

    Raises :class:`~pimsim.errors.InputError` for a bank that the standard does not have.
    """
    timeline = Timeline(standard, options)
    counts = dict.fromkeys(Kind, 0)
    for segment in segments:
        timeline.run(segment)
        for run in segment.runs:
            for kind, times in run.cycle:
                counts[kind] += len(segment.slots(kind)) * run.times * times
    total = CommandCounts(**{kind.name.lower(): times for kind, times in counts.items()})
    return charge(total, Elapsed.on(timeline), standard, options)


@lru_cache(maxsize=4096)
def unrefreshed_ps(segment: Segment, standard: Standard, options: ModelOptions) -> int:
    """Return the time of a segment without refresh.

    Refresh stretches all segments alike. Results are cached, because code that divides work among
    banks needs the same ones again and again.

    >>> from pimsim.dram.standard.standard import load
    >>> row_and = Segment((Run(((Kind.AAP, 4),), 1000),), tuple(range(8)))
    >>> unrefreshed_ps(row_and, load("ddr3-1600-8-8-8"), ModelOptions())
    480029000
    """
    return price([segment], standard, replace(options, refresh=False)).latency_ps


def charge(
    counts: CommandCounts, elapsed: Elapsed, standard: Standard, options: ModelOptions
) -> Cost:
    """Return the cost of commands that have been counted and scheduled.

    Standby is charged to each rank that gets commands, until its last one: active standby while a
    bank is open or refreshing, else precharge standby. Where the standard or ``options`` say so,
    every further open bank adds to active standby. Ranks without commands are not charged, unless
    ``options.idle_ranks`` asks for it: then every rank of the standard is, with its REFs, until the
    last command of all.

    Args:
        counts: commands of all banks, without REFs; these are in ``elapsed``.
        elapsed: the time in which they were scheduled.
        standard: the DRAM.
        options: the energy mode, among others.

    Raises :class:`~pimsim.errors.InputError` for more banks than the standard has, or REFs among
    ``counts``.
    """
    energies, elapsed = options.energies(standard), elapsed.with_idle_ranks(standard, options)
    if counts.ref:
        raise InputError(f"`counts` must hold no REF commands, not {counts.ref}")
    idle_ps = elapsed.held_ps - elapsed.open_ps
    every_part = {
        "activate_precharge": _row_commands_pj(counts, energies),
        "read_write": counts.rd * energies.rd_pj
        + counts.wr * energies.wr_pj
        + counts.transfer * energies.transfer_pj,
        "io": counts.rd * energies.rd_io_pj + counts.wr * energies.wr_io_pj,
        "refresh": elapsed.refreshes * energies.ref_pj,
        "background": (
            elapsed.open_ps * energies.active_mw
            + elapsed.bank_open_ps * energies.open_bank_mw
            + idle_ps * energies.standby_mw
        )
        * 1e-3,
    }
    parts = {part: every_part[part] for part in energies.parts}
    return Cost(elapsed.latency_ps, parts, elapsed.refreshes)


def primitive_cost(
    program: Program | Primitive | str,
    standard: Standard | str,
    options: ModelOptions | None = None,
) -> PrimitiveCost:
    """Return what one row-wide operation takes: time, energy and throughput.

    Args:
        program: a program; or a primitive, or the name of one, whose program at its usual width is
            taken.
        standard: the DRAM, or the name of a bundled one.
        options: by default those of a run on that DRAM.

    Raises :class:`~pimsim.errors.InputError` for anything else, and for options that the DRAM
    cannot have.

    >>> from pimsim.dram.standard.standard import load
    >>> from pimsim.microprogram.logic import AND
    >>> bare = ModelOptions(faw=False, refresh=False)
    >>> cost = primitive_cost(AND, load("ddr3-1600-8-8-8"), bare)
    >>> cost.latency_ps, round(cost.throughput_gb_per_s)
    (196000, 334)
    >>> primitive_cost("and", "ddr3-1600-8-8-8", bare) == cost
    True
    """
    program = program_of(program)
    if isinstance(standard, str):
        standard = load(standard)
    if options is None:
        options = ModelOptions.of(standard)
    energies = options.energies(standard)
    counts = CommandCounts(
        aap=program.aap, ap=program.ap, extra_wordlines=program.extra_wordlines()
    )
    banks = issue_order(standard, range(options.banks))
    if options.refresh:  # the state repeats only after very many commands
        times = max(_AT_LEAST, _COMMANDS // len(program))
        timeline = Timeline(standard, options)
        timeline.run(Segment((Run(program.cycle, times),), banks))
        round_ps = Fraction(timeline.now_ps, times)
    else:
        round_ps = sustained_ps(standard, options, program.cycle, banks)
    alone = Timeline(standard, options)
    alone.run(Segment((Run(program.cycle, 1),), (0,)))
    return PrimitiveCost(
        latency_ps=alone.now_ps,
        energy_pj_per_kb=_row_commands_pj(counts, energies) * 1024 / standard.row_bytes,
        throughput_gb_per_s=float(len(banks) * standard.row_bytes * 1000 / round_ps),
    )


def assumptions(standard: Standard, options: ModelOptions) -> dict[str, object]:
    """Return the assumptions that a result rests on, by name, as reports print them.

    >>> from pimsim.dram.standard.standard import load
    >>> stated = assumptions(load("ddr3-1600-8-8-8"), ModelOptions())
    >>> stated["bin"], stated["faw"], stated["energy"], stated["aap_ns"]
    ('8-8-8', True, 'ambit-paper', 49.0)
    """
    energies = options.energies(standard)
    timing = effective_timing(standard, options)
    row_ps = timing.t_ras_ps + timing.t_rp_ps
    bursts_per_kb = 1024 / standard.burst_bytes
    rows_per_kb = 1024 / standard.row_bytes
    ranks = "the ranks that get commands, until their last"
    if options.idle_ranks:
        ranks = "all ranks of the part until the last command, those refreshed that hold nothing"
    model = [
        "every command is scheduled; banks compute in lock-step, a command in every bank and then "
        "the next; the command bus is not modelled"
    ]
    if options.energy == "ambit-paper":
        model.append("energy: row commands and channel transfers only, as in Ambit's energy table")
    elif options.energy == NO_ENERGY:
        model.append("energy: not stated")
    else:
        model.append(
            "energy: from IDD currents; an AAP is acts_per_aap full activations and a precharge; "
            "reads and writes are bursts with their interface, ACT and PRE counted apart; "
            f"background of {ranks}: active standby while a "
            "bank is open or refreshing, else precharge standby; open_bank_share of what open "
            "banks add to standby comes with the first, the rest with each"
        )
    stated = asdict(options)
    del stated["split_decoder"]  # in words of its own
    if options.energy == "datasheet":
        stated |= _convention(standard, options)
    if options.energy == NO_ENERGY:
        why = "as asked" if modes(standard) else f"{standard.name} has no currents"
        stated["energy_not_stated"] = f"{why}; times are as ever"
    return {
        "standard": standard.name,
        "bin": standard.bin,
        "banks": options.banks,
        "row_bytes": standard.row_bytes,
        "faw": options.faw,
        "t_faw_ns": timing.t_faw_ps / 1e3,
        "acts_per_aap": options.acts_per_aap,
        "refresh": options.refresh,
        "decoder": "split" if options.split_decoder else "shared",
        "clocked": options.clocked,
        "aap_ns": (row_ps + second_act_ps(standard, options)) / 1e3,
        "ap_ns": row_ps / 1e3,
        "energy": options.energy,
        "energy_not_modelled": ", ".join(energies.not_modelled) or "nothing",
        **stated,
        "aap_nj_per_kb": stated_pj(energies.aap_pj * rows_per_kb / 1e3),
        "ap_nj_per_kb": stated_pj(energies.ap_pj * rows_per_kb / 1e3),
        "read_nj_per_kb": stated_pj((energies.rd_pj + energies.rd_io_pj) * bursts_per_kb / 1e3),
        "write_nj_per_kb": stated_pj((energies.wr_pj + energies.wr_io_pj) * bursts_per_kb / 1e3),
        "transfer_nj_per_kb": stated_pj(energies.transfer_pj * bursts_per_kb / 1e3),
        "model": "; ".join(model),
    }


def at_share(options: ModelOptions, share: float) -> ModelOptions:
    """Return the options with another share of the first open bank."""
    return replace(options, open_bank_share=share)


def _convention(standard: Standard, options: ModelOptions) -> dict[str, object]:
    """The assumption about open banks: the share, its origin, and the range of other shares."""
    chosen = options.open_bank_share
    cited = standard.sources.get("currents.open_bank_share", "DRAMPower 6, where none is stated")
    band = [
        f"{at_share(options, share).energies(standard).aap_pj / standard.row_bytes * 1.024:.3g} "
        f"at {share:.3g}"
        for share in standard.open_bank_shares
    ]
    return {
        "currents_are_from": standard.sources.get("currents.idd0_ma", "not stated"),
        "open_bank_share": standard.open_bank_share if chosen is None else chosen,
        "open_bank_share_is": "chosen" if chosen is not None else f"of the part ({cited})",
        "open_bank_share_band": f"an AAP takes {' and '.join(band)} nJ/KB",
    }


def _row_commands_pj(counts: CommandCounts, energies: CommandEnergies) -> float:
    return (
        counts.aap * energies.aap_pj
        + counts.ap * energies.ap_pj
        + counts.act * energies.act_pj
        + counts.pre * energies.pre_pj
        + counts.extra_wordlines * energies.extra_wordline_pj
    )
