"""The page of a reproduction: how far published and simulated numbers agree, then its own text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.html import document
from experiments.html.blocks import Page
from experiments.html.run import reproduced
from experiments.output.words import digits

if TYPE_CHECKING:
    from experiments.reproduce.table import Table

CLOSE = 0.05
"""A ratio within this distance of 1 counts as equal."""


def page(text: str, found: Mapping[str, Table], folder: Path, command: str) -> Page:
    """Return the page.

    Args:
        text: its Markdown.
        found: its tables.
        folder: where its figures lie.
        command: what was typed.
    """
    made = document.page(text, folder, "pimsim reproduce")
    again = reproduced(command, "The CSV files beside this page have every number of it.")
    return replace(made, answer=answer(found), sections=[*made.sections, again])


def answer(found: Mapping[str, Table]) -> list[str]:
    """Return how many published numbers are matched, and which differs most."""
    ratios = [
        (row.ratio, f"{row.quantity} of {', '.join(row.of)}" if row.of else row.quantity, row)
        for table in found.values()
        for row in table.rows
        if row.ratio is not None and row.ratio > 0
    ]
    if not ratios:
        return ["No published number stands beside a simulated one here."]
    close = sum(abs(ratio - 1) <= CLOSE for ratio, _, _ in ratios)
    ratio, name, row = max(ratios, key=lambda one: max(one[0], 1 / one[0]))
    said = [
        f"{close:,} of {len(ratios):,} comparisons of a simulated number with a published one "
        f"agree within {CLOSE:.0%}."
    ]
    if abs(ratio - 1) > CLOSE:
        assert row.published is not None
        said.append(
            f"The furthest apart is {name}: {digits(row.simulated, 4)} {row.unit} simulated, "
            f"{digits(row.published.value, 4)} published. The text below says why, where it is "
            "known."
        )
    return said
