"""Inputs of rows that are made once: deep networks, images for them, a specification of a sweep."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

WIDTH = 8
"""Inputs and outputs of each layer of a deep network: what grows is their number."""
POINTS = 100
"""Values of each of the two axes of the sweep."""


def provide(words: Sequence[str], work: Path) -> None:
    """Make what is named after ``{work}/`` in words and is not there yet.

    Raises CalledProcessError if that fails.
    """
    for name in re.findall(r"\{work\}/(\S+)", " ".join(words)):
        target = work / name
        if target.exists():
            continue
        work.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"unfinished-{name}")
        if name == "points.toml":
            unfinished.write_text(sweep(), "utf-8")
        else:
            environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
            made = [sys.executable, __file__, str(unfinished)]
            subprocess.run(made, check=True, env=environment, capture_output=True, text=True)
        unfinished.rename(target)


def sweep() -> str:
    """Specification of a sweep over the circuit, a trial a point.

    >>> sweep().splitlines()[-3:]
    ['[stop]', 'trials = 1', 'least_trials = 1']
    """
    variations = [1 + i / 4 for i in range(POINTS)]
    ratios = [round(2 + i / 20, 2) for i in range(POINTS)]
    return "\n".join([
        'name = "points"', 'measure = "tra-failure"', "[fixed]", "samples = 1000", "[axes]",
        f"variation_percent = {variations}", f"cb_cs_ratio = {ratios}",
        "[stop]", "trials = 1", "least_trials = 1", "",
    ])  # fmt: skip


def dense(layers: int, path: Path) -> None:
    """Save a network of so many binary dense layers with random weights, as Larq does."""
    import larq
    import numpy as np
    import tf_keras as keras

    rng = np.random.default_rng(layers)
    model = keras.Sequential([keras.layers.InputLayer((WIDTH,))])
    for number in range(layers):
        name = f"dense_{number}"
        quantized = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
        model.add(larq.layers.QuantDense(WIDTH, use_bias=False, name=name, **quantized))
        model.add(keras.layers.BatchNormalization(scale=False, name=f"norm_{number}"))
        (kernel,) = model.layers[-2].get_weights()
        model.layers[-2].set_weights([rng.uniform(-1, 1, kernel.shape).astype(np.float32)])
    model.save(path)


def images(path: Path) -> None:
    """Save images for these networks."""
    import numpy as np

    values = np.random.default_rng(0).choice([-1.0, 1.0], (20, WIDTH))
    np.savez(path, x=values.astype(np.float32))


if __name__ == "__main__":
    asked = Path(sys.argv[1])
    found = re.search(r"dense-(\d+)\.h5$", asked.name)
    if found:
        dense(int(found[1]), asked)
    else:
        images(asked)
