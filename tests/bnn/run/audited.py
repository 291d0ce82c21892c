"""What tests of audits run: a small network on pixels, and as many images as they want."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, Network
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

SYSTEM = System(load("ddr3-1600-8-8-8"), ModelOptions())


def network() -> Network:
    rng = np.random.default_rng(5)

    def kernel(*shape: int) -> NDArray[np.float32]:
        return rng.normal(size=shape).astype(np.float32)

    sign = ("ste_sign", "ste_sign")
    ones = np.ones(9, np.float32)
    return Network(
        "n",
        (6, 6, 1),
        (
            Conv2D("c", kernel(3, 3, 1, 9), None, None, "ste_sign", padding="same", pad_values=0.0),
            MaxPool2D("p", (2, 2), (2, 2)),
            BatchNorm("b", kernel(9), ones, kernel(9), None, 0.0),
            Flatten("f"),
            Dense("d", kernel(81, 16), None, *sign),
            Dense("e", kernel(16, 3), None, *sign),
        ),
    )


def pixels(count: int) -> NDArray[np.float32]:
    """Images at random, of steps of 1/255."""
    rng = np.random.default_rng(6)
    return ENCODINGS["unit"].levels()[rng.integers(0, 256, (count, 6, 6, 1))]
