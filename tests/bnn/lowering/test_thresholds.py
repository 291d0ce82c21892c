"""Thresholds against the direct evaluation at every sum, and pooled bits against pooled sums."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnn.lowering.operand_analysis import analyse
from bnn.lowering.thresholds import conjunctions, crossing, decisions, questions
from bnn.model.layers.product import reach
from bnn.model.network import Activation, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, Network
from bnn.reference import forward
from bnn.values.encoding import ENCODINGS

SIGN = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
SOME = 12
"""Channels of the networks here."""

gammas = st.one_of(
    st.floats(-4, 4, width=32),
    st.sampled_from([0.0, -0.0, 1e-40, -1e-40, 1e-30, -1e-30, 1e-7, -1e-7, 1.0, -1.0]),
)
means = st.one_of(st.integers(-30, 30).map(float), st.floats(-30, 30, width=32))
betas = st.one_of(st.just(0.0), st.floats(-3, 3, width=32), st.sampled_from([100.0, -100.0]))


@st.composite
def norms(draw, name, channels=SOME):
    def array(values):
        chosen = draw(st.lists(values, min_size=channels, max_size=channels))
        return np.array(chosen, dtype=np.float32)

    return BatchNorm(
        name,
        array(means),
        array(st.floats(0, 50, width=32)),
        draw(st.sampled_from([None, array(gammas)])),
        draw(st.sampled_from([None, array(betas)])),
        draw(st.sampled_from([1e-3, 1e-7, 1.0])),
    )


def evaluated(norm, values):
    """Signs as NETWORKS's rule reads, one float64 at a time, denormal float32 as zero."""

    def normal(v):
        return 0.0 if abs(v) < 2.0**-126 else float(v)

    result = np.zeros((len(values), SOME), bool)
    for channel in range(SOME):
        gamma = 1.0 if norm.gamma is None else normal(norm.gamma[channel])
        beta = 0.0 if norm.beta is None else normal(norm.beta[channel])
        scale = normal(gamma / np.sqrt(normal(norm.variance[channel]) + norm.epsilon))
        for place, value in enumerate(values):
            y = (value - normal(norm.mean[channel])) * scale + beta
            result[place, channel] = y >= 0 or abs(y) < 2.0**-126
    return result


def decision(network):
    """The last place where the outputs of the first layer may be decided, or None."""
    found = decisions(network, 0, questions(network))
    return found[-1] if found else None


def find(network, encoding=None):
    fed = analyse(network, encoding).fed[0]
    return crossing(network.layers[0], decision(network), fed)


def chain(*steps, fan_in=20, padding=None, first=None):
    kernel = np.ones((fan_in, SOME), np.float32)
    layer = first or Dense("in", kernel, None, **SIGN)
    width = SOME
    after = Dense("out", np.ones((width, 2), np.float32), None, **SIGN)
    return Network("n", (fan_in,), (layer, *steps, after))


