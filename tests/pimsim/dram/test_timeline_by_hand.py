"""Throughput, refreshes and copies as they are worked out by hand, and what timelines refuse."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import (
    RowCycle,
    Run,
    Segment,
    walk,
)
from pimsim.dram.timeline.timeline import sustained_ps
from pimsim.errors import DramError, InputError
from pimsim.microprogram.primitives import PRIMITIVES

from .timeline_streams import (
    AAP,
    ACT,
    AND,
    AP,
    DDR3,
    EIGHT,
    PRE,
    REF,
    TRANSFER,
    WR,
    often_refreshed,
    run,
    walked,
)


@pytest.mark.parametrize(
    ("name", "gb_per_s"), [("not", 669), ("and", 334), ("nand", 267), ("xor", 196)]
)
def test_throughput_without_faw(name: str, gb_per_s: int) -> None:
    """Eight banks of 8 KB rows, 8-8-8: output of one, two, ... AAPs of 49 ns, APs of 45 ns."""
    bare = ModelOptions(faw=False, refresh=False)
    assert round(throughput_gb_per_s(DDR3, bare, PRIMITIVES[name].program().cycle)) == gb_per_s


def test_throughput_with_faw() -> None:
    """AND: 64 ACTs for 8 rows, four in every 30 ns (1 KB page) or 40 ns (2 KB page)."""
    options = ModelOptions(refresh=False)
    wide = replace(DDR3, timing=replace(DDR3.timing, t_faw_ps=40_000))
    assert sustained_ps(DDR3, options, AND, EIGHT) == Fraction(480_000)
    assert round(throughput_gb_per_s(DDR3, options, AND)) == 137
    assert round(throughput_gb_per_s(wide, options, AND)) == 102


def throughput_gb_per_s(standard: Standard, options: ModelOptions, cycle: RowCycle) -> float:
    return 8 * standard.row_bytes * 1e3 / float(sustained_ps(standard, options, cycle, EIGHT))


def test_sustained_rate_with_refresh() -> None:
    """Of every tREFI, tRFC is lost, and so is the end of the AAPs that REF waits for."""
    with_refresh = sustained_ps(DDR3, ModelOptions(faw=False), AND, EIGHT)
    lost_ps = 7_800_000 - Fraction(196_000, 1) / with_refresh * 7_800_000
    assert 260_000 <= lost_ps < 260_000 + 49_000


def test_sustained_rate_counts_every_repetition_of_a_cycle() -> None:
    """Three banks, five ACTs in each window of 5/4 tFAW: the pattern takes turns."""
    wide = replace(DDR3, timing=replace(DDR3.timing, t_faw_ps=200_000))
    options = ModelOptions(refresh=False, acts_per_aap=1)
    assert sustained_ps(wide, options, ((AP, 1),), (0, 1, 2)) == Fraction(3 * 200_000, 4)


def test_refresh_waits_for_the_rank_and_is_waited_for() -> None:
    """By hand: tREFI 100 ns, tRFC 30 ns; APs of bank 0 at 0, 45, 90, of bank 1 6 ns later."""
    timing = replace(DDR3.timing, t_refi_ps=100_000, t_rfc_ps=30_000)
    standard = replace(DDR3, timing=timing)
    stream = [Segment((Run(((AP, 1),), 4),), (0, 1))]
    assert [each[:3] for each in walk(standard, ModelOptions(), stream)] == [
        (0, AP, 0),
        (6_000, AP, 1),
        (45_000, AP, 0),
        (51_000, AP, 1),
        (90_000, AP, 0),
        (96_000, AP, 1),  # before 100 ns
        (141_000, REF, 0),  # bank 1 is precharged then
        (171_000, AP, 0),
        (177_000, AP, 1),
    ]
    assert run(standard, ModelOptions(), stream) == (
        222_000,
        4 * 41_000 + 30_000,
        8 * (35_000 + 30_000),
        1,
    )


def test_refresh_waits_for_open_rows_of_the_same_command() -> None:
    """It comes due between two ACTs of one command: the row that is open first has to be closed."""
    timing = replace(DDR3.timing, t_refi_ps=100_000, t_rfc_ps=30_000)
    standard = replace(DDR3, timing=timing)
    stream = [Segment((Run(((AP, 2), (ACT, 1), (WR, 1), (PRE, 1), (AP, 1)), 1),), (0, 1, 2))]
    kinds = [kind for _, kind, _, _ in walk(standard, ModelOptions(), stream)]
    assert kinds == [AP] * 6 + [ACT] * 3 + [WR] * 3 + [PRE] * 3 + [REF] + [AP] * 3
    assert run(standard, ModelOptions(), stream) == walked(standard, ModelOptions(), stream)


def test_idle_ranks_are_refreshed_meanwhile() -> None:
    """A rank that others leave idle is refreshed when it is due, and is free when it is needed."""
    standard = replace(DDR3, ranks=2)
    long = Segment((Run(AND, 400),), (0,))  # 10 tREFI, in rank 0 alone
    short = Segment((Run(((AP, 1),), 1),), (8,))
    issued = list(walk(standard, ModelOptions(), [long, short]))
    of_rank_1 = [(at, kind) for at, kind, bank, _ in issued if bank >= 8]
    due = [k * 7_800_000 for k in range(1, 11)]
    assert of_rank_1 == [*((at, REF) for at in due), (issued[-2 - len(due)].at_ps, AP)]
    assert run(standard, ModelOptions(), [long, short]) == walked(
        standard, ModelOptions(), [long, short]
    )


@pytest.mark.parametrize(("rfc_ns", "ref_ns", "ap_ns"), [(35, 100, 135), (36, 135, 171)])
def test_idle_ranks_are_refreshed_if_there_is_time(rfc_ns: int, ref_ns: int, ap_ns: int) -> None:
    """By hand: WRs of rank 0 from 10 to 105 ns, PRE at 135 ns; the REF of rank 1 due at 100 ns."""
    standard = replace(often_refreshed(DDR3, 100, rfc_ns), ranks=2)
    row = ((ACT, 1), (WR, 20), (PRE, 1))
    stream = [Segment((Run(row, 1),), (0,)), Segment((Run(((AP, 1),), 1),), (8,))]
    assert [each[:3] for each in walk(standard, ModelOptions(), stream) if each.kind is not WR] == [
        (0, ACT, 0),
        (135_000, PRE, 0),
        (1000 * ref_ns, REF, 8),
        (1000 * ap_ns, AP, 8),
    ]
    assert run(standard, ModelOptions(), stream) == walked(standard, ModelOptions(), stream)


def test_channels_do_not_wait_for_each_other() -> None:
    standard = replace(DDR3, channels=2)
    row = Run(((AP, 1),), 1)
    stream = [Segment((row,), (0,)), Segment((row,), (8,)), Segment((row,), (1, 9))]
    times = [at for at, *_ in walk(standard, ModelOptions(), stream)]
    assert times == [0, 0, 6_000, 6_000]


@pytest.mark.parametrize(
    ("cycle", "message"),
    [
        ((), "`cycle` must open a row and close it, not ()"),
        (((ACT, 1), (WR, 3)), "`cycle` must open a row and close it"),
        (((WR, 3),), "`cycle` must not WR a bank that is closed"),
        (((ACT, 1), (AAP, 1), (PRE, 1)), "`cycle` must not AAP a bank that is open"),
        (((ACT, 2), (PRE, 1)), "`cycle` must not ACT a bank that is open"),
        (((ACT, 1), (PRE, 2)), "`cycle` must not PRE a bank that is closed"),
        (((REF, 1),), "`cycle` must hold no REF"),
        (((TRANSFER, 3),), "`cycle` must not TRANSFER a bank that is closed"),
        (((AP, 0),), "`cycle` must repeat a command a positive number of times"),
    ],
)
def test_refused_cycles(cycle: RowCycle, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Run(cycle, 1)


@pytest.mark.parametrize("times", [0, -1, 1.0, True])
def test_refused_times(times: int) -> None:
    with pytest.raises(InputError, match="`times` must be a positive integer, not"):
        Run(AND, times)


@pytest.mark.parametrize("banks", [(), (1, 2, 1)])
def test_refused_banks(banks: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="`banks` must name one bank or more, each once"):
        Segment((Run(AND, 1),), banks)


COPY = ((ACT, 1), (TRANSFER, 128), (PRE, 1))


@pytest.mark.parametrize(
    ("cycle", "banks", "to", "message"),
    [
        (COPY, (0, 1), (2,), "`to` must be one bank for each of `banks`, not (2,)"),
        (COPY, (0,), (), "`to` must be one bank for each of `banks`, not ()"),
        (AND, (0,), (1,), "`to` must be empty without a TRANSFER, not (1,)"),
        (COPY, (0, 1), (2, 1), "`to` must name banks that are not in `banks`, each once: (2, 1)"),
        (COPY, (0, 1), (2, 2), "`to` must name banks that are not in `banks`, each once: (2, 2)"),
    ],
)
def test_refused_destinations(
    cycle: RowCycle, banks: tuple[int, ...], to: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Segment((Run(cycle, 1),), banks, to)


@pytest.mark.parametrize("to", [8, 16])
def test_destinations_in_other_ranks_and_channels(to: int) -> None:
    standard = replace(DDR3, ranks=2, channels=2)
    copy = Segment((Run(COPY, 1),), (0,), (to,))
    with pytest.raises(InputError, match="`to` must be "):
        run(standard, ModelOptions(), [copy])
    with pytest.raises(InputError, match="`to` must be "):
        walked(standard, ModelOptions(), [copy])


def test_copies_between_banks_by_hand() -> None:
    """Of 4 KB on DDR3-1066 7-7-7; RowClone (MICRO 2013, Table 3) has 0.54 us, and 1.05 within one.

    ACTs at 0 and 7.5 ns (tRRD), TRANSFERs from 20.625 (tRCD) every 7.5 ns (tCCD), the last at
    493.125; its data arrive CL and a burst later, at 513.75; tWR and tRP after that: 541.875.
    The second copy, back out of the row's bank into another subarray, follows it.
    """
    t = replace(
        DDR3.timing, t_ck_ps=1_875, t_rcd_ps=13_125, t_ras_ps=37_500, t_rp_ps=13_125,
        t_rc_ps=50_625, t_rrd_s_ps=7_500, t_rrd_l_ps=7_500, t_faw_ps=37_500, cl_clocks=7,
        cwl_clocks=6,
    )  # fmt: skip
    ddr3_1066 = replace(DDR3, timing=t)
    options = ModelOptions(refresh=False)
    lines = ((ACT, 1), (TRANSFER, 64), (PRE, 1))
    there, back = Segment((Run(lines, 1),), (0,), (1,)), Segment((Run(lines, 1),), (1,), (0,))
    alone_ps = run(ddr3_1066, options, [there])[0]
    both_ps = run(ddr3_1066, options, [there, back])[0]
    assert (alone_ps, both_ps) == (541_875, 2 * 541_875)
    assert alone_ps == pytest.approx(540_000, rel=0.005)
    assert both_ps == pytest.approx(1_050_000, rel=0.035)


def test_what_was_written_may_not_be_read_too_soon_from_a_row_opened_anew() -> None:
    """With a tWTR so long that it outlasts tWR, tRP and tRCD, which no part has."""
    t = replace(
        DDR3.timing, t_wtr_s_ps=200_000, t_wtr_l_ps=200_000, t_wr_ps=1_000, t_rp_ps=1_000,
        t_rcd_ps=1_000, t_ras_ps=2_000, t_rc_ps=3_000,
    )  # fmt: skip
    standard = replace(DDR3, timing=t)
    lines = (Run(((ACT, 1), (TRANSFER, 2), (PRE, 1)), 1),)
    there, back = Segment(lines, (0,), (1,)), Segment(lines, (1,), (0,))
    stream = [there, back, there, there, back]
    options = ModelOptions(refresh=False)
    assert run(standard, options, stream) == walked(standard, options, stream)
    moved = [each.at_ps for each in walk(standard, options, stream) if each.kind is TRANSFER]
    arrived_ps = 15_000  # CL and a burst
    assert moved[2] - moved[1] == arrived_ps + 200_000
    assert moved[6] - moved[5] < 200_000 < moved[8] - moved[7]


def test_copies_of_several_pairs_share_the_internal_bus() -> None:
    """It is never idle between the first TRANSFER and the last of four pairs."""
    pairs = Segment((Run(COPY, 1),), (0, 1, 2, 3), (4, 5, 6, 7))
    moved = [
        each for each in walk(DDR3, ModelOptions(refresh=False), [pairs]) if each.kind is TRANSFER
    ]
    assert [(each.bank, each.to) for each in moved[:5]] == [(0, 4), (1, 5), (2, 6), (3, 7), (0, 4)]
    assert {two.at_ps - one.at_ps for one, two in pairwise(moved)} == {5_000}
    assert len(moved) == 4 * 128


def test_banks_beyond_the_standard() -> None:
    beyond = Segment((Run(AND, 1),), (0, 8))
    for call in (
        lambda: run(DDR3, ModelOptions(), [beyond]),
        lambda: walked(DDR3, ModelOptions(), [beyond]),
    ):
        with pytest.raises(InputError, match="`bank` must be 0 to 7 for ddr3-1600-8-8-8, not 8"):
            call()


def test_what_was_found_for_a_command_holds_only_until_the_next() -> None:
    """A place is found for the ACT, then REF takes the rank."""
    scheduler = Scheduler(DDR3, ModelOptions(refresh=False))
    scheduler.issue(AP, 0, 0)
    assert scheduler.earliest_ps(AP, 1, 45_000) == 45_000
    scheduler.issue(REF, 0, 45_000)
    with pytest.raises(DramError, match=re.escape("must wait until 305000 ps (tRFC)")):
        scheduler.issue(AP, 1, 45_000)
