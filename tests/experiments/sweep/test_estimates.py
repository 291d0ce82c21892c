"""Estimates and intervals, against formulas of their own and against simulation."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import scipy
from hypothesis import strategies as st

from experiments.sweep.measures import measure

LEVEL = 0.95


def _counts(pairs: list[tuple[int, int]]) -> list[dict[str, int]]:
    return [{"part": part, "whole": whole} for part, whole in pairs]


@st.composite
def trials(draw: st.DrawFn) -> list[tuple[int, int]]:
    wholes = draw(st.lists(st.integers(1, 500), min_size=1, max_size=6))
    return [(draw(st.integers(0, whole)), whole) for whole in wholes]


@hypothesis.given(trials())
def test_intervals_hold_the_estimate_and_are_shares(pairs: list[tuple[int, int]]) -> None:
    for function in (measure.pooled, measure.clustered):
        share, low, high = function(_counts(pairs), "part", "whole", LEVEL)
        assert 0.0 <= low <= share <= high <= 1.0
        assert low < high


@hypothesis.given(trials())
def test_clustered_is_never_narrower_than_independent_units(pairs: list[tuple[int, int]]) -> None:
    _, low, high = measure.pooled(_counts(pairs), "part", "whole", LEVEL)
    share, widest_low, widest_high = measure.clustered(_counts(pairs), "part", "whole", LEVEL)
    assert widest_low <= low
    assert widest_high >= high
    assert share == sum(part for part, _ in pairs) / sum(whole for _, whole in pairs)


def test_of_equal_trials_it_is_students_interval_of_their_mean() -> None:
    shares = np.array([0.71, 0.93, 0.82, 0.65])
    counts = _counts([(round(1000 * share), 1000) for share in shares])
    low, high = scipy.stats.t.interval(LEVEL, 3, shares.mean(), scipy.stats.sem(shares))
    assert measure.clustered(counts, "part", "whole", LEVEL) == pytest.approx(
        (shares.mean(), low, high)
    )


def test_a_single_trial_has_the_exact_binomial_interval() -> None:
    expected = scipy.stats.binomtest(90, 100).proportion_ci(LEVEL, "exact")
    found = measure.clustered(_counts([(90, 100)]), "part", "whole", LEVEL)
    assert found == pytest.approx((0.9, expected.low, expected.high))


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_the_clustered_interval_covers_what_it_says(spread: float) -> None:
    """Chips that differ or do not: in 95 % of sweeps the truth is inside (here: 2,000 sweeps)."""
    rng, truth, sweeps = np.random.default_rng(1), 0.9, 2000
    inside = 0
    for _ in range(sweeps):
        chips = np.clip(rng.normal(truth, spread, 5), 0, 1)
        counts = _counts([(int(rng.binomial(400, chip)), 400) for chip in chips])
        _, low, high = measure.clustered(counts, "part", "whole", LEVEL)
        inside += low <= truth <= high
    assert inside / sweeps > 0.935  # clipping takes 0.2 points, 4 sigma another 2
