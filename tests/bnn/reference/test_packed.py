"""Packed sums, and bits by tables, are those of the plain reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.lower import lower
from bnn.lowering.operand_analysis import analyse
from bnn.lowering.stage import Stage
from bnn.model.layers.transposed import Conv2DTranspose
from bnn.model.network import (
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Network,
    Product,
)
from bnn.model.operand_encoding import BIPOLAR, HEAVISIDE, TERNARY, OperandEncoding
from bnn.reference.checker import SumChecker
from bnn.reference.decided import DecidedBits
from bnn.reference.packed import PackedSums, can_pack
from bnn.values.bitstrings import BitStrings

ENCODED = (BIPOLAR, HEAVISIDE, TERNARY, OperandEncoding(4), OperandEncoding(256, 2, -255))
WIDEST = OperandEncoding(1 << 12)


def _latent(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


@st.composite
def _products(draw: st.DrawFn) -> tuple[Product, tuple[int, ...]]:
    """A product with weights of -1, (0) and +1, and the shape of its input."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inputs, outputs = draw(st.sampled_from([1, 3, 8, 64, 70])), draw(st.integers(1, 9))
    quantizer = draw(st.sampled_from(["ste_sign", "ste_tern(0.5)"]))
    pad = float(draw(st.sampled_from([-1, 0, 1])))
    kind = draw(st.sampled_from(["dense", "row", "plane", "transposed"]))
    size = draw(st.integers(4, 6))
    if kind == "dense":
        return Dense("d", _latent(rng, inputs, outputs), None, None, quantizer), (size, inputs)
    if kind == "row":
        kernel = _latent(rng, 3, inputs, outputs)
        shape: tuple[int, ...] = (size, inputs)
        return Conv1D("c", kernel, None, None, quantizer, padding="causal"), shape
    shape = (size, 5, inputs)
    if kind == "transposed":
        kernel = _latent(rng, 2, 3, outputs, inputs)
        return Conv2DTranspose("t", kernel, None, None, quantizer, strides=(2, 2)), shape
    kernel, stride = _latent(rng, 3, 2, inputs, outputs), draw(st.integers(1, 2))
    return (
        Conv2D(
            "c", kernel, None, None, quantizer,
            strides=(stride, 1), padding="same", pad_values=pad,
        ),
        shape,
    )  # fmt: skip


@given(_products(), st.sampled_from([*ENCODED, WIDEST]), st.integers(1, 3), st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_packed_sums_are_those_of_the_plain_reference(
    made: tuple[Product, tuple[int, ...]], encoding: OperandEncoding, images: int, seed: int
) -> None:
    layer, shape = made
    assert can_pack(layer)
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, encoding.count, (images, int(np.prod(shape[:-1])), shape[-1]))
    pad = int(layer.pad_values)
    operands = (encoding.step * stored + encoding.low).reshape(images, *shape)
    right = reference.sums(layer, operands, pad).reshape(images, -1, layer.outputs)
    packed = PackedSums(layer, shape, encoding, pad)
    first = int(rng.integers(layer.outputs))
    places = rng.permutation(right.shape[1])[: int(rng.integers(1, right.shape[1] + 1))]
    strings = BitStrings.of(stored.astype(np.uint16), encoding.planes)
    found = packed.sums(strings, slice(first, layer.outputs), places, threads=1)
    np.testing.assert_array_equal(found, right[:, places, first:].transpose(2, 0, 1))


def test_weights_of_more_than_a_digit_and_groups_are_left_to_the_plain_reference() -> None:
    kernel = np.ones((2, 2, 2, 4), np.float32)
    grouped = Conv2D("g", kernel, None, None, "ste_sign", splits=2)
    assert not can_pack(grouped)
    assert not can_pack(Dense("d", kernel[0, 0], None, None, "dorefa(2, weights)"))
    assert can_pack(Dense("d", kernel[0, 0], None, None, "ste_sign"))


def _norm(rng: np.random.Generator, name: str, width: int) -> BatchNorm:
    mean = (6 * rng.normal(size=width)).astype(np.float32)
    signs = rng.choice([-1, 1], width).astype(np.float32)
    return BatchNorm(name, mean, np.ones(width, np.float32), signs, None, 0.0)


