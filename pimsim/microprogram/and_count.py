"""Counting products of two rows, x AND w, where both operands stand in rows.

Let bits 0 and 1 stand for -1 and +1. The dot product of n signs is then n - 2 ones(x) - 2 ones(w) +
4 ones(x AND w). Whoever writes x knows ones(x), and likewise for w, so only the ANDs have to be
counted. Two products, and an adder that adds them to a running sum, take 12 commands. Neither
product is written to a row: the first waits in DCC0 and DCC1 for the second, and one constant
serves both. With XNORs and full adders the two would take 30 commands. The sum comes out
complemented, so the next two products must be complements as well: NOT (x AND w) = NOT x OR NOT w.
To get them, the host writes the operands of every other pair of products complemented.

>>> len(and_count(255, compare=False)) / 255 < 9.1
True
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.errors import InputError
from pimsim.microprogram.accumulation import CONSTANT, Accumulator, Item, WorkRows, constant
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.arithmetic import rows as numbered
from pimsim.microprogram.counting import spelled
from pimsim.microprogram.output_tree.deciding import decide
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule

BEGIN = Program.parse("and-count-begin", "(a,B0)", inputs=("a",), outputs=())
"""T0 = a, where a running sum begins."""
KEEP = tuple(
    Program.parse(
        f"{name}-keep", f"(x,B1)(w,B2)({constant},B3)(B13,kept)", inputs=("x", "w"),
        outputs=("kept",),
    )
    for name, constant in (("and", "C0"), ("nand", "C1"))
)  # fmt: skip
"""A product written to a row; from complemented operands, its complement."""
_AFTER = {"": "(B14,B0)", "turned": "[B14](B5,B0)", "end": "(B14,sum)"}
PAIRS = {
    (complement, after): Program.parse(
        f"{name}-count{'-' * bool(after)}{after}",
        # products of DCC0, T1, T2 and of T1, T2, T3; then T0 = v has a place among them
        f"({constant},B10)(x,B4)(w,B1)(B14,B7)(y,B1)(u,B2)[B13](B0,B1)(B14,carry)(B6,B1)(B15,B5)"
        + text,
        inputs=("x", "w", "y", "u"),
        outputs=("carry", "sum") if after == "end" else ("carry",),
    )
    for complement, name, constant in ((False, "and", "C0"), (True, "nand", "C1"))
    for after, text in _AFTER.items()
}
"""T0 = NOT (v + x w + y u), where T0 held v, and the carry; or the same with complements.
``turned`` leaves the complement of that in T0, so that a pair of the same kind can follow; ``end``
writes it to the row ``sum``."""


@cache
def counts_ands(address_map: AddressMap) -> bool:
    """Whether a map has everything that counting products of rows needs.

    >>> from pimsim.dram.array.address_map import ambit
    >>> counts_ands(ambit())
    True
    """
    try:
        for program in (BEGIN, *KEEP, *PAIRS.values()):
            program.on(address_map)
    except InputError:
        return False
    return True


def and_count(
    products: int, *, compare: bool = True, address_map: AddressMap = DEFAULT_MAP
) -> Program:
    """Return a program that counts ones among products, or compares their number with another.

    Its input rows are ``x0``, ``w0`` and so on. The rows for which :func:`complemented` is true
    hold complements. With ``compare``, the rows ``least0`` and so on hold a number, in every
    column, and ``out`` says whether the count is at least that. Otherwise the rows ``sum0`` and so
    on are the count.

    Raises InputError for fewer than 2 products.

    >>> print(str(and_count(2, compare=False))[:46])
    (C0,B0)(C0,B10)(x0,B4)(w0,B1)(B14,B7)(x1,B1)(w
    """
    if products < 2:
        raise InputError(f"`products` must be at least 2, not {products}")
    schedule, allocator = Schedule(1, address_map), RowAllocator(8 * products + 64)
    first = address_map.first_data

    def take(count: int) -> list[int]:
        return [first + row for row in allocator.take(count, "operands")]

    width = products.bit_length()
    operands = {name: take(products) for name in "xw"}
    limits = take(width) if compare else []
    accumulator = Accumulator(schedule, WorkRows(allocator, first))
    total, carries = _first_level(accumulator, operands["x"], operands["w"])
    columns = {0: [total], 1: carries}
    if products % 2:
        x, w = operands["x"][-1], operands["w"][-1]
        columns[0].append(_product(accumulator, x, w, complemented(products - 1)))
    found = accumulator.digits(columns, true=not compare)[:width]  # beyond it all bits are 0
    inputs = [*numbered("x", products), *numbered("w", products)]
    names = dict(zip((*operands["x"], *operands["w"]), inputs, strict=True))
    outputs: tuple[str, ...]
    if compare:
        # digits z = 2 y - 1 of both: 2 count - 2 least + 1 > 0
        (out,) = take(1)
        digits = dict(enumerate([*found, *[constant(-1)] * (width - len(found))]))
        against = {weight: Item(row, True) for weight, row in enumerate(limits)}
        decide(accumulator, digits, against, minus=False, carry=1, out=out)
        names |= {out: "out"} | dict(zip(limits, numbered("least", width), strict=True))
        inputs, outputs = [*inputs, *numbered("least", width)], ("out",)
    else:
        outputs = numbered("sum", len(found))
        names |= {item.row: name for item, name in zip(found, outputs, strict=True)}
    commands, scratch = spelled(schedule, names)
    return Program("and-count", commands, tuple(inputs), outputs, scratch, address_map)


def complemented(product: int) -> bool:
    """Whether the operands of a product are to be written complemented.

    >>> [complemented(product) for product in range(6)]
    [False, False, True, True, False, False]
    """
    return product // 2 % 2 == 1


def _product(accumulator: Accumulator, x: int, w: int, complement: bool) -> Item:
    """A product in a row of its own."""
    kept = accumulator.work.take()
    accumulator.put(KEEP[complement].on(accumulator.schedule.address_map), x, w, kept)
    return Item(kept, complement)


def _first_level(
    accumulator: Accumulator, x: Sequence[int], w: Sequence[int]
) -> tuple[Item, list[Item]]:
    """Add pairs of products: the sum, and the carries."""
    address_map, work = accumulator.schedule.address_map, accumulator.work
    accumulator.put(BEGIN.on(address_map), address_map.constant(0))
    held, carries, total = False, [], CONSTANT
    for first in range(0, len(x) - 1, 2):
        last, carry = first + 3 >= len(x), work.take()
        rows = [x[first], w[first], x[first + 1], w[first + 1], carry]
        if last:
            total = work.take()
            rows.append(total)
        accumulator.put(PAIRS[held, "end" if last else ""].on(address_map), *rows)
        accumulator.adders += 1
        carries.append(Item(carry, held))
        held = not held
    return Item(total, held), carries
