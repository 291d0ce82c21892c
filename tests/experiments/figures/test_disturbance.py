"""The figure of read disturbance shows every row of the subarray in most danger."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib.image import imread

from experiments.figures import disturbance


def test_rows_and_table_are_those_of_the_report(tmp_path: Path) -> None:
    rows = [f"D{number}" for number in range(40)]
    found = {
        "chip": {"name": "x", "hc_double_sided": 50, "hc_single_sided": 90},
        "window_ps": 64e9,
        "subarray": {
            "bank": 3, "subarray": 1, "rows": rows, "activations": list(range(40)),
            "pair": [0] * 40, "one": [200, *range(39)],
        },
    }  # fmt: skip
    picture, table = disturbance.draw("tiny", found, tmp_path)
    assert imread(picture).shape[1] > 500
    with table.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["row"] for row in read] == rows
    assert [int(row["one"]) for row in read] == [200, *range(39)]


def test_nothing_activated_is_no_figure(tmp_path: Path) -> None:
    assert disturbance.draw("tiny", {"subarray": None}, tmp_path) == ()
    assert not list(tmp_path.iterdir())
