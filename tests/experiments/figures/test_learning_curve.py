from __future__ import annotations

import csv
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bnn.training.card import Epoch
from experiments.figures.learning_curve import draw, paths

HISTORY = [
    Epoch(1, 0.9, 0.7, 0.6, 1.5, 0.01, 0.8, 0.65),
    Epoch(2, 0.5, 0.8, 0.7, 1.25, 0.005, 0.6, 0.75),
    Epoch(3, 0.4, 0.9, 0.75, 1.0, 0.0025, 0.7, 0.7),
]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_figure_and_table_lie_beside_the_model(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"net.v2{suffix}"
    assert draw("net", HISTORY, out) == paths(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "net.v2.curve.csv", "net.v2.curve.png",
    ]  # fmt: skip


def test_the_table_holds_every_epoch_as_recorded(tmp_path: Path) -> None:
    _, table = draw("net", HISTORY, tmp_path / "net.keras")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    read = [{name: float(cell) for name, cell in row.items()} for row in rows]
    assert read == [asdict(epoch) for epoch in HISTORY]


def test_columns_that_were_not_recorded_are_left_out(tmp_path: Path) -> None:
    bare = [
        replace(one, learning_rate=None, validation_loss=None, validation_accuracy=None)
        for one in HISTORY[:1]
    ]
    _, table = draw("net", bare, tmp_path / "net.keras")
    assert table.read_text().splitlines()[0] == "epoch,loss,train_accuracy,test_accuracy,wall_s"
