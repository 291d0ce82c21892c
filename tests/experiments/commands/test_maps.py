"""Networks that give maps, and images of any number of axes, on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("undrawn")

MODELS = Path(__file__).parents[2] / "saved_models"

Report = dict[str, Any]
Pimsim = Callable[..., Report]


@pytest.fixture
def dense_prediction(tmp_path: Path) -> Path:
    """A network that ends in a map, of a size that its file leaves open."""
    path = tmp_path / "map.h5"
    shutil.copy(MODELS / "cnn.h5", path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        del config["config"]["layers"][5:]
        config["config"]["layers"][0]["config"]["batch_input_shape"] = [None, None, None, 1]
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.fixture
def x() -> Any:
    return np.load(MODELS / "cnn.npz")["x"][:5]


@pytest.mark.parametrize("mapping", ["output-stationary", "weight-stationary", "auto"])
def test_a_map_is_written_in_its_shape(
    dense_prediction: Path, x: Any, tmp_path: Path, mapping: str, pimsim: Pimsim
) -> None:
    images, out = tmp_path / "images.npz", tmp_path / "out"
    np.savez(images, x=x)
    given = [dense_prediction, "--data", images, "--mapping", mapping]
    report = pimsim(*given, "--out", out)
    assert report["bit_exact"]
    assert report["accuracy"] is None
    logits = np.load(out / "logits.npy")
    assert len(logits) == 5
    assert logits.shape[1:] == (3, 3, 37)
    np.savez(images, x=x[..., 0])  # grey images, without their axis of channels
    pimsim(*given, "--out", out)
    assert np.array_equal(np.load(out / "logits.npy"), logits)


def test_a_map_with_faults_counts_positions(
    dense_prediction: Path, x: Any, tmp_path: Path, pimsim: Pimsim
) -> None:
    images, out = tmp_path / "images.npz", tmp_path / "out"
    np.savez(images, x=x)
    given = [dense_prediction, "--data", images, "--mapping", "output-stationary"]
    pimsim(*given, "--out", out)
    right = np.load(out / "logits.npy")
    faults = pimsim(*given, "--variation", "15", "--out", tmp_path / "bad")["faults"]
    wrong = np.load(tmp_path / "bad" / "logits.npy")
    assert faults["logits_changed"] == np.count_nonzero(wrong != right) > 0
    assert faults["predictions_changed"] == np.count_nonzero(wrong.argmax(-1) != right.argmax(-1))


def test_the_cost_of_a_size_that_is_given_is_that_of_images(
    dense_prediction: Path, x: Any, tmp_path: Path, pimsim: Pimsim
) -> None:
    images = tmp_path / "images.npz"
    np.savez(images, x=x)
    given = [dense_prediction, "--cost-only", "--mapping", "output-stationary"]
    one = pimsim(*given, "--input-shape", "12,12,1")
    two = pimsim(*given, "--input-shape", "24,12,1")
    same = pimsim(*given, "--data", images)
    assert [layer["macs"] for layer in one["layers"]] == [layer["macs"] for layer in same["layers"]]
    assert two["layers"][0]["macs"] > 2 * one["layers"][0]["macs"]
