"""One adder for two halves: x + y + z for the one, x + y - z for the other.

The two sums are complements of one another, and the second carry is a majority that stands in
compute cells on the way to the sum: storing it is one more command. Eight commands do what two
adders would do in fourteen, and six at the end of a chain, whose sum is x.

Shortest ones, as searches show (``pimsim synthesize --known``).
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
"""x and y differ in whether they hold their bit or its complement; or they do not, and x is the
running sum of a chain. In the first what z holds is turned round with x."""


@cache
def program(kind: str, address_map: AddressMap) -> Program:
    """Return the joint adder of a kind."""
    inputs, text = _TEXTS[kind]
    outputs = ("one", "other", "sum")
    return Program.parse(f"joint-{kind}", text, inputs=tuple(inputs), outputs=outputs).on(
        address_map
    )
