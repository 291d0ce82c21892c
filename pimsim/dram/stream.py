"""Streams of commands that banks execute in lock-step, with what repeats written once.

>>> from pimsim.dram.commands import Kind
>>> full_adder = ((Kind.AAP, 6), (Kind.AP, 1), (Kind.AAP, 1))
>>> segment = Segment((Run(full_adder, 784),), banks=(0, 1))
>>> segment.commands
12544
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pimsim.dram.commands import Kind

Visit: TypeAlias = tuple[tuple[Kind, int], ...]
"""Commands of one bank in order, each kind with how often it comes in a row: a microprogram, or
ACT, column accesses and PRE."""


@dataclass(frozen=True, slots=True)
class Run:
    """One visit, repeated."""

    visit: Visit
    times: int

    @property
    def commands(self) -> int:
        """Commands that one bank executes."""
        return self.times * sum(times for _, times in self.visit)


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs that some banks execute in lock-step: one command in every bank, then the next."""

    runs: tuple[Run, ...]
    banks: tuple[int, ...]
    """System-wide numbers, in the order of issue."""

    @property
    def commands(self) -> int:
        """Commands of all banks together."""
        return len(self.banks) * sum(run.commands for run in self.runs)
