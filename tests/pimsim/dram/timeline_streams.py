"""Streams of segments that timelines are given, and what walking them says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.timeline import timeline
from pimsim.dram.timeline.command_stream import (
    Part,
    Repeated,
    Run,
    Segment,
    segments_of,
    walk,
)
from pimsim.dram.timeline.timeline import Timeline

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


def often_refreshed(standard: Standard, refi_ns: int, rfc_ns: int) -> Standard:
    timing = replace(standard.timing, t_refi_ps=1000 * refi_ns, t_rfc_ps=1000 * rfc_ns)
    return replace(standard, timing=timing)
