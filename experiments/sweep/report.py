"""The results of a sweep as files and on the terminal."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from experiments.sweep.fields import table
from experiments.sweep.outcome import Outcome
from experiments.sweep.results import Point, Quantity, Value

CSV, JSON = "results.csv", "results.json"
_WORDS = {"%": "percent"}


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
                "estimate": _scaled(quantity, point.estimate),
                "low": _scaled(quantity, point.low),
                "high": _scaled(quantity, point.high),
                "counts": dict(counts),
                "key": made.key,
            }
            for point, made, counts in zip(
                results.points, outcome.points, outcome.counts, strict=True
            )
        ],
        "assumptions": dict(results.assumptions),
    }


def write(outcome: Outcome, folder: Path) -> None:
    """Write ``results.json`` and ``results.csv`` into ``folder``."""
    text = json.dumps(document(outcome), indent=2, allow_nan=False)
    (folder / JSON).write_text(text + "\n", encoding="utf-8")
    # In one piece and through Python, so that a disk that is full is an error with a name.
    (folder / CSV).write_text(csv_text(outcome), encoding="utf-8", newline="")


def csv_text(outcome: Outcome) -> str:
    """Return the table of all points: every field, trials, estimate and interval, counts.

    Units are in the header, as in ``accuracy_percent``; a point without trials has empty cells.
    """
    results = outcome.results
    varied = [axis.field for axis in results.axes]
    counted = list(next((counts for counts in outcome.counts if counts), {}))
    suffix = f"_{_unit_word(results.quantity.unit)}" if results.quantity.unit else ""
    numbers = [f"{name}{suffix}" for name in (results.quantity.name, "low", "high")]
    sheet = io.StringIO()
    out = csv.writer(sheet, lineterminator="\n")
    # A field and a count may have the same name; a header has each name once.
    taken = {*varied, *results.fixed}
    sums = [f"{name}_in_all" if name in taken else name for name in counted]
    out.writerow([*varied, *results.fixed, "trials", *numbers, *sums])
    for point, counts in zip(results.points, outcome.counts, strict=True):
        out.writerow(
            [
                *(_cell(point.values[name]) for name in varied),
                *(_cell(value) for value in results.fixed.values()),
                point.trials,
                *(_number(value) for value in _shown(results.quantity, point)),
                *(counts.get(name, "") for name in counted),
            ]
        )
    return sheet.getvalue()


def show(outcome: Outcome) -> None:
    """Print all points as a table, and under it what every number rests on."""
    from experiments import tables

    results = outcome.results
    tables.show(
        [*(axis.text for axis in results.axes), results.quantity.text, "low", "high", "trials"],
        [
            [
                *(_text(point.values[axis.field]) for axis in results.axes),
                *("-" if n is None else f"{n:.5g}" for n in _shown(results.quantity, point)),
                f"{point.trials:,}",
            ]
            for point in results.points
        ],
        title=results.name,
    )
    tables.show_assumptions({**results.fixed, **results.assumptions})


def _shown(quantity: Quantity, point: Point) -> tuple[float | None, ...]:
    return tuple(_scaled(quantity, one) for one in (point.estimate, point.low, point.high))


def _scaled(quantity: Quantity, number: float | None) -> float | None:
    """A number in the unit of the quantity, without the digits that only scaling gave it."""
    return None if number is None else float(f"{number * quantity.scale:.12g}")


def _unit_word(unit: str) -> str:
    return _WORDS.get(unit, unit.lower())


def _cell(value: Value) -> str | int | float:
    return str(value).lower() if isinstance(value, bool) else value


def _number(value: float | None) -> float | str:
    return "" if value is None else value


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
