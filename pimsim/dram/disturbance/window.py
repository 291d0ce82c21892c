"""The most events that any time window of a given length holds, when their rate changes.

>>> spans = [Span(0, 10), Span(10, 40)]                   # ten seconds at 5/s, thirty at 1/s
>>> most_in(np.array([[50], [30]]), spans, window_ps=5, period_ps=40, again=False).tolist()
[25]
>>> most_in(np.array([[50], [30]]), spans, window_ps=50, period_ps=40, again=True).tolist()
[130]
>>> most_in(np.array([[50], [30]]), spans, window_ps=50, period_ps=40, again=False).tolist()
[80]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Span(NamedTuple):
    """A stretch of time in which events come at a constant rate."""

    start_ps: float
    end_ps: float


def most_in(
    counts: NDArray[np.int64],
    spans: Sequence[Span],
    window_ps: float,
    period_ps: float,
    *,
    again: bool,
) -> NDArray[np.int64]:
    """Return the most events in any window of a length, for each kind of event, rounded up.

    Args: counts: ``(spans, kinds)`` how often each kind of event happens in each span. spans: one
        after the other, none of them empty. window_ps: length of the window. period_ps: length of
        the whole. again: the whole is repeated, over and over.

    """
    starts = np.array([span.start_ps for span in spans])
    ends = np.array([span.end_ps for span in spans])
    total = counts.sum(axis=0).astype(np.float64)

    def until(time_ps: float) -> Floats:
        """What has happened until then, from the beginning."""
        rounds, rest = divmod(time_ps, period_ps) if again else (0.0, time_ps)
        share = np.clip((rest - starts) / (ends - starts), 0.0, 1.0)
        found: Floats = share @ counts + rounds * total
        return found

    # Between these times, the number of events in a window changes linearly.
    begins = {float(start) for start in starts} | {float(end) - window_ps for end in ends}
    if again:
        begins = {begin % period_ps for begin in begins}
    worst = np.max([until(begin + window_ps) - until(begin) for begin in begins], axis=0)
    rounded: NDArray[np.int64] = np.ceil(worst - 1e-6 * np.maximum(worst, 1.0)).astype(np.int64)
    return rounded
