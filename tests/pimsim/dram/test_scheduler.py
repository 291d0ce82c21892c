"""Every timing constraint is a tight gate, and no stream gets past a naive check of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.standard.timing import Timing
from pimsim.errors import DramError, InputError

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
Command = tuple[int, Kind, int] | tuple[int, Kind, int, int | None]
FREE = ModelOptions(refresh=False)
CLOCKED = ModelOptions(refresh=False, clocked=True)
ALL_SWITCHES = {
    f"{'clocked' if clocked else 'free'}-{'split' if split else 'plain'}-{acts}": ModelOptions(
        refresh=False, clocked=clocked, split_decoder=split, acts_per_aap=acts
    )
    for clocked in (False, True)
    for split in (True, False)
    for acts in (1, 2)
}


def tick(standard: Standard, options: ModelOptions) -> int:
    """The smallest step between times at which commands may start."""
    return standard.timing.t_ck_ps if options.clocked else 1


def kept(standard: Standard, options: ModelOptions) -> Timing:
    """The constraints as they bind: in whole clocks if commands start on clock edges."""
    return standard.timing.on_clock() if options.clocked else standard.timing


def second_act(standard: Standard, options: ModelOptions) -> int:
    """When the second ACT of an AAP at 0 comes: 4 ns later, or tRAS."""
    step = tick(standard, options)
    at = 4_000 if options.split_decoder else standard.timing.t_ras_ps
    return -(-at // step) * step


def scheduled(standard: Standard, options: ModelOptions, commands: Iterable[Command]) -> Scheduler:
    scheduler = Scheduler(standard, options)
    for at, kind, bank, *to in commands:
        scheduler.issue(kind, bank, at, *to)
    return scheduler


def names_of(
    naive: ModuleType, standard: Standard, options: ModelOptions, commands: Sequence[Command]
) -> set[str]:
    return {v.name for v in naive.violations(standard, options, commands)}


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
    latency = (t.cwl_clocks + standard.burst_length // 2) * t.t_ck_ps
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


def data_gap(standard: Standard, first: Kind, second: Kind, clocks: int) -> int:
    """Time between column commands whose data are that many clocks apart on the bus."""
    t = standard.timing
    latency = {RD: t.cl_clocks, WR: t.cwl_clocks}
    burst = standard.burst_length // 2
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
    return column_gate(standard, options, RD, WR, 1, data_gap(standard, RD, WR, 2))


@scenario("tWTR_S")
def write_to_read(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    gap = (t.cwl_clocks + standard.burst_length // 2) * t.t_ck_ps + t.t_wtr_s_ps
    return column_gate(standard, options, WR, RD, 1, gap)


@scenario("tWTR_L", shape=grouped)
def write_to_read_of_a_group(standard: Standard, options: ModelOptions) -> Gate:
    t = kept(standard, options)
    gap = (t.cwl_clocks + standard.burst_length // 2) * t.t_ck_ps + t.t_wtr_l_ps
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
    return (standard.timing.cl_clocks + standard.burst_length // 2) * standard.timing.t_ck_ps


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
    gap = (standard.timing.cwl_clocks + standard.burst_length // 2) * standard.timing.t_ck_ps
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


# ------------------------------------------------------------------------------------- the gates


def assert_gate(
    naive: ModuleType, standard: Standard, options: ModelOptions, gate: Gate, reason: str
) -> None:
    """The constraint alone keeps the command back, to the tick; an AP and an AAP like an ACT."""
    assert_gate_of_kind(naive, standard, options, gate, reason)
    if gate.kind is ACT:
        assert_gate_of_kind(naive, standard, options, replace(gate, kind=AP), reason)
        if options.acts_per_aap == 1:  # otherwise its second ACT has gates of its own
            assert_gate_of_kind(naive, standard, options, replace(gate, kind=AAP), reason)


def assert_gate_of_kind(
    naive: ModuleType, standard: Standard, options: ModelOptions, gate: Gate, reason: str
) -> None:
    early = gate.at - tick(standard, options)
    before = [*gate.earlier, (early, gate.kind, gate.bank, gate.to)]
    on_time = [*gate.earlier, (gate.at, gate.kind, gate.bank, gate.to)]
    assert names_of(naive, standard, options, before) == {reason}
    assert names_of(naive, standard, options, on_time) == set()

    scheduler = scheduled(standard, options, gate.earlier)
    found = scheduler.probe(gate.kind, gate.bank, gate.to)
    assert (found.ready_ps, found.reason) == (gate.at, reason)
    with pytest.raises(DramError, match=rf"{re.escape(reason)}\b"):
        scheduler.issue(gate.kind, gate.bank, early, gate.to)
    assert scheduler.probe(gate.kind, gate.bank, gate.to) == found
    scheduler.issue(gate.kind, gate.bank, gate.at, gate.to)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("standard_name", names())
@pytest.mark.slow
def test_gate_is_tight(naive: ModuleType, standard_name: str, name: str) -> None:
    case, standard = SCENARIOS[name], load(standard_name)
    for options in ALL_SWITCHES.values():
        if case.aap or (options.split_decoder and options.acts_per_aap == 1):
            assert_case(naive, replace(standard, **case.shape(standard)), options, case)


def assert_case(
    naive: ModuleType, standard: Standard, options: ModelOptions, case: Scenario
) -> None:
    """The gate of a scenario is tight, with the constraints of the part or with stretched ones."""
    gate = case.build(standard, options)
    early = [*gate.earlier, (gate.at - tick(standard, options), gate.kind, gate.bank, gate.to)]
    earliest = naive.earliest(standard, options, gate.earlier, gate.kind, gate.bank, gate.to)
    if earliest == gate.at and names_of(naive, standard, options, early) == {case.reason}:
        assert_gate(naive, standard, options, gate, case.reason)
        return
    # Another constraint of this part holds the command as long or longer, or the bus comes free
    # before the command can come at all, or there is room before what this one keeps clear.
    found = scheduled(standard, options, gate.earlier).probe(gate.kind, gate.bank, gate.to)
    assert found.ready_ps == earliest
    if earliest > gate.earlier[-1][0]:
        last = (earliest - tick(standard, options), gate.kind, gate.bank, gate.to)
        assert found.reason in names_of(naive, standard, options, [*gate.earlier, last])
    # With these constraints it binds alone.
    stretched = case.stretch(standard.timing, standard.burst_length // 2)
    standard = replace(standard, timing=replace(standard.timing, **stretched))
    assert_gate(naive, standard, options, case.build(standard, options), case.reason)


def test_every_constraint_has_a_gate() -> None:
    """A timing added to a standard must come with its gate."""
    reasons = {case.reason.lower().replace("_", "") for case in SCENARIOS.values()}
    elsewhere = {"t_refi_ps"}  # below
    part_of_others = {"t_ck_ps", "cl_clocks", "cwl_clocks"}
    for field in fields(Timing):
        if field.name not in elsewhere | part_of_others:
            name = field.name.removesuffix("_ps").removesuffix("_clocks").replace("_", "")
            assert name in reasons, field.name


# ---------------------------------------------------------- activations inside row commands

DDR3 = load("ddr3-1600-8-8-8")  # tRAS 35, tRP 10, tRRD 6, tFAW 30 ns; AAP's second ACT 4 ns later


@pytest.mark.parametrize(
    ("earlier", "kind", "bank", "at", "reason", "changes"),
    [
        # The second ACT, at 4 ns, counts against other banks: 4 + 6.
        ([(0, AAP, 0)], ACT, 1, 10_000, "tRRD_S", {}),
        ([(0, AAP, 0)], AAP, 1, 10_000, "tRRD_S", {}),
        # It does not where an AAP counts for one.
        ([(0, AAP, 0)], ACT, 1, 6_000, "tRRD_S", {"acts_per_aap": 1}),
        ([(0, AAP, 0)], AP, 1, 6_000, "tRRD_S", {"acts_per_aap": 1}),
        # ACTs at 0 4 10 14: a fifth and sixth 30 ns after the first and second.
        ([(0, AAP, 0), (10_000, AAP, 1)], AAP, 2, 30_000, "tFAW", {}),
        # ACTs at 0 10 20: the AAP's first is the fourth, its second is the fifth, at 30.
        ([(0, ACT, 0), (8_000, ACT, 1), (16_000, ACT, 2)], AAP, 3, 26_000, "tFAW", {}),
        ([(0, ACT, 0), (8_000, ACT, 1), (16_000, ACT, 2)], AP, 3, 22_000, "tRRD_S", {}),
        (
            [(0, ACT, 0), (8_000, ACT, 1), (16_000, ACT, 2)],
            AAP,
            3,
            22_000,
            "tRRD_S",
            {"acts_per_aap": 1},
        ),
        # Without the split decoder second ACTs are at 35 41 47 53: none fits in before 59, and
        # from 35 on they are four within 30 ns.
        (
            [(6_000 * i, AAP, i) for i in range(4)],
            AAP,
            4,
            65_000,
            "tFAW",
            {"split_decoder": False},
        ),
        (
            [(6_000 * i, AAP, i) for i in range(4)],
            AAP,
            4,
            30_000,
            "tFAW",
            {"split_decoder": False, "acts_per_aap": 1},
        ),
        # The bank itself: tRC is tRAS + tRP, so that either may be named.
        ([(0, AAP, 0)], AAP, 0, 49_000, "tRP|tRC", {"faw": False}),
        ([(0, AAP, 0)], AAP, 0, 80_000, "tRP|tRC", {"split_decoder": False}),
        ([(0, AAP, 0)], REF, 1, 49_000, "tRP|tRC", {}),
        ([(0, REF, 3)], AAP, 0, 260_000, "tRFC", {}),
        # On clock edges of 1.25 ns: the second ACT at 5, tRRD 6.25 ns.
        ([(0, AAP, 0)], AAP, 1, 11_250, "tRRD_S", {"clocked": True}),
        ([(0, AAP, 0)], AAP, 0, 50_000, "tRP|tRC", {"clocked": True}),
    ],
)
def test_activations_of_row_commands_count(
    naive: ModuleType,
    earlier: list[Command],
    kind: Kind,
    bank: int,
    at: int,
    reason: str,
    changes: dict[str, Any],
) -> None:
    """Times worked by hand."""
    options = replace(FREE, **changes)
    scheduler = scheduled(DDR3, options, earlier)
    found = scheduler.probe(kind, bank)
    early = at - tick(DDR3, options)
    assert found.ready_ps == at
    assert re.fullmatch(reason, found.reason)
    assert found.reason in names_of(naive, DDR3, options, [*earlier, (early, kind, bank)])
    with pytest.raises(DramError, match=rf"({reason})\b"):
        scheduler.issue(kind, bank, early)
    scheduler.issue(kind, bank, at)
    assert not names_of(naive, DDR3, options, [*earlier, (at, kind, bank)])


@pytest.mark.parametrize("kind", [AAP, AP])
def test_a_window_may_begin_with_the_new_act(naive: ModuleType, kind: Kind) -> None:
    """Second ACTs at 35 37 39 41: a fifth that keeps tRRD, at 25 to 33, has them within tFAW."""
    timing = replace(DDR3.timing, t_rrd_s_ps=2_000, t_rrd_l_ps=2_000, t_faw_ps=25_000)
    standard, options = replace(DDR3, timing=timing), replace(FREE, split_decoder=False)
    rows: list[Command] = [(2_000 * i, AAP, i) for i in range(4)]
    scheduler = scheduled(standard, options, rows)
    assert scheduler.probe(kind, 4) == (60_000, "tFAW")
    assert names_of(naive, standard, options, [*rows, (27_000, kind, 4)]) == {"tFAW"}
    with pytest.raises(DramError, match="tFAW"):
        scheduler.issue(kind, 4, 27_000)


def test_without_faw_activations_start_together() -> None:
    scheduler = Scheduler(DDR3, replace(FREE, faw=False))
    for bank in range(8):
        assert scheduler.probe(AAP, bank).ready_ps == 0
        scheduler.issue(AAP, bank, 0)


@pytest.mark.parametrize("clocked", [False, True], ids=["free", "clocked"])
@pytest.mark.parametrize("acts", [1, 2])
@pytest.mark.parametrize("standard_name", names())
def test_an_act_between_those_of_an_aap_keeps_from_both(
    naive: ModuleType, standard_name: str, acts: int, clocked: bool
) -> None:
    """The second ACT is decided with the AAP, tRAS ahead: tRRD before it and after it are shut."""
    standard = load(standard_name)
    options = ModelOptions(refresh=False, split_decoder=False, acts_per_aap=acts, clocked=clocked)
    t, step = kept(standard, options), tick(standard, options)
    second, t_rrd = t.t_ras_ps, t.t_rrd_s_ps
    assert second > 2 * t_rrd
    for at, shut in (
        (t_rrd - step, True),
        (t_rrd, False),
        (second - t_rrd, False),
        (second - t_rrd + step, acts == 2),
        (second, acts == 2),
        (second + t_rrd - step, acts == 2),
        (second + t_rrd, False),
    ):
        stream: list[Command] = [(0, AAP, 0), (at, ACT, 1)]
        assert names_of(naive, standard, options, stream) == ({"tRRD_S"} if shut else set())
        scheduler = scheduled(standard, options, stream[:1])
        assert scheduler.probe(ACT, 1).ready_ps == t_rrd
        if shut:
            with pytest.raises(DramError, match="tRRD_S"):
                scheduler.issue(ACT, 1, at)
        else:
            scheduler.issue(ACT, 1, at)


# --------------------------------------------------------------------------- what is independent


def test_ranks_and_channels_share_what_they_share() -> None:
    """No activation limit and no refresh reaches another rank; no data another channel."""
    two = replace(DDR3, channels=2, ranks=2)  # banks 0-7, 8-15 | 16-23, 24-31
    acts = [(0, ACT, bank) for bank in (0, 8, 16, 24)]
    scheduler = scheduled(two, FREE, acts)
    scheduler.issue(RD, 0, 10_000)
    assert scheduler.probe(RD, 16).ready_ps == 10_000
    assert scheduler.probe(WR, 24).ready_ps == 10_000
    assert scheduler.probe(RD, 8).ready_ps == 10_000 + 5_000 + 1_250  # a burst and tRTRS
    scheduler = scheduled(two, FREE, [(0, REF, 0)])
    assert scheduler.probe(ACT, 8).ready_ps == 0
    assert scheduler.probe(ACT, 7).ready_ps == 260_000


def test_commands_of_a_channel_come_in_order() -> None:
    ranks = replace(DDR3, ranks=2, channels=2)
    scheduler = scheduled(ranks, FREE, [(1_000, ACT, 0)])
    assert scheduler.probe(ACT, 8) == (1_000, "order")
    with pytest.raises(DramError, match="order"):
        scheduler.issue(ACT, 8, 999)
    assert scheduler.probe(REF, 8) == (0, "")
    assert scheduler.probe(ACT, 16) == (0, "")


# --------------------------------------------------------------------------- refresh and clock


@pytest.mark.parametrize("kind", [ACT, AP, AAP])
@pytest.mark.parametrize("clocked", [False, True], ids=["free", "clocked"])
@pytest.mark.parametrize("standard_name", names())
def test_rows_open_while_at_most_eight_refreshes_are_postponed(
    naive: ModuleType, standard_name: str, clocked: bool, kind: Kind
) -> None:
    """Until 9 tREFI after the start, and after each REF for tREFI longer."""
    standard = load(standard_name)
    options = ModelOptions(clocked=clocked)
    t_refi, step = kept(standard, options).t_refi_ps, tick(standard, options)
    earlier: list[Command] = []
    for refreshes in range(3):
        limit = (9 + refreshes) * t_refi
        late: Command = (limit + step, kind, 0)
        assert names_of(naive, standard, options, [*earlier, (limit, kind, 0)]) == set()
        assert names_of(naive, standard, options, [*earlier, late]) == {"tREFI"}
        scheduled(standard, options, [*earlier, (limit, kind, 0)])
        scheduler = scheduled(standard, options, earlier)
        with pytest.raises(DramError, match="tREFI"):
            scheduler.issue(kind, 0, limit + step)
        scheduled(standard, replace(options, refresh=False), [*earlier, late])
        earlier.append((refreshes * t_refi, REF, 0))


def test_refreshes_of_one_rank_do_not_count_for_another() -> None:
    late = 9 * DDR3.timing.t_refi_ps + 1
    scheduler = scheduled(replace(DDR3, ranks=2), ModelOptions(), [(0, REF, 0)])
    scheduler.issue(AP, 7, late)
    with pytest.raises(DramError, match="tREFI"):
        scheduler.issue(AP, 8, late)
    with pytest.raises(DramError, match="tREFI"):
        scheduler.probe(AP, 8)
    scheduler.issue(REF, 8, late)
    scheduler.issue(AP, 8, late + DDR3.timing.t_rfc_ps)


def test_a_row_that_is_open_may_be_closed_however_late() -> None:
    late = 20 * DDR3.timing.t_refi_ps
    scheduler = scheduled(DDR3, ModelOptions(), [(0, ACT, 0)])
    scheduler.issue(PRE, 0, late)
    scheduler.issue(REF, 0, late + DDR3.timing.t_rp_ps)


@pytest.mark.parametrize("standard_name", names())
def test_a_command_off_the_clock_edge_is_refused(naive: ModuleType, standard_name: str) -> None:
    standard = load(standard_name)
    clock = standard.timing.t_ck_ps
    for at in (1, clock - 1, clock + 1):
        assert "tCK" in names_of(naive, standard, CLOCKED, [(at, AP, 0)])
        with pytest.raises(DramError, match="clock"):
            Scheduler(standard, CLOCKED).issue(AP, 0, at)
        Scheduler(standard, FREE).issue(AP, 0, at)
    Scheduler(standard, CLOCKED).issue(AP, 0, clock)


# ------------------------------------------------------------------------------ illegal in state


@pytest.mark.parametrize(
    ("earlier", "kind", "bank"),
    [
        ([], RD, 0),
        ([], WR, 0),
        ([(0, ACT, 0)], ACT, 0),
        ([(0, ACT, 0)], AP, 0),
        ([(0, ACT, 0)], AAP, 0),
        ([(0, ACT, 0), (50_000, PRE, 0)], RD, 0),
        ([(0, AAP, 0)], RD, 0),
        ([(0, AP, 0)], WR, 0),
        ([(0, ACT, 5)], REF, 0),
        ([(0, ACT, 1)], (TRANSFER, 1), 0),
        ([(0, ACT, 1)], (TRANSFER, 0), 1),
    ],
)
def test_illegal_in_state_is_refused_at_any_time(
    naive: ModuleType, earlier: list[Command], kind: Kind | tuple[Kind, int], bank: int
) -> None:
    scheduler = scheduled(DDR3, FREE, earlier)
    late, to, closed = 1_000_000, None, bank
    if isinstance(kind, tuple):
        kind, to = kind
        closed = 0
    assert names_of(naive, DDR3, FREE, [*earlier, (late, kind, bank, to)]) == {"state"}
    with pytest.raises(DramError, match=rf"{kind.name}\b.*\b{closed}\b"):
        scheduler.probe(kind, bank, to)
    with pytest.raises(DramError, match=rf"{kind.name}\b.*\b{closed}\b"):
        scheduler.issue(kind, bank, late, to)


@pytest.mark.parametrize(
    ("kind", "to", "message"),
    [
        (TRANSFER, None, "`to` must be another bank of the rank of bank 0, not None"),
        (TRANSFER, 0, "`to` must be another bank of the rank of bank 0, not 0"),
        (TRANSFER, 8, "`to` must be another bank of the rank of bank 0, not 8"),
        (TRANSFER, 16, "`bank` must be 0 to 15 for ddr3-1600-8-8-8, not 16"),
        (PRE, 1, "`to` must be None for PRE, not 1"),
        (RD, 1, "`to` must be None for RD, not 1"),
    ],
)
def test_transfers_stay_within_a_rank(kind: Kind, to: int | None, message: str) -> None:
    """The internal bus is a chip's; a rank is its chips in lock-step."""
    acts = [(0, ACT, 0), (6_000, ACT, 1), (12_000, ACT, 8)]
    scheduler = scheduled(replace(DDR3, ranks=2), FREE, acts)
    for ask in (scheduler.probe, lambda *given: scheduler.issue(*given[:2], 100_000, given[2])):
        with pytest.raises(InputError, match=re.escape(message)):
            ask(kind, 0, to)


