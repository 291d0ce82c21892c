"""The page of ``pimsim circuit failures``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.html import pictures
from experiments.html.blocks import Column, Page, Section, Table, number_cell
from experiments.html.circuit.frame import Result, made, rests
from experiments.output.words import counted
from experiments.report import failure_rows


def page(subcommand: str, result: Result, command: str, folder: Path) -> Page:
    """Return the page."""
    stated = result["assumptions"]
    figure = pictures.figure(
        folder / "failures.png",
        "share of bitlines that are wrong against process variation; the table has the numbers",
    )
    return made(
        subcommand,
        "majority of one operand" if stated["inputs"] == 1 else (
            f"majority of {stated['inputs']} operands on {counted(stated['rows'], 'row')}"
        ),
        f"circuit {stated['preset']} · process {stated['process']} · criterion "
        f"{stated['criterion']}",
        [*_said_of_failures(result)],
        [
            Section("In a figure", [figure]),
            Section("At every variation", [_variations(result)]),
            *rests(
                result, command,
                "failures.csv has every number of this page; each failure_table_*.json is a table "
                "for --failures.",
            ),
        ],
    )  # fmt: skip


def _said_of_failures(result: Result) -> Iterator[str]:
    rows = sorted(result["rows"], key=lambda row: float(row["variation_percent"]))
    for row in (rows[:1], rows[-1:])[len(rows) == 1 :]:
        yield _at(row[0])
    compared = [row for row in rows if row["published_percent"] is not None]
    if compared:
        said = ", ".join(
            f"at {row['variation_percent']:g} % variation "
            f"{failure_rows.percent_text(row['published_percent'])} %"
            for row in compared
        )
        yield f"Ambit published, for comparison: {said}."


def _at(row: Result) -> str:
    shown = failure_rows.percent_text
    ends = f"{shown(row['low_percent'])} to {shown(row['high_percent'])} %"
    if row["high_percent"] is None:
        ends = "the samples say nothing about its upper end"
    return (
        f"At {row['variation_percent']:g} % process variation, "
        f"{shown(row['failure_percent'])} % of the bitlines are wrong (95 % interval: {ends})."
    )


def _variations(result: Result) -> Table:
    names = [*result["rows"][0].get("patterns_percent", {})]
    compared = any(row["published_percent"] is not None for row in result["rows"])
    columns = [
        Column("variation (%)", number=True),
        *(Column(name, number=True) for name in ("wrong (%)", "low (%)", "high (%)")),
        *(Column(f"wrong at {name} (%)", number=True) for name in names if len(names) > 1),
        *([Column("Ambit, published (%)", number=True)] if compared else []),
        Column("bitlines", number=True),
    ]
    rows = []
    for row in result["rows"]:
        values = [row[f"{name}_percent"] for name in ("failure", "low", "high")]
        values += [row["patterns_percent"][name] for name in names if len(names) > 1]
        values += [row["published_percent"]] if compared else []
        rows.append(
            [
                number_cell(row["variation_percent"], f"{row['variation_percent']:g}"),
                *(number_cell(one, failure_rows.percent_text(one)) for one in values),
                number_cell(row["samples"], f"{row['samples']:,}"),
            ]
        )
    return Table(
        "Shares of bitlines; low and high are the ends of the interval", tuple(columns), rows
    )
