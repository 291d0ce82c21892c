"""The page of a sweep: what was found where, its figures, and every point.

>>> from experiments.sweep.results import Axis, Point, Quantity
>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> points = (
...     Point({"variation_percent": 0}, 200, 97.0, 94.0, 99.0),
...     Point({"variation_percent": 10}, 200, 81.0, 75.0, 86.0),
... )
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), (axis,), {}, points, {})
>>> page(results, "pimsim sweep demo.toml").answer[0]
'2 points of accuracy: the highest, 97 %, is at process variation 0 %; the lowest, 81 %, at 10 %.'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.html import pictures
from experiments.html.blocks import (
    Block,
    Cell,
    Column,
    Page,
    Section,
    Table,
    number_cell,
)
from experiments.html.run import assumed, reproduced
from experiments.output.words import counted, digits, named, value_text
from experiments.sweep.results import Point, Results, Value, is_number


def page(results: Results, command: str, figures: Sequence[Path] = ()) -> Page:
    """Return the page.

    Args:
        results: all points.
        command: what was typed.
        figures: one file of each.
    """
    quantity = results.quantity
    shown: list[Block] = [
        pictures.figure(
            path,
            f"{quantity.text} against {' and '.join(axis.text for axis in results.axes)}; the "
            "table of points has the numbers",
        )
        for path in figures
    ]
    return Page(
        results.name,
        "pimsim sweep",
        f"{quantity.label} against {' and '.join(axis.label for axis in results.axes)}"
        if results.axes else quantity.label,
        [*_answer(results)],
        [
            Section("In a figure", shown),
            Section("Every point", [_points(results)]),
            assumed({**results.fixed, **results.assumptions}),
            reproduced(command, "results.json and results.csv have every number of this page."),
        ],
    )  # fmt: skip


def _answer(results: Results) -> Iterator[str]:
    known = [point for point in results.points if point.trials]
    count = len(results.points)
    points = counted(count, "point")
    if not known:
        yield f"{points}: none has been measured yet."
        return
    if len(known) < count:
        yield f"{len(known):,} of {points} have been measured; the others have no trials yet."
    label, unit = results.quantity.label, results.quantity.unit
    high, low = (choose(known, key=lambda one: one.estimate) for choose in (max, min))
    if high.estimate == low.estimate:
        yield f"{points} of {label}: {_number(high.estimate, unit)} everywhere."
        return
    differing = [axis for axis in results.axes if len(axis.values) > 1]
    most = " and ".join(named(axis, high.values[axis.field]) for axis in differing)
    if len(differing) == 1:
        (axis,) = differing
        least = value_text(low.values[axis.field], axis.unit)
    else:
        least = " and ".join(named(axis, low.values[axis.field]) for axis in differing)
    yield (
        f"{points} of {label}: the highest, {_number(high.estimate, unit)}, is at {most}; "
        f"the lowest, {_number(low.estimate, unit)}, at {least}."
    )
    for place, other in enumerate(results.also):
        values = [value for point in known for value in point.also[place : place + 1]]
        numbers = [value for value in values if value is not None]
        if numbers:
            ends = (_number(choose(numbers), other.unit) for choose in (min, max))
            yield f"The same trials say {other.label}: from {' to '.join(ends)}."


def _number(value: float, unit: str) -> str:
    return f"{digits(value, 4)} {unit}".rstrip()


def _points(results: Results) -> Table:
    exact = _exact(results.points)
    ends = [] if exact else [Column(name, True) for name in ("low", "high")]
    columns = [
        *(Column(axis.text, all(map(is_number, axis.values))) for axis in results.axes),
        Column(results.quantity.text, True),
        *ends,
        *(Column(other.text, True) for other in results.also),
        *([] if exact else [Column("trials", True)]),
    ]
    rows = []
    for point in results.points:
        numbers = [*point.numbers[: 1 + len(ends)], *point.also]
        cells = [_place(point.values[axis.field]) for axis in results.axes]
        cells += [number_cell(one, "-" if one is None else f"{one:.5g}") for one in numbers]
        trials = [] if exact else [number_cell(point.trials, f"{point.trials:,}")]
        rows.append([*cells, *trials])
    return Table(_caption(results.points), tuple(columns), rows)


def _caption(points: Sequence[Point]) -> str:
    exact = _exact(points)
    return "Every point" if exact else "Every point; low and high are the ends of its interval"


def _exact(points: Sequence[Point]) -> bool:
    """Whether nothing is random, so that there is no interval."""
    return all(point.low == point.high for point in points if point.trials)


def _place(value: Value) -> Cell:
    text = value_text(value)
    return Cell(text, float(value)) if is_number(value) else Cell(text)
