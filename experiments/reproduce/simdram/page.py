"""The page of ``pimsim reproduce simdram``, written from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.output.markdown import Cells, markdown
from experiments.reproduce.simdram.tables import BANKS, DOTS, NAME, WIDTHS
from experiments.reproduce.table import Table, digits


def page(found: Mapping[str, Table], pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the figures, with its slash."""
    width = found["width"]
    stated = next(row.options for row in width.rows if row.quantity == "latency")
    tables = {name: markdown(cells) for name, (_, cells) in summary(found).items()}
    return f"""\
# SIMDRAM's figures, reproduced

Hajinazar et al., "SIMDRAM: An End-to-End Framework for Bit-Serial SIMD Computing in DRAM", ASPLOS
2021. `pimsim reproduce {NAME}` makes this page, its figures and the table behind each.
*Published* is a count that the publication prints or that follows from a formula in it; *ratio*
is simulated over published. Every value stands in a CSV file with its options and its source.
What SIMDRAM measures against a processor and a graphics card (88 and 5.8 times their throughput
with 16 banks) is not reproduced: it rests on their measured rates.

Set-up of this page: {stated}.

## Row commands

The programs that pimsim executes, counted. Their values are tested on every input where that is
feasible, not only their counts.

{tables["commands"]}
## XNOR and popcount against width

![width]({pictures}{NAME}-width.png)

{tables["width"]}
Energy (by model, in pJ) and rate (tFAW off and on, in G/s) are those of a *bit*: one row of one
column, be it a product of two signs, a sign that is counted, or both, which is a
multiply-accumulate of a binary network. n - popcount(n) full adders of eight commands count n
rows, so that counting takes eight commands a row in the long run, and XNOR seven more. Where
weights are known when the commands are written, the XNOR falls away and counting is all there is.
Latency is that of one bank; rates are those of all banks with every column used.

## Banks

![banks]({pictures}{NAME}-banks.png)

{tables["banks"]}
Times the throughput of one bank. Without tFAW, every bank works on its own. With it, a rank
starts four activations in each window, whichever bank they are in, and only further ranks bring
more: {_sixteen(found["banks"])}
"""


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
    for name in dict.fromkeys(row.of[0] for row in table.rows):
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
"""Quantities in the words of a narrow table."""


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
    """What sixteen banks of each standard bring under tFAW, and where they are."""
    parts = []
    for row in table.rows:
        standard, operation, faw, banks = row.of
        if (row.quantity, operation, faw, banks) == ("times one bank", "and", "on", "16"):
            ranks = next((w for w in row.options.split("; ") if w.endswith("ranks")), "one rank")
            parts.append(f"{digits(row.simulated, 3)} times with {standard} in {ranks}")
    return "16 banks make an AND " + ", ".join(parts) + "."