@given(norms("bn"), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_every_reachable_sum_is_decided_as_evaluated(norm, fan_in):
    network = chain(norm, fan_in=fan_in)
    found = find(network)
    sums = np.arange(-fan_in, fan_in + 1, 2)
    assert np.array_equal(found.bits(sums[:, None]), evaluated(norm, sums))
    assert set(found.at.tolist()) <= set(
        reach(network.layers[0], analyse(network, None).fed[0].whole)
    )


@given(norms("bn"), st.sampled_from(["unit", "symmetric", "uint8", "eighths"]))
@settings(max_examples=40, deadline=None)
def test_sums_of_pixels_are_decided_as_evaluated(norm, kind):
    encoding = ENCODINGS[kind]
    kernel = np.ones((3, SOME), np.float32)
    kernel[1, ::2] = -1
    first = Dense("in", kernel, None, None, "ste_sign")
    network = chain(norm, fan_in=3, first=first)
    found = find(network, encoding)
    largest = 3 * encoding.largest
    reach = np.arange(-largest, largest + 1)
    for channels, weight_sum in ((slice(0, None, 2), 1), (slice(1, None, 2), 3)):
        values = [float(encoding.scale * int(s) + encoding.offset * weight_sum) for s in reach]
        wanted = evaluated(norm, values)[:, channels]
        assert np.array_equal(found.bits(reach[:, None])[:, channels], wanted)


def test_exact_ties_give_plus_one_for_either_sign_of_gamma():
    norm = BatchNorm(
        "bn",
        np.full(SOME, 4, np.float32),
        np.linspace(0.1, 9, SOME).astype(np.float32),
        np.resize(np.float32([1, -1, 0.3, -0.7]), SOME),
        None,
        1e-3,
    )
    found = find(chain(norm))
    assert found.bits(np.array([4])).all()
    assert found.bits(np.array([2])).tolist() == [False, True] * (SOME // 2)
    assert found.bits(np.array([6])).tolist() == [True, False] * (SOME // 2)
    assert found.at.tolist() == [4, 6] * (SOME // 2)


def test_constant_channels():
    beta = np.resize(np.float32([1, -1, 0, -0.0]), SOME)
    norm = BatchNorm(
        "bn", np.zeros(SOME, np.float32), np.ones(SOME, np.float32),
        np.zeros(SOME, np.float32), beta, 1e-3,
    )  # fmt: skip
    found = find(chain(norm))
    assert found.at.tolist() == [-20] * SOME
    assert found.falling.tolist() == [False, True, False, False] * (SOME // 4)


@given(norms("bn"), st.lists(st.floats(-3, 3, width=32), min_size=SOME, max_size=SOME),
       st.sampled_from(["linear", "relu", "hard_tanh"]))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_bias_and_activation_come_before_batchnorm(norm, bias, activation):
    bias = np.array(bias, np.float32)
    first = Dense("in", np.ones((6, SOME), np.float32), bias, **SIGN, activation=activation)
    found = find(chain(norm, fan_in=6, first=first))
    for s in range(-6, 7, 2):
        values = s + bias.astype(np.float64)
        if activation == "relu":
            values = np.maximum(values, 0)
        elif activation == "hard_tanh":
            values = np.clip(values, -1, 1)
        wanted = np.diag(evaluated(norm, values))
        assert np.array_equal(found.bits(np.array([s])), wanted)


def test_a_sign_right_behind_the_sum_needs_no_batchnorm():
    bias = np.resize(np.float32([0, 0.5, -0.5, 100]), SOME)
    first = Dense("in", np.ones((3, SOME), np.float32), bias, **SIGN, activation="ste_sign")
    found = find(chain(fan_in=3, first=first))
    assert found.at.tolist()[:4] == [1, 1, 1, -3]
    assert not found.falling.any()


@st.composite
def pooled_networks(draw):
    """A convolution, then pooling, BatchNorm and Flatten in any sensible order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def norm(name, channels):
        return BatchNorm(
            name,
            np.rint(rng.normal(size=channels) * 2).astype(np.float32),
            rng.uniform(0, 4, channels).astype(np.float32),
            rng.choice(np.float32([-2, -0.5, 0, 1e-40, 0.5, 1]), channels),
            rng.choice(np.float32([0, 0.5, -0.3]), channels),
            1e-3,
        )

    before = draw(st.sampled_from(["", "N", "P", "PN", "NP", "NPN", "PNP", "PNPN"]))
    late = draw(st.booleans())
    kernel = rng.normal(size=(2, 2, 1, SOME)).astype(np.float32)
    layers, shape = [Conv2D("in", kernel, None, **SIGN)], (9, 9, 1)
    for place, step in enumerate(before):
        if step == "N":
            layers.append(norm(f"n{place}", SOME))
        else:
            layers.append(MaxPool2D(f"p{place}", (2, 2), (2, 2)))
    layers.append(Flatten("flat"))
    features = Network("part", shape, tuple(layers)).shapes()[-1][0]
    if late:
        layers.append(norm("late", features))
    layers.append(Dense("out", np.ones((features, 2), np.float32), None, **SIGN))
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    return Network("n", shape, tuple(layers)), x


@given(pooled_networks())
@settings(max_examples=80, deadline=None)
def test_pooled_bits_are_the_signs_of_pooled_values(case):
    network, x = case
    run = forward(network, x, None, keep_sums=True)
    found, flags = find(network), conjunctions(network.layers[0], decision(network))
    sums = run.sums["in"]
    poolings = [layer for layer in network.layers if isinstance(layer, MaxPool2D)]
    assert len(poolings) == len(flags)
    if found.at.size != SOME:
        # Each position has its own thresholds, those of the positions behind the last pooling.
        before_last = network.layers[1 : network.layers.index(poolings[-1])] if poolings else ()
        assume(not any(isinstance(layer, BatchNorm) for layer in before_last))
        pooled = sums.astype(np.float64)
        for pooling in poolings:
            pooled = pooling.run(pooled)
        bits = found.bits(pooled.astype(int).reshape(len(sums), -1))
    else:
        bits = found.bits(sums)
        for both in flags:
            n, h, w, c = bits.shape
            tiles = bits[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
            bits = np.where(both, tiles.all(axis=(2, 4)), tiles.any(axis=(2, 4)))
        bits = bits.reshape(len(bits), -1)
    assert np.array_equal(np.where(bits, 1, -1), run.operands["out"])


def test_decisions_end_where_signs_are_fed():
    norm = BatchNorm("bn", *(np.ones(SOME, np.float32) for _ in range(4)), 1e-3)
    kernel = np.ones((SOME, SOME), np.float32)
    start = Dense("in", kernel, None, **SIGN)
    binary, real = Dense("b", kernel, None, **SIGN), Dense("r", kernel, None)

    def ends(*layers):
        found = decision(Network("n", (SOME,), layers))
        return None if found is None else ([step.name for step in found.steps], found.end)

    assert ends(start, norm, binary) == (["bn"], 2)
    assert ends(start, norm, Activation("s", "swish_sign"), real) == (["bn"], 3)
    assert ends(start, norm, real) is None
    assert ends(start, norm) is None
    assert ends(start, Activation("t", "tanh"), binary) is None
    assert ends(start, Activation("r", "relu"), binary) == (["r"], 2)
