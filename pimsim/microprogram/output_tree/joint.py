"""One adder for two halves of a group: x + y + z for the one, x + y - z for the other.

The two sum bits are complements of one another. The second carry stands in compute cells anyway, on
the way to the sum; to store it takes one more command. Eight commands do what two adders would do
in fourteen; six are enough at the end of a chain, where x is the running sum.

Searches show that these are the shortest programs (``pimsim synthesize --known``).
"""

from __future__ import annotations

from functools import cache

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.program import Program

_TEXTS = {
    # one = MAJ(x, z, NOT y), other = NOT MAJ(x, NOT z, NOT y), sum = NOT (x ^ z ^ NOT y)
    "mixed": ("xyz", "(x,B8)(y,B9)(z,B10)[B14](B15,one)(z,B7)(B12,other)(B15,sum)"),
    # T2 = x, T3 = NOT x: one = MAJ(x, y, z), other = NOT MAJ(x, y, NOT z), sum = NOT (x ^ y ^ z)
    "chained": ("yz", "(z,B0)(y,B9)(B15,other)(z,B7)(B12,one)(B15,sum)"),
}


KINDS = tuple(_TEXTS)
"""The kinds: one of x and y holds its bit and the other its complement; or both hold the same, and
x is the running sum of a chain. In the first kind, z is complemented together with x."""


@cache
def program(kind: str, address_map: AddressMap) -> Program:
    """Return the joint adder of a kind."""
    inputs, text = _TEXTS[kind]
    outputs = ("one", "other", "sum")
    return Program.parse(f"joint-{kind}", text, inputs=tuple(inputs), outputs=outputs).on(
        address_map
    )
