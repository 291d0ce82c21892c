"""Counting ones down a column: full adders over rows of weight 1, 2, 4, ...

Rows of equal weight are added three at a time; the sum stays at its weight and the carry moves to
the next, until one row is left at each weight. Rows are taken in as they come, so that few are
pending at any time. A row may stand inverted: the adder absorbs that (see
:mod:`pimsim.microprogram.arithmetic`), which is how a weight of -1 is folded into the command
stream at no cost. Adding n rows of weight 1 takes n - popcount(n) adders.

>>> print(len(popcount(7)), len(popcount(15)), len(popcount(784)), len(popcount(1152)))
32 88 6248 9200
>>> popcount(7).outputs
('sum0', 'sum1', 'sum2')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.rowgroups import AddressMap, ambit
from pimsim.errors import InputError
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.arithmetic import FULL_ADDER, FULL_ADDER_NOT_C, rows
from pimsim.microprogram.program import Command, Program
from pimsim.microprogram.schedule import Rows, Schedule

Flags = NDArray[np.bool_]
_ADDERS = (FULL_ADDER, FULL_ADDER_NOT_C)


@dataclass(frozen=True, slots=True)
class Row:
    """A row on its way through the adders."""

    address: Rows
    inverted: Flags
    """(outputs,) True where the row holds the complement of its bit."""
    owned: bool
    """Whether the counter took the row from the allocator and gives it back once added."""


class Counter:
    """Adds rows into a binary number, writing full adders to a schedule.

    Args:
        schedule: where the adders go.
        allocator: data rows for sums and carries.
        highest: no column's total exceeds this; carries beyond it are not kept.

    """

    def __init__(
        self,
        schedule: Schedule,
        allocator: RowAllocator,
        highest: int,
        address_map: AddressMap | None = None,
    ) -> None:
        self.schedule = schedule
        self._allocator = allocator
        self._map = address_map or ambit()
        self._levels: list[list[Row]] = [[] for _ in range(max(highest, 1).bit_length())]

    def add(self, level: int, address: Rows, inverted: Flags | bool, *, owned: bool) -> None:
        """Take in a row of weight 2**level."""
        flags = np.broadcast_to(np.asarray(inverted, dtype=np.bool_), (self.schedule.outputs,))
        self._push(level, Row(address, flags, owned))

    def finish(self) -> list[Row]:
        """Bits of the total, least significant first, one row each."""
        for level, pending in enumerate(self._levels):
            if len(pending) == 2:
                self._adder(level, *pending, self._zero_like(*pending))
        return [pending[0] if pending else self._zero() for pending in self._levels]

    def release(self, bits: list[Row]) -> None:
        """Give back the rows of a finished total."""
        for row in bits:
            self._give_back(row)

    def _push(self, level: int, row: Row) -> None:
        if level >= len(self._levels):
            self._give_back(row)
            return
        pending = self._levels[level]
        pending.append(row)
        if len(pending) == 3:
            self._adder(level, *pending)

    def _adder(self, level: int, *operands: Row) -> None:
        inverted = np.stack([row.inverted for row in operands])
        how_many = inverted.sum(axis=0)
        mixed = (how_many == 1) | (how_many == 2)
        # The operand that differs from the two others goes to the third place.
        odd = np.argmax(inverted == (how_many == 1), axis=0)
        a, b, c = (row.address for row in operands)
        if mixed.any():
            a, b, c = _exchange(operands, np.where(mixed, odd, 2))
        total, carry = self._allocator.take(2, "adding rows")
        first = self._map.first_data
        self.schedule.append(_ADDERS, mixed, a=a, b=b, c=c, sum=first + total, carry=first + carry)
        for row in operands:
            self._give_back(row)
        result = how_many >= 2
        self._levels[level][:] = [Row(first + total, result, True)]
        self._push(level + 1, Row(first + carry, result, True))

    def _zero(self) -> Row:
        nothing = np.zeros(self.schedule.outputs, dtype=np.bool_)
        return Row(self._map.address("C0"), nothing, False)

    def _zero_like(self, first: Row, second: Row) -> Row:
        # Inverted zeros where both operands are inverted, so that the plain adder serves.
        inverted = first.inverted & second.inverted
        ones, zeros = self._map.address("C1"), self._map.address("C0")
        address: Rows = np.where(inverted, ones, zeros) if inverted.any() else zeros
        return Row(address, inverted, False)

    def _give_back(self, row: Row) -> None:
        if row.owned:
            self._allocator.give_back([int(row.address) - self._map.first_data])


def _exchange(operands: tuple[Row, ...], odd: NDArray[np.intp]) -> tuple[Rows, Rows, Rows]:
    """Addresses with the operand ``odd`` (outputs,) exchanged with the third."""
    table = np.stack([np.broadcast_to(row.address, odd.shape) for row in operands])
    every = np.arange(len(odd))
    third = table[2].copy()
    table[2] = table[odd, every]
    table[odd, every] = np.where(odd == 2, table[2], third)
    return table[0], table[1], table[2]


def popcount(inputs: int) -> Program:
    """Number of ones among ``inputs`` >= 2 rows, 8 (n - popcount(n)) commands."""
    if inputs < 2:
        raise InputError(f"popcount must have at least 2 input rows, not {inputs}")
    schedule, address_map = Schedule(outputs=1), ambit()
    allocator = RowAllocator(4 * inputs)
    names = {}
    counter = Counter(schedule, allocator, inputs)
    for name, row in zip(rows("x", inputs), allocator.take(inputs, "inputs"), strict=True):
        names[address_map.first_data + row] = name
        counter.add(0, address_map.first_data + row, False, owned=False)
    bits = counter.finish()
    outputs = rows("sum", len(bits))
    names |= {int(row.address): name for row, name in zip(bits, outputs, strict=True)}
    commands, scratch = _spell(schedule, names, address_map)
    return Program("popcount", commands, rows("x", inputs), outputs, scratch)


def _spell(
    schedule: Schedule, names: Mapping[int, str], address_map: AddressMap
) -> tuple[tuple[Command, ...], tuple[str, ...]]:
    """Commands of a one-output schedule with ``names`` for its rows, and new names for the rest."""
    scratch: dict[int, str] = {}
    commands: list[Command] = []
    for step in schedule.steps:
        (program,) = step.programs
        given = {}
        for symbol, address in zip(program.symbols, map(int, step.rows), strict=True):
            if address < address_map.first_data:
                given[symbol] = address_map.label(address)
            elif address in names:
                given[symbol] = names[address]
            else:
                given[symbol] = scratch.setdefault(address, f"t{len(scratch)}")
        commands += program.placed(**given)
    return tuple(commands), tuple(scratch.values())
