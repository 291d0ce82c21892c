"""Counting ones down a column: full adders over rows of weight 1, 2, 4, ...

Rows of equal weight are added three at a time; the sum stays at its weight and the carry moves to
the next, until one row is left at each weight. Rows are added as they come, so few are pending at
any time. A row may hold the complement of its bit: the adder absorbs that (see
:mod:`pimsim.microprogram.arithmetic`), which is how a weight of -1 is folded into the command
stream at no cost. Adding n rows of weight 1 takes n - popcount(n) adders.

>>> print(len(popcount(7)), len(popcount(15)), len(popcount(784)), len(popcount(1152)))
32 88 6248 9200
>>> popcount(7).outputs
('sum0', 'sum1', 'sum2')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.errors import InputError
from pimsim.microprogram import bitsets
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.arithmetic import FULL_ADDER, FULL_ADDER_NOT_C, rows
from pimsim.microprogram.program import Command, Program
from pimsim.microprogram.schedule import Rows, Schedule, Step, variants

Flags = NDArray[np.bool_]


class Row(NamedTuple):
    """A row on its way through the adders."""

    address: Rows
    complement: int
    """Set of outputs for which the row holds the complement of its bit, see
    :mod:`pimsim.microprogram.bitsets`."""
    owned: bool
    """Whether the counter took the row from the allocator, and gives it back when it was added."""
    outputs: int

    @property
    def inverted(self) -> Flags:
        """(outputs,) True where the row holds the complement of its bit."""
        return bitsets.flags([self.complement], self.outputs).reshape(-1)


class Adder(NamedTuple):
    """A full adder that is still to be written."""

    operands: tuple[Row, Row, Row]
    total: int
    carry: int


class Counter:
    """Adds rows into a binary number, writing full adders to a schedule.

    Args:
        schedule: where the adders go.
        allocator: data rows for sums and carries.
        highest: no column's total exceeds this; carries beyond it are not kept.

    """

    def __init__(self, schedule: Schedule, allocator: RowAllocator, highest: int) -> None:
        self.schedule = schedule
        self._allocator = allocator
        self._map = schedule.address_map
        plain, not_c = FULL_ADDER.on(self._map), FULL_ADDER_NOT_C.on(self._map)
        self._plain, self._not_c, self._either = (plain,), (not_c,), variants((plain, not_c))
        self._first = self._map.first_data
        self._levels: list[list[Row]] = [[] for _ in range(max(highest, 1).bit_length())]
        self._adders: list[Adder] = []

    def add(self, level: int, address: Rows, inverted: Flags | bool, *, owned: bool) -> None:
        """Add a row of weight 2**level."""
        outputs = self.schedule.outputs
        if isinstance(inverted, bool):
            complement = (1 << outputs) - 1 if inverted else 0
        else:
            complement = bitsets.number(np.broadcast_to(inverted, (outputs,)))
        where = self.schedule.fitted("a row to add", address)
        self._push(level, Row(where, complement, owned, outputs))
        self._write()

    def add_all(self, level: int, addresses: NDArray[np.int32], complements: Sequence[int]) -> None:
        """Add rows of weight 2**level, in order.

        Args:
            level: exponent of the weight.
            addresses: (rows, outputs).
            complements: per row, outputs for which it holds the complement, as in
                :attr:`Row.complement`.

        """
        outputs = self.schedule.outputs
        for address, complement in zip(addresses, complements, strict=True):
            self._push(level, Row(address, complement, False, outputs))
        self._write()

    def finish(self) -> list[Row]:
        """Bits of the total, least significant first, one row each."""
        for level, pending in enumerate(self._levels):
            if len(pending) == 2:
                first, second = pending
                self._adder(level, first, second, self._zero_like(first, second))
        self._write()
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
            first, second, third = pending
            self._adder(level, first, second, third)

    def _adder(self, level: int, a: Row, b: Row, c: Row) -> None:
        total, carry = self._allocator.take(2, "adding rows")
        total, carry = self._first + total, self._first + carry
        self._adders.append(Adder((a, b, c), total, carry))
        for row in (a, b, c):
            self._give_back(row)
        # The sum of three complements is the complement of the sum, and so is the carry.
        result = a.complement & b.complement | c.complement & (a.complement | b.complement)
        self._levels[level][:] = [Row(total, result, True, a.outputs)]
        self._push(level + 1, Row(carry, result, True, a.outputs))

    def _zero(self) -> Row:
        return Row(self._map.constant(0), 0, False, self.schedule.outputs)

    def _zero_like(self, first: Row, second: Row) -> Row:
        # If both operands are complemented, the zeros are, too, so that the plain adder serves.
        both = first.complement & second.complement
        ones, zeros = self._map.constant(1), self._map.constant(0)
        flags = bitsets.flags([both], first.outputs)[0]
        address: Rows = np.where(flags, ones, zeros).astype(np.int32) if both else zeros
        return Row(address, both, False, first.outputs)

    def _give_back(self, row: Row) -> None:
        if row.owned:
            self._allocator.give_back([int(row.address) - self._first])

    # -- writing the adders of many rows at once -----------------------------------------------

    def _write(self) -> None:
        if not self._adders:
            return
        adders, self._adders = self._adders, []
        outputs = self.schedule.outputs
        every = (1 << outputs) - 1
        odd = [_odd(*(row.complement for row in adder.operands)) for adder in adders]
        mixed = [(adder, each) for adder, each in zip(adders, odd, strict=True) if any(each)]
        exchanged = iter(_exchange([adder for adder, _ in mixed], [each for _, each in mixed]))
        which = iter(bitsets.flags([a | b | c for _, (a, b, c) in mixed], outputs) if mixed else ())
        steps: list[Step] = []
        for (operands, total, carry), (a, b, c) in zip(adders, odd, strict=True):
            if not a | b | c:
                first, second, third = operands
                rows: tuple[Rows, ...] = (first.address, second.address, third.address)
                steps.append(Step(self._plain, None, (*rows, total, carry)))
                continue
            rows, kinds = next(exchanged), next(which)
            if a | b | c == every:
                steps.append(Step(self._not_c, None, (*rows, total, carry)))
            else:
                steps.append(Step(self._either, kinds.view(np.uint8), (*rows, total, carry)))
        self.schedule.put(steps)


def _odd(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Outputs for which one operand differs from the other two in being complemented.

    Returns three sets: outputs for which the first, the second or the third operand differs.
    """
    return (a ^ b) & (a ^ c), (b ^ a) & (b ^ c), (c ^ a) & (c ^ b)


