"""How fast whole networks run, beside Keras: ``pytest -s tests/benchmarks/bench_networks.py``.

Needs the extra ``larq`` and MNIST in ``PIMSIM_DATA``. Every figure is the least of five runs of
``pimsim run --no-check``, that of Keras from two with ``--check-keras``: the least of its own
repetitions, warmed up. Importing and loading are apart on both sides.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

RUNS = 5
PARTS = ("compile", "execute", "schedule")


def measure(*argv: str) -> dict[str, Any]:
    """Least wall times of some runs."""
    best: dict[str, Any] = {}
    for turn in range(RUNS):
        command = [sys.executable, "-m", "experiments", "run", *argv, "--no-check", "--json"]
        if turn in (0, RUNS - 1):
            command.append("--check-keras")
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        report = json.loads(done.stdout)
        found = {part: report["wall_s"][part] for part in PARTS}
        found["keras"] = report.get("keras_predict_s")
        if report["keras_equal"] is not None:
            assert report["keras_equal"]
        for part, seconds in found.items():
            if seconds is not None:
                best[part] = min(seconds, best.get(part, seconds))
        best["images"] = report["images"]
        best["macs"] = sum(layer["macs"] * layer["operand_bits"] for layer in report["layers"])
    return best


def binarynet(path: Path) -> None:
    """A BinaryNet of full width with random weights, as a Larq file."""
    import larq
    import tf_keras as keras

    rng = np.random.default_rng(0)
    binary = {
        "kernel_quantizer": "ste_sign",
        "kernel_constraint": "weight_clip",
        "use_bias": False,
    }
    model = keras.Sequential([keras.layers.InputLayer((32, 32, 3))])
    for number, width in enumerate((128, 128, 256, 256, 512, 512)):
        more = {"input_quantizer": "ste_sign", "padding": "same", "pad_values": 1.0}
        model.add(larq.layers.QuantConv2D(width, 3, **binary, **(more if number else {})))
        if number % 2:
            model.add(keras.layers.MaxPooling2D(2))
        model.add(keras.layers.BatchNormalization(scale=False))
    model.add(keras.layers.Flatten())
    for width in (1024, 1024, 10):
        model.add(larq.layers.QuantDense(width, input_quantizer="ste_sign", **binary))
        model.add(keras.layers.BatchNormalization(scale=False))
    model.add(keras.layers.Activation("softmax"))
    for layer in model.layers:
        kernels = [value for value in layer.get_weights() if value.ndim > 1]
        if kernels:
            layer.set_weights([rng.uniform(-1, 1, k.shape).astype(np.float32) for k in kernels])
    model.save(path)


def test_whole_networks(page: Any, tmp_path: Path) -> None:
    """Execution of whole networks, all layers, the 8-bit first layer included."""
    model, images = tmp_path / "binarynet.keras", tmp_path / "images.npz"
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, __file__, str(model)], check=True, env=environment)
    pixels = np.random.default_rng(1).integers(0, 256, (1000, 32, 32, 3))
    np.savez(images, x=(pixels / 127.5 - 1).astype(np.float32))
    rows = []
    for name, argv in (
        ("mnist-mlp", ["mnist-mlp", "--data", "mnist"]),
        ("mnist-mlp, weight-stationary", ["mnist-mlp", "--data", "mnist",
                                          "--mapping", "weight-stationary"]),
        ("mnist-cnn", ["mnist-cnn", "--data", "mnist"]),
        ("mnist-cnn, weight-stationary", ["mnist-cnn", "--data", "mnist",
                                          "--mapping", "weight-stationary"]),
        ("BinaryNet, random weights", [str(model), "--data", str(images)]),
    ):  # fmt: skip
        found = measure(*argv)
        rate = found["macs"] * found["images"] / found["execute"] / 1e12
        rows.append(
            [
                name,
                f"{found['images']:,}",
                *(f"{found[part]:.2f}" for part in PARTS),
                f"{rate:.2f}",
                f"{found['keras']:.2f}",
                f"{found['execute'] / found['keras']:.2f}",
            ]
        )
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    page.table(
        "Whole networks, seconds",
        ["network", "images", "compile", "execute", "schedule",
         "T bit-products/s", "Keras predicts", "execute / Keras"],
        rows,
    )  # fmt: skip
    print(f"peak memory of a run, Keras included: {peak_kb / 2**20:.2f} GiB")


if __name__ == "__main__":
    binarynet(Path(sys.argv[1]))