def test_transfers_have_nothing_to_do_with_other_ranks() -> None:
    """Not with their data on the channel: the pins are disconnected."""
    acts = [(0, ACT, 0), (6_000, ACT, 1), (6_000, ACT, 8)]
    scheduler = scheduled(replace(DDR3, ranks=2), FREE, [*acts, (100_000, TRANSFER, 0, 1)])
    assert scheduler.probe(RD, 8) == (100_000, "order")
    assert scheduler.probe(WR, 8) == (100_000, "order")


# ------------------------------------------------------------------------------- random streams

STANDARDS = {
    **{name: load(name) for name in names()},
    "two ranks": replace(DDR3, ranks=2),
    "two channels": replace(DDR3, ranks=2, channels=2, bank_groups=2),
}


@st.composite
def odd_standards(draw: st.DrawFn) -> Standard:
    """Small constraints that no part has, so that every order of them comes up."""

    def few(floor: int = 1, more: int = 12) -> int:
        return draw(st.integers(floor, floor + more))

    t_rcd, t_rrd, t_wtr, t_ccd, t_rfc = few(), few(), few(), few(), few()
    t_ras = few(t_rcd)
    t_rc, ranks = few(t_ras, 30), draw(st.integers(1, 2))
    # What has to fit between two refreshes, also when each is rounded to a clock of 3 ns.
    least = ranks * t_rfc + t_rc + 12
    ns = {
        "t_rcd_ps": t_rcd,
        "t_ras_ps": t_ras,
        "t_rp_ps": few(),
        "t_rc_ps": t_rc,
        "t_rrd_s_ps": t_rrd,
        "t_rrd_l_ps": few(t_rrd, 5),
        "t_faw_ps": few(t_rrd, 60),
        "t_rfc_ps": t_rfc,
        "t_refi_ps": few(least, 100),
        "t_wr_ps": few(),
        "t_rtp_ps": few(),
        "t_wtr_s_ps": t_wtr,
        "t_wtr_l_ps": few(t_wtr, 5),
    }
    timing = Timing(
        t_ck_ps=draw(st.sampled_from([1_000, 1_250, 3_000])),
        **{name: 1_000 * value for name, value in ns.items()},
        cl_clocks=few(),
        cwl_clocks=few(),
        t_ccd_s_clocks=t_ccd,
        t_ccd_l_clocks=(t_ccd_l := few(t_ccd, 5)),
        t_ccd_l_wr_clocks=draw(st.none() | st.integers(t_ccd_l, t_ccd_l + 9)),
        t_rtrs_clocks=few(1, 4),
    )
    geometry = {
        "channels": draw(st.integers(1, 2)),
        "ranks": ranks,
        "bank_groups": draw(st.sampled_from([1, 2, 4])),
        "burst_length": draw(st.sampled_from([2, 4, 8])),
    }
    return replace(DDR3, name="odd", timing=timing, **geometry)


