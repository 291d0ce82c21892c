"""Images as a file holds them, before anything scales them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError

Split = Literal["test", "train"]
"""Images to measure an accuracy with, or images to learn from."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Eight-bit images and their labels.

    Raises:
        InputError: wrong dtype or dimensions, no image, or not one label an image.
    """

    images: NDArray[np.uint8]
    """Shape ``(n, height, width, channels)``."""
    labels: NDArray[np.int64]
    """Shape ``(n,)``."""
    title: str
    """What reports call the data."""
    source: str
    """File or folder that they were read from."""

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
            raise InputError(
                f"{self.source!r} must hold images of uint8, "
                f"not {images.dtype} of shape {images.shape}"
            )
        if labels.shape != images.shape[:1]:
            raise InputError(
                f"{self.source!r} must hold one label an image, "
                f"not labels of shape {labels.shape} for {len(images)} images"
            )
