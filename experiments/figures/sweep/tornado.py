"""A tornado chart: how the quantity changes when one field alone changes from a base.

Fields with the greatest effect are on top. A bar runs from the base's estimate to the estimate at
the value that is written beside it. Whiskers, and the band behind the base, are confidence
intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from experiments.figures.style import INK, RUST, note
from experiments.figures.sweep.chart import tagged
from experiments.figures.sweep.frame import empty, finish, grid, legend
from experiments.figures.sweep.roles import (
    Panel,
    is_numeric,
    split,
    tried,
    varying,
)
from experiments.figures.sweep.settings import Settings
from experiments.output.words import value_text, wrapped
from experiments.sweep.results import Axis, Cell, Point, Results, Value, row
from pimsim.errors import InputError

_FILLS = {"low": "#7fb2d9", "high": INK, "other": "#b9b9b9"}
_MEANINGS = {"low": "field below base", "high": "field above base", "other": "another choice"}
_ROW_IN = 0.42
_ENDS_A_ROW = 2
"""So many bars fit below each other in a row of usual height."""
_NAME_LETTERS = 30
_SMALL: Mapping[str, Any] = {"va": "center", "fontsize": 6.5}


def figure(results: Results, settings: Settings) -> tuple[Figure, list[dict[str, Cell]]]:
    """Return the figure and the rows of its table.

    Raises :class:`~pimsim.errors.InputError` if no point, or more than one, can be the base.
    """
    fields = [axis for axis in varying(results) if axis not in settings.roles.panels]
    parts = split(results, settings.roles.panels, results.points)
    found = [effects_of(fields, part.points, settings.base) for part in parts]
    height_in = 0.9 + _ROW_IN * max(sum(map(_height, effects)) for _, effects, _ in found)
    size_in = (5.4 if len(parts) == 1 else 4.4, height_in)
    drawn, panels = grid(results, settings, size_in, share_y=False)
    rows: list[dict[str, Cell]] = []
    ranges: list[float] = []
    for (axes, _), (base, effects, _) in zip(panels, found, strict=True):
        rows.append(tagged(row(results, base), "base"))
        if not base.trials:
            axes.set_yticks([])
            empty(axes, "the base has no trials yet")
            continue
        ranges += [base.low, base.high]
        axes.axvspan(base.low, base.high, color="0.9", linewidth=0, zorder=0)
        axes.axvline(base.estimate, color="0.25", linewidth=0.8, zorder=4)
        rows += _effects(axes, results, base, effects)
        ends = tried([point for effect in effects for point in effect.ends])
        ranges += [number for one in ends for number in (one.low, one.high)]
    _scale(panels, results, settings, ranges)
    kinds = {str(one["what"]) for one in rows}
    entries = [
        Patch(facecolor=fill, label=_MEANINGS[kind])
        for kind, fill in _FILLS.items()
        if kind in kinds
    ]
    legend(drawn, "", entries)
    left_out = sum(count for _, _, count in found)
    notes = ["the line and band in grey: the base and its interval"]
    if left_out:
        notes.append(f"{left_out} points that change several fields, or lie between, left out")
    title = f"What changes {results.quantity.label}"
    return finish(drawn, results, settings, title, notes), rows


def _height(effect: Effect) -> float:
    return max(1.0, len(effect.ends) / _ENDS_A_ROW)


def _effects(
    axes: Axes, results: Results, base: Point, effects: Sequence[Effect]
) -> list[dict[str, Cell]]:
    """Draw the bars below each other; return their rows of the table."""
    rows = []
    top = 0.0
    ticks, names = [], []
    for effect in effects:
        height = _height(effect)
        centre = top + height / 2
        ticks.append(centre)
        names.append(_name(effect, base))
        label = ", ".join(axis.field for axis in effect.axes)
        ends = effect.ends
        sides = [one.estimate - base.estimate for one in tried(ends)]
        one_bar = len(sides) == len(ends) <= 2 and (len(ends) == 1 or sides[0] * sides[1] < 0)
        thick = 0.62 if one_bar else (height - 0.3) / len(ends)
        for index, point in enumerate(ends):
            y = centre if one_bar else centre + (index - (len(ends) - 1) / 2) * thick
            kind = _kind(effect.axes[0], point, base)
            rows.append(tagged(row(results, point), kind, label))
            if not point.trials:
                text = f"{_value(effect.axes, point)}: no trials yet"
                note(axes, text, (base.estimate, y), (4, 0), color="0.4", **_SMALL)
            else:
                _bar(axes, point, base, y, thick, kind, _value(effect.axes, point))
        top += height
    axes.set_yticks(ticks, names)
    axes.set_ylim(top, 0.0)
    return rows


def _bar(axes: Axes, one: Point, base: Point, y: float, thick: float, kind: str, text: str) -> None:
    axes.barh(
        y, one.estimate - base.estimate, left=base.estimate, height=thick, color=_FILLS[kind],
        linewidth=0.4, zorder=2,
    )  # fmt: skip
    axes.errorbar(
        one.estimate, y, xerr=[[end] for end in one.reach],
        color=RUST, elinewidth=1.0, capsize=2.0, capthick=1.0, zorder=3,
    )  # fmt: skip
    left = one.estimate < base.estimate
    outer = min(one.low, base.low) if left else max(one.high, base.high)
    name, shift = wrapped(text, _NAME_LETTERS), (-4 if left else 4, 0)
    note(axes, name, (outer, y), shift, ha="right" if left else "left", zorder=5, **_SMALL)


def _kind(axis: Axis, point: Point, base: Point) -> str:
    value, middle = point.values[axis.field], base.values[axis.field]
    if isinstance(value, str) or isinstance(middle, str) or not is_numeric([value, middle]):
        return "other"
    return "low" if value < middle else "high"


def _value(axes: Sequence[Axis], point: Point) -> str:
    return ", ".join(value_text(point.values[axis.field]) for axis in axes)


def _name(effect: Effect, base: Point) -> str:
    name = wrapped(" and ".join(axis.text for axis in effect.axes), _NAME_LETTERS)
    return name + "\n" + wrapped(f"base: {_value(effect.axes, base)}", _NAME_LETTERS)


def _scale(
    panels: Sequence[tuple[Axes, Panel]], results: Results, settings: Settings,
    ranges: Sequence[float],
) -> None:  # fmt: skip
    low, high = min(ranges, default=0.0), max(ranges, default=1.0)
    room = 0.16 * (high - low) or 0.05 * abs(high) or 1.0  # for the values beside the bars
    for axes, _ in panels:
        axes.set_xlim(*(settings.limits or (low - room, high + room)))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.grid(visible=True)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelbottom=True)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(wrapped(results.quantity.text, 44))


@dataclass(frozen=True, slots=True)
class Effect:
    """Fields that change together, and the points at which they do."""

    axes: tuple[Axis, ...]
    ends: tuple[Point, ...]
    """Points: for numbers the least and greatest value, without the base's; otherwise all."""

    def span(self, base: Point) -> float:
        """Return the range of the estimates, that of the base included; -1 without trials."""
        found = tried(self.ends)
        numbers = [one.estimate for one in (*found, *tried([base]))]
        return max(numbers) - min(numbers) if found else -1.0


