from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.data.datasets import Dataset
from bnn.training.images import augment, split
from pimsim.errors import InputError


def _data(count: int) -> Dataset:
    x = np.arange(count, dtype=np.float32)[:, None]
    return Dataset("numbers", x, np.arange(count), (), "here")


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


@given(
    seed=st.integers(0, 2**32),
    sides=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    flip=st.booleans(),
    shift=st.integers(0, 2),
)
def test_each_image_is_mirrored_and_moved_as_a_whole(
    seed: int, sides: tuple[int, int], flip: bool, shift: int
) -> None:
    height, width = sides
    count = 5
    images = np.arange(count * height * width * 2, dtype=np.float32).reshape(count, *sides, 2)
    before = images.copy()
    changed = augment(images, np.random.default_rng(seed), flip=flip, shift_pixels=shift)
    assert (images == before).all()
    assert changed.dtype == images.dtype
    for image, moved in zip(images, changed, strict=True):
        bordered = np.pad(image, ((shift, shift), (shift, shift), (0, 0)), mode="edge")
        allowed = [
            crop[:, ::side]
            for down in range(2 * shift + 1)
            for right in range(2 * shift + 1)
            for crop in [bordered[down : down + height, right : right + width]]
            for side in ((1, -1) if flip else (1,))
        ]
        assert any((moved == one).all() for one in allowed)


def test_every_shift_and_side_occurs_and_equally_often() -> None:
    """Each of the 18 outcomes of 3600 images: 200 +- 5 standard deviations of a binomial."""
    images = np.tile(np.arange(25.0).reshape(1, 5, 5, 1), (3600, 1, 1, 1))
    changed = augment(images, np.random.default_rng(1), flip=True, shift_pixels=1)
    _, counts = np.unique(changed.reshape(3600, -1), axis=0, return_counts=True)
    assert counts.size == 18
    assert abs(counts - 200).max() < 5 * np.sqrt(200)


def test_equal_generators_give_equal_images() -> None:
    images = np.random.default_rng(0).random((20, 6, 6, 3))
    one, two, other = (
        augment(images, np.random.default_rng(seed), flip=True, shift_pixels=2)
        for seed in (5, 5, 6)
    )
    assert (one == two).all()
    assert (one != other).any()
