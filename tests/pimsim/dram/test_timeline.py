"""A timeline says of every stream exactly what walking it command by command says."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import load, names
from pimsim.dram.timeline import channel, cycles, leaps, timeline
from pimsim.dram.timeline.command_stream import (
    Part,
    Repeated,
    Run,
    Segment,
    walk,
)
from pimsim.dram.timeline.timeline import Timeline, sustained_ps

from .timeline_streams import (
    AAP,
    ACT,
    AND,
    AP,
    CYCLES,
    DDR3,
    EIGHT,
    PRE,
    REF,
    SWITCHES,
    TRANSFER,
    WR,
    often_refreshed,
    one_by_one,
    repetitions,
    run,
    standards,
    streams,
    walked,
)


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


@pytest.mark.parametrize("refresh", [False, True])
def test_banks_that_take_turns_keep_what_they_have_done(refresh: bool) -> None:
    """What is known of other banks must not be taken for what these banks did before."""
    turns = ((0, 1, 2), (3, 4), (1, 3, 5), (5, 0), (4,), (2, 6, 7, 0), (7, 1))
    runs = (Run(((AAP, 2), (AP, 1)), 3), Run(AND, 2))
    stream = [Segment((runs[n % 2],), banks) for n, banks in enumerate(turns * 3)]
    options = ModelOptions(refresh=refresh)
    assert run(DDR3, options, stream) == walked(DDR3, options, stream)


@pytest.mark.parametrize("refresh", [False, True])
def test_what_some_banks_do_is_known_of_others(refresh: bool) -> None:
    """Nothing is worked out again for other banks of a rank."""

    def stream(*banks: int) -> list[Segment]:
        copied = Run(((ACT, 1), (TRANSFER, 9), (PRE, 1)), 2)
        few = Segment((Run(((AAP, 2), (AP, 1)), 20),), banks[:3])
        return [few, Segment((copied,), banks[:2], banks[2:4]), Segment((Run(AND, 50),), banks)]

    standard, options = replace(DDR3, name="of this test alone"), ModelOptions(refresh=refresh)
    first = run(standard, options, stream(0, 1, 2, 3, 4))
    lockstep = timeline._WORKED_OUT.of(standard, replace(options, refresh=False)).lockstep
    met = lockstep.met
    with patch.object(lockstep, "begin", side_effect=lockstep.begin) as begun:
        assert run(standard, options, stream(6, 1, 2, 7, 0)) == first
    assert first == walked(standard, options, stream(6, 1, 2, 7, 0))
    assert (begun.call_count, lockstep.met) == (0, met)


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


@settings(max_examples=15)
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
