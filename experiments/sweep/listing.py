"""What ``pimsim sweep --fields`` and ``--dry-run`` print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as parts
from typing import Any

from experiments.output import json_output
from experiments.sweep.measures import fields
from experiments.sweep.measures.field import Field
from experiments.sweep.points import SweepPoint
from experiments.sweep.spec import Spec

_PARAMETERS = ("circuit.", "spread.")


def show_fields(*, as_json: bool) -> None:
    """Print every field: what it is, what it takes, what it acts on."""
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

    tables.show(
        [*(axis.text for axis in spec.axes), "key"],
        [
            [*(f"{point.place[axis.field]}" for axis in spec.axes), point.key[:16]]
            for point in points
        ],
        title=f"{len(points):,} points of {spec.name}, {spec.stop.trials:,} trials each at most",
    )


def _record(field: Field) -> dict[str, Any]:
    record = {part.name: getattr(field, part.name) for part in parts(field)}
    del record["derived"]
    for name in ("least", "most"):
        if abs(record[name]) == float("inf"):  # JSON has no infinity
            record[name] = None
    return {**record, "allowed": field.allowed}
