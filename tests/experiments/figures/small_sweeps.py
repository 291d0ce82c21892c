"""Results of small sweeps that figures are drawn of, and what those show."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from experiments.figures.style import style
from experiments.figures.sweep import bars, heatmap, lines, tornado
from experiments.figures.sweep.settings import read
from experiments.sweep.results import Axis, Cell, Point, Quantity, Results, Value

ACCURACY = Quantity("accuracy", "accuracy", "%", 100.0)
WRONG = Quantity("wrong", "bitlines wrong", "%", 100.0)
VARIATION = Axis("variation_percent", "process variation", "%", (0, 5, 10, 20))
NETWORK = Axis("network", "network", "", ("mlp", "cnn"))
CELSIUS = Axis("celsius", "temperature", "°C", (25, 85))
VDD = Axis("vdd_mv", "supply voltage", "mV", (1100, 1200, 1300))
KINDS = {
    "lines": lines.figure,
    "heatmap": heatmap.figure,
    "bars": bars.figure,
    "tornado": tornado.figure,
}


def point_of(values: Mapping[str, Value], estimate: float | None) -> Point:
    """A point that has a share of counts, shown in percent."""
    if estimate is None:
        return Point(values, 0)
    low, high = max(0.0, estimate - 0.03), min(1.0, estimate + 0.02)
    return Point(values, 1000, *map(ACCURACY.shown, (estimate, low, high)))


def product_of(
    axes: Sequence[Axis], estimate: Any, quantity: Quantity = ACCURACY, **stated: Any
) -> Results:
    """A sweep over all combinations; ``estimate`` is called with the values in order."""
    fields = [axis.field for axis in axes]
    points = tuple(
        point_of(dict(zip(fields, values, strict=True)), estimate(*values))
        for values in itertools.product(*(axis.values for axis in axes))
    )
    return Results("demo", quantity, tuple(axes), {"banks": 8}, points, stated)


def drawn_of(results: Results, **figure: Any) -> tuple[Figure, list[dict[str, Cell]]]:
    chosen = read(figure, results)
    with style():
        return KINDS[chosen.kind](results, chosen)


def panels_of(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def texts_of(figure: Figure) -> list[str]:
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return [str(one.get_text()).replace("\n", " ") for one in found if one.get_text()]


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def intervals_of(axes: Axes, *, upright: bool = True) -> set[tuple[float, float, float]]:
    """Place, lower and upper end of every interval that is drawn."""
    found = set()
    for collection in axes.collections:
        if isinstance(collection, LineCollection):
            for (x0, y0), (x1, y1) in collection.get_segments():
                ends = (x0, y0, y1) if upright else (y0, x0, x1)
                found.add(tuple(round(float(end), 6) for end in ends))
    return found  # type: ignore[return-value]


def curves_of(axes: Axes) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Joined points, line by line."""
    return [
        (tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata())))
        for line in axes.lines
        if line.get_linestyle() in ("-", ":", "-.")
        and len(line.get_xdata()) > 1
        and line.get_marker() == "None"
    ]


def falling(variation: Value, *_: Value) -> float:
    return 0.97 - float(variation) / 40
