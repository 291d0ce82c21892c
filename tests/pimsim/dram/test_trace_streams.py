"""Random streams as traces: every format read back, and the power that Perfetto is told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.energy import command_energies
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.timeline.command_stream import Run, Segment, walk
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces import Block, Event
from pimsim.dram.traces.event import Spans
from pimsim.dram.traces.perfetto import microseconds
from pimsim.dram.traces.power import RankPower
from pimsim.errors import DramError

from . import trace_readers as readers
from .traced_energy import energy_by_hand, open_ps, power_pj, second_act_ps
from .written_traces import DDR3, EVENTS, written

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
TWO_RANKS = replace(DDR3, ranks=2)
GROUPS = load("ddr4-2400")
CHANNELS = load("hbm2")


STANDARDS = {"one rank": DDR3, "two ranks": TWO_RANKS, "bank groups": GROUPS}


@st.composite
def streams(draw: st.DrawFn) -> tuple[Standard, ModelOptions, list[Event]]:
    standard = STANDARDS[draw(st.sampled_from(sorted(STANDARDS)))]
    options = ModelOptions(
        faw=draw(st.booleans()),
        refresh=False,
        split_decoder=draw(st.booleans()),
        acts_per_aap=draw(st.sampled_from((1, 2))),
        energy=draw(st.sampled_from(("ambit-paper", "datasheet"))),
        open_bank_share=draw(st.sampled_from((None, None, 0.0, 0.3))),
        clocked=draw(st.booleans()),
    )
    scheduler = Scheduler(standard, options)
    banks = draw(
        st.lists(st.integers(0, standard.all_banks - 1), min_size=1, max_size=5, unique=True)
    )
    row = st.integers(0, standard.subarrays_per_bank * standard.rows_per_subarray - 1)
    opened: dict[int, int] = {}
    events: list[Event] = []
    idle_ps = 0
    for _ in range(draw(st.integers(0, 40))):
        bank = draw(st.sampled_from(banks))
        kinds = [PRE, RD, WR] if bank in opened else [ACT, AAP, AP]
        if not any(other // standard.banks == bank // standard.banks for other in opened):
            kinds.append(REF)
        of_rank = [b for b in opened if b // standard.banks == bank // standard.banks and b != bank]
        kinds += [TRANSFER] if bank in opened and of_rank else []
        kind = draw(st.sampled_from(kinds))
        to = draw(st.sampled_from(of_rank)) if kind is TRANSFER else None
        idle_ps += draw(st.sampled_from((0, 0, 0, 1, 777, 33_000, 400_000)))
        at_ps = max(scheduler.probe(kind, bank, to).ready_ps, idle_ps)
        if options.clocked:
            at_ps = math.ceil(at_ps / standard.timing.t_ck_ps) * standard.timing.t_ck_ps
        try:
            scheduler.issue(kind, bank, at_ps, to)
        except DramError:  # an ACT that is still ahead is too near
            continue
        event = Event(at_ps, kind, bank, to=to)
        if kind in (ACT, AP, AAP):
            event = replace(event, row=draw(row), row2=draw(row) if kind is AAP else None)
        if to is not None:
            event = replace(event, row2=opened[to])
        if kind in (RD, WR, TRANSFER):
            burst = draw(st.integers(0, standard.bursts_per_row - 1))
            event = replace(event, row=opened[bank], column=burst)
        if kind is ACT:
            assert event.row is not None
            opened[bank] = event.row
        elif kind is PRE:
            del opened[bank]
        events.append(event)
    return standard, options, events


# The AAP is open for longer than the AP that begins with it.
OVERLAPPING = (
    DDR3,
    ModelOptions(faw=False, split_decoder=False, energy="datasheet"),
    [Event(0, AAP, 0, row=1, row2=2), Event(0, AP, 1, row=3)],
)


def parts(
    standard: Standard, options: ModelOptions, event: Event, acts: int
) -> Iterator[tuple[int, str, int]]:
    """Time, name and row of what a command is on the bus."""
    if event.kind not in (AAP, AP):
        yield event.at_ps, event.kind.name, event.row or 0
        return
    yield event.at_ps, "ACT", event.row or 0
    if event.kind is AAP and acts == 2:
        yield event.at_ps + second_act_ps(standard, options), "ACT", event.row2 or 0
    yield event.at_ps + open_ps(standard, options)[event.kind], "PRE", 0


@pytest.mark.parametrize("name", sorted(readers.READERS))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stream=streams())
@pytest.mark.slow
def test_every_command_comes_back(
    name: str, stream: tuple[Standard, ModelOptions, list[Event]], tmp_path: Path
) -> None:
    standard, options, events = stream
    text, remarks = written(name, tmp_path, events, standard, options)
    acts = options.acts_per_aap if name == "drampower" else 2
    wanted = []
    for event in events:
        where = bank_address(standard, event.bank)
        for at_ps, kind, row in parts(standard, options, event, acts):
            if kind == "TRANSFER" or (name.endswith("-rw") and kind not in ("RD", "WR")):
                continue
            bank = (0, 0) if kind == "REF" else (where.group, where.bank)
            row = row if kind in ("ACT", "RD", "WR") else 0
            at = -(-at_ps // standard.timing.t_ck_ps)
            wanted.append((at, kind, where.channel, where.rank, *bank, row, event.column or 0))
    read = readers.READERS[name](text, standard)
    clocks = [command.clock for command in read]
    assert clocks == sorted(set(clocks))
    found = [(c.name, c.channel, c.rank, c.group, c.bank, c.row, c.column) for c in read]
    assert sorted(found) == sorted(one[1:] for one in wanted)
    if name == "ramulator-rw":  # has no clocks
        return
    for where in {one[2:6] for one in wanted}:  # a bank's commands stay in order, none early
        own = [c for c in read if (c.channel, c.rank, c.group, c.bank) == where]
        due = [one for one in wanted if one[2:6] == where]
        assert [c.name for c in own] == [one[1] for one in due]
        assert all(c.clock >= one[0] for c, one in zip(own, due, strict=True))
    if options.clocked and not any("wait" in remark for remark in remarks):
        assert sorted(clocks) == sorted(one[0] for one in wanted)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stream=streams())
@example(stream=OVERLAPPING)
def test_perfetto_shows_every_command_and_all_energy(
    stream: tuple[Standard, ModelOptions, list[Event]], tmp_path: Path
) -> None:
    standard, options, events = stream
    text, _ = written("perfetto", tmp_path, events, standard, options)
    chart = readers.read_perfetto(text)
    shown = [*events, *(event for event in events if event.kind is TRANSFER)]  # in both banks
    assert sum(map(len, chart.slices.values())) == len(shown)
    for tid, slices in chart.slices.items():
        for one, two in pairwise(slices):
            assert one.end_ns <= two.start_ns, (tid, one, two)
    starts = sorted((s.start_ns, s.name) for all_ in chart.slices.values() for s in all_)
    assert starts == sorted((event.at_ps // 1000, event.kind.name) for event in shown)

    wanted = energy_by_hand(standard, options, events)
    for series in ("total", *command_energies(options.energy, standard).parts):
        name = f"power{'' if series == 'total' else ' by part'} (mW) {series}"
        found = power_pj(chart, name)
        assert found == pytest.approx(wanted.get(series, math.fsum(wanted.values())), rel=1e-5)


@pytest.mark.parametrize("refresh", [False, True])
def test_power_is_that_of_the_timeline(refresh: bool, tmp_path: Path) -> None:
    """Time, and the time with a bank open, are the same that a run is priced by."""
    options = ModelOptions(energy="datasheet", refresh=refresh)
    xnor = ((AAP, 3), (AP, 2), (AAP, 2))
    segments = [
        Segment((Run(((ACT, 1), (WR, 16), (PRE, 1)), 2),), tuple(range(8))),
        Segment((Run(xnor, 40),), tuple(range(8))),
        Segment((Run(((ACT, 1), (RD, 16), (PRE, 1)), 1),), (2,)),
    ]
    timeline = Timeline(DDR3, options)
    for segment in segments:
        timeline.run(segment)
    events = [Event(*issued[:3]) for issued in walk(DDR3, options, segments)]
    assert (timeline.refreshes > 2) == refresh
    chart = readers.read_perfetto(written("perfetto", tmp_path, events, DDR3, options)[0])
    ends_ns = [one.end_ns for slices in chart.slices.values() for one in slices]
    assert max(ends_ns) == timeline.now_ps // 1000
    pj = command_energies("datasheet", DDR3)
    standby_ps = timeline.now_ps - timeline.open_ps
    background = timeline.open_ps * pj.active_mw + standby_ps * pj.standby_mw
    found = power_pj(chart, "power by part (mW) background")
    assert found == pytest.approx(background * 1e-3, rel=1e-6)


@given(st.integers(0, 10**15) | st.integers(0, 10**9).map(lambda ns: ns * 1000))
@example(1_001_000)
@example(2_010_000)  # a zero within what is cut
def test_times_come_out_of_doubles_whole(time_ps: int) -> None:
    text = microseconds(time_ps)
    assert int(float(text) * 1000.0) == time_ps // 1000
    assert int(Decimal(text) * 1_000_000) == time_ps


def test_long_idleness_costs_nothing(tmp_path: Path) -> None:
    """An hour of standby between two commands is a handful of counter values."""
    events = [Event(0, AP, 0, row=1), Event(3_600 * 10**12, AP, 0, row=2)]
    options = ModelOptions(energy="datasheet", refresh=False)
    text, _ = written("perfetto", tmp_path, events, DDR3, options)
    assert len(text.splitlines()) < 30


def test_extra_wordlines_count_in_power(tmp_path: Path) -> None:
    options = ModelOptions(extra_wordline_factor=0.22)
    text, _ = written("perfetto", tmp_path, [replace(EVENTS[1], extra_wordlines=2)], DDR3, options)
    energy_pj = power_pj(readers.read_perfetto(text), "power (mW) total")
    assert energy_pj == pytest.approx(6290 * 1.44, rel=1e-6)


@given(
    gaps=st.lists(st.sampled_from([0, 1_000, 30_000, 100_000, 7_000_000]), min_size=2, max_size=40),
    seed=st.integers(0, 99),
)
def test_power_is_the_same_wherever_blocks_end(gaps: list[int], seed: int) -> None:
    draw = np.random.default_rng(seed)
    kinds, wordlines = draw.integers(0, len(Kind), len(gaps)), draw.integers(0, 3, len(gaps))
    options = ModelOptions(extra_wordline_factor=0.22)
    each = zip(np.cumsum(gaps).tolist(), kinds.tolist(), wordlines.tolist(), strict=True)
    block = Block.of([Event(at_ps, Kind(kind), 0, extra_wordlines=n) for at_ps, kind, n in each])

    def found(ends: list[int]) -> list[list[float]]:
        power, begin, every = RankPower(options.energies(DDR3), Spans.of(DDR3, options)), 0, []
        for end in ends:
            steps = power.add(block[begin:end])
            every.append(np.column_stack([steps.before + begin, steps.at_ps, steps.power_mw]))
            begin = end
        last = power.finish(int(block.at_ps[-1]) + 1_234_567)
        every.append(np.column_stack([last.before, last.at_ps, last.power_mw]))
        together: list[list[float]] = np.concatenate(every).tolist()
        return together

    cuts = sorted(draw.integers(0, len(gaps) + 1, 3).tolist())
    assert found([*cuts, len(gaps)]) == found([len(gaps)])
