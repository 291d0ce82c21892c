"""What a sweep has found, read back from its ``results.json``.

>>> point = {"values": {"variation_percent": 10.0}, "trials": 3, "estimate": 97.0, "low": 96.0,
...          "high": 98.0}
>>> axis = {"field": "variation_percent", "label": "process variation", "unit": "%",
...         "values": [10.0]}
>>> found = Found({"name": "demo", "quantity": {"name": "accuracy", "label": "accuracy",
...                "unit": "%"}, "axes": [axis], "points": [point], "fixed": [], "assumptions": {}})
>>> found.at(variation_percent=10), found.text(variation_percent=10)
(97.0, '97.0 (96.0 to 98.0)')
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pimsim.errors import InputError

Value = str | int | float | bool


class Found:
    """Points of a sweep, in the unit in which they are shown."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.points: Sequence[Mapping[str, Any]] = document["points"]

    @classmethod
    def read(cls, path: Path) -> Found:
        """Return what stands in a file; raises InputError if it is none of a sweep."""
        try:
            return cls(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} is no result of a sweep: {error}") from error

    @property
    def name(self) -> str:
        """Of the sweep."""
        return str(self.document["name"])

    @property
    def heading(self) -> str:
        """Name and unit of what was measured."""
        quantity = self.document["quantity"]
        return f"{quantity['label']} ({quantity['unit']})"

    @property
    def trials(self) -> int:
        """Fewest trials of a point."""
        return min(int(point["trials"]) for point in self.points)

    def values(self, field: str) -> list[Any]:
        """Return the values of an axis."""
        return list(next(a for a in self.document["axes"] if a["field"] == field)["values"])

    def point(self, **values: Value) -> Mapping[str, Any]:
        """Return the first point with these values; KeyError if there is none."""
        for point in self.points:
            if all(point["values"].get(name) == value for name, value in values.items()):
                return point
        raise KeyError(f"{self.name} has no point {values}")

    def at(self, **values: Value) -> float:
        """Return the estimate at a point."""
        return float(self.point(**values)["estimate"])

    def text(self, **values: Value) -> str:
        """Return estimate and interval at a point."""
        point = self.point(**values)
        return interval(point)

    def fixed(self, field: str) -> Any:
        """Return what a field was fixed to; KeyError if it was not."""
        return {one["field"]: one["value"] for one in self.document["fixed"]}[field]


def interval(point: Mapping[str, Any]) -> str:
    """Return estimate and interval as text."""
    return f"{number(point['estimate'])} ({number(point['low'])} to {number(point['high'])})"


def number(value: float) -> str:
    """Return a percentage with as many digits as it deserves.

    >>> number(97.123), number(0.4321), number(0.0), number(1.2e-7)
    ('97.1', '0.43', '0', '1.2e-07')
    """
    if value == 0:
        return "0"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def crossing(xs: Sequence[float], ys: Sequence[float], level: float) -> float | None:
    """Return where a falling line first reaches a level; None if it never does.

    >>> crossing([0, 10, 20], [98, 98, 78], 97)
    10.5
    """
    for (x0, y0), (x1, y1) in zip(zip(xs, ys, strict=True), list(zip(xs, ys, strict=True))[1:],
                                  strict=False):  # fmt: skip
        if y0 >= level > y1:
            return x0 + (x1 - x0) * (y0 - level) / (y0 - y1)
    return None
