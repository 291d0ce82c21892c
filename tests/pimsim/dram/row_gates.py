"""Gates of row commands: of one bank, of activations of a rank, and of refresh."""

from __future__ import annotations

from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing

from .gates import Gate, Scenarios, burst_clocks, grouped, longer_faw, longer_rc, longer_rp
from .scheduled import (
    AAP,
    ACT,
    AP,
    PRE,
    RD,
    REF,
    WR,
    Command,
    kept,
    second_act,
)

SCENARIOS = Scenarios()
scenario = SCENARIOS.add


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
