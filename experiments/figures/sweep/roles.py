"""The role of each axis of a sweep in a figure, and the points of each panel and line.

A role that the specification leaves open is chosen here: the numeric axis with the most values runs
along x. An axis that changes only together with another one (a zip) needs no role of its own.

>>> from experiments.sweep.results import Point, Quantity
>>> axes = (Axis("rows", "rows", "", ("few", "many")), Axis("p", "noise", "%", (0, 1, 2)))
>>> points = tuple(
...     Point({"rows": rows, "p": p}, 0)
...     for rows in ("few", "many") for p in (0, 1, 2)
... )
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), axes, {}, points, {})
>>> likely_kind(results)
'lines'
>>> roles = assign(results, "lines", {})
>>> roles.x.field, [axis.field for axis in roles.lines], roles.panels
('p', ['rows'], ())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.output.words import named
from experiments.sweep.results import Axis, Point, Results, Value
from pimsim.errors import InputError

_MAP_FROM = 4
"""Two numeric axes with this many values each become a heat map by default."""
_LINES_AT_MOST = 8
"""Up to this many combinations are lines of one panel by default."""
_PANELS_AT_MOST = 64


@dataclass(frozen=True, slots=True)
class Roles:
    """The axes by role."""

    x: Axis | None
    y: Axis | None
    """The vertical axis of a heat map."""
    lines: tuple[Axis, ...]
    """One line (or one bar of a group) for every combination of their values."""
    panels: tuple[Axis, ...]
    """One panel for every combination of their values."""
    along: tuple[Axis, ...]
    """These vary too, but only together with others."""


def used(axis: Axis, points: Sequence[Point]) -> tuple[Value, ...]:
    """Return the values that ``points`` have; numbers ascend, others as in the specification."""
    found = list(dict.fromkeys(point.values[axis.field] for point in points))
    if is_numeric(found):
        return tuple(sorted(found))
    order = list(axis.values)
    return tuple(sorted(found, key=lambda v: order.index(v) if v in order else len(order)))


def is_numeric(values: Sequence[Value]) -> bool:
    """Whether all are numbers (truth values are none)."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def varying(results: Results) -> list[Axis]:
    """Return the axes that have more than one value."""
    return [axis for axis in results.axes if len(used(axis, results.points)) > 1]


def likely_kind(results: Results, panels: Sequence[Axis] = ()) -> str:
    """Return the kind of figure that suits the axes, without those of ``panels``.

    It is ``lines``, ``heatmap`` or ``bars``.
    """
    free = _independent(varying(results), results, first=panels)
    numeric = [axis for axis in free if is_numeric(used(axis, results.points))]
    if len(free) == len(numeric) == 2 and all(
        len(used(axis, results.points)) >= _MAP_FROM for axis in free
    ):
        return "heatmap"
    if not free:
        rest = [axis for axis in results.axes if axis not in panels]
        return "lines" if any(is_numeric(used(axis, results.points)) for axis in rest) else "bars"
    return "lines" if numeric else "bars"


def assign(results: Results, kind: str, asked: Mapping[str, Sequence[Axis]]) -> Roles:
    """Return the roles of the axes in a figure of that kind.

    ``asked`` has the axes that the specification names, by role: ``x``, ``y``, ``lines``,
    ``panels``.

    Raises :class:`~pimsim.errors.InputError` if the kind needs more axes than there are, an axis
    is asked for twice, or too many panels are left.
    """
    _require_once(asked)
    chosen = [axis for axes in asked.values() for axis in axes]
    pool = [axis for axis in results.axes if axis not in chosen]
    free = _independent(varying(results), results, first=chosen)
    x: Axis | None = None
    y: Axis | None = None
    lines = tuple(asked.get("lines", ()))
    panels = tuple(asked.get("panels", ()))
    if kind != "tornado":
        x = asked["x"][0] if "x" in asked else _main(free or pool, results, kind)
        free = _dropped(free, x, results)
        pool = [axis for axis in pool if axis != x]
    if kind == "heatmap":
        y = asked["y"][0] if "y" in asked else _main(free or pool, results, kind)
        if x is None or y is None:
            raise InputError(f"a heat map needs two axes; the sweep has {len(results.axes)}")
        free = _dropped(free, y, results)
    elif kind == "lines" and x is None:
        raise InputError("a figure of lines needs an axis; the sweep has none")
    elif kind == "tornado" and not free:
        raise InputError("a tornado needs an axis with several values; the sweep has none")
    if kind == "heatmap" or "lines" in asked:
        panels += tuple(free)
    elif "panels" in asked and kind != "tornado":
        lines = tuple(free)
    elif kind == "bars" or (kind == "lines" and _combinations(free, results) > _LINES_AT_MOST):
        lines, panels = tuple(free[:1]), tuple(free[1:])
    elif kind == "lines":
        lines = tuple(free)
    if _combinations(panels, results) > _PANELS_AT_MOST:
        raise InputError(
            f"`panels` must leave at most {_PANELS_AT_MOST} panels, not "
            f"{_combinations(panels, results)} ({', '.join(axis.field for axis in panels)})"
        )
    placed = {axis.field for axis in (x, y, *lines, *panels) if axis is not None}
    along = [axis for axis in varying(results) if axis.field not in placed]
    return Roles(x, y, lines, panels, () if kind == "tornado" else tuple(along))


def _require_once(asked: Mapping[str, Sequence[Axis]]) -> None:
    seen: dict[str, str] = {}
    for role, field in ((role, axis.field) for role, axes in asked.items() for axis in axes):
        if field in seen:
            raise InputError(
                f"`{role}` must be an axis that has no place yet, not `{field}`, "
                f"which `{seen[field]}` names"
            )
        seen[field] = role


def _main(free: Sequence[Axis], results: Results, kind: str) -> Axis | None:
    """The axis for the next role: a numeric one (for bars: not numeric) with most values."""
    return max(
        free,
        key=lambda axis: (
            is_numeric(used(axis, results.points)) != (kind == "bars"),
            len(used(axis, results.points)) * (kind != "bars"),
        ),
        default=None,
    )


def _dropped(free: Sequence[Axis], placed: Axis | None, results: Results) -> list[Axis]:
    """``free`` without ``placed`` and without what changes only together with it."""
    return [
        axis
        for axis in free
        if axis != placed and not (placed and _determines(placed, axis, results.points))
    ]


def _independent(axes: Sequence[Axis], results: Results, first: Sequence[Axis] = ()) -> list[Axis]:
    """Leave out axes that change only together with an earlier one; numeric axes come first."""
    order = sorted(axes, key=lambda axis: not is_numeric(used(axis, results.points)))
    kept = list(first)
    for axis in order:
        if axis in kept or any(_determines(other, axis, results.points) for other in kept):
            continue
        kept.append(axis)
    return [axis for axis in axes if axis in kept and axis not in first]


def _determines(axis: Axis, other: Axis, points: Sequence[Point]) -> bool:
    """Whether ``other`` has one value for every value of ``axis``."""
    pairs = {(point.values[axis.field], point.values[other.field]) for point in points}
    return len(pairs) == len({value for value, _ in pairs})


def _combinations(axes: Sequence[Axis], results: Results) -> int:
    return len({tuple(point.values[axis.field] for axis in axes) for point in results.points})


@dataclass(frozen=True, slots=True)
class Panel:
    """The points of one panel, or of one line, and the values that they share."""

    title: str
    values: tuple[Value, ...]
    points: tuple[Point, ...]


def tried(points: Sequence[Point]) -> list[Point]:
    """Return those of ``points`` that have trials."""
    return [point for point in points if point.trials]


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
