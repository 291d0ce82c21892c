"""Machine code for a few steps at a time, on the columns of a tile.

A kernel is described by its :class:`Body`: loads, functions of three values, stores. The places of
rows, and which rows are complemented, are not part of it. They come from a table at run time, with
one number for each entry (twice the place, plus 1 for a complement). So one kernel serves every
output, and every part of a schedule with the same structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import count

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, compiler
from pimsim.executors.compiled.codegen.truth_table import looked_up

_NUMBER = count()
_ARGUMENTS = "noalias*tile noalias-readonly*entries *out step row_bytes"
_PROMISES = 'nounwind "prefer-vector-width"="512"'
_VECTOR_BYTES = 64
ENTRIES_AT_ONCE = 8
"""Entries of the table that are fetched at once; all of them must be in memory."""

_IN_REGISTERS = 12
"""Entries of the table that fit into registers; if there are more, they are kept on the stack."""

_CAREFUL = 5
"""Kernels with up to this many entries are compiled carefully: a full adder has as many, and is
called again and again. Larger kernels would run 0 to 4 % faster, but take up to three times as long
to compile (784 inputs of 8 bits, 512 outputs, 10,000 columns, LLVM 22)."""


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
        """Number of table entries that it uses."""
        return sum(table is None or table < 0 for table, _ in self.values) + len(self.stores)


@cache
def address(body: Body, entry_bytes: int) -> int:
    """Address of the kernel's machine code; compiled when first asked for.

    It is ``void kernel(tile, entries, out, step, row_bytes)``. The smallest kernels get code that
    takes longer to make.
    """
    code = _emit()
    _Writer(code, body, entry_bytes).write()
    return compiler().function(code.text(), code.name, careful=body.entries <= _CAREFUL)


def _emit() -> Emit:
    return Emit(f"pimsim_kernel_{next(_NUMBER)}", _ARGUMENTS, _PROMISES)


class _Writer:
    def __init__(self, code: Emit, body: Body, entry_bytes: int) -> None:
        self._code, self._body, self._entry_bytes = code, body, entry_bytes
        self._entries: list[tuple[str, str]] = []
        """Address and mask of entries that are in registers."""

    def write(self) -> None:
        """Add the kernel's instructions."""
        code, body = self._code, self._body
        if body.entries > _IN_REGISTERS:
            self._keep_entries()
        else:
            self._entries = [self._entry(i) for i in range(body.entries)]
        code.do("br label %loop\nloop:\n  %at = phi i64 [ 0, %entry ], [ %next, %loop ]")
        entry = 0
        values: list[str] = []
        for table, operands in body.values:
            if table is None:
                loaded = code.put(f"load {VECTOR}, ptr {self._pointer(entry)}, align 64")
                values.append(self._flip(loaded, entry))
                entry += 1
            elif table < 0:
                values.append(self._mask(entry))
                entry += 1
            else:
                values.append(looked_up(code, table, [values[i] for i in operands]))
        for place, value in enumerate(body.stores, start=entry):
            stored = self._flip(values[value], place)
            code.do(f"store {VECTOR} {stored}, ptr {self._pointer(place)}, align 64")
        code.do(f"%next = add i64 %at, {_VECTOR_BYTES}")
        code.do("%more = icmp ult i64 %next, %row_bytes")
        code.do("br i1 %more, label %loop, label %done\ndone:")

    def _entry(self, index: int) -> tuple[str, str]:
        """Address of the row in the tile, and its mask as a scalar."""
        code, kind = self._code, f"i{self._entry_bytes * 8}"
        number = code.get(kind, "%entries", index, self._entry_bytes)
        wide = code.put(f"zext {kind} {number} to i64")
        place = code.put(f"lshr i64 {wide}, 1")
        offset = code.mul(place, "%row_bytes")
        bit = code.put(f"and i64 {wide}, 1")
        return code.at("i8", "%tile", offset), code.put(f"sub i64 0, {bit}")

    def _keep_entries(self) -> None:
        """Put what :meth:`_entry` gives on the stack, for a few entries at a time.

        The loop then loads it from there. The code generator would do the same by itself, but one
        by one and, without careful compilation, again and again.
        """
        code = self._code
        count = -(-self._body.entries // ENTRIES_AT_ONCE)
        self._rows, self._masks = (code.slot(f"[{count} x {VECTOR}]", 64) for _ in range(2))
        tile = code.splat(code.put("ptrtoint ptr %tile to i64"))
        row_bytes = code.splat("%row_bytes")
        kind = f"<{ENTRIES_AT_ONCE} x i{self._entry_bytes * 8}>"
        for index in range(count):
            numbers = code.get(kind, "%entries", index, self._entry_bytes)
            wide = code.put(f"zext {kind} {numbers} to {VECTOR}")
            place = code.put(f"lshr {VECTOR} {wide}, splat (i64 1)")
            code.store(code.two("add", tile, code.two("mul", place, row_bytes)), self._rows, index)
            bit = code.two("and", wide, "splat (i64 1)")
            code.store(code.two("sub", "zeroinitializer", bit), self._masks, index)

    def _pointer(self, entry: int) -> str:
        code = self._code
        kept = self._entries[entry][0] if self._entries else code.get("ptr", self._rows, entry, 8)
        return code.at("i8", kept, "%at")

    def _mask(self, entry: int) -> str:
        code = self._code
        kept = self._entries[entry][1] if self._entries else code.get("i64", self._masks, entry, 8)
        return code.splat(kept)

    def _flip(self, value: str, entry: int) -> str:
        if not self._body.masked:
            return value
        return self._code.two("xor", value, self._mask(entry))


@cache
def reader(entry_bytes: int) -> int:
    """Kernel that copies a row to the slot of the results that its second entry names."""
    code, kind = _emit(), f"i{entry_bytes * 8}"
    row, slot = (
        code.put(f"lshr i64 {code.put(f'zext {kind} {number} to i64')}, 1")
        for number in (code.get(kind, "%entries", i, entry_bytes) for i in range(2))
    )
    source = code.at("i8", "%tile", code.mul(row, "%row_bytes"))
    code.copy(code.at("i8", "%out", code.mul(slot, "%step")), source, "%row_bytes")
    return compiler().function(code.text(), code.name)
