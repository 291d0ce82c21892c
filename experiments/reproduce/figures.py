"""Bars and lines that the reproductions share; they differ in greyscale, too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from experiments.figures.style import FILLS, INK, PUBLISHED, Fill, log_ticks, note
from experiments.reproduce.table import digits

LINES: tuple[Mapping[str, Any], ...] = (
    {"color": INK, "marker": "o", "linestyle": "-"},
    {"color": INK, "marker": "o", "linestyle": "--", "markerfacecolor": "white"},
    {"color": PUBLISHED, "marker": "s", "linestyle": "-"},
    {"color": PUBLISHED, "marker": "s", "linestyle": "--", "markerfacecolor": "white"},
    {"color": "#6b6b6b", "marker": "^", "linestyle": "-"},
    {"color": "#6b6b6b", "marker": "^", "linestyle": "--", "markerfacecolor": "white"},
)
"""Lines of one figure: pairs of a filled and an open marker."""


def log_bars(
    axes: Axes,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    fills: Sequence[Fill] = FILLS,
    numbers: bool = False,
) -> None:
    """Draw groups of bars on a logarithmic axis, one bar a series; None leaves a gap."""
    width = 0.86 / len(series)
    known = [value for values in series.values() for value in values if value]
    few = max(known) <= 30 * min(known)  # then the ticks are at 1, 2 and 5, else at decades
    bottom = _floor(min(known) / 2, (1, 2, 5) if few else (1,))
    for index, ((name, values), (colour, hatch)) in enumerate(
        zip(series.items(), fills, strict=False)
    ):
        places = [group + (index - (len(series) - 1) / 2) * width for group in range(len(groups))]
        shown = [(place, value) for place, value in zip(places, values, strict=True) if value]
        axes.bar(
            [place for place, _ in shown], [value for _, value in shown], width=width,
            color=colour, hatch=hatch, label=name, linewidth=0.4,
        )  # fmt: skip
        for place, value in shown if numbers else ():
            text, look = digits(value, 3), {"ha": "center", "va": "bottom", "fontsize": 6}
            note(axes, text, (place, value), (0, 1.5), **look)
    axes.set_yscale("log")
    axes.set_ylim(bottom, max(known) * 1.6)
    log_ticks(axes.yaxis)
    if few:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.yaxis.grid(visible=True)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_xlim(-0.55, len(groups) - 0.45)
    axes.tick_params(axis="x", length=0)


def _floor(value: float, steps: Sequence[int]) -> float:
    """The largest tick that is not above ``value``, so that an axis begins with a label.

    >>> _floor(34.0, (1, 2, 5)), _floor(34.0, (1,))
    (20.0, 10.0)
    """
    decade = 10.0 ** math.floor(math.log10(value))
    return max(step * decade for step in steps if step * decade <= value * (1 + 1e-9))


def legend_above(axes: Axes) -> None:
    """Put the legend on one line between title and axes (the title needs ``pad=18``)."""
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(labels),
        borderaxespad=0.2, handlelength=1.3, columnspacing=0.9, fontsize=6.5,
    )  # fmt: skip
    legend.set_in_layout(False)


def powers_of_two(axes: Axes, at: Sequence[int]) -> None:
    """Give the x axis a base-2 scale with ticks at those places."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(at, [str(place) for place in at])
    axes.xaxis.set_minor_locator(NullLocator())
