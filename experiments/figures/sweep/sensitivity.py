"""What each field does to a quantity: points that change one field at a time from a base.

The points of such a sweep are the base, and for every field the points that differ from the base
in that field alone. Fields that only ever change together (a zip) count as one. Points that change
several fields at once although these also change alone (a product) are left out.

>>> from experiments.sweep.results import Point, Quantity
>>> axes = (Axis("vdd_mv", "VDD", "mV", (1100, 1200, 1300)), Axis("c", "noise", "%", (0, 5)))
>>> points = tuple(
...     Point({"vdd_mv": vdd, "c": c}, 100, estimate, estimate - 0.01, estimate + 0.01)
...     for vdd, c, estimate in ((1200, 0, 0.9), (1100, 0, 0.7), (1300, 0, 0.92), (1200, 5, 0.85))
... )
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), axes, {}, points, {})
>>> base, effects, left_out = effects_of(results, axes, points, None)
>>> base.values["vdd_mv"], [(effect.axes[0].field, len(effect.ends)) for effect in effects]
(1200, [('vdd_mv', 2), ('c', 1)])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.figures.sweep.roles import is_numeric
from experiments.figures.sweep.shown import shown
from experiments.sweep.results import Axis, Point, Results, Value
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Effect:
    """Fields that change together, and the points at which they do."""

    axes: tuple[Axis, ...]
    ends: tuple[Point, ...]
    """Numbers: the least value and the greatest, where they are not the base's. Others: all."""

    def span(self, results: Results, base: Point) -> float:
        """Return how far the estimates lie apart, the base's among them; -1 without trials."""
        found = [one for point in self.ends if (one := shown(results, point)) is not None]
        middle = shown(results, base)
        numbers = [one.estimate for one in (*found, *([middle] if middle else []))]
        return max(numbers) - min(numbers) if found else -1.0


def effects_of(
    results: Results,
    axes: Sequence[Axis],
    points: Sequence[Point],
    stated: Mapping[str, Value] | None,
) -> tuple[Point, list[Effect], int]:
    """Return the base, the effects (greatest first), and how many points were left out.

    Args:
        results: of which ``points`` are a part.
        axes: the fields that vary.
        points: of one panel.
        stated: values of the base by field; those that are missing are the ones from which the
            fewest fields change.

    Raises :class:`~pimsim.errors.InputError` if no point, or more than one, can be the base.
    """
    base = _base(axes, points, stated or {})
    groups: dict[tuple[Axis, ...], list[Point]] = {}
    for point in points:
        changed = tuple(a for a in axes if point.values[a.field] != base.values[a.field])
        if changed:
            groups.setdefault(changed, []).append(point)
    alone = {
        changed: found
        for changed, found in groups.items()
        if not any(set(other) < set(changed) for other in groups)
    }
    effects = [Effect(changed, _ends(changed, found, base)) for changed, found in alone.items()]
    effects.sort(key=lambda effect: -effect.span(results, base))
    in_use = sum(len(effect.ends) for effect in effects)
    return base, effects, len(points) - 1 - in_use


def _base(axes: Sequence[Axis], points: Sequence[Point], stated: Mapping[str, Value]) -> Point:
    possible = [p for p in points if all(p.values[field] == v for field, v in stated.items())]
    if not possible:
        shown_base = ", ".join(f"{field} {value}" for field, value in stated.items())
        raise InputError(f"[figure]: `base` names no point of the sweep: {shown_base}")
    counts = {a.field: Counter(point.values[a.field] for point in points) for a in axes}
    # The fewer fields differ from a point in all others, the more often its values are found.
    alike = [sum(counts[a.field][point.values[a.field]] for a in axes) for point in possible]
    best = [point for point, count in zip(possible, alike, strict=True) if count == max(alike)]
    if len(best) > 1:
        missing = [a.field for a in axes if len({p.values[a.field] for p in best}) > 1]
        raise InputError(f"[figure]: `base` must give a value to {', '.join(missing)}")
    return best[0]


def _ends(changed: Sequence[Axis], points: Sequence[Point], base: Point) -> tuple[Point, ...]:
    """The points with the least and the greatest value of the first field, if these are numbers."""
    first = changed[0].field
    if not is_numeric([base.values[first], *(point.values[first] for point in points)]):
        return tuple(points)
    ordered = sorted(points, key=lambda point: point.values[first])
    below = [p for p in ordered if p.values[first] < base.values[first]]  # type: ignore[operator]
    above = [p for p in ordered if p.values[first] > base.values[first]]  # type: ignore[operator]
    return (*below[:1], *above[-1:])
