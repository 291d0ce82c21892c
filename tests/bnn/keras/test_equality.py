"""The reader and the reference against what Keras itself computed, accumulator by accumulator."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from bnn.larq.model_file import read_model
from bnn.lowering.operand_analysis import analyse, worth
from bnn.reference import forward
from bnn.values.encoding import ENCODINGS

DATA = Path(__file__).parents[2] / "saved_models"
NAMES = (
    *("mlp", "cnn", "same-zero", "functional", "same-plus", "same-minus", "dilated"),
    *("real-ends", "late-norm", "mlp-symmetric", "mlp-real", "no-op", "last-axis"),
)


def assert_equal_to_keras(network, x, kind, keras_sums, keras_logits):
    encoding = ENCODINGS.get(kind)
    run = forward(network, x, encoding, keep_sums=True)
    binary = analyse(network, encoding).fed
    assert binary
    for index, fed in binary.items():
        layer = network.layers[index]
        ours, theirs = run.sums[layer.name], keras_sums[layer.name]
        if fed.encoded:
            real = worth(layer, fed.encoding)(ours)
            # Keras adds up to a few hundred float32 terms of size 1 here; steps are 1/255 or more.
            np.testing.assert_allclose(real, theirs, rtol=0, atol=1e-4)
        else:
            assert np.array_equal(ours.astype(np.float32), theirs), layer.name
    scale = np.abs(keras_logits).max()
    np.testing.assert_allclose(run.logits, keras_logits, rtol=1e-4, atol=1e-5 * scale)
    top = np.sort(keras_logits, axis=-1)[:, -2:]
    clear = top[:, 1] - top[:, 0] > 1e-4 * scale
    assert clear.any()
    assert np.array_equal(run.logits.argmax(-1)[clear], keras_logits.argmax(-1)[clear])


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "same-zero", "functional"])
def test_committed_files_compute_what_keras_computed(name, suffix):
    with np.load(DATA / f"{name}.npz") as stored:
        sums = {key[5:]: stored[key] for key in stored.files if key.startswith("sums/")}
        network = read_model(DATA / f"{name}.{suffix}")
        kind = str(stored["kind"])
        assert_equal_to_keras(network, stored["x"], kind, sums, stored["logits"])


def test_both_formats_hold_the_same_network():
    for name in ("mlp", "cnn", "same-zero", "functional"):
        one, other = (read_model(DATA / f"{name}.{suffix}") for suffix in ("keras", "h5"))
        assert one.shapes() == other.shapes()
        for a, b in zip(one.layers, other.layers, strict=True):
            assert type(a) is type(b)
            for field in a.__slots__:
                assert np.array_equal(getattr(a, field), getattr(b, field)), (a.name, field)


@pytest.mark.larq
@pytest.mark.parametrize("name", NAMES)
def test_files_compute_what_keras_computes(name, libraries, fixtures, tmp_path):
    assert set(NAMES) == set(fixtures.names())
    model, x, kind = fixtures.build(libraries, name)
    keras_sums, keras_logits = fixtures.observe(libraries, model, x)
    for suffix in ("keras", "h5"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras calls .h5 legacy
            model.save(tmp_path / f"net.{suffix}")
        network = read_model(tmp_path / f"net.{suffix}")
        assert_equal_to_keras(network, x, kind, keras_sums, keras_logits)


@pytest.mark.larq
def test_observed_logits_are_those_of_the_whole_model(libraries, fixtures):
    model, x, _ = fixtures.build(libraries, "same-zero")
    _, logits = fixtures.observe(libraries, model, x)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    whole = np.asarray(model(x))
    np.testing.assert_allclose(powers / powers.sum(-1, keepdims=True), whole, atol=1e-5)
