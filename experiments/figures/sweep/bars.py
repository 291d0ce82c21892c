"""Bars with intervals for axes of names: mitigations, layers, networks.

Bars begin at zero. Where all numbers are so far from zero that bars would look alike, and on a
logarithmic axis, points stand in their place, for a bar that begins elsewhere misleads. Where
names are long they stand beside bars that lie.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from experiments.figures.colours import Look
from experiments.figures.sweep import marks, scales
from experiments.figures.sweep.frame import empty, finish, grid, outer_labels
from experiments.figures.sweep.labels import key_text, legend, looks_of
from experiments.figures.sweep.roles import used
from experiments.figures.sweep.settings import Settings
from experiments.figures.sweep.shown import Panel, Shown, all_shown, shown, split
from experiments.output.words import decimals, rounded, value_text
from experiments.sweep.results import Results, Value
from experiments.sweep.table import Cell, row

_FAR = 0.6
"""Bars that all reach at least this share of the longest are points instead."""
_WIDTH = 0.84
_BAR_IN = 0.24
_NUMBERS_FROM_IN = 0.34
"""Upright bars at least as wide carry their number."""
_LONG_NAME = 11


def figure(results: Results, settings: Settings) -> tuple[Figure, list[dict[str, Cell]]]:
    """Return the figure and the rows of its table."""
    roles = settings.roles
    groups: tuple[Value, ...] = used(roles.x, results.points) if roles.x else ("",)
    keys = [one.values for one in split(results, roles.lines, results.points)]
    styles = looks_of(roles.lines, keys)
    lying = len(groups) > 3 and max(len(value_text(group)) for group in groups) > _LONG_NAME
    size_in = _size_in(len(groups), len(keys), lying=lying)
    drawn, panels = grid(results, settings, size_in)
    everything = all_shown(results, results.points)
    log, dots = _shape(everything, settings)
    places = None if log else decimals([(one.high - one.low) / 2 for one in everything])
    bar_in = (size_in[0] - 0.7) * _WIDTH
    numbers = lying or bar_in / (len(groups) * len(keys)) >= _NUMBERS_FROM_IN
    rows: list[dict[str, Cell]] = []
    ranges = [] if dots else [0.0]
    levels: list[marks.Line] = []
    for axes, panel in panels:
        scales.scale_y(axes, [one.estimate for one in everything], log, turned=lying)
        (axes.xaxis if lying else axes.yaxis).grid(visible=True)
        for index, key in enumerate(keys):
            for point in panel.points:
                one = shown(results, point)
                if one is None or tuple(point.values[a.field] for a in roles.lines) != key:
                    continue
                group = groups.index(point.values[roles.x.field]) if roles.x else 0
                at = group + (index - (len(keys) - 1) / 2) * _WIDTH / len(keys)
                text = rounded(one.estimate, places, 2 if log else 4) if numbers else ""
                _draw(axes, at, one, styles[key], text, _WIDTH / len(keys), dots=dots, lying=lying)
                rows.append(marks.tagged(row(results, point), "sweep", key_text(roles.lines, key)))
                ranges += [one.low, one.high]
            colour = styles[key].colour if len(keys) > 1 else None
            level = marks.level(
                axes, results, settings, (*key, *panel.values), colour, turned=lying
            )
            if level is not None:
                levels.append(level)
                ranges.append(level.y)
        scales.named_ticks(axes, groups, turned=lying)
        if not all_shown(results, panel.points):
            empty(axes)
        place = {group: float(index) for index, group in enumerate(groups)}
        marks.published(axes, settings, place, turned=lying)
    rows += marks.level_rows(levels) + marks.published_rows(results, settings)
    ranges += [one.y for one in settings.reference]
    _limits(panels, results, settings, ranges, len(groups), log=log, dots=dots, lying=lying)
    name = roles.x.text if roles.x else ""
    names = (name, results.quantity.text)
    outer_labels(panels, *(names[::-1] if lying else names))
    header = ", ".join(axis.label for axis in roles.lines)
    entries = [
        _entry(styles[key], key_text(roles.lines, key), dots=dots) for key in keys if roles.lines
    ]
    others = marks.entries(results, settings, count=len(levels))
    alone = panels[0][0] if len(panels) == 1 and not entries else None
    legend(drawn, header, [*entries, *others], inside=alone)
    by = " and ".join(axis.label for axis in (roles.x, *roles.lines) if axis)
    title = f"{results.quantity.label} by {by}" if by else results.quantity.label
    return finish(drawn, results, settings, title), rows


def _size_in(groups: int, series: int, *, lying: bool) -> tuple[float, float]:
    if lying:
        return 4.6, min(9.0, 1.0 + groups * max(_BAR_IN, 0.8 * _BAR_IN * series))
    return min(9.0, max(2.6, 0.9 + groups * max(0.62, _BAR_IN * series))), 2.8


def _shape(everything: Sequence[Shown], settings: Settings) -> tuple[bool, bool]:
    """Whether the axis is logarithmic, and whether points stand for bars."""
    numbers = [one.estimate for one in everything]
    log = settings.log_y
    if log is None:
        log = bool(numbers) and scales.spans_decades(numbers)
    ends = [end for one in everything for end in (one.low, one.high)]
    if settings.level is not None and settings.level.value is not None:
        ends.append(settings.level.value)
    far = bool(ends) and min(ends) > _FAR * max(ends)
    if settings.limits:
        far = not settings.limits[0] <= 0 <= settings.limits[1]
    return log, log or far


def _draw(
    axes: Axes, at: float, one: Shown, look: Look, text: str, width: float, *, dots: bool,
    lying: bool,
) -> None:  # fmt: skip
    if not dots:
        bar = axes.barh if lying else axes.bar
        bar(at, one.estimate, width, color=look.colour, hatch=look.hatch, linewidth=0.4)
    error = ([max(0.0, one.estimate - one.low)], [max(0.0, one.high - one.estimate)])
    x, y = (one.estimate, at) if lying else (at, one.estimate)
    whiskers = axes.errorbar(
        x, y, xerr=error if lying else None, yerr=None if lying else error,
        color=look.colour if dots else "0.1", marker=look.marker if dots else "none",
        markersize=4.5, elinewidth=1.0, capsize=2.2, capthick=1.0, linestyle="none", zorder=3,
    )  # fmt: skip
    for part in () if dots else whiskers.lines[2]:
        part.set_path_effects([withStroke(linewidth=2.4, foreground="white")])  # on dark bars
    if text:
        down = one.high <= 0
        end = one.low if down else one.high
        axes.annotate(
            text, (end, at) if lying else (at, end),
            xytext=(-3 if down else 3, 0) if lying else (0, -2 if down else 2),
            textcoords="offset points", fontsize=6.5,
            ha=("right" if down else "left") if lying else "center",
            va="center" if lying else ("top" if down else "bottom"), zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip


def _limits(
    panels: Sequence[tuple[Axes, Panel]], results: Results, settings: Settings,
    ranges: Sequence[float], groups: int, *, log: bool, dots: bool, lying: bool,
) -> None:  # fmt: skip
    low, high = marks.limits_of(results, settings, ranges, log=log)
    if not settings.limits and not dots:
        low, high = low if min(ranges) < 0 else 0.0, high if max(ranges) > 0 else 0.0
        if high <= low:  # nothing but zeros
            high = 100.0 if results.quantity.unit == "%" else 1.0
    if not settings.limits and lying and not log:
        high += 0.08 * (high - low)  # for the numbers
    for axes, _ in panels:
        (axes.set_xlim if lying else axes.set_ylim)(low, high)
        if lying:
            axes.set_ylim(groups - 0.4, -0.6)
        else:
            axes.set_xlim(-0.6, groups - 0.4)


def _entry(look: Look, text: str, *, dots: bool) -> Line2D | Patch:
    if dots:
        return Line2D([], [], color=look.colour, marker=look.marker, linestyle="none",
                      markersize=4.5, label=text)  # fmt: skip
    return Patch(facecolor=look.colour, hatch=look.hatch, label=text)
