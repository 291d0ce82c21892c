"""The results of a sweep as files and on the terminal; its fields and points as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.output import json_output, sheets
from experiments.sweep.measures import fields
from experiments.sweep.measures.field import Field
from experiments.sweep.points import SweepPoint
from experiments.sweep.results import Results, Value, with_unit
from experiments.sweep.spec import Spec

CSV, JSON = "results.csv", "results.json"


def document(results: Results) -> dict[str, Any]:
    """Return everything as JSON values; estimates are in the unit of the quantity."""
    quantity, known = results.quantity, fields.table()
    return {
        "name": results.name,
        "quantity": {"name": quantity.name, "label": quantity.label, "unit": quantity.unit},
        "axes": [{**asdict(axis), "values": list(axis.values)} for axis in results.axes],
        "fixed": [
            {"field": name, "label": known[name].label, "unit": known[name].unit, "value": value}
            for name, value in results.fixed.items()
        ],
        "points": [
            {
                "values": dict(point.values),
                **({"following": dict(point.following)} if point.following else {}),
                "trials": point.trials,
                **dict(zip(("estimate", "low", "high"), point.numbers, strict=True)),
                "counts": dict(point.counts),
                "key": point.key,
            }
            for point in results.points
        ],
        "assumptions": dict(results.assumptions),
    }


def write(
    results: Results, figure: Mapping[str, object] | None, folder: Path
) -> tuple[list[str], str]:
    """Write tables and figure into ``folder``; return the names of the files, and the JSON."""
    from experiments.figures import sweep as figures

    text = json_output.text(document(results))
    (folder / JSON).write_text(f"{text}\n", encoding="utf-8")
    # In one piece and through Python, so that a full disk raises an error that names the file.
    (folder / CSV).write_text(csv_text(results), encoding="utf-8", newline="")
    drawn = figures.draw(results, folder, figure) if is_drawn(results, figure) else []
    return [CSV, JSON, *(path.name for path in drawn)], text


def show(results: Results) -> None:
    """Print all points as a table, and the assumptions below it."""
    from experiments.output import tables
    from experiments.output.words import value_text

    header = [axis.text for axis in results.axes]
    header += [results.quantity.text, "low", "high"]
    header += [*(other.text for other in results.also), "trials"]
    cells = [
        [
            *(value_text(point.values[axis.field]) for axis in results.axes),
            *("-" if one is None else f"{one:.5g}" for one in (*point.numbers, *point.also)),
            f"{point.trials:,}",
        ]
        for point in results.points
    ]
    tables.show(header, cells, title=results.name)
    tables.show_assumptions({**results.fixed, **followed(results), **results.assumptions})


def followed(results: Results) -> dict[str, str]:
    """Return fields whose values follow from the varied ones, each with its values in words."""
    from experiments.output.words import value_text

    names = results.points[0].following
    found = {name: dict.fromkeys(point.following[name] for point in results.points)
             for name in names}  # fmt: skip
    return {
        name: "by point: " + ", ".join("none" if one is None else value_text(one) for one in values)
        for name, values in found.items()
    }


def is_drawn(results: Results, figure: Mapping[str, object] | None) -> bool:
    """Return whether there is a figure; a single point has one only if it is asked for."""
    return figure is not None or len(results.points) > 1


def csv_text(results: Results) -> str:
    """Return the table of all points: every field, trials, estimate and interval, counts.

    Units are in the header, as in ``accuracy_percent``; a point without trials has empty cells.
    """
    varied = [axis.field for axis in results.axes]
    most = max((point.counts for point in results.points), key=len, default={})
    counted = list(most)
    unit = results.quantity.unit
    numbers = [with_unit(name, unit) for name in (results.quantity.name, "low", "high")]
    # A field and a count may have the same name; a header has each name once.
    following = [*(results.points[0].following if results.points else ())]
    taken = {*varied, *results.fixed, *following}
    sums = [f"{name}_in_all" if name in taken else name for name in counted]
    rows = [
        [
            *(_cell(point.values[name]) for name in varied),
            *(_cell(value) for value in results.fixed.values()),
            *("" if one is None else _cell(one) for one in map(point.following.get, following)),
            point.trials,
            *("" if value is None else value for value in point.numbers),
            *(point.counts.get(name, "") for name in counted),
        ]
        for point in results.points
    ]
    head = [*varied, *results.fixed, *following, "trials", *numbers, *sums]
    return sheets.text(head, rows)


def _cell(value: Value) -> str | int | float:
    return str(value).lower() if isinstance(value, bool) else value


_PARAMETERS = ("circuit.", "spread.")


def show_fields(*, as_json: bool) -> None:
    """Print every field: its meaning, its allowed values, and its measures."""
    known = list(fields.table().values())
    if as_json:
        json_output.show({"fields": [_record(field) for field in known]})
        return
    from experiments.output import tables

    tables.show(
        ("field", "default", "acts on", "what it is"),
        [
            (
                field.name,
                field.derived_text if field.default is None else str(field.default),
                ", ".join(field.measures),
                _described(field),
            )
            for field in known
        ],
        wide=3,
    )


def _described(field: Field) -> str:
    unit = f" in {field.unit}" if field.unit else ""
    text = f"{field.label}{unit}: {field.allowed}"
    return text if field.name.startswith(_PARAMETERS) else f"{text}; {field.help}"


def show_points(spec: Spec, points: Sequence[SweepPoint], *, as_json: bool) -> None:
    """Print every point and its key."""
    if as_json:
        document = {
            "name": spec.name,
            "measure": spec.measure.name,
            "trials": spec.stop.trials,
            "points": [
                {"values": dict(point.place), "key": point.key, "content": dict(point.content)}
                for point in points
            ],
        }
        json_output.show(document)
        return
    from experiments.output import tables
    from experiments.output.words import counted

    tables.show(
        [*(axis.text for axis in spec.axes), "key"],
        [
            [*(f"{point.place[axis.field]}" for axis in spec.axes), point.key[:16]]
            for point in points
        ],
        title=f"{counted(len(points), 'point')} of {spec.name}, at most "
        f"{counted(spec.stop.trials, 'trial')} each",
    )


def _record(field: Field) -> dict[str, Any]:
    record = asdict(field)
    del record["derived"]
    for name in ("least", "most"):
        if abs(record[name]) == float("inf"):  # JSON has no infinity
            record[name] = None
    return {**record, "allowed": field.allowed}
