"""What all parts of the machine code of :mod:`bnn.reference.row_kernel` share.

>>> places_of_columns(Kind(False, True, 1, False, False, 1))[:5]
[0, 8, 1, 9, 2]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit

COLUMNS = 64
"""Columns whose sums are held in registers at a time."""
BLOCKS = 8
"""How often so many are gone through before the next outputs: a cache line of every row."""
PLANES = 8
"""Rows that are put together at a time."""
SIDE = 7
"""Parameters of an output: the multiples of both numbers, a constant, the limit, the reference's
offset, whether there is such an output, and which it is."""
PARAMETERS = 4 + 2 * SIDE
"""Those of two outputs. The first four: which digits both numbers have, and which are turned."""

BYTES = f"<{COLUMNS} x i8>"
"""A byte of each of these columns."""
LANES = 8
"""Words of a vector."""


class Kind(NamedTuple):
    """What machine code is made for."""

    added: bool
    """Products of bytes are added up; else bits are counted."""
    wide: bool
    """Sums are compared in 32 bits, not in 16."""
    groups: int
    """Eights of digits that a number has."""
    sparse: bool
    """Some weights are 0."""
    padded: bool
    """Padding adds something."""
    element: int
    """Bits of an operand as it is stored: 1, or 8, or 16."""

    @property
    def bits(self) -> int:
        """Bits of a sum."""
        return 32 if self.wide else 16


def places_of_columns(kind: Kind) -> list[int]:
    """Where the operands of each of 64 columns lie: counts that are joined are then in order."""
    if kind.added:
        return list(range(COLUMNS))
    joined = 64 // kind.bits
    size = joined * LANES
    return [
        (column // size * joined + column % joined) * LANES + column % size // joined
        for column in range(COLUMNS)
    ]


class Part:
    """Adds some of the instructions for a kind of stage.

    Args:
        code: what they are added to.
        kind: of the stage.

    """

    def __init__(self, code: Emit, kind: Kind) -> None:
        self.code, self.kind = code, kind
        self.element = f"i{kind.bits}"
        """What a sum is."""
        self.many = f"<{COLUMNS} x {self.element}>"
        """Sums of 64 columns."""
        self.flags = f"<{COLUMNS} x i1>"

    def got(self, address: str) -> str:
        """Eight words at an address."""
        return self.code.put(f"load {VECTOR}, ptr {address}, align 8")

    def put(self, vector: str, address: str) -> None:
        """Store eight words at an address."""
        self.code.do(f"store {VECTOR} {vector}, ptr {address}, align 8")

    def row(self, output: str) -> str:
        """Where the bits of an output are, those of all columns."""
        return self.code.at("i64", "%whole", self.code.mul(output, BLOCKS))

    def as_bits(self, flags: str) -> str:
        """Flags of 64 columns as a word."""
        return self.code.put(f"bitcast {self.flags} {flags} to i64")

    def splat(self, base: str, index: str | int) -> str:
        """A parameter in all columns. It stands there in 32 bits, a short one twice."""
        code, size = self.code, COLUMNS * self.kind.bits // 32
        value = code.splat(code.get("i32", base, index, 4), "i32", size)
        return code.put(f"bitcast <{size} x i32> {value} to {self.many}")

    def shuffled(self, one: str, other: str, order: list[int], element: str) -> str:
        """Elements of two vectors, numbered through, in an order."""
        listed = ", ".join(f"i32 {place}" for place in order)
        half = f"<{len(order) // 2} x {element}>"
        return self.code.put(
            f"shufflevector {half} {one}, {half} {other}, <{len(order)} x i32> <{listed}>"
        )

    def columns(self, first: str, count: str, one: Callable[[str, str, str], None]) -> None:
        """Add what ``one`` adds for each column, its image, and its place there."""
        code = self.code
        start = [code.put(f"{how} i64 {first}, %width") for how in ("udiv", "urem")]
        with code.carry(count, "i64", start) as (column, (image, own), after):
            one(column, image, own)
            behind = code.add(own, 1)
            ends = code.put(f"icmp eq i64 {behind}, %width")
            after.append(code.add(image, code.put(f"zext i1 {ends} to i64")))
            after.append(code.put(f"select i1 {ends}, i64 0, i64 {behind}"))
