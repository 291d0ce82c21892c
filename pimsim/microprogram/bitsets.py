"""Sets of outputs as integers: bit i says whether output i is in the set.

Thousands of small steps each combine a few such sets. Integers do that in a fraction of the time
that arrays of flags take. Many sets are turned into arrays at once.

>>> few = numbers(np.array([[True, False, True], [False, True, True]]))
>>> few, few[0] & few[1]
([5, 6], 4)
>>> flags([5, 4], 3).astype(int).tolist()
[[1, 0, 1], [0, 0, 1]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers(flags: NDArray[np.bool_] | NDArray[np.integer[Any]]) -> list[int]:
    """Sets (n, outputs) as n numbers."""
    packed = np.packbits(flags, axis=1, bitorder="little")
    whole, width = packed.tobytes(), packed.shape[1]
    return [
        int.from_bytes(whole[start : start + width], "little")
        for start in range(0, len(whole), width)
    ]


def number(flags: NDArray[np.bool_] | NDArray[np.integer[Any]]) -> int:
    """One set (outputs,)."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def flags(sets: Sequence[int], outputs: int) -> NDArray[np.bool_]:
    """Sets as flags (n, outputs)."""
    width = -(-outputs // 8)
    whole = b"".join(each.to_bytes(width, "little") for each in sets)
    packed = np.frombuffer(whole, dtype=np.uint8).reshape(len(sets), width)
    return np.unpackbits(packed, axis=1, count=outputs, bitorder="little").view(np.bool_)
