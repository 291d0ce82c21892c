"""What figures of lines and bars share: looks, levels, published points and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from experiments.figures.style import PUBLISHED, log_ticks, looks
from experiments.figures.sweep.frame import empty
from experiments.figures.sweep.roles import Panel, is_numeric, split, tried
from experiments.figures.sweep.scales import floor_of, spans_decades
from experiments.figures.sweep.settings import Level, Settings
from experiments.output.words import decade_text, named, value_text
from experiments.sweep.results import Cell, Point, Results, Value, columns, row
from pimsim.errors import InputError

Key = tuple[Value, ...]
"""Values, one on each axis, that identify a line or a bar of a group."""

_LEVEL: Mapping[str, Any] = {"color": "#6b6b6b", "linestyle": (0, (5, 3)), "linewidth": 0.8}
_OPEN = {"linestyle": "none", "markersize": 7, "color": PUBLISHED, "markerfacecolor": "none"}
_MARKERS = ("s", "^", "D", "v", "o", "P")
"""Open markers of published points, one for each label."""


class Chart:
    """Lines or bars of a figure; the quantity is along y, or along x if ``turned``."""

    def __init__(self, results: Results, settings: Settings, *, turned: bool = False) -> None:
        self.results, self.settings, self.turned = results, settings, turned
        axes = settings.roles.lines
        self.keys: list[Key] = [one.values for one in split(results, axes, results.points)]
        # A ramp along a single numeric axis.
        ordered = len(axes) == 1 and is_numeric([key[0] for key in self.keys])
        self.looks = dict(zip(self.keys, looks(len(self.keys), ordered=ordered), strict=True))
        self.header = ", ".join(axis.label for axis in axes)
        """Header of the names of lines and bars."""
        self.everything = tried(results.points)
        self.numbers = [one.estimate for one in self.everything]
        self.log = spans_decades(self.numbers) if settings.log_y is None else settings.log_y
        """Whether the quantity's axis is logarithmic."""
        self.drawn: list[float] = [one.y for one in settings.reference]
        """All values that the quantity's axis must include."""
        self._rows: list[dict[str, Cell]] = []
        self._levels: list[dict[str, Cell]] = []

    def name(self, key: Key) -> str:
        """Return the name of a line or a bar."""
        axes = self.settings.roles.lines
        return ", ".join(
            _shown(value_text(v, axis.unit)) for axis, v in zip(axes, key, strict=True)
        )

    def scale(self, axes: Axes) -> None:
        """Scale the quantity's axis.

        Raises :class:`~pimsim.errors.InputError` where a logarithm is asked for and impossible.
        """
        which = axes.xaxis if self.turned else axes.yaxis
        if self.log:
            least = min(self.numbers, default=0.0)
            if least < 0:
                raise InputError(f"[figure]: `log_y` needs positive numbers; there is {least:g}")
            (axes.set_xscale if self.turned else axes.set_yscale)("log", nonpositive="clip")
            log_ticks(which, decade_text)
        which.grid(visible=True)

    def add(self, key: Key, found: Sequence[Point]) -> None:
        """Record the points that are drawn for a line or a bar."""
        for one in found:
            self._rows.append(tagged(row(self.results, one), "sweep", self.name(key)))
            self.drawn += [one.low, one.estimate, one.high]

    def level(self, axes: Axes, key: Key, panel: Panel) -> None:
        """Draw the level that belongs to a line, or to a bar, of a panel.

        A level that is the same for all is grey. None is drawn if none is asked for, or if it has
        no trials yet.

        Raises :class:`~pimsim.errors.InputError` if the sweep has no such point.
        """
        level = self.settings.level
        found = None if level is None else self._level(level, (*key, *panel.values))
        if level is None or found is None:
            return
        y, cells = found
        self.drawn.append(y)
        if cells not in self._levels:
            self._levels.append(cells)
        own = level.value is None and len(self.keys) > 1
        look = {**_LEVEL, "color": self.looks[key].colour} if own else _LEVEL
        (axes.axvline if self.turned else axes.axhline)(y, zorder=1, **look)

    def close_panel(self, axes: Axes, panel: Panel, place: Mapping[Value, float]) -> None:
        """Draw the published points; write a note if the sweep has nothing there yet.

        A published point stands at the ``place`` of its value, or else at that number.
        """
        if not tried(panel.points):
            empty(axes)
        for label, look in self._published().items():
            points = [one for one in self.settings.reference if one.label == label]
            at = [place[one.x] if one.x in place else float(one.x) for one in points]
            ends = at, [one.y for one in points]
            axes.plot(*(ends[::-1] if self.turned else ends), zorder=4, **look)

    def rows(self) -> list[dict[str, Cell]]:
        """Return the table: the points of the sweep, each level once, and the published points."""
        found = [*self._rows, *self._levels]
        for one in self.settings.reference:
            cells = self._cells(one.y)
            if self.settings.roles.x is not None:
                place = self.results.axes.index(self.settings.roles.x)
                cells[columns(self.results)[place]] = one.x
            found.append(tagged(cells, "published", one.label, one.source))
        return found

    def entries(self) -> list[Line2D]:
        """Return the legend's entries for levels and published points."""
        found = []
        if self.settings.level is not None and self._levels:
            found.append(Line2D([], [], label=self._level_label(self.settings.level), **_LEVEL))
        for label, look in self._published().items():
            found.append(Line2D([], [], label=label, **look))
        return found

    def limits(self, *more: float) -> tuple[float, float]:
        """Return the limits asked for, or limits a little wider than what is drawn and ``more``."""
        if self.settings.limits:
            return self.settings.limits
        drawn = [*self.drawn, *more]
        if self.log:
            positive = [number for number in drawn if number > 0]
            return floor_of(positive), 1.6 * max(positive, default=1.0)
        share = self.results.quantity.unit == "%"
        low, high = min(drawn, default=0.0), max(drawn, default=100.0 if share else 1.0)
        room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
        bottom, top = low - room, high + room
        if share and 0 <= low <= high <= 100:
            # a share cannot leave 0 to 100: keep only the room that a marker needs
            bottom, top = max(bottom, -0.03 * top), min(top, 100 + 0.03 * (100 - low) + 1e-3)
        return bottom, top

    def _level(self, level: Level, values: Sequence[Value]) -> tuple[float, dict[str, Cell]] | None:
        """The level of a line and a panel with these values, in the shown unit, and its row."""
        label = self._level_label(level)
        if level.value is not None:
            return level.value, tagged(self._cells(level.value), "level", label)
        axes = (*self.settings.roles.lines, *self.settings.roles.panels)
        wanted = dict(zip((axis.field for axis in axes), values, strict=True)) | dict(level.at)
        try:
            point = self.results.point(**wanted)
        except KeyError:
            stated = ", ".join(f"{key} {value}" for key, value in wanted.items())
            raise InputError(f"[figure]: `level` names no point of the sweep: {stated}") from None
        cells = tagged(row(self.results, point), "level", label)
        return (point.estimate, cells) if point.trials else None

    def _cells(self, y: float) -> dict[str, Cell]:
        """A row of the table without a point: only the quantity is filled in."""
        header = columns(self.results)
        return {**dict.fromkeys(header), header[len(self.results.axes)]: y}

    def _level_label(self, level: Level) -> str:
        if level.label:
            return level.label
        if level.value is not None:
            return value_text(level.value, self.results.quantity.unit)
        axes = [axis for axis in self.results.axes if axis.field in level.at]
        return ", ".join(named(axis, level.at[axis.field]) for axis in axes)

    def _published(self) -> Mapping[str, Mapping[str, Any]]:
        """How the published points of each label look."""
        names = dict.fromkeys(one.label for one in self.settings.reference)
        return {name: {**_OPEN, "marker": marker} for name, marker in zip(names, cycle(_MARKERS))}


def _shown(text: str) -> str:
    """The name of a value; a file's name without its ending.

    >>> _shown("random-data-half.json"), _shown("output-tree")
    ('random data half', 'output-tree')
    """
    stem, dot, ending = text.rpartition(".")
    return stem.rpartition("/")[2].replace("-", " ") if dot and ending in ("json", "toml") else text


def tagged(
    cells: Mapping[str, Cell], what: str, label: str = "", source: str = ""
) -> dict[str, Cell]:
    """Return a row with its kind: ``sweep``, ``level`` or ``published``."""
    return {**cells, "what": what, "label": label, "source": source}
