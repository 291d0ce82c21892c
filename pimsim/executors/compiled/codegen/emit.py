"""Writing LLVM IR with loops.

>>> code = Emit("twice", "*values count")
>>> with code.loop("%count") as i:
...     place = code.put(f"getelementptr i64, ptr %values, i64 {i}")
...     value = code.put(f"load i64, ptr {place}")
...     code.do(f"store i64 {code.put(f'shl i64 {value}, 1')}, ptr {place}")
>>> code.text().count("define void @twice(ptr %values, i64 %count)")
1
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from pimsim.executors.compiled.codegen.backend import compiler

VECTOR = "<8 x i64>"


class Emit:
    """One function without result, of numbers and addresses only.

    So it runs without the interpreter's lock. ``arguments`` are their names; an address has a star.
    """

    def __init__(self, name: str, arguments: str) -> None:
        self._name, self._arguments = name, arguments.split()
        listed = [f"ptr %{a[1:]}" if a[0] == "*" else f"i64 %{a}" for a in self._arguments]
        self._head = f"define void @{name}({', '.join(listed)}) nounwind {{\nentry:"
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._declared: dict[str, None] = {}
        self._names = count()
        self._block = "entry"

    def put(self, text: str) -> str:
        """Add an instruction; returns the name of its value."""
        name = f"%v{next(self._names)}"
        self._lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Add an instruction without a value."""
        self._lines.append(f"  {text}")

    def declare(self, text: str) -> None:
        """Add a declaration."""
        self._declared[f"declare {text}"] = None

    def slot(self, kind: str, align: int = 8) -> str:
        """Memory of the function's own."""
        name = f"%s{next(self._names)}"
        self._slots.append(f"  {name} = alloca {kind}, align {align}")
        return name

    def _label(self, name: str) -> None:
        self._lines.append(f"{name}:")
        self._block = name

    @contextmanager
    def loop(self, times: str | int, first: str | int = 0) -> Iterator[str]:
        """Carry out what is added inside for ``first`` up to ``times``; gives the counter."""
        number, before = next(self._names), self._block
        self.do(f"br label %test{number}")
        self._label(f"test{number}")
        value, head = f"%v{next(self._names)}", len(self._lines)
        self._lines.append("")
        more = self.put(f"icmp slt i64 {value}, {times}")
        self.do(f"br i1 {more}, label %body{number}, label %end{number}")
        self._label(f"body{number}")
        yield value
        following = self.put(f"add i64 {value}, 1")
        self.do(f"br label %test{number}")
        ways = f"[ {first}, %{before} ], [ {following}, %{self._block} ]"
        self._lines[head] = f"  {value} = phi i64 {ways}"
        self._label(f"end{number}")

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Carry out what is added inside if ``condition``."""
        number = next(self._names)
        self.do(f"br i1 {condition}, label %then{number}, label %else{number}")
        self._label(f"then{number}")
        yield
        self.do(f"br label %else{number}")
        self._label(f"else{number}")

    def at(self, kind: str, base: str, index: str | int) -> str:
        """Address of element ``index`` of an array of ``kind``."""
        return self.put(f"getelementptr {kind}, ptr {base}, i64 {index}")

    def get(self, kind: str, base: str, index: str | int, align: int = 1) -> str:
        """Element ``index`` of an array of ``kind``."""
        return self.put(f"load {kind}, ptr {self.at(kind, base, index)}, align {align}")

    def add(self, one: str | int, other: str | int) -> str:
        """Sum of two numbers."""
        return self.put(f"add i64 {one}, {other}")

    def mul(self, one: str | int, other: str | int) -> str:
        """Product of two numbers."""
        return self.put(f"mul i64 {one}, {other}")

    def least(self, one: str | int, other: str | int) -> str:
        """The smaller of two numbers."""
        less = self.put(f"icmp slt i64 {one}, {other}")
        return self.put(f"select i1 {less}, i64 {one}, i64 {other}")

    def store(self, vector: str, base: str, index: str | int) -> None:
        """Write element ``index`` of an array of vectors."""
        self.do(f"store {VECTOR} {vector}, ptr {self.at(VECTOR, base, index)}, align 64")

    def text(self) -> str:
        """The module."""
        lines = [*self._declared, self._head, *self._slots, *self._lines, "  ret void", "}"]
        return "\n".join(lines) + "\n"

    def function(self) -> Callable[..., None]:
        """The function, compiled."""
        kinds = (ctypes.c_void_p if a[0] == "*" else ctypes.c_int64 for a in self._arguments)
        address = compiler().function(self.text(), self._name)
        found: Callable[..., None] = ctypes.CFUNCTYPE(None, *kinds)(address)
        return found


def transpose(code: Emit, block: str) -> None:
    """Transpose eight 64 x 64 bit matrices in place.

    ``block`` is 64 x 8 words: word g of line r is line r of matrix g. Blocks of 32 x 32 bits are
    exchanged, then of 16 x 16, and so on; three sizes at a time, so that the eight lines that
    exchange among each other stay in registers.
    """
    for size in (8, 1):
        with code.loop(8) as group:
            first = group if size == 8 else code.mul(group, 8)
            places = [code.add(first, size * i) for i in range(8)]
            lines = [code.get(VECTOR, block, place, 64) for place in places]
            for step in (4, 2, 1):
                shift = step * size
                keep = sum(1 << bit for bit in range(64) if not bit & shift)
                for low in range(8):
                    high = low | step
                    if low == high:
                        continue
                    moved = code.put(f"lshr {VECTOR} {lines[low]}, splat (i64 {shift})")
                    differ = code.put(f"xor {VECTOR} {moved}, {lines[high]}")
                    swap = code.put(f"and {VECTOR} {differ}, splat (i64 {_signed(keep)})")
                    lines[high] = code.put(f"xor {VECTOR} {lines[high]}, {swap}")
                    back = code.put(f"shl {VECTOR} {swap}, splat (i64 {shift})")
                    lines[low] = code.put(f"xor {VECTOR} {lines[low]}, {back}")
            for place, line in zip(places, lines, strict=True):
                code.store(line, block, place)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
