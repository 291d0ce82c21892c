"""Handing out the data rows of a subarray.

>>> rows = RowAllocator(4)
>>> rows.take(3, "operands")
[0, 1, 2]
>>> rows.give_back([1])
>>> rows.take(1, "a count")
[1]
>>> rows.peak
3
>>> rows.take(2, "scratch")
Traceback (most recent call last):
    ...
pimsim.errors.OutOfRowsError: scratch: 5 data rows are needed at once, the subarray has 4
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from pimsim.errors import OutOfRowsError


class RowAllocator:
    """Data rows 0 to ``capacity`` - 1, the lowest free row first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.peak = 0
        """Most rows in use at once so far."""
        self._free = list(range(capacity))
        self._used: set[int] = set()

    @property
    def left(self) -> int:
        """Rows that are free."""
        return len(self._free)

    def take(self, count: int, purpose: str) -> list[int]:
        """Hand out ``count`` rows; raises OutOfRowsError saying how many would be needed."""
        needed = len(self._used) + count
        if needed > self.capacity:
            raise OutOfRowsError(
                f"{purpose}: {needed} data rows are needed at once, the subarray has "
                f"{self.capacity}"
            )
        rows = [heapq.heappop(self._free) for _ in range(count)]
        self._used.update(rows)
        self.peak = max(self.peak, len(self._used))
        return rows

    def hold(self, rows: range, purpose: str) -> None:
        """Set rows apart by their numbers, before any others are handed out among them.

        Raises OutOfRowsError for rows that the subarray does not have.

        >>> rows = RowAllocator(4)
        >>> rows.hold(range(1, 3), "operands")
        >>> rows.take(2, "a count")
        [0, 3]
        """
        if rows and rows.stop > self.capacity:
            raise OutOfRowsError(
                f"{purpose}: {rows.stop} data rows are needed at once, the subarray has "
                f"{self.capacity}"
            )
        if not self._used.isdisjoint(rows):
            raise ValueError(f"{purpose}: rows {rows} are in use")
        self._used.update(rows)
        self.peak = max(self.peak, len(self._used))
        self._free = [row for row in self._free if row not in rows]
        heapq.heapify(self._free)

    def give_back(self, rows: Iterable[int]) -> None:
        """Take rows back; each must be in use."""
        for row in rows:
            self._used.remove(row)
            heapq.heappush(self._free, row)
