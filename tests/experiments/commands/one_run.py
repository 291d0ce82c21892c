"""A run of digits-mlp and one that takes less, for tests of what a run promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODELS = Path(__file__).parents[2] / "saved_models"
FILES = ("comparison.csv", "comparison.png", "layers.csv", "layers.png", "logits.npy")
KINDS = ("AAP", "AP", "ACT", "PRE", "RD", "WR", "REF", "TRANSFER")

Report = dict[str, Any]
Parse = Callable[[str], Report]
Pimsim = Callable[..., Report]


@dataclass(frozen=True)
class Run:
    """A run of digits-mlp that wrote its results."""

    folder: Path
    report: Report
    logits: NDArray[np.float32]
    wall_s: float


def small(*argv: str) -> tuple[str | Path, ...]:
    """A network of 100, 37, 50 and 10 values, and 24 images without labels."""
    return (MODELS / "mlp.h5", "--data", MODELS / "mlp.npz", *argv)


def without_wall(report: Report) -> Report:
    """The report without what a clock on the wall says."""
    layers = [{k: v for k, v in layer.items() if k != "wall_s"} for layer in report["layers"]]
    return {**report, "wall_s": None, "layers": layers}
