"""The books of one phase of a layer: commands as they are told, and the time that they took.

Commands are noted as runs, and counted only when somebody asks, because many runs are the same.

>>> from pimsim.dram.timeline.command_stream import row_cycle
>>> books = PhaseBooks()
>>> books.note([Run(row_cycle(Kind.WR, 3), 5)], times=2)      # five rows, of each of two banks
>>> books.counts.act, books.counts.wr
(10, 30)
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache

from pimsim.cost import Elapsed
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.timeline.command_stream import RowCycle, Run

_FEW = 16
"""So many runs are known by what they are; more only by being the same tuple."""


class PhaseBooks:
    """Commands of a phase, all banks together, and how long they took; nothing at first."""

    def __init__(self, counts: CommandCounts | None = None, elapsed: Elapsed | None = None) -> None:
        self.elapsed = elapsed or Elapsed()
        self._counts = counts or CommandCounts()
        self._noted: dict[Hashable, tuple[tuple[Run, ...], int, int]] = {}
        """Runs that banks had, for one or two ends, and how often; not counted yet."""
        self._extra_wordlines = 0

    def note(
        self, runs: Sequence[Run], times: int, ends: int = 1, extra_wordlines: int = 0
    ) -> None:
        """Count runs of so many banks, or of so many pairs of them with two ``ends``."""
        held = tuple(runs)
        key = held if len(held) <= _FEW else id(held), ends
        before = self._noted.get(key, (held, ends, 0))
        self._noted[key] = *before[:2], before[2] + times
        self._extra_wordlines += extra_wordlines

    def add(
        self, counts: CommandCounts | None = None, elapsed: Elapsed | None = None, times: int = 1
    ) -> None:
        """Count commands so many times, and time."""
        if counts is not None:
            self._counts += counts * times
        if elapsed is not None:
            self.elapsed += elapsed * times

    @property
    def counts(self) -> CommandCounts:
        """Commands, without REFs."""
        found = self._counts + CommandCounts(extra_wordlines=self._extra_wordlines)
        for runs, ends, times in self._noted.values():
            totals = _totals if len(runs) <= _FEW else _added_up
            found += totals(runs, ends) * times
        self._counts, self._extra_wordlines = found, 0
        self._noted.clear()
        return found


def _added_up(runs: tuple[Run, ...], ends: int = 1) -> CommandCounts:
    """Commands of a bank, or of a pair of banks: all but a TRANSFER are for both ``ends``."""
    times_of: dict[int, tuple[RowCycle, int]] = {}
    for run in runs:
        key = id(run.cycle)
        times_of[key] = run.cycle, run.times + (times_of[key][1] if key in times_of else 0)
    counts = dict.fromkeys(Kind, 0)
    for cycle, often in times_of.values():
        for kind, times in cycle:
            counts[kind] += often * times * (1 if kind is Kind.TRANSFER else ends)
    return CommandCounts(**{kind.name.lower(): times for kind, times in counts.items()})


_totals = cache(_added_up)
