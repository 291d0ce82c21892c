"""One-output and multi-label networks: accuracy is that of Keras's own ``evaluate``."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest

from bnn.larq.model_file import read_model
from bnn.run.scoring import scoring_of
from experiments import cli

pytestmark = pytest.mark.larq

IMAGES = 96
SUFFIXES = ("h5", "keras")


def network(libraries: Any, outputs: int, activation: str) -> Any:
    keras, larq = libraries.keras, libraries.larq
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.InputLayer((16,)),
            larq.layers.QuantDense(24, kernel_quantizer="ste_sign", use_bias=False),
            keras.layers.BatchNormalization(scale=False),
            larq.layers.QuantDense(
                outputs, input_quantizer="ste_sign", kernel_quantizer="ste_sign", use_bias=False
            ),
            keras.layers.BatchNormalization(),
            keras.layers.Activation(activation),
        ]
    )
    rng = np.random.default_rng(outputs)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(rng.normal(0, 2, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(1, 9, layer.moving_variance.shape))
    return model


def images(outputs: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    x = rng.choice(np.float32([-1, 1]), (IMAGES, 16))
    return x, rng.integers(0, 2, (IMAGES, outputs))


CASES = (
    # loss, its settings, activation, metric to compile with, that Keras evaluates, as labels
    ("BinaryCrossentropy", {}, "sigmoid", "accuracy", 0.5, 0),
    ("BinaryCrossentropy", {"from_logits": True}, "linear", "accuracy", 0.0, 0),
    ("BinaryFocalCrossentropy", {}, "sigmoid", "acc", 0.5, 0),
    ("Hinge", {}, "tanh", "accuracy", 0.0, -1),
    ("SquaredHinge", {}, "linear", "accuracy", 0.0, -1),
    ("MeanSquaredError", {}, "linear", "accuracy", 0.5, 0),
    ("Huber", {}, "tanh", "accuracy", 0.0, -1),
    ("LogCosh", {}, "sigmoid", None, 0.5, 0),
    (None, {}, "hard_sigmoid", None, 0.5, 0),
    (None, {}, "tanh", None, 0.0, 0),
)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(("loss", "settings", "activation", "metric", "line", "no"), CASES)
def test_one_output(
    libraries: Any, tmp_path: Any, loss: Any, settings: Any, activation: str, metric: Any,
    line: float, no: int,
) -> None:  # fmt: skip
    keras = libraries.keras
    model = network(libraries, 1, activation)
    x, y = images(1)
    files = [tmp_path / f"net.{suffix}" for suffix in SUFFIXES]
    for file in files:
        if loss is not None:
            made = getattr(keras.losses, loss)(**settings)
            if file.suffix == ".h5" and not settings:  # by name, as most people write it
                made = made.name.removesuffix("_loss")
            model.compile("sgd", made, metrics=None if metric is None else [metric])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save(file)
    # What Keras evaluates with the line where the loss has it, and labels 0 and 1.
    model.compile("sgd", "mse", metrics=[keras.metrics.BinaryAccuracy(threshold=line)])
    expected, scores = model.evaluate(x, y, verbose=0)[1], model.predict(x, verbose=0)
    assert 0 < expected < 1
    for file in files:
        found = scoring_of(read_model(file), y if no == 0 else 2 * y - 1)
        assert found.threshold == line
        assert found.accuracy(scores) == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("untraced")
def test_several_labels_an_image(libraries: Any, tmp_path: Any) -> None:
    model = network(libraries, 5, "sigmoid")
    x, y = images(5)
    model.compile("sgd", "binary_crossentropy", metrics=["binary_accuracy"])
    expected, scores = model.evaluate(x, y, verbose=0)[1], model.predict(x, verbose=0)
    for suffix in SUFFIXES:
        file = tmp_path / f"net.{suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save(file)
        found = scoring_of(read_model(file), y)
        assert found.of == 5 * IMAGES
        assert found.accuracy(scores) == pytest.approx(expected, abs=1e-6)


def test_a_run_reports_it_with_and_without_faults(
    libraries: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model = network(libraries, 1, "sigmoid")
    x, y = images(1)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    expected = model.evaluate(x, y, verbose=0)[1]
    model.save(tmp_path / "net.keras")
    np.savez(tmp_path / "x.npz", x=x, y=y[:, 0])
    argv = ["run", str(tmp_path / "net.keras"), "--data", str(tmp_path / "x.npz"), "--json"]
    assert cli.main(argv) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["accuracy"] == pytest.approx(expected, abs=1e-6)
    assert report["accuracy_means"] == "output above 0.5, as binary_crossentropy says"
    out = tmp_path / "out"
    assert cli.main([*argv, "--variation", "25", "--out", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    faults, struck = report["faults"], np.load(out / "logits.npy")[:, 0] > 0.5
    right = model.predict(x, verbose=0)[:, 0] > 0.5
    assert faults["accuracy_error_free"] == pytest.approx(expected, abs=1e-6)
    assert faults["predictions"] == IMAGES
    assert faults["predictions_changed"] == (struck != right).sum() > 0
    assert report["accuracy"] == (struck == y[:, 0]).mean()
