"""Bit-serial arithmetic on vertical operands: row ``a0`` is bit 0 of every column's ``a``.

The full adder is majority logic: carry = MAJ(a, b, c), sum = MAJ(NOT carry, c, MAJ(a, b, NOT c)),
or the same with the operands exchanged. On Ambit's address map, a breadth-first search of ours
finds no program shorter than these eight commands, whether or not one operand is complemented.
Complements therefore cost nothing. If one operand is complemented, the second program is used. If
two or three are, complementing everything gives one of the two programs with complemented results.

Command counts follow Hajinazar et al., "SIMDRAM", ASPLOS 2021 (8 n + 1 for addition). They are
lower where the carry stays in the compute cells from one bit to the next: 7 n + 2.

>>> len(FULL_ADDER), len(FULL_ADDER_NOT_C), len(add(4)), len(greater_equal(4))
(8, 8, 30, 14)
"""

from __future__ import annotations

from pimsim.dram.array.address_map import load
from pimsim.microprogram.logic import AND, SELECT
from pimsim.microprogram.program import Command, Program, parse


def _adder(name: str, text: str) -> Program:
    return Program.parse(name, text, inputs=("a", "b", "c"), outputs=("sum", "carry"))


FULL_ADDER = _adder("full-adder", "(a,B4)(b,B12)(c,B10)(B14,carry)(a,B9)(B5,B2)[B15](B12,sum)")
"""sum, carry = a + b + c; ``a`` is read after ``carry`` is written, so they must differ."""

FULL_ADDER_NOT_C = _adder(
    "full-adder-not-c", "(a,B8)(b,B10)(c,B9)(B15,carry)(b,B7)(B14,B0)[B15](B7,sum)"
)
"""sum, carry = a + b + NOT c; ``b`` is read after ``carry`` is written, so they must differ."""


ADD_BIT = Program.parse(
    "add-bit",
    "(a,B7)(b,B10)(B1,B0)(B15,B5)(a,B0)(B14,B7)(B15,sum)",
    inputs=("a", "b"),
    outputs=("sum",),
)
"""sum = a + b + T1, and the carry in T1 again; ``a`` is read twice. There is no shorter step that
begins and ends with the carry in a cell, or in the cells of a majority (``pimsim synthesize``)."""

ADD_PRODUCT_BIT = Program.parse(
    "add-product-bit",
    "(x,B0)(y,B3)(C0,B6)(B15,B10)(a,B7)(B1,B0)(B15,B5)(a,B0)(B14,B7)(B15,sum)",
    inputs=("x", "y", "a"),
    outputs=("sum",),
)
"""sum = (x AND y) + a + T1, and the carry in T1 again; ``a`` is read twice. The AND of x and y is
computed in cells that do not touch the carry, and goes from there to T2 and T3."""

FULL_ADDER_OF_PRODUCT = Program.parse(
    "full-adder-of-product",
    "(x,B0)(y,B1)(C0,B2)[B12](a,B4)(c,B10)(B14,carry)(a,B9)(B5,B2)[B15](B12,sum)",
    inputs=("x", "y", "a", "c"),
    outputs=("sum", "carry"),
)
"""sum, carry = (x AND y) + a + c by :data:`FULL_ADDER`. Its second operand is not copied to T0, T1
and T2, but computed there by an AP; ``a`` is read after ``carry`` is written."""

SUBTRACT_BIT = Program.parse(
    "subtract-bit",
    "(B1,B6)(a,B10)(b,B8)[B15](B4,B0)(B14,B7)(B15,sum)",
    inputs=("a", "b"),
    outputs=("sum",),
)
"""The same for a + NOT b."""


FULL_ADDER_OF_FIVE = Program.parse(
    "full-adder-of-five",
    "(a,B11)(b,B16)(c,B17)(B12,B18)(B0,carry)(B19,sum)",
    inputs=("a", "b", "c"),
    outputs=("sum", "carry"),
    address_map=load("five-row"),
)
"""The same where five rows can be opened: sum = MAJ(a, b, c, NOT carry, NOT carry)."""


