"""From digits of two numbers to a bit: whether their sum, or difference, is above 0.

Digits are -1 or +1, one for each weight. A number with all weights up to m is therefore odd, and
its sign is that of the last carry, so the digits of the sum are not needed. A carry takes about
three commands; the two carries of a sum and a difference take four to six together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.accumulation import CONSTANT, Accumulator, Item, constant
from pimsim.microprogram.program import Program

Digits = Mapping[int, Item]
"""One item a weight, from 0 on without a gap."""

# The carry stands in DCC0, T1 and T2 after each majority, plain or complemented.
_TEXTS = {
    "begin": ("x", "y", "z", "(x,B1)(y,B2)(z,B4)"),
    "begin-mixed": ("x", "y", "z", "(x,B1)(y,B5)(z,B2)"),
    "both": ("x", "y", "(x,B1)(y,B2)"),
    "turned": ("x", "y", "(B1,B5)(x,B1)(y,B2)"),
    "mixed": ("x", "y", "(x,B1)(y,B5)"),
    "complemented": ("x", "y", "(x,B5)(y,B2)"),
}


KINDS = tuple(_TEXTS)
LASTS = ("", "plain", "complemented")
"""What a carry program leaves: only the cells, or also the bit in a row."""


@cache
def carry_program(name: str, address_map: AddressMap, last: str) -> Program:
    """A carry, and with ``last`` its bit in the row ``out``: ``plain`` or ``complemented``."""
    *symbols, text = _TEXTS[name]
    end = {"": "[B14]", "plain": "(B14,out)", "complemented": "[B14](B5,out)"}[last]
    outputs = ("out",) if last else ()
    program = Program.parse(f"carry-{name}", text + end, inputs=tuple(symbols), outputs=outputs)
    return program.on(address_map)


BEGIN_BOTH = Program.parse("carries-begin", "(k,B4)(m,B0)", inputs=("k", "m"), outputs=())
"""The carry of the sum stands in DCC0, that of the difference in T0; both plain, or both
complemented."""

TURNED = ((False, False), (False, True), (True, False), (True, True))
"""For each of two digits, whether it has to be complemented."""


@cache
def both_program(turned: tuple[bool, bool], address_map: AddressMap, last: str) -> Program:
    """Carries of s + d and s - d, and with ``last`` their bits in ``plus`` and ``minus``."""
    # s into T2 and T3; d into T1, and its complement into DCC1
    text = "(s,B6)(B7,B10)" if turned[0] else "(s,B10)"
    text += "(d,B6)(B7,B1)" if turned[1] else "(d,B9)"
    text += {
        "": "[B14][B15]",
        "plain": "(B14,plus)(B15,minus)",
        "complemented": "[B14](B5,plus)[B15](B7,minus)",
    }[last]
    outputs = ("plus", "minus") if last else ()
    name = "carries-" + "".join("ct"[one] for one in turned)
    return Program.parse(name, text, inputs=("s", "d"), outputs=outputs).on(address_map)


def decide(
    accumulator: Accumulator, one: Digits, other: Digits, *, minus: bool, carry: int, out: int
) -> None:
    """Write ``out`` = (one + other + carry > 0), or one - other + carry with ``minus``.

    Args:
        accumulator: writes the commands.
        one: digits.
        other: digits of the same weights.
        minus: take the other from the one.
        carry: -1 or 1.
        out: address of the bit's row.

    """
    held = False
    top = max(one)
    for weight in range(top + 1):
        second = other[weight]
        pair = [one[weight], second._replace(complement=second.complement != minus)]
        name, rows, held = _step(accumulator, pair, held, carry if weight == 0 else None)
        last = "" if weight < top else ("complemented" if held else "plain")
        program = carry_program(name, accumulator.schedule.address_map, last)
        accumulator.put(program, *rows, *([out] if last else []))


def _step(
    accumulator: Accumulator, pair: list[Item], held: bool, carry: int | None
) -> tuple[str, list[int], bool]:
    """The program that adds two digits to the carry, its rows, and whether the carry is turned."""
    real = sorted((item for item in pair if item.row != CONSTANT), key=lambda item: item.complement)
    fixed = [item for item in pair if item.row == CONSTANT]
    row = accumulator.row
    if carry is not None:
        begin = constant(carry)
        if len(real) == 2 and real[0].complement != real[1].complement:
            return "begin-mixed", [real[0].row, real[1].row, row(begin, False)], False
        held = real[0].complement if real else False
        return "begin", [row(item, held) for item in (*real, *fixed, begin)], held
    if len(real) == 2 and real[0].complement == real[1].complement:
        same = real[0].complement == held
        rows = [item.row for item in real]
        return ("both", rows, held) if same else ("turned", rows, not held)
    if len(real) == 2:
        plain, turned = sorted(real, key=lambda item: item.complement != held)
        return "mixed", [plain.row, turned.row], held
    if not real:
        return "both", [row(item, held) for item in fixed], held
    rows = [real[0].row, row(fixed[0], held)]
    return ("both" if real[0].complement == held else "complemented"), rows, held
