"""What a walk issues passes the naive check, and nothing comes later than it must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.timeline.command_stream import Issued, RowCycle, Run, Segment, walk
from pimsim.dram.traces.issue import Issues

from .row_cycles import programs, transfers

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
DDR3 = load("ddr3-1600-8-8-8")


def ordered(segments: list[Segment]) -> Iterator[tuple[Kind, int, int | None]]:
    """Every repetition, every command of the row cycle, every bank of the segment.

    Of pairs a TRANSFER is from the first to the second, other commands are for one and the other.
    """
    for segment in segments:
        for run in segment.runs:
            for _ in range(run.times):
                for kind, times in run.cycle:
                    for _ in range(times):
                        if kind is TRANSFER:
                            for bank, to in zip(segment.banks, segment.to, strict=True):
                                yield kind, bank, to
                            continue
                        for place, bank in enumerate(segment.banks):
                            yield kind, bank, None
                            if segment.to:
                                yield kind, segment.to[place], None


@st.composite
def standards(draw: st.DrawFn) -> Standard:
    """A part, refreshed so often that short streams meet it, on one channel or more."""
    base = load(draw(st.sampled_from(names())))
    timing = replace(
        base.timing,
        t_rfc_ps=draw(st.integers(20_000, 60_000)),
        t_refi_ps=draw(st.integers(200_000, 800_000)),
        t_rc_ps=base.timing.t_rc_ps + draw(st.sampled_from([0, 7_001])),
        t_faw_ps=base.timing.t_faw_ps + draw(st.sampled_from([0, 70_003])),
    )
    return replace(
        base,
        channels=draw(st.sampled_from([1, 1, 2])),
        ranks=draw(st.sampled_from([1, 2])),
        banks=4,
        bank_groups=draw(st.sampled_from([1, 2])),
        timing=timing,
    )


SWITCHES = st.builds(
    ModelOptions,
    faw=st.sampled_from([True, True, False]),
    refresh=st.sampled_from([True, True, False]),
    split_decoder=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
    clocked=st.booleans(),
)
FEW = st.integers(1, 3)
COPIES: st.SearchStrategy[RowCycle] = st.tuples(
    FEW, st.lists(st.sampled_from([RD, WR]), max_size=1)
).map(lambda drawn: ((ACT, 1), *((kind, 1) for kind in drawn[1]), (TRANSFER, drawn[0]), (PRE, 1)))


@st.composite
def pairs(draw: st.DrawFn, standard: Standard) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Banks and as many others, each pair in one rank."""
    total = standard.channels * standard.ranks * standard.banks
    of_rank: dict[int, list[int]] = {}
    for bank in draw(st.permutations(range(total))):
        of_rank.setdefault(bank // standard.banks, []).append(bank)
    every = [pair for own in of_rank.values() for pair in zip(own[::2], own[1::2], strict=True)]
    sources, destinations = zip(*every[: draw(st.integers(1, 3))], strict=True)
    return sources, destinations


@st.composite
def streams(draw: st.DrawFn, standard: Standard, longest: int = 36) -> list[Segment]:
    total = standard.channels * standard.ranks * standard.banks
    segments: list[Segment] = []
    for _ in range(draw(st.integers(1, 4))):
        banks = draw(st.permutations(range(total)))[: draw(st.integers(1, 5))]
        run, to = Run(draw(programs(FEW, 2) | transfers(FEW, 2)), draw(FEW)), ()
        if draw(st.booleans()):
            banks, to = draw(pairs(standard))
            run = Run(draw(COPIES), draw(FEW))
        segment = Segment((run,), tuple(banks), to)
        if sum(each.commands for each in [*segments, segment]) <= longest:
            segments.append(segment)
    return segments


@settings(max_examples=25)
@given(data=st.data())
def test_a_walk_is_legal_and_waits_for_nothing_else(naive: ModuleType, data: st.DataObject) -> None:
    standard, options = data.draw(standards()), data.draw(SWITCHES)
    segments = data.draw(streams(standard))
    stream = [tuple(issued) for issued in walk(standard, options, segments)]
    assert not naive.violations(standard, options, stream)
    assert [each[1:] for each in stream if each[1] is not REF] == list(ordered(segments))
    assert options.refresh or REF not in {each[1] for each in stream}

    t = standard.timing.on_clock() if options.clocked else standard.timing
    step = t.t_ck_ps if options.clocked else 1
    refreshes: dict[int, int] = {}
    opened: set[int] = set()
    for place, (at, kind, bank, to) in enumerate(stream):
        rank, channel = naive.rank_of(standard, bank), naive.channel_of(standard, bank)
        before = stream[:place]
        due = (refreshes.get(rank, 0) + 1) * t.t_refi_ps
        front = max([0, *(a for a, _, b, _ in before if naive.channel_of(standard, b) == channel)])
        if kind is not REF:
            assert at == 0 or naive.violations(
                standard, options, [*before, (at - step, kind, bank, to)], only_last=True
            )
            if options.refresh and kind.opens and not any(b // 4 == rank for b in opened):
                assert at < due
        elif at + t.t_rfc_ps > front:  # the next command had to wait for it
            assert at == max(front, naive.earliest(standard, options, before, REF, bank))
            following, row = next((k, b) for _, k, b, _ in stream[place:] if k is not REF)
            assert naive.rank_of(standard, row) == rank
            assert following.opens
            assert naive.earliest(standard, options, before, following, row) >= due
        else:  # it fell due while the rank had nothing to do
            assert at >= due
        if kind is REF:
            refreshes[rank] = refreshes.get(rank, 0) + 1
        elif kind is ACT:
            opened.add(bank)
        opened -= {bank} if kind is PRE else set()


def test_a_stream_by_hand() -> None:
    """DDR3-1600 8-8-8: ACTs at 0 4 10 14, a fifth at 30; REF waits for the last bank, 260 ns."""
    segment = Segment((Run(((AAP, 1),), 1),), banks=(0, 1, 2))
    assert [each.at_ps for each in walk(DDR3, ModelOptions(refresh=False), [segment])] == [
        0,
        10_000,
        30_000,
    ]
    often = replace(DDR3, timing=replace(DDR3.timing, t_refi_ps=310_000))
    rows = Segment((Run(((AP, 1),), 8),), banks=(0,))
    assert [each[:2] for each in walk(often, ModelOptions(), [rows])][6:] == [
        (270_000, AP),
        (315_000, REF),
        (575_000, AP),
    ]


@pytest.mark.parametrize("name", names())
def test_refreshes_keep_up_over_many_intervals(name: str) -> None:
    """As many as have fallen due, when a rank is always busy."""
    standard = load(name)
    t = standard.timing
    rows = Segment((Run(((AP, 1),), 12 * t.t_refi_ps // t.ap_ps),), banks=(0,))
    stream = list(walk(standard, ModelOptions(), [rows]))
    refs = [each.at_ps for each in stream if each.kind is REF]
    assert len(refs) == stream[-1].at_ps // t.t_refi_ps
    for k, at in enumerate(refs, start=1):
        assert 0 <= at - k * t.t_refi_ps <= t.t_rc_ps


def issued(
    standard: Standard, options: ModelOptions, segments: list[Segment], on_bus: bool
) -> list[Issued]:
    """What :class:`Issues` says, command by command."""
    issues, found = Issues(standard, options, on_bus=on_bus), []
    for segment in segments:
        for piece in issues.run(segment):
            columns = (piece.at_ps, piece.kind, piece.bank, piece.to)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            early = iter(piece.refreshes)
            refresh = next(early, None)
            for place, (at_ps, kind, bank, to) in enumerate(rows):
                while refresh is not None and refresh.place == place:
                    found.append(Issued(refresh.at_ps, REF, refresh.bank))
                    refresh = next(early, None)
                found.append(Issued(at_ps, Kind(kind), bank, None if to < 0 else to))
            assert refresh is None
    return found


@settings(max_examples=25)
@given(data=st.data())
def test_what_is_issued_in_blocks_is_the_walk(data: st.DataObject) -> None:
    standard, options = data.draw(standards()), data.draw(SWITCHES)
    segments = data.draw(streams(standard, longest=400))
    wanted = [
        each._replace(bank=each.bank // standard.banks * standard.banks)
        if each.kind is REF
        else each
        for each in walk(standard, options, segments)
    ]
    assert issued(standard, options, segments, on_bus=False) == [
        each._replace(bank=each.bank // standard.banks * standard.banks)
        if each.kind is REF
        else each
        for each in wanted
    ]


@settings(max_examples=25)
@given(data=st.data())
def test_on_a_bus_streams_stay_legal(naive: ModuleType, data: st.DataObject) -> None:
    """Whatever has to wait for the bus: in clocks nothing is broken, and none shares a clock."""
    standard, options = data.draw(standards()), data.draw(SWITCHES)
    segments = data.draw(streams(standard))
    stream = issued(standard, options, segments, on_bus=True)
    clocked = replace(options, clocked=True)
    assert not naive.violations(standard, clocked, [tuple(each) for each in stream])
    assert [each[1:] for each in stream if each.kind is not REF] == list(ordered(segments))
    taken = [
        (naive.channel_of(standard, part.bank), part.at)
        for index, each in enumerate(stream)
        for part in naive.parts(standard, clocked, index, tuple(each))
    ]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("name", names())
def test_what_is_remembered_is_what_is_scheduled(name: str) -> None:
    """Thousands of commands, in which states come round again."""
    standard = load(name)
    options = ModelOptions.of(standard, banks=8)
    banks = tuple(range(8))
    xnor = ((AAP, 3), (AP, 1), (AAP, 1))
    segments = [
        Segment((Run(((ACT, 1), (WR, 3), (PRE, 1)), 20),), banks),
        Segment((Run(xnor, 150),), banks),
        Segment((Run(((ACT, 1), (RD, 3), (PRE, 1)), 20),), banks),
    ]
    wanted = [
        each._replace(bank=0) if each.kind is REF else each
        for each in walk(standard, options, segments)
    ]
    assert issued(standard, options, segments, on_bus=False) == wanted
    assert sum(each.kind is REF for each in wanted) > 4
