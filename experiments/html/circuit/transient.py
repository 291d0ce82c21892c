"""The page of a transient: ``pimsim circuit read|tra|not|copy|majority|and|or``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from experiments.html import pictures
from experiments.html.blocks import Block, Cell, Column, Fact, Page, Section, Table, number_cell
from experiments.html.circuit.frame import Result, made, rests
from experiments.report import transient as rows_of


def page(subcommand: str, report: Result, command: str, folder: Path) -> Page:
    """Return the page."""
    name, quantities = report["scenario"], rows_of.quantities(report)
    figure = pictures.figure(
        folder / f"{name}.png",
        f"voltages of both bitlines, the cells and the control lines over time: {report['title']}; "
        f"{name}.csv has the numbers",
    )
    columns = Column("quantity"), Column("value", number=True), Column("what it is")
    shown: list[Block] = [
        Table("What came out", columns, _texts(quantities), sortable=False), _cells(report)
    ]  # fmt: skip
    checked = []
    if "ngspice" in report:
        columns = (
            Column("quantity"), Column("pimsim less ngspice", number=True),
            Column("limit", number=True),
        )  # fmt: skip
        rows = _texts(rows_of.against_ngspice(report))
        checked.append(Table("Differences and their limits", columns, rows, sortable=False))
    return made(
        subcommand,
        report["title"],
        f"circuit {report['assumptions']['preset']} · changed: {report['assumptions']['set']}",
        [*_said_of_transient(report)],
        [
            Section("Over time", [figure]),
            Section("In numbers", shown),
            Section("Beside ngspice", checked),
            *rests(
                report, command,
                f"{name}.csv has every point of the curves, {name}.cir the circuit for ngspice.",
            ),
        ],
        [Fact(*one) for one in zip(_FACTS, (value for _, value, _ in quantities), strict=False)],
    )  # fmt: skip


_FACTS = ("swing", "latch time", "bit read", "cells restored to", "energy")
"""The first quantities of a transient, as large numbers."""


def _said_of_transient(report: Result) -> Iterator[str]:
    value, latch_ns = report["value"], report["latch_ns"]
    if report["correct"]:
        yield f"The bitline ends at {value}, which is right."
    else:
        yield f"The bitline ends at {value}, which is WRONG: {report['expected']} is right."
    swing = f"{abs(report['dv_at_sense_mv']):.2f} mV"
    above = "above" if report["dv_at_sense_mv"] >= 0 else "below"
    told = (
        "it does not tell them apart before the rows close"
        if latch_ns is None
        else f"it needs {latch_ns:.3f} ns to tell them apart"
    )
    yield (
        f"When the sense amplifier starts, the bitline is {swing} {above} its complement; {told}."
    )
    if "ngspice" in report:
        failures = report["ngspice"]["failures"]
        yield (
            f"ngspice says otherwise, beyond a limit: {', '.join(failures)}."
            if failures
            else "ngspice, run on the same circuit, agrees within every limit."
        )


def _texts(rows: Sequence[tuple[str, ...]]) -> list[list[Cell]]:
    return [[Cell(text) for text in row] for row in rows]


def _cells(report: Result) -> Table:
    rows = []
    levels = ((name, f"{level_mv:.1f}") for name, level_mv in report["cells_mv"].items())
    for level, group in groupby(levels, key=lambda one: one[1]):
        names = [name for name, _ in group]
        cells = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        rows.append([Cell(cells), number_cell(float(level), level)])
    columns = Column("cell"), Column("level (mV)", number=True)
    return Table("What the cells hold when the rows close", columns, rows)
