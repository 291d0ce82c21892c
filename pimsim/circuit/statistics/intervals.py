"""The confidence interval of a probability, from counts.

>>> low, high = clopper_pearson(0, 100_000)
>>> low, round(high * 1e5, 2)  # three and a bit: no failure seen is not no failure
(0.0, 3.69)
>>> [round(end, 4) for end in clopper_pearson(50, 100)]
[0.3983, 0.6017]
"""

from __future__ import annotations

from functools import lru_cache

LEVEL = 0.95
"""Confidence level that is meant unless another is named."""


@lru_cache(maxsize=4096)  # the points of a sweep have the same few counts again and again
def clopper_pearson(wrong: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact (conservative) interval: it covers with at least probability ``level``."""
    from scipy.special import betaincinv  # scipy.stats has the same, and takes a second to import

    tail = (1.0 - level) / 2.0
    low = 0.0 if wrong == 0 else float(betaincinv(wrong, trials - wrong + 1, tail))
    high = 1.0 if wrong == trials else float(betaincinv(wrong + 1, trials - wrong, 1.0 - tail))
    return low, high
