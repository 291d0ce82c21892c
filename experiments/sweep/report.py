"""The results of a sweep as files and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.output import json_output, sheets
from experiments.sweep.measures.fields import table
from experiments.sweep.outcome import Outcome
from experiments.sweep.results import Point, Quantity, Results, Value
from experiments.sweep.table import scaled, with_unit
from pimsim.errors import InputError

CSV, JSON = "results.csv", "results.json"


def document(outcome: Outcome) -> dict[str, Any]:
    """Return everything as JSON values; estimates are in the unit of the quantity."""
    results = outcome.results
    quantity, known = results.quantity, table()
    return {
        "name": results.name,
        "quantity": {
            "name": quantity.name,
            "label": quantity.label,
            "unit": quantity.unit,
        },
        "axes": [
            {
                "field": axis.field,
                "label": axis.label,
                "unit": axis.unit,
                "values": list(axis.values),
            }
            for axis in results.axes
        ],
        "fixed": [
            {"field": name, "label": known[name].label, "unit": known[name].unit, "value": value}
            for name, value in results.fixed.items()
        ],
        "points": [
            {
                "values": dict(point.values),
                "trials": point.trials,
                "estimate": scaled(quantity, point.estimate),
                "low": scaled(quantity, point.low),
                "high": scaled(quantity, point.high),
                "counts": dict(counts),
                "key": made.key,
            }
            for point, made, counts in zip(
                results.points, outcome.points, outcome.counts, strict=True
            )
        ],
        "assumptions": dict(results.assumptions),
    }


def check(empty: Outcome, figure: Mapping[str, object] | None) -> None:
    """Make sure, before anything runs, that the figure that a specification asks for can be drawn.

    Raises :class:`~pimsim.errors.InputError`.
    """
    from experiments.figures import sweep as figures

    if figure is not None and f"{figure.get('name')}.csv" == CSV:
        raise InputError(f"[figure]: `name` must not be {figure['name']!r}: {CSV} is the table")
    if _is_drawn(empty, figure):
        figures.check(empty.results, figure)


def write(outcome: Outcome, figure: Mapping[str, object] | None, folder: Path) -> list[str]:
    """Write tables and figure into ``folder``; return the names of the files."""
    from experiments.figures import sweep as figures

    (folder / JSON).write_text(json_output.text(document(outcome)) + "\n", encoding="utf-8")
    # In one piece and through Python, so that a disk that is full is an error with a name.
    (folder / CSV).write_text(csv_text(outcome), encoding="utf-8", newline="")
    drawn = figures.draw(outcome.results, folder, figure) if _is_drawn(outcome, figure) else []
    return [CSV, JSON, *(path.name for path in drawn)]


def show(results: Results) -> None:
    """Print all points as a table, and under it what every number rests on."""
    from experiments.output import tables
    from experiments.output.words import value_text

    header = [axis.text for axis in results.axes]
    header += [results.quantity.text, "low", "high", "trials"]
    cells = [
        [
            *(value_text(point.values[axis.field]) for axis in results.axes),
            *("-" if one is None else f"{one:.5g}" for one in _shown(results.quantity, point)),
            f"{point.trials:,}",
        ]
        for point in results.points
    ]
    tables.show(header, cells, title=results.name)
    tables.show_assumptions({**results.fixed, **results.assumptions})


def _is_drawn(outcome: Outcome, figure: Mapping[str, object] | None) -> bool:
    """A single point is no figure, unless one is asked for."""
    return figure is not None or len(outcome.points) > 1


def csv_text(outcome: Outcome) -> str:
    """Return the table of all points: every field, trials, estimate and interval, counts.

    Units are in the header, as in ``accuracy_percent``; a point without trials has empty cells.
    """
    results = outcome.results
    varied = [axis.field for axis in results.axes]
    counted = list(next((counts for counts in outcome.counts if counts), {}))
    unit = results.quantity.unit
    numbers = [with_unit(name, unit) for name in (results.quantity.name, "low", "high")]
    # A field and a count may have the same name; a header has each name once.
    taken = {*varied, *results.fixed}
    sums = [f"{name}_in_all" if name in taken else name for name in counted]
    rows = [
        [
            *(_cell(point.values[name]) for name in varied),
            *(_cell(value) for value in results.fixed.values()),
            point.trials,
            *(_number(value) for value in _shown(results.quantity, point)),
            *(counts.get(name, "") for name in counted),
        ]
        for point, counts in zip(results.points, outcome.counts, strict=True)
    ]
    return sheets.text([*varied, *results.fixed, "trials", *numbers, *sums], rows)


def _shown(quantity: Quantity, point: Point) -> tuple[float | None, ...]:
    return tuple(scaled(quantity, one) for one in (point.estimate, point.low, point.high))


def _cell(value: Value) -> str | int | float:
    return str(value).lower() if isinstance(value, bool) else value


def _number(value: float | None) -> float | str:
    return "" if value is None else value
