"""Cases of the layer matrix as models of Keras: built, filled with seeded weights, fed, saved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .layer_cases import Batch

IMAGES = 3


def model(libraries: Any, batch: Batch) -> Any:
    """Build the Keras model of a batch, with seeded weights."""
    made = plain(_built)(libraries, batch)
    rng = np.random.default_rng(sum(batch.name.encode()))
    _fill(made, libraries.larq, rng)
    return made


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function call layers as they are: no layer's Python has to become a graph's."""
    import tensorflow

    return tensorflow.autograph.experimental.do_not_convert(function)


def placed(layer: Any, x: Any) -> Any:
    """Call a layer whose class says what shape it leaves; without, Keras traces it in a graph."""
    layer.build(x.shape)
    layer._dynamic = True
    out = layer(x)
    layer._dynamic = False
    return out


def _built(libraries: Any, batch: Batch) -> Any:
    keras, lq = libraries.keras, libraries.larq
    start = keras.Input(batch.shape)
    ends = []
    for case in batch.cases:
        ends.append(placed(keras.layers.Flatten(), case.build(keras.layers, lq, start)))
    end = keras.layers.Concatenate()(ends) if len(ends) > 1 else ends[0]
    return keras.Model(start, end)


def _fill(made: Any, lq: Any, rng: np.random.Generator) -> None:
    for layer in made.layers:
        if hasattr(layer, "layers"):
            _fill(layer, lq, rng)
            continue
        values = []
        for weight in layer.weights:
            name = weight.name.rsplit("/", 1)[-1].partition(":")[0]
            values.append(_weights(layer, lq, rng, name, weight.shape))
        if values:
            layer.set_weights(values)
        if hasattr(layer, "finalize_state"):  # of a Normalization, which keeps copies
            layer.finalize_state()


def _weights(layer: Any, lq: Any, rng: Any, name: str, shape: Any) -> Any:
    count = int(np.prod(shape))
    if name == "gamma":
        values = rng.choice([1.0, -1.0, 0.5, -2.0, 1e-30, 0.0], count)
    elif name == "count":
        return np.asarray(9, np.int64)
    elif name in ("moving_variance", "variance"):
        values = rng.uniform(0.3, 3, count)
    elif name in ("moving_mean", "mean"):
        values = rng.integers(-3, 4, count) * rng.choice([1.0, 1.0, 0.37], count)
    elif name == "beta":
        values = rng.choice([0.0, 0.25, -1.0], count)
    elif name == "bias":
        values = rng.integers(-8, 9, count) / 4
    elif name == "alpha":
        values = rng.uniform(0, 1, count)
    else:
        values = rng.normal(size=count)
        values[: count // 8] = rng.choice([0.0, -0.0, -1e-40, 0.05, -0.05], count // 8)
        values = rng.permutation(values)
        quantizer = getattr(layer, "kernel_quantizer", None)
        if name.startswith(("depthwise", "pointwise")):
            quantizer = getattr(layer, f"{name.split('_')[0]}_quantizer", None)
        if isinstance(quantizer, lq.quantizers.NoOp) and quantizer.precision == 1:
            values = np.where(values < 0, -1, 1)
    return np.asarray(values, np.float32).reshape(shape)


def inputs(batch: Batch) -> Any:
    """Seeded inputs of a batch: eighths, so that float32 sums are exact, and thresholds."""
    rng = np.random.default_rng(len(batch.name))
    if batch.pixels:
        return rng.integers(0, 256, (IMAGES, *batch.shape), dtype=np.uint8).astype(np.float32)
    values = rng.integers(-12, 13, (IMAGES, *batch.shape)) / 8
    odd = rng.random(values.shape) < 0.2
    values[odd] = rng.choice([0.05, -0.05, 1e-40, -1e-40, 1 / 6, 0.7], int(odd.sum()))
    return values.astype(np.float32)


def save(made: Any, path: Path) -> Path:
    """Save a model; Keras calls .h5 legacy, and Larq warns about training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save(path)
    return path
