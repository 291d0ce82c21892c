"""Counting rows, and products of two rows, in however many rows are free.

Six commands an adder (:mod:`pimsim.microprogram.accumulation`) are only reached by long chains, for
which many rows must wait; and each pair of products (:mod:`pimsim.microprogram.and_count`) leaves a
row. A subarray full of operands has few free rows. So rows wait as long as there is room. When
there is none, the rows of the weight with the most waiting are added up, which frees half of them.

>>> from pimsim.dram.array.address_map import DEFAULT_MAP
>>> def commands(spare):
...     rows = RowAllocator(200 + spare)
...     taken = [DEFAULT_MAP.first_data + row for row in rows.take(200, "operands")]
...     products = list(zip(taken[:100], taken[100:]))
...     counter = ProductCounter(rows, (100).bit_length(), DEFAULT_MAP)
...     counter.add_ands(0, plain=products[:50], complemented=products[50:])
...     _ = counter.finish()
...     return sum(len(step.programs[0]) for step in counter.taken().steps)
>>> commands(100), commands(16)
(888, 926)
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.accumulation import (
    CONSTANT,
    Accumulator,
    Item,
    WorkRows,
    constant,
    in_turn,
)
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.and_count import BEGIN, KEEP, PAIRS
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule

Operands = Sequence[tuple[int, int]]
"""Addresses of the two rows of each product."""

_ZERO = constant(-1)
"""A bit that is 0 in every column."""


class ProductCounter:
    """Adds bits of rows into a binary number, modulo ``2**width``.

    Args:
        allocator: data rows for waiting rows and for sums.
        width: bits of the number.
        address_map: of the subarray.

    Raises OutOfRowsError, from any method, if there are too few rows even then.
    """

    def __init__(self, allocator: RowAllocator, width: int, address_map: AddressMap) -> None:
        self._map, self._rows = address_map, allocator
        work = WorkRows(allocator, address_map.first_data)
        self.accumulator = Accumulator(Schedule(1, address_map), work)
        """Writes the steps; also used for what is done with the number afterwards."""
        self._waiting: list[list[Item]] = [[] for _ in range(width)]

    def taken(self) -> Schedule:
        """Return the steps that have been written, and begin another schedule."""
        done, self.accumulator.schedule = self.accumulator.schedule, Schedule(1, self._map)
        return done

    def add(self, level: int, item: Item) -> None:
        """Add a row that counts for 2**level; it must not change until the end."""
        if level < len(self._waiting):
            self._waiting[level].append(item)
        else:
            self.accumulator.work.use(item.row)

    def add_product(self, level: int, program: Program, *rows: int) -> None:
        """Let a program write a bit to a row, the last of its symbols, and add that row."""
        self._make_room(1)
        out = self.accumulator.work.take()
        self.accumulator.put(program.on(self._map), *rows, out)
        self.add(level, Item(out, False))

    def add_ands(self, level: int, plain: Operands, complemented: Operands) -> None:
        """Add products x AND w that count for 2**level each.

        Args:
            level: exponent of that.
            plain: rows of x and of w.
            complemented: the same where both rows hold complements.

        """
        kept: tuple[list[tuple[int, int]], ...] = ([*plain], [*complemented])
        counts = len(plain) // 2, len(complemented) // 2
        order = list(in_turn(*counts, counts[1] > counts[0]))
        running = False
        for number, kind in enumerate(order):
            if not running:
                self._make_room(3)
                self._begin(level, complement=kind)
            carry = self.accumulator.work.take()
            # as many rows as the next pair takes, including those for the total
            last = number + 1 == len(order) or not self._has_room(2)
            after = "end" if last else "turned" if order[number + 1] == kind else ""
            (x, w), (y, u) = kept[kind].pop(), kept[kind].pop()
            rows = [x, w, y, u, carry, *([self.accumulator.work.take()] if last else [])]
            self.accumulator.put(PAIRS[kind, after].on(self._map), *rows)
            self.accumulator.adders += 1
            self.add(level + 1, Item(carry, kind))
            if last:
                self.add(level, Item(rows[-1], not kind))
            running = not last
        for kind in (False, True):
            for x, w in kept[kind]:
                self._make_room(1)
                out = self.accumulator.work.take()
                self.accumulator.put(KEEP[kind].on(self._map), x, w, out)
                self.add(level, Item(out, kind))

    def finish(self) -> list[Item]:
        """Bits of the number, the least significant first."""
        found = []
        for level, items in enumerate(self._waiting):
            if len(items) % 2 == 0:
                items.append(_ZERO)
            while len(items) > 1:
                self._add_up(level)
            found.append(items[0])
        return found

    def release(self, digits: Sequence[Item]) -> None:
        """Give back the rows of a finished number."""
        for item in digits:
            self.accumulator.work.use(item.row)

    # -- inside ------------------------------------------------------------------------------

    def _begin(self, level: int, *, complement: bool) -> None:
        """Begin a sum with a waiting row, as it stands or complemented."""
        items = self._waiting[level] if level < len(self._waiting) else []
        first = next((item for item in items if item.complement == complement), None)
        if first is not None:
            items.remove(first)
        row = self.accumulator.row(_ZERO if first is None else first, complement)
        self.accumulator.put(BEGIN.on(self._map), row)
        self.accumulator.work.use(row)

    def _has_room(self, rows: int) -> bool:
        """Whether, after taking ``rows`` more, the fullest level could be added up in one chain."""
        most = max(map(len, self._waiting))
        return self._rows.left - rows >= (most + 1) // 2

    def _make_room(self, rows: int) -> None:
        """Add up waiting rows until there is room."""
        while not self._has_room(rows):
            level = max(range(len(self._waiting)), key=lambda one: len(self._waiting[one]))
            if len(self._waiting[level]) < 3:  # a pair and a carry would free nothing
                return
            self._add_up(level)

    def _add_up(self, level: int) -> None:
        """Add waiting rows of a level, as many as there are rows for the carries."""
        items = self._waiting[level]
        adders = min((len(items) - 1) // 2, max(self._rows.left - 1, 1))
        used = 2 * adders + 1
        total, rest, carries = self.accumulator.add(items[:used], adders)
        items[:] = [*items[used:], *rest, total]
        for carry in carries:
            self.add(level + 1, carry)


def is_zero(digit: Item) -> bool:
    """Whether a bit of a number is 0 in every column.

    >>> is_zero(_ZERO)
    True
    """
    if digit.row == CONSTANT and not digit.complement:
        raise ValueError("nothing that is 1 everywhere is counted")
    return digit.row == CONSTANT
