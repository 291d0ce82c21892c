"""Layers that prepare inputs: what they keep exact, and what they refuse."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn import reference
from bnn.lowering.operand_analysis import analyse, padding_of_inputs, values_behind
from bnn.mapping import MAPPINGS
from bnn.model.layers.layer import Reading, Weights
from bnn.model.layers.preprocessing import Affine, Resize, fraction
from bnn.model.network import Conv2D, Network, Pad
from bnn.model.operand_encoding import OperandEncoding
from bnn.model.readers import READERS
from bnn.run.execute import run
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from bnn.values.fields import Fields
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError

PIXELS = OperandEncoding.of(ENCODINGS["uint8"])
EVERY = np.arange(256, dtype=np.float32)
"""Every pixel."""


def read(kind: str, shape: tuple[int, ...], weights: dict[str, Any] | None = None, **config: Any):  # type: ignore[no-untyped-def]
    def arrays(wanted: Any) -> dict[str, Weights]:
        found = {key: np.asarray(value, np.float32) for key, value in (weights or {}).items()}
        assert {key: value.shape for key, value in found.items()} == dict(wanted)
        return found

    return READERS[kind](Reading(kind, "it", Fields(config, "it"), (shape,), arrays))


@given(st.floats(2**-20, 2**20, width=32), st.booleans())
def test_a_short_fraction_is_the_same_float32(value: float, negative: bool) -> None:
    value = -value if negative else value
    assert np.float32(float(fraction(value))) == np.float32(value)


@pytest.mark.parametrize("scale", [1 / 255, 1 / 127.5, 1 / 58.3, -1 / 255, 0.017, 2.0])
@pytest.mark.parametrize("offset", [0.0, -1.0, 1.0, -0.5, -2.1179])
def test_pixels_behind_a_scale_are_worth_what_keras_computes(scale: float, offset: float) -> None:
    layer = Affine("r", "rescale", (np.float32(scale), np.float32(offset)))
    behind = layer.encoding_after(PIXELS)
    assert behind is not None
    values = layer.run(EVERY)
    u = np.rint((values - float(behind.offset)) / float(behind.scale)).astype(int)
    assert u.tolist() == [int(one) if scale > 0 else -int(one) for one in EVERY]
    reach = abs(scale) * 255 + abs(offset)
    np.testing.assert_allclose(behind.numbers(u), values, rtol=0, atol=2**-22 * reach)
    assert sorted(set(behind.stored(u).tolist())) == list(range(256))


@pytest.mark.parametrize("formula", ["standardize", "restore"])
def test_pixels_behind_statistics_are_worth_what_keras_computes(formula: str) -> None:
    layer = Affine("s", formula, (np.float32([[[33.3184]]]), np.float32([[[78.567]]])))
    behind = layer.encoding_after(PIXELS)
    assert behind is not None
    values = layer.run(EVERY.reshape(-1, 1, 1, 1)).ravel()
    np.testing.assert_allclose(behind.numbers(EVERY.astype(int)), values, rtol=2e-6, atol=1e-6)


def test_what_differs_between_channels_has_no_integers() -> None:
    assert (
        Affine("r", "rescale", (np.float32([1, 2]), np.float32(0))).encoding_after(PIXELS) is None
    )
    for mean, integers in (([1.0, 2.0], False), ([1.0, 1.0], True)):
        (layer,) = read("Normalization", (2,), mean=mean, variance=[4.0, 4.0])
        assert (layer.encoding_after(PIXELS) is not None) == integers
    assert Affine("r", "rescale", (np.float32(0), np.float32(1))).encoding_after(PIXELS) is None


def test_fractions_too_long_for_64_bits_have_no_integers() -> None:
    assert PIXELS.along(Fraction(1, 2**31), Fraction(0)) is None
    assert PIXELS.along(Fraction(1, 2**20), Fraction(1, 2**20 - 1)) is None
    assert PIXELS.along(Fraction(1, 2**20), Fraction(1, 2**20)) is not None


def network(*front: Any, padding: str = "valid") -> Network:
    rng = np.random.default_rng(5)
    kernel = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    again = rng.normal(size=(2, 2, 4, 3)).astype(np.float32)
    return Network(
        "n",
        (6, 5, 2),
        (
            *front,
            # A bias, as float32 may take a sum of exactly 0 for one below.
            Conv2D(
                "a",
                kernel,
                rng.normal(size=4).astype(np.float32),
                None,
                "ste_sign",
                padding=padding,
            ),  # type: ignore[arg-type]
            Conv2D("b", again, None, "ste_sign", "ste_sign"),
        ),
    )


SYMMETRIC = Affine("r", "rescale", (np.float32(1 / 127.5), np.float32(-1)))


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(
    ("front", "padding", "planes"),
    [
        ((SYMMETRIC,), "valid", 8),
        ((SYMMETRIC,), "same", 9),
        ((SYMMETRIC, Pad("z", ((1, 1), (0, 1)))), "valid", 9),
        ((Affine("r", "rescale", (np.float32(-1 / 255), np.float32(1))),), "same", 8),
        ((Affine("s", "standardize", (np.float32(33.3), np.float32(78.5))),), "valid", 8),
    ],
)
def test_prepared_pixels_are_multiplied_in_dram(
    front: tuple[Any, ...], padding: str, planes: int, mapping: str
) -> None:
    net = network(*front, padding=padding)
    x = np.random.default_rng(2).integers(0, 256, (4, 6, 5, 2)).astype(np.uint8)
    encoding = ENCODINGS["uint8"]
    done = run(net, x, encoding, System(load("ddr3-1600-8-8-8"), ModelOptions()), mapping)
    assert done.bit_exact
    assert [(one.where, one.operand_bits) for one in done.layers[-2:]] == [
        ("dram", planes), ("dram", 1),
    ]  # fmt: skip
    plain = reference.forward(net, x, None)  # the first layer in float32, on the host
    assert np.array_equal(done.logits, plain.logits)


def test_sums_of_prepared_pixels_are_decoded_exactly() -> None:
    net = network(Affine("s", "standardize", (np.float32(33.3), np.float32(78.5))))
    x = np.random.default_rng(2).integers(0, 256, (4, 6, 5, 2)).astype(np.uint8)
    conv, fed = net.layers[1], analyse(net, ENCODINGS["uint8"]).fed[1]
    assert isinstance(conv, Conv2D)
    values = net.layers[0].run(x.astype(np.float32))
    integers = fed.integers(conv, values, ENCODINGS["uint8"])
    assert np.array_equal(integers, x)
    sums = reference.sums(conv, integers, fed.pad)
    mean, deviation = np.float64(np.float32(33.3)), np.float64(np.float32(78.5))
    wide = conv.multiply((x - mean) / deviation, np.where(conv.kernel < 0, -1.0, 1.0), 0.0)
    assert conv.bias is not None
    wide = wide + conv.bias
    np.testing.assert_allclose(values_behind(conv, sums, fed.encoding, exact=True), wide, atol=1e-5)


def test_padding_behind_a_scale_is_none_of_the_pixels() -> None:
    assert padding_of_inputs(network(padding="same")) == (0.0,)
    assert padding_of_inputs(network(SYMMETRIC, padding="same")) == ()


def test_sizes_half_and_double() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert Resize("r", 2, 2, True).run(x)[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert Resize("r", 2, 2, False).run(x)[0, :, :, 0].tolist() == [[5, 7], [13, 15]]
    assert Resize("r", 8, 1, False).run(x)[0, :, 0, 0].tolist() == [2, 2, 6, 6, 10, 10, 14, 14]
    assert Resize("r", 4, 4, True).run(x) is x


def test_a_crop_is_the_middle_and_the_rest_is_refused() -> None:
    (crop,) = read("CenterCrop", (8, 7, 3), height=5, width=4)
    assert crop.margins == ((1, 2), (1, 2))
    assert read("CenterCrop", (8, 7, 3), height=8, width=7) == ()
    assert read("RandomCrop", (8, 7, 3), height=8, width=7) == ()
    with pytest.raises(InputError, match="`interpolation` must be 'nearest' or 'bilinear', not 'b"):
        read("Resizing", (8, 7, 3), height=5, width=4, interpolation="bicubic")
    with pytest.raises(InputError, match="`height` must be a positive integer, not 0"):
        read("RandomCrop", (8, 7, 3), height=0, width=4)


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("Rescaling", {}, "`scale` must be a number or a list of numbers, not None"),
        ("Rescaling", {"scale": "a"}, "`scale` must be a number or a list of numbers, not 'a'"),
        ("Rescaling", {"scale": float("nan")}, "`scale` must be finite numbers, not nan"),
        ("Rescaling", {"scale": 1e300}, "`scale` must be finite numbers, not 1e"),
        ("Rescaling", {"scale": [[1], [1, 2]]}, "`scale` must be a number or a list of numbers"),
        ("Normalization", {"axis": 0}, "`axis` must be axes of the input, not 0"),
        ("Normalization", {"axis": [4]}, "`axis` must be axes of the input, not"),
        ("Normalization", {"mean": [1, 2], "variance": 1}, "`mean` must be numbers that fit"),
        ("Normalization", {"mean": 1, "variance": -1}, "`variance` must be at least 0"),
    ],
)
def test_settings_that_are_none(kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^it: {message}".replace("[", r"\[")):
        read(kind, (4, 4, 3), **config)


def test_statistics_lie_along_their_axes() -> None:
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(4, 3)), rng.uniform(1, 2, size=(4, 3))
    (layer,) = read(
        "Normalization", (4, 5, 3), {"mean": mean, "variance": variance, "count": 7}, axis=[1, -1]
    )
    x = rng.normal(size=(2, 4, 5, 3))
    wanted = (x - mean[:, None]) / np.sqrt(variance)[:, None]
    np.testing.assert_allclose(layer.run(x), wanted, rtol=1e-5)
    assert layer.shape_after((4, 5, 3)) == (4, 5, 3)
    (least,) = read("Normalization", (3,), mean=0.0, variance=0.0, axis=None)
    assert least.parameters[1].tolist() == [np.float32(1e-7)]
