"""The formats a trace can be written in.

>>> [name for name in FORMATS if name.startswith("dramsim3")]
['dramsim3', 'dramsim3-rw']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces import dramsim3, ramulator
from pimsim.dram.traces.commandtrace import CommandTrace, Dialect
from pimsim.dram.traces.drampower import DRAMPower
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.perfetto import Perfetto


class Writer(Protocol):
    """Turns events into text, given in order of time within a channel."""

    def add(self, event: Event) -> None:
        """Write one command."""

    def finish(self) -> list[str]:
        """Write what ends the file; return remarks for the user, each a clause."""


Write: TypeAlias = Callable[[str], None]
MakeWriter: TypeAlias = Callable[[Write, Standard, ModelOptions], Writer]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how it is called, what it is for, and what writes it."""

    extension: str
    """Usual end of the file's name."""
    summary: str
    """What reads it, in a line."""
    make: MakeWriter
    one_channel: bool = True
    """Whether a file holds one channel; a system of several then gets a file for each."""


def _commands(dialect: Callable[[Standard], Dialect]) -> MakeWriter:
    def make(write: Write, standard: Standard, options: ModelOptions) -> Writer:
        return CommandTrace(write, standard, options, dialect(standard))

    return make


FORMATS: Mapping[str, Format] = {
    "perfetto": Format(
        ".json",
        "Chrome trace events with power counters, for ui.perfetto.dev",
        Perfetto,
        one_channel=False,
    ),
    "drampower": Format(".csv", "command trace for DRAMPower 5", _commands(DRAMPower)),
    "ramulator": Format(
        ".csv",
        "command trace as Ramulator 2.1 records it (CmdTraceRecorder)",
        _commands(ramulator.Commands),
    ),
    "ramulator-rw": Format(
        ".trace",
        "RD and WR only, for Ramulator 2's ReadWriteTrace front end",
        _commands(ramulator.Requests),
    ),
    "dramsim3": Format(
        ".trace",
        "command trace as DRAMsim3 records it, for its thermal replay and Verilog validation",
        _commands(dramsim3.Commands),
    ),
    "dramsim3-rw": Format(
        ".trace", "RD and WR only, for dramsim3main --trace", _commands(dramsim3.Requests)
    ),
}
"""Every format by its name; a new one is one module and one entry."""
