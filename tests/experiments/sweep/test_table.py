"""The table of a sweep: full precision, units in the header, nothing for what is not there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from experiments.sweep import table
from experiments.sweep.results import Axis, Point, Quantity, Results

AXES = (
    Axis("network", "network", "", ("mnist-mlp",)),
    Axis("temperature", "temperature", "°C", (25, 85.5)),
)
POINTS = (
    Point({"network": "mnist-mlp", "temperature": 25}, 12_345, 0.29, 0.1 + 0.2, 1 / 3),
    Point({"network": "mnist-mlp", "temperature": 85.5}, 0, None, None, None),
)
RESULTS = Results(
    "hot", Quantity("accuracy", "accuracy", "%", 100.0), AXES, {"banks": 8}, POINTS, {"faw": True}
)


def test_csv_has_units_in_its_header_and_every_digit(tmp_path: Path) -> None:
    path = table.write_csv(RESULTS, tmp_path / "points.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["network", "temperature_celsius", "accuracy_percent", "low_percent", "high_percent",
         "trials"],
        ["mnist-mlp", "25", "29.0", "30.0", "33.3333333333333", "12345"],
        ["mnist-mlp", "85.5", "", "", "", "0"],
    ]  # fmt: skip


def test_the_terminal_shows_every_point_and_what_it_rests_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table.show(RESULTS)
    shown = capsys.readouterr().out
    for words in ("hot", "temperature (°C)", "accuracy (%)", "29", "33.333", "12,345", "85.5",
                  "banks 8, faw on"):  # fmt: skip
        assert words in shown


@pytest.mark.parametrize(
    ("name", "unit", "header"),
    [
        ("vdd_mv", "mV", "vdd_mv"),
        ("accuracy", "%", "accuracy_percent"),
        ("variation_percent", "%", "variation_percent"),
        ("celsius", "°C", "celsius"),
        ("rate", "1/s", "rate_1_per_s"),
        ("wait", "µs", "wait_us"),
        ("banks", "", "banks"),
    ],
)
def test_a_header_ends_with_the_unit_once(name: str, unit: str, header: str) -> None:
    assert table.with_unit(name, unit) == header
