"""What names lines and bars: labels at the ends of lines where there is room, else a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.colours import Look, looks
from experiments.figures.sweep.roles import is_numeric
from experiments.output.words import value_text, wrapped
from experiments.sweep.results import Axis, Value

_DIRECT_AT_MOST = 7
_LETTERS = 24
_ENTRIES_A_COLUMN = 24
_SHIFT_AT_MOST = 0.09
"""Of the height of the axes: labels further away from their lines are a legend instead."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a line ends, and its label."""

    x: float
    y: float
    text: str
    colour: str


def key_text(axes: Sequence[Axis], values: Sequence[Value]) -> str:
    """Return the name of a line or a bar: what it has on each of its axes."""
    return ", ".join(value_text(v, axis.unit) for axis, v in zip(axes, values, strict=True))


def looks_of(
    axes: Sequence[Axis], keys: Sequence[tuple[Value, ...]]
) -> dict[tuple[Value, ...], Look]:
    """Return how each line or bar looks, by its values: a ramp along a single numeric axis."""
    ordered = len(axes) == 1 and is_numeric([key[0] for key in keys])
    return dict(zip(keys, looks(len(keys), ordered=ordered), strict=True))


def beside(axes: Axes, ends: Sequence[End], header: str, height_in: float) -> bool:
    """Label the lines at their right ends; return False, drawing nothing, if there is no room.

    ``height_in`` is that of the axes, roughly. There is nothing to label if no line has a name.
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
                        "shrinkA": 0, "shrinkB": 3},
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
