"""One adder for two halves: x + y + z for the one, x + y - z for the other.

The two sums are complements of one another, and the second carry is a majority that stands in
compute cells on the way to the sum: storing it is one more command. Eight or nine commands do what
two adders would do in twelve.
"""

from __future__ import annotations

from functools import cache

from pimsim.dram.array.address_map import AddressMap
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


KINDS = tuple(_TEXTS)
"""x holds its bit, or the complement, as z does and y does not; as neither; as y does and z does
not; as both."""


@cache
def program(kind: str, address_map: AddressMap) -> Program:
    """Return the joint adder of a kind."""
    outputs = ("one", "other", "sum")
    found = Program.parse(f"joint-{kind}", _TEXTS[kind], inputs=("x", "y", "z"), outputs=outputs)
    return found.on(address_map)
