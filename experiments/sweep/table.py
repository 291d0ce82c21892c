"""The results of a sweep as rows of a table, with the unit in each header.

>>> from experiments.sweep.results import Axis, Point, Quantity, Results
>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> points = (
...     Point({"variation_percent": 0}, 200, 0.97, 0.94, 0.99),
...     Point({"variation_percent": 10}, 0, None, None, None),
... )
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), (axis,), {}, points, {})
>>> columns(results)
('variation_percent', 'accuracy_percent', 'low_percent', 'high_percent', 'trials')
>>> list(row(results, points[0]).values())
[0, 97.0, 94.0, 99.0, 200]
"""

from __future__ import annotations

import re

from experiments.sweep.results import Axis, Point, Quantity, Results, Value

Cell = Value | None
"""A value of a table; None is an empty cell."""

_UNIT_WORDS = {"%": "percent", "°c": "celsius", "µ": "u", "ω": "ohm", "/": "_per_"}


def columns(results: Results) -> tuple[str, ...]:
    """Return the header: every axis, then estimate, interval and trials."""
    unit = results.quantity.unit
    return (
        *(column(axis) for axis in results.axes),
        with_unit(results.quantity.name, unit),
        with_unit("low", unit),
        with_unit("high", unit),
        "trials",
    )


def row(results: Results, point: Point) -> dict[str, Cell]:
    """Return the cells of a point by column; estimate and interval in the shown unit."""
    quantity = results.quantity
    cells = (
        *(point.values[axis.field] for axis in results.axes),
        *(scaled(quantity, number) for number in (point.estimate, point.low, point.high)),
        point.trials,
    )
    return dict(zip(columns(results), cells, strict=True))


def scaled(quantity: Quantity, number: float | None) -> float | None:
    """Return an estimate in the shown unit, without the noise of the multiplication.

    >>> scaled(Quantity("accuracy", "accuracy", "%", 100.0), 0.29)
    29.0
    """
    return None if number is None else float(f"{number * quantity.scale:.15g}")


def column(axis: Axis) -> str:
    """Return the header of an axis: its field, which mostly names the unit already.

    >>> column(Axis("vdd_mv", "supply", "mV", (1200,)))
    'vdd_mv'
    >>> column(Axis("temperature", "temperature", "°C", (45,)))
    'temperature_celsius'
    """
    return with_unit(axis.field, axis.unit)


def with_unit(name: str, unit: str) -> str:
    """Return ``name`` with the unit behind it as a word, unless it ends with that.

    >>> with_unit("throughput", "images/s")
    'throughput_images_per_s'
    """
    word = unit.lower()
    for sign, replacement in _UNIT_WORDS.items():
        word = word.replace(sign, replacement)
    word = re.sub(r"[^a-z0-9]+", "_", word).strip("_")
    return name if not word or f"_{name}".endswith(f"_{word}") else f"{name}_{word}"
