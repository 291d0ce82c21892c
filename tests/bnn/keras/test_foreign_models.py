"""Models that Larq saved and nobody here trained: DRAM, the integer reference and Keras agree.

Each is run by path, as somebody else would run it, from one format under one mapping and from
the other format under the other.
"""

from __future__ import annotations

import json
import warnings
from itertools import product

import numpy as np
import pytest

from bnn.larq.model_file import read_model
from bnn.lowering.operand_analysis import analyse
from bnn.reference import forward
from bnn.values.encoding import ENCODINGS
from experiments import cli
from experiments.figures import run as figures

pytestmark = pytest.mark.larq

TIED = {
    "mlp": 1, "cnn": 2, "same-zero": 2, "functional": 2, "same-plus": 1, "same-minus": 1,
    "dilated": 2, "real-ends": 1, "late-norm": 2, "mlp-symmetric": 1, "mlp-real": 1, "no-op": 1,
    "last-axis": 2,
}  # fmt: skip
"""Hidden BatchNorms behind sums that can land exactly on a threshold, for every network."""
QUICK = ("mlp", "cnn", "functional")
"""The others are tested with all tests; their layers are in the layer matrix."""


def put_on_thresholds(libraries, model, x):
    """Move every other channel's mean onto a sum that the images reach; how many BatchNorms.

    Sums of a first layer that stand for fractions are left alone: Keras rounds them.
    """
    keras = libraries.keras
    products = [place for place, layer in enumerate(model.layers) if hasattr(layer, "kernel")]
    values, moved = x, 0
    for place, layer in enumerate(model.layers):
        if hasattr(layer, "bias") and layer.bias is not None:
            layer.bias.assign(np.rint(np.asarray(layer.bias) * 4) / 4)
        flat = np.asarray(values).reshape(-1, values.shape[-1])
        hidden = products[0] < place < products[-1]
        if isinstance(layer, keras.layers.BatchNormalization) and hidden and is_coarse(flat):
            channels = np.arange(flat.shape[1])
            reached = flat[channels * 7 % len(flat), channels]
            tied = channels % 2 == 0
            layer.moving_mean.assign(np.where(tied, reached, np.asarray(layer.moving_mean)))
            if layer.center:
                layer.beta.assign(np.where(tied, 0, np.asarray(layer.beta)))
            on_threshold = np.asarray(layer(values, training=False)).reshape(flat.shape) == 0
            assert on_threshold[:, tied].any(axis=0).all()
            moved += 1
        values = layer(values, training=False)
    return moved


def is_coarse(values):
    """Whether all values are multiples of a quarter, which float32 adds and subtracts exactly."""
    return bool((values * 4 % 1 == 0).all())


