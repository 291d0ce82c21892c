"""A timeline says of every stream exactly what walking it command by command says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.timeline import channel, cycles, leaps, timeline
from pimsim.dram.timeline.command_stream import (
    Part,
    Repeated,
    RowCycle,
    Run,
    Segment,
    segments_of,
    walk,
)
from pimsim.dram.timeline.timeline import Timeline, sustained_ps
from pimsim.errors import DramError, InputError
from pimsim.microprogram.primitives import PRIMITIVES

from .row_cycles import programs, transfers

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
DDR3 = load("ddr3-1600-8-8-8")
EIGHT = tuple(range(8))
AND = ((AAP, 4),)


def walked(
    standard: Standard, options: ModelOptions, segments: Iterable[Segment]
) -> tuple[int, int, int, int]:
    """Time, open time of ranks and of banks, and REFs, straight from their definitions."""
    timing = effective_timing(standard, options)
    row_ps = {AP: timing.t_ras_ps, AAP: second_act_ps(standard, options) + timing.t_ras_ps}
    now_ps = bank_open_ps = refreshes = 0
    opened: dict[int, int] = {}
    intervals: dict[int, list[tuple[int, int]]] = {}
    for at, kind, bank, _ in walk(standard, options, segments):
        of_rank = intervals.setdefault(bank // standard.banks, [])
        if kind is REF:
            refreshes += 1
            of_rank.append((at, at + timing.t_rfc_ps))
            bank_open_ps += standard.banks * timing.t_rfc_ps
        elif kind is ACT:
            opened[bank] = at
        elif kind is PRE:  # of a TRANSFER's two banks, too
            of_rank.append((opened[bank], at))
            bank_open_ps += at - opened[bank]
            ready = max(at + timing.t_rp_ps, opened.pop(bank) + timing.t_rc_ps)
            now_ps = max(now_ps, ready)
        elif kind in row_ps:
            end = at + row_ps[kind]
            of_rank.append((at, end))
            bank_open_ps += end - at
            now_ps = max(now_ps, end + timing.t_rp_ps, end - timing.t_ras_ps + timing.t_rc_ps)
    return now_ps, sum(map(union, intervals.values())), bank_open_ps, refreshes


def union(intervals: list[tuple[int, int]]) -> int:
    total = reached = 0
    for start, end in sorted(intervals):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def run(
    standard: Standard, options: ModelOptions, segments: Iterable[Segment]
) -> tuple[int, int, int, int]:
    line = Timeline(standard, options)
    for segment in segments:
        line.run(segment)
    return line.now_ps, line.open_ps, line.bank_open_ps, line.refreshes


def test_threads_do_not_disturb_one_another() -> None:
    """Each works out for itself what none has met before."""
    standard = replace(DDR3, name="of this test")
    streams = [[Segment((Run(((AAP, n), (AP, 1)), 40),), EIGHT[: n + 1])] for n in range(1, 8)]
    alone = [run(DDR3, ModelOptions(), stream) for stream in streams]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(streams)) as pool:
            together = [pool.submit(run, standard, ModelOptions(), each) for each in streams]
            assert [each.result() for each in together] == alone
    finally:
        sys.setswitchinterval(interval)


def test_what_has_become_too_much_is_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = Segment((Run(((AAP, 3), (AP, 1)), 500), Run(AND, 300)), EIGHT)
    expected = run(DDR3, ModelOptions(), [segment])
    monkeypatch.setattr(timeline, "_MET", 1)
    for _ in range(2):
        line = Timeline(DDR3, ModelOptions())
        line.run(segment)
        assert (line.now_ps, line.open_ps, line.bank_open_ps, line.refreshes) == expected
    later = Timeline(DDR3, ModelOptions())
    assert later.parts(segment.banks, ())[0][1] is not line.parts(segment.banks, ())[0][1]
    monkeypatch.undo()
    again = [Timeline(DDR3, ModelOptions()).parts(segment.banks, ())[0][1] for _ in range(2)]
    assert again[0] is again[1]


@st.composite
def standards(draw: st.DrawFn) -> Standard:
    """A standard of any geometry, refreshed so often that short streams meet it many times."""
    base = load(draw(st.sampled_from(names())))
    groups = draw(st.sampled_from([1, 2, 4]))
    ranks = draw(st.sampled_from([1, 1, 2, 3]))
    refi = draw(st.integers(300_000, 3_000_000))
    timing = replace(
        base.timing,
        t_refi_ps=refi,
        t_rfc_ps=draw(st.integers(20_000, refi // (2 * ranks))),  # ranks wait for each other's REF
        t_rc_ps=base.timing.t_rc_ps + draw(st.sampled_from([0, 0, 7_001])),
        t_faw_ps=base.timing.t_faw_ps + draw(st.sampled_from([0, 10_000, 70_003])),
    )
    return replace(
        base,
        channels=draw(st.sampled_from([1, 1, 2])),
        ranks=ranks,
        banks=groups * draw(st.sampled_from([1, 2, 4])),
        bank_groups=groups,
        timing=timing,
    )


SWITCHES = st.builds(
    ModelOptions,
    faw=st.booleans(),
    refresh=st.sampled_from([True, True, False]),
    split_decoder=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
    clocked=st.booleans(),
)
COUNTS = st.sampled_from([1, 1, 2, 3, 8, 70])
CYCLES = st.lists(programs(COUNTS, 4) | transfers(COUNTS, 3), min_size=1, max_size=2).map(
    lambda v: sum(v, ())
)
RUNS = st.builds(Run, CYCLES, st.sampled_from([1, 1, 2, 3, 5, 20, 50]))


COPIES = st.builds(
    lambda times, more: Run(((ACT, 1), (TRANSFER, times), *more, (PRE, 1)), 1 + times % 5),
    COUNTS,
    st.sampled_from([(), ((RD, 2),), ((WR, 1), (TRANSFER, 1))]),
)


def paired(standard: Standard, runs: list[Run], banks: list[int]) -> Segment:
    """Banks that follow one another in a rank, as pairs; alone with programs if there are none."""
    of_rank: dict[int, list[int]] = {}
    for bank in banks:
        of_rank.setdefault(bank // standard.banks, []).append(bank)
    pairs = [pair for own in of_rank.values() for pair in zip(own[::2], own[1::2], strict=False)]
    if not pairs:
        return Segment((Run(AND, 3),), tuple(banks))
    sources, destinations = zip(*pairs, strict=True)
    return Segment(tuple(runs), sources, destinations)


@st.composite
def streams(draw: st.DrawFn, standard: Standard) -> list[Segment]:
    """Some segments, the same ones again and again, in subsets of banks in any order."""
    numbers = st.permutations(range(standard.all_banks))
    size = st.integers(1, 8)
    segment = st.builds(
        lambda runs, banks, size: Segment(tuple(runs), tuple(banks[:size])),
        st.lists(RUNS, min_size=1, max_size=2),
        numbers,
        size,
    )
    copies = st.builds(
        lambda runs, banks, size: paired(standard, runs, banks[:size]),
        st.lists(COPIES, min_size=1, max_size=2),
        numbers,
        size,
    )
    segment = (segment | copies).filter(lambda segment: segment.commands <= 4_000)
    few = draw(st.lists(segment, min_size=1, max_size=3))
    stream: list[Segment] = []
    commands = 0
    for index in draw(st.lists(st.integers(0, len(few) - 1), min_size=1, max_size=6)):
        commands += few[index].commands
        if stream and commands > 4_000:
            break
        stream.append(few[index])
    return stream


@settings(max_examples=80)
@given(st.data())
def test_timeline_equals_walk(data: st.DataObject) -> None:
    standard, options = data.draw(standards()), data.draw(SWITCHES)
    stream = data.draw(streams(standard))
    with (  # parts so small that short row cycles are made of many
        patch.object(cycles, "_CHUNK_BEATS", data.draw(st.sampled_from([1, 3, 64]))),
        patch.object(channel, "_FEW_CHUNKS", data.draw(st.sampled_from([0, 2, 16]))),
        patch.object(channel, "LONG_CYCLE_BEATS", data.draw(st.sampled_from([4, 1 << 16]))),
        patch.object(channel, "SEEN", data.draw(st.sampled_from([1, 4096]))),
    ):
        assert run(standard, options, stream) == walked(standard, options, stream)


@st.composite
def repetitions(draw: st.DrawFn, standard: Standard) -> tuple[list[Part], int]:
    """Segments, and segments that are repeated, and how often all of that comes."""
    parts: list[Part] = []
    for some in draw(st.lists(streams(standard), min_size=1, max_size=3)):
        times = draw(st.sampled_from([1, 2, 3, 7, 40]))
        parts += [Repeated(tuple(some), times)] if draw(st.booleans()) else some
    return parts, draw(st.sampled_from([1, 2, 3, 10, 30, 200]))


def one_by_one(
    standard: Standard, options: ModelOptions, parts: list[Part], times: int
) -> list[timeline.Passed]:
    """What passes in each part, all times together, every segment on its own."""
    line, spent = Timeline(standard, options), [timeline.Passed()] * len(parts)
    for _ in range(times):
        for number, part in enumerate(parts):
            before = line.passed
            for _ in range(part.times if isinstance(part, Repeated) else 1):
                for segment in segments_of(part):
                    line.run(segment)
            spent[number] = spent[number].plus(line.passed, before)
    return spent


@settings(max_examples=80)
@given(st.data())
def test_repeating_parts_equals_going_through_them(data: st.DataObject) -> None:
    """Skipped rounds, and those that compiled code walks, take what each takes on its own."""
    standard, options = data.draw(standards()), data.draw(SWITCHES)
    parts, times = data.draw(repetitions(standard))
    commands = times * sum(part.commands for part in parts)
    with patch.object(timeline, "_MANY", sys.maxsize):
        expected = one_by_one(standard, options, parts, times)
    with (
        patch.object(timeline, "_MANY", data.draw(st.sampled_from([0, 20, sys.maxsize]))),
        patch.object(timeline, "SEEN", data.draw(st.sampled_from([1, 4, 4096]))),
        patch.object(channel, "LONG_CYCLE_BEATS", 1 << 16),
        patch.object(leaps, "_FAR_PERIODIC", data.draw(st.sampled_from([1, 256]))),
    ):
        line = Timeline(standard, options)
        assert line.repeat(parts, times) == expected
    if commands < 6_000:
        assert (line.now_ps, line.open_ps, line.bank_open_ps, line.refreshes) == walked(
            standard, options, parts * times
        )


@pytest.mark.parametrize("name", names())
def test_many_rounds_of_many_runs(name: str) -> None:
    """Row commands of several kinds and rows that are written, in all parts and at full length."""
    standard = load(name)
    banks = tuple(range(standard.banks))
    write = Segment((Run(((ACT, 1), (WR, 16), (PRE, 1)), 70),), banks)
    adders = (Run(((AAP, 5),), 13), Run(((AAP, 6), (AP, 1)), 7), Run(((AP, 1), (AAP, 2)), 30))
    parts: list[Part] = [write, Repeated((Segment(adders, banks),), 20)]
    for options in (ModelOptions(), ModelOptions(refresh=False)):
        with patch.object(timeline, "_MANY", sys.maxsize):
            expected = one_by_one(standard, options, parts, 60)
        with patch.object(timeline, "_MANY", 0):
            assert Timeline(standard, options).repeat(parts, 60) == expected


@pytest.mark.parametrize("nothing", [Repeated((), 3), Segment((), EIGHT)])
def test_nothing_takes_no_time_however_often(nothing: Part) -> None:
    line = Timeline(DDR3, ModelOptions())
    line.run(Segment((Run(AND, 3),), EIGHT))
    before = line.passed
    line.run(nothing)
    assert line.repeat([nothing, nothing], 5) == [timeline.Passed()] * 2
    assert line.repeat([], 5) == []
    assert line.passed == before


def test_more_time_than_64_bits_hold() -> None:
    """Compiled code goes on where so many repetitions have ended as anywhere else."""
    adders = Segment((Run(((AAP, 5),), 3), Run(((AAP, 6), (AP, 1)), 2)), EIGHT)
    parts: list[Part] = [Segment((Run(AND, 10**14),), EIGHT), Repeated((adders,), 200)]
    with patch.object(timeline, "_MANY", sys.maxsize):
        expected = one_by_one(DDR3, ModelOptions(), parts, 2)
    assert expected[0].now_ps > 1 << 64
    with patch.object(timeline, "_MANY", 0):
        assert Timeline(DDR3, ModelOptions()).repeat(parts, 2) == expected


def test_a_thousand_million_rounds_without_refresh() -> None:
    """The state comes round: what a round takes is what the second one takes."""
    adders = Segment((Run(((AAP, 5),), 3), Run(((AAP, 6), (AP, 1)), 2)), EIGHT)
    line, options = Timeline(DDR3, ModelOptions(refresh=False)), ModelOptions(refresh=False)
    (few,), (more,) = (Timeline(DDR3, options).repeat([adders], n) for n in (10, 11))
    (many,) = line.repeat([adders], 10**9)
    assert many.now_ps == few.now_ps + (10**9 - 10) * (more.now_ps - few.now_ps)


def often_refreshed(standard: Standard, refi_ns: int, rfc_ns: int) -> Standard:
    timing = replace(standard.timing, t_refi_ps=1000 * refi_ns, t_rfc_ps=1000 * rfc_ns)
    return replace(standard, timing=timing)


@settings(max_examples=80)
@given(st.data())
def test_cycles_about_as_long_as_the_refresh_interval(data: st.DataObject) -> None:
    """One REF in a row cycle, or two, or one on the very edge: times share a grid of 1 ns."""
    cycle = data.draw(st.sampled_from([((AAP, 5),), ((AP, 3), (AAP, 4)), ((AAP, 9),)]))
    refi_ns = 45 * sum(n for _, n in cycle) + data.draw(st.integers(-40, 120))
    standard = often_refreshed(DDR3, refi_ns, data.draw(st.integers(10, 100)))
    stream = [Segment((Run(cycle, 40),), (0, 1)[: data.draw(st.integers(1, 2))])] * 3
    options = ModelOptions(faw=data.draw(st.booleans()))
    assert run(standard, options, stream) == walked(standard, options, stream)


@settings(max_examples=80)
@given(st.data())
def test_ranks_that_take_turns(data: st.DataObject) -> None:
    """Rows stay open beyond several refresh intervals, and ranks are idle for as long."""
    standard = replace(often_refreshed(DDR3, data.draw(st.integers(210, 400)), 100), ranks=2)
    row = st.sampled_from([20, 100, 400]).map(lambda n: ((ACT, 1), (WR, n), (PRE, 1)))
    segment = st.builds(
        lambda cycle, times, bank: Segment((Run(cycle, times),), (bank,)),
        row | st.just(((AP, 1),)),
        st.integers(1, 3),
        st.sampled_from([0, 8]),
    )
    stream = data.draw(st.lists(segment, min_size=2, max_size=8))
    assert run(standard, ModelOptions(), stream) == walked(standard, ModelOptions(), stream)


@settings(max_examples=30)
@given(st.data())
def test_a_long_run_may_be_cut_anywhere(data: st.DataObject) -> None:
    """Skipping cycles leaves no repetition out: it does not matter how many there are at once."""
    standard, options, cycle = data.draw(standards()), data.draw(SWITCHES), data.draw(CYCLES)
    banks = tuple(data.draw(st.permutations(range(standard.all_banks)))[:4])
    times = data.draw(st.integers(1, 20_000))
    cuts = sorted({0, times, *data.draw(st.lists(st.integers(1, times), max_size=6))})
    parts = [Segment((Run(cycle, b - a),), banks) for a, b in pairwise(cuts)]
    with patch.object(channel, "LONG_CYCLE_BEATS", 1 << 16):
        assert run(standard, options, [Segment((Run(cycle, times),), banks)]) == run(
            standard, options, parts
        )


@settings(max_examples=40)
@given(st.data())
def test_walked_streams_are_legal(data: st.DataObject) -> None:
    """The strict scheduler takes them, and no row is opened when its rank should be refreshed."""
    standard, options = data.draw(standards()), data.draw(SWITCHES)
    scheduler = Scheduler(standard, options)
    refs: dict[int, int] = {}
    opened: set[int] = set()
    for at, kind, bank, to in walk(standard, options, data.draw(streams(standard))):
        scheduler.issue(kind, bank, at, to)
        rank = bank // standard.banks
        if kind is REF:
            refs[rank] = refs.get(rank, 0) + 1
        elif (
            kind.opens and options.refresh and not any(b // standard.banks == rank for b in opened)
        ):
            refi = effective_timing(standard, options).t_refi_ps
            assert at < (refs.get(rank, 0) + 1) * refi
        opened = (opened | {bank}) if kind is ACT else (opened - {bank})


def test_a_thousand_million_repetitions() -> None:
    """What 10^9 repetitions take, by the sustained rate: to less than one cycle of a few us."""
    for options in (ModelOptions(), ModelOptions(refresh=False), ModelOptions(split_decoder=False)):
        per_and = sustained_ps(DDR3, options, AND, EIGHT)
        now_ps, _, _, refreshes = run(DDR3, options, [Segment((Run(AND, 10**9),), EIGHT)])
        assert abs(now_ps - 10**9 * per_and) < 20_000_000
        due = now_ps // DDR3.timing.t_refi_ps if options.refresh else 0
        assert due - 1 <= refreshes <= due


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
