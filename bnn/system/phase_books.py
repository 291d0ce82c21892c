"""The books of one phase of a layer: commands as they are told, and the time that they took.

Commands are noted as runs, and counted only when somebody asks, because many runs are the same.

>>> from pimsim.dram.timeline.command_stream import row_cycle
>>> books = PhaseBooks()
>>> books.note([Run(row_cycle(Kind.WR, 3), 5)], times=2)      # five rows, of each of two banks
>>> books.counts.act, books.counts.wr
(10, 30)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pimsim.cost import Elapsed
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.timeline.command_stream import Run


class PhaseBooks:
    """Commands of a phase, all banks together, and how long they took; nothing at first."""

    def __init__(self, counts: CommandCounts | None = None, elapsed: Elapsed | None = None) -> None:
        self.elapsed = elapsed or Elapsed()
        self._counts = counts or CommandCounts()
        self._noted: dict[tuple[tuple[Run, ...], int], int] = {}
        """How often banks had some runs, for one or two ends; not counted yet."""
        self._extra_wordlines = 0

    def note(
        self, runs: Sequence[Run], times: int, ends: int = 1, extra_wordlines: int = 0
    ) -> None:
        """Count runs of so many banks, or of so many pairs of them with two ``ends``."""
        key = tuple(runs), ends
        self._noted[key] = self._noted.get(key, 0) + times
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
        for (runs, ends), times in self._noted.items():
            found += _totals(runs, ends) * times
        self._counts, self._extra_wordlines = found, 0
        self._noted.clear()
        return found


@cache
def _totals(runs: tuple[Run, ...], ends: int = 1) -> CommandCounts:
    """Commands of a bank, or of a pair of banks: all but a TRANSFER are for both ``ends``."""
    counts = dict.fromkeys(Kind, 0)
    for run in runs:
        for kind, times in run.cycle:
            counts[kind] += run.times * times * (1 if kind is Kind.TRANSFER else ends)
    return CommandCounts(**{kind.name.lower(): times for kind, times in counts.items()})