def effects_of(
    axes: Sequence[Axis], points: Sequence[Point], stated: Mapping[str, Value] | None
) -> tuple[Point, list[Effect], int]:
    """Return the base, the effects (greatest first), and how many points were left out.

    Included are the base, and for every field the points that differ from it in that field alone.
    Fields that always change together (a zip) count as one. Points that change several fields at
    once, although these also change alone (a product), are left out.

    >>> axes = (Axis("vdd_mv", "VDD", "mV", (1100, 1200)), Axis("c", "noise", "%", (0, 5)))
    >>> points = tuple(
    ...     Point({"vdd_mv": vdd, "c": c}, 100, estimate, estimate - 0.01, estimate + 0.01)
    ...     for vdd, c, estimate in ((1200, 0, 0.9), (1100, 0, 0.7), (1200, 5, 0.85))
    ... )
    >>> base, effects, left_out = effects_of(axes, points, None)
    >>> base.values["vdd_mv"], [(effect.axes[0].field, len(effect.ends)) for effect in effects]
    (1200, [('vdd_mv', 1), ('c', 1)])

    Args:
        axes: the fields that vary.
        points: of one panel.
        stated: values of the base by field; a missing value is the one that most points have.

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
    effects.sort(key=lambda effect: -effect.span(base))
    in_use = sum(len(effect.ends) for effect in effects)
    return base, effects, len(points) - 1 - in_use


def _base(axes: Sequence[Axis], points: Sequence[Point], stated: Mapping[str, Value]) -> Point:
    possible = [p for p in points if all(p.values[field] == v for field, v in stated.items())]
    if not possible:
        shown_base = ", ".join(f"{field} {value}" for field, value in stated.items())
        raise InputError(f"[figure]: `base` names no point of the sweep: {shown_base}")
    counts = {a.field: Counter(point.values[a.field] for point in points) for a in axes}
    # The fewer fields differ between a point and all others, the more often its values occur.
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
