"""Commands that banks carried out, counted.

>>> one = CommandCounts(aap=3, ap=1, extra_wordlines=2)
>>> (one + one).aap
6
"""

from __future__ import annotations

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
    transfer: int = 0
    """TRANSFER of one burst from bank to bank, counted once for both."""

    def __add__(self, other: CommandCounts) -> CommandCounts:
        return CommandCounts(*(getattr(self, n) + getattr(other, n) for n in _NAMES))

    def __mul__(self, times: int) -> CommandCounts:
        return CommandCounts(*(getattr(self, n) * times for n in _NAMES))

    def commands(self) -> int:
        """Number of commands of all kinds."""
        return sum(getattr(self, name) for name in _NAMES if name != "extra_wordlines")


_NAMES = tuple(field.name for field in fields(CommandCounts))
