"""No random stream of commands gets past a naive check of all constraints."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.standard.timing import Timing
from pimsim.errors import DramError

from .scheduled import (
    AAP,
    ACT,
    AP,
    DDR3,
    PRE,
    RD,
    REF,
    TRANSFER,
    WR,
    Command,
    names_of,
    tick,
)

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


@settings(max_examples=50)
@given(standard=st.sampled_from(list(STANDARDS.values())), options=SWITCHES, steps=STEPS)
def test_random_streams_of_standards(
    naive: ModuleType,
    standard: Standard,
    options: ModelOptions,
    steps: list[tuple[int, int, int, int]],
) -> None:
    assert_never_early_and_never_late(naive, standard, options, steps)


@settings(max_examples=100)
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
@settings(max_examples=50)
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


@settings(max_examples=75)
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