def run(capsys, out, model, data, mapping):
    """Run by path; returns the report and the logits."""
    argv = ["run", str(model), "--data", str(data), "--mapping", mapping, "--out", str(out)]
    assert cli.main([*argv, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return json.loads(printed.out), np.load(out / "logits.npy")


def predict(libraries, model, x):
    """What ``model.predict`` gives; TensorFlow's graphs cannot fuse a BatchNorm with a tanh."""
    tanh = libraries.keras.activations.tanh
    model.run_eagerly = any(getattr(layer, "activation", None) is tanh for layer in model.layers)
    return model.predict(x, verbose=0)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def ends_in_softmax(libraries, model):
    softmax_function = libraries.keras.activations.softmax
    last = model.layers[-1]
    return (
        isinstance(last, libraries.keras.layers.Softmax)
        or getattr(last, "activation", None) is softmax_function
    )


@pytest.fixture
def check(libraries, fixtures, tmp_path, capsys, monkeypatch):
    """Hold a model against its simulation, with no figures; the reports by mapping."""
    monkeypatch.setattr(figures, "draw", lambda report, folder: ())

    def checked(model, x, kind):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras calls .h5 legacy
            for suffix in ("keras", "h5"):
                model.save(tmp_path / f"net.{suffix}")
        sums, keras_logits = fixtures.observe(libraries, model, x)
        predicted = predict(libraries, model, x)
        np.savez(tmp_path / "x.npz", x=x, y=predicted.argmax(-1))
        compare_sums(read_model(tmp_path / "net.h5"), x, ENCODINGS.get(kind), sums)

        reports, logits = {}, {}
        for suffix, mapping in (("keras", "output-stationary"), ("h5", "weight-stationary")):
            out = tmp_path / mapping
            reports[mapping], logits[mapping] = run(
                capsys, out, tmp_path / f"net.{suffix}", tmp_path / "x.npz", mapping
            )
            assert reports[mapping]["bit_exact"] is True
        ours = logits["output-stationary"]
        assert np.array_equal(ours, logits["weight-stationary"])

        scale = np.abs(keras_logits).max()
        np.testing.assert_allclose(ours, keras_logits, rtol=1e-4, atol=1e-5 * scale)
        whole = softmax(ours) if ends_in_softmax(libraries, model) else ours
        np.testing.assert_allclose(whole, predicted, rtol=1e-4, atol=2e-5 * np.abs(predicted).max())
        # Keras's argmax of equal numbers depends on its vector instructions.
        top = np.sort(keras_logits, axis=-1)
        clear = top[:, -1] - top[:, -2] > 1e-4 * scale
        assert clear.any()
        assert np.array_equal(ours.argmax(-1)[clear], predicted.argmax(-1)[clear])
        return reports

    return checked


def compare_sums(network, x, encoding, keras_sums):
    """Every sum of -1 and +1 is Keras's, so a bit that went the wrong way would show."""
    found = forward(network, x, encoding, keep_sums=True).sums
    for index, fed in analyse(network, encoding).fed.items():
        name = network.layers[index].name
        if not fed.encoded:
            assert np.array_equal(found[name].astype(np.float32), keras_sums[name]), name


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TIED],
)
def test_networks_of_every_kind(name, libraries, fixtures, check):
    assert set(TIED) == set(fixtures.names())
    model, x, kind = fixtures.build(libraries, name)
    assert put_on_thresholds(libraries, model, x) == TIED[name]
    for layer in model.layers:
        if getattr(layer, "scale", False):
            gamma = np.asarray(layer.gamma)
            assert (gamma < 0).any()
            assert (np.abs(gamma) < 1e-6).any()
    check(model, x, kind)


CONVOLUTIONS = list(product((-1.0, 0.0, 1.0), ("no pool", "pool, norm", "norm, pool")))


@pytest.mark.slow
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("place", range(len(CONVOLUTIONS)))
def test_paddings_and_poolings(place, libraries, fixtures, check):
    """What stands together is turned from case to case: strides, bias, kind of model, scaling."""
    pad, order = CONVOLUTIONS[place]
    k, lq = libraries.keras.layers, libraries.larq
    rng = np.random.default_rng(place)
    kind = ("bipolar", "uint8", "symmetric", "real")[place % 4]
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    # A first layer pads with a real 0, which `symmetric` and `bipolar` do not have.
    first = {"kernel_quantizer": "ste_sign"} if kind != "real" else quantizers
    padded = {"padding": "same", "pad_values": pad}
    convolution = lq.layers.QuantConv2D(
        7, (3, 2), **quantizers, **padded, strides=((1, 1), (2, 1), (1, 3))[place % 3],
        use_bias=place % 2 == 0,
    )  # fmt: skip
    pool = k.MaxPooling2D((2, 3), strides=(1, 2), padding=("same", "valid")[place % 2])
    middle = {
        "no pool": [convolution, k.BatchNormalization()],
        "pool, norm": [convolution, pool, k.BatchNormalization()],
        "norm, pool": [convolution, k.BatchNormalization(), pool],
    }[order]
    layers = [
        lq.layers.QuantConv2D(5, 2, **first, use_bias=False),
        k.BatchNormalization(),
        *middle,
        lq.layers.QuantConv2D(3, 2, **quantizers, **padded),
        k.Flatten(),
        lq.layers.QuantDense(6, **quantizers, activation="softmax"),
    ]
    shape = (8, 9, 2)
    model = fixtures.assemble(libraries, layers, shape, functional=place % 2 == 1)
    fixtures.fill(libraries, model, rng)
    x = fixtures.inputs(rng, shape, kind)
    assert put_on_thresholds(libraries, model, x) >= 1
    reports = check(model, x, kind)
    for report in reports.values():
        where = [layer["where"] for layer in report["layers"] if layer["macs"]]
        assert where == ["dram"] * 4


