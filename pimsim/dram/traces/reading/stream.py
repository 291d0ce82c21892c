r"""A trace from beginning to end: whether it is legal, its counts and its time.

>>> import tempfile
>>> from pimsim.dram.standard.standard import load
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder) / "mine.txt"
...     _ = path.write_text("0 AAP 0 5 1008\n40000 AP 0 1006\n")
...     found = read(path, load("ddr3-1600-8-8-8"), ModelOptions())
>>> found.counts.aap, found.counts.ap, found.violations
(1, 1, {'tRC': 1, 'tRP': 1})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from pimsim.documents import nearest
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.reading.formats import READERS, FromPlain, recognized
from pimsim.dram.traces.reading.legality import SHOWN, Checker, Violation
from pimsim.dram.traces.reading.parts import Parts, Unfolding
from pimsim.dram.traces.reading.source import Lines, blocks
from pimsim.dram.traces.reading.tally import Tally
from pimsim.errors import DramError, InputError


@dataclass(frozen=True, slots=True)
class Found:
    """What a trace holds."""

    form: str
    """Its format."""
    on_bus: bool
    """Whether the format is that of a command bus, with commands on clock edges."""
    counts: CommandCounts
    """Commands, without REFs."""
    latency_ps: int
    """When all ranks are precharged and free."""
    held_ps: int
    """That time of each rank that has commands, summed over ranks."""

    open_ps: int
    """The part of that time in which a bank is open or refreshing."""
    bank_open_ps: int
    """Time with a bank open, summed over banks; a REF counts for all banks of its rank."""
    refreshes: int
    violations: Mapping[str, int]
    """How many commands violate each constraint."""
    first: tuple[Violation, ...]
    """The first of them."""
    scheduled: bool
    """Whether the trace has no times of its own; those used are the earliest legal ones."""
    lacks: tuple[str, ...]
    """What of a run the format does not hold."""


def read(path: Path, standard: Standard, options: ModelOptions, form: str | None = None) -> Found:
    """Read a trace, some commands at a time.

    If the format is that of a command bus, commands are on clock edges, and timing counts in whole
    clocks. If a trace in plain text has no times, its commands are issued in order, each as early
    as legal, together with the REFs that fall due if the options have refresh.

    Raises :class:`~pimsim.errors.InputError` for an unknown format, a file that cannot be read, an
    unknown command, a time that goes back, and a bank that the standard does not have.
    """
    if form is not None and form not in READERS:
        raise InputError(f"unknown trace format {form!r}{nearest(form, tuple(READERS))}")
    every = blocks(path)
    first = next(every, None)
    if first is None:
        raise InputError(f"{path.name}: a trace must hold commands, not none")
    form = form or recognized(first)
    reader = READERS[form](standard)
    if reader.on_bus:
        options = replace(options, clocked=True)
    issuing = _Issuing(standard, options)
    channels: dict[int, _Channel] = {}
    for lines in chain([first], every):
        parts = reader.read(lines)
        if isinstance(reader, FromPlain) and reader.timed is False:
            parts = issuing.issued(parts, lines)
        numbers = parts.bank // (standard.banks * standard.ranks)
        for number in np.unique(numbers).tolist():
            if number not in channels:
                channels[number] = _Channel(standard, options, on_bus=reader.on_bus)
            channels[number].add(parts[numbers == number], lines)
    if not channels:
        raise InputError(f"{path.name}: a trace must hold commands, not none")
    for channel in channels.values():
        channel.finish()
    tallies = [channel.tally for channel in channels.values()]
    counts: Counter[str] = Counter()
    for channel in channels.values():
        counts += channel.checker.counts
    violations = sorted(one for channel in channels.values() for one in channel.checker.found)
    return Found(
        form,
        reader.on_bus,
        sum((tally.counts for tally in tallies), CommandCounts()),
        max(tally.latency_ps for tally in tallies),
        sum(tally.held_ps for tally in tallies),
        sum(tally.open_ps for tally in tallies),
        sum(tally.bank_open_ps for tally in tallies),
        sum(tally.refreshes for tally in tallies),
        dict(sorted(counts.items())),
        tuple(violations[:SHOWN]),
        isinstance(reader, FromPlain) and reader.timed is False,
        reader.lacks,
    )


class _Channel:
    """The commands of a channel, which do not depend on those of another."""

    def __init__(self, standard: Standard, options: ModelOptions, *, on_bus: bool) -> None:
        self.tally = Tally(standard, options)
        self.checker = Checker(standard, options, on_bus=on_bus)
        self._unfolding = Unfolding(standard, options)
        self._last_ps = 0

    def add(self, parts: Parts, lines: Lines) -> None:
        """Take commands; times must go forward, those of REFs excepted."""
        timed = parts[parts.kind != Kind.REF]
        before = np.concatenate([[self._last_ps], timed.at_ps[:-1]])
        back = timed.at_ps < before[: len(timed)]
        if back.any():
            index = int(np.argmax(back))
            lines.refuse(
                int(timed.line[index]) - lines.first,
                f"times of a channel must not go back, from {before[index]:,} ps to "
                f"{timed.at_ps[index]:,} ps",
            )
        late = (parts.kind == Kind.REF) & (parts.at_ps < self._last_ps)
        if late.any():
            self.tally.add_idle_refreshes(int(late.sum()))
        if len(timed):
            self._last_ps = int(timed.at_ps[-1])
        self._settle(self._unfolding.add(parts[~late], self._last_ps))

    def finish(self) -> None:
        """Take what is left."""
        self._settle(self._unfolding.rest())
        self.tally.finish()

    def _settle(self, parts: Parts) -> None:
        self.checker.add(parts)
        self.tally.add(parts)


class _Issuing:
    """Gives commands without times the earliest legal times."""

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        self._scheduler = Scheduler(standard, replace(options, refresh=False))
        self._refi_ps = effective_timing(standard, options).t_refi_ps if options.refresh else 0

    def issued(self, parts: Parts, lines: Lines) -> Parts:
        """Return the commands with times, and with the REFs that are due before them."""
        found: list[tuple[int, int, int, int, int]] = []
        scheduler = self._scheduler
        columns = (parts.kind, parts.bank, parts.to, parts.line)
        every = zip(*(column.tolist() for column in columns), strict=True)
        for number, bank, other, line in every:
            kind, to = Kind(number), None if other < 0 else other
            rank = scheduler.rank_of(bank)
            try:
                while (
                    kind.opens
                    and self._refi_ps
                    and not rank.open_banks
                    and scheduler.earliest_ps(kind, bank) >= (rank.refs + 1) * self._refi_ps
                ):
                    front_ps = scheduler.front_ps(bank)
                    at_ps = scheduler.issue_earliest(Kind.REF, bank, front_ps)
                    found.append((at_ps, Kind.REF, bank, -1, line))
                found.append((scheduler.issue_earliest(kind, bank, to=to), kind, bank, other, line))
            except DramError as error:
                lines.refuse(line - lines.first, str(error))
        if not found:
            return parts
        return Parts(*(np.array(column, np.int64) for column in zip(*found, strict=True)))
