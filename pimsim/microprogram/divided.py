"""What counting takes when the fan-in of an output is divided among subarrays.

Each subarray (*part*) counts the rows it holds. The digits of its count are moved to the first
part, the *home*, which adds them up and compares. This module has the steps of one output, to find
out what they take; a mapping lays out the same for a whole stage.

>>> from pimsim.dram.array.address_map import DEFAULT_MAP
>>> taken = full_adders(1152, 1, data_rows=1006, address_map=DEFAULT_MAP)
>>> taken.aap + taken.ap, taken.parts, taken.moved
(9299, 2, 10)
>>> full_adders(288, 1, data_rows=1006, address_map=DEFAULT_MAP).parts
1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.commands import Kind
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.accumulation import Item, constant
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.and_count import complemented
from pimsim.microprogram.arithmetic import greater_equal, greater_equal_constant
from pimsim.microprogram.counting import Counter, Row
from pimsim.microprogram.logic import XNOR
from pimsim.microprogram.output_tree.deciding import decide
from pimsim.microprogram.product_counter import ProductCounter, is_zero
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule


class Taken(NamedTuple):
    """What counting takes, for one output."""

    aap: int
    ap: int
    moved: int
    """Rows moved to the home."""
    parts: int
    rows: int
    """Most data rows that a part needs."""


def full_adders(operands: int, planes: int, *, data_rows: int, address_map: AddressMap) -> Taken:
    """Count operands of so many bits, folded weights turning some, and compare with a constant.

    Raises OutOfRowsError if the rows hold not even single operands.
    """
    largest = (1 << planes) - 1

    def written(sizes: Sequence[int]) -> Taken:
        each = [RowAllocator(data_rows) for _ in sizes]
        rows = [
            free.take(size * planes, "operands") for free, size in zip(each, sizes, strict=True)
        ]
        bits = operands * largest
        compare = greater_equal_constant(max(1, bits.bit_length()), 1).on(address_map)
        return _counted(each, rows, planes, bits, compare, Schedule(1, address_map))

    return _fewest(operands, planes, data_rows, written)


def xnors(products: int, *, data_rows: int, address_map: AddressMap) -> Taken:
    """Make products of two rows by XNOR, count them by full adders, compare with a number in rows.

    Raises OutOfRowsError if a subarray has no room for even a single product.
    """

    def written(sizes: Sequence[int]) -> Taken:
        each = [RowAllocator(data_rows) for _ in sizes]
        bits = max(1, products.bit_length())
        each[0].take(bits, "a threshold")
        rows = []
        for free, size in zip(each, sizes, strict=True):
            free.take(2 * size, "operands and weights")
            rows.append(free.take(size, "products"))
        xnor, compare = XNOR.on(address_map), greater_equal(bits).on(address_map)
        found = _counted(each, rows, 1, products, compare, Schedule(1, address_map))
        return found._replace(aap=found.aap + products * xnor.aap, ap=found.ap + products * xnor.ap)

    return _fewest(products, 3, data_rows, written)


def ands(products: int, *, data_rows: int, address_map: AddressMap) -> Taken:
    """Count ANDs of two rows, subtract the known ones of x, and compare with a number in rows.

    The count is twice the ones of x AND w, minus the ones of x, plus a known constant.

    Raises OutOfRowsError if a subarray has no room for even a single product.
    """
    first, digits = address_map.first_data, products.bit_length()
    highest = products + (1 << digits) - 1

    def written(sizes: Sequence[int]) -> Taken:
        each = [RowAllocator(data_rows) for _ in sizes]
        held = [
            [(rows.take(size, "operands"), rows.take(size, "weights"))]
            for rows, size in zip(each, sizes, strict=True)
        ]
        widths = [(2 * size).bit_length() for size in sizes]
        arrivals = [[], *(each[0].take(width, "partial counts") for width in widths[1:])]
        known = each[0].take(digits, "ones of x")
        width = (highest + 1).bit_length()
        least = each[0].take(width, "a threshold")
        (out,) = each[0].take(1, "an output bit")
        home = ProductCounter(each[0], highest.bit_length(), address_map)
        taken, moved = [0, 0], 0

        def add(counter: ProductCounter, part: int) -> None:
            kinds: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
            for number, rows in enumerate(zip(*held[part][0], strict=True)):
                kinds[complemented(number)].append((first + rows[0], first + rows[1]))
            counter.add_ands(1, *kinds)

        def spend(counter: ProductCounter) -> None:
            for kind, number in _kinds(counter.taken()):
                taken[kind is Kind.AP] += number

        for part in range(1, len(sizes)):
            counter = ProductCounter(each[part], widths[part], address_map)
            add(counter, part)
            found = counter.finish()
            spend(counter)
            for level, (digit, row) in enumerate(zip(found, arrivals[part], strict=True)):
                if not is_zero(digit):
                    moved += 1
                    home.add(level, digit._replace(row=first + row))
            counter.release(found)
        for level, row in enumerate(known):
            home.add(level, Item(first + row, True))
        add(home, 0)
        total = home.finish()
        total += [constant(-1)] * (width - len(total))
        against = [Item(first + row, True) for row in least]
        decide(
            home.accumulator, dict(enumerate(total)), dict(enumerate(against)),
            minus=False, carry=1, out=first + out,
        )  # fmt: skip
        spend(home)
        return Taken(taken[0], taken[1], moved, len(sizes), max(rows.peak for rows in each))

    return _fewest(products, 2, data_rows, written)


def _counted(
    each: Sequence[RowAllocator],
    rows: Sequence[Sequence[int]],
    planes: int,
    highest: int,
    compare: Program,
    home: Schedule,
) -> Taken:
    """Count rows of every part by full adders; the bits of an operand are neighbouring rows."""
    address_map, taken, moved = home.address_map, [compare.aap, compare.ap], 0
    first, worth = address_map.first_data, (1 << planes) - 1
    most = [len(own) // planes * worth for own in rows]
    widths = [each[0].take(size.bit_length(), "partial counts") for size in most[1:]]
    arrivals = [[], *widths]
    finished: list[list[Row]] = []
    schedules = [Schedule(1, address_map) for _ in rows]
    single = len(rows) == 1
    for free, own, size, schedule in zip(each, rows, most, schedules, strict=True):
        counter = Counter(schedule, free, highest if single else size)
        for bit in range(planes):
            places = np.array(own[bit::planes], np.int32)[:, None] + np.int32(first)
            counter.add_all(bit, places, [0] * len(places))
        finished.append(counter.finish())
    if not single:
        total = Counter(home, each[0], highest)
        for part, bits in enumerate(finished):
            for level, row in enumerate(bits):
                if int(np.unique(row.address)[0]) < first:  # always 0
                    continue
                if part:
                    moved += 1
                    total.add(level, first + arrivals[part][level], False, owned=False)
                else:
                    total.add(level, row.address, False, owned=row.owned)
        total.finish()
        schedules.append(home)
    for schedule in schedules:
        for kind, number in _kinds(schedule):
            taken[kind is Kind.AP] += number
    return Taken(taken[0], taken[1], moved, len(rows), max(free.peak for free in each))


def _kinds(schedule: Schedule) -> Iterator[tuple[Kind, int]]:
    for run in schedule.runs:
        for kind, times in run.cycle:
            yield kind, run.times * times


def _fewest(
    operands: int, rows: int, data_rows: int, written: Callable[[Sequence[int]], Taken]
) -> Taken:
    """Divide into as few parts as have room; the home gets no more operands than the others."""
    refused: OutOfRowsError | None = None
    for parts in count(-(-operands * rows // max(data_rows, 1))):
        if parts > operands:
            break
        even = operands // parts
        for home in dict.fromkeys(even >> n for n in range(even.bit_length() if parts > 1 else 1)):
            rest = operands - home
            edges = [rest * i // max(parts - 1, 1) for i in range(parts)]
            sizes = [home, *(b - a for a, b in pairwise(edges))]
            if max(sizes) * rows > data_rows:
                continue
            try:
                return written(sizes)
            except OutOfRowsError as error:
                refused = error
    raise refused or OutOfRowsError("`data_rows` must hold the operands")
