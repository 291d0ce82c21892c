"""Groups that are computed three times, in the same subarrays or in three sets, with a vote.

The bits of every repetition have rows of their own. If sums are wanted, the digits of leaves are
voted on. A leaf is settled to the same rows each time. These rows are copied away, or, the third
time, voted on at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.system.system import System
from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram import tape
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.output_tree.group import GroupPlan
from pimsim.microprogram.output_tree.renaming import renamed
from pimsim.microprogram.output_tree.stream import Stream, Votes, Window


def subarrays(system: System, parts: int) -> int:
    """Return how many subarrays of a bank all sets take, and one that votes on what they give."""
    return 3 * parts + 1 if system.mitigation.tmr == "banks" else parts


class Voting:
    """Whether groups of a stage are computed three times, and where.

    Args:
        system: whose mitigation it is.
        parts: subarrays that share a fan-in.
        first: place of the first data row.

    """

    def __init__(self, system: System, parts: int, first: int) -> None:
        tmr = system.mitigation.tmr
        self._in_place, self._in_sets = tmr == "time", tmr == "banks"
        self._parts, self._first, self._data_rows = parts, first, system.data_rows
        self.votes = self._in_place or self._in_sets
        self.sets = 3 if self._in_sets else 1
        """Sets of parts that compute the same."""
        self.subarrays = subarrays(system, parts)
        self._bits: list[list[int]] = []
        """Places of the bits of each repetition, where they are computed; nothing for sums."""

    def keep(self, bits: list[int], rows: RowAllocator) -> None:
        """Take rows for bits of further repetitions beside those at the places ``bits``.

        Raises OutOfRowsError if there are too few, here or where they are voted.
        """
        self._bits = [bits] * 3
        if self._in_place:
            more = [rows.take(len(bits), "bits to be voted") for _ in range(2)]
            self._bits = [bits, *([self._first + row for row in some] for some in more)]
        elif self._in_sets:
            self._arrivals(len(bits))

    def rows_of_digits(self, planned: GroupPlan) -> int:
        """Rows of the home that digits of two repetitions are kept in."""
        return 2 * _standing(planned) * (self._in_place and not planned.decides)

    def stream(
        self, windows: Sequence[Window], free: NDArray[np.int64], address_map: AddressMap
    ) -> Stream:
        """Stream of a group that is computed three times.

        Args:
            windows: what is done at each place, once.
            free: places of the home that are used least, the first ones.
            address_map: of the subarrays.

        """
        every = [self._repeated(one, n, address_map) for n in range(3) for one in windows]
        size = len(windows[0].plan.outputs)
        if not self._bits:
            size = sum(_standing(window.plan) for window in windows)
        if self._in_sets:
            homes = range(0, self.sets * self._parts, self._parts)
            rows = self._bits[0][:size] if self._bits else []
            brought = [[(home, row) for row in rows] for home in homes]
            votes = Votes(self.subarrays - 1, self._arrivals(size), brought if self._bits else ())
        elif self._bits:
            votes = Votes(0, [rows[:size] for rows in self._bits])
        else:
            kept: list[int] = free[: 2 * size].tolist()
            votes = Votes(windows[0].parts[0], [kept[:size], kept[size:]])
        return Stream(address_map, every, self.subarrays, votes=votes)

    def _repeated(self, window: Window, number: int, address_map: AddressMap) -> Window:
        """The same, computed once more."""
        if self._in_sets:
            first = number * self._parts
            return window._replace(parts=[first + part for part in window.parts], into=first)
        if not (number and self._bits):
            return window
        same = np.arange(self._first + self._data_rows)
        rows = same.copy()
        rows[self._bits[0]] = self._bits[number]
        own = [same if part else rows for part in window.parts]
        return window._replace(
            plan=renamed(window.plan, own, address_map),
            tail=tape.renamed(window.tail, rows, address_map),
        )

    def _arrivals(self, size: int) -> list[list[int]]:
        """Places, where there are no operands, of what is voted."""
        taken = RowAllocator(self._data_rows).take(3 * size, "what is voted")
        places = [self._first + row for row in taken]
        return [places[n * size : (n + 1) * size] for n in range(3)]


def _standing(planned: GroupPlan) -> int:
    """Digits of leaves that stand in rows."""
    return int((planned.digits >= 0).sum())
