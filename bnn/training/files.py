"""Files of a training, each replaced whole: its state while it lasts, and the model at its end.

A checkpoint is one ``.npz`` file beside the model to be. It holds plain arrays and one JSON text,
and is read without unpickling. It is replaced after every epoch, so whatever interrupts a training
leaves the last complete epoch.
"""

from __future__ import annotations

import json
import math
import os
import platform
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.training.card import Epoch, LayerRow
from pimsim.errors import InputError

_PACKAGES = ("tensorflow", "tf-keras", "larq", "numpy")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training after a number of complete epochs."""

    recipe: dict[str, Any]
    """What is being trained, on what and how; only the same recipe may go on from here."""
    history: tuple[Epoch, ...]
    """The complete epochs."""
    weights: list[NDArray[Any]]
    """Weights of the model, in the order of Keras's ``get_weights``."""
    optimizer: list[NDArray[Any]]
    """Variables of the optimizer, in its order."""
    best: list[NDArray[Any]] = field(default_factory=list)
    """Weights after the epoch with the best validation images; none where that does not matter."""

    def save(self, path: Path) -> None:
        """Write to ``path``, which afterwards holds either this state or the one before it."""
        arrays = {
            **_numbered("weight", self.weights),
            **_numbered("optimizer", self.optimizer),
            **_numbered("best", self.best),
        }
        about = {"recipe": self.recipe, "history": [asdict(epoch) for epoch in self.history]}
        with _replaced(path) as partial, partial.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read ``path``.

        Raises:
            InputError: ``path`` is missing, or not a checkpoint.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                about = json.loads(str(archive["about"]))
                return cls(
                    recipe=about["recipe"],
                    history=tuple(Epoch(**epoch) for epoch in about["history"]),
                    weights=_counted(archive, "weight"),
                    optimizer=_counted(archive, "optimizer"),
                    best=_counted(archive, "best"),
                )
        except FileNotFoundError:
            raise InputError(f"`--resume` must find {str(path)!r}, which does not exist") from None
        except Exception:  # a damaged archive fails in any way it likes
            raise InputError(f"`--resume` must find a checkpoint in {str(path)!r}") from None


def checkpoint_path(out: Path) -> Path:
    """Give the path of the checkpoint of a training that is to write ``out``."""
    return out.with_name(out.name + ".checkpoint.npz")


def save_model(model: Any, out: Path) -> None:
    """Write a model to ``out``, a ``.keras`` or ``.h5`` file, replaced whole."""
    with _replaced(out) as partial, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "HDF5 is a legacy format"
        model.save(partial)


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


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Give a file to write, which takes the place of ``path`` when the block ends well."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _numbered(kind: str, arrays: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{kind}{i}": array for i, array in enumerate(arrays)}


def _counted(archive: Any, kind: str) -> list[NDArray[Any]]:
    count = sum(name.startswith(kind) for name in archive.files)
    return [archive[f"{kind}{i}"] for i in range(count)]
