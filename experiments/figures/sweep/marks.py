"""Horizontal levels and published points in figures of lines and of bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from experiments.figures.colours import PUBLISHED
from experiments.figures.sweep.scales import floor_of
from experiments.figures.sweep.settings import Level, Settings
from experiments.figures.sweep.shown import shown
from experiments.output.words import named, value_text
from experiments.sweep.results import Axis, Results, Value
from experiments.sweep.table import Cell, columns, row
from pimsim.errors import InputError

_LEVEL = "#6b6b6b"
_DASHED = (0, (5, 3))
_MARKERS = ("s", "^", "D", "v", "o", "P")
"""Of published points, open, one a label."""


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line, in the shown unit."""

    y: float
    cells: Mapping[str, Cell]
    """Its row of the table."""


def level(
    axes: Axes, results: Results, settings: Settings, values: Sequence[Value], colour: str | None,
    *, turned: bool = False,
) -> Line | None:  # fmt: skip
    """Draw the level that belongs to a line of a panel, and return it.

    ``values`` are those of the lines' axes, then of the panels'. A level that is the same for all
    is grey. There is none if none is asked for, or it has no trials yet.

    Raises :class:`~pimsim.errors.InputError` if the sweep has no such point.
    """
    found = _level(results, settings, (*settings.roles.lines, *settings.roles.panels), values)
    if found is not None and settings.level is not None:
        own = colour if settings.level.value is None else None
        (axes.axvline if turned else axes.axhline)(
            found.y, color=own or _LEVEL, linestyle=_DASHED, linewidth=0.8, zorder=1
        )
    return found


def level_rows(levels: Sequence[Line]) -> list[dict[str, Cell]]:
    """Return the rows of the levels, each once."""
    rows: list[dict[str, Cell]] = []
    for one in levels:
        if dict(one.cells) not in rows:
            rows.append(dict(one.cells))
    return rows


def _level(
    results: Results, settings: Settings, axes: Sequence[Axis], values: Sequence[Value]
) -> Line | None:
    level = settings.level
    if level is None:
        return None
    label = _level_label(results, level)
    if level.value is not None:
        cells: dict[str, Cell] = dict.fromkeys(columns(results))
        cells[columns(results)[len(results.axes)]] = level.value
        return Line(level.value, tagged(cells, "level", label))
    wanted = dict(zip((axis.field for axis in axes), values, strict=True)) | dict(level.at)
    try:
        point = results.at(**wanted)
    except KeyError:
        stated = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise InputError(f"[figure]: `level` names no point of the sweep: {stated}") from None
    found = shown(results, point)
    return None if found is None else Line(
        found.estimate, tagged(row(results, point), "level", label)
    )  # fmt: skip


def _level_label(results: Results, level: Level) -> str:
    if level.label:
        return level.label
    if level.value is not None:
        return value_text(level.value, results.quantity.unit)
    return ", ".join(
        named(axis, level.at[axis.field]) for axis in results.axes if axis.field in level.at
    )


def published(
    axes: Axes, settings: Settings, place: Mapping[Value, float], *, turned: bool = False
) -> None:
    """Draw the published points, with x upwards if ``turned``.

    A number that is no value of the sweep stands at itself.
    """
    for label, marker in _published_markers(settings).items():
        points = [one for one in settings.reference if one.label == label]
        at = [place[one.x] if one.x in place else float(one.x) for one in points]
        ends = at, [one.y for one in points]
        axes.plot(
            *(ends[::-1] if turned else ends), linestyle="none", marker=marker, markersize=7,
            markerfacecolor="none", color=PUBLISHED, zorder=4,
        )  # fmt: skip


def published_rows(results: Results, settings: Settings) -> list[dict[str, Cell]]:
    """Return the rows of the published points."""
    header = columns(results)
    found = []
    for one in settings.reference:
        cells: dict[str, Cell] = dict.fromkeys(header)
        cells[header[len(results.axes)]] = one.y
        if settings.roles.x is not None:
            cells[header[results.axes.index(settings.roles.x)]] = one.x
        found.append(tagged(cells, "published", one.label, one.source))
    return found


def entries(results: Results, settings: Settings, *, count: int) -> list[Line2D]:
    """Return what a legend says of ``count`` levels and of the published points."""
    found = []
    if settings.level is not None and count:
        found.append(
            Line2D([], [], color=_LEVEL, linestyle=_DASHED, linewidth=0.8,
                   label=_level_label(results, settings.level))
        )  # fmt: skip
    for label, marker in _published_markers(settings).items():
        found.append(
            Line2D([], [], linestyle="none", marker=marker, markersize=7, color=PUBLISHED,
                   markerfacecolor="none", label=label)
        )  # fmt: skip
    return found


def tagged(
    cells: Mapping[str, Cell], what: str, label: str = "", source: str = ""
) -> dict[str, Cell]:
    """Return a row with what it stands for: ``sweep``, ``level`` or ``published``."""
    return {**cells, "what": what, "label": label, "source": source}


def limits_of(
    results: Results, settings: Settings, drawn: Sequence[float], *, log: bool
) -> tuple[float, float]:
    """Return the limits asked for, else a little more than what is drawn."""
    if settings.limits:
        return settings.limits
    if log:
        positive = [number for number in drawn if number > 0]
        return floor_of(positive), 1.6 * max(positive, default=1.0)
    nothing = 100.0 if results.quantity.unit == "%" else 1.0
    low, high = min(drawn, default=0.0), max(drawn, default=nothing)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    bottom, top = low - room, high + room
    if results.quantity.unit == "%" and 0 <= low <= high <= 100:
        # a share cannot leave 0 to 100: keep only the room that a marker needs
        bottom, top = max(bottom, -0.03 * top), min(top, 100 + 0.03 * (100 - low) + 1e-3)
    return bottom, top


def _published_markers(settings: Settings) -> Mapping[str, str]:
    names = dict.fromkeys(one.label for one in settings.reference)
    return {name: _MARKERS[index % len(_MARKERS)] for index, name in enumerate(names)}
