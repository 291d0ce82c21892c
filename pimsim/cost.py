"""Latency and energy of executed commands.

:func:`price` turns the :class:`~pimsim.dram.activity.Activity` that the executors recorded into
a :class:`Cost`; nothing else in pimsim computes the time or energy of DRAM commands.

>>> from pimsim.dram.activity import Activity, CommandCounts
>>> from pimsim.dram.standards import load
>>> from pimsim.dram.switches import Switches
>>> ddr3 = load("ddr3-1600-8-8-8")
>>> bare = Switches(faw=False, refresh=False)
>>> row_and = Activity((CommandCounts(aap=4),) * 8)  # one AND in each of eight banks
>>> price(row_and, ddr3, bare).latency_ps
196000
>>> price(row_and, ddr3, Switches(refresh=False)).latency_ps  # 64 ACTs, four every 30 ns
480000
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pimsim.dram.activity import Activity, CommandCounts
from pimsim.dram.energy import CommandEnergies, command_energies
from pimsim.dram.standards import Standard
from pimsim.dram.switches import Switches
from pimsim.dram.timing import ACTS_PER_FAW
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Cost:
    """Time and energy of what was priced; costs of phases that follow one another add up."""

    latency_ps: int
    """Time, refresh included if it is on."""
    energy_pj: Mapping[str, float]
    """Energy by part; which parts there are depends on the energy mode."""
    refresh_interval_ps: int
    """tREFI if refresh is on, else 0."""

    @property
    def total_pj(self) -> float:
        """Energy of all parts together, in pJ."""
        return math.fsum(self.energy_pj.values())

    @property
    def refreshes(self) -> int:
        """REFRESH commands that fall into the latency."""
        return self.latency_ps // self.refresh_interval_ps if self.refresh_interval_ps else 0

    def __add__(self, other: Cost) -> Cost:
        if (
            self.energy_pj.keys() != other.energy_pj.keys()
            or self.refresh_interval_ps != other.refresh_interval_ps
        ):
            raise InputError(
                "costs must be of one standard, energy mode and refresh switch to be added, "
                f"not {self!r} and {other!r}"
            )
        return Cost(
            self.latency_ps + other.latency_ps,
            {part: pj + other.energy_pj[part] for part, pj in self.energy_pj.items()},
            self.refresh_interval_ps,
        )


@dataclass(frozen=True, slots=True)
class PrimitiveCost:
    """What one row-wide operation costs."""

    latency_ps: int
    """Of one operation in one bank, from its first ACTIVATE to the end of its last PRECHARGE."""
    energy_pj_per_kb: float
    """Row commands only, per KB (1024 bytes) of result."""
    throughput_gb_per_s: float
    """Result rows of all banks, in 1e9 bytes a second, at the sustained rate of activations."""


def price(activity: Activity, standard: Standard, switches: Switches) -> Cost:
    """Return time and energy of one phase of commands.

    ``activity`` has the counts of each bank. The banks compute at the same time, one command
    after another within a bank, and share tFAW and the channel; row commands and column accesses
    of a phase follow one another, no overlap is assumed. Refresh is charged by time (tRFC of
    every tREFI), so ``activity`` must not hold REF commands, and phases of any length add up.
    In ``datasheet`` the background power is that of a rank with a bank open, all the time: an
    upper bound.

    Raises :class:`~pimsim.errors.InputError` if there are more banks than ``switches`` or the
    standard has, or REF commands.
    """
    energies = _energies(standard, switches)
    if len(activity.banks) > switches.banks:
        raise InputError(
            f"`activity` must be of at most {switches.banks} banks, not {len(activity.banks)}"
        )
    total = activity.total()
    if total.ref:
        raise InputError(f"`activity` must hold no REF commands, not {total.ref}")

    busy_ps = _compute_ps(activity, total, standard, switches)
    busy_ps += _channel_ps(activity, total, standard, switches)
    t_refi_ps, t_rfc_ps = standard.timing.t_refi_ps, standard.timing.t_rfc_ps
    latency_ps, due = busy_ps, 0.0
    if switches.refresh:
        latency_ps = _ceil_div(busy_ps * t_refi_ps, t_refi_ps - t_rfc_ps)
        due = busy_ps / (t_refi_ps - t_rfc_ps)
    return Cost(
        latency_ps,
        _energy_pj(total, energies, latency_ps, due),
        t_refi_ps if switches.refresh else 0,
    )


def primitive_cost(
    aap: int, ap: int, extra_wordlines: int, standard: Standard, switches: Switches
) -> PrimitiveCost:
    """Return the cost of an operation of ``aap`` AAPs and ``ap`` APs on one row.

    >>> from pimsim.dram.standards import load
    >>> bare = Switches(faw=False, refresh=False)
    >>> cost = primitive_cost(4, 0, 2, load("ddr3-1600-8-8-8"), bare)  # AND
    >>> cost.latency_ps, round(cost.throughput_gb_per_s)
    (196000, 334)
    """
    if aap + ap <= 0:
        raise InputError(f"`aap` + `ap` must be positive, not {aap + ap}")
    counts = CommandCounts(aap=aap, ap=ap, extra_wordlines=extra_wordlines)
    everywhere = price(Activity((counts,) * switches.banks), standard, switches)
    energies = _energies(standard, switches)
    parts_pj = _energy_pj(counts, energies, 0, 0.0)
    return PrimitiveCost(
        latency_ps=_bank_compute_ps(counts, standard, switches),
        energy_pj_per_kb=parts_pj["activate_precharge"] * 1024 / standard.row_bytes,
        throughput_gb_per_s=switches.banks * standard.row_bytes * 1e3 / everywhere.latency_ps,
    )


def assumptions(standard: Standard, switches: Switches) -> dict[str, object]:
    """Return what a result under these choices rests on, ready for a report.

    >>> from pimsim.dram.standards import load
    >>> stated = assumptions(load("ddr3-1600-8-8-8"), Switches())
    >>> stated["bin"], stated["faw"], stated["energy"], stated["aap_ns"]
    ('8-8-8', True, 'ambit-paper', 49.0)
    """
    energies = _energies(standard, switches)
    timing = standard.timing
    bursts_per_kb = 1024 / standard.burst_bytes
    rows_per_kb = 1024 / standard.row_bytes
    model = [
        "banks compute at the same time; row commands and column accesses of a phase do not overlap"
    ]
    if switches.energy == "ambit-paper":
        model.append("energy: row commands and channel transfers only, as in Ambit's energy table")
    else:
        model.append(
            "energy: from IDD currents; an AAP is acts_per_aap full activations and a precharge; "
            "reads and writes are bursts with their interface, ACT and PRE counted apart; "
            "background as with a bank always open (an upper bound)"
        )
    return {
        "standard": standard.name,
        "bin": standard.bin,
        "banks": switches.banks,
        "row_bytes": standard.row_bytes,
        "faw": switches.faw,
        "t_faw_ns": timing.t_faw_ps / 1e3,
        "acts_per_aap": switches.acts_per_aap,
        "refresh": switches.refresh,
        "decoder": "split" if switches.split_decoder else "shared",
        "clocked": switches.clocked,
        "aap_ns": timing.aap_ps(split_decoder=switches.split_decoder) / 1e3,
        "ap_ns": timing.ap_ps / 1e3,
        "energy": switches.energy,
        "energy_not_modelled": ", ".join(energies.not_modelled) or "nothing",
        "extra_wordline_factor": switches.extra_wordline_factor,
        "aap_nj_per_kb": energies.aap_pj * rows_per_kb / 1e3,
        "ap_nj_per_kb": energies.ap_pj * rows_per_kb / 1e3,
        "read_nj_per_kb": (energies.rd_pj + energies.rd_io_pj) * bursts_per_kb / 1e3,
        "write_nj_per_kb": (energies.wr_pj + energies.wr_io_pj) * bursts_per_kb / 1e3,
        "model": "; ".join(model),
    }


def _energies(standard: Standard, switches: Switches) -> CommandEnergies:
    if switches.banks > standard.banks:
        raise InputError(
            f"`banks` must be at most {standard.banks}, the banks of {standard.name}, "
            f"not {switches.banks}"
        )
    return command_energies(
        switches.energy,
        standard,
        acts_per_aap=switches.acts_per_aap,
        extra_wordline_factor=switches.extra_wordline_factor,
    )


def _bank_compute_ps(counts: CommandCounts, standard: Standard, switches: Switches) -> int:
    timing = standard.timing
    aap_ps = timing.aap_ps(split_decoder=switches.split_decoder)
    return counts.aap * aap_ps + counts.ap * timing.ap_ps


def _compute_ps(
    activity: Activity, total: CommandCounts, standard: Standard, switches: Switches
) -> int:
    """Time of the row commands: that of the busiest bank, or as the rate of ACTs allows."""
    busiest_ps = max(
        (_bank_compute_ps(counts, standard, switches) for counts in activity.banks), default=0
    )
    acts = total.aap * switches.acts_per_aap + total.ap
    return max(busiest_ps, _act_rate_ps(acts, standard, switches))


def _channel_ps(
    activity: Activity, total: CommandCounts, standard: Standard, switches: Switches
) -> int:
    """Time of the column accesses and the rows opened for them.

    The banks share the data bus. Opening and closing a row hides behind the bursts of other
    banks, but not behind those of its own, and never takes less than tRC.
    """
    timing, column_ps = standard.timing, standard.column_ps
    busiest_ps = max(
        (
            max(
                counts.act * timing.t_rc_ps,
                counts.act * (timing.t_rcd_ps + timing.t_rp_ps)
                + (counts.rd + counts.wr) * column_ps,
            )
            for counts in activity.banks
        ),
        default=0,
    )
    bus_ps = (total.rd + total.wr) * column_ps
    return max(busiest_ps, bus_ps, _act_rate_ps(total.act, standard, switches))


def _act_rate_ps(acts: int, standard: Standard, switches: Switches) -> int:
    """Least time in which a rank may start ``acts`` activations, in the long run."""
    if not switches.faw:
        return 0
    timing = standard.timing
    return _ceil_div(acts * max(timing.t_faw_ps, ACTS_PER_FAW * timing.t_rrd_s_ps), ACTS_PER_FAW)


def _energy_pj(
    total: CommandCounts, energies: CommandEnergies, latency_ps: int, refreshes_due: float
) -> dict[str, float]:
    every_part = {
        "activate_precharge": total.aap * energies.aap_pj
        + total.ap * energies.ap_pj
        + total.act * energies.act_pj
        + total.pre * energies.pre_pj
        + total.extra_wordlines * energies.extra_wordline_pj,
        "read_write": total.rd * energies.rd_pj + total.wr * energies.wr_pj,
        "io": total.rd * energies.rd_io_pj + total.wr * energies.wr_io_pj,
        "refresh": refreshes_due * energies.ref_pj,
        "background": latency_ps * energies.active_mw * 1e-3,
    }
    return {part: every_part[part] for part in energies.parts}


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