def rows(name: str, bits: int) -> tuple[str, ...]:
    """Symbols of a vertical operand, least significant bit first.

    >>> rows("a", 3)
    ('a0', 'a1', 'a2')
    """
    return tuple(f"{name}{i}" for i in range(bits))


def add(bits: int) -> Program:
    """Sum = a + b: ``bits`` sum rows and a carry row, 7 n + 2 commands."""
    return _resident("add", ADD_BIT, "C0", bits)


def subtract(bits: int) -> Program:
    """Sum = a - b modulo 2**bits, and carry = (a >= b), 7 n + 2 commands."""
    return _resident("subtract", SUBTRACT_BIT, "C1", bits)


def _resident(name: str, bit: Program, carry_in: str, bits: int) -> Program:
    commands = list(parse(f"({carry_in},B1)"))
    for i in range(bits):
        commands += bit.placed(a=f"a{i}", b=f"b{i}", sum=f"sum{i}")
    commands += parse("(B1,carry)")
    inputs = rows("a", bits) + rows("b", bits)
    return Program(name, tuple(commands), inputs, (*rows("sum", bits), "carry"))


def add_by_full_adders(bits: int) -> Program:
    """As :func:`add`, with the published program: 8 n + 1 commands."""
    return _ripple("add-simdram", FULL_ADDER, "C0", bits)


def subtract_by_full_adders(bits: int) -> Program:
    """As :func:`subtract`, with the published program: 8 n + 1 commands."""
    return _ripple("subtract-simdram", FULL_ADDER_NOT_C, "C1", bits)


def _ripple(name: str, adder: Program, carry_in: str, bits: int) -> Program:
    # Each adder reads the running carry before it writes the new one.
    carried = "c" if adder is FULL_ADDER else "a"
    other = "b" if adder is FULL_ADDER else "c"
    first = "a" if adder is FULL_ADDER else "b"
    commands = list(parse(f"({carry_in},carry)"))
    for i in range(bits):
        commands += adder.placed(
            **{first: f"a{i}", other: f"b{i}", carried: "carry", "sum": f"sum{i}"}
        )
    inputs = rows("a", bits) + rows("b", bits)
    return Program(name, tuple(commands), inputs, (*rows("sum", bits), "carry"))


def multiply(bits: int) -> Program:
    """Product = a b in 2 ``bits`` rows, 10 n**2 - 4 n - 2 commands: a row of products at a time."""
    commands = _first_products(bits)
    for i in range(1, bits):
        commands += parse("(C0,B1)")
        for j in range(bits):
            added = f"product{i + j}" if i + j < bits or i > 1 else _TOP
            commands += ADD_PRODUCT_BIT.placed(x=f"a{j}", y=f"b{i}", a=added, sum=f"product{i + j}")
        commands += parse(f"(B1,product{i + bits})")
    return _product("multiply", bits, commands)


def multiply_by_full_adders(bits: int) -> Program:
    """As :func:`multiply`, with the published full adder: 11 n**2 - 6 n - 1 commands."""
    commands = _first_products(bits)
    for i in range(1, bits):
        carry = f"product{i + bits}"
        commands += parse(f"(C0,{carry})")
        for j in range(bits):
            added = f"product{i + j}" if i + j < bits or i > 1 else _TOP
            commands += FULL_ADDER_OF_PRODUCT.placed(
                x=f"a{j}", y=f"b{i}", a=added, c=carry, sum=f"product{i + j}", carry=carry
            )
    return _product("multiply-simdram", bits, commands)


_TOP = "C0"
"""The highest bit that the second bit of b is added to: nothing stands there yet."""


def _first_products(bits: int) -> list[Command]:
    """Of b's lowest bit: the sum to which the others are added; one bit has a second row of 0."""
    commands = [
        command for j in range(bits) for command in AND.placed(a=f"a{j}", b="b0", out=f"product{j}")
    ]
    return commands + (list(parse("(C0,product1)")) if bits == 1 else [])


def _product(name: str, bits: int, commands: list[Command]) -> Program:
    inputs = rows("a", bits) + rows("b", bits)
    return Program(name, tuple(commands), inputs, rows("product", 2 * bits))


