"""The reference against loops that spell the definition out."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn.lowering.operand_analysis import analyse, values_behind, worth
from bnn.model import quantizers
from bnn.model.layers import product as product_layers
from bnn.model.layers.product import integer_kernel, reach
from bnn.model.network import Activation, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, Network
from bnn.model.operand_encoding import BIPOLAR, HEAVISIDE, TERNARY, OperandEncoding
from bnn.reference import forward, sums
from bnn.values.encoding import ENCODINGS
from pimsim.errors import InputError

SIGN = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}


def latent(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_convolution_sums_are_those_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    kh, kw, inputs, outputs = rng.integers(1, 5, 4)
    layer = Conv2D(
        "c",
        latent(rng, kh, kw, inputs, outputs),
        None,
        **SIGN,
        strides=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        dilation=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        padding="same" if rng.integers(2) else "valid",
        pad_values=float(rng.integers(-1, 2)),
    )
    shape = (int(rng.integers(9, 12)), int(rng.integers(9, 12)), int(inputs))
    x = rng.choice(np.array([-1, 1], np.int8), (2, *shape))
    found = sums(layer, x)
    assert found.dtype == np.int32
    rows, columns = layer.sides(shape)
    w = np.where(layer.kernel >= 0, 1, -1)
    wanted = np.zeros((2, rows.out, columns.out, outputs), int)
    for (i, down), (j, across) in product(enumerate(rows.taps()), enumerate(columns.taps())):
        for (a, y), (b, z) in product(enumerate(down), enumerate(across)):
            inside = y >= 0 and z >= 0
            operand = x[:, y, z] if inside else np.full((2, inputs), int(layer.pad_values))
            wanted[:, i, j] += operand.astype(int) @ w[a, b]
    assert np.array_equal(found, wanted)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_dense_sums_of_pixels_are_exact(seed):
    rng = np.random.default_rng(seed)
    fan_in = int(rng.integers(1, 300))
    layer = Dense("d", latent(rng, fan_in, 3), None, None, "ste_sign")
    p = rng.integers(0, 256, (4, fan_in), dtype=np.uint8)
    wanted = p.astype(int) @ np.where(layer.kernel >= 0, 1, -1)
    assert np.array_equal(sums(layer, p), wanted)


@pytest.mark.parametrize("fan_in", [2**24 // 255, 2**24 // 255 + 1, 70_001])
def test_sums_stay_exact_where_float32_ends(fan_in):
    layer = Dense("d", np.ones((fan_in, 1), np.float32), None, None, "ste_sign")
    p = np.full((1, fan_in), 255, np.uint8)
    p[0, 0] = 254
    assert sums(layer, p).tolist() == [[255 * fan_in - 1]]


def test_sums_that_leave_int32_are_refused():
    layer = Dense("wide", np.ones((2, 1), np.float32), None, None, "ste_sign")
    with pytest.raises(InputError) as caught:
        sums(layer, np.array([[2**30, 2**30]]))
    assert str(caught.value) == ("sums of layer 'wide' must stay below 2**31, not reach 2147483648")


def test_long_convolutions_are_cut_into_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    layer = Conv2D("c", latent(rng, 3, 3, 2, 4), None, **SIGN, padding="same", pad_values=-1.0)
    x = rng.choice(np.array([-1, 1], np.int8), (7, 5, 5, 2))
    whole = sums(layer, x)
    monkeypatch.setattr(product_layers, "CHUNK", 1000)
    assert np.array_equal(sums(layer, x), whole)


def small_network(rng):
    """A network with every kind of layer; 6 x 5 x 2 inputs."""

    def norm(name, channels):
        return BatchNorm(
            name,
            np.rint(latent(rng, channels) * 3),
            np.abs(latent(rng, channels)),
            latent(rng, channels),
            latent(rng, channels),
            1e-3,
        )

    return Network(
        "small",
        (6, 5, 2),
        (
            Conv2D("c1", latent(rng, 3, 3, 2, 4), latent(rng, 4), None, "ste_sign", padding="same"),
            norm("n1", 4),
            MaxPool2D("p1", (2, 2), (2, 2)),
            Conv2D("c2", latent(rng, 2, 2, 4, 5), None, **SIGN, activation="relu"),
            norm("n2", 5),
            Flatten("f"),
            Dense("d1", latent(rng, 10, 7), latent(rng, 7), **SIGN),
            Activation("s", "approx_sign"),
            Dense("d2", latent(rng, 7, 3), None, None, "swish_sign"),
            norm("n3", 3),
            Activation("softmax", "softmax"),
        ),
    )


def exact_forward(network, x):
    """The definition in rational numbers, one value at a time."""
    values = np.vectorize(Fraction)(x.astype(np.float64))
    for layer in network.before_softmax().layers:
        if isinstance(layer, Dense | Conv2D):
            if layer.input_quantizer is not None:
                values = np.where(values >= 0, Fraction(1), Fraction(-1))
            w = np.where(layer.kernel >= 0, 1, -1)
            multiply = exact_product if isinstance(layer, Dense) else exact_convolution
            values = multiply(layer, values, w)
            if layer.bias is not None:
                values = values + np.vectorize(Fraction)(layer.bias.astype(np.float64))
            if layer.activation == "relu":
                values = np.maximum(values, Fraction(0))
        elif isinstance(layer, BatchNorm):
            scale = layer.gamma / np.sqrt(layer.variance.astype(np.float64) + layer.epsilon)
            values = (
                values - np.vectorize(Fraction)(layer.mean.astype(np.float64))
            ) * np.vectorize(Fraction)(scale) + np.vectorize(Fraction)(
                layer.beta.astype(np.float64)
            )
        elif isinstance(layer, MaxPool2D):
            n, h, w, c = values.shape
            values = values[:, : h // 2 * 2, : w // 2 * 2]
            values = values.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
        elif isinstance(layer, Flatten):
            values = values.reshape(len(values), -1)
        else:
            values = np.where(values >= 0, Fraction(1), Fraction(-1))
    return values.astype(np.float64)


def exact_product(layer, values, w):
    return values @ w


def exact_convolution(layer, values, w):
    rows, columns = layer.sides(values.shape[1:])
    result = np.full((len(values), rows.out, columns.out, layer.outputs), Fraction(0))
    for (i, down), (j, across) in product(enumerate(rows.taps()), enumerate(columns.taps())):
        for (a, y), (b, z) in product(enumerate(down), enumerate(across)):
            if y >= 0 and z >= 0:
                result[:, i, j] += values[:, y, z] @ w[a, b]
    return result


@given(st.integers(0, 2**32 - 1), st.sampled_from(["uint8", "unit", "bipolar", None]))
@settings(max_examples=15, deadline=None)
def test_forward_is_the_definition_in_rationals(seed, kind):
    rng = np.random.default_rng(seed)
    network = small_network(rng)
    encoding = ENCODINGS[kind] if kind else None
    if encoding is None:
        x = latent(rng, 3, 6, 5, 2)
    else:
        p = rng.integers(0, encoding.largest + 1, (3, 6, 5, 2))
        x = encoding.levels()[p]
    run = forward(network, x, encoding, keep_sums=True)
    np.testing.assert_allclose(run.logits, exact_forward(network, x), rtol=1e-4, atol=1e-4)
    # Zero is no value of "bipolar", and c1 pads with it: then it runs on the host.
    first = {"uint8": {"c1"}, "unit": {"c1"}}.get(kind, set())
    assert set(run.sums) == set(run.operands) == first | {"c2", "d1", "d2"}
    for name, fed in run.operands.items():
        layer = next(layer for layer in network.layers if layer.name == name)
        pad = analyse(network, encoding).fed[0].pad if name == "c1" else None
        assert np.array_equal(sums(layer, fed, pad), run.sums[name])


def test_batches_do_not_show(monkeypatch):
    rng = np.random.default_rng(5)
    network, x = small_network(rng), rng.integers(0, 256, (11, 6, 5, 2), dtype=np.uint8)
    whole = forward(network, x, ENCODINGS["uint8"], keep_sums=True)
    monkeypatch.setattr("bnn.reference._BATCH", 4 * 6 * 5 * 4)
    done = []
    parts = forward(network, x, ENCODINGS["uint8"], keep_sums=True, progress=done.append)
    assert done == [4, 8, 11]
    assert np.array_equal(parts.logits, whole.logits)
    assert all(np.array_equal(parts.sums[name], whole.sums[name]) for name in whole.sums)
    assert forward(network, x, ENCODINGS["uint8"]).sums == {}


def test_only_what_a_sign_is_taken_of_stays_exact():
    layer = Dense("d", np.ones((1, 1), np.float32), None, "ste_sign", "ste_sign")
    large = np.array([[2**24 + 1]])  # float32 has no such integer
    assert values_behind(layer, large, HEAVISIDE, exact=True).tolist() == [[2**24 + 1]]
    rounded = values_behind(layer, large, HEAVISIDE, exact=False)
    assert rounded.dtype == np.float32
    assert rounded.tolist() == [[2**24]]


def test_the_tail_runs_by_itself():
    rng = np.random.default_rng(6)
    network = small_network(rng).before_softmax()
    x = rng.integers(0, 256, (4, 6, 5, 2), dtype=np.uint8)
    run = forward(network, x, ENCODINGS["uint8"], keep_sums=True)
    behind = values_behind(network.layers[8], run.sums["d2"], BIPOLAR, exact=False)
    for layer in network.layers[9:]:
        behind = layer.run(behind)
    assert np.array_equal(behind, run.logits)


@given(
    st.fractions(min_value=Fraction(1, 1000), max_value=10, max_denominator=1000),
    st.fractions(min_value=-10, max_value=10, max_denominator=1000),
    st.lists(st.integers(-200_000, 200_000), min_size=3, max_size=3),
    st.lists(st.integers(-1000, 1000), min_size=3, max_size=3),
)
def test_encoded_sums_are_rounded_once(scale, offset, found, weight_sums):
    weights = np.sign(weight_sums) * (np.arange(1000)[:, None] < np.abs(weight_sums))
    layer = Dense("d", weights.astype(np.float32), None, None, "no_op")
    operand = OperandEncoding(2, scale=scale, offset=offset)
    values = worth(layer, operand)(np.array([found]))
    wanted = [float(scale * s + offset * w) for s, w in zip(found, weight_sums, strict=True)]
    assert values.tolist() == [wanted]


def test_only_signs_are_decided_in_float64():
    kernel = np.ones((2, 2), np.float32)
    binary, real = Dense("b", kernel, None, **SIGN), Dense("r", kernel, None)
    start = Dense("in", kernel, None, **SIGN)
    relu = Activation("a", "relu")

    def exact(*layers):
        return analyse(Network("n", (2,), layers), None).exact[0]

    assert exact(start, relu, binary)
    assert exact(start, relu, Dense("s", kernel, None, "ste_sign"))
    assert not exact(start, relu, real)
    assert not exact(start, relu)


def test_batchnorm_makes_signs_real():
    kernel = np.ones((2, 2), np.float32)
    ones = np.ones(2, np.float32)
    bare = Dense("d", kernel, None, None, "ste_sign")
    norm = BatchNorm("n", ones, ones, None, None, 1e-3)
    signs = Activation("s", "ste_sign")
    assert tuple(analyse(Network("n", (2,), (signs, bare)), None).fed) == (1,)
    assert tuple(analyse(Network("n", (2,), (signs, norm, bare)), None).fed) == ()
    assert tuple(analyse(Network("n", (2,), (norm, bare)), ENCODINGS["unit"]).fed) == ()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 6, 5), np.float32), "`x` must have shape (n, 6, 5, 2), not (2, 6, 5)"),
        (np.zeros((0, 6, 5, 2), np.float32), "`x` must have shape (n, 6, 5, 2), not (0, 6, 5, 2)"),
        (np.float32(3), "`x` must have shape (n, 6, 5, 2), not ()"),
        (np.zeros((2, 6, 5, 2)), "`x` must be an array of float32 or uint8, not float64"),
        (
            np.full((2, 6, 5, 2), np.nan, np.float32),
            "`x` must hold finite values, not NaN or infinity",
        ),
    ],
)
def test_wrong_images_are_refused(x, message):
    with pytest.raises(InputError) as caught:
        forward(small_network(np.random.default_rng(0)), x, None)
    assert str(caught.value) == message


def test_operands_are_told_apart():
    rng = np.random.default_rng(7)
    network = small_network(rng)
    fed = {
        network.layers[at].name: one for at, one in analyse(network, ENCODINGS["unit"]).fed.items()
    }
    assert [name for name, one in fed.items() if one.encoded] == ["c1"]
    assert all(fed[name].whole == BIPOLAR for name in ("c2", "d1", "d2"))
    assert tuple(analyse(network, ENCODINGS["unit"]).fed) == (0, 3, 6, 8)
    assert tuple(analyse(network, ENCODINGS["symmetric"]).fed) == (3, 6, 8)
    padded = Conv2D("c", latent(rng, 3, 3, 2, 4), None, **SIGN, padding="same")
    assert analyse(Network("n", (5, 5, 2), (padded,)), None).fed[0].whole == TERNARY


@given(st.integers(0, 2**32 - 1), st.sampled_from([(-1.0, 2), (1.0, 2), (0.0, 1)]))
@settings(max_examples=30)
def test_sums_are_reachable(seed, pad_and_step):
    pad, step = pad_and_step
    rng = np.random.default_rng(seed)
    layer = Conv2D("c", latent(rng, 2, 2, 1, 2), None, **SIGN, padding="same", pad_values=pad)
    network = Network("n", (3, 3, 1), (layer,))
    reached = reach(layer, analyse(network, None).fed[0].whole)
    assert reached == range(-4, 5, step)
    run = forward(network, latent(rng, 20, 3, 3, 1), None, keep_sums=True)
    assert set(run.sums["c"].ravel().tolist()) <= set(reached)


def test_sign_is_larqs():
    x = np.float32([-1, -1e-37, -1e-38, -1e-40, -0.0, 0.0, 1e-40, 3])
    assert quantizers.sign(x).tolist() == [-1, -1, 1, 1, 1, 1, 1, 1]


def test_binary_kernels_of_bop_are_as_stored():
    stored = np.float32([[1, -1], [-1, 1]])
    layer = Dense("d", stored, None, "ste_sign", quantizers.NO_OP)
    assert np.array_equal(integer_kernel(layer), stored)
    mixed = Dense("d", stored * np.float32(0.5), None, "ste_sign", quantizers.NO_OP)
    assert tuple(analyse(Network("n", (2,), (mixed,)), None).fed) == ()
    with pytest.raises(InputError) as caught:
        integer_kernel(mixed)
    assert str(caught.value) == ("layer 'd' must have a sign quantizer for its kernel, not 'no_op'")
