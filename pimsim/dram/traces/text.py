r"""Lines of text, many at a time: columns of texts and numbers, side by side.

>>> names = texts(["ACT,", "PRE,"])
>>> columns = decimal(np.array([7, 12345])), constant(","), names[[0, 1]], constant("0\n")
>>> lines(columns).text.tobytes()
b'7,ACT,0\n12345,PRE,0\n'
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pimsim.dram.traces.line_kernel import DIGITS, Form, kernel, width_of


class Texts:
    """Texts, from which the one of each line can be picked by index."""

    def __init__(self, some: Sequence[str]) -> None:
        encoded = [text.encode("ascii") for text in some]
        width = width_of(max(map(len, encoded), default=0))
        self.table: NDArray[np.bytes_] = np.array(encoded, dtype=f"S{width}")
        self.lengths = np.array([len(text) for text in encoded], np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, which: ArrayLike) -> Picked:
        """A column with the text of each line, ``(lines,)`` indices."""
        return Picked(self, np.ascontiguousarray(which, np.int64))


class Picked(NamedTuple):
    """A column of some of a few texts."""

    texts: Texts
    which: NDArray[np.int64] | None
    """None if there is one text, which all lines have."""

    def form(self) -> Form:
        """What its code depends on."""
        return "one" if self.which is None else "picked", self.texts.table.itemsize, 0

    def numbers(self) -> list[int]:
        """What its code is given: addresses of arrays, and a length."""
        table, lengths = self.texts.table.ctypes.data, self.texts.lengths
        if self.which is None:
            return [table, int(lengths[0])]
        return [table, lengths.ctypes.data, self.which.ctypes.data]

    def strings(self, lines: int) -> list[str]:
        """The text of each line."""
        known = [text.decode("ascii") for text in self.texts.table.tolist()]
        return known * lines if self.which is None else [known[one] for one in self.which.tolist()]


class Number(NamedTuple):
    """A column of numbers; nothing instead of those below 0."""

    values: NDArray[np.int64]
    base: int
    most: int
    """No value is larger."""

    def form(self) -> Form:
        """What its code depends on: base, and groups of digits."""
        groups, size = 1, self.base**DIGITS
        while self.most >= size**groups:
            groups += 1
        return "number", self.base, groups

    def numbers(self) -> list[int]:
        """What its code is given."""
        return [self.values.ctypes.data, _groups(self.base).ctypes.data]

    def strings(self, lines: int) -> list[str]:
        """The text of each line."""
        form = "d" if self.base == 10 else "x"
        return ["" if one < 0 else format(one, form) for one in self.values.tolist()]


class Stretch(NamedTuple):
    """A column of stretches of a text."""

    text: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def form(self) -> Form:
        """What its code depends on."""
        return "stretch", 0, 0

    def numbers(self) -> list[int]:
        """What its code is given."""
        return [each.ctypes.data for each in self]

    def strings(self, lines: int) -> list[str]:
        """The text of each line."""
        whole = self.text.tobytes().decode("ascii")
        pairs = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        return [whole[start:stop] for start, stop in pairs]


Column: TypeAlias = Picked | Number | Stretch


class Lines(NamedTuple):
    """Lines of text."""

    text: NDArray[np.uint8]
    """All of them, in memory that is used again."""
    ends: NDArray[np.int64]
    """``(lines,)`` where each ends."""


def texts(some: Sequence[str]) -> Texts:
    """Return texts, from which the one of each line can be picked by index."""
    return Texts(some)


def constant(text: str) -> Picked:
    """Return a column of the same text in every line."""
    return Picked(Texts([text]), None)


def decimal(values: NDArray[np.int64]) -> Number:
    """Return numbers as decimals; nothing instead of those below 0."""
    return _number(values, 10)


def hexadecimal(values: NDArray[np.int64]) -> Number:
    """Return numbers as hexadecimals, without ``0x``; nothing instead of those below 0."""
    return _number(values, 16)


def _number(values: NDArray[np.int64], base: int) -> Number:
    every = np.ascontiguousarray(values, np.int64)
    return Number(every, base, int(every.max(initial=0)))


def lines(columns: Sequence[Column], room: str = "lines") -> Lines:
    """Return columns side by side, in memory that the next call with that ``room`` uses again.

    Raises ValueError for columns of different lengths, or none that has a length.
    """
    each = [_each(column) for column in columns]
    counts = {len(one) for one in each if one is not None}
    if len(counts) != 1:
        raise ValueError(f"columns must have the same number of lines, not {sorted(counts)}")
    count = counts.pop()
    code = kernel(tuple(column.form() for column in columns))
    if code is None:
        every = zip(*(column.strings(count) for column in columns), strict=True)
        found = ["".join(parts).encode("ascii") for parts in every]
        ends = np.cumsum([len(one) for one in found], dtype=np.int64)
        return Lines(np.frombuffer(b"".join(found), np.uint8), ends)
    into = _room(room, sum(map(_most, columns)) * count + sum(map(_in_all, columns)))
    ends = np.empty(count, np.int64)
    numbers = np.array([one for column in columns for one in column.numbers()], np.int64)
    code(count, numbers.ctypes.data, into.ctypes.data, ends.ctypes.data)
    return Lines(into[: int(ends[-1]) if count else 0], ends)


def strings(columns: Sequence[Column]) -> list[str]:
    """Return the text of each line."""
    found = lines(columns)
    whole, ends = found.text.tobytes().decode("ascii"), found.ends.tolist()
    return [whole[start:stop] for start, stop in zip([0, *ends], ends, strict=False)]


def _each(column: Column) -> NDArray[np.int64] | None:
    """What a column has for each line."""
    if isinstance(column, Picked):
        return column.which
    return column.values if isinstance(column, Number) else column.stops


def _most(column: Column) -> int:
    """Bytes that the code of a column writes in each line, at most."""
    kind, one, groups = column.form()
    return {"number": 8 * groups, "stretch": 0}.get(kind, one)


def _in_all(column: Column) -> int:
    """Bytes that it writes in all lines beside these."""
    return int((column.stops - column.starts).sum()) if isinstance(column, Stretch) else 0


_ROOM: dict[str, NDArray[np.uint8]] = {}
"""Memory that is reused, because most of the time for new memory would go into mapping it."""


def _room(purpose: str, size: int) -> NDArray[np.uint8]:
    """Some bytes of memory, which the next call for the same purpose reuses."""
    if size > len(_ROOM.get(purpose, b"")):
        _ROOM[purpose] = np.empty(2 * size, np.uint8)
    return _ROOM.setdefault(purpose, np.empty(0, np.uint8))


@cache
def _groups(base: int) -> NDArray[np.int64]:
    """Groups of digits: with leading zeros, then without, then nothing.

    The text is in the lower bytes of a number, its length in the highest.
    """
    size, form = base**DIGITS, "d" if base == 10 else "x"
    plain = [format(number, f"0{DIGITS}{form}") for number in range(size)]
    every = [*plain, *(text.lstrip("0") or "0" for text in plain), ""]
    table = np.zeros((len(every), 8), np.uint8)
    table[:, :DIGITS] = np.array(every, f"S{DIGITS}").view(np.uint8).reshape(-1, DIGITS)
    table[:, 7] = [len(text) for text in every]
    found: NDArray[np.int64] = table.view("<i8").ravel()
    return found
