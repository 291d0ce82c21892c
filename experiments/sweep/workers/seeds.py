"""Random seeds of trials.

They depend on the seed of the sweep and the number of the trial alone, so that all points see the
same chips and the same noise: differences between points are then theirs.

>>> derived(1, trial=0, count=2) == derived(1, trial=0, count=2)
True
>>> len({*derived(1, trial=0, count=2), *derived(1, trial=1, count=2)})
4
"""

from __future__ import annotations


def derived(seed: int, trial: int, count: int) -> tuple[int, ...]:
    """Return ``count`` seeds, integers below 2**63, of a trial of a sweep."""
    import numpy as np

    state = np.random.SeedSequence((seed, trial)).generate_state(count, np.uint64)
    return tuple(int(word) >> 1 for word in state)
