"""Figures of ``pimsim reproduce simra``, drawn from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures.style import INK, PUBLISHED, save, style
from experiments.reproduce.chips import CIRCUIT, DRAWN
from experiments.reproduce.figures import LINES, powers_of_two
from experiments.reproduce.simra.tables import NAME, OPERANDS
from experiments.reproduce.table import Table
from pimsim.baselines.measured import Measurement


def draw(
    found: Mapping[str, Table], folder: Path, measured: Measurement | None = None
) -> tuple[Path, ...]:
    """Write all figures; return the paths."""
    with style():
        drawn = [_groups(found["groups"], folder)] if "groups" in found else []
        return _majority(found["majority"], folder), *drawn


def _majority(table: Table, folder: Path) -> Path:
    figure = Figure(figsize=(7.0, 2.6))
    panels = figure.subplots(1, len(OPERANDS), sharey=True)
    for axes, inputs in zip(panels, OPERANDS, strict=True):
        own = [row for row in table.rows if row.of[0] == str(inputs)]
        for data, look in (("random", LINES[2]), ("all0/1", LINES[3])):
            rows = [row for row in own if row.of[2:] == (data, CIRCUIT) and row.published]
            axes.plot(
                [int(row.of[1]) for row in rows],
                [row.published.value for row in rows if row.published],
                label=f"measured, {data}", markersize=4, linewidth=1, **look,
            )  # fmt: skip
        circuit = [row for row in own if row.of[2:] == ("random", CIRCUIT)]
        axes.plot([int(row.of[1]) for row in circuit], [row.simulated for row in circuit],
                  label="circuit", markersize=4, linewidth=1, **LINES[0])  # fmt: skip
        groups = [row for row in own if row.of[3] == DRAWN]
        if groups:
            axes.plot([int(row.of[1]) for row in groups], [row.simulated for row in groups], "x",
                      color=PUBLISHED, markersize=7, label=DRAWN)  # fmt: skip
        axes.set_title(f"MAJ{inputs}")
        axes.set_xlabel("rows opened")
        axes.set_ylim(0, 104)
        axes.yaxis.grid(visible=True)
        powers_of_two(axes, (4, 8, 16, 32))
    panels[0].set_ylabel("bitlines always right, %")
    panels[2].legend(fontsize=6, loc="upper left")
    return save(figure, circuit[0].options, folder / f"{NAME}-majority.png")


def _groups(table: Table, folder: Path) -> Path:
    figure = Figure(figsize=(7.0, 2.8))
    axes = figure.subplots()
    keys = list(dict.fromkeys(row.of[:3] for row in table.rows))
    for number, key in enumerate(keys):
        rows = [row for row in table.rows if row.of[:3] == key]
        shares = [float(row.of[3].removesuffix(" %")) for row in rows]
        look = dict(LINES[number % len(LINES)])
        if number >= len(LINES):
            look |= {"color": INK, "linestyle": ":"}
        axes.plot(shares, [row.simulated for row in rows], markersize=4, linewidth=1,
                  label=f"{key[0]}, {key[1]} rows, {key[2]}", **look)  # fmt: skip
    axes.set_xlim(103, 22)
    axes.set_ylim(0, 104)
    axes.set_xlabel("row groups that are used, the best of all, %")
    axes.set_ylabel("bitlines always right, %")
    axes.yaxis.grid(visible=True)
    axes.legend(fontsize=6.5, loc="center left", bbox_to_anchor=(1, 0.5))
    return save(figure, table.rows[0].options, folder / f"{NAME}-groups.png")