SWITCHES = st.builds(
    ModelOptions,
    faw=st.sampled_from([True, True, True, False]),
    refresh=st.booleans(),
    split_decoder=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
    clocked=st.booleans(),
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 59),  # of the kinds that are legal in state
        st.integers(0, 7),  # of the banks
        st.sampled_from([0, 0, 0, 1, 2, 5, -1, -2, -7]),  # ticks from when it is ready
        st.sampled_from([1, 1, 500, 30_000]),  # times so many
    ),
    max_size=20,
)


def legal_kinds(is_open: dict[int, bool], standard: Standard, bank: int) -> tuple[Kind, ...]:
    first = bank // standard.banks * standard.banks
    if is_open.get(bank):
        others = any(is_open.get(b) for b in range(first, first + standard.banks) if b != bank)
        return (RD, WR, PRE, TRANSFER, TRANSFER) if others else (RD, WR, PRE)
    if any(is_open.get(b) for b in range(first, first + standard.banks)):
        return ACT, ACT, AP, AAP
    return ACT, ACT, AP, AAP, REF


def assert_never_early_and_never_late(
    naive: ModuleType,
    standard: Standard,
    options: ModelOptions,
    steps: list[tuple[int, int, int, int]],
) -> None:
    """Scheduler and naive check agree on every command, at any time."""
    scheduler = Scheduler(standard, options)
    total = standard.channels * standard.ranks * standard.banks
    groups = standard.bank_groups
    banks = [0, 1, 2, 3, groups % total, (groups + 1) % total, standard.banks % total, total - 1]
    step = tick(standard, options)
    stream: list[Command] = []
    is_open: dict[int, bool] = {}

    def wrong(at: int, kind: Kind, bank: int, to: int | None) -> set[str]:
        last = (at, kind, bank, to)
        found = naive.violations(standard, options, [*stream, last], only_last=True)
        return {violation.name for violation in found}

    for choice, place, jitter, scale in steps:
        bank = banks[place]
        kinds = legal_kinds(is_open, standard, bank)
        kind, to = kinds[choice % len(kinds)], None
        if kind is TRANSFER:
            rank = bank // standard.banks
            open_now = [
                b for b in is_open if is_open[b] and b != bank and b // standard.banks == rank
            ]
            to = open_now[choice % len(open_now)]
        try:
            gate = scheduler.probe(kind, bank, to)
        except DramError:  # too many REFs are postponed
            assert naive.earliest(standard, options, stream, kind, bank) is None
            continue
        assert not wrong(gate.ready_ps, kind, bank, to)
        names_early = wrong(gate.ready_ps - step, kind, bank, to)
        if gate.ready_ps == 0:
            assert gate.reason == ""
        elif "order" in names_early:
            assert gate.reason
        else:
            assert gate.reason in names_early
        at = max(gate.ready_ps + jitter * scale * step, 0)
        if wrong(at, kind, bank, to):
            with pytest.raises(DramError):
                scheduler.issue(kind, bank, at, to)
            assert scheduler.probe(kind, bank, to) == gate
            at = gate.ready_ps
        assert at >= gate.ready_ps
        scheduler.issue(kind, bank, at, to)
        stream.append((at, kind, bank, to))
        if kind in (ACT, PRE):
            is_open[bank] = kind is ACT
    assert not naive.violations(standard, options, stream)


