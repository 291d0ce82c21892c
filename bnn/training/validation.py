"""Training images that are not learned from, but watched, and when what they show ends a training.

>>> from bnn.training.card import Epoch
>>> losses = (0.5, 0.3, 0.4, 0.3, 0.5)
>>> history = [Epoch(i, 0, 0, 0, 0, validation_loss=x) for i, x in enumerate(losses, 1)]
>>> best(history), stops(history, patience=3), stops(history, patience=4)
(2, True, False)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bnn.data.datasets import Dataset
from bnn.training.card import Epoch
from pimsim.errors import InputError


def split(learn: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Divide labelled images into those to learn from and those to watch, as the seed has it.

    Args:
        learn: all training images.
        share: of them that is watched, rounded to a whole number of images; 0: no division.
        seed: of the choice.

    Raises:
        InputError: nothing would be left on one side.
    """
    if share == 0:
        return learn, None
    count = len(learn.x)
    watched = round(count * share)
    if not 0 < watched < count:
        raise InputError(
            f"`validation_split` must leave images to learn from and to watch, "
            f"not {watched} of {count} to watch"
        )
    order = np.random.default_rng([seed, 0]).permutation(count)  # epochs count from 1
    return _chosen(learn, np.sort(order[watched:])), _chosen(learn, np.sort(order[:watched]))


def best(history: Sequence[Epoch]) -> int | None:
    """Return the first epoch with the smallest loss of the watched images; None if none is known.

    Losses are compared as they are recorded.
    """
    losses = [(e.validation_loss, e.epoch) for e in history if e.validation_loss is not None]
    return min(losses)[1] if losses else None


def stops(history: Sequence[Epoch], patience: int) -> bool:
    """Whether the best epoch is ``patience`` epochs ago; never where ``patience`` is 0."""
    at = best(history)
    return patience > 0 and at is not None and history[-1].epoch - at >= patience


def _chosen(data: Dataset, indices: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Dataset:
    return replace(data, x=data.x[indices], y=None if data.y is None else data.y[indices])
