"""What figures of every kind share: the grid of panels, title and caption."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.sweep.roles import used
from experiments.figures.sweep.settings import Settings
from experiments.figures.sweep.shown import Panel, split
from experiments.output.words import named, sentence, value_text, wrapped
from experiments.sweep.results import Results

_CAPTION_LINES = 8
_LETTER_IN = 0.052
"""Width of a letter of the caption, in inches."""
_AXIS_LETTERS = 44


def grid(
    results: Results, settings: Settings, size_in: tuple[float, float], *, share_y: bool = True
) -> tuple[
    Figure, list[tuple[Axes, Panel]]
]:  # fmt: skip
    """Return a figure with a place for every panel, each titled; ``size_in`` is that of one."""
    panels = split(results, settings.roles.panels, results.points)
    columns = min(len(panels), max(1, round(10 / size_in[0])), math.ceil(math.sqrt(len(panels))))
    if len(panels) <= 3 and len(panels) * size_in[0] <= 11:
        columns = len(panels)
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(columns * size_in[0], rows * size_in[1]))
    places = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=share_y)
    flat = list(places.flat)
    for unneeded in flat[len(panels) :]:
        unneeded.set_visible(False)
        above = flat[flat.index(unneeded) - columns]
        above.tick_params(labelbottom=True)
    letters = int(size_in[0] / 0.075)
    if len(panels) > 1:
        for axes, panel in zip(flat, panels, strict=False):
            axes.set_title(wrapped(panel.title, letters), fontsize=7.5)
    return figure, list(zip(flat, panels, strict=False))


def outer_labels(places: Sequence[tuple[Axes, Panel]], x: str, y: str) -> None:
    """Name the axes: x below the lowest panel of each column, y beside the leftmost."""
    for axes, _ in places:
        spot = axes.get_subplotspec()
        if spot is None:
            raise ValueError("a panel must have a place in a grid")
        columns = spot.get_gridspec().ncols
        if spot.num1 + columns >= len(places):
            axes.set_xlabel(wrapped(x, _AXIS_LETTERS))
        if spot.num1 % columns == 0:
            axes.set_ylabel(wrapped(y, _AXIS_LETTERS))


def empty(axes: Axes, text: str = "no trials yet") -> None:
    """Say in the middle of ``axes`` that there is nothing to see."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5}, zorder=5,
    )  # fmt: skip


def finish(
    figure: Figure, results: Results, settings: Settings, title: str, notes: Sequence[str] = ()
) -> Figure:
    """Put the title above the panels and the caption below them; return ``figure``."""
    width_in = figure.get_figwidth()
    figure.suptitle(
        wrapped(settings.title or sentence(title), int(width_in / 0.078)), fontsize=8.5,
        fontweight="bold", x=0.01, ha="left",
    )  # fmt: skip
    letters = max(40, int(width_in / _LETTER_IN))
    text = textwrap.wrap(
        caption(results, settings, notes), letters, break_on_hyphens=False,
        max_lines=_CAPTION_LINES, placeholder=" …",
    )  # fmt: skip
    # Below the canvas: it takes no room from the panels, and is saved for the box is tight.
    figure.text(
        0.01, -0.02 / figure.get_figheight(), "\n".join(text), fontsize=6, color="0.3",
        va="top", ha="left", gid="caption",
    )  # fmt: skip
    return figure


def caption(results: Results, settings: Settings, notes: Sequence[str] = ()) -> str:
    """Return trials, intervals, ``notes`` and what the numbers rest on, in one line."""
    stated = dict(results.assumptions)
    words = [_trials(results), *_interval(stated), *notes]
    for source in dict.fromkeys(one.source for one in settings.reference):
        words.append(f"published: {source}")
    if settings.roles.along:
        names = ", ".join(axis.label for axis in settings.roles.along)
        words.append(f"changing together with the others: {names}")
    words += [
        named(axis, values[0])
        for axis in results.axes
        if axis not in (settings.roles.x, settings.roles.y)
        and len(values := used(axis, results.points)) == 1
    ]
    model = {"model": stated.pop("model")} if "model" in stated else {}
    pairs = {**results.fixed, **stated, **model}  # the longest text last
    words += [f"{key.replace('_', ' ')} {_plain(value)}" for key, value in pairs.items()]
    return "\u00a0· ".join(words)  # no line begins with a dot


def _trials(results: Results) -> str:
    counts = [point.trials for point in results.points if point.trials]
    without = len(results.points) - len(counts)
    if not counts:
        return "no point has trials yet"
    least, most = min(counts), max(counts)
    text = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    text += f" trial{'' if most == 1 else 's'} a point"
    return text + (
        f", {without} of {len(results.points)} points without any yet" if without else ""
    )


def _interval(stated: dict[str, Any]) -> list[str]:
    """What the intervals are, taken out of ``stated``."""
    words = stated.pop("interval", None)
    return [] if words is None else [f"interval: {_plain(words)}"]


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) + ")"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    return value_text(value) if isinstance(value, str | int | float) else "none"
