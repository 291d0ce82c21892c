"""Packed bits: 64 columns in a word, column 0 in the lowest bit of word 0.

>>> import numpy as np
>>> words = pack(np.array([[1, 0, 1, 1]], dtype=np.uint8))
>>> int(words[0, 0])
13
>>> unpack(words, 4)
array([[1, 0, 1, 1]], dtype=uint8)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64
Words = NDArray[np.uint64]
Bits = NDArray[np.uint8]

_LITTLE = np.dtype("<u8")


def words_for(columns: int) -> int:
    """Return the number of words that hold ``columns`` bits."""
    return -(-columns // WORD_BITS)


def pack(bits: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Words:
    """Pack 0/1 values (..., columns) into words (..., words_for(columns)); the tail is 0."""
    columns = bits.shape[-1]
    packed = np.packbits(bits, axis=-1, bitorder="little")
    padded = np.zeros((*bits.shape[:-1], words_for(columns) * 8), dtype=np.uint8)
    padded[..., : packed.shape[-1]] = packed
    return padded.view(_LITTLE).astype(np.uint64, copy=False)


def unpack(words: Words, columns: int) -> Bits:
    """The first ``columns`` bits of ``(..., words)`` as ``(..., columns)`` uint8 zeros and ones."""
    as_bytes = np.ascontiguousarray(words).astype(_LITTLE, copy=False).view(np.uint8)
    return np.unpackbits(as_bytes, axis=-1, count=columns, bitorder="little")


def ones_in(words: Words) -> int:
    """Return how many bits are ones.

    >>> ones_in(pack(np.array([[1, 0, 1], [1, 1, 1]])))
    5
    """
    return int(np.unpackbits(np.ascontiguousarray(words).view(np.uint8)).sum())


def at_least(levels: Sequence[Words], ones: int) -> Words:
    """Return a mask of the columns in which at least ``ones`` levels (1 or more) are ones.

    >>> levels = [pack(np.array(row, dtype=np.uint8)) for row in ([0, 1, 1], [0, 0, 1], [0, 1, 0])]
    >>> unpack(at_least(levels, 2), 3)
    array([0, 1, 1], dtype=uint8)
    """
    reached = [np.zeros_like(levels[0]) for _ in range(ones)]
    for level in levels:
        for more in range(ones - 1, 0, -1):
            reached[more] |= reached[more - 1] & level
        reached[0] |= level
    return reached[-1]


def side_by_side(integers: NDArray[np.integer[Any]], planes: int) -> Bits:
    """Integers ``(..., n)`` below ``2**planes`` as strings of bits ``(..., bytes)``, lowest first.

    >>> side_by_side(np.array([[1, 2, 3]]), 2).tolist()  # 11 10 01
    [[57]]
    """
    if planes == 8:
        return integers.astype(np.uint8, copy=False)
    bits = integers
    if planes > 1:
        split = integers[..., None] >> np.arange(planes, dtype=integers.dtype) & 1
        bits = split.reshape(*integers.shape[:-1], integers.shape[-1] * planes)
    return np.packbits(bits.astype(np.uint8, copy=False), axis=-1, bitorder="little")


def count_ones(rows: Words, levels: Sequence[int]) -> Words:
    """Add rows up column by column, 64 columns in one instruction.

    >>> rows = pack(np.array([[[1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 1]]]))  # 1 output, 4 rows
    >>> unpack(count_ones(rows, [0, 0, 0, 1]), 3)[0].tolist()  # the last counts twice: 3, 3 and 3
    [[1, 1, 1], [1, 1, 1], [0, 0, 0]]

    Args:
        rows: (outputs, rows, words).
        levels: for each row an exponent: a one in the row counts 2**level.

    Returns:
        (outputs, bits, words): binary numbers, least significant bit first.

    """
    outputs, _, width = rows.shape
    pending: list[list[Words]] = []

    def add(level: int, row: Words) -> None:
        while len(pending) <= level:
            pending.append([])
        pending[level].append(row)
        if len(pending[level]) == 3:
            first, second, third = pending[level]
            either = first ^ second
            pending[level] = [either ^ third]
            add(level + 1, first & second | either & third)

    for number, level in enumerate(levels):
        add(level, rows[:, number])
    level = 0
    while level < len(pending):  # a carry may add a level
        if len(pending[level]) == 2:
            first, second = pending[level]
            pending[level] = [first ^ second]
            add(level + 1, first & second)
        level += 1
    zero = np.zeros((outputs, width), np.uint64)
    return np.stack([rest[0] if rest else zero for rest in pending], axis=1)
