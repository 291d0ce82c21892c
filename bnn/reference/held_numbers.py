"""Numbers whose digits are in rows, as :mod:`bnn.reference.row_kernel` puts them together.

A number is a multiple of a sum of different powers of two, some of them subtracted. The kernel
takes rows as the bits of an integer, turns those that are subtracted around, and corrects the
constants of sums for that. Two outputs that use the same two numbers are compared together, and so
are two that use one number each.

>>> held = LinearSums.alone(np.array([[3, 5]]), np.array([[-6, 3]]), np.array([1]))
>>> found = Numbers.of(held)
>>> found.rows[0, :2].tolist(), found.used.tolist(), found.turned.tolist(), found.size.tolist()
([5, 3], [3], [2], [3])
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import OUTSIDE
from bnn.reference.kernel_part import PARAMETERS, SIDE, Kind
from bnn.values.linear import LinearSums

_DIGITS = 32


class Numbers(NamedTuple):
    """Numbers, each ``size`` times what its bits are worth, less ``below``."""

    rows: NDArray[np.int64]
    """``(numbers, 32)`` row of each bit; any where there is none."""
    used: NDArray[np.int64]
    """``(numbers,)`` bits that there are."""
    turned: NDArray[np.int64]
    """``(numbers,)`` bits that are 0 where the row has a 1."""
    size: NDArray[np.int64]

    @classmethod
    def of(cls, sums: LinearSums) -> Numbers:
        """Find out what the digits of numbers are; raises ValueError if they are no powers of 2."""
        sizes = np.abs(sums.factors).astype(np.int64)
        size = np.maximum(np.gcd.reduce(sizes, axis=1), 1)
        worth = sizes // size[:, None]
        number, digit = np.nonzero(worth)
        powers = worth[number, digit]
        rows = np.zeros((len(sizes), _DIGITS), np.int64)
        exponents = np.frexp(powers.astype(np.float64))[1] - 1
        fit = (powers & (powers - 1)) == 0
        used = worth.sum(axis=1)
        if (
            not (fit & (exponents < _DIGITS)).all()
            or (np.bitwise_or.reduce(worth, axis=1) != used).any()
        ):
            raise ValueError("digits in rows must be worth different powers of 2")
        rows[number, exponents] = sums.rows[number, digit]
        return cls(rows, used, np.where(sums.factors < 0, worth, 0).sum(axis=1), size)

    @property
    def levels(self) -> int:
        """Bits of the longest number."""
        return int(self.used.max(initial=0)).bit_length()


class Teams(NamedTuple):
    """Outputs two by two."""

    numbers: NDArray[np.intp]
    """``(pairs, 2)`` of the numbers that both use."""
    members: NDArray[np.intp]
    """``(pairs, 2)`` the outputs; -1: none."""
    multiples: NDArray[np.int64]
    """``(outputs, 2)`` of both numbers' bits, in the order of the pair."""
    constants: NDArray[np.int64]
    """``(outputs,)``."""
    bits: NDArray[np.int64]
    """``(pairs, 4)`` of both numbers: which bits there are, and which are turned."""

    @classmethod
    def of(cls, sums: LinearSums, held: Numbers) -> Teams:
        """Put outputs two by two.

        >>> sums = LinearSums.alone(np.zeros((3, 1), int), np.ones((3, 1), int), np.zeros(3, int))
        >>> Teams.of(sums, Numbers.of(sums)).members.tolist()
        [[0, 1], [2, -1]]
        """
        empty = held.used[sums.numbers] == 0
        multiples = np.where(empty, 0, sums.multiples * held.size[sums.numbers])
        below = (multiples * held.turned[sums.numbers]).sum(axis=1)
        alone = np.flatnonzero(multiples[:, 1] == 0)
        both = np.flatnonzero(multiples[:, 1] != 0)
        # those of one number: the second of two takes the second number
        members = np.full((-(-len(alone) // 2), 2), OUTSIDE, np.intp)
        members.reshape(-1)[: len(alone)] = alone
        numbers = sums.numbers[members, 0]
        multiples = multiples.copy()
        multiples[alone[1::2]] = multiples[alone[1::2], ::-1]
        # those of two numbers, sorted by these
        key = sums.numbers[both] @ np.array([len(held.used), 1])
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        sizes = np.diff(starts, append=len(order))
        slots = -(-sizes // 2)
        shared = np.full((int(slots.sum()), 2), OUTSIDE, np.intp)
        rank = np.arange(len(order)) - np.repeat(starts, sizes)
        shared.reshape(-1)[np.repeat(2 * (np.cumsum(slots) - slots), sizes) + rank] = both[order]
        members = np.concatenate([members, shared])
        numbers = np.concatenate([numbers, sums.numbers[shared[:, 0]]])
        bits = np.stack([held.used[numbers], held.turned[numbers]], axis=2).reshape(-1, 4)
        return cls(numbers, members, multiples, sums.constants - below, bits)

    def params(
        self,
        pairs: int,
        kind: Kind,
        limits: NDArray[np.int64],
        offsets: NDArray[np.int64],
    ) -> NDArray[np.uint32]:
        """Parameters ``(pairs, PARAMETERS)`` of the kernel, of so many pairs."""
        found = np.zeros((pairs, PARAMETERS), np.uint32)
        count, real = len(self.members), self.members != OUTSIDE
        found[:count, :4] = twice(self.bits, kind)
        sides = found[:count, 4:].reshape(count, 2, SIDE)
        each = np.stack([*self.multiples.T, self.constants, limits, offsets], axis=1)
        sides[..., :5] = twice(each, kind)[self.members]
        sides[..., 5] = np.where(real, ~np.uint32(0), np.uint32(0))
        sides[..., 6] = np.where(real, self.members, 0)
        found[:count, 4:] = sides.reshape(count, -1)
        return found

    def digits(self, pairs: int, held: Numbers, planes: int) -> NDArray[np.int64]:
        """Rows ``(pairs, 2, planes)`` of the bits of all numbers, of so many pairs."""
        found = np.zeros((pairs, 2, planes), np.int64)
        found[: len(self.numbers)] = held.rows[self.numbers, :planes]
        return found


def twice(values: NDArray[np.int64], kind: Kind) -> NDArray[np.uint32]:
    """Values as the kernel takes them: 32 bits each, short ones twice over."""
    if kind.wide:
        return (values & 0xFFFFFFFF).astype(np.uint32)
    short = values & 0xFFFF
    return (short | short << 16).astype(np.uint32)
