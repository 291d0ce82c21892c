"""``pimsim run`` on arrays as people have them: types, names, labels, scales."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn.data.datasets import load
from experiments import cli
from pimsim import run

pytestmark = pytest.mark.usefixtures("undrawn")

Pimsim = Any
LIMIT = 40
MLP = Path(__file__).parents[2] / "saved_models" / "mlp.h5"


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def expected() -> Any:
    return run("digits-mlp", limit=LIMIT).report


@pytest.mark.parametrize(
    "form", ["f64", "y2d", "onehot", "bool-onehot", "keras", "big-endian", "npy"]
)
def test_the_same_images_in_another_form_are_the_same_run(
    form: str, expected: Any, tmp_path: Path, pimsim: Pimsim
) -> None:
    digits = load("digits")
    x, y = digits.x[:LIMIT], digits.y[:LIMIT]  # type: ignore[index]
    one_hot = np.eye(10)[y]
    arrays = {
        "f64": {"x": x.astype(np.float64), "y": y.astype(np.float32)},
        "y2d": {"x": x, "y": y[:, None].astype(np.uint8)},
        "onehot": {"x": x, "y": one_hot},
        "bool-onehot": {"x": x, "y": one_hot.astype(bool)},
        "keras": {"x_test": x, "y_test": y, "x_train": -x, "y_train": y},
        "big-endian": {"x": x.astype(">f4"), "y": y.astype(">i2")},
        "npy": {"x": x, "y": y},
    }[form]
    argv = ["--data", saved(tmp_path / "x.npz", **arrays)]
    if form == "npy":
        np.save(tmp_path / "scans.npy", x)
        np.save(tmp_path / "truth.npy", y)
        argv = ["--data", tmp_path / "scans.npy", "--labels", tmp_path / "truth.npy"]
    report = pimsim("digits-mlp", *argv)
    for key in ("accuracy", "accuracy_means", "latency_ps", "commands", "bit_exact"):
        assert report[key] == expected[key], key


@pytest.mark.parametrize("more", [[], ["--variation", "20"], ["--mapping", "weight-stationary"]])
def test_labels_that_are_no_classes_cost_no_run(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = load("digits")
    assert digits.y is not None
    path = saved(tmp_path / "one-based.npz", x=digits.x, y=digits.y + 1)
    assert cli.main(["run", "digits-mlp", "--data", str(path), *more]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "as the network tells 10 classes apart, not 10 (image " in printed.err
    assert printed.err.endswith("; `y - 1` makes them begin at 0\n")


def test_bytes_for_a_network_of_scaled_pixels_are_named_and_put_right(
    tmp_path: Path, pimsim: Pimsim, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    strokes = rng.integers(0, 256, (12, 100)).astype(np.uint8)
    path = saved(tmp_path / "x.npz", x=strokes)
    fed = saved(tmp_path / "fed.npz", x=(strokes / 127.5 - 1))
    put_right = pimsim(MLP, "--data", path, "--input-scale", "symmetric")
    by_hand = pimsim(MLP, "--data", fed)
    assert put_right["assumptions"]["input_encoding"] == "symmetric"
    assert put_right["assumptions"]["input_scale"] == "symmetric"
    assert put_right["latency_ps"] == by_hand["latency_ps"]
    assert put_right["bit_exact"] is True
    standardised = pimsim(MLP, "--data", path, "--input-scale", "standardised:127.5,127.5")
    assert standardised["assumptions"]["input_encoding"] == "standardised:127.5,127.5"
    assert standardised["bit_exact"] is True
    assert standardised["layers"][0]["where"] == "dram"
    cost = pimsim(
        MLP, "--data", path, "--input-scale", "standardised:127.5,127.5",
        "--cost-only", "--limit", "12",
    )  # fmt: skip
    assert cost["latency_ps"] == standardised["latency_ps"]


@pytest.mark.mnist
@pytest.mark.slow
def test_a_scale_that_does_not_fit_is_told_in_report_and_table(
    tmp_path: Path, pimsim: Pimsim, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist = load("mnist")
    assert mnist.y is not None
    pixels = np.rint((mnist.x[:50] + 1) * 127.5).astype(np.uint8)
    path = saved(tmp_path / "x.npz", x_test=pixels, y_test=mnist.y[:50])
    out = tmp_path / "out"
    given = ("mnist-mlp", "--mapping", "weight-stationary", "--data")
    assert cli.main(["run", *given, str(path), "--out", str(out)]) == 0
    assert "--input-scale symmetric" in " ".join(capsys.readouterr().out.split())
    told = json.loads((out / "report.json").read_text("utf-8"))["input_scale_hint"]
    assert told.endswith("try --input-scale symmetric")
    right = pimsim(*given, path, "--input-scale", "symmetric")
    named = pimsim(*given, "mnist", "--limit", "50")
    assert right["accuracy"] == named["accuracy"] > 0.9
    assert (right["input_scale_hint"], named["input_scale_hint"]) == (None, None)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--labels", "y.npy"], "`--labels` must come with a file of images, not with 'digits'"),
        (["--input-scale", "unit"], "`--input-scale unit` must be given with 8-bit pixels"),
        (["--input-scale", "grey"], "`--input-scale` must be raw, unit, symmetric or"),
        (["--input-scale", "standardised:0"], "must give numbers as standardised:MEAN,STD"),
        (["--cost-only", "--labels", "y.npy"], "`--labels` must not be given with --cost-only"),
    ],
)
def test_options_that_do_not_fit(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "digits-mlp", *argv]) == 2
    assert message in capsys.readouterr().err


def test_a_sweep_takes_files_and_scales(tmp_path: Path) -> None:
    from experiments.sweep import points
    from experiments.sweep.measures import measure

    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 256, (4, 28, 28, 1)).astype(np.uint8))
    np.save(tmp_path / "y.npy", np.array([1, 2, 3, 4]))
    base = {"network": "mnist-mlp", "data": str(tmp_path / "x.npy")}
    accuracy, cost = measure.load_measure("accuracy"), measure.load_measure("cost")

    def identity(**given: Any) -> Any:
        chip = {"variation_percent": 0.0, "table_samples": 1000}
        return accuracy.identity(points.complete(accuracy, {**base, **chip, **given}, tmp_path))

    raw, scaled = identity(), identity(input_scale="symmetric")
    assert raw["data"] != scaled["data"]
    np.save(tmp_path / "y.npy", np.array([1, 2, 3, 5]))
    assert identity()["data"] != raw["data"]
    values = points.complete(cost, {**base, "input_scale": "symmetric"}, tmp_path)
    cost.identity(values)
    assert cost.run(values, 0, 1)["latency_ps"] > 0
    np.save(tmp_path / "y.npy", np.array([1, 2, 3, 10]))
    from pimsim.errors import InputError

    with pytest.raises(InputError, match="must hold labels from 0 to 9"):
        identity()
