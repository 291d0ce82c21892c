"""The pages of ``pimsim reproduce``.

Each experiment of ``pimsim reproduce`` becomes ``docs/reproduce-NAME.md``, with its figures and
tables in ``docs/figures``. What depends on the machine is left out.
"""

from __future__ import annotations

from pathlib import Path

from experiments.commands.reproduce import EXPERIMENTS
from experiments.options.table import STANDARD
from experiments.reproduce.simulation import PAPER
from experiments.reproduce.table import Table
from pimsim.dram.standard.standard import load

FIGURES = "figures"
"""Folder of figures and tables, in that of the pages."""


def simulated() -> dict[str, dict[str, Table]]:
    """Return the tables of every experiment, by its name, as the publications assume."""
    return {one.NAME: one.reproduce(load(STANDARD.default), PAPER) for one in EXPERIMENTS}


def texts(found: dict[str, dict[str, Table]]) -> dict[str, str]:
    """Return every generated text by its path in the folder of the pages."""
    return {
        name if name.endswith(".md") else f"{FIGURES}/{name}": text
        for one in EXPERIMENTS
        for name, text in one.documents(found[one.NAME], f"{FIGURES}/").items()
    }


def write(folder: Path) -> None:
    """Write pages, tables and figures into ``folder``."""
    found = simulated()
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    for name, text in texts(found).items():
        (folder / name).write_text(text, "utf-8")
    for one in EXPERIMENTS:
        one.part("figures").draw(found[one.NAME], folder / FIGURES)