@settings(max_examples=100)
@given(standard=st.sampled_from(list(STANDARDS.values())), options=SWITCHES, steps=STEPS)
def test_random_streams_of_standards(
    naive: ModuleType,
    standard: Standard,
    options: ModelOptions,
    steps: list[tuple[int, int, int, int]],
) -> None:
    assert_never_early_and_never_late(naive, standard, options, steps)


@settings(max_examples=200)
@given(standard=odd_standards(), options=SWITCHES, steps=STEPS)
def test_random_streams_of_odd_standards(
    naive: ModuleType,
    standard: Standard,
    options: ModelOptions,
    steps: list[tuple[int, int, int, int]],
) -> None:
    assert_never_early_and_never_late(naive, standard, options, steps)


@st.composite
def crowded_standards(draw: st.DrawFn) -> Standard:
    """ACTs may come so soon that many lie between the two of an AAP, and windows of all lengths."""
    odd = draw(odd_standards())
    t_rrd, t_ras = draw(st.integers(1, 3)), draw(st.integers(5, 30))
    timing = replace(
        odd.timing,
        t_rcd_ps=1_000,
        t_ras_ps=1_000 * t_ras,
        t_rc_ps=1_000 * t_ras,
        t_rrd_s_ps=1_000 * t_rrd,
        t_rrd_l_ps=1_000 * draw(st.integers(t_rrd, 4)),
        t_faw_ps=1_000 * draw(st.integers(8, 60)),
        t_refi_ps=odd.timing.t_refi_ps + 1_000 * t_ras,
    )
    return replace(odd, timing=timing, channels=1, ranks=1)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    standard=crowded_standards(),
    options=st.builds(
        ModelOptions,
        refresh=st.just(False),
        split_decoder=st.sampled_from([False, False, False, True]),
        acts_per_aap=st.sampled_from([2, 2, 2, 1]),
        clocked=st.booleans(),
    ),
    steps=st.lists(
        st.tuples(
            st.sampled_from([AAP, AAP, AAP, AAP, AP, ACT]),
            st.sampled_from([1, 1, 1, 1, 1, 0, 3]),  # banks further
            st.sampled_from([0, 0, 0, 0, 1, 3, 10]),  # ns after it is ready
        ),
        min_size=4,
        max_size=11,
    ),
)
def test_activations_find_the_first_place_among_others(
    naive: ModuleType,
    standard: Standard,
    options: ModelOptions,
    steps: list[tuple[Kind, int, int]],
) -> None:
    """The earliest time of all, between second ACTs that lie ahead too, not merely a legal one."""
    step = tick(standard, options)
    scheduler = Scheduler(standard, options)
    stream: list[Command] = []
    bank = 0
    for kind, further, wait_ns in steps:
        bank = (bank + further) % standard.banks
        if any(b == bank and k is ACT for _, k, b in stream):
            continue
        ready = scheduler.probe(kind, bank).ready_ps
        assert ready == naive.earliest(standard, options, stream, kind, bank)
        later = ready + wait_ns * 1_000 // step * step
        if later > ready and not names_of(naive, standard, options, [*stream, (later, kind, bank)]):
            ready = later
        scheduler.issue(kind, bank, ready)
        stream.append((ready, kind, bank))


