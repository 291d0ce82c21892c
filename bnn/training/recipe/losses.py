"""What a training makes small: loss functions of Keras by name, and the targets each wants.

Adding one is one entry of :data:`LOSSES`. Cross-entropy compares a softmax with a label. The
others compare the last layer's outputs as they are with a target for every class: +1 for the one
that is shown, -1 for the rest.

>>> LOSSES["squared-hinge"].targets(np.array([2, 0]), 3).tolist()
[[-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]
>>> LOSSES["cross-entropy"].targets(np.array([2, 0]), 3).tolist()
[2, 0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function."""

    keras: str
    """What Keras calls it."""
    softmax: bool
    """Whether it compares probabilities with a label, instead of outputs with -1 and +1."""
    summary: str

    def targets(self, labels: NDArray[np.int64], classes: int) -> NDArray[Any]:
        """Return what the outputs are compared with: labels ``(n,)`` or +-1 ``(n, classes)``."""
        if self.softmax:
            return labels
        return np.where(labels[:, None] == np.arange(classes), np.float32(1), np.float32(-1))


LOSSES: dict[str, Loss] = {
    "cross-entropy": Loss(
        "sparse_categorical_crossentropy", True, "-log of the probability given to the label"
    ),
    "hinge": Loss("hinge", False, "mean of max(0, 1 - target*output)"),
    "squared-hinge": Loss("squared_hinge", False, "mean of max(0, 1 - target*output)^2"),
    "mse": Loss("mean_squared_error", False, "mean of the squared errors"),
    "mae": Loss("mean_absolute_error", False, "mean of the absolute errors"),
    "huber": Loss("huber", False, "squared errors up to 1, absolute ones beyond"),
    "log-cosh": Loss("log_cosh", False, "mean of log(cosh(error))"),
}
"""Every loss by name."""
