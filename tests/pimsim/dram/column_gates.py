"""Gates of column commands and of the data bus, within a rank and beyond."""

from __future__ import annotations

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing

from .gates import (
    Gate,
    Scenarios,
    burst_clocks,
    column_gate,
    data_gap,
    grouped,
    longer_ccd,
    shorter_ccd,
    two_ranks,
)
from .scheduled import (
    RD,
    WR,
    kept,
)

SCENARIOS = Scenarios()
scenario = SCENARIOS.add


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
