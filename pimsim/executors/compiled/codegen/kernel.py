"""Machine code for a few steps at a time, on the columns of a tile.

A kernel is described by its :class:`Body`: loads, functions of three values, stores. Where rows lie
and which of them are complemented is not part of it: that comes from a table at run time, one
number an entry (twice the place, plus 1 for a complement). So one kernel serves every output, and
every stretch of a schedule that has the same structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import count

from pimsim.executors.compiled.codegen.backend import compiler

_NUMBER = count()
_VECTOR = "<8 x i64>"
_VECTOR_BYTES = 64
ENTRIES_AT_ONCE = 8
"""Entries of the table that are fetched at once, and so must lie in memory."""

_IN_REGISTERS = 12
"""Entries of the table for which there are registers; more of them are kept on the stack."""

_CAREFUL = 5
"""Entries of a kernel up to which better code is worth its making: a full adder has as many, and is
called over and over again. Larger kernels run 0 to 4 % faster with it, and take up to three times
as long to make (784 inputs of 8 bits, 512 outputs, 10,000 columns, LLVM 22)."""


@dataclass(frozen=True)
class Body:
    """What a kernel computes, as a value that can be compared.

    ``values`` are (None, ()) for a load, (-1, ()) for a mask, else (truth table, operands).
    Entries of the table are those of loads and masks in order, then of ``stores``.
    """

    values: tuple[tuple[int | None, tuple[int, ...]], ...]
    stores: tuple[int, ...]
    """Values stored."""
    masked: bool
    """Whether loads and stores are complemented where the table says so."""

    @property
    def entries(self) -> int:
        """Numbers that it takes from the table."""
        return sum(table is None or table < 0 for table, _ in self.values) + len(self.stores)


@cache
def address(body: Body, entry_bytes: int) -> int:
    """Address of the kernel's machine code; compiled when first asked for.

    The smallest kernels get code that takes longer to make.
    """
    name = f"pimsim_kernel_{next(_NUMBER)}"
    text = code(body, name, entry_bytes)
    return compiler().function(text, name, careful=body.entries <= _CAREFUL)


def code(body: Body, name: str, entry_bytes: int) -> str:
    """LLVM IR of the kernel ``void name(tile, entries, out, step, row_bytes)``."""
    return _Writer(body, compiler().ternary, entry_bytes).module(name)


class _Writer:
    def __init__(self, body: Body, ternary: bool, entry_bytes: int) -> None:
        self._body, self._ternary, self._entry_bytes = body, ternary, entry_bytes
        self._lines: list[str] = []
        self._names = count()
        self._entries: list[tuple[str, str]] = []
        """Address and mask of entries that are in registers."""

    def _put(self, text: str) -> str:
        name = f"%v{next(self._names)}"
        self._lines.append(f"  {name} = {text}")
        return name

    def module(self, name: str) -> str:
        body = self._body
        self._lines = [
            "declare <8 x i64> @llvm.x86.avx512.pternlog.q.512"
            "(<8 x i64>, <8 x i64>, <8 x i64>, i32 immarg)"
            if self._ternary
            else "",
            f"define void @{name}(ptr noalias %tile, ptr noalias readonly %entries, "
            'ptr %out, i64 %step, i64 %row_bytes) nounwind "prefer-vector-width"="512" {',
            "entry:",
        ]
        if body.entries > _IN_REGISTERS:
            self._keep_entries()
        else:
            self._entries = [self._entry(i) for i in range(body.entries)]
        self._lines += [
            "  br label %loop",
            "loop:",
            "  %at = phi i64 [ 0, %entry ], [ %next, %loop ]",
        ]
        entry = 0
        values: list[str] = []
        for table, operands in body.values:
            if table is None:
                loaded = self._put(f"load {_VECTOR}, ptr {self._pointer(entry)}, align 64")
                values.append(self._flip(loaded, entry))
                entry += 1
            elif table < 0:
                values.append(self._mask(entry))
                entry += 1
            else:
                values.append(self._function(table, [values[i] for i in operands]))
        for place, value in enumerate(body.stores, start=entry):
            stored = self._flip(values[value], place)
            self._lines.append(f"  store {_VECTOR} {stored}, ptr {self._pointer(place)}, align 64")
        self._lines += [
            f"  %next = add i64 %at, {_VECTOR_BYTES}",
            "  %more = icmp ult i64 %next, %row_bytes",
            "  br i1 %more, label %loop, label %done",
            "done:",
            "  ret void",
            "}",
        ]
        return "\n".join(self._lines) + "\n"

    def _entry(self, index: int) -> tuple[str, str]:
        """Address of the row in the tile, and its mask as a scalar."""
        kind = f"i{self._entry_bytes * 8}"
        pointer = self._put(f"getelementptr {kind}, ptr %entries, i64 {index}")
        number = self._put(f"load {kind}, ptr {pointer}")
        wide = self._put(f"zext {kind} {number} to i64")
        place = self._put(f"lshr i64 {wide}, 1")
        offset = self._put(f"mul i64 {place}, %row_bytes")
        bit = self._put(f"and i64 {wide}, 1")
        row = self._put(f"getelementptr i8, ptr %tile, i64 {offset}")
        return row, self._put(f"sub i64 0, {bit}")

    def _keep_entries(self) -> None:
        """Put what :meth:`_entry` gives on the stack, for a few entries at a time.

        The loop then looks it up. Left to itself, the code generator would also put it there, but
        one by one and, where code is made in a hurry, over and over again.
        """
        count = -(-self._body.entries // ENTRIES_AT_ONCE)
        for name in ("rows", "masks"):
            self._lines.append(f"  %{name} = alloca [{count} x {_VECTOR}], align 64")
        tile = self._splat(self._put("ptrtoint ptr %tile to i64"))
        row_bytes = self._splat("%row_bytes")
        kind = f"<{ENTRIES_AT_ONCE} x i{self._entry_bytes * 8}>"
        for index in range(count):
            pointer = self._put(f"getelementptr {kind}, ptr %entries, i64 {index}")
            numbers = self._put(f"load {kind}, ptr {pointer}, align {self._entry_bytes}")
            wide = self._put(f"zext {kind} {numbers} to {_VECTOR}")
            place = self._put(f"lshr {_VECTOR} {wide}, splat (i64 1)")
            offset = self._put(f"mul {_VECTOR} {place}, {row_bytes}")
            self._keep("rows", index, self._put(f"add {_VECTOR} {tile}, {offset}"))
            bit = self._put(f"and {_VECTOR} {wide}, splat (i64 1)")
            self._keep("masks", index, self._put(f"sub {_VECTOR} zeroinitializer, {bit}"))

    def _keep(self, name: str, index: int, value: str) -> None:
        place = self._put(f"getelementptr {_VECTOR}, ptr %{name}, i64 {index}")
        self._lines.append(f"  store {_VECTOR} {value}, ptr {place}, align 64")

    def _kept(self, name: str, kind: str, entry: int) -> str:
        place = self._put(f"getelementptr i64, ptr %{name}, i64 {entry}")
        return self._put(f"load {kind}, ptr {place}, align 8")

    def _pointer(self, entry: int) -> str:
        row = self._entries[entry][0] if self._entries else self._kept("rows", "ptr", entry)
        return self._put(f"getelementptr i8, ptr {row}, i64 %at")

    def _mask(self, entry: int) -> str:
        return self._splat(
            self._entries[entry][1] if self._entries else self._kept("masks", "i64", entry)
        )

    def _splat(self, scalar: str) -> str:
        one = self._put(f"insertelement {_VECTOR} poison, i64 {scalar}, i32 0")
        return self._put(
            f"shufflevector {_VECTOR} {one}, {_VECTOR} poison, <8 x i32> zeroinitializer"
        )

    def _flip(self, value: str, entry: int) -> str:
        if not self._body.masked:
            return value
        return self._put(f"xor {_VECTOR} {value}, {self._mask(entry)}")

    def _function(self, table: int, operands: list[str]) -> str:
        if len(operands) == 3 and self._ternary:
            first, second, third = operands
            return self._put(
                f"call {_VECTOR} @llvm.x86.avx512.pternlog.q.512({_VECTOR} {third}, "
                f"{_VECTOR} {second}, {_VECTOR} {first}, i32 {table})"
            )
        return self._expression(table, operands)

    def _expression(self, table: int, operands: list[str]) -> str:
        """The function in AND, OR and XOR, split at its last operand."""
        ones = (1 << (1 << len(operands))) - 1
        if table in (0, ones):
            bit = -1 if table else 0
            return f"splat (i64 {bit})"
        half = 1 << (len(operands) - 1)
        low, high = table & ((1 << half) - 1), table >> half
        *rest, last = operands
        every = (1 << half) - 1
        if low == high:
            return self._expression(low, rest)
        if low == high ^ every:
            return self._two("xor", self._expression(low, rest), last)
        if low == 0:
            return self._two("and", self._expression(high, rest), last)
        if high == every:
            return self._two("or", self._expression(low, rest), last)
        if high == 0:
            return self._two("and", self._expression(low, rest), self._not(last))
        if low == every:
            return self._two("or", self._expression(high, rest), self._not(last))
        if low & high == low:  # low implies high: low OR (last AND high)
            chosen = self._two("and", last, self._expression(high, rest))
            return self._two("or", self._expression(low, rest), chosen)
        below, above = self._expression(low, rest), self._expression(high, rest)
        differ = self._two("and", self._two("xor", below, above), last)
        return self._two("xor", below, differ)

    def _two(self, operation: str, one: str, other: str) -> str:
        return self._put(f"{operation} {_VECTOR} {one}, {other}")

    def _not(self, value: str) -> str:
        return self._put(f"xor {_VECTOR} {value}, splat (i64 -1)")


# -- reading rows out ----------------------------------------------------------------------------

READ = """
define void @{name}(ptr noalias %tile, ptr noalias readonly %entries, ptr %out, i64 %step,
    i64 %row_bytes) nounwind {{
  %p = getelementptr i{bits}, ptr %entries, i64 0
  %n = load i{bits}, ptr %p
  %q = getelementptr i{bits}, ptr %entries, i64 1
  %s = load i{bits}, ptr %q
  %wide = zext i{bits} %n to i64
  %place = lshr i64 %wide, 1
  %offset = mul i64 %place, %row_bytes
  %twice = zext i{bits} %s to i64
  %slot = lshr i64 %twice, 1
  %skip = mul i64 %slot, %step
  %from = getelementptr i8, ptr %tile, i64 %offset
  %to = getelementptr i8, ptr %out, i64 %skip
  call void @llvm.memcpy.p0.p0.i64(ptr align 64 %to, ptr align 64 %from, i64 %row_bytes, i1 false)
  ret void
}}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""


@cache
def reader(entry_bytes: int) -> int:
    """Kernel that copies a row to the slot of the results that its second entry names."""
    name = f"pimsim_kernel_{next(_NUMBER)}"
    text = READ.format(name=name, bits=entry_bytes * 8)
    return compiler().function(text, name)
