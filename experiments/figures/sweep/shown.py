"""Points of a sweep as they are shown: scaled to the unit of the figure, panel by panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.figures.sweep.roles import used
from experiments.output.words import named
from experiments.sweep.results import Axis, Point, Results, Value
from experiments.sweep.table import scaled


@dataclass(frozen=True, slots=True)
class Shown:
    """A point that has trials; numbers in the shown unit."""

    point: Point
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """The points of one panel, or of one line, and the values that they share."""

    title: str
    values: tuple[Value, ...]
    points: tuple[Point, ...]


def shown(results: Results, point: Point) -> Shown | None:
    """Return the point in the shown unit, or None if it has no trials yet."""
    numbers = [scaled(results.quantity, n) for n in (point.estimate, point.low, point.high)]
    estimate, low, high = numbers
    if estimate is None or low is None or high is None:
        return None
    return Shown(point, estimate, low, high)


def all_shown(results: Results, points: Sequence[Point]) -> list[Shown]:
    """Return those of ``points`` that have trials."""
    return [one for point in points if (one := shown(results, point)) is not None]


def split(results: Results, axes: Sequence[Axis], points: Sequence[Point]) -> list[Panel]:
    """Return ``points`` by the values of ``axes``, in order; all in one if there are no axes."""
    order = [used(axis, results.points) for axis in axes]
    groups: dict[tuple[Value, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple(point.values[axis.field] for axis in axes), []).append(point)
    keys = sorted(
        groups,
        key=lambda key: [values.index(v) for values, v in zip(order, key, strict=True)],
    )
    return [
        Panel(
            ", ".join(named(axis, value) for axis, value in zip(axes, key, strict=True)),
            key,
            tuple(groups[key]),
        )
        for key in keys
    ]
