"""Why layers are the host's: every reason that there is, of a layer that has it."""

from __future__ import annotations

import numpy as np
import pytest

from bnn.lowering.host_reasons import reason
from bnn.lowering.lower import lower
from bnn.lowering.operand_analysis import analyse
from bnn.lowering.stage import HostStage
from bnn.model.layers.transposed import Conv2DTranspose
from bnn.model.network import Conv2D, Dense, Layer, MaxPool2D, Network
from bnn.values.encoding import ENCODINGS, Encoding

_SIGN = "ste_sign"
_KERNEL = np.float32(np.arange(-7.0, 9.0).reshape(2, 2, 2, 2) / 8)
_POOL = MaxPool2D("pool", (1, 1), (1, 1))


def _conv(operands: str | None, weights: str | None, padding: str = "valid") -> Conv2D:
    return Conv2D(
        "conv", _KERNEL, None, operands, weights, padding=padding, pad_values=0.0
    )  # fmt: skip


_TRANSPOSED = Conv2DTranspose(
    "up", _KERNEL, None, _SIGN, "magnitude_aware_sign", strides=(1, 1), padding="valid"
)
SYMMETRIC = ENCODINGS["symmetric"]
"""Of 8 bits, among whose values 0 is not."""

REASONS: dict[str, tuple[tuple[Layer, ...], Encoding | None, str]] = {
    "no product": ((_POOL,), None, "nothing to multiply"),
    "real weights": ((_conv(_SIGN, None),), None, "no kernel_quantizer"),
    "real weights behind NoOp": ((_conv(_SIGN, "no_op"),), None, "NoOp changes none"),
    "real inputs": ((_conv(None, _SIGN),), None, "the network's inputs are real numbers"),
    "real numbers between": ((_POOL, _conv(None, _SIGN)), None, "it is fed with real numbers"),
    "a scale for each input": ((_TRANSPOSED,), None, "a scale of its own"),
    "padding": ((_conv(None, _SIGN, "same"),), SYMMETRIC, "padding with 0"),
}


@pytest.mark.parametrize("case", REASONS)
def test_each_reason(case: str) -> None:
    layers, encoding, words = REASONS[case]
    network = Network("n", (3, 3, 2), layers)
    found = reason(network, analyse(network, encoding), len(layers) - 1)
    assert words in found
    stages = lower(network, encoding)
    assert isinstance(stages[-1], HostStage)
    assert stages[-1].reasons[layers[-1].name] == found


def test_a_layer_in_dram_has_none() -> None:
    dense = Dense("dense", np.float32([[1], [-1]]), None, _SIGN, _SIGN)
    network = Network("n", (2,), (dense,))
    assert not any(isinstance(stage, HostStage) for stage in lower(network, None))
