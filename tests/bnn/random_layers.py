"""Parts of random networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn.model.network import BatchNorm


def kernel_of(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Normal latent weights."""
    return rng.normal(size=shape).astype(np.float32)


def norm_of(rng: np.random.Generator, name: str, channels: int) -> BatchNorm:
    """Statistics with integers among them, so that sums land exactly on thresholds."""
    gamma = rng.choice([1.0, -1.0, 0.5, -2.0, 1e-30, 0.0, -1e-30], size=channels)
    mean = rng.integers(-4, 5, channels) * rng.choice([1.0, 1.0, 0.37], size=channels)
    beta = rng.choice([0.0, 0.0, 0.25, -1.0], size=channels)
    arrays = (a.astype(np.float32) for a in (mean, rng.uniform(0.5, 2, channels), gamma, beta))
    return BatchNorm(name, *arrays, epsilon=1e-3)
