"""Lines with intervals: the quantity along a numeric axis, one line a value of another.

Bars and bands are confidence intervals. On a logarithmic axis, an estimate of zero is an arrow down
from the upper end of its interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.transforms import ScaledTranslation

from experiments.figures.style import Look
from experiments.figures.sweep import scales
from experiments.figures.sweep.chart import Chart
from experiments.figures.sweep.frame import End, beside, finish, grid, legend, outer_labels
from experiments.figures.sweep.roles import is_numeric, split, tried, used
from experiments.figures.sweep.settings import Settings
from experiments.sweep.results import Axis, Cell, Point, Results, Value

_BANDS_AT_MOST = 5
"""With more bands on top of each other, none could be made out."""
_ARROWS_APART = 5.0
"""Points between the arrows of neighbouring lines at the same place."""
_NONE_SEEN = "arrow: not one was seen; it begins at the upper end of the interval"
_ARROW = Path(
    [(-0.28, 0), (0.28, 0), (0, 0), (0, -1), (-0.22, -0.7), (0, -1), (0.22, -0.7)],
    [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO],
)
_SIZE_IN = (4.3, 3.0)
_PANEL_IN = (3.1, 2.4)


def figure(results: Results, settings: Settings) -> tuple[Figure, list[dict[str, Cell]]]:
    """Return the figure and the rows of its table."""
    x, roles = settings.roles.x, settings.roles
    if x is None:
        raise ValueError("lines need an axis along x")
    values = used(x, results.points)
    several = len(split(results, roles.panels, results.points)) > 1
    size_in = _PANEL_IN if several else _SIZE_IN
    drawn, panels = grid(results, settings, size_in)
    chart = Chart(results, settings)
    published = [float(one.x) for one in settings.reference] if is_numeric(values) else []
    ends: list[End] = []
    for axes, panel in panels:
        scales.scale_x(axes, x, values, settings.log_x, size_in[0], published)
        chart.scale(axes)
        place = scales.places(values)
        for group in split(results, roles.lines, panel.points):
            line = _Line(x, place, chart.looks[group.values], group.points, log=chart.log)
            _draw(axes, line, band=len(chart.keys) <= _BANDS_AT_MOST, joined=is_numeric(values))
            index = chart.keys.index(group.values)
            _never_seen(axes, line, _ARROWS_APART * (index - (len(chart.keys) - 1) / 2))
            chart.add(group.values, line.seen)
            # For an estimate of zero, the axis must include the arrow, too.
            chart.drawn += [one.high / 4 for one in line.seen if chart.log and one.estimate <= 0]
            if line.seen:
                last = max(line.seen, key=line.at)
                y = last.estimate if not chart.log or last.estimate > 0 else last.high
                ends.append(End(line.at(last), y, chart.name(group.values), line.look.colour))
            chart.level(axes, group.values, panel)
        chart.close_panel(axes, panel, place)
    panels[0][0].set_ylim(*chart.limits())  # shared: one by one, each would set all others
    outer_labels(panels, x.text, results.quantity.text)
    entries = [_entry(chart.looks[key], chart.name(key)) for key in chart.keys if roles.lines]
    others = chart.entries()
    height_in = size_in[1] - 0.9
    if several or settings.reference or not beside(panels[0][0], ends, chart.header, height_in):
        legend(drawn, chart.header if entries else "", [*entries, *others])
    elif others:
        legend(drawn, "", others, inside=panels[0][0])
    by = f" by {chart.header}" if chart.header else ""
    title = f"{results.quantity.label} against {x.label}{by}"
    hidden = chart.log and any(one.estimate <= 0 < one.high for one in chart.everything)
    notes = [_NONE_SEEN] if hidden else []
    return finish(drawn, results, settings, title, notes), chart.rows()


@dataclass(frozen=True, slots=True)
class _Line:
    """Points that are one line of a panel."""

    x: Axis
    place: Mapping[Value, float]
    look: Look
    points: Sequence[Point]
    log: bool

    @property
    def seen(self) -> list[Point]:
        """Those that have trials."""
        return tried(self.points)

    def at(self, point: Point) -> float:
        """Return the place of a point along x."""
        return self.place[point.values[self.x.field]]

    def runs(self) -> list[list[Point]]:
        """Runs of neighbours to join: they end at points without trials, or without a logarithm."""
        runs: list[list[Point]] = [[]]
        order = {value: index for index, value in enumerate(used(self.x, self.points))}
        for point in sorted(self.points, key=lambda point: order[point.values[self.x.field]]):
            if not point.trials or (self.log and point.estimate <= 0):
                runs.append([])
            else:
                runs[-1].append(point)
        return [run for run in runs if run]


def _draw(axes: Axes, line: _Line, *, band: bool, joined: bool) -> None:
    look = line.look
    for run in line.runs():
        at = [line.at(one) for one in run]
        estimates = [one.estimate for one in run]
        if joined and len(run) > 1:
            axes.plot(at, estimates, color=look.colour, linestyle=look.dash, linewidth=1.3)
            # On a logarithmic axis, a band that reaches zero would fill the panel.
            if band:
                axes.fill_between(
                    at, [one.low for one in run], [one.high for one in run],
                    where=[not line.log or one.low > 0 for one in run],
                    color=look.colour, alpha=0.16, linewidth=0,
                )  # fmt: skip
        axes.errorbar(
            at, estimates, yerr=tuple(zip(*(one.reach for one in run), strict=True)),
            color=look.colour, marker=look.marker, markersize=3.8, markeredgecolor="white",
            markeredgewidth=0.4, linestyle="none", elinewidth=0.9, capsize=1.8, capthick=0.9,
            zorder=3,
        )  # fmt: skip


def _never_seen(axes: Axes, line: _Line, shift: float) -> None:
    """Draw arrows down from the upper limits of points that a logarithmic axis cannot show."""
    hidden = [one for one in line.seen if line.log and one.estimate <= 0 < one.high]
    if hidden:
        beside = ScaledTranslation(shift / 72, 0, axes.figure.dpi_scale_trans)
        axes.plot(
            [line.at(one) for one in hidden], [one.high for one in hidden],
            transform=axes.transData + beside, color=line.look.colour, linestyle="none",
            marker=_ARROW, markersize=22, markerfacecolor="none", markeredgewidth=1.0, zorder=3,
            clip_on=False,
        )  # fmt: skip


def _entry(look: Look, text: str) -> Line2D:
    return Line2D(
        [], [], color=look.colour, linestyle=look.dash, marker=look.marker, markersize=3.8,
        linewidth=1.3, label=text,
    )  # fmt: skip
