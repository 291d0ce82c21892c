"""Writing one trace: its files, which appear when they are complete; its limit; its remarks.

>>> from pimsim.dram.standard.standard import load
>>> Trace("perfeto", Path("x"), load("ddr3-1600-8-8-8"), ModelOptions())
Traceback (most recent call last):
...
pimsim.errors.InputError: unknown trace format 'perfeto'; did you mean `perfetto`?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from pimsim.documents import nearest
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.bus import BusScheduler
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.commandtrace import CommandTrace, Dialect
from pimsim.dram.traces.dialects import (
    DRAMPower,
    DRAMsim3,
    DRAMsim3Requests,
    Ramulator,
    RamulatorRequests,
)
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.outfile import OutFile
from pimsim.dram.traces.perfetto import Perfetto
from pimsim.errors import DramError, InputError, require_positive

DEFAULT_LIMIT = 1_000_000
"""Default limit of commands in a trace."""


FORMATS: Mapping[str, type[Dialect | Perfetto]] = {
    "perfetto": Perfetto,
    "drampower": DRAMPower,
    "ramulator": Ramulator,
    "ramulator-rw": RamulatorRequests,
    "dramsim3": DRAMsim3,
    "dramsim3-rw": DRAMsim3Requests,
}
"""The class that writes each format; a new format takes one class and one entry."""


class Trace:
    """Writes commands to a file, which appears when the ``with`` block ends without an error.

    After ``limit`` commands, further ones are counted and dropped. In a dialect, a file holds one
    channel. If the standard has several, there is a file for each channel that has commands, with
    ``.chN`` after its name. Raises :class:`~pimsim.errors.InputError` for an unknown format or a
    limit that is not positive, on entering if the file cannot be written, and from any method when
    the disk is full.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        standard: Standard,
        options: ModelOptions,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        if name not in FORMATS:
            raise InputError(f"unknown trace format {name!r}{nearest(name, tuple(FORMATS))}")
        require_positive(limit=limit)
        self._form, self._standard, self._options, self._limit = (
            FORMATS[name], standard, options, limit,
        )  # fmt: skip
        self.path = path
        self.remarks: list[str] = []
        """Remarks for the user, one line each; complete after the ``with`` block."""
        self.on_bus = issubclass(self._form, Dialect)
        """Whether the format is that of a command bus: commands on clock edges, one of a channel at
        a time. Otherwise, times are those of the run."""
        self._several = self.on_bus and standard.channels > 1
        self._banks = standard.all_banks
        self._banks_per_channel = standard.ranks * standard.banks
        self._files: dict[int, tuple[OutFile, CommandTrace | Perfetto]] = {}
        self._last_ps: dict[int, int] = {}
        self._finished = False
        self._events: list[Event] = []
        """Events that were added one by one and are not written yet."""
        self._bus: BusScheduler | None = None
        self._waited = self._longest_wait_clocks = 0
        self.commands = 0
        """All commands so far, including those beyond the limit."""

    @property
    def full(self) -> bool:
        """Whether the limit is reached: further commands are only counted."""
        return self.commands >= self._limit

    @property
    def room(self) -> int:
        """Commands up to the limit."""
        return max(0, self._limit - self.commands)

    def __enter__(self) -> Trace:
        self._open(0)
        return self

    def add(self, event: Event) -> None:
        """Write one command; those of a channel must come in order of time, except REFs.

        On a bus, a command is moved to the first clock edge, from its time on, at which the bus is
        free and no constraint is violated; commands that depend on it move along.

        Raises :class:`~pimsim.errors.DramError` for a command out of order, one that is not legal
        in the bank's state, and one for a bank that does not exist.
        """
        if self.full:
            self.skip(1)
            return
        if not 0 <= event.bank < self._banks:
            raise DramError(f"trace: bank must be 0 to {self._banks - 1}, not {event.bank}")
        channel = event.bank // self._banks_per_channel
        if event.kind is not Kind.REF:
            last_ps = self._last_ps.get(channel, 0)
            if event.at_ps < last_ps:
                raise DramError(
                    "trace: commands of a channel must come in order of time, not "
                    f"{event.kind.name} at {event.at_ps} ps after one at {last_ps} ps"
                )
            self._last_ps[channel] = event.at_ps
        self._events.append(self._on_bus(event) if self.on_bus else event)
        self.commands += 1
        if len(self._events) == _TOGETHER:
            self._write_events()

    def add_block(self, block: Block, wait_clocks: Numbers) -> None:
        """Write commands unchanged; they must be legal and, on a bus, on different clock edges.

        ``wait_clocks`` says for how long the bus delayed each of them.
        """
        self._write_events()
        room = self.room
        self._waited += int(np.count_nonzero(wait_clocks[:room]))
        longest = int(wait_clocks[:room].max(initial=0))
        self._longest_wait_clocks = max(self._longest_wait_clocks, longest)
        self.commands += len(block)
        self._write(block[:room])
        if self.commands > self._limit:
            self._finish()

    def skip(self, commands: int) -> None:
        """Count commands that the caller did not pass on because the trace is full."""
        self.commands += commands
        if self.commands > self._limit:
            self._finish()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
                for file, _ in self._files.values():
                    file.commit()
        finally:
            for file, _ in self._files.values():
                file.discard()
        if kind is None and self.commands > self._limit:
            self.remarks.insert(
                0,
                f"trace {str(self.path)!r} stopped after {self._limit:,} of "
                f"{self.commands:,} commands",
            )

    def _on_bus(self, event: Event) -> Event:
        """The event at the first time at which it is legal and the bus is free."""
        if self._bus is None:
            self._bus = BusScheduler(self._standard, replace(self._options, refresh=False))
        at_ps = self._bus.issue_earliest(event.kind, event.bank, event.at_ps, event.to)
        self._waited, self._longest_wait_clocks = (
            self._bus.waited, self._bus.longest_wait_clocks,
        )  # fmt: skip
        return replace(event, at_ps=at_ps)

    def _write_events(self) -> None:
        if self._events:
            self._write(Block.of(self._events))
            self._events = []

    def _write(self, block: Block) -> None:
        if not self._several:
            self._files[0][1].add_block(block)
            return
        channels = block.bank // self._banks_per_channel
        for channel in np.unique(channels).tolist():
            if channel not in self._files:
                self._open(channel)
            self._files[channel][1].add_block(block[channels == channel])

    def _open(self, channel: int) -> None:
        path = self.path
        if self._several:
            packed = ".gz" if path.suffix == ".gz" else ""
            path = path.with_name(f"{path.name.removesuffix(packed)}.ch{channel}{packed}")
        file = OutFile(path)
        try:
            made = (file.write, self._standard, self._options)
            writer = (
                CommandTrace(self._form, *made)
                if issubclass(self._form, Dialect)
                else self._form(*made)
            )
        except BaseException:
            file.discard()
            raise
        self._files[channel] = file, writer

    def _finish(self) -> None:
        if self._finished:
            return
        self._write_events()
        self._finished = True
        for file, writer in self._files.values():
            found = [f"trace {str(file.path)!r}: {remark}" for remark in writer.finish()]
            self.remarks.extend(found)
            file.close()
        if self._waited:
            self.remarks.append(
                f"trace {str(self.path)!r}: {self._waited} of "
                f"{min(self.commands, self._limit)} commands wait up to "
                f"{self._longest_wait_clocks} clocks for a free one on the command bus, which "
                "pimsim does not model"
            )


_TOGETHER = 4096
"""How many commands that are added one by one are written together."""
