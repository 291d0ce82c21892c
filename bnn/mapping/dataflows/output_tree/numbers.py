"""The numbers that are added to what operands count: constants that give bits and sums."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import TreeSums


@lru_cache(maxsize=1)
def has_zeros(stage: Stage) -> bool:
    """Whether a digit of a weight is 0; the answer for the last stage is kept."""
    return bool(np.count_nonzero(stage.weights) < stage.weights.size)


@lru_cache(maxsize=1)
def numbers(stage: Stage) -> tuple[NDArray[np.int8], list[NDArray[np.int64]], TreeSums]:
    """Return the sign that outputs count with, their kappas at every place, and sums.

    A bit says whether the count plus kappa is above 0. Where a bit is 1 for small sums, the sign is
    negative; if sums are wanted, no sign is. The answer for the last stage is kept, since a stage
    is laid out in many ways in succession; nobody may write to it.
    """
    zero = np.zeros(stage.outputs, np.int64)
    found = stage.thresholds or Thresholds(zero, zero > 0)
    scaled = np.int64(1) << np.array(stage.shifts, np.int64)
    ones = np.tensordot(scaled, stage.weights.sum(axis=(1, 2), dtype=np.int64), axes=1)
    below = np.tensordot(scaled, (stage.weights < 0).sum(axis=(1, 2), dtype=np.int64), axes=1)
    base = stage.offsets + stage.scale * stage.largest * below
    turn: NDArray[np.int64] = np.where(found.falling, -1, 1).astype(np.int64)
    kappas: list[NDArray[np.int64]] = []
    if not stage.zero_padding:
        least = -((base - found.at) // stage.scale)
        reach = stage.highest() + stage.largest + 1
        least = np.clip(least, -reach, reach)
        same = turn * (1 + stage.largest * ones - 2 * least)
        kappas = [same] * stage.windows.offsets
        sums = TreeSums(stage.scale, stage.scale * least + base, turn)
        return turn.astype(np.int8), kappas, sums
    reach, tap_sums = 2 * stage.highest() + 2, stage.tap_sums
    for place in range(stage.windows.offsets):
        padded = stage.windows.padded(place).any(axis=0)
        taken = tap_sums[padded].sum(axis=0)
        at = np.clip(found.at, -reach, reach)
        kappas.append(turn * (2 * (ones + base) + taken - 2 * at + 1))
    return turn.astype(np.int8), kappas, TreeSums(1, np.clip(found.at, -reach, reach), turn)


def signed_digits(numbers: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int8]]]:
    """Write numbers that are all odd, or all even, with digits of -1 and +1.

    Even numbers get two digits of weight 1, such that the rest can be halved to an odd number. If
    there are even and odd numbers, some digits are 0.

    >>> [(weight, digits.tolist()) for weight, digits in signed_digits(np.array([3, -1]))]
    [(0, [1, 1]), (1, [1, -1])]
    >>> found = signed_digits(np.array([0, 2, -4, 6]))
    >>> sum((1 << weight) * digit.astype(int) for weight, digit in found).tolist()
    [0, 2, -4, 6]
    """
    odd = numbers % 2 != 0
    if odd.any() and not odd.all():
        sizes, signs = np.abs(numbers), np.sign(numbers)
        levels = range(int(sizes.max()).bit_length())
        return [(bit, (signs * (sizes >> bit & 1)).astype(np.int8)) for bit in levels]
    found: list[tuple[int, NDArray[np.int8]]] = []
    first, left = 0, numbers
    if not (numbers % 2).any():
        same = numbers // 2 % 2 == 0  # two digits alike leave something odd
        toward = np.where(numbers < 0, -1, 1)
        second = np.where(same, toward, -toward)
        found = [(0, toward.astype(np.int8)), (0, second.astype(np.int8))]
        first, left = 1, (numbers - toward - second) // 2
    bits = max(1, int(np.abs(left).max()).bit_length())
    plain = (left + (1 << bits) - 1) // 2
    return found + [
        (first + bit, np.where(plain >> bit & 1, 1, -1).astype(np.int8)) for bit in range(bits)
    ]
