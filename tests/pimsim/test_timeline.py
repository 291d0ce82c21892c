"""A timeline says of every stream exactly what walking it command by command says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.constraints import effective_timing, second_act_ps, total_banks
from pimsim.dram.standards import Standard, load, names
from pimsim.dram.stream import Issued, Run, Segment, Visit, walk
from pimsim.dram.switches import Switches
from pimsim.dram.timeline import Timeline, sustained_ps
from pimsim.errors import InputError
from pimsim.microprogram.primitives import PRIMITIVES

ACT, PRE, RD, WR, REF, AAP, AP = Kind
DDR3 = load("ddr3-1600-8-8-8")
EIGHT = tuple(range(8))


def walked(
    standard: Standard, switches: Switches, segments: Iterable[Segment]
) -> tuple[int, int, int]:
    """Time, open time and REFs from the list of commands, straight from their definitions."""
    timing = effective_timing(standard, switches)
    row_ps = {AP: timing.t_ras_ps, AAP: second_act_ps(standard, switches) + timing.t_ras_ps}
    now_ps = refreshes = 0
    opened: dict[int, int] = {}
    intervals: dict[int, list[tuple[int, int]]] = {}
    for at, kind, bank in walk(standard, switches, segments):
        of_rank = intervals.setdefault(bank // standard.banks, [])
        if kind is REF:
            refreshes += 1
            of_rank.append((at, at + timing.t_rfc_ps))
        elif kind is ACT:
            opened[bank] = at
        elif kind is PRE:
            of_rank.append((opened[bank], at))
            ready = max(at + timing.t_rp_ps, opened.pop(bank) + timing.t_rc_ps)
            now_ps = max(now_ps, ready)
        elif kind in row_ps:
            end = at + row_ps[kind]
            of_rank.append((at, end))
            now_ps = max(now_ps, end + timing.t_rp_ps, end - timing.t_ras_ps + timing.t_rc_ps)
    return now_ps, sum(map(union, intervals.values())), refreshes


def union(intervals: list[tuple[int, int]]) -> int:
    total = reached = 0
    for start, end in sorted(intervals):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def run(
    standard: Standard, switches: Switches, segments: Iterable[Segment]
) -> tuple[int, int, int]:
    timeline = Timeline(standard, switches)
    for segment in segments:
        timeline.run(segment)
    return timeline.now_ps, timeline.open_ps, timeline.refreshes


@st.composite
def standards(draw: st.DrawFn) -> Standard:
    """A standard of any geometry, refreshed so often that short streams meet it many times."""
    base = load(draw(st.sampled_from(names())))
    groups = draw(st.sampled_from([1, 2, 4]))
    refi = draw(st.integers(300_000, 3_000_000))
    timing = replace(
        base.timing,
        t_refi_ps=refi,
        t_rfc_ps=draw(st.integers(20_000, refi // 2)),
        t_rc_ps=base.timing.t_rc_ps + draw(st.sampled_from([0, 0, 7_001])),
        t_faw_ps=base.timing.t_faw_ps + draw(st.sampled_from([0, 10_000, 70_003])),
    )
    return replace(
        base,
        channels=draw(st.sampled_from([1, 1, 2])),
        ranks=draw(st.sampled_from([1, 1, 2, 3])),
        banks=groups * draw(st.sampled_from([1, 2, 4])),
        bank_groups=groups,
        timing=timing,
    )


SWITCHES = st.builds(
    Switches,
    faw=st.booleans(),
    refresh=st.sampled_from([True, True, False]),
    split_decoder=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
    clocked=st.booleans(),
)
COUNTS = st.sampled_from([1, 1, 2, 3, 8, 70])
PROGRAMS: st.SearchStrategy[Visit] = st.lists(
    st.tuples(st.sampled_from([AAP, AP]), COUNTS), min_size=1, max_size=4
).map(tuple)
TRANSFERS: st.SearchStrategy[Visit] = st.lists(
    st.tuples(st.sampled_from([RD, WR]), COUNTS), max_size=3
).map(lambda columns: ((ACT, 1), *columns, (PRE, 1)))
VISITS = st.lists(PROGRAMS | TRANSFERS, min_size=1, max_size=2).map(lambda v: sum(v, ()))
RUNS = st.builds(Run, VISITS, st.sampled_from([1, 1, 2, 3, 5, 20, 50]))


@st.composite
def streams(draw: st.DrawFn, standard: Standard) -> list[Segment]:
    """Some segments, the same ones again and again, in subsets of banks in any order."""
    numbers = st.permutations(range(total_banks(standard)))
    segment = st.builds(
        lambda runs, banks, size: Segment(tuple(runs), tuple(banks[:size])),
        st.lists(RUNS, min_size=1, max_size=2),
        numbers,
        st.integers(1, 8),
    ).filter(lambda segment: segment.commands <= 4_000)
    few = draw(st.lists(segment, min_size=1, max_size=3))
    stream: list[Segment] = []
    commands = 0
    for index in draw(st.lists(st.integers(0, len(few) - 1), min_size=1, max_size=6)):
        commands += few[index].commands
        if stream and commands > 4_000:
            break
        stream.append(few[index])
    return stream


@settings(max_examples=150)
@given(st.data())
def test_timeline_equals_walk(data: st.DataObject) -> None:
    standard, switches = data.draw(standards()), data.draw(SWITCHES)
    stream = data.draw(streams(standard))
    assert run(standard, switches, stream) == walked(standard, switches, stream)
