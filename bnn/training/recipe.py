"""What decides the outcome of a training: the settings, and the data by their digest."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from bnn.data.datasets import Dataset
from pimsim.errors import InputError

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras's policy by the name of a precision. Weights, the last normalization and the softmax are
float32 with either, and so is the whole last epoch: the file's statistics are of exact sums."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long, how fast and from which seed to train."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    warmup_epochs: int = 0
    """Epochs in which the learning rate rises from zero, before it falls."""
    flip: bool = False
    """Mirror images left to right by chance."""
    shift_pixels: int = 0
    """Move images by chance, by up to this many pixels."""
    precision: str = "float32"
    """Number format of products in training, one of :data:`PRECISIONS`."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1, not {getattr(self, name)!r}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"`learning_rate` must be positive, not {self.learning_rate!r}")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise InputError(
                f"`warmup_epochs` must be from 0 to {self.epochs - 1}, one less than the epochs, "
                f"not {self.warmup_epochs!r}"
            )
        if self.shift_pixels < 0:
            raise InputError(f"`shift_pixels` must be at least 0, not {self.shift_pixels!r}")
        if self.precision not in PRECISIONS:
            raise InputError(
                f"`precision` must be one of {', '.join(PRECISIONS)}, not {self.precision!r}"
            )
        if not 0 <= self.seed < 2**32:
            raise InputError(f"`seed` must be from 0 to 4294967295, not {self.seed!r}")

    @property
    def augmented(self) -> bool:
        """Whether images are changed before they are learned."""
        return self.flip or self.shift_pixels > 0


def fingerprint(*sets: Dataset) -> str:
    """Return the SHA-256 of the inputs and labels of data sets, in order."""
    digest = hashlib.sha256()
    for one in sets:
        for array in (one.x, one.y):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
