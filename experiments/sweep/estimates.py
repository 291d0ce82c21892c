"""Estimates with their intervals, from the counts of all trials of a point.

>>> pooled([{"wrong": 1, "of": 100}, {"wrong": 3, "of": 100}], "wrong", "of", 0.95)[0]
0.02
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Counts = Mapping[str, int]
"""What a trial counted, by name."""

Estimate = tuple[float, float, float]
"""The estimate, and the ends of its interval."""


def pooled(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return the share of ``part`` in ``whole``, and its Clopper-Pearson interval.

    For trials whose units are all independent, so that it does not matter which trial a unit
    was in.
    """
    from pimsim.circuit.statistics.intervals import clopper_pearson

    some, every = (sum(one[name] for one in counts) for name in (part, whole))
    return (some / every, *clopper_pearson(some, every, level))


def clustered(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return the share of ``part`` in ``whole``; the units of the interval are trials.

    What is counted in a trial goes together (images on the same chip), so that the interval is
    that of a ratio estimator over trials, with Student's t for as many trials less one. It is
    never narrower than if everything counted were independent (:func:`pooled`): trials that
    happen to agree do not make it vanish. A single trial has the pooled interval.

    >>> agreeing = [{"right": 90, "of": 100}] * 3
    >>> clustered(agreeing, "right", "of", 0.95) == pooled(agreeing, "right", "of", 0.95)
    True
    >>> apart = [{"right": 80, "of": 100}, {"right": 99, "of": 100}, {"right": 91, "of": 100}]
    >>> [round(number, 3) for number in clustered(apart, "right", "of", 0.95)]
    [0.9, 0.663, 1.0]
    """
    share, low, high = pooled(counts, part, whole, level)
    trials = len(counts)
    if trials < 2:
        return share, low, high
    from scipy.special import stdtrit

    mean = sum(one[whole] for one in counts) / trials
    squares = sum((one[part] - share * one[whole]) ** 2 for one in counts)
    error = math.sqrt(squares / (trials - 1) / trials) / mean
    reach = float(stdtrit(trials - 1, 0.5 + level / 2)) * error
    return share, max(min(low, share - reach), 0.0), min(max(high, share + reach), 1.0)


def exact(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return ``part`` for each of ``whole``, which nothing random has touched.

    >>> exact([{"latency_ps": 600, "images": 3}], "latency_ps", "images", 0.95)
    (200.0, 200.0, 200.0)
    """
    share = sum(one[part] for one in counts) / sum(one[whole] for one in counts)
    return share, share, share
