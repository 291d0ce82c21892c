"""One adder for two halves: x + y + z for the one, x + y - z for the other.

The two sums are complements of one another, and the second carry is a majority that stands in
compute cells on the way to the sum: storing it is one more command. Eight or nine commands do what
two adders would do in twelve.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.accumulation import Accumulator, Item
from pimsim.microprogram.program import Program

_TEXTS = {
    # v + z + NOT b; the other carry is NOT MAJ(v, NOT z, NOT b)
    "mixed": "(x,B8)(z,B10)(y,B9)(B15,one)(z,B7)(B14,B0)(B0,other)(B15,sum)",
    # v + NOT z + NOT b
    "odd": "(x,B8)(z,B7)(B6,B10)(y,B9)(B15,one)(z,B6)(B14,B0)(B0,other)(B15,sum)",
    # v + b + NOT z; the other carry is MAJ(v, b, z)
    "turned": "(x,B0)(x,B4)(y,B10)(z,B9)(B15,one)(B14,other)(B1,B7)(z,B0)(B15,sum)",
    # v + b + z; the other carry is MAJ(v, b, NOT z)
    "equal": "(x,B0)(x,B4)(y,B10)(z,B9)(B14,one)(B6,B1)(B15,other)(B0,B5)(B14,sum)",
}


class Joint(NamedTuple):
    """What a joint adder takes and gives."""

    x: Item
    y: Item
    z: Item
    total: Item
    """x + y + z less twice ``one``; it is minus x + y - z less twice ``other``."""
    one: Item
    other: Item


@cache
def _program(name: str, address_map: AddressMap) -> Program:
    outputs = ("one", "other", "sum")
    program = Program.parse(f"joint-{name}", _TEXTS[name], inputs=("x", "y", "z"), outputs=outputs)
    return program.on(address_map)


def joint(accumulator: Accumulator, both: Sequence[Item], odd: Sequence[Item]) -> Joint:
    """Write a joint adder of two items with the same sign in both halves and one with opposite.

    Args:
        accumulator: writes the commands.
        both: two or more rows to choose from.
        odd: one or more.

    """
    address_map = accumulator.schedule.address_map
    _, name, x, y, z = min(
        (
            (len(_program(name := _which(x, y, z), address_map)), name, x, y, z)
            for z in odd
            for x in both
            for y in both
            if x is not y
        ),
        key=lambda found: found[0],
    )
    work = accumulator.work
    one, other, total = work.take(), work.take(), work.take()
    accumulator.put(_program(name, address_map), x.row, y.row, z.row, one, other, total)
    accumulator.adders += 1
    for item in (x, y, z):
        work.use(item.row)
    held = x.complement
    turned = name in ("mixed", "odd")
    return Joint(x, y, z, Item(total, not held), Item(one, held), Item(other, held != turned))


def _which(x: Item, y: Item, z: Item) -> str:
    """Name of the program for these complements."""
    same_y, same_z = y.complement == x.complement, z.complement == x.complement
    if same_z:
        return "equal" if same_y else "mixed"
    return "turned" if same_y else "odd"
