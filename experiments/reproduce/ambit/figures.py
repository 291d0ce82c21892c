"""Figures of ``pimsim reproduce ambit``, drawn from its tables alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from experiments.figures.style import FILLS, INK, PUBLISHED, save, style
from experiments.reproduce.ambit.tables import NAME, PAIRED, SEVEN
from experiments.reproduce.figures import legend_above, log_bars
from experiments.reproduce.table import Table
from pimsim.baselines.measured import Measurement


def draw(
    found: Mapping[str, Table], folder: Path, measured: Measurement | None = None
) -> tuple[Path, ...]:
    """Write all figures; return the paths."""
    with style():
        return (
            _throughput(found["throughput"], folder, measured),
            _averages(found["averages"], folder),
            *([_energy(found["energy"], folder)] if found["energy"].rows else []),
            _faw(found["faw"], folder),
        )


def _throughput(table: Table, folder: Path, measured: Measurement | None) -> Path:
    series: dict[str, list[float | None]] = {}
    for row in table.rows:
        series.setdefault(row.of[0], []).append(row.simulated)
    for values in series.values():
        logs = [math.log(value) for value in values if value]
        values.append(math.exp(sum(logs) / len(logs)))
    fills = dict(zip(series, (*FILLS[2:7], *FILLS[:2]), strict=True))
    if measured is not None:
        best = measured.best()
        rates = [best[name].output_gb_per_s if name in best else None for name in SEVEN]
        series = {"this machine": [*rates, None], **series}
        fills["this machine"] = FILLS[7]
    figure = Figure(figsize=(7.0, 3.1))
    axes = figure.subplots()
    log_bars(axes, [*(name.upper() for name in SEVEN), "mean"], series,
             fills=[fills[name] for name in series])  # fmt: skip
    axes.set_ylabel("results, GB/s")
    axes.set_title("Throughput of bulk bitwise operations", pad=18)
    legend_above(axes)
    caption = next(row.options for row in table.rows if row.of[0] == "Ambit")
    caption = f"Ambit: {caption} · processors: bandwidth models · mean: geometric"
    return save(figure, caption, folder / f"{NAME}-throughput.png")


def _averages(table: Table, folder: Path) -> Path:
    timing = table.rows[0].of[1]
    pairs = table.distinct(0)
    figure = Figure(figsize=(5.2, 2.4))
    axes = figure.subplots()
    at_peak = [row for row in table.rows if row.of[1:3] == (timing, "peak")]
    for place, name in enumerate(pairs):
        values = [row.simulated for row in at_peak if row.of[0] == name]
        label = None if place else "other means"
        axes.plot((min(values), max(values)), (place, place), color="0.6", linewidth=3, zorder=1,
                  label=label)  # fmt: skip
    centres = [row for row in at_peak if row.of[3] == "geometric"]
    axes.plot([row.simulated for row in centres], range(len(pairs)), "o", color=INK, markersize=5,
              label="simulated, at peak bandwidth")  # fmt: skip
    hand = [row.published.value if row.published else math.nan for row in centres]
    axes.plot(hand, range(len(pairs)), "s", color=PUBLISHED, markersize=8, markerfacecolor="none",
              label="published")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks([2, 5, 10, 20, 50])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.grid(visible=True)
    axes.set_yticks(range(len(pairs)), pairs)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_xlabel("times the throughput")
    axes.set_title("On average over seven operations", pad=18)
    legend_above(axes)
    return save(figure, table.rows[0].options, folder / f"{NAME}-averages.png")


def _energy(table: Table, folder: Path) -> Path:
    modes = table.distinct(0)
    names = [" ".join(names) for names in PAIRED]
    figure = Figure(figsize=(3.6 * len(modes), 2.6))
    panels = figure.subplots(1, len(modes), sharey=True, squeeze=False)[0]
    for axes, mode in zip(panels, modes, strict=True):
        series: dict[str, list[float | None]] = {
            quantity: [table.find(quantity, mode, name) for name in names]
            for quantity in ("over the channel", "in DRAM")
        }
        log_bars(axes, [name.upper().replace(" ", "\n") for name in names], series, numbers=True)
        axes.set_title(f"energy model {mode}", pad=18)
    highest = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(top=highest)
    panels[0].set_ylabel("nJ per KB of result")
    legend_above(panels[0])
    caption = table.rows[0].options.split("; energy")[0]
    return save(figure, caption, folder / f"{NAME}-energy.png")


def _faw(table: Table, folder: Path) -> Path:
    names = table.distinct(0)
    series: dict[str, list[float | None]] = {}
    for window, acts in (("off", "any"), ("30", "1"), ("40", "1"), ("30", "2"), ("40", "2")):
        label = f"{window} ns, {acts} ACT{'s'[: int(acts) - 1]}" if window != "off" else "tFAW off"
        series[label] = [table.find("throughput", name, window, acts, "split") for name in names]
    figure = Figure(figsize=(5.6, 2.6))
    axes = figure.subplots()
    log_bars(axes, [name.upper() for name in names], series, numbers=True)
    axes.set_ylabel("results, GB/s")
    axes.set_title("What tFAW leaves, by how many ACTs an AAP counts for", pad=18)
    legend_above(axes)
    caption = table.rows[0].options.replace("; tFAW off", "")
    return save(figure, caption, folder / f"{NAME}-faw.png")
