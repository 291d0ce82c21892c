"""Bars with intervals for axes of names: mitigations, layers, networks.

Bars begin at zero. There are points instead on a logarithmic axis, and where all numbers are so far
from zero that bars would look alike: a bar that begins elsewhere misleads. Long names stand beside
horizontal bars.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from experiments.figures.style import Look, note
from experiments.figures.sweep import scales
from experiments.figures.sweep.chart import Chart
from experiments.figures.sweep.frame import finish, grid, legend, outer_labels
from experiments.figures.sweep.roles import Panel, split, tried, used
from experiments.figures.sweep.settings import Settings
from experiments.output.words import decimals, rounded, value_text
from experiments.sweep.results import Cell, Point, Results, Value

_FAR = 0.6
"""If all bars reach at least this share of the longest, points replace them."""
_WIDTH = 0.84
_BAR_IN = 0.24
_NUMBERS_FROM_IN = 0.34
"""Upright bars of at least this width carry their number."""
_LONG_NAME = 11


def figure(results: Results, settings: Settings) -> tuple[Figure, list[dict[str, Cell]]]:
    """Return the figure and the rows of its table."""
    roles = settings.roles
    groups: tuple[Value, ...] = used(roles.x, results.points) if roles.x else ("",)
    lying = len(groups) > 3 and max(len(value_text(group)) for group in groups) > _LONG_NAME
    chart = Chart(results, settings, turned=lying)
    bars = len(chart.keys)
    size_in = _size_in(len(groups), bars, lying=lying)
    drawn, panels = grid(results, settings, size_in)
    dots = chart.log or _far(chart)
    places = None if chart.log else decimals([(o.high - o.low) / 2 for o in chart.everything])
    bar_in = (size_in[0] - 0.7) * _WIDTH
    numbers = lying or bar_in / (len(groups) * bars) >= _NUMBERS_FROM_IN
    for axes, panel in panels:
        chart.scale(axes)
        of_key = {one.values: one.points for one in split(results, roles.lines, panel.points)}
        for index, key in enumerate(chart.keys):
            found = tried(of_key.get(key, ()))
            chart.add(key, found)
            for one in found:
                group = groups.index(one.values[roles.x.field]) if roles.x else 0
                at = group + (index - (bars - 1) / 2) * _WIDTH / bars
                text = rounded(one.estimate, places, 2 if chart.log else 4) if numbers else ""
                if not dots:
                    _bar(axes, at, one.estimate, chart.looks[key], _WIDTH / bars, lying=lying)
                _interval(axes, at, one, chart.looks[key], dots=dots, lying=lying)
                _number(axes, at, one, text, lying=lying)
            chart.level(axes, key, panel)
        scales.named_ticks(axes, groups, turned=lying)
        chart.close_panel(axes, panel, {group: float(i) for i, group in enumerate(groups)})
    _limit(panels, chart, len(groups), dots=dots)
    names = (roles.x.text if roles.x else "", results.quantity.text)
    outer_labels(panels, *(names[::-1] if lying else names))
    entries = [
        _entry(chart.looks[key], chart.name(key), dots=dots) for key in chart.keys if roles.lines
    ]
    alone = panels[0][0] if len(panels) == 1 and not entries else None
    legend(drawn, chart.header, [*entries, *chart.entries()], inside=alone)
    by = " and ".join(axis.label for axis in (roles.x, *roles.lines) if axis)
    title = f"{results.quantity.label} by {by}" if by else results.quantity.label
    return finish(drawn, results, settings, title), chart.rows()


def _size_in(groups: int, series: int, *, lying: bool) -> tuple[float, float]:
    if lying:
        return 4.6, min(9.0, 1.0 + groups * max(_BAR_IN, 0.8 * _BAR_IN * series))
    return min(9.0, max(2.6, 0.9 + groups * max(0.62, _BAR_IN * series))), 2.8


def _far(chart: Chart) -> bool:
    """Whether all numbers are so far from zero that points replace bars."""
    limits, level = chart.settings.limits, chart.settings.level
    if limits:
        return not limits[0] <= 0 <= limits[1]
    ends = [end for one in chart.everything for end in (one.low, one.high)]
    if level is not None and level.value is not None:
        ends.append(level.value)
    return bool(ends) and min(ends) > _FAR * max(ends)


def _bar(axes: Axes, at: float, length: float, look: Look, width: float, *, lying: bool) -> None:
    (axes.barh if lying else axes.bar)(
        at, length, width, color=look.colour, hatch=look.hatch, linewidth=0.4
    )


def _interval(axes: Axes, at: float, one: Point, look: Look, *, dots: bool, lying: bool) -> None:
    error = [[end] for end in one.reach]
    x, y = (one.estimate, at) if lying else (at, one.estimate)
    whiskers = axes.errorbar(
        x, y, xerr=error if lying else None, yerr=None if lying else error,
        color=look.colour if dots else "0.1", marker=look.marker if dots else "none",
        markersize=4.5, elinewidth=1.0, capsize=2.2, capthick=1.0, linestyle="none", zorder=3,
    )  # fmt: skip
    for part in () if dots else whiskers.lines[2]:
        part.set_path_effects([withStroke(linewidth=2.4, foreground="white")])  # on dark bars


def _number(axes: Axes, at: float, one: Point, text: str, *, lying: bool) -> None:
    """Write a number behind the end of an interval."""
    down = one.high <= 0
    end = one.low if down else one.high
    if text:
        note(
            axes, text, (end, at) if lying else (at, end),
            (-3 if down else 3, 0) if lying else (0, -2 if down else 2), fontsize=6.5,
            ha=("right" if down else "left") if lying else "center",
            va="center" if lying else ("top" if down else "bottom"), zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip


def _limit(panels: Sequence[tuple[Axes, Panel]], chart: Chart, groups: int, *, dots: bool) -> None:
    low, high = chart.limits() if dots else chart.limits(0.0)
    if not chart.settings.limits and not dots:
        low = low if min(chart.drawn, default=0.0) < 0 else 0.0
        high = high if max(chart.drawn, default=0.0) > 0 else 0.0
        if high <= low:  # nothing but zeros
            high = 100.0 if chart.results.quantity.unit == "%" else 1.0
    if not chart.settings.limits and chart.turned and not chart.log:
        high += 0.08 * (high - low)  # for the numbers
    for axes, _ in panels:
        (axes.set_xlim if chart.turned else axes.set_ylim)(low, high)
        if chart.turned:
            axes.set_ylim(groups - 0.4, -0.6)
        else:
            axes.set_xlim(-0.6, groups - 0.4)


def _entry(look: Look, text: str, *, dots: bool) -> Line2D | Patch:
    if dots:
        return Line2D([], [], color=look.colour, marker=look.marker, linestyle="none",
                      markersize=4.5, label=text)  # fmt: skip
    return Patch(facecolor=look.colour, hatch=look.hatch, label=text)
