"""Where noise may strike: streams of random words that depend on names alone.

A *key* is 64 bits. Word ``n`` of its stream is SplitMix64's scrambling of ``key + n * GOLDEN``, so
any word can be computed without those before it. A word of one stream serves as the key of another:
that is how the key of several names is made. All of it is integer arithmetic, the same on every
machine.

A *slot* is one column of one access; the columns of an access come first, then those of the next.
Each slot is a candidate for an error with the same probability. Drawn are not the slots, but the
gaps between candidates. One word and a table (:class:`Gaps`) give a gap, by the alias method: the
highest bits of the word choose an entry, and the other bits choose between the gap of that entry
and its alias. Longer gaps are made of several: the last entry is a stretch without a candidate.

>>> gaps = Gaps.of(0.25)
>>> where, draws = candidates(key_of(seed=1, names=(2, 3)), gaps, slots=40_000)
>>> bool(abs(len(where) - 10_000) < 300), bool((where[1:] > where[:-1]).all())
(True, True)

Sources: G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators, OOPSLA
2014 (SplitMix64, its constants); A. J. Walker, An efficient method for generating discrete random
variables with general distributions, ACM TOMS 3 (1977) 253.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words

VERSION = 2
"""Version of the noise: goes up with every change of what a seed gives; part of the keys of
sweeps."""

GOLDEN = 0x9E3779B97F4A7C15
"""Difference between the numbers of which a stream's words are made: 2**64 over the golden ratio,
odd."""
SCRAMBLE = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""Shift, then multiplication, twice; and a shift by :data:`LAST_SHIFT`."""
LAST_SHIFT = 31

ENTRY_BITS = 10
"""A table of gaps has 2**ENTRY_BITS entries: 16 KB, which a processor's first cache holds."""
ENTRIES = 1 << ENTRY_BITS
DRAW_BITS = 53
"""Bits of a word that make a number in [0, 1)."""

_KEPT = 256


class Gaps(NamedTuple):
    """How many slots are passed over before the next candidate, as a table.

    Entry i stands for a gap of i, the last for as many slots without a candidate.
    """

    rate: float
    table: Words
    """(ENTRIES, 2): if the rest of the word is below the first number, the gap is that of the
    entry; if not, it is that of the alias, the second number."""

    @classmethod
    def of(cls, rate: float) -> Gaps:
        """Gaps where each slot is a candidate with probability ``rate``, more than 0, to 1."""
        return cls(rate, _table(rate))


def may_strike(rate: float) -> bool:
    """Whether there can be a candidate at all: the words have no value for less than 2**-74.

    >>> may_strike(1e-18), may_strike(1e-33), may_strike(0.0)
    (True, False, False)
    """
    if rate <= 0.0:
        return False
    below, other = _table(rate)[:-1].T
    return bool(below.any() or (other != ENTRIES - 1).any())


def scrambled(numbers: Words) -> Words:
    """The words that SplitMix64's scrambling makes of some numbers.

    >>> scrambled(np.array([GOLDEN], np.uint64)).tolist() == [0xE220A8397B1DCDAF]
    True
    """
    for shift, factor in SCRAMBLE:
        numbers = (numbers ^ numbers >> np.uint64(shift)) * np.uint64(factor)
    found: Words = numbers ^ numbers >> np.uint64(LAST_SHIFT)
    return found


def words(keys: Words, first: int, count: int = 1) -> Words:
    """Words ``first`` to before ``first + count`` of the streams of some keys, (keys, count)."""
    numbers = np.arange(first, first + count, dtype=np.uint64) * np.uint64(GOLDEN)
    return scrambled(keys[:, None] + numbers)


@lru_cache(maxsize=_KEPT)
def key_of(seed: int, names: tuple[int, ...]) -> int:
    """A key for some names, all at least 0, under a seed of any size.

    >>> key_of(0, (1, 2)) == key_of(0, (2, 1)), key_of(0, (1,)) == key_of(1, (1,))
    (False, False)
    """
    sequence = np.random.SeedSequence(seed, spawn_key=names)
    return int(sequence.generate_state(1, np.uint64)[0])


def named(key: int, names: Sequence[int]) -> int:
    """The key of names, each of at least 0, under a key.

    >>> named(named(5, [1]), [2]) == named(5, [1, 2])
    True
    """
    found = np.array([key], np.uint64)
    for name in names:
        found = words(found, name + 1)[:, 0]
    return int(found[0])


def candidates(key: int, gaps: Gaps, slots: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which of ``slots`` slots are candidates, in order, and a number in [0, 1) for each.

    Word ``2 n + 1`` of the stream gives gap ``n``, and word ``2 n + 2`` the number of the candidate
    that follows it.
    """
    places, draws = [], []
    start, first, own = 0, 1, np.array([key], np.uint64)
    expected = gaps.rate + 1 / ENTRIES  # gaps a slot, about
    while start < slots:
        count = min(int((slots - start) * expected * 1.1) + 8, _AT_ONCE)
        found = words(own, first, 2 * count)[0].reshape(count, 2)
        gap = _gap(gaps, found[:, 0])
        struck = gap < ENTRIES - 1
        ends = np.cumsum(gap + struck) + start
        struck &= ends <= slots
        places.append(ends[struck] - 1)
        draws.append(found[struck, 1])
        start, first = int(ends[-1]), first + 2 * count
    if not places:
        return np.zeros(0, np.int64), np.zeros(0)
    drawn = np.concatenate(draws) >> np.uint64(64 - DRAW_BITS)
    return np.concatenate(places), drawn * 2.0**-DRAW_BITS


_AT_ONCE = 1 << 18


def _gap(gaps: Gaps, found: Words) -> NDArray[np.int64]:
    entry = (found >> np.uint64(64 - ENTRY_BITS)).astype(np.int64)
    rest = found << np.uint64(ENTRY_BITS)
    below, other = gaps.table[entry].T
    return np.where(rest < below, entry, other.astype(np.int64))


@lru_cache(maxsize=_KEPT)
def _table(rate: float) -> Words:
    """The table of a rate, by basic arithmetic alone, which rounds alike on every machine."""
    left, shares = 1.0, []
    for _ in range(ENTRIES - 1):
        shares.append(left * rate)
        left -= shares[-1]
    shares.append(left)
    table = np.empty((ENTRIES, 2), np.uint64)
    table[:, 0], table[:, 1] = 0, np.arange(ENTRIES)
    held = [share * ENTRIES for share in shares]
    small = [entry for entry, share in enumerate(held) if share < 1.0]
    large = [entry for entry, share in enumerate(held) if share >= 1.0]
    while small and large:
        entry, other = small.pop(), large[-1]
        table[entry] = int(held[entry] * 2.0**64), other
        held[other] -= 1.0 - held[entry]
        if held[other] < 1.0:
            small.append(large.pop())
    table.setflags(write=False)
    return table  # of what is left over the share is 1, but for rounding
