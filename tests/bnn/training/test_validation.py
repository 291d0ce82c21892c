from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.data.datasets import Dataset
from bnn.training.card import Epoch
from bnn.training.validation import best, split, stops
from pimsim.errors import InputError

LOSSES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=8)


def _data(count: int) -> Dataset:
    x = np.arange(count, dtype=np.float32)[:, None]
    return Dataset("numbers", x, np.arange(count), (), "here")


def _history(losses: list[float]) -> list[Epoch]:
    return [Epoch(i, 0, 0, 0, 0, validation_loss=loss) for i, loss in enumerate(losses, 1)]


@given(count=st.integers(2, 60), share=st.floats(0.02, 0.98), seed=st.integers(0, 2**32 - 1))
def test_every_image_is_on_one_side_with_its_label(count: int, share: float, seed: int) -> None:
    data = _data(count)
    if not 0 < round(count * share) < count:
        with pytest.raises(InputError, match="must leave images to learn from and to watch"):
            split(data, share, seed)
        return
    learned, watched = split(data, share, seed)
    assert watched is not None
    assert len(watched.x) == round(count * share)
    assert sorted([*learned.x[:, 0], *watched.x[:, 0]]) == list(range(count))
    for side in (learned, watched):
        assert side.y is not None
        assert side.y.tolist() == side.x[:, 0].tolist()


def test_the_seed_decides_and_no_share_divides_nothing() -> None:
    data = _data(200)
    chosen = [split(data, 0.25, seed)[0].x.tolist() for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert split(data, 0, 1) == (data, None)


@given(losses=LOSSES, patience=st.integers(1, 5))
def test_a_training_stops_when_the_best_epoch_is_long_ago(
    losses: list[float], patience: int
) -> None:
    """Counted as Keras's EarlyStopping counts: epochs in a row that brought nothing smaller."""
    smallest, waited = float("inf"), 0
    for epoch, loss in enumerate(losses, 1):
        waited += 1
        if loss < smallest:
            smallest, waited, taken = loss, 0, epoch
        history = _history(losses[:epoch])
        assert best(history) == taken
        assert stops(history, patience) == (waited >= patience)
        assert not stops(history, 0)


def test_nothing_is_best_where_nothing_is_watched() -> None:
    unwatched = [replace(epoch, validation_loss=None) for epoch in _history([0.1, 0.2])]
    assert best(unwatched) is None
    assert not stops(unwatched, 1)
