"""Every timing constraint as a gate: commands before which another may not come too early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing

from .scheduled import (
    AAP,
    ACT,
    AP,
    PRE,
    RD,
    REF,
    TRANSFER,
    WR,
    Command,
    kept,
    second_act,
)


@dataclass(frozen=True)
class Gate:
    """A command that one constraint keeps from starting before ``at``."""

    earlier: list[Command]
    kind: Kind
    bank: int
    at: int
    to: int | None = None


Build = Callable[[Standard, ModelOptions], Gate]


@dataclass(frozen=True)
class Scenario:
    """The shortest stream in which a constraint binds, and what lets it bind alone."""

    reason: str
    build: Build
    shape: Callable[[Standard], dict[str, Any]]
    """Fields of the standard without which there is no such constraint."""
    stretch: Callable[[Timing, int], dict[str, int]]
    """Constraints, from those of the part and the clocks of a burst, with which it binds alone."""
    aap: bool
    """Whether it is about the two ACTs of an AAP."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    reason: str,
    *,
    shape: Callable[[Standard], dict[str, Any]] = lambda _: {},
    stretch: Callable[[Timing, int], dict[str, int]] = lambda _t, _b: {},
    aap: bool = False,
) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        SCENARIOS[build.__name__] = Scenario(reason, build, shape, stretch, aap)
        return build

    return register


def grouped(standard: Standard) -> dict[str, Any]:
    return {"bank_groups": standard.bank_groups if standard.bank_groups > 1 else 2}


def two_ranks(standard: Standard) -> dict[str, Any]:
    return {"ranks": 2}


def longer_rc(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_rc_ps": t.t_ras_ps + t.t_rp_ps + 3 * t.t_ck_ps}


def longer_rp(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_rp_ps": t.t_rc_ps}


def longer_ccd(_t: Timing, burst: int) -> dict[str, int]:
    return {
        "t_ccd_s_clocks": burst + 2, "t_ccd_l_clocks": burst + 3, "t_ccd_l_wr_clocks": burst + 3
    }  # fmt: skip


def shorter_ccd(_t: Timing, _burst: int) -> dict[str, int]:
    return {"t_ccd_s_clocks": 1, "t_ccd_l_clocks": 1, "t_ccd_l_wr_clocks": 1}


def longer_faw(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_faw_ps": 4 * t.t_rrd_l_ps + 5 * t.t_ck_ps}


# ------------------------------------------------------------------------------------- one bank


@scenario("tRCD")
def act_to_read(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, ACT, 0)], RD, 0, kept(standard, options).t_rcd_ps)


@scenario("tRCD")
def act_to_write(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, ACT, 0)], WR, 0, kept(standard, options).t_rcd_ps)


@scenario("tRAS")
def act_to_pre(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, ACT, 0)], PRE, 0, kept(standard, options).t_ras_ps)


@scenario("tRP")
def pre_to_act(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(0, ACT, 0), (t.t_rc_ps, PRE, 0)], ACT, 0, t.t_rc_ps + t.t_rp_ps)


@scenario("tRP", stretch=longer_rp)
def ap_to_act(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(0, AP, 0)], ACT, 0, t.t_ras_ps + t.t_rp_ps)


@scenario("tRP", stretch=longer_rp, aap=True)
def aap_to_act(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    second = second_act(standard, options)
    return Gate([(0, AAP, 0)], ACT, 0, second + t.t_ras_ps + t.t_rp_ps)


@scenario("tRC", stretch=longer_rc)
def act_to_act_of_a_bank(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(0, ACT, 0), (t.t_ras_ps, PRE, 0)], ACT, 0, t.t_rc_ps)


@scenario("tRC", stretch=longer_rc)
def ap_to_ap_of_a_bank(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, AP, 0)], AP, 0, kept(standard, options).t_rc_ps)


@scenario("tRTP")
def read_to_pre(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(0, ACT, 0), (t.t_ras_ps, RD, 0)], PRE, 0, t.t_ras_ps + t.t_rtp_ps)


@scenario("tWR")
def write_to_pre(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    latency = (t.cwl_clocks + burst_clocks(standard)) * t.t_ck_ps
    return Gate([(0, ACT, 0), (t.t_ras_ps, WR, 0)], PRE, 0, t.t_ras_ps + latency + t.t_wr_ps)


# --------------------------------------------------------------------------- activations of a rank


@scenario("tRRD_S")
def act_to_act_of_banks(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, ACT, 0)], ACT, 1, kept(standard, options).t_rrd_s_ps)


@scenario("tRRD_L", shape=grouped)
def act_to_act_of_a_group(standard: Standard, options: ModelOptions) -> Gate:
    same = standard.bank_groups
    return Gate([(0, ACT, 0)], ACT, same, kept(standard, options).t_rrd_l_ps)


