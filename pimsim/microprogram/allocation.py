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

from collections.abc import Iterable

import numpy as np

from pimsim.errors import OutOfRowsError

_FEW = 16
"""Up to this many rows are taken one by one."""


class RowAllocator:
    """Data rows 0 to ``capacity`` - 1, the lowest free row first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.peak = 0
        """Most rows in use at once so far."""
        self.left = capacity
        """Rows that are free."""
        self._free = (1 << max(capacity, 0)) - 1
        """Bit n says whether row n is free."""

    def take(self, count: int, purpose: str) -> list[int]:
        """Hand out ``count`` rows; raises OutOfRowsError saying how many would be needed."""
        left = self.left - count
        if left < 0:
            raise OutOfRowsError(
                f"{purpose}: {self.capacity - left} data rows are needed at once, the subarray has "
                f"{self.capacity}"
            )
        rows, free = [], self._free
        if count > _FEW:
            rows = _lowest(free, count)
            free -= free & ((2 << rows[-1]) - 1)
        else:
            for _ in range(count):
                lowest = free & -free
                rows.append(lowest.bit_length() - 1)
                free ^= lowest
        self._set(free, left)
        return rows

    def hold(self, rows: range, purpose: str) -> None:
        """Reserve rows by their numbers; none of them may be in use yet.

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
        if rows.step == 1:
            held = ((1 << len(rows)) - 1) << rows.start
        else:
            held = sum(1 << row for row in rows)
        if held & ~self._free:
            raise ValueError(f"{purpose}: rows {rows} are in use")
        self._set(self._free ^ held, self.left - len(rows))

    def give_back(self, rows: Iterable[int]) -> None:
        """Take rows back; each must be in use."""
        for row in rows:
            if not 0 <= row < self.capacity or self._free >> row & 1:
                raise KeyError(row)
            self._free |= 1 << row
            self.left += 1

    def _set(self, free: int, left: int) -> None:
        """Set the free rows, and their number."""
        self._free, self.left = free, left
        if self.capacity - left > self.peak:
            self.peak = self.capacity - left


def _lowest(free: int, count: int) -> list[int]:
    """The lowest ``count`` of the set bits of a number."""
    words = np.frombuffer(free.to_bytes(-(-free.bit_length() // 8), "little"), np.uint8)
    found: list[int] = np.flatnonzero(np.unpackbits(words, bitorder="little"))[:count].tolist()
    return found
