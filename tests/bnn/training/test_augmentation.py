from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.training.augmentation import augment
from pimsim.errors import InputError


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


def test_what_is_no_image_or_moved_too_far_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"\(n, height, width, channels\).*, not \(3, 64\)"):
        augment(np.zeros((3, 64)), rng, flip=True, shift_pixels=0)
    for shift in (-1, 4):
        with pytest.raises(InputError, match=f"`shift_pixels` must be from 0 to 3, not {shift}"):
            augment(np.zeros((3, 4, 9, 1)), rng, flip=False, shift_pixels=shift)
