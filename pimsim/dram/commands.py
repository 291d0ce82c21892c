"""The commands of a DRAM channel, including those of processing-using-DRAM, and their counts.

>>> [kind.name for kind in Kind if kind.opens]
['ACT', 'AAP', 'AP']
>>> one = CommandCounts(aap=3, ap=1, extra_wordlines=2)
>>> (one + one).aap
6
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """A command. To the scheduler, an AAP or AP with its ACTs and PRE is one command."""

    ACT = 0
    """ACTIVATE."""
    PRE = 1
    """PRECHARGE of one bank."""
    RD = 2
    """READ of one burst."""
    WR = 3
    """WRITE of one burst."""
    REF = 4
    """REFRESH of all banks of a rank."""
    AAP = 5
    """ACTIVATE, ACTIVATE, PRECHARGE of one bank."""
    AP = 6
    """ACTIVATE, PRECHARGE of one bank."""
    TRANSFER = 7
    """One burst from an open row of a bank to an open row of another bank of the rank, over the
    chips' internal bus: what RowClone's pipelined serial mode (PSM) is made of."""

    @property
    def opens(self) -> bool:
        """Whether it begins with an ACTIVATE."""
        return self in (Kind.ACT, Kind.AAP, Kind.AP)


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
_COUNTED = ("aap", "ap", "act", "pre", "rd", "wr", "transfer")


class LaneCounts:
    """Commands of subarrays in lock-step, by lane; commands of all lanes share one counter.

    Args:
        lanes: subarrays in lock-step.
        extra_wordlines: for each B-group address, the wordlines that it raises beyond the first.

    >>> counts = LaneCounts(lanes=2, extra_wordlines=[0, 2])
    >>> counts.add("aap", 3, None)
    >>> counts.add("aap", 1, np.array([1]))
    >>> counts.open(1, None)
    >>> [(lane.aap, lane.extra_wordlines) for lane in counts.counts()]
    [(3, 2), (4, 2)]
    """

    def __init__(self, lanes: int, extra_wordlines: Sequence[int]) -> None:
        self._lanes = lanes
        self._extra = np.array(extra_wordlines, dtype=np.int64)
        self.clear()

    def clear(self) -> None:
        """Start counting anew."""
        self._together = dict.fromkeys(_COUNTED, 0)
        self._apart = {name: np.zeros(self._lanes, dtype=np.int64) for name in _COUNTED}
        self._opened_together = [0] * len(self._extra)
        self._opened_apart = np.zeros((len(self._extra), self._lanes), dtype=np.int64)

    def add(self, name: str, times: int, lanes: NDArray[np.intp] | None) -> None:
        """Count a command ``times`` times, in all lanes or in some."""
        if lanes is None:
            self._together[name] += times
        else:
            self._apart[name][lanes] += times

    def open(self, address: int, lanes: NDArray[np.intp] | None) -> None:
        """Count an activation of a B-group address, for the wordlines that it raises."""
        if lanes is None:
            self._opened_together[address] += 1
        else:
            self._opened_apart[address, lanes] += 1

    def counts(self) -> list[CommandCounts]:
        """Commands of each lane since the last :meth:`clear`."""
        opened = np.array(self._opened_together, dtype=np.int64)[:, None] + self._opened_apart
        extra = (self._extra @ opened).tolist()
        return [
            CommandCounts(
                **{name: self._together[name] + int(self._apart[name][lane]) for name in _COUNTED},
                extra_wordlines=extra[lane],
            )
            for lane in range(self._lanes)
        ]
