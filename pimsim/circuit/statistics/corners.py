"""The worst corner of a bounded process: what cannot fail, however every quantity deviates.

>>> from pimsim.circuit.model import variation
>>> from pimsim.circuit.statistics.sense_decision import majority
>>> from pimsim.circuit.model.parameters import load
>>> circuit, ambit = load("rambus55"), variation.load("ambit-like")
>>> path = DecisionPath(circuit, ambit, majority(3, criterion="110"))
>>> [round(worst_margin_mv(path, percent / 100), 1) for percent in (0, 5, 6)]
[87.4, 9.1, -6.4]
"""

from __future__ import annotations

import numpy as np

from pimsim.circuit.statistics.sense_decision import DecisionPath


def is_bounded(path: DecisionPath) -> bool:
    """Whether no quantity of the process has a tail."""
    return not path.layout.gaussian.any()


def worst_margin_mv(path: DecisionPath, variation: float) -> float:
    """Return the least margin, in mV, that any corner of a bounded process has.

    ``path`` is of a single pattern. Charge sharing and offset change monotonically with each
    quantity but for the common mode's part in the offset, so that extremes lie at corners; they
    are searched by changing the side of one quantity at a time, from the corner that the slope
    at the centre points to, until no change lowers the margin. Negative: some corner is wrong.
    """
    dims = path.layout.dims
    flips = np.ones((dims, dims)) - 2.0 * np.eye(dims)
    at = np.ones((dims, 1))
    low_mv = path.margin_mv(0.5 * (flips * at), variation)[0]
    high_mv = path.margin_mv(0.5 * np.ones((dims, 1)), variation)[0]
    # A side that lowers the margin at half of the spread is where to begin.
    at[:, 0] = np.where(low_mv < high_mv, -1.0, 1.0)
    least_mv = float(path.margin_mv(at, variation)[0, 0])
    while dims:
        tried_mv = path.margin_mv(flips * at, variation)[0]
        best = int(tried_mv.argmin())
        if tried_mv[best] >= least_mv:
            break
        at[best] *= -1.0
        least_mv = float(tried_mv[best])
    return least_mv
