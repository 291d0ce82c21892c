"""A function of bits, by its truth table: one instruction where the processor has it.

>>> code = Emit("majority", "*values")
>>> three = [code.get(VECTOR, "%values", i) for i in range(3)]
>>> code.store(looked_up(code, 0b1110_1000, three), "%values", 3)
>>> compiler().ternary == ("pternlog" in code.text())
True
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, compiler

_TERNARY = "@llvm.x86.avx512.pternlog.q.512"


def looked_up(code: Emit, table: int, operands: Sequence[str]) -> str:
    """Add what computes a function of at most three vectors; returns the name of its value.

    Bit i of ``table`` is the value where operand j is bit j of i.
    """
    if len(operands) == 3 and compiler().ternary:
        code.declare(f"{VECTOR} {_TERNARY}({VECTOR}, {VECTOR}, {VECTOR}, i32 immarg)")
        listed = ", ".join(f"{VECTOR} {operand}" for operand in reversed(operands))
        return code.put(f"call {VECTOR} {_TERNARY}({listed}, i32 {table})")
    return _expression(code, table, operands)


def _expression(code: Emit, table: int, operands: Sequence[str]) -> str:
    """The function in AND, OR and XOR, split at its last operand."""
    two = code.two
    ones = (1 << (1 << len(operands))) - 1
    if table in (0, ones):
        bit = -1 if table else 0
        return f"splat (i64 {bit})"
    half = 1 << (len(operands) - 1)
    low, high = table & ((1 << half) - 1), table >> half
    *rest, last = operands
    every = (1 << half) - 1
    if low == high:
        return _expression(code, low, rest)
    if low == high ^ every:
        return two("xor", _expression(code, low, rest), last)
    if low == 0:
        return two("and", _expression(code, high, rest), last)
    if high == every:
        return two("or", _expression(code, low, rest), last)
    if high == 0:
        return two("and", _expression(code, low, rest), _not(code, last))
    if low == every:
        return two("or", _expression(code, high, rest), _not(code, last))
    if low & high == low:  # low implies high: low OR (last AND high)
        chosen = two("and", last, _expression(code, high, rest))
        return two("or", _expression(code, low, rest), chosen)
    below, above = _expression(code, low, rest), _expression(code, high, rest)
    return two("xor", below, two("and", two("xor", below, above), last))


def _not(code: Emit, value: str) -> str:
    return code.two("xor", value, "splat (i64 -1)")