@scenario("tFAW", stretch=longer_faw)
def five_acts(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(t.t_rrd_l_ps * i, ACT, i) for i in range(4)], ACT, 4, t.t_faw_ps)


def last_counted(standard: Standard, options: ModelOptions) -> int:
    """When the last ACT that counts of an AAP at 0 comes."""
    return second_act(standard, options) if options.acts_per_aap == 2 else 0


def close_acts(t: Timing, _burst: int) -> dict[str, int]:
    """The second ACT of an AAP, 4 ns or tRAS after the first, leaves no room between the two."""
    t_rrd_ps = t.t_ras_ps
    return {
        "t_rrd_s_ps": t_rrd_ps,
        "t_rrd_l_ps": t_rrd_ps + t.t_ck_ps,
        "t_faw_ps": t_rrd_ps + t.t_ck_ps,
    }


def wide_faw(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_faw_ps": 4 * (t.t_ras_ps + t.t_rrd_l_ps)}


@scenario("tRRD_S", stretch=close_acts, aap=True)
def aap_to_act_of_banks(standard: Standard, options: ModelOptions) -> Gate:
    after = last_counted(standard, options)
    return Gate([(0, AAP, 0)], ACT, 1, after + kept(standard, options).t_rrd_s_ps)


@scenario("tRRD_L", shape=grouped, stretch=close_acts, aap=True)
def aap_to_act_of_a_group(standard: Standard, options: ModelOptions) -> Gate:
    after = last_counted(standard, options)
    same = standard.bank_groups
    return Gate([(0, AAP, 0)], ACT, same, after + kept(standard, options).t_rrd_l_ps)


@scenario("tFAW", stretch=wide_faw, aap=True)
def acts_of_two_aaps(standard: Standard, options: ModelOptions) -> Gate:
    """Four ACTs: of two AAPs where both of an AAP count, of four where one does."""
    t = kept(standard, options)
    pitch = last_counted(standard, options) + t.t_rrd_l_ps
    count = 2 if options.acts_per_aap == 2 else 4
    return Gate([(pitch * i, AAP, i) for i in range(count)], ACT, 4, t.t_faw_ps)


@scenario("tFAW", stretch=wide_faw, aap=True)
def second_act_as_the_fifth(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    acts: list[Command] = [(t.t_rrd_l_ps * i, ACT, i) for i in range(3)]
    if options.acts_per_aap == 1:
        acts.append((t.t_rrd_l_ps * 3, ACT, 3))
    return Gate(acts, AAP, 4, t.t_faw_ps - last_counted(standard, options))


# ------------------------------------------------------------------------------------ refresh


@scenario("tRFC")
def refresh_to_act(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, REF, 0)], ACT, 1, kept(standard, options).t_rfc_ps)


@scenario("tRFC")
def refresh_to_refresh(standard: Standard, options: ModelOptions) -> Gate:
    return Gate([(0, REF, 0)], REF, 0, kept(standard, options).t_rfc_ps)


@scenario("tRP")
def pre_to_refresh(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(0, ACT, 1), (t.t_rc_ps, PRE, 1)], REF, 0, t.t_rc_ps + t.t_rp_ps)


