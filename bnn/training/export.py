"""A trained Keras model as a file, and what a model card says about it."""

from __future__ import annotations

import math
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bnn.training.card import LayerRow

_PACKAGES = ("tensorflow", "tf-keras", "larq", "numpy")


def save(model: Any, out: Path) -> None:
    """Write a model to ``out``, a ``.keras`` or ``.h5`` file, replaced whole."""
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "HDF5 is a legacy format"
            model.save(partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def binary_weights(model: Any) -> int:
    """Return how many weights of a model are +-1 in use."""
    quantized = [layer for layer in model.layers if getattr(layer, "kernel_quantizer", None)]
    return sum(math.prod(layer.kernel.shape) for layer in quantized)


def layer_rows(model: Any) -> tuple[LayerRow, ...]:
    """Return the layers as a card lists them."""
    return tuple(
        LayerRow(
            layer=layer.name,
            kind=type(layer).__name__,
            output="x".join(str(size) for size in layer.output_shape[1:]),
            weights=int(layer.count_params()),
        )
        for layer in model.layers
    )


def versions() -> str:
    """Return the versions of Python and of what a training depends on."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)]
    )
