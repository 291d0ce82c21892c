"""The page of ``pimsim reproduce fcdram``, written from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.output.markdown import Cells, filled, markdown
from experiments.reproduce.chips import left_out
from experiments.reproduce.simra.page import by_operation
from experiments.reproduce.table import Table


def page(found: Mapping[str, Table], pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the figures, with its slash."""
    return filled(
        __package__,
        "page.md",
        pictures=pictures,
        stated=found["cost"].rows[0].options,
        left_out=f" {left_out(found)}".rstrip(),
        **{name: markdown(cells) for name, (_, cells) in summary(found).items()},
    )


def summary(found: Mapping[str, Table]) -> dict[str, tuple[str, Cells]]:
    """Return the tables of the page, each with its title."""
    shown = {name: (table.title, table.cells()) for name, table in found.items()}
    shown["cost"] = found["cost"].title, by_operation(found["cost"])
    return shown