def _compare(name: str, start: str, bits: int, minuend: str, subtrahend: str) -> Program:
    # Carry of minuend + NOT subtrahend: it lives in DCC0, T1 and T2 after each TRA of B14.
    commands = list(parse(f"({start},B14)"))
    for i in range(bits):
        commands += parse(f"({minuend}{i},B1)({subtrahend}{i},B5)[B14]")
    commands += parse("(B1,out)")
    return Program(name, tuple(commands), rows("a", bits) + rows("b", bits), ("out",))


def greater(bits: int) -> Program:
    """Out = (a > b), unsigned, 3 n + 2 commands."""
    return _compare("greater", "C0", bits, "a", "b")


def greater_equal(bits: int) -> Program:
    """Out = (a >= b), unsigned, 3 n + 2 commands."""
    return _compare("greater-equal", "C1", bits, "a", "b")


def equal(bits: int) -> Program:
    """Out = (a == b), from a <= b in T2 and a >= b in T3, 4 n + 3 commands."""
    commands = list(parse("(C1,B10)"))
    for i in range(bits):
        commands += parse(f"(a{i},B8)(b{i},B9)[B14][B15]")
    commands += parse("(C0,B1)(B13,out)")
    return Program("equal", tuple(commands), rows("a", bits) + rows("b", bits), ("out",))


def if_then_else(bits: int) -> Program:
    """Out = a where the row ``select`` is 1, else b, 7 n commands."""
    inputs = ("select", *rows("a", bits), *rows("b", bits))
    return Program("if-then-else", _select(bits, "a", "b"), inputs, rows("out", bits))


def _select(bits: int, then: str, otherwise: str) -> tuple[Command, ...]:
    return tuple(
        command
        for i in range(bits)
        for command in SELECT.placed(a=f"{then}{i}", b=f"{otherwise}{i}", out=f"out{i}")
    )


def maximum(bits: int) -> Program:
    """Out = max(a, b), unsigned, 10 n + 2 commands."""
    return _extremum("max", bits, "a", "b")


def minimum(bits: int) -> Program:
    """Out = min(a, b), unsigned, 10 n + 2 commands."""
    return _extremum("min", bits, "b", "a")


def _extremum(name: str, bits: int, if_greater: str, otherwise: str) -> Program:
    compare = greater(bits).placed(out="select")
    commands = compare + _select(bits, if_greater, otherwise)
    inputs = rows("a", bits) + rows("b", bits)
    return Program(name, commands, inputs, rows("out", bits), scratch=("select",))


# -- comparison with a constant, in pieces that a mapping strings together ------------------------

COMPARE_BEGIN = Program.parse("compare-begin", "(C1,B14)", inputs=(), outputs=())
"""Start of a >= constant: the carry of a + NOT constant + 1 stands in DCC0, T1 and T2."""

COMPARE_BIT = Program.parse("compare-bit", "(a,B1)(k,B2)[B14]", inputs=("a", "k"), outputs=())
"""One bit, least significant first; ``k`` is C0 where the constant has a 1, else C1."""

COMPARE_NOT_BIT = Program.parse(
    "compare-not-bit", "(a,B5)(k,B1)[B14]", inputs=("a", "k"), outputs=()
)
"""The same for a row that holds the complement of its bit."""

COMPARE_END = Program.parse("compare-end", "(B1,out)", inputs=(), outputs=("out",))
"""out = (a >= constant)."""

COMPARE_NOT_END = Program.parse("compare-not-end", "(B5,out)", inputs=(), outputs=("out",))
"""out = (a < constant)."""


def greater_equal_constant(bits: int, constant: int) -> Program:
    """Out = (a >= constant) for 0 <= constant < 2**bits, 3 n + 2 commands.

    >>> print(greater_equal_constant(2, 1))
    (C1,B14)(a0,B1)(C0,B2)[B14](a1,B1)(C1,B2)[B14](B1,out)
    """
    commands = list(COMPARE_BEGIN.commands)
    for i in range(bits):
        commands += COMPARE_BIT.placed(a=f"a{i}", k="C0" if constant >> i & 1 else "C1")
    commands += COMPARE_END.commands
    return Program("greater-equal-constant", tuple(commands), rows("a", bits), ("out",))
