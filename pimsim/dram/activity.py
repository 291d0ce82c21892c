"""What a stretch of simulated DRAM did: commands counted bank by bank.

An :class:`Activity` is filled by the executors as they carry out commands and is all that the
cost model sees, so time and energy cannot disagree with what was executed.

>>> one = CommandCounts(aap=3, ap=1, extra_wordlines=2)
>>> (one + one).aap
6
>>> Activity.of({0: one, 3: one}, banks=8).total().ap
2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class CommandCounts:
    """Commands that one bank carried out, each counted once.

    ``act`` and ``pre`` are those issued on their own, around column accesses; the activations
    inside an AAP (two) or an AP (one) are not repeated there. Every command addresses one row of
    the rank, that is ``row_bytes`` bytes over all chips; ``rd`` and ``wr`` are single bursts.
    """

    aap: int = 0
    """ACTIVATE-ACTIVATE-PRECHARGE."""
    ap: int = 0
    """ACTIVATE-PRECHARGE."""
    act: int = 0
    """ACTIVATE on its own."""
    pre: int = 0
    """PRECHARGE on its own."""
    rd: int = 0
    """READ bursts (64 bytes on a 64-bit DDR channel)."""
    wr: int = 0
    """WRITE bursts."""
    ref: int = 0
    """REFRESH."""
    extra_wordlines: int = 0
    """Wordlines raised beyond the first of each activation (a TRA counts two)."""

    def __add__(self, other: CommandCounts) -> CommandCounts:
        return CommandCounts(*(getattr(self, n) + getattr(other, n) for n in _NAMES))

    def __mul__(self, times: int) -> CommandCounts:
        return CommandCounts(*(getattr(self, n) * times for n in _NAMES))

    def commands(self) -> int:
        """Number of commands of all kinds."""
        return self.aap + self.ap + self.act + self.pre + self.rd + self.wr + self.ref


_NAMES = tuple(field.name for field in fields(CommandCounts))


@dataclass(frozen=True, slots=True)
class Activity:
    """Commands of one phase, bank by bank; the banks of a phase work at the same time."""

    banks: tuple[CommandCounts, ...]

    @staticmethod
    def of(counts: Mapping[int, CommandCounts], banks: int) -> Activity:
        """Activity of ``banks`` banks, of which those in ``counts`` did something."""
        return Activity(tuple(counts.get(b, CommandCounts()) for b in range(banks)))

    def __add__(self, other: Activity) -> Activity:
        return Activity(tuple(a + b for a, b in zip(self.banks, other.banks, strict=True)))

    def total(self) -> CommandCounts:
        """Commands of all banks together."""
        return sum(self.banks, CommandCounts())