@st.composite
def _decided(draw: st.DrawFn) -> Network:
    """A convolution with a pooling and BatchNorms in any order, and a dense layer behind it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    width = draw(st.integers(1, 4))
    shape: tuple[int, ...] = (6, 5, 2)
    layers: list[Layer] = [
        Conv2D(
            "c", _latent(rng, 3, 3, 2, width), None, "ste_sign", "ste_sign",
            padding="same", pad_values=float(draw(st.sampled_from([-1, 0, 1]))),
        )
    ]  # fmt: skip
    order = draw(st.permutations(["norm", "pool", "flat", "flatnorm"]))
    for kind in order[: draw(st.integers(0, 4))]:
        after = shape
        for layer in layers:
            after = layer.shape_after(after)
        if kind == "pool" and len(after) == 3:
            layers.append(MaxPool2D("p", (2, 2), (2, 2), draw(st.sampled_from(["valid", "same"]))))
        elif kind in ("norm", "flatnorm"):
            layers.append(_norm(rng, kind, after[-1]))
        elif kind == "flat":
            layers.append(Flatten("f"))
    after = shape
    for layer in layers:
        after = layer.shape_after(after)
    last = Dense("last", _latent(rng, after[-1], 3), None, "ste_sign", "ste_sign")
    return Network("n", shape, (*layers, last))


@given(_decided(), st.integers(0, 2**32), st.booleans())
@settings(max_examples=80, deadline=None)
def test_bits_by_tables_are_those_of_the_layers(
    network: Network, seed: int, tabulated: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice(np.float32([-1, 1]), (4, *network.input_shape))
    stage, fed = lower(network, None)[0], analyse(network, None).fed[0]
    assert isinstance(stage, Stage)
    if stage.thresholds is None:
        return
    run = reference.forward(network, x, None, keep_sums=True)
    sums = run.sums["c"]
    own = sums.reshape(4, -1, sums.shape[-1]).transpose(2, 0, 1)
    bits = DecidedBits(network, stage, fed, own.size * 1000 if tabulated else 0).of(own)
    value = np.float64(sums)
    for layer in network.layers[1 : stage.end]:
        value = layer.run(value)
    right = (value >= 0).reshape(4, -1, own.shape[0])
    np.testing.assert_array_equal(bits, right.transpose(2, 0, 1))


def test_bits_are_compared_to_the_last() -> None:
    rng = np.random.default_rng(0)
    network = Network(
        "n",
        (4, 4, 2),
        (
            Conv2D("c", _latent(rng, 3, 3, 2, 9), None, "ste_sign", "ste_sign"),
            Flatten("f"),
            Dense("d", _latent(rng, 36, 3), None, "ste_sign", "ste_sign"),
        ),
    )
    stage, fed = lower(network, None)[0], analyse(network, None).fed[0]
    assert isinstance(stage, Stage)
    operands = BitStrings.of(rng.integers(0, 2, (5, 16, 2)).astype(np.uint8))
    plain = SumChecker(stage, fed, operands).expected(slice(0, 5), slice(0, 9), np.arange(4))
    bits = (plain >= 0).transpose(1, 2, 0).astype(np.uint8)
    for wrong in (0, 1):
        checker = SumChecker(stage, fed, operands)
        bits[4, 3, 8] ^= wrong
        checker.decide(network, bits)
        assert checker.wrong == wrong


@pytest.mark.parametrize("threads", [1, 2])
def test_many_windows_are_shared_among_threads(threads: int) -> None:
    rng = np.random.default_rng(1)
    layer = Dense("d", _latent(rng, 100, 30), None, "ste_sign", "ste_sign")
    stored = rng.integers(0, 2, (512 * 16, 1, 100)).astype(np.uint8)
    packed = PackedSums(layer, (100,), BIPOLAR, 0)
    strings = BitStrings.of(stored)
    found = packed.sums(strings, slice(0, 30), np.arange(1), threads=threads)
    right = (2 * stored[:, 0].astype(int) - 1) @ np.where(layer.kernel >= 0, 1, -1)
    np.testing.assert_array_equal(found[:, :, 0], right.T)
