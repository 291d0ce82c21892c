"""Results of a sweep so far: axes, and an estimate with its interval at every point.

They are computed from a store, and shown by figures and tables, which do not use the store.

>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> axis.text
'process variation (%)'
>>> point = Point({"variation_percent": 10}, trials=3, estimate=97.0, low=96.0, high=98.0)
>>> quantity = Quantity("accuracy", "accuracy", "%", 100.0)
>>> results = Results("demo", quantity, (axis,), {}, (point,), {})
>>> results.point(variation_percent=10).reach
(1.0, 1.0)
>>> row(results, point)["accuracy_percent"]
97.0
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

Value = str | int | float | bool
"""A value of a field."""


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
    """Factor from a share of counts to that unit: 100 for percent."""

    def shown(self, share: float) -> float:
        """Return a share of counts in that unit, without rounding errors.

        >>> Quantity("accuracy", "accuracy", "%", 100.0).shown(0.29)
        29.0
        """
        return float(f"{share * self.scale:.15g}")

    @property
    def text(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Point:
    """Result at one point."""

    values: Mapping[str, Value]
    """Its value on every axis, by field."""
    trials: int
    """Trials so far; with 0 there is no estimate."""
    estimate: float = math.nan
    """The estimate in the unit in which the quantity is shown, like both ends of the interval."""
    low: float = math.nan
    """Lower end of the confidence interval."""
    high: float = math.nan
    """Upper end."""
    counts: Mapping[str, int] = field(default_factory=dict, kw_only=True)
    """Sums of the counts of all trials."""
    key: str = field(default="", kw_only=True)
    """Its key in a store."""
    also: tuple[float | None, ...] = field(default=(), kw_only=True)
    """Estimates of the other quantities of the sweep, :attr:`Results.also`."""
    following: Mapping[str, Value | None] = field(default_factory=dict, kw_only=True)
    """Fields that are not varied but differ between points, such as the banks of a part."""

    @property
    def numbers(self) -> tuple[float | None, float | None, float | None]:
        """Estimate and ends of its interval; None without trials."""
        return (self.estimate, self.low, self.high) if self.trials else (None, None, None)

    @property
    def reach(self) -> tuple[float, float]:
        """How far the interval reaches below the estimate, and above it."""
        return max(0.0, self.estimate - self.low), max(0.0, self.high - self.estimate)


@dataclass(frozen=True, slots=True)
class Results:
    """All points of a sweep."""

    name: str
    quantity: Quantity
    axes: tuple[Axis, ...]
    fixed: Mapping[str, Value]
    """Fields that are the same at all points."""
    points: tuple[Point, ...]
    """In the order of the specification."""
    assumptions: Mapping[str, Any]
    """Assumptions behind every number, for tables and captions; JSON values."""
    also: tuple[Quantity, ...] = ()
    """Other quantities from the same trials, such as the energy beside the time."""

    def point(self, **values: Value) -> Point:
        """Return the point at which every axis has that value; KeyError if there is none."""
        for point in self.points:
            if all(point.values[name] == value for name, value in values.items()):
                return point
        raise KeyError(values)


Cell = Value | None
"""A value of a table; None is an empty cell."""

_UNIT_WORDS = {"%": "percent", "°c": "celsius", "µ": "u", "ω": "ohm", "/": "_per_"}


def columns(results: Results) -> tuple[str, ...]:
    """Return the header: every axis, then estimate, interval and trials."""
    unit = results.quantity.unit
    return (
        *(with_unit(axis.field, axis.unit) for axis in results.axes),
        *(with_unit(name, unit) for name in (results.quantity.name, "low", "high")),
        "trials",
    )


def row(results: Results, point: Point) -> dict[str, Cell]:
    """Return the cells of a point by column."""
    places = (point.values[axis.field] for axis in results.axes)
    cells = (*places, *point.numbers, point.trials)
    return dict(zip(columns(results), cells, strict=True))


def with_unit(name: str, unit: str) -> str:
    """Return ``name`` with the unit behind it as a word, unless it ends with that.

    >>> with_unit("throughput", "images/s"), with_unit("temperature", "°C")
    ('throughput_images_per_s', 'temperature_celsius')
    >>> with_unit("vdd_mv", "mV")
    'vdd_mv'
    """
    word = unit.lower()
    for sign, replacement in _UNIT_WORDS.items():
        word = word.replace(sign, replacement)
    word = re.sub(r"[^a-z0-9]+", "_", word).strip("_")
    return name if not word or f"_{name}".endswith(f"_{word}") else f"{name}_{word}"
