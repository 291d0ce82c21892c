"""Rates of scheduling and costing: ``pytest -s tests/benchmarks/bench_scheduler.py``.

Off by default: pytest collects ``test_*.py`` only, and a busy machine would make it fail.
"""

from __future__ import annotations

import random
import time

import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import load, names
from pimsim.dram.timeline.command_stream import Run, Segment, walk
from pimsim.dram.timeline.timeline import Timeline

GOAL_PER_S = 1e5
DDR3 = load("ddr3-1600-8-8-8")
EIGHT = tuple(range(8))
FULL_ADDER = ((Kind.AAP, 6), (Kind.AP, 1), (Kind.AAP, 1))
COMPARE = ((Kind.AAP, 20), (Kind.AP, 6))


@pytest.mark.parametrize("split_decoder", [True, False])
def test_strict_aaps_a_second(split_decoder: bool) -> None:
    """Probed for the earliest time, then issued strictly."""
    options = ModelOptions(refresh=False, split_decoder=split_decoder)
    scheduler, commands = Scheduler(DDR3, options), 0
    start = time.perf_counter()
    for _ in range(12_500):
        for bank in EIGHT:
            scheduler.issue(Kind.AAP, bank, scheduler.earliest_ps(Kind.AAP, bank))
            commands += 1
    report(f"strict AAP, split decoder {split_decoder}", commands, start)


def test_strict_writes_a_second() -> None:
    scheduler, commands = Scheduler(DDR3, ModelOptions(refresh=False)), 100_000
    scheduler.issue(Kind.ACT, 0, 0)
    start = time.perf_counter()
    for _ in range(commands):
        scheduler.issue(Kind.WR, 0, scheduler.earliest_ps(Kind.WR, 0))
    report("strict WR", commands, start)


@pytest.mark.parametrize(
    ("what", "cycle"),
    [("AAP", FULL_ADDER), ("WR", ((Kind.ACT, 1), (Kind.WR, 128), (Kind.PRE, 1)))],
)
def test_walked_commands_a_second(what: str, cycle: tuple[tuple[Kind, int], ...]) -> None:
    segment = Segment((Run(cycle, 100_000 // (8 * sum(n for _, n in cycle))),), EIGHT)
    start = time.perf_counter()
    commands = sum(1 for _ in walk(DDR3, ModelOptions(), [segment]))
    report(f"walked {what}, refresh on", commands, start)


def report(what: str, commands: int, start: float) -> None:
    rate = commands / (time.perf_counter() - start)
    print(f"{what}: {rate:,.0f} commands a second")
    assert rate >= GOAL_PER_S


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize("name", names())
def test_a_thousand_million_aaps(name: str, refresh: bool) -> None:
    """Costed in under a second; with refresh, where times share no coarse grid, in a few."""
    standard = load(name)
    start = time.perf_counter()
    timeline = Timeline(standard, ModelOptions(refresh=refresh))
    timeline.run(Segment((Run(((Kind.AAP, 4),), 10**9 // 4),), tuple(range(standard.banks))))
    wall_s = time.perf_counter() - start
    print(f"{name}, refresh {refresh}: {wall_s:.3f} s for 10^9 AAPs in each bank")
    assert wall_s < (5 if refresh and name == "ddr4-2400" else 1)


def test_a_network() -> None:
    """Some thousand segments of few shapes, refreshed as they come."""
    read = ((Kind.ACT, 1), (Kind.RD, 128), (Kind.PRE, 1))
    random.seed(1)
    for standard in (DDR3, load("ddr4-2400")):
        timeline = Timeline(standard, ModelOptions())
        segments = []
        for _ in range(10_000):
            adders = random.choice([9, 25, 72, 100])
            segments.append(Segment((Run(FULL_ADDER, adders),), EIGHT))
            segments.append(Segment((Run(COMPARE, 10),), EIGHT))
            segments.append(Segment((Run(read, 1),), (random.randrange(8),)))
        start = time.perf_counter()
        for segment in segments:
            timeline.run(segment)
        wall_s = time.perf_counter() - start
        print(
            f"{standard.name}: {wall_s:.2f} s for {len(segments)} segments, "
            f"{timeline.refreshes} REFs, {timeline.now_ps / 1e9:.1f} ms of DRAM time"
        )
        assert wall_s < 5
