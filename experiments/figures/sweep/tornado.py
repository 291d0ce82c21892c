"""A tornado: what each field does to the quantity when it alone changes from a base.

Fields with the greatest effect are on top. Bars run from the base's estimate to that of the value
written beside them; whiskers, and the band behind the base, are confidence intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from experiments.figures.colours import INK, RUST
from experiments.figures.sweep import marks
from experiments.figures.sweep.frame import empty, finish, grid
from experiments.figures.sweep.labels import legend
from experiments.figures.sweep.roles import is_numeric, varying
from experiments.figures.sweep.sensitivity import Effect, effects_of
from experiments.figures.sweep.settings import Settings
from experiments.figures.sweep.shown import Panel, Shown, all_shown, shown, split
from experiments.output.words import value_text, wrapped
from experiments.sweep.results import Axis, Point, Results
from experiments.sweep.table import Cell, row

_FILLS = {"low": "#7fb2d9", "high": INK, "other": "#b9b9b9"}
_MEANINGS = {"low": "field below base", "high": "field above base", "other": "another choice"}
_ROW_IN = 0.42
_ENDS_A_ROW = 2
"""So many bars fit below each other in a row of usual height."""
_NAME_LETTERS = 30


def figure(results: Results, settings: Settings) -> tuple[Figure, list[dict[str, Cell]]]:
    """Return the figure and the rows of its table.

    Raises :class:`~pimsim.errors.InputError` if no point, or more than one, can be the base.
    """
    fields = [axis for axis in varying(results) if axis not in settings.roles.panels]
    parts = split(results, settings.roles.panels, results.points)
    found = [effects_of(results, fields, part.points, settings.base) for part in parts]
    height_in = 0.9 + _ROW_IN * max(sum(map(_height, effects)) for _, effects, _ in found)
    size_in = (5.4 if len(parts) == 1 else 4.4, height_in)
    drawn, panels = grid(results, settings, size_in, share_y=False)
    rows: list[dict[str, Cell]] = []
    ranges: list[float] = []
    for (axes, _), (base, effects, _) in zip(panels, found, strict=True):
        middle = shown(results, base)
        rows.append(marks.tagged(row(results, base), "base"))
        if middle is None:
            axes.set_yticks([])
            empty(axes, "the base has no trials yet")
            continue
        ranges += [middle.low, middle.high]
        axes.axvspan(middle.low, middle.high, color="0.9", linewidth=0, zorder=0)
        axes.axvline(middle.estimate, color="0.25", linewidth=0.8, zorder=4)
        rows += _effects(axes, results, middle, effects)
        ends = all_shown(results, [point for effect in effects for point in effect.ends])
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
    axes: Axes, results: Results, middle: Shown, effects: Sequence[Effect]
) -> list[dict[str, Cell]]:
    """Draw the bars below each other; return their rows of the table."""
    rows = []
    top = 0.0
    ticks, names = [], []
    for effect in effects:
        height = _height(effect)
        centre = top + height / 2
        ticks.append(centre)
        names.append(_name(effect, middle.point))
        label = ", ".join(axis.field for axis in effect.axes)
        ends = [(point, shown(results, point)) for point in effect.ends]
        sides = [one.estimate - middle.estimate for _, one in ends if one is not None]
        one_bar = len(sides) == len(ends) <= 2 and (len(ends) == 1 or sides[0] * sides[1] < 0)
        thick = 0.62 if one_bar else (height - 0.3) / len(ends)
        for index, (point, one) in enumerate(ends):
            y = centre if one_bar else centre + (index - (len(ends) - 1) / 2) * thick
            kind = _kind(effect.axes[0], point, middle.point)
            rows.append(marks.tagged(row(results, point), kind, label))
            if one is None:
                axes.annotate(
                    f"{_value(effect.axes, point)}: no trials yet", (middle.estimate, y),
                    xytext=(4, 0), textcoords="offset points", va="center", fontsize=6.5,
                    color="0.4",
                )  # fmt: skip
            else:
                _bar(axes, one, middle, y, thick, kind, _value(effect.axes, point))
        top += height
    axes.set_yticks(ticks, names)
    axes.set_ylim(top, 0.0)
    return rows


def _bar(
    axes: Axes, one: Shown, middle: Shown, y: float, thick: float, kind: str, text: str
) -> None:
    axes.barh(
        y, one.estimate - middle.estimate, left=middle.estimate, height=thick, color=_FILLS[kind],
        linewidth=0.4, zorder=2,
    )  # fmt: skip
    axes.errorbar(
        one.estimate, y, xerr=([max(0.0, one.estimate - one.low)],
                               [max(0.0, one.high - one.estimate)]),
        color=RUST, elinewidth=1.0, capsize=2.0, capthick=1.0, zorder=3,
    )  # fmt: skip
    left = one.estimate < middle.estimate
    outer = min(one.low, middle.low) if left else max(one.high, middle.high)
    axes.annotate(
        wrapped(text, _NAME_LETTERS), (outer, y), xytext=(-4 if left else 4, 0),
        textcoords="offset points", ha="right" if left else "left", va="center", fontsize=6.5,
        zorder=5,
    )  # fmt: skip


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