@settings(max_examples=150)
@given(
    standard=odd_standards(),
    options=SWITCHES,
    steps=st.lists(
        st.tuples(st.sampled_from([RD, WR, TRANSFER]), st.integers(0, 4), st.booleans()),
        max_size=12,
    ),
)
@pytest.mark.slow
def test_columns_mind_all_columns_before_them(
    naive: ModuleType,
    standard: Standard,
    options: ModelOptions,
    steps: list[tuple[Kind, int, bool]],
) -> None:
    """Of every rank, bank group and bank, not merely the last."""
    standard = replace(standard, channels=1, ranks=2, bank_groups=2)
    options = replace(options, refresh=False)
    scheduler = Scheduler(standard, options)
    stream: list[Command] = []
    banks = [0, 1, 2, standard.banks, standard.banks + 1]
    for kind, place, before in [*((ACT, b, False) for b in range(len(banks))), *steps]:
        bank, to = banks[place], None
        if kind is TRANSFER:  # banks 0 to 2 are of one rank, the others of the other
            of_rank = banks[:3] if place < 3 else banks[3:]
            to = of_rank[(of_rank.index(bank) + (-1 if before else 1)) % len(of_rank)]
        at = scheduler.probe(kind, bank, to).ready_ps
        assert at == naive.earliest(standard, options, stream, kind, bank, to)
        scheduler.issue(kind, bank, at, to)
        stream.append((at, kind, bank, to))
