"""The table of a sweep: full precision, units in the header, nothing for what is not there."""

from __future__ import annotations

import pytest

from experiments.sweep import results
from experiments.sweep.results import Axis, Point, Quantity, Results

AXES = (
    Axis("network", "network", "", ("mnist-mlp",)),
    Axis("temperature", "temperature", "°C", (25, 85.5)),
)
ACCURACY = Quantity("accuracy", "accuracy", "%", 100.0)
POINTS = (
    Point(
        {"network": "mnist-mlp", "temperature": 25},
        12_345,
        *map(ACCURACY.shown, (0.29, 0.1 + 0.2, 1 / 3)),
    ),
    Point({"network": "mnist-mlp", "temperature": 85.5}, 0),
)
RESULTS = Results("hot", ACCURACY, AXES, {"banks": 8}, POINTS, {"faw": True})


def test_rows_have_units_in_their_header_and_every_digit() -> None:
    assert [results.row(RESULTS, point) for point in POINTS] == [
        {
            "network": "mnist-mlp",
            "temperature_celsius": 25,
            "accuracy_percent": 29.0,
            "low_percent": 30.0,
            "high_percent": 33.3333333333333,
            "trials": 12345,
        },
        {
            "network": "mnist-mlp",
            "temperature_celsius": 85.5,
            "accuracy_percent": None,
            "low_percent": None,
            "high_percent": None,
            "trials": 0,
        },
    ]


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
    assert results.with_unit(name, unit) == header