def _exchange(
    adders: list[Adder], odd: list[tuple[int, int, int]]
) -> Iterable[tuple[NDArray[np.int32], ...]]:
    """Addresses in which the operand that differs has changed places with the third."""
    if not adders:
        return ()
    outputs = adders[0].operands[0].outputs
    table = np.empty((3, len(adders), outputs), dtype=np.int32)
    for number, adder in enumerate(adders):
        for place, row in zip(table, adder.operands, strict=True):
            place[number] = row.address
    first = bitsets.flags([a for a, _, _ in odd], outputs)
    second = bitsets.flags([b for _, b, _ in odd], outputs)
    a, b, c = table
    third = np.where(first, a, np.where(second, b, c))
    return zip(np.where(first, c, a), np.where(second, c, b), third, strict=True)


def popcount(inputs: int, address_map: AddressMap = DEFAULT_MAP) -> Program:
    """Number of ones among ``inputs`` >= 2 rows by full adders, 8 (n - popcount(n)) commands.

    This is the published way; :func:`pimsim.microprogram.accumulation.popcount` takes fewer.
    """
    if inputs < 2:
        raise InputError(f"popcount must have at least 2 input rows, not {inputs}")
    schedule = Schedule(1, address_map)
    allocator = RowAllocator(4 * inputs)
    names = {}
    counter = Counter(schedule, allocator, inputs)
    for name, row in zip(rows("x", inputs), allocator.take(inputs, "inputs"), strict=True):
        names[address_map.first_data + row] = name
        counter.add(0, address_map.first_data + row, False, owned=False)
    bits = counter.finish()
    outputs = rows("sum", len(bits))
    names |= {int(row.address): name for row, name in zip(bits, outputs, strict=True)}
    commands, scratch = spelled(schedule, names)
    return Program("popcount-simdram", commands, rows("x", inputs), outputs, scratch, address_map)


def spelled(
    schedule: Schedule, names: Mapping[int, str]
) -> tuple[tuple[Command, ...], tuple[str, ...]]:
    """Commands of a one-output schedule with ``names`` for its rows, and new names for the rest."""
    address_map = schedule.address_map
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
