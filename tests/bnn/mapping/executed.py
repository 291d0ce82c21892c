"""What is really done while a stage or a network is carried out, and that it is what is booked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.system import System
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import Part, Segment, expanded, walk
from pimsim.dram.timeline.timeline import Passed, Timeline


@contextmanager
def executing() -> Iterator[list[Subarray]]:
    """Subarrays that are made meanwhile, each of which counts what it executes."""
    executed: list[Subarray] = []
    make = System.subarrays

    def made(system: System, columns: int, lanes: int) -> Subarray:
        executed.append(make(system, columns, lanes))
        return executed[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(System, "subarrays", made)
        yield executed


@contextmanager
def scheduling() -> Iterator[list[Segment]]:
    """What the timeline of a run that begins meanwhile is given, in order."""
    segments: list[Segment] = []

    class Recorded(Timeline):
        def run(self, part: Part) -> None:
            before = len(segments)
            super().run(part)
            segments[before:] = expanded(part)

        def repeat(self, parts: Sequence[Part], times: int) -> list[Passed]:
            before = len(segments)
            found = super().repeat(parts, times)
            segments[before:] = [one for part in parts for one in expanded(part)] * times
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bnn.run.plan.Timeline", Recorded)
        yield segments


def booked(ledgers: Iterable[CommandLedger]) -> CommandCounts:
    """All commands of some ledgers."""
    return sum((one.counts(phase) for one in ledgers for phase in PHASES), CommandCounts())


def assert_booked(executed: list[Subarray], *ledgers: CommandLedger) -> None:
    """What subarrays executed is what ledgers have, refreshes aside."""
    counted = sum((lane for part in executed for lane in part.counts()), CommandCounts())
    assert replace(booked(ledgers), ref=0) == counted


def assert_scheduled(
    segments: list[Segment],
    ledgers: list[CommandLedger],
    standard: Standard,
    options: ModelOptions,
) -> None:
    """The time that ledgers have is that of their segments, and of each command scheduled."""
    costs = [one.cost(phase) for one in ledgers for phase in PHASES]
    total, whole = booked(ledgers), Timeline(standard, options)
    for segment in segments:
        whole.run(segment)
    assert sum(cost.latency_ps for cost in costs) == whole.now_ps
    assert sum(cost.refreshes for cost in costs) == total.ref == whole.refreshes
    issued = list(walk(standard, options, segments))
    assert len(issued) == total.commands()
    assert max(each.at_ps for each in issued) < whole.now_ps
    assert sum(each.kind is Kind.REF for each in issued) == total.ref
