"""Arithmetic on doubles in machine code: eight bitline pairs at a time, one in each vector lane.

A term that is 0 for every pair is the number 0.0 while code is generated, and no code is made for
it.

>>> code = Lanes("example", "*values")
>>> x = code.load("%values", 0)
>>> code.plus(code.times(x, 0.0), x) == x
True
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from pimsim.executors.compiled.codegen.emit import Emit

COUNT = 8
"""Lanes of a vector."""
KIND = f"<{COUNT} x double>"
_WHOLE = f"<{COUNT} x i64>"

Value: TypeAlias = str | float
"""A vector by its name in the code, or a number that is the same in every lane."""


class Lanes(Emit):
    """A function whose values are vectors of doubles.

    A product and a sum may become one fused operation of the processor. All other operations are
    kept as written, in their order, so the result of a lane does not depend on the others.
    """

    def text_of(self, value: Value) -> str:
        """The text of a value in an instruction."""
        if isinstance(value, str):
            return value
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return f"splat (double 0x{bits:016X})"

    def _operate(self, operation: str, one: Value, other: Value) -> str:
        return self.put(
            f"{operation} contract nsz {KIND} {self.text_of(one)}, {self.text_of(other)}"
        )

    def plus(self, one: Value, other: Value) -> Value:
        """The sum."""
        if one == 0.0 or other == 0.0:
            return other if one == 0.0 else one
        if isinstance(one, float) and isinstance(other, float):
            return one + other
        return self._operate("fadd", one, other)

    def minus(self, one: Value, other: Value) -> Value:
        """The difference."""
        if other == 0.0:
            return one
        if isinstance(one, float) and isinstance(other, float):
            return one - other
        return self._operate("fsub", one, other)

    def negative(self, one: Value) -> Value:
        """The negative."""
        if isinstance(one, float):
            return -one
        return self.put(f"fneg {KIND} {one}")

    def times(self, one: Value, other: Value) -> Value:
        """The product."""
        if one == 0.0 or other == 0.0:
            return 0.0
        if one == 1.0 or other == 1.0:
            return other if one == 1.0 else one
        if isinstance(one, float) and isinstance(other, float):
            return one * other
        return self._operate("fmul", one, other)

    def over(self, one: Value, other: Value) -> Value:
        """The quotient."""
        return 0.0 if one == 0.0 else self._operate("fdiv", one, other)

    def root(self, one: Value) -> Value:
        """The square root."""
        self.declare(f"{KIND} @llvm.sqrt.v{COUNT}f64({KIND})")
        return self.put(f"call {KIND} @llvm.sqrt.v{COUNT}f64({KIND} {self.text_of(one)})")

    def size(self, one: Value) -> Value:
        """The absolute value."""
        self.declare(f"{KIND} @llvm.fabs.v{COUNT}f64({KIND})")
        return self.put(f"call {KIND} @llvm.fabs.v{COUNT}f64({KIND} {self.text_of(one)})")

    def compare(self, how: str, one: Value, other: Value) -> str:
        """A mask: ``how`` as LLVM names it, such as ``olt``, false where a value is nan."""
        return self.put(f"fcmp {how} {KIND} {self.text_of(one)}, {self.text_of(other)}")

    def both(self, one: str, other: str) -> str:
        """Where both masks hold."""
        return self.put(f"and <{COUNT} x i1> {one}, {other}")

    def choose(self, mask: str, one: Value, other: Value) -> Value:
        """One where the mask holds, else the other."""
        if one == other:
            return one
        texts = (self.text_of(one), self.text_of(other))
        return self.put(f"select <{COUNT} x i1> {mask}, {KIND} {texts[0]}, {KIND} {texts[1]}")

    def low(self, one: Value, other: Value) -> Value:
        """The smaller; the other where one is nan."""
        return self.choose(self.compare("olt", one, other), one, other)

    def high(self, one: Value, other: Value) -> Value:
        """The larger; the other where one is nan."""
        return self.choose(self.compare("ogt", one, other), one, other)

    def any(self, mask: str) -> str:
        """Whether a mask holds anywhere, as a condition."""
        bits = self.put(f"bitcast <{COUNT} x i1> {mask} to i{COUNT}")
        return self.put(f"icmp ne i{COUNT} {bits}, 0")

    def load(self, base: str, index: int) -> str:
        """Vector ``index`` behind an address."""
        return self.get(KIND, base, index, 64)

    def keep(self, value: Value, base: str, index: int) -> None:
        """Write vector ``index`` behind an address."""
        place = self.at(KIND, base, index)
        self.do(f"store {KIND} {self.text_of(value)}, ptr {place}, align 64")

    def everywhere(self, base: str, index: int) -> str:
        """Number ``index`` of an array of doubles, in every lane."""
        return self.splat(self.get("double", base, index, 8), "double", COUNT)

    def inverse_cube_root(self, one: Value) -> Value:
        """``one ** (-1 / 3)`` of numbers from about 1e-100 to 1e100, to a few parts in 1e15.

        A third of the exponent by integer arithmetic, good to 4 %, then Newton's iteration.
        """
        bits = self.put(f"bitcast {KIND} {self.text_of(one)} to {_WHOLE}")
        third = self.put(f"udiv {_WHOLE} {bits}, splat (i64 3)")
        first = self.put(f"sub {_WHOLE} splat (i64 {_THIRD}), {third}")
        root: Value = self.put(f"bitcast {_WHOLE} {first} to {KIND}")
        for _ in range(4):
            cubed = self.times(self.times(root, root), self.times(root, one))
            root = self.times(root, self.minus(4.0 / 3.0, self.times(cubed, 1.0 / 3.0)))
        return root


_THIRD = (0x3FF0000000000000 * 4) // 3 - (1 << 45)
"""The bits of 1.0 times 4/3, from which a third of a number's bits is subtracted. The constant is
slightly smaller than that, which makes the largest error smaller (1 is found exactly either way).
"""
