"""The page of ``pimsim circuit fit``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.html import pictures
from experiments.html.blocks import Cell, Column, Page, Section, Table, number_cell
from experiments.html.circuit.frame import Result, made, rests


def page(subcommand: str, result: Result, command: str, folder: Path) -> Page:
    """Return the page."""
    stated = result["assumptions"]
    figure = pictures.figure(
        folder / "fit.png", "published numbers beside those of the model; the table has both"
    )
    sections = [
        Section("In a figure", [figure]),
        Section("The amounts", [_amounts(result)]),
        Section("Number by number", [_points(result)]),
    ]
    if "modules" in result:
        sections.append(Section("Module by module", [_modules(result)]))
    settings = [f"{name} {stated[name]}" for name in ("preset", "criterion") if name in stated]
    return made(
        subcommand,
        f"fit of {stated['process']}",
        " · ".join(settings),
        [*_said_of_fit(result)],
        [*sections, *rests(result, command, "fit.csv has the published numbers and the model's.")],
    )


def _said_of_fit(result: Result) -> Iterator[str]:
    yield (
        f"The model is {result['rms_points']:.2g} percentage points (RMS) away from the published "
        "numbers."
    )
    worst = max(result["points"], key=lambda one: abs(float(one["residual_points"])))
    yield (
        f"The furthest apart ({worst['label']}): {worst['published_percent']:.2f} % published, "
        f"{worst['model_percent']:.2f} % by the model."
    )


def _amounts(result: Result) -> Table:
    rows = [
        [Cell(one["quantity"]),
         *(number_cell(one[name], f"{one[name]:.4g}") for name in ("bundled", "fitted"))]
        for one in result["amounts"]
    ]  # fmt: skip
    columns = Column("quantity"), Column("bundled", number=True), Column("fitted", number=True)
    return Table("What was fitted; each name ends in its unit", columns, rows)


def _points(result: Result) -> Table:
    rows = [
        [
            Cell(one["label"]),
            number_cell(one["published_percent"], f"{one['published_percent']:.2f}"),
            number_cell(one["model_percent"], f"{one['model_percent']:.2f}"),
            number_cell(one["residual_points"], f"{one['residual_points']:+.2f}"),
        ]
        for one in result["points"]
    ]
    columns = (
        Column("published number"), Column("published (%)", number=True),
        Column("model (%)", number=True), Column("left over (points)", number=True),
    )  # fmt: skip
    return Table("Published numbers, and the model's", columns, rows)


def _modules(result: Result) -> Table:
    waits = list(result["modules"][0]["lost_percent"])
    rows = [
        [
            Cell(one["module"]),
            Cell(one["die"] + ("" if one["pooled"] else " (apart)")),
            *(
                number_cell(percent, "-" if percent is None else f"{percent:.3g}")
                for percent in (one["lost_percent"].get(wait) for wait in waits)
            ),
            number_cell(one["median_s"], f"{one['median_s']:,.0f}"),
            number_cell(one["log_scale"], f"{one['log_scale']:.2f}"),
            number_cell(one["worst_ratio"], f"{one['worst_ratio']:,.3g}"),
        ]
        for one in result["modules"]
    ]
    columns = (
        Column("module"), Column("die"),
        *(Column(f"lost after {wait} s (%)", number=True) for wait in waits),
        Column("fitted alone: median (s)", number=True), Column("log scale", number=True),
        Column("off by at most (times)", number=True),
    )  # fmt: skip
    return Table("What each module says by itself", columns, rows)
