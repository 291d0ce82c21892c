"""Where noise may strike has the law that it says, and hangs on names alone.

Scores are compared with a standard normal distribution; seeds are fixed.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from pimsim.dram.array.noise_stream import (
    ENTRIES,
    GOLDEN,
    Gaps,
    candidates,
    key_of,
    named,
    scrambled,
    words,
)

RATES = (1e-5, 1e-3, 0.0028, 0.02, 0.3, 0.9)
SIGMA = 4.5
"""What a score stays below in all but 1 of 150,000 cases."""
SLOTS = 2_000_000


def struck(names: tuple[int, ...], rate: float, slots: int) -> NDArray[np.bool_]:
    """Slots of the stream of some names, as a mask."""
    mask = np.zeros(slots, np.bool_)
    mask[candidates(named(key_of(3, ()), names), Gaps.of(rate), slots)[0]] = True
    return mask


def score(count: int, times: int, rate: float) -> float:
    """Of a count that should be binomial."""
    return float((count - times * rate) / np.sqrt(times * rate * (1 - rate)))


def test_words_are_those_of_splitmix64() -> None:
    """The first words under seed 0, as its authors' program prints them."""
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert words(np.zeros(1, np.uint64), 1, 3).tolist() == [first]
    assert scrambled(np.array([GOLDEN], np.uint64)).tolist() == first[:1]


@pytest.mark.parametrize("rate", [*RATES, 1e-9, 1e-15, 0.5, 1.0])
def test_a_table_has_every_gap_as_often_as_its_probability(rate: float) -> None:
    chance = [Fraction(0)] * ENTRIES
    for entry, (below, other) in enumerate(Gaps.of(rate).table.tolist()):
        chance[entry] += Fraction(below, 2**64)
        chance[other] += 1 - Fraction(below, 2**64)
    exact, left = [], 1.0
    for _ in range(ENTRIES - 1):
        exact.append(left * rate)
        left *= 1 - rate
    exact.append(left)
    found = [float(each / ENTRIES) for each in chance]
    assert sum(chance) == ENTRIES
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-17)


@pytest.mark.parametrize("rate", RATES)
def test_candidates_are_as_many_as_the_rate_says(rate: float) -> None:
    every = [struck((output,), rate, SLOTS) for output in range(4)]
    assert abs(score(int(np.sum(every)), 4 * SLOTS, rate)) < SIGMA
    parts = np.array(every).reshape(4 * 8, -1)
    each = [score(int(part.sum()), part.size, rate) for part in parts]
    assert max(map(abs, each)) < SIGMA
    expected = parts.shape[1] * rate * (1 - rate)  # neither too even nor too uneven
    spread = scipy.stats.chi2.cdf(((parts.sum(axis=1) - parts.shape[1] * rate) ** 2).sum()
                                  / expected, len(parts))  # fmt: skip
    assert 1e-5 < spread < 1 - 1e-5


@pytest.mark.parametrize("rate", [1e-3, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("lag", [1, 2, 63, ENTRIES - 1, ENTRIES, 4096])
def test_slots_of_a_stream_know_nothing_of_one_another(rate: float, lag: int) -> None:
    mask = struck((7, lag), rate, SLOTS)
    both = int((mask[lag:] & mask[:-lag]).sum())
    assert abs(score(both, SLOTS - lag, rate * rate)) < SIGMA * (1 + 3 * rate)  # pairs overlap


@pytest.mark.parametrize("rate", [1e-3, 0.02, 0.3])
def test_streams_of_different_names_know_nothing_of_one_another(rate: float) -> None:
    """Parts, outputs and blocks, next to each other and exchanged; and another seed."""
    names = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1), (2, 0, 0)]
    masks = [struck(own, rate, SLOTS // 2) for own in names]
    masks += [struck(own, rate, SLOTS // 2) for own in [(0, 2, 0), (0, 0, 2)]]
    other = candidates(named(key_of(4, ()), (0, 0, 0)), Gaps.of(rate), SLOTS // 2)[0]
    masks.append(np.isin(np.arange(SLOTS // 2), other))
    for one, two in itertools.combinations(masks, 2):
        assert abs(score(int((one & two).sum()), SLOTS // 2, rate * rate)) < SIGMA


@pytest.mark.parametrize("rate", [1e-3, 0.02, 0.3])
def test_numbers_of_candidates_are_uniform_whatever_the_gap_before(rate: float) -> None:
    where, draws = candidates(key_of(5, (1,)), Gaps.of(rate), SLOTS)
    assert ((draws >= 0) & (draws < 1)).all()
    assert scipy.stats.kstest(draws, "uniform").pvalue > 1e-5
    for values in (np.diff(where), draws[:-1]):
        assert scipy.stats.spearmanr(values, draws[1:]).pvalue > 1e-5


@pytest.mark.parametrize("rate", [1e-18, 1e-5, 0.02, 0.3, 1.0])
def test_fewer_slots_have_the_first_candidates_of_more(rate: float) -> None:
    where, draws = candidates(9, Gaps.of(rate), 70_000)
    for slots in (0, 1, 5, ENTRIES - 1, ENTRIES, 60_001):
        fewer, numbers = candidates(9, Gaps.of(rate), slots)
        assert fewer.tolist() == where[where < slots].tolist()
        assert numbers.tolist() == draws[: len(fewer)].tolist()


def test_a_rate_of_one_takes_every_slot() -> None:
    assert candidates(1, Gaps.of(1.0), 5000)[0].tolist() == list(range(5000))
