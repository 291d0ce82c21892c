"""Counting the commands of subarrays in lock-step, lane by lane.

>>> import numpy as np
>>> tally = Tally(lanes=2, extra_wordlines=[0, 2])
>>> tally.add("aap", 3, None)
>>> tally.add("aap", 1, np.array([1]))
>>> tally.open(1, None)
>>> [(lane.aap, lane.extra_wordlines) for lane in tally.counts()]
[(3, 2), (4, 2)]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.counts import CommandCounts

_NAMES = ("aap", "ap", "act", "pre", "rd", "wr", "transfer")


class Tally:
    """Commands by lane; what all lanes do together is counted once, in a number.

    Args:
        lanes: subarrays in lock-step.
        extra_wordlines: for each B-group address, the wordlines that it raises beyond the first.

    """

    def __init__(self, lanes: int, extra_wordlines: Sequence[int]) -> None:
        self._lanes = lanes
        self._extra = np.array(extra_wordlines, dtype=np.int64)
        self.clear()

    def clear(self) -> None:
        """Start counting anew."""
        self._together = dict.fromkeys(_NAMES, 0)
        self._apart = {name: np.zeros(self._lanes, dtype=np.int64) for name in _NAMES}
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
                **{name: self._together[name] + int(self._apart[name][lane]) for name in _NAMES},
                extra_wordlines=extra[lane],
            )
            for lane in range(self._lanes)
        ]
