"""Figures of ``pimsim reproduce simdram``, drawn from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from experiments.figures.style import note, save, style
from experiments.reproduce.figures import LINES, legend_above, powers_of_two
from experiments.reproduce.simdram.tables import BANKS, DOTS, NAME, WIDTHS
from experiments.reproduce.table import Table
from pimsim.baselines.measured import Measurement

_LABELS = {"xnor": "XNOR", "popcount": "popcount", "xnor + popcount": "both"}


def draw(
    found: Mapping[str, Table], folder: Path, measured: Measurement | None = None
) -> tuple[Path, ...]:
    """Write all figures; return the paths."""
    with style():
        return _width(found["width"], folder, measured), _banks(found["banks"], folder)


def _width(table: Table, folder: Path, measured: Measurement | None) -> Path:
    energies = list(
        dict.fromkeys(row.quantity for row in table.rows if row.quantity.startswith("energy"))
    )
    rates = ["bits a second, tFAW off", "bits a second, tFAW on"]
    figure = Figure(figsize=(7.0, 2.9))
    panels = figure.subplots(1, 3)
    for axes, title, quantities in zip(
        panels,
        ("row commands a bit", "pJ a bit", "G bits a second"),
        (["row commands a bit"], energies, rates),
        strict=True,
    ):
        for index, name in enumerate(DOTS):
            for quantity, look in zip(quantities, LINES[2 * index :], strict=False):
                values = [table.find(quantity, name, str(width)) for width in WIDTHS]
                axes.plot(WIDTHS, values, markersize=4, linewidth=1, **look)
        _meanings(axes, [quantity.partition(", ")[2] for quantity in quantities])
        axes.set_title(title, pad=18)
        powers_of_two(axes, WIDTHS[::2])
        axes.set_xlabel("rows counted")
        axes.yaxis.grid(visible=True)
        axes.set_ylim(bottom=0)
    if measured is not None:
        best = measured.best()["xnor-popcount"].binary_ops_per_s / 1e9
        panels[2].axhline(best, color="0.3", linestyle=":", linewidth=1.2)
        words, at = "this machine, both", (WIDTHS[-1], best)
        note(panels[2], words, at, (0, 2), ha="right", fontsize=6.5)
    for index, name in enumerate(DOTS):
        panels[0].plot([], [], label=_LABELS[name], markersize=4, linewidth=1, **LINES[2 * index])
    legend_above(panels[0])
    caption = next(row.options for row in table.rows if row.quantity == "latency")
    return save(figure, caption.replace("; tFAW off", ""), folder / f"{NAME}-width.png")


def _meanings(axes: Axes, words: Sequence[str]) -> None:
    """Add to the legend what filled and open markers mean, if there are both."""
    if len(words) > 1:
        for word, look in zip(words, LINES, strict=False):
            look = {"markerfacecolor": "0.3", **look, "color": "0.3"}
            axes.plot([], [], label=word, markersize=4, linewidth=1, **look)
        legend_above(axes)


def _banks(table: Table, folder: Path) -> Path:
    operations = table.distinct(1)
    standards = table.distinct(0)
    figure = Figure(figsize=(7.0, 2.8))
    for axes, operation in zip(figure.subplots(1, len(operations)), operations, strict=True):
        for index, standard in enumerate(standards):
            for faw, look in zip(("off", "on"), LINES[2 * index :], strict=False):
                values = [
                    table.find("results a second", standard, operation, faw, str(banks))
                    for banks in BANKS
                ]
                axes.plot(BANKS, values, markersize=6 - 2 * index, linewidth=1,
                          label=f"{standard}, tFAW {faw}", **look)  # fmt: skip
        powers_of_two(axes, BANKS)
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.grid(visible=True)
        axes.set_xlabel("banks")
        axes.set_title(operation.upper() if len(operation) < 4 else f"{operation} bits")
    axes = figure.axes[0]
    axes.set_ylabel("G results a second")
    axes.legend(loc="upper left", fontsize=6.5)
    caption = table.rows[0].options.partition("; ")[2].partition("; ")[2]
    return save(figure, caption.replace("tFAW off; ", ""), folder / f"{NAME}-banks.png")
