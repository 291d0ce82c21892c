"""The page of ``pimsim reproduce simra``, written from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.output.markdown import Cells, filled, markdown
from experiments.reproduce.chips import left_out
from experiments.reproduce.table import Table, digits


def page(found: Mapping[str, Table], pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the figures, with its slash."""
    shown = {name: markdown(cells) for name, (_, cells) in summary(found).items()}
    return filled(
        __package__,
        "page.md",
        pictures=pictures,
        stated=next(row.options for row in found["cost"].rows),
        left_out=f" {left_out(found)}".rstrip(),
        of_groups=_of_groups(found["groups"], pictures, shown) if "groups" in found else "",
        **shown,
    )


def _of_groups(groups: Table, pictures: str, shown: Mapping[str, str]) -> str:
    first = groups.rows[0].of[:3]
    half = groups.find(groups.rows[0].quantity, *first, "50 %")
    return filled(
        __package__,
        "groups.md",
        pictures=pictures,
        whole=digits(groups.rows[0].simulated, 3),
        half=digits(half, 3),
        copies=shown["copies"],
        groups=shown["groups"],
    )


def summary(found: Mapping[str, Table]) -> dict[str, tuple[str, Cells]]:
    """Return the tables of the page, each with its title."""
    shown = {name: (table.title, table.cells()) for name, table in found.items()}
    if "groups" in found:
        shown["groups"] = found["groups"].title, _by_share(found["groups"])
    shown["cost"] = found["cost"].title, by_operation(found["cost"])
    return shown


def by_operation(table: Table) -> Cells:
    """Return costs with a line for each operation."""
    quantities = list(dict.fromkeys((row.quantity, row.unit) for row in table.rows))
    cells: list[tuple[str, ...]] = [
        (*table.keys, *(f"{name}, {unit}" for name, unit in quantities))
    ]
    for of in dict.fromkeys(row.of for row in table.rows):
        cells.append((*of, *(digits(table.find(name, *of), 4) for name, _ in quantities)))
    return cells


def _by_share(table: Table) -> Cells:
    shares = table.distinct(3)
    quantity = table.rows[0].quantity
    cells: list[tuple[str, ...]] = [
        ("operation", "rows", "delays", *(f"best {share}" for share in shares))
    ]
    for key in dict.fromkeys(row.of[:3] for row in table.rows):
        values = (table.find(quantity, *key, share) for share in shares)
        cells.append((*key, *(digits(value, 4) for value in values)))
    return cells
