"""What pages of docs share: rows that are simulated and stored, and what is made of them.

A page is written only from its stored tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnn.system.system import System
from experiments.options.table import STANDARD
from experiments.output import sheets
from experiments.output.markdown import filled, flowed
from pimsim.cost import assumptions
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

Row = dict[str, str]
"""A row of a table; numbers as the CSV file has them."""
BASELINES = ("streaming", "reuse-aware")
"""Processors that DRAM is compared with."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page by its file in docs."""

    file: str
    tables: Mapping[str, Callable[[], Iterable[Row]]]
    """By file of a table, the function that simulates its rows."""
    text: Callable[..., str]
    """From the rows of all tables to the text of the page."""
    pictures: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    """By file of a figure, the function that draws it from the rows of all tables."""

    def read(self, folder: Path) -> list[list[Row]]:
        """Return the rows of every table in the folder of the pages."""
        return [sheets.read(folder / file) for file in self.tables]

    def write(self, folder: Path) -> None:
        """Simulate; write page, tables and figures into ``folder``."""
        for file, simulated in self.tables.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(sheets.of_records(list(simulated())), "utf-8")
        rows = self.read(folder)
        (folder / self.file).write_text(self.text(*rows), "utf-8")
        for file, draw in self.pictures.items():
            draw(*rows, folder / file)


def worded(name: str, **slots: object) -> str:
    """Return the text of that name in ``texts``, its slots filled, in lines of one width."""
    return flowed(filled(__package__, f"texts/{name}.md", **slots))


def usual() -> System:
    """Return what pages assume: the standard and the options of the Ambit paper."""
    return System(load(STANDARD.default), ModelOptions())


def settings_line() -> str:
    """Return what pages assume in one line, for figures.

    >>> settings_line()
    'ddr3-1600-8-8-8 · 8 banks · tFAW on · refresh on · energy ambit-paper'
    """
    system = usual()
    stated = assumptions(system.standard, system.options)
    switches = " · ".join(
        f"{name} {'on' if stated[key] else 'off'}"
        for key, name in (("faw", "tFAW"), ("refresh", "refresh"))
    )
    named = f"{stated['standard']} · {stated['banks']} banks"
    return f"{named} · {switches} · energy {stated['energy']}"


def digits(value: float) -> str:
    """Return three digits, and all of those before the point.

    >>> digits(0.012345), digits(12345.6)
    ('0.0123', '12346')
    """
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def against(row: Row) -> tuple[str, ...]:
    """Return how DRAM compares with each of :data:`BASELINES`, in time and in energy."""
    return tuple(f"{row[f'{key}_speedup']}x, {row[f'{key}_energy_ratio']}x" for key in BASELINES)


def compared(key: str, baseline: Mapping[str, Any] | None) -> Row:
    """Return the cells that :func:`against` reads, of a baseline of a report; empty for None."""
    return {
        f"{key}_{quantity}": digits(baseline[quantity]) if baseline else ""
        for quantity in ("speedup", "energy_ratio")
    }


def distinct(rows: Sequence[Row], column: str) -> list[str]:
    """Return the values of a column, each once, in order."""
    return list(dict.fromkeys(row[column] for row in rows))
