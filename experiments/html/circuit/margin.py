"""The page of ``pimsim circuit margin``: every map as a table, coloured by its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.html import pictures
from experiments.html.blocks import Column, Fact, Page, Section, Table, number_cell
from experiments.html.circuit.frame import Result, made, rests
from experiments.output.words import counted

_SHADES = 9


def page(subcommand: str, result: Result, command: str, folder: Path) -> Page:
    """Return the page."""
    stated = result["assumptions"]
    names = ", ".join(one["name"] for one in result["maps"])
    figure = pictures.figure(
        folder / "margin.png",
        f"heat maps of the sense margin: {names}; the tables have the numbers",
    )
    return made(
        subcommand,
        f"sense margin of {stated['operation']}, {counted(stated['inputs'], 'operand')}",
        f"circuit {stated['preset']} · {counted(stated['rows'], 'row')}",
        [*_said_of_margins(result)],
        [
            Section("In a figure", [figure]),
            *(Section(f"Against {one['x_label']}", [_map(one)]) for one in result["maps"]),
            *rests(
                result, command, "Each margin_*.csv has the numbers of one of these tables."
            ),
        ],
        [Fact("sense margin", f"{result['margin_mv']:.1f} mV", "of this circuit")],
    )  # fmt: skip


def _said_of_margins(result: Result) -> Iterator[str]:
    margin_mv = result["margin_mv"]
    yield (
        "The sense margin is the smallest swing towards the right answer that the sense amplifier "
        f"gets: {margin_mv:.1f} mV in this circuit."
    )
    wrong = [
        one["x_label"] for one in result["maps"] if min(map(min, one["margin_mv"])) <= 0
    ]  # fmt: skip
    if wrong:
        yield (
            "Where it is 0 or negative, even a perfect sense amplifier is wrong: that happens in "
            f"the table against {' and in that against '.join(wrong)}."
        )
    else:
        yield "It is positive everywhere in the tables: a perfect sense amplifier is always right."


def _map(one: Mapping[str, Any]) -> Table:
    values = [value for line in one["margin_mv"] for value in line]
    least, most = min(0.0, *values), max(values)
    span = (most - least) or 1.0
    rows = [
        [
            number_cell(up, f"{up:g}"),
            *(
                number_cell(
                    value, f"{value:.1f}", shade=round(_SHADES * (value - least) / span),
                    strong=value <= 0,
                )
                for value in line
            ),
        ]
        for up, line in zip(one["y"], one["margin_mv"], strict=True)
    ]  # fmt: skip
    columns = (
        Column(one["y_label"], number=True), *(Column(f"{x:g}", middle=True) for x in one["x"])
    )  # fmt: skip
    caption = f"Margin in mV; from left to right: {one['x_label']}; downwards: {one['y_label']}"
    return Table(caption, columns, rows, sortable=False)
