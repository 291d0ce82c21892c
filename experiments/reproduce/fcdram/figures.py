"""Figures of ``pimsim reproduce fcdram``, drawn from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures.style import FILLS, save, style
from experiments.reproduce.chips import CIRCUIT, DRAWN
from experiments.reproduce.fcdram.tables import NAME
from experiments.reproduce.figures import LINES, powers_of_two
from experiments.reproduce.table import Table
from pimsim.baselines.measured import Measurement


def draw(
    found: Mapping[str, Table], folder: Path, measured: Measurement | None = None
) -> tuple[Path, ...]:
    """Write all figures; return the paths."""
    with style():
        return _success(found["success"], folder), _inputs(found, folder)


def _success(table: Table, folder: Path) -> Path:
    rows = [row for row in table.rows if row.published]
    names = list(dict.fromkeys(row.of[:2] for row in rows))
    figure = Figure(figsize=(7.0, 2.6))
    axes = figure.subplots()
    series: dict[str, dict[tuple[str, ...], float]] = {"published": {}, CIRCUIT: {}, DRAWN: {}}
    for row in rows:
        assert row.published is not None
        series["published"][row.of[:2]] = row.published.value
        series[row.of[2]][row.of[:2]] = row.simulated
    for index, ((label, values), (colour, hatch)) in enumerate(
        zip(series.items(), FILLS, strict=False)
    ):
        if not values:
            continue
        at = [names.index(of) + (index - 1) * 0.28 for of in values]
        axes.bar(at, list(values.values()), 0.28, color=colour, hatch=hatch, label=label,
                 linewidth=0.4)  # fmt: skip
    axes.set_xticks(range(len(names)), [f"{name.upper()}\n{size}" for name, size in names])
    axes.set_ylabel("results right, %")
    axes.set_ylim(0, 112)
    axes.yaxis.grid(visible=True)
    axes.legend(fontsize=6.5, ncols=3, loc="upper center")
    caption = next(row.options for row in rows if row.of[2] == CIRCUIT)
    return save(figure, caption, folder / f"{NAME}-success.png")


def _inputs(found: Mapping[str, Table], folder: Path) -> Path:
    figure = Figure(figsize=(7.0, 2.6))
    panels = figure.subplots(1, 2)
    sizes = (2, 4, 8, 16)
    for number, name in enumerate(("and", "or")):
        means = [found["success"].find("results right", name, str(n), CIRCUIT) for n in sizes]
        panels[0].plot(sizes, means, label=f"{name.upper()}, mean", markersize=4,
                       linewidth=1, **LINES[2 * number])  # fmt: skip
        always = [found["bitlines"].find("bitlines right in 50 trials", name, str(n))
                  for n in sizes]  # fmt: skip
        panels[0].plot(sizes, always, label=f"{name.upper()}, always", markersize=4,
                       linewidth=1, **LINES[2 * number + 1])  # fmt: skip
    latency = [found["cost"].find("latency", "and", str(n)) for n in sizes]
    panels[1].plot(sizes, latency, markersize=4, linewidth=1, **LINES[0])
    panels[0].set_ylabel("right, %")
    panels[1].set_ylabel("ns, operands and all")
    panels[0].legend(fontsize=6.5)
    for axes in panels:
        powers_of_two(axes, sizes)
        axes.set_xlabel("operands")
        axes.yaxis.grid(visible=True)
        axes.set_ylim(bottom=0)
    return save(figure, found["cost"].rows[0].options, folder / f"{NAME}-inputs.png")