def where_products_run(report):
    """Places of the layers with products, and the names of all layers of the host."""
    names = [layer["name"] for layer in report["layers"] if layer["where"] == "host"]
    return [layer["where"] for layer in report["layers"] if layer["macs"]], names


def reads(layer):
    """What the processor fetched for a layer: its inputs, its weights."""
    return layer["commands"]["RD"], layer["weights_once"]["commands"]["RD"]


def bursts(numbers):
    """RDs that as many float32 numbers take, 64 bytes each."""
    return -(-numbers * 32 // 512)


def host_model(libraries, fixtures, kind, *, first=None, last=None):
    """Three layers of 40, 33, 21 and 5 values, of which the first or last may be another one."""
    k, lq = libraries.keras.layers, libraries.larq
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    layers = [
        first or lq.layers.QuantDense(33, kernel_quantizer="ste_sign", name="first"),
        k.BatchNormalization(name="norm1"),
        lq.layers.QuantDense(21, **quantizers, name="middle"),
        k.BatchNormalization(name="norm2"),
        last or lq.layers.QuantDense(5, **quantizers, name="last"),
    ]
    rng = np.random.default_rng(77)
    model = fixtures.assemble(libraries, layers, (40,), functional=False)
    fixtures.fill(libraries, model, rng)
    return model, fixtures.inputs(rng, (40,), kind)


def test_a_full_precision_first_layer_runs_on_the_host(libraries, fixtures, check):
    first = libraries.keras.layers.Dense(33, activation="relu", name="first")
    model, x = host_model(libraries, fixtures, "unit", first=first)
    for report in check(model, x, "unit").values():
        assert where_products_run(report) == (["host", "dram", "dram"], ["first+norm1"])
        host = report["layers"][0]
        assert host["sums_checked"] is None
        assert reads(host) == (bursts(len(x) * 40), bursts(40 * 33))
        assert host["commands"]["AAP"] == 0
        assert host["latency_ps"] > 0
        assert host["energy_pj"] > 0


def test_a_full_precision_last_layer_runs_on_the_host(libraries, fixtures, check):
    last = libraries.keras.layers.Dense(5, activation="softmax", name="last")
    model, x = host_model(libraries, fixtures, "unit", last=last)
    for report in check(model, x, "unit").values():
        assert where_products_run(report) == (["dram", "dram", "host"], ["norm2+last"])
        _, middle, host = report["layers"]
        assert reads(host) == (0, bursts(21 * 5))
        # The sums before it, not bits: they are what the BatchNorm and the layer are fed with.
        bits = (21).bit_length()
        assert middle["commands"]["RD"] >= bits
        assert report["assumptions"]["host_layers"] == "costed as traffic only"


def test_inputs_of_no_encoding_leave_the_first_layer_to_the_host(libraries, fixtures, check):
    model, x = host_model(libraries, fixtures, "real")
    for report in check(model, x, "real").values():
        assert where_products_run(report) == (["host", "dram", "dram"], ["first+norm1"])
        assert report["assumptions"]["input_encoding"] == "none: real numbers"
        host = report["layers"][0]
        assert host["operand_bits"] == 32
        assert reads(host) == (bursts(len(x) * 40), bursts(40 * 33))
        assert report["commands"]["RD"] == sum(
            layer["commands"]["RD"] for layer in report["layers"]
        )
