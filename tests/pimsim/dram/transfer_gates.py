"""Gates of TRANSFERs between banks of a rank."""

from __future__ import annotations

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing

from .gates import Gate, Scenarios, burst_clocks, grouped, opened, shorter_ccd
from .scheduled import (
    ACT,
    PRE,
    RD,
    TRANSFER,
    WR,
    Command,
    kept,
)

SCENARIOS = Scenarios()
scenario = SCENARIOS.add


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
