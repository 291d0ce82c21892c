"""Lines with intervals: the quantity along a numeric axis, one line a value of another.

Bars and bands are the confidence intervals. On a logarithmic axis an arrow points down from the
upper limit of what was never seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.transforms import ScaledTranslation

from experiments.figures.colours import Look
from experiments.figures.sweep import marks, scales
from experiments.figures.sweep.frame import empty, finish, grid, outer_labels
from experiments.figures.sweep.labels import End, beside, key_text, legend, looks_of
from experiments.figures.sweep.roles import is_numeric, used
from experiments.figures.sweep.settings import Settings
from experiments.figures.sweep.shown import Shown, all_shown, shown, split
from experiments.sweep.results import Axis, Point, Results, Value
from experiments.sweep.table import Cell, row

_BANDS_AT_MOST = 5
"""More bands on top of each other cannot be told apart."""
_ARROWS_APART = 5.0
"""Points between the arrows of neighbouring lines at the same place."""
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
    keys = [one.values for one in split(results, roles.lines, results.points)]
    styles = looks_of(roles.lines, keys)
    several = len(split(results, roles.panels, results.points)) > 1
    size_in = _PANEL_IN if several else _SIZE_IN
    drawn, panels = grid(results, settings, size_in)
    numbers = [one.estimate for one in all_shown(results, results.points)]
    published = [float(one.x) for one in settings.reference] if is_numeric(values) else []
    rows: list[dict[str, Cell]] = []
    ends: list[End] = []
    ranges: list[float] = []
    levels: list[marks.Line] = []
    log = False
    for axes, panel in panels:
        scales.scale_x(axes, x, values, settings.log_x, size_in[0], published)
        log = scales.scale_y(axes, numbers, settings.log_y)
        axes.yaxis.grid(visible=True)
        for group in split(results, roles.lines, panel.points):
            look = styles[group.values]
            line = all_shown(results, group.points)
            runs = _runs(results, x, group.points, log=log)
            place = scales.places(x, values)
            _draw(axes, runs, x, place, look, band=len(keys) <= _BANDS_AT_MOST,
                  joined=is_numeric(values), log=log)  # fmt: skip
            shift = _ARROWS_APART * (keys.index(group.values) - (len(keys) - 1) / 2)
            _never_seen(axes, line, x, place, look, log=log, shift=shift)
            text = key_text(roles.lines, group.values)
            rows += [marks.tagged(row(results, one.point), "sweep", text) for one in line]
            ranges += _extent(line, log=log)
            if line:
                last = max(line, key=lambda one: place[one.point.values[x.field]])
                at = last.estimate if not log or last.estimate > 0 else last.high
                ends.append(End(place[last.point.values[x.field]], at, text, look.colour))
            colour = look.colour if len(keys) > 1 else None
            level = marks.level(axes, results, settings, (*group.values, *panel.values), colour)
            if level is not None:
                levels.append(level)
                ranges.append(level.y)
        if not all_shown(results, panel.points):
            empty(axes)
        marks.published(axes, settings, scales.places(x, values))
    rows += marks.level_rows(levels) + marks.published_rows(results, settings)
    ranges += [one.y for one in settings.reference]
    for axes, _ in panels:
        axes.set_ylim(*marks.limits_of(results, settings, ranges, log=log))
    outer_labels(panels, x.text, results.quantity.text)
    entries = [_entry(styles[key], key_text(roles.lines, key)) for key in keys if roles.lines]
    header = ", ".join(axis.label for axis in roles.lines)
    others = marks.entries(results, settings, count=len(levels))
    if several or settings.reference or not beside(panels[0][0], ends, header, size_in[1] - 0.9):
        legend(drawn, header if entries else "", [*entries, *others])
    elif others:
        legend(drawn, "", others, inside=panels[0][0])
    by = f" by {header}" if header else ""
    return finish(drawn, results, settings, f"{results.quantity.label} against {x.label}{by}"), rows


def _runs(
    results: Results, x: Axis, points: Sequence[Point], *, log: bool
) -> list[list[Shown]]:  # fmt: skip
    """Neighbours that a line may join: it breaks where there is nothing yet, or no logarithm."""
    runs: list[list[Shown]] = [[]]
    order = {value: index for index, value in enumerate(used(x, points))}
    for point in sorted(points, key=lambda point: order[point.values[x.field]]):
        one = shown(results, point)
        if one is None or (log and one.estimate <= 0):
            runs.append([])
        else:
            runs[-1].append(one)
    return [run for run in runs if run]


def _draw(
    axes: Axes, runs: Sequence[Sequence[Shown]], x: Axis, place: Mapping[Value, float], look: Look,
    *, band: bool, joined: bool, log: bool,
) -> None:  # fmt: skip
    for run in runs:
        at = [place[one.point.values[x.field]] for one in run]
        estimates = [one.estimate for one in run]
        lows, highs = [one.low for one in run], [one.high for one in run]
        if joined and len(run) > 1:
            axes.plot(at, estimates, color=look.colour, linestyle=look.dash, linewidth=1.3)
            # On a logarithmic axis, a band from a positive end to zero would be all of the panel.
            if band:
                axes.fill_between(
                    at, lows, highs, where=[not log or low > 0 for low in lows],
                    color=look.colour, alpha=0.16, linewidth=0,
                )  # fmt: skip
        axes.errorbar(
            at, estimates,
            yerr=([max(0.0, e - low) for e, low in zip(estimates, lows, strict=True)],
                  [max(0.0, high - e) for e, high in zip(estimates, highs, strict=True)]),
            color=look.colour, marker=look.marker, markersize=3.8, markeredgecolor="white",
            markeredgewidth=0.4, linestyle="none", elinewidth=0.9, capsize=1.8, capthick=0.9,
            zorder=3,
        )  # fmt: skip


def _never_seen(
    axes: Axes, line: Sequence[Shown], x: Axis, place: Mapping[Value, float], look: Look, *,
    log: bool, shift: float,
) -> None:  # fmt: skip
    """Arrows down from the upper limits of what a logarithmic axis cannot show."""
    hidden = [one for one in line if log and one.estimate <= 0 < one.high]
    if hidden:
        beside = ScaledTranslation(shift / 72, 0, axes.figure.dpi_scale_trans)
        axes.plot(
            [place[one.point.values[x.field]] for one in hidden], [one.high for one in hidden],
            transform=axes.transData + beside, color=look.colour, linestyle="none", marker=_ARROW,
            markersize=22, markerfacecolor="none", markeredgewidth=1.0, zorder=3,
        )  # fmt: skip


def _extent(line: Sequence[Shown], *, log: bool) -> list[float]:
    """What the axis must show; of what was never seen, the length of its arrow."""
    ends = [end for one in line for end in (one.low, one.estimate, one.high)]
    return ends + [one.high / 4 for one in line if log and one.estimate <= 0]


def _entry(look: Look, text: str) -> Line2D:
    return Line2D(
        [], [], color=look.colour, linestyle=look.dash, marker=look.marker, markersize=3.8,
        linewidth=1.3, label=text,
    )  # fmt: skip
