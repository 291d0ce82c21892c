"""What a sweep has found so far: axes, and an estimate with its interval at every point.

A store makes them, figures and tables show them; neither knows the other.

>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> axis.text
'process variation (%)'
>>> point = Point({"variation_percent": 10}, trials=3, estimate=0.97, low=0.96, high=0.98)
>>> quantity = Quantity("accuracy", "accuracy", "%", 100.0)
>>> results = Results("demo", quantity, (axis,), {}, (point,), {})
>>> results.at(variation_percent=10).estimate
0.97
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool
"""What a field of a sweep can be set to."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A field that a sweep varies."""

    field: str
    """Its name in a specification, such as ``variation_percent``."""
    label: str
    """What it is, for people."""
    unit: str
    """Unit of the values; empty if they have none."""
    values: tuple[Value, ...]
    """In the order of the specification."""

    @property
    def text(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured."""

    name: str
    """Such as ``accuracy``."""
    label: str
    """What it is, for people."""
    unit: str
    """Unit in which it is shown."""
    scale: float
    """What an estimate is multiplied by to be shown in that unit: 100 for a share in percent."""

    @property
    def text(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Point:
    """What was found at one point."""

    values: Mapping[str, Value]
    """By field, one for every axis."""
    trials: int
    """Trials so far; 0 if there is nothing yet, and all numbers are None."""
    estimate: float | None
    low: float | None
    """Lower end of the confidence interval."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True)
class Results:
    """All points of a sweep."""

    name: str
    quantity: Quantity
    axes: tuple[Axis, ...]
    fixed: Mapping[str, Value]
    """Fields that are the same everywhere."""
    points: tuple[Point, ...]
    """In the order of the specification."""
    assumptions: Mapping[str, Any]
    """What every number rests on, for a table or a caption; JSON values."""

    def at(self, **values: Value) -> Point:
        """Return the point at which every axis has that value; KeyError if there is none."""
        for point in self.points:
            if all(point.values[name] == value for name, value in values.items()):
                return point
        raise KeyError(values)