@scenario("tRC", stretch=longer_rc)
def act_to_refresh(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    return Gate([(0, ACT, 1), (t.t_ras_ps, PRE, 1)], REF, 0, t.t_rc_ps)


# --------------------------------------------------------------------------- columns and the bus


def opened(standard: Standard, options: ModelOptions, *banks: int) -> tuple[list[Command], int]:
    """Banks opened, far enough apart, and a time when nothing keeps columns of them back."""
    t = kept(standard, options)
    acts = [(t.t_rrd_l_ps * i, ACT, bank) for i, bank in enumerate(banks)]
    return acts, t.t_rc_ps + t.t_rrd_l_ps * len(banks)


def column_gate(
    standard: Standard, options: ModelOptions, first: Kind, second: Kind, bank: int, gap_ps: int
) -> Gate:
    acts, at = opened(standard, options, *{0, bank})
    return Gate([*acts, (at, first, 0)], second, bank, at + gap_ps)


def burst_clocks(standard: Standard) -> int:
    """Clocks that a burst is on the bus."""
    return standard.burst_length // standard.timing.transfers_per_clock


def data_gap(standard: Standard, first: Kind, second: Kind, clocks: int) -> int:
    """Time between column commands whose data are that many clocks apart on the bus."""
    t = standard.timing
    latency = {RD: t.cl_clocks, WR: t.cwl_clocks}
    burst = burst_clocks(standard)
    return (latency[first] + burst + clocks - latency[second]) * t.t_ck_ps


@scenario("tCCD_S", stretch=longer_ccd)
def read_to_read(standard: Standard, options: ModelOptions) -> Gate:
    t = standard.timing
    return column_gate(standard, options, RD, RD, 1, t.t_ccd_s_clocks * t.t_ck_ps)


@scenario("tCCD_S", stretch=longer_ccd)
def write_to_write(standard: Standard, options: ModelOptions) -> Gate:
    t = standard.timing
    return column_gate(standard, options, WR, WR, 1, t.t_ccd_s_clocks * t.t_ck_ps)


@scenario("tCCD_L", shape=grouped, stretch=longer_ccd)
def read_to_read_of_a_group(standard: Standard, options: ModelOptions) -> Gate:
    t = standard.timing
    gap = t.t_ccd_l_clocks * t.t_ck_ps
    return column_gate(standard, options, RD, RD, standard.bank_groups, gap)


@scenario("tCCD_L", shape=grouped, stretch=longer_ccd)
def write_to_write_of_a_bank(standard: Standard, options: ModelOptions) -> Gate:
    t = standard.timing
    return column_gate(standard, options, WR, WR, 0, near_write_clocks(standard) * t.t_ck_ps)


def near_write_clocks(standard: Standard) -> int:
    """Clocks between two WRITEs of a bank group."""
    t = standard.timing
    return t.t_ccd_l_clocks if t.t_ccd_l_wr_clocks is None else t.t_ccd_l_wr_clocks


def longer_writes(t: Timing, burst: int) -> dict[str, int]:
    """Two WRITEs of a bank group keep a limit of their own, as in DDR5."""
    return longer_ccd(t, burst) | {"t_ccd_l_wr_clocks": burst + 7}


@scenario("tCCD_L_WR", shape=grouped, stretch=longer_writes)
def write_to_write_of_a_group(standard: Standard, options: ModelOptions) -> Gate:
    gap = near_write_clocks(standard) * standard.timing.t_ck_ps
    return column_gate(standard, options, WR, WR, standard.bank_groups, gap)


@scenario("data bus", stretch=shorter_ccd)
def data_after_data(standard: Standard, options: ModelOptions) -> Gate:
    return column_gate(standard, options, RD, RD, 1, data_gap(standard, RD, RD, 0))


@scenario("data bus", stretch=shorter_ccd)
def written_data_after_data(standard: Standard, options: ModelOptions) -> Gate:
    return column_gate(standard, options, WR, WR, 0, data_gap(standard, WR, WR, 0))


@scenario("read to write")
def read_to_write(standard: Standard, options: ModelOptions) -> Gate:
    stated, gap = standard.timing.t_rtw_clocks, data_gap(standard, RD, WR, 2)
    if stated is not None:
        gap = stated * standard.timing.t_ck_ps
    return column_gate(standard, options, RD, WR, 1, gap)


@scenario("tWTR_S")
def write_to_read(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    gap = (t.cwl_clocks + burst_clocks(standard)) * t.t_ck_ps + t.t_wtr_s_ps
    return column_gate(standard, options, WR, RD, 1, gap)


@scenario("tWTR_L", shape=grouped)
def write_to_read_of_a_group(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    gap = (t.cwl_clocks + burst_clocks(standard)) * t.t_ck_ps + t.t_wtr_l_ps
    return column_gate(standard, options, WR, RD, standard.bank_groups, gap)


def longer_rtrs(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_rtrs_clocks": t.t_rtrs_clocks + t.cl_clocks}


def rank_gate(first: Kind, second: Kind) -> None:
    def build(standard: Standard, options: ModelOptions) -> Gate:
        gap = data_gap(standard, first, second, standard.timing.t_rtrs_clocks)
        return column_gate(standard, options, first, second, standard.banks, gap)

    build.__name__ = f"{first.name}_to_{second.name}_of_another_rank"
    scenario("tRTRS", shape=two_ranks, stretch=longer_rtrs)(build)


for first_kind in (RD, WR):
    for second_kind in (RD, WR):
        rank_gate(first_kind, second_kind)


# ------------------------------------------------------------------------- TRANSFERs of a rank


def transfer_gate(standard: Standard, options: ModelOptions, earlier: Kind, gap_ps: int) -> Gate:
    """A TRANSFER from bank 0 to 1 after a column command of bank 2."""
    acts, at = opened(standard, options, 0, 1, 2, 3)
    to = 3 if earlier is TRANSFER else None
    return Gate([*acts, (at, earlier, 2, to)], TRANSFER, 0, at + gap_ps, 1)


def near_ccd(standard: Standard) -> int:
    t = standard.timing
    clocks = t.t_ccd_l_clocks if standard.bank_groups > 1 else t.t_ccd_s_clocks
    return clocks * t.t_ck_ps


def near_wtr(standard: Standard, options: ModelOptions) -> int:
    t = kept(standard, options)
    return t.t_wtr_l_ps if standard.bank_groups > 1 else t.t_wtr_s_ps


def arrival(standard: Standard) -> int:
    """When what a TRANSFER moves has arrived."""
    return (standard.timing.cl_clocks + burst_clocks(standard)) * standard.timing.t_ck_ps


@scenario("tRCD")
def act_of_source_to_transfer(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    acts: list[Command] = [(0, ACT, 1), (t.t_rrd_l_ps, ACT, 0)]
    return Gate(acts, TRANSFER, 0, t.t_rrd_l_ps + t.t_rcd_ps, 1)


@scenario("tRCD")
def act_of_destination_to_transfer(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    acts: list[Command] = [(0, ACT, 0), (t.t_rrd_l_ps, ACT, 1)]
    return Gate(acts, TRANSFER, 0, t.t_rrd_l_ps + t.t_rcd_ps, 1)


@scenario("tRTP")
def transfer_to_pre_of_source(standard: Standard, options: ModelOptions) -> Gate:
    acts, at = opened(standard, options, 0, 1)
    return Gate([*acts, (at, TRANSFER, 0, 1)], PRE, 0, at + kept(standard, options).t_rtp_ps)


@scenario("tWR")
def transfer_to_pre_of_destination(standard: Standard, options: ModelOptions) -> Gate:
    acts, at = opened(standard, options, 0, 1)
    ready = at + arrival(standard) + kept(standard, options).t_wr_ps
    return Gate([*acts, (at, TRANSFER, 0, 1)], PRE, 1, ready)


def near_gate(name: str, first: Kind, second: Kind) -> None:
    """tCCD or the internal bus between two column commands, one of them a TRANSFER at least."""

    def build(standard: Standard, options: ModelOptions) -> Gate:
        if name == "tCCD":
            gap = near_ccd(standard)
        else:
            t = standard.timing
            after = t.cwl_clocks if second is WR else t.cl_clocks
            gap = arrival(standard) - after * t.t_ck_ps
        if second is TRANSFER:
            return transfer_gate(standard, options, first, gap)
        acts, at = opened(standard, options, 0, 1, 2)
        return Gate([*acts, (at, first, 0, 1)], second, 2, at + gap)

    def widest_ccd(t: Timing, burst: int) -> dict[str, int]:
        far = t.cl_clocks + t.cwl_clocks + burst + 40
        return {
            "t_ccd_s_clocks": far,
            "t_ccd_l_clocks": far,
            "t_ccd_l_wr_clocks": far,
            "t_wtr_s_ps": 1,
            "t_wtr_l_ps": 1,
        }

    def no_wtr(t: Timing, burst: int) -> dict[str, int]:
        return shorter_ccd(t, burst) | {"t_wtr_s_ps": 1, "t_wtr_l_ps": 1}

    build.__name__ = f"{first.name}_to_{second.name}_by_{name}"
    stretch = widest_ccd if name == "tCCD" else no_wtr
    for grouping in (False, True) if name == "tCCD" else (False,):
        reason = f"tCCD_{'L' if grouping else 'S'}" if name == "tCCD" else name
        shape = grouped if grouping else lambda _: {"bank_groups": 1}
        build.__name__ = f"{first.name}_to_{second.name}_by_{reason}"
        scenario(reason, shape=shape, stretch=stretch)(build)


for name, first_kind, second_kind in (
    *(("tCCD", one, TRANSFER) for one in (RD, WR, TRANSFER)),
    *(("tCCD", TRANSFER, two) for two in (RD, WR)),
    *(
        ("internal bus", one, two)
        for one, two in ((RD, TRANSFER), (TRANSFER, TRANSFER), (TRANSFER, WR))
    ),
):
    near_gate(name, first_kind, second_kind)


@scenario("tWTR_S", shape=lambda _: {"bank_groups": 1})
def write_to_transfer(standard: Standard, options: ModelOptions) -> Gate:
    gap = (standard.timing.cwl_clocks + burst_clocks(standard)) * standard.timing.t_ck_ps
    return transfer_gate(standard, options, WR, gap + near_wtr(standard, options))


@scenario("tWTR_L", shape=grouped)
def transfer_to_read(standard: Standard, options: ModelOptions) -> Gate:
    acts, at = opened(standard, options, 0, 1, 2)
    ready = at + arrival(standard) + near_wtr(standard, options)
    return Gate([*acts, (at, TRANSFER, 0, 1)], RD, 2, ready)


@scenario("tWTR_L", shape=grouped)
def transfer_on_from_its_destination(standard: Standard, options: ModelOptions) -> Gate:
    acts, at = opened(standard, options, 0, 1, 2)
    ready = at + arrival(standard) + near_wtr(standard, options)
    return Gate([*acts, (at, TRANSFER, 0, 1)], TRANSFER, 1, ready, 2)
