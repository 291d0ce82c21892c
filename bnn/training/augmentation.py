"""Images changed at random in ways that leave what they show: mirrored, and moved a little.

Every draw comes from the generator that is passed in, so an epoch whose generator is made from
the seed and the epoch's number changes its images alike whenever it runs. Values are moved and
never mixed: whatever encoding the pixels have (:mod:`bnn.values.encoding`), they keep it.

>>> images = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
>>> mirrored = augment(images, np.random.default_rng(2), flip=True, shift_pixels=0)
>>> mirrored[0, :, :, 0].tolist()
[[2.0, 1.0, 0.0], [5.0, 4.0, 3.0]]
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError

_Value = TypeVar("_Value", bound=np.generic)


def augment(
    images: NDArray[_Value], rng: np.random.Generator, *, flip: bool, shift_pixels: int
) -> NDArray[_Value]:
    """Return the images, each mirrored and moved by chance.

    Args:
        images: shape ``(n, height, width, channels)``.
        rng: where all chance comes from; advanced by the same amount for equal ``n``.
        flip: mirror an image left to right with probability one half.
        shift_pixels: move an image by up to as many pixels along either side, all distances
            alike; the pixels of the border are repeated where nothing comes from.

    Raises:
        InputError: the arrays are not images, or the shift is negative or as large as they are.
    """
    if images.ndim != 4:
        raise InputError(
            f"`images` must have the shape (n, height, width, channels) to be mirrored or moved, "
            f"not {images.shape}"
        )
    count, height, width, _ = images.shape
    if not 0 <= shift_pixels < min(height, width):
        raise InputError(
            f"`shift_pixels` must be from 0 to {min(height, width) - 1}, not {shift_pixels!r}"
        )
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
