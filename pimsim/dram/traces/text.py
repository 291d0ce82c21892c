r"""Lines of text, many at a time: columns of bytes side by side, with zero bytes left out.

>>> names = texts(["ACT,", "PRE,"])
>>> joined([decimal(np.array([7, 12345])), constant(","), names[[0, 1]], constant("0\n")])
b'7,ACT,0\n12345,PRE,0\n'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pimsim.executors.compiled.codegen import emit

Column: TypeAlias = NDArray[np.bytes_]
"""An array of bytes, ``(lines,)``, or ``(1,)`` if all lines have the same."""

_DIGITS = 4
"""Digits that one table look-up gives."""
_TOGETHER = 64
"""Bytes of text that one instruction squeezes."""


def texts(some: Sequence[str]) -> Column:
    """Return texts as a column, from which the text of each line can be picked by index."""
    return np.array([text.encode("ascii") for text in some])


def constant(text: str) -> Column:
    """Return a column of the same text in every line."""
    return texts([text])


def decimal(values: NDArray[np.int64], *, most: int | None = None) -> Column:
    """Return numbers from 0 on as decimals; none of them is larger than ``most``."""
    return _number(values, 10, int(values.max(initial=0)) if most is None else most)


def hexadecimal(values: NDArray[np.int64]) -> Column:
    """Return numbers from 0 on as hexadecimals, without ``0x``."""
    return _number(values, 16, int(values.max(initial=0)))


def lines(columns: Sequence[Column]) -> NDArray[np.uint8]:
    """Return columns side by side: ``(lines, bytes)``, in memory that the next call reuses."""
    one = side_by_side(columns, again=True)
    table: NDArray[np.uint8] = one.view(np.uint8).reshape(len(one), one.dtype.itemsize)
    return table


def lengths(table: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return how long each line in a table of :func:`lines` is."""
    found: NDArray[np.intp] = np.count_nonzero(table, axis=1)
    return found


def text_of(table: NDArray[np.uint8]) -> bytes:
    """Return the text of a table of :func:`lines`."""
    flat, squeeze = table.ravel(), _squeeze()
    if squeeze is None:
        found: bytes = flat[flat != 0].tobytes()
        return found
    whole, length = flat.size // _TOGETHER, np.zeros(1, np.int64)
    into = _room("text", flat.size + _TOGETHER)
    squeeze(flat.ctypes.data, whole, into.ctypes.data, length.ctypes.data)
    rest = flat[whole * _TOGETHER :]
    squeezed: bytes = into[: int(length[0])].tobytes() + rest[rest != 0].tobytes()
    return squeezed


def joined(columns: Sequence[Column]) -> bytes:
    """Return the lines, columns side by side in each."""
    return text_of(lines(columns))


def strings(column: Column) -> list[str]:
    """Return the text of each line of a column."""
    return [text.replace(b"\0", b"").decode("ascii") for text in column.tolist()]


def side_by_side(columns: Sequence[Column], *, again: bool = False) -> Column:
    """Return columns as one; with ``again``, in memory that the next such call reuses."""
    form = np.dtype([(str(number), column.dtype) for number, column in enumerate(columns)])
    count = max(map(len, columns))
    size = count * form.itemsize
    room = _room("lines", size) if again else np.empty(size, np.uint8)
    table: NDArray[Any] = room.view(form)
    for name, column in zip(form.names or (), columns, strict=True):
        table[name] = column
    one: Column = table.view(f"S{form.itemsize}")
    return one


_ROOM: dict[str, NDArray[np.uint8]] = {}
"""Memory that is reused, because most of the time for new memory would go into mapping it."""


def _room(purpose: str, size: int) -> NDArray[np.uint8]:
    """Some bytes of memory, which the next call for the same purpose reuses."""
    if size > len(_ROOM.get(purpose, b"")):
        _ROOM[purpose] = np.empty(2 * size, np.uint8)
    return _ROOM[purpose][:size]


def _number(values: NDArray[np.int64], base: int, most: int) -> Column:
    """Groups of digits, without leading zeros."""
    size, table = base**_DIGITS, _groups(base)
    groups = []
    rest = values
    while most >= size:
        rest, group = np.divmod(rest, size)
        most //= size
        groups.append(np.where(rest > 0, group, group + size))
    groups.append(rest + size)
    columns = [table[group] for group in groups]
    if len(columns) > 1:  # nothing instead of 0 before other digits
        for index in range(1, len(columns)):
            columns[index] = table[np.where(groups[index] == size, 2 * size, groups[index])]
    columns.reverse()
    return side_by_side(columns) if len(columns) > 1 else columns[0]


@cache
def _squeeze() -> Callable[..., None] | None:
    """Machine code that leaves zero bytes out, if the processor has an instruction for it.

    Arguments are a text, how many times :data:`_TOGETHER` bytes it has, where the result goes (it
    needs that many bytes of spare room), and where its length is written.
    """
    if emit.why_not() is not None or not emit.compiler().features.get("avx512vbmi2", False):
        return None
    code, kind = emit.Emit("pimsim_squeeze", "*text times *into *length"), f"<{_TOGETHER} x i8>"
    packing, mask = f"{kind} @llvm.x86.avx512.mask.compress.v64i8", f"<{_TOGETHER} x i1>"
    code.declare(f"{packing}({kind}, {kind}, {mask})")
    code.declare("i64 @llvm.ctpop.i64(i64)")
    with code.carry("%times", "i64", ["0"]) as (number, (at,), after):
        value = code.get(kind, "%text", number)
        kept = code.put(f"icmp ne {kind} {value}, zeroinitializer")
        packed = code.put(f"call {packing}({kind} {value}, {kind} zeroinitializer, {mask} {kept})")
        code.do(f"store {kind} {packed}, ptr {code.at('i8', '%into', at)}, align 1")
        bits = code.put(f"bitcast {mask} {kept} to i{_TOGETHER}")
        count = code.put(f"call i64 @llvm.ctpop.i64(i64 {bits})")
        after.append(code.add(at, count))
    code.do(f"store i64 {at}, ptr %length, align 8")
    return code.function()


@cache
def _groups(base: int) -> Column:
    """Groups of digits: with leading zeros, then without, then nothing."""
    size = base**_DIGITS
    plain = "{:04d}" if base == 10 else "{:04x}"
    bare = "{:d}" if base == 10 else "{:x}"
    return texts([*map(plain.format, range(size)), *map(bare.format, range(size)), ""])
