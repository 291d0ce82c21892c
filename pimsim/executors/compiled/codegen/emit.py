"""Machine code for the processor that runs the simulator: LLVM IR with loops, through llvmlite.

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
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from pimsim.executors.compiled.codegen import kept_text

VECTOR = "<8 x i64>"


class Emit:
    """One function without result, of numbers and addresses only.

    So it runs without the interpreter's lock. ``arguments`` are the names of its arguments; an
    address has a star, and before it the attributes that LLVM may rely on:
    ``noalias-readonly*table``. ``promises`` are attributes of the function.
    """

    def __init__(self, name: str, arguments: str, promises: str = "nounwind") -> None:
        self.name = name
        self._arguments = [argument.rpartition("*") for argument in arguments.split()]
        listed = [
            f"{f'ptr {promise}'.replace('-', ' ').strip()} %{own}" if star else f"i64 %{own}"
            for promise, star, own in self._arguments
        ]
        self._head = f"define void @{name}({', '.join(listed)}) {promises} {{\nentry:"
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
        """Memory on the function's stack."""
        name = f"%s{next(self._names)}"
        self._slots.append(f"  {name} = alloca {kind}, align {align}")
        return name

    def _label(self, name: str) -> None:
        self._lines.append(f"{name}:")
        self._block = name

    @contextmanager
    def loop(self, times: str | int, first: str | int = 0) -> Iterator[str]:
        """Repeat what is added inside, for ``first`` up to ``times``; yields the counter."""
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
    def carry(
        self, times: str | int, kind: str, first: Sequence[str]
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Repeat what is added inside, with values that each round hands to the next.

        Yields the counter, the values of this round, and a list for those of the next. After the
        loop, the list has the last values.
        """
        number, before = next(self._names), self._block
        values = [f"%v{next(self._names)}" for _ in first]
        self.do(f"br label %test{number}")
        self._label(f"test{number}")
        counter, head, after = f"%v{next(self._names)}", len(self._lines), list[str]()
        self._lines.append("")
        more = self.put(f"icmp slt i64 {counter}, {times}")
        self.do(f"br i1 {more}, label %body{number}, label %end{number}")
        self._label(f"body{number}")
        yield counter, values, after
        following = self.put(f"add i64 {counter}, 1")
        self.do(f"br label %test{number}")
        kinds = ["i64", *(kind for _ in first)]
        starts, ends = ["0", *first], [following, *after]
        self._lines[head] = "\n".join(
            f"  {name} = phi {one} [ {start}, %{before} ], [ {end}, %{self._block} ]"
            for name, one, start, end in zip([counter, *values], kinds, starts, ends, strict=True)
        )
        self._label(f"end{number}")

    @contextmanager
    def again(self, condition: Callable[[], str]) -> Iterator[None]:
        """Repeat what is added inside while the condition that ``condition`` adds is true."""
        number = next(self._names)
        self.do(f"br label %test{number}")
        self._label(f"test{number}")
        self.do(f"br i1 {condition()}, label %body{number}, label %end{number}")
        self._label(f"body{number}")
        yield
        self.do(f"br label %test{number}")
        self._label(f"end{number}")

    @contextmanager
    def go_on(
        self, condition: Callable[[list[str]], str], first: Sequence[str]
    ) -> Iterator[tuple[list[str], list[str]]]:
        """The same with numbers that each round hands to the next; ``condition`` gets them.

        Yields the numbers of this round, and a list for those of the next. After the loop, the
        numbers are those for which the condition was false.
        """
        number, before = next(self._names), self._block
        values = [f"%v{next(self._names)}" for _ in first]
        self.do(f"br label %test{number}")
        self._label(f"test{number}")
        head, after = len(self._lines), list[str]()
        self._lines.append("")
        self.do(f"br i1 {condition(values)}, label %body{number}, label %end{number}")
        self._label(f"body{number}")
        yield values, after
        self.do(f"br label %test{number}")
        self._lines[head] = "\n".join(
            f"  {name} = phi i64 [ {start}, %{before} ], [ {end}, %{self._block} ]"
            for name, start, end in zip(values, first, after, strict=True)
        )
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

    def two(self, operation: str, one: str, other: str) -> str:
        """``and``, ``or`` or ``xor`` of two vectors."""
        return self.put(f"{operation} {VECTOR} {one}, {other}")

    def splat(self, scalar: str, element: str = "i64", count: int = 8) -> str:
        """A vector of ``count`` equal elements."""
        kind, order = f"<{count} x {element}>", f"<{count} x i32> zeroinitializer"
        one = self.put(f"insertelement {kind} poison, {element} {scalar}, i32 0")
        return self.put(f"shufflevector {kind} {one}, {kind} poison, {order}")

    def copy(self, target: str, source: str, size: str) -> None:
        """Copy ``size`` bytes from one address to another."""
        self.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        where = f"ptr {target}, ptr {source}"
        self.do(f"call void @llvm.memcpy.p0.p0.i64({where}, i64 {size}, i1 false)")

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

    def address(self) -> int:
        """Where the machine code of the function is, see :meth:`function`."""
        return kept_text.address(self.text(), self.name, Path(__file__))

    def function(self) -> Callable[..., None]:
        """The function, compiled, or loaded where an earlier process has kept it.

        That is for what many networks share; what is made for one is for ``compiler()``.
        """
        kinds = (ctypes.c_void_p if star else ctypes.c_int64 for _, star, _ in self._arguments)
        address = self.address()
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
                    swap = code.put(f"and {VECTOR} {differ}, splat (i64 {keep})")
                    lines[high] = code.put(f"xor {VECTOR} {lines[high]}, {swap}")
                    back = code.put(f"shl {VECTOR} {swap}, splat (i64 {shift})")
                    lines[low] = code.put(f"xor {VECTOR} {lines[low]}, {back}")
            for place, line in zip(places, lines, strict=True):
                code.store(line, block, place)


_LOCK = threading.Lock()


@cache
def why_not() -> str | None:
    """Why there is no compiler back end here, in one line; None if there is one."""
    try:
        code = "define i64 @probe(i64 %x) {\n  %y = add i64 %x, 1\n  ret i64 %y\n}\n"
        compiler().function(code, "probe")
    except Exception as error:  # whatever a foreign back end raises, the reference is still there
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


@cache
def compiler() -> Compiler:
    """The compiler of this process."""
    return Compiler()


class Compiler:
    """Turns LLVM IR into functions that stay for the life of the process."""

    def __init__(self) -> None:
        from llvmlite import binding

        self._binding: Any = binding
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        self.features: dict[str, bool] = dict(binding.get_host_cpu_features())
        self._engines: dict[bool, Any] = {}
        for careful in (False, True):
            target = binding.Target.from_default_triple().create_target_machine(
                cpu=binding.get_host_cpu_name(),
                features=binding.get_host_cpu_features().flatten(),
                opt=2 if careful else 0,
                jit=True,
            )
            empty = binding.parse_assembly("")
            self._engines[careful] = binding.create_mcjit_compiler(empty, target)

    @property
    def ternary(self) -> bool:
        """Whether any function of three values is one instruction (AVX-512)."""
        return self.features.get("avx512f", False)

    def function(self, code: str, name: str, *, careful: bool = True) -> int:
        """Address of the function ``name``, new in the process, in a module of its own.

        LLVM's optimisation passes are skipped: they would find little to do, and take longer than
        everything else.

        Args:
            code: LLVM IR.
            name: name of the function.
            careful: choose instructions and registers well, which takes about five times as long.

        """
        binding, engine = self._binding, self._engines[careful]
        with _LOCK:
            module = binding.parse_assembly(code)
            module.verify()
            engine.add_module(module)
            engine.finalize_object()
            return int(engine.get_function_address(name))
