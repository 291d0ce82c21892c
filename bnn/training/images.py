"""Training images: which of them are watched, and how those that are learned change at random.

Images are mirrored, and moved a little, which leaves what they show. Every draw comes from the
generator that is passed in, so an epoch whose generator is made from the seed and the epoch's
number changes its images alike whenever it runs. Values are moved and never mixed: whatever
encoding the pixels have (:mod:`bnn.values.encoding`), they keep it.

>>> images = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
>>> mirrored = augment(images, np.random.default_rng(2), flip=True, shift_pixels=0)
>>> mirrored[0, :, :, 0].tolist()
[[2.0, 1.0, 0.0], [5.0, 4.0, 3.0]]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.data.datasets import Dataset
from pimsim.errors import InputError

_Value = TypeVar("_Value", bound=np.generic)


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


def augment(
    images: NDArray[_Value], rng: np.random.Generator, *, flip: bool, shift_pixels: int
) -> NDArray[_Value]:
    """Return the images, each mirrored and moved by chance.

    Args:
        images: shape ``(n, height, width, channels)``.
        rng: where all chance comes from; advanced by the same amount for equal ``n``.
        flip: mirror an image left to right with probability one half.
        shift_pixels: move an image by up to as many pixels along either side, all distances
            alike and less than a side has; the pixels of the border are repeated where nothing
            comes from.
    """
    count, height, width, _ = images.shape
    down, right = rng.integers(-shift_pixels, shift_pixels + 1, size=(2, count, 1))
    mirrored = rng.integers(0, 2, size=(count, 1)) == 1
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    if flip:
        columns = np.where(mirrored, columns[:, ::-1], columns)
    moved: NDArray[_Value] = images[
        np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return moved


def _chosen(data: Dataset, indices: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Dataset:
    return replace(data, x=data.x[indices], y=None if data.y is None else data.y[indices])
