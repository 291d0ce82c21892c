"""Counting products of two rows, x AND w, where both operands stand in rows.

With bits 0 and 1 for -1 and +1, a dot product of n signs is n less 2 ones(x) and 2 ones(w), and 4
ones(x AND w). Whoever writes x knows ones(x), and the same for w, so only the ANDs are counted. Of
two products one is taken plain and one complemented, NOT (x AND w) = NOT x OR NOT w, for which the
host writes the operands of every other product complemented. Then a mixed adder takes both, and
finds one of them in the compute cells already: 13 commands for two products and their adder. An
XNOR and a full adder each would take 30.

>>> len(and_count(255, compare=False)) / 255 < 9.6
True
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.errors import InputError
from pimsim.microprogram.accumulation import Accumulator, Item, WorkRows, constant
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.arithmetic import rows as numbered
from pimsim.microprogram.counting import spelled
from pimsim.microprogram.output_tree.deciding import decide
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule

_BEGIN = Program.parse("and-count-begin", "(C0,B8)", inputs=(), outputs=())
_ADD = "(kept,B9)(B15,carry)(B2,B7)(B14,B0)"
_KEEP = {
    False: Program.parse(
        "and-keep", "(x,B1)(w,B2)(C0,B3)(B13,kept)", inputs=("x", "w"), outputs=("kept",)
    ),
    True: Program.parse(
        "nand-keep", "(x,B1)(w,B2)(C1,B3)(B13,kept)", inputs=("x", "w"), outputs=("kept",)
    ),
}
"""A product into a row: plain, or the complement from complemented operands."""
_PAIRS = {
    (complement, last): Program.parse(
        f"{'nand' if complement else 'and'}-count",
        f"(x,B1)(w,B2)(C{int(complement)},B3)[B13]{_ADD}(B15,{'sum' if last else 'B5'})",
        inputs=("x", "w", "kept"),
        outputs=("carry", "sum") if last else ("carry",),
    )
    for complement in (False, True)
    for last in (False, True)
}
"""The other product, which stays in T2 and T3, and the adder of both and the running sum."""


def and_count(
    products: int, *, compare: bool = True, address_map: AddressMap = DEFAULT_MAP
) -> Program:
    """Return a program that counts ones among products, or says whether they are enough.

    Its rows are ``x0``, ``w0`` and so on; those with odd numbers hold complements. With ``compare``
    rows ``least0`` and so on hold, in every column, the bits of a number, and ``out`` is whether
    the count is at least that; else rows ``sum0`` and so on hold the count.

    Raises InputError for less than 2 products.

    >>> print(str(and_count(2, compare=False))[:28])
    (C0,B8)(x1,B1)(w1,B2)(C1,B3)
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
        columns[0].append(_product(accumulator, operands["x"][-1], operands["w"][-1]))
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


def _product(accumulator: Accumulator, x: int, w: int) -> Item:
    """A product in a row of its own."""
    kept = accumulator.work.take()
    accumulator.put(_KEEP[False].on(accumulator.schedule.address_map), x, w, kept)
    return Item(kept, False)


def _first_level(
    accumulator: Accumulator, x: Sequence[int], w: Sequence[int]
) -> tuple[Item, list[Item]]:
    """Add pairs of products: the sum, and the carries."""
    address_map, work = accumulator.schedule.address_map, accumulator.work
    accumulator.put(_BEGIN.on(address_map))
    held, carries, pairs = False, [], len(x) // 2
    for pair in range(pairs):
        # with the sum plain, the plain product stays in the cells; turned round, the other
        kept, stays = (2 * pair + 1, 2 * pair) if not held else (2 * pair, 2 * pair + 1)
        row, carry = work.take(), work.take()
        accumulator.put(_KEEP[not held].on(address_map), x[kept], w[kept], row)
        last = pair == pairs - 1
        program = _PAIRS[held, last].on(address_map)
        total = [work.take()] if last else []
        accumulator.put(program, x[stays], w[stays], row, carry, *total)
        accumulator.adders += 1
        work.use(row)
        carries.append(Item(carry, held))
        held = not held
    return Item(total[0], held), carries
