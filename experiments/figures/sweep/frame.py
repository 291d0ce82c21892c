"""What figures of every kind share: the grid of panels, title, caption, and names of lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures import wanted
from experiments.figures.style import NOTE_LINES, fit, lines_of
from experiments.figures.sweep.roles import Panel, split, used
from experiments.figures.sweep.settings import Settings
from experiments.output.words import named, sentence, value_text, wrapped
from experiments.sweep.results import Results
from pimsim import ranges

_CAPTION_SIZE = 6
_LINE_IN = 0.105
"""Height of a line of the caption, in inches."""
_UNITS = {**ranges.UNITS, "percent": "%"}
_ELSEWHERE = "all settings: results.json"
_AXIS_LETTERS = 44


def grid(
    results: Results, settings: Settings, size_in: tuple[float, float], *, share_y: bool = True
) -> tuple[
    Figure, list[tuple[Axes, Panel]]
]:  # fmt: skip
    """Return a figure with titled axes for every panel; ``size_in`` is the size of a panel."""
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
    """Write in the middle of ``axes`` that there is nothing to show."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5}, zorder=5,
    )  # fmt: skip


def finish(
    figure: Figure, results: Results, settings: Settings, title: str, notes: Sequence[str] = ()
) -> Figure:
    """Put the title above the panels and the caption below them; return ``figure``."""
    fit(figure)
    width_in = figure.get_figwidth()
    figure.suptitle(
        wrapped(settings.title or sentence(title), int(width_in / 0.078)), fontsize=8.5,
        fontweight="bold", x=0.01, ha="left",
    )  # fmt: skip
    chosen = wanted.current().notes
    if chosen != "none":
        words = caption(results, settings, notes)
        text = _cut(words, width_in, NOTE_LINES if chosen == "short" else 99)
        # As a label of all panels, it gets room of its own: the figure is made higher.
        figure.supxlabel(text, fontsize=_CAPTION_SIZE, color="0.3", x=0.01, ha="left")
        figure.set_figheight(figure.get_figheight() + _LINE_IN * (text.count("\n") + 1))
    return figure


def _cut(words: Sequence[str], width_in: float, most: int) -> str:
    """The words that fit into so many lines, and a note where the rest is."""
    for count in range(len(words), 0, -1):
        rest = [] if count == len(words) else [_ELSEWHERE]
        text = "\u00a0· ".join([*words[:count], *rest])  # no line begins with a dot
        found = lines_of(text, width_in, _CAPTION_SIZE, 99)
        if found.count("\n") < most:
            return found
    return lines_of(words[0], width_in, _CAPTION_SIZE, most)


def caption(results: Results, settings: Settings, notes: Sequence[str] = ()) -> list[str]:
    """Return the caption: ``notes``, trials, intervals, and assumptions."""
    stated = dict(results.assumptions)
    words = [*notes, _trials(results)]
    if "interval" in stated:  # only the first part of its text: the share, and how it is found
        words.append(f"interval {', '.join(_plain(stated.pop('interval')).split(', ')[:2])}")
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
    return words + [_setting(key, value) for key, value in pairs.items()]


def _setting(key: str, value: object) -> str:
    """A field and its value, with its unit.

    >>> _setting("variation_percent", 10), _setting("preset", "rambus55")
    ('variation 10 %', 'preset rambus55')
    """
    end = ranges.end(key, _UNITS)
    unit = _UNITS.get(end, "")
    name = key.removesuffix(f"_{end}") if unit else key
    return f"{name.replace('_', ' ')} {_plain(value)}{f' {unit}' if unit else ''}"


def _trials(results: Results) -> str:
    counts = [point.trials for point in results.points if point.trials]
    without = len(results.points) - len(counts)
    if not counts:
        return "no point has trials yet"
    least, most = min(counts), max(counts)
    text = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    text += f" trial{'' if most == 1 else 's'} a point"
    return f"{text}, {without} of {len(results.points)} points without any yet" if without else text


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) + ")"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    return value_text(value) if isinstance(value, str | int | float) else "none"


_DIRECT_AT_MOST = 7
_LETTERS = 24
_ENTRIES_A_COLUMN = 24
_SHIFT_AT_MOST = 0.09
"""A share of the axes' height: if a label is further from its line, there is a legend instead."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a line ends, and its label."""

    x: float
    y: float
    text: str
    colour: str


def beside(axes: Axes, ends: Sequence[End], header: str, height_in: float) -> bool:
    """Label the lines at their right ends; return False, drawing nothing, if there is no room.

    ``height_in`` is roughly the height of the axes. Without names there is nothing to label.
    """
    if not any(end.text for end in ends):
        return True
    if len(ends) > _DIRECT_AT_MOST:
        return False
    place = axes.transScale + axes.transLimits
    wanted = [float(place.transform((end.x, end.y))[1]) for end in ends]
    texts = [wrapped(end.text, _LETTERS) for end in ends]
    need = 0.135 / height_in * max(text.count("\n") + 1 for text in texts)
    spots = spread(wanted, need)
    moved = max(abs(spot - want) for spot, want in zip(spots, wanted, strict=True))
    if moved > max(_SHIFT_AT_MOST, 0.75 * need):
        return False
    for end, spot, text in zip(ends, spots, texts, strict=True):
        axes.annotate(
            text, xy=(end.x, end.y), xytext=(1.035, spot), textcoords=axes.transAxes,
            color=end.colour, fontsize=7.5, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.colour, "linewidth": 0.5, "alpha": 0.6,
                        "shrinkA": 0, "shrinkB": 3, "relpos": (0, 0.5)},
        )  # fmt: skip
    axes.text(
        1.035, max(spots) + 0.7 * need, wrapped(header, _LETTERS), transform=axes.transAxes,
        fontsize=7, color="0.3", va="bottom",
    )  # fmt: skip
    return True


def spread(wanted: Sequence[float], need: float) -> list[float]:
    """Return places near ``wanted``, in their order, at least ``need`` apart.

    Overlapping ones move apart around their middle.

    >>> spread([0.5, 0.5, 1.5], 0.5)
    [0.25, 0.75, 1.5]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[list[int]] = []

    def middle(block: Sequence[int]) -> float:
        return sum(wanted[index] for index in block) / len(block)

    for index in order:
        blocks.append([index])
        while len(blocks) > 1:
            apart = need * (len(blocks[-1]) + len(blocks[-2])) / 2
            if middle(blocks[-1]) - middle(blocks[-2]) >= apart:
                break
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    spots = [0.0] * len(wanted)
    for block in blocks:
        for rank, index in enumerate(block):
            spots[index] = middle(block) + (rank - (len(block) - 1) / 2) * need
    return spots


def legend(
    figure: Figure, header: str, entries: Sequence[Any], *, inside: Axes | None = None
) -> None:
    """Name ``entries`` right of the panels, in columns, or in ``inside`` where there is room."""
    if not entries:
        return
    texts = [wrapped(entry.get_label(), _LETTERS) for entry in entries]
    if inside is not None:
        inside.legend(entries, texts, loc="best")
        return
    rows = max(1, min(_ENTRIES_A_COLUMN, int((figure.get_figheight() - 0.5) / 0.15)))
    columns = math.ceil(len(entries) / rows)
    letters = max(len(line) for text in texts for line in text.split("\n"))
    figure.set_figwidth(figure.get_figwidth() + columns * (0.5 + 0.065 * letters))
    figure.legend(
        entries, texts, loc="outside right upper", title=wrapped(header, _LETTERS) or None,
        ncols=columns, alignment="left", title_fontsize=7.5,
    )  # fmt: skip
