"""Every format of a command bus, of every part, replayed under the naive check in clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.timeline.command_stream import Run, Segment, issue_order, row_cycle, walk
from pimsim.dram.traces import FORMATS, Event, Trace
from pimsim.dram.traces.recorder import Recorder, Targets

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
ON_BUS = [name for name in FORMATS if name not in ("perfetto", "ramulator-rw")]
"""Those with clocks: ``ramulator-rw`` has requests without a time."""


@pytest.fixture(scope="module")
def readers(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    return module_at(Path(__file__).with_name("trace_readers.py"))


def often(name: str) -> Standard:
    """The part, refreshed so often that a short stream has REFs."""
    part = load(name)
    timing = part.timing
    often_ps = timing.t_rfc_ps + 5 * timing.t_rc_ps
    return replace(part, timing=replace(timing, t_refi_ps=min(timing.t_refi_ps, often_ps)))


def segments(standard: Standard, banks: int) -> list[Segment]:
    """Operands in, XNORs and an AND, results out: in lock-step, and a bank alone."""
    several, one = issue_order(standard, range(banks)), (1,)
    full_adder = ((AAP, 2), (AP, 1), (AAP, 1))
    return [
        Segment((Run(row_cycle(WR, 3), 1),), several),
        Segment((Run(full_adder, 2),), several),
        Segment((Run(row_cycle(RD, 2), 1), Run(row_cycle(WR, 2), 1)), one),
        Segment((Run(full_adder, 2),), one),
        Segment((Run(row_cycle(RD, 1), 2),), several),
    ]


def targets(segment: Segment) -> Iterator[Targets]:
    """Some rows for every command."""
    for run in segment.runs:
        for _ in range(run.times):
            for kind, times in run.cycle:
                for _ in range(times):
                    slots = len(segment.slots(kind))
                    row2 = 7 if kind in (AAP, TRANSFER) else -1
                    column = 1 if kind in (RD, WR, TRANSFER) else -1
                    yield Targets.of(np.arange(slots), row2, column)


def of_a_run(trace: Trace, standard: Standard, options: ModelOptions, banks: int) -> None:
    recorder = Recorder(standard, options, [trace])
    for segment in segments(standard, banks):
        recorder.record(segment, targets(segment))


def one_by_one(trace: Trace, standard: Standard, options: ModelOptions, banks: int) -> None:
    """As the run schedules it, which knows neither edges nor a bus unless it is clocked."""
    for at_ps, kind, bank, to in walk(standard, options, segments(standard, banks)):
        row = None if kind in (PRE, REF) else 3
        column = 1 if kind in (RD, WR) else None
        trace.add(Event(at_ps, kind, bank, row, 7 if kind is AAP else None, column, 0, to))


def busy_clocks(read: Iterable[Any], standard: Standard) -> Iterator[int]:
    """Every clock of the bus that a command takes: one bus, as tools have it."""
    bus = standard.command_bus
    for one in read:
        clocks = {"ACT": bus.act_clocks, "PRE": bus.other_clocks, "REF": bus.other_clocks}
        taken = clocks.get(one.name, bus.column_clocks)
        last = one.clock
        if one.name == "ACT" and bus.act_counts_from is not None:
            last += bus.act_clocks - bus.act_counts_from
        yield from range(last - taken + 1, last + 1)


TELLING = (of_a_run, one_by_one)
CASES = [
    (name, part, clocked, TELLING[(number + clocked) % 2])
    for number, (name, part) in enumerate(product(ON_BUS, names()))
    for clocked in (False, True)
]
"""Every part in every format, told in both ways, of which one is clocked, turn and turn about."""


@pytest.mark.parametrize(("name", "part", "clocked", "told"), CASES)
def test_no_constraint_is_broken_in_clocks(
    name: str,
    part: str,
    clocked: bool,
    told: Callable[[Trace, Standard, ModelOptions, int], None],
    tmp_path: Path,
    naive: ModuleType,
    readers: ModuleType,
) -> None:
    standard = often(part)
    options = ModelOptions.of(standard, banks=5, clocked=clocked)
    with Trace(name, tmp_path / "trace", standard, options) as trace:
        told(trace, standard, options, 5)
    (file,) = tmp_path.iterdir()
    read = readers.READERS[name](file.read_text("ascii"), standard)
    taken = list(busy_clocks(read, standard))
    assert len(taken) == len(set(taken))

    in_clocks, clock_ps = replace(options, clocked=True), standard.timing.t_ck_ps
    row_ps = effective_timing(standard, in_clocks).t_ras_ps
    commands = readers.row_commands(
        read, standard, second_act_ps(standard, in_clocks) // clock_ps, row_ps // clock_ps
    ) if not name.endswith("-rw") else [
        (one.clock * clock_ps, Kind[one.name], one.bank * standard.bank_groups + one.group)
        for one in read
    ]  # fmt: skip
    found = naive.violations(standard, in_clocks, commands)
    kinds = {kind for _, kind, _ in commands}
    if name.endswith("-rw"):
        assert {each.name for each in found} <= {"state"}  # there are no ACTs in it
        assert kinds == {RD, WR}
    elif told is of_a_run:
        assert found == []
        assert kinds == {ACT, PRE, RD, WR, REF, AAP}
    else:  # when REFs come is up to the run
        assert {each.name for each in found} <= {"tREFI"}
