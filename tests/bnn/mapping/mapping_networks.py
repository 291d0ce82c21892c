"""Small networks that mappings are tried on, and a run of one on random inputs."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings

from bnn.model.network import (
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Network,
)
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.system import System
from bnn.values.encoding import Encoding
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

from ..random_layers import kernel_of, norm_of

SIGN = "ste_sign"
STANDARD = load("ddr3-1600-8-8-8")
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run_random(
    network: Network, encoding: Encoding, images: int, mapping: str, *, compiled: bool = True
) -> NetworkRun:
    """Run a network on so many random images, always the same."""
    rng = np.random.default_rng(images)
    pixels = rng.integers(0, encoding.largest + 1, (images, *network.input_shape)).astype(np.uint16)
    return run(
        network,
        encoding.levels()[pixels],
        encoding,
        System(STANDARD, ModelOptions()),
        mapping,
        execution=Execution(compiled=compiled),
    )


def dense(fan_in: int, outputs: int, seed: int = 0) -> Network:
    """Two dense layers."""
    rng = np.random.default_rng(seed)
    return Network(
        "dense",
        (fan_in,),
        (
            Dense("first", kernel_of(rng, fan_in, outputs), None, SIGN, SIGN),
            norm_of(rng, "norm", outputs),
            Dense("last", kernel_of(rng, outputs, 3), None, SIGN, SIGN),
        ),
    )


def padded(pad_values: float, channels: int = 5, outputs: int = 7) -> Network:
    """A convolution whose first sums see padding, pooled."""
    rng = np.random.default_rng(1)
    layers: tuple[Layer, ...] = (
        Conv2D(
            "conv", kernel_of(rng, 3, 3, channels, outputs), None, SIGN, SIGN, padding="same",
            pad_values=pad_values,
        ),
        MaxPool2D("pool", (2, 2), (2, 2), "same"),
        norm_of(rng, "norm", outputs),
        Flatten("flat"),
        Dense("last", kernel_of(rng, 3 * 3 * outputs, 3), None, SIGN, SIGN),
    )  # fmt: skip
    return Network("padded", (5, 5, channels), layers)
