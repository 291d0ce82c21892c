"""What decides the outcome of a training: the settings, and the data by their digest."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from bnn.data.datasets import Dataset
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Settings:
    """How long, how fast and from which seed to train."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1, not {getattr(self, name)!r}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"`learning_rate` must be positive, not {self.learning_rate!r}")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"`seed` must be from 0 to 4294967295, not {self.seed!r}")


def fingerprint(*sets: Dataset) -> str:
    """Return the SHA-256 of the inputs and labels of data sets, in order."""
    digest = hashlib.sha256()
    for one in sets:
        for array in (one.x, one.y):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
