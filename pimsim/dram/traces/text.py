r"""Lines of text, many at a time: columns of bytes side by side, whose zero bytes are left out.

>>> names = texts(["ACT,", "PRE,"])
>>> joined([decimal(np.array([7, 12345])), constant(","), names[[0, 1]], constant("0\n")])
b'7,ACT,0\n12345,PRE,0\n'
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = NDArray[np.bytes_]
"""``(lines,)`` or ``(1,)`` of bytes."""

_DIGITS = 4
"""Digits that are looked up together."""


def texts(some: Sequence[str]) -> Column:
    """Return texts as a column, to take the lines' own from."""
    return np.array([text.encode("ascii") for text in some])


def constant(text: str) -> Column:
    """Return a column of the same text in every line."""
    return texts([text])


def decimal(values: NDArray[np.int64], *, most: int | None = None) -> Column:
    """Return numbers from 0 on as decimals; ``most`` is as large as any of them."""
    return _number(values, 10, int(values.max(initial=0)) if most is None else most)


def hexadecimal(values: NDArray[np.int64]) -> Column:
    """Return numbers from 0 on as hexadecimals, without ``0x``."""
    return _number(values, 16, int(values.max(initial=0)))


def lines(columns: Sequence[Column]) -> NDArray[np.uint8]:
    """Return columns side by side: ``(lines, bytes)``."""
    one = side_by_side(columns)
    table: NDArray[np.uint8] = one.view(np.uint8).reshape(len(one), one.dtype.itemsize)
    return table


def lengths(table: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return how long each of :func:`lines` is."""
    found: NDArray[np.intp] = np.count_nonzero(table, axis=1)
    return found


def text_of(table: NDArray[np.uint8]) -> bytes:
    """Return what :func:`lines` hold."""
    flat = table.ravel()
    found: bytes = flat[flat != 0].tobytes()
    return found


def joined(columns: Sequence[Column]) -> bytes:
    """Return the lines, columns side by side in each."""
    return text_of(lines(columns))


def strings(column: Column) -> list[str]:
    """Return the text of each line of a column."""
    return [text.replace(b"\0", b"").decode("ascii") for text in column.tolist()]


def side_by_side(columns: Sequence[Column]) -> Column:
    """Return columns as one."""
    form = np.dtype([(str(number), column.dtype) for number, column in enumerate(columns)])
    table: NDArray[Any] = np.empty(max(map(len, columns)), form)
    for name, column in zip(form.names or (), columns, strict=True):
        table[name] = column
    one: Column = table.view(f"S{form.itemsize}")
    return one


def _number(values: NDArray[np.int64], base: int, most: int) -> Column:
    """Groups of digits; of the first that is not zero, and those before it, without leading 0s."""
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
def _groups(base: int) -> Column:
    """Groups of digits: with leading zeros, then without, then nothing."""
    size = base**_DIGITS
    plain = "{:04d}" if base == 10 else "{:04x}"
    bare = "{:d}" if base == 10 else "{:x}"
    return texts([*map(plain.format, range(size)), *map(bare.format, range(size)), ""])
