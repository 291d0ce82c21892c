"""The page of ``pimsim reproduce simdram``, written from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.output.markdown import Cells, filled, markdown
from experiments.reproduce.simdram.tables import BANKS, DOTS, WIDTHS
from experiments.reproduce.table import Table, digits


def page(found: Mapping[str, Table], pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the figures, with its slash."""
    width = found["width"]
    stated = next(row.options for row in width.rows if row.quantity == "latency")
    tables = {name: markdown(cells) for name, (_, cells) in summary(found).items()}
    return filled(
        __package__,
        "page.md",
        stated=stated,
        pictures=pictures,
        sixteen=_sixteen(found["banks"]),
        **tables,
    )


def summary(found: Mapping[str, Table]) -> dict[str, tuple[str, Cells]]:
    """Return the tables of the page, each with its title."""
    return {
        "commands": ("Row commands", _commands(found["commands"])),
        "width": (
            "XNOR and popcount of so many rows; pJ and G/s of a bit",
            _width(found["width"]),
        ),
        "banks": ("Times the throughput of one bank", _banks(found["banks"])),
    }


def _commands(table: Table) -> Cells:
    """One line for each operation: published / simulated at each width."""
    cells: list[tuple[str, ...]] = [("operation", "published", "width: simulated", "ratio")]
    for name in table.distinct(0):
        rows = [row for row in table.rows if row.of[0] == name]
        counts = ", ".join(
            f"{row.of[1]}: {row.simulated}" if len(rows) > 1 else f"{row.simulated}" for row in rows
        )
        ratios = {f"{row.ratio:.3f}" for row in rows if row.ratio is not None}
        source = next(row.published.source for row in rows if row.published)
        cells.append((name, source, counts, ", ".join(sorted(ratios))))
    return cells


_SHORT = {
    "row commands": "commands",
    "row commands a bit": "a bit",
    "latency": "latency, us",
    "energy a bit, ambit-paper": "ambit-paper",
    "energy a bit, datasheet": "datasheet",
    "bits a second, tFAW off": "tFAW off",
    "bits a second, tFAW on": "tFAW on",
}
"""Short names of quantities, for a narrow table."""


def _width(table: Table) -> Cells:
    quantities = list(dict.fromkeys(row.quantity for row in table.rows))
    cells: list[tuple[str, ...]] = [("", "rows", *(_SHORT[name] for name in quantities))]
    for name in DOTS:
        for width in (WIDTHS[0], WIDTHS[3], WIDTHS[-1]):
            values = (table.find(quantity, name, str(width)) for quantity in quantities)
            cells.append((name, str(width), *(digits(value, 3) for value in values)))
    return cells


def _banks(table: Table) -> Cells:
    cells: list[tuple[str, ...]] = [
        ("standard", "operation", "tFAW", *(f"{n} bank{'s'[: n - 1]}" for n in BANKS))
    ]
    for key in dict.fromkeys(row.of[:3] for row in table.rows):
        values = (table.find("times one bank", *key, str(banks)) for banks in BANKS)
        cells.append((*key, *(digits(value, 3) for value in values)))
    return cells


def _sixteen(table: Table) -> str:
    """Throughput of sixteen banks of each standard under tFAW, and how many ranks they need."""
    parts = []
    for row in table.rows:
        standard, operation, faw, banks = row.of
        if (row.quantity, operation, faw, banks) == ("times one bank", "and", "on", "16"):
            ranks = next((w for w in row.options.split("; ") if w.endswith("ranks")), "one rank")
            parts.append(f"{digits(row.simulated, 3)} times with {standard} in {ranks}")
    return "16 banks make an AND " + ", ".join(parts) + "."
