"""Heat maps: the quantity over two axes; each cell shows it with its interval's half width.

A hatched cell has no trials yet; a white one is not a point of the sweep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from experiments.figures.style import MAP, note
from experiments.figures.sweep import scales
from experiments.figures.sweep.frame import finish, grid, outer_labels
from experiments.figures.sweep.roles import is_numeric, split, tried, used
from experiments.figures.sweep.settings import Settings
from experiments.output.words import decimals, rounded, value_text
from experiments.sweep.results import Cell, Point, Results, Value, row
from pimsim.errors import InputError

_CELL_IN = (0.56, 0.38)
_SMALL_CELL_IN = (0.46, 0.33)
"""Size of a cell if there are several panels."""
_WIDTHS_IN = (1.6, 8.0)
_HEIGHTS_IN = (1.0, 7.0)
_INTERVAL_FROM_IN = (0.44, 0.3)
"""Cells of at least this size show their interval, too."""
_LETTER_IN = 0.072
_NUMBER_FROM_IN = (0.26, 0.15)


def figure(results: Results, settings: Settings) -> tuple[Figure, list[dict[str, Cell]]]:
    """Return the figure and the rows of its table."""
    x, y = settings.roles.x, settings.roles.y
    if x is None or y is None:
        raise ValueError("a heat map needs two axes")
    across, up = used(x, results.points), used(y, results.points)
    everything = tried(results.points)
    norm = _norm([one.estimate for one in everything], settings)
    colour_map = matplotlib.colormaps[MAP]
    several = len(split(results, settings.roles.panels, results.points)) > 1
    usual_in = _SMALL_CELL_IN if several else _CELL_IN
    size = (
        float(np.clip(len(across) * usual_in[0], *_WIDTHS_IN)),
        float(np.clip(len(up) * usual_in[1], *_HEIGHTS_IN)),
    )
    cell_in = size[0] / len(across), size[1] / len(up)
    names_in = 0.062 * max(len(value_text(value)) for value in up)
    drawn, panels = grid(results, settings, (size[0] + 0.5 + min(names_in, 2.0), size[1] + 0.75))
    log = isinstance(norm, LogNorm)
    halves = [(one.high - one.low) / 2 for one in everything]
    places = None if log else decimals(halves)
    both = _room(cell_in, _INTERVAL_FROM_IN) and any(halves)
    numbered, unfinished = _room(cell_in, _NUMBER_FROM_IN), False
    columns, lines = _places(across), _places(up)
    for axes, panel in panels:
        filled = np.full((len(up), len(across)), np.nan)  # drawn as nothing
        for point in panel.points:
            column, line = columns[point.values[x.field]], lines[point.values[y.field]]
            if not point.trials:
                unfinished = True
                _hatch(axes, column, line)
            else:
                filled[line, column] = point.estimate
                if numbered:
                    fill = colour_map(norm(point.estimate))
                    _annotate(axes, column, line, point, fill, places, cell_in, both=both)
        axes.pcolormesh(
            np.arange(len(across) + 1) - 0.5, np.arange(len(up) + 1) - 0.5, filled, norm=norm,
            cmap=colour_map, edgecolor="white" if numbered else "none",
            linewidth=0.4,
        )  # fmt: skip
        _frame(axes, across, up, cell_in)
    outer_labels(panels, x.text, y.text)
    bar = drawn.colorbar(
        ScalarMappable(norm, colour_map), ax=[axes for axes, _ in panels], shrink=0.95, pad=0.02,
        label=results.quantity.text, aspect=28,
    )  # fmt: skip
    bar.outline.set_linewidth(0.4)
    if log:
        bar.ax.yaxis.set_major_formatter(scales.decades())
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    title = f"{results.quantity.label} over {x.label} and {y.label}"
    notes = ["± half the interval's width"] if both else []
    notes += ["hatched: no trials yet"] if unfinished else []
    rows = [row(results, point) for _, panel in panels for point in panel.points]
    return finish(drawn, results, settings, title, notes), rows


def _places(values: Sequence[Value]) -> dict[Value, int]:
    return {value: place for place, value in enumerate(values)}


def _norm(estimates: Sequence[float], settings: Settings) -> Normalize:
    """The scale of the colours: logarithmic if asked for, or if the numbers span decades."""
    low, high = settings.limits or (min(estimates, default=0.0), max(estimates, default=1.0))
    log = settings.log_y
    if log and low < 0:
        raise InputError(f"[figure]: `log_colour` needs positive numbers; there is {low:g}")
    if log or (log is None and not settings.limits and scales.spans_decades(estimates)):
        positive = [number for number in estimates if number > 0]
        low = low if low > 0 else min(positive, default=high / 10)
        return LogNorm(low, high if high > low else 10 * low, clip=True)
    return Normalize(low, high if high > low else low + (abs(low) * 0.1 or 1.0), clip=True)


def _hatch(axes: Axes, column: int, line: int) -> None:
    axes.add_patch(
        Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor="0.94", edgecolor="0.6",
                  hatch="////", linewidth=0.0)
    )  # fmt: skip


def _annotate(
    axes: Axes, column: int, line: int, one: Point, fill: tuple[float, ...],
    places: int | None, cell_in: tuple[float, float], *, both: bool,
) -> None:  # fmt: skip
    colour = "black" if _luminance(fill) > 0.2 else "white"
    half = (one.high - one.low) / 2
    number = rounded(one.estimate, places, 2 if both else 4)
    width = rounded(half, places, 1)
    size = min(7.5, 72 * cell_in[1] * 0.42, 72 * cell_in[0] / (0.62 * max(4, len(number))))
    for text, share, above in ((number, 1.0, 0.34), (f"±{width}", 0.7, -0.62))[: 1 + both]:
        shift = 0, above * size if both else 0.0
        note(axes, text, (column, line), shift, ha="center", va="center", fontsize=share * size,
             color=colour)  # fmt: skip


def _frame(
    axes: Axes, across: Sequence[Value], up: Sequence[Value], cell_in: tuple[float, float]
) -> None:
    axes.set_xlim(-0.5, len(across) - 0.5)
    ends = (-0.5, len(up) - 0.5)
    axes.set_ylim(*(ends if is_numeric(up) else ends[::-1]))
    scales.named_ticks(axes, across)
    scales.named_ticks(axes, up, turned=True)
    _thin(axes, across, cell_in[0])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _thin(axes: Axes, values: Sequence[Value], cell_in: float) -> None:
    """Turn the names below the columns if they would touch; leave some out if even that does."""
    texts = scales.tick_texts(values)
    widest = max(len(line) for text in texts for line in text.split("\n"))
    if widest * _LETTER_IN > cell_in:
        axes.tick_params(axis="x", rotation=90)
        step = math.ceil(0.14 / cell_in)
        axes.set_xticks(range(0, len(values), step), texts[::step])


def _room(cell_in: tuple[float, float], need_in: tuple[float, float]) -> bool:
    return cell_in[0] >= need_in[0] and cell_in[1] >= need_in[1]


def _luminance(fill: tuple[float, ...]) -> float:
    """Relative luminance, after WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in fill[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
