"""Figures of ``pimsim circuit failures``, ``margin`` and ``fit``, from their JSON alone.

Each figure is a PNG with the tables behind it as CSV beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.colours import INK, MAP, PUBLISHED
from experiments.figures.style import log_ticks, save, style
from experiments.output import sheets

Result = Mapping[str, Any]
"""What the subcommand prints with ``--json``, as Python values."""


def draw_failures(result: Result, folder: Path) -> tuple[Path, Path]:
    """Write ``failures.png`` and ``failures.csv``; return the paths.

    Failures against variation with their intervals, beside Ambit's published points where the
    operation is a triple-row activation. An arrow points down from the upper limit of what was
    never seen.
    """
    rows = [
        {key: value for key, value in row.items() if key != "patterns_percent"}
        | {f"wrong_{name}_percent": v for name, v in row.get("patterns_percent", {}).items()}
        for row in result["rows"]
    ]
    table = sheets.write(folder / "failures.csv", rows)
    stated = result["assumptions"]
    with style():
        figure = Figure(figsize=(3.5, 2.8))
        axes = figure.subplots()
        ours = [
            (row["variation_percent"], row["failure_percent"], row["low_percent"],
             row["high_percent"])
            for row in result["rows"]
        ]  # fmt: skip
        _intervals(axes, ours, "pimsim", INK, "o", filled=True)
        if any(row["published_percent"] is not None for row in result["rows"]):
            shown = {row["variation_percent"] for row in result["rows"]}
            _intervals(axes, _published(shown), "Ambit (published)", PUBLISHED, "s", filled=False)
        axes.set_yscale("log")
        floor = min((y or high or 100.0) for _, y, _, high in ours)
        axes.set_ylim(10.0 ** math.floor(math.log10(floor) - 0.3), 100)
        log_ticks(axes.yaxis)
        axes.yaxis.grid(visible=True)
        axes.set_xlabel("process variation, ± %")
        axes.set_ylabel("bitlines wrong, %")
        axes.set_title(_operation(stated))
        axes.legend(loc="lower right")
        caption = (
            f"{stated['preset']}{_changed(stated)} · process {stated['process']} · criterion "
            f"{stated['criterion']} · 95 % intervals"
        )
        return save(figure, caption, folder / "failures.png"), table


def draw_margins(result: Result, folder: Path) -> tuple[Path, ...]:
    """Write ``margin.png`` and a ``margin_NAME.csv`` for each map; return the paths."""
    maps = result["maps"]
    tables = []
    for one in maps:
        rows = [
            {one["x_label"]: across, one["y_label"]: up, "margin_mv": value}
            for up, line in zip(one["y"], one["margin_mv"], strict=True)
            for across, value in zip(one["x"], line, strict=True)
        ]
        tables.append(sheets.write(folder / f"margin_{one['name']}.csv", rows))
    stated = result["assumptions"]
    with style():
        figure = Figure(figsize=(3.6 * len(maps), 3.0))
        for axes, one in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
            _heat_map(figure, axes, one)
        caption = (
            f"{_operation(stated)} · {stated['preset']}{_changed(stated)}: Cs "
            f"{stated['cell_ff']:g} fF, Cb {stated['bitline_ff']:g} fF, VDD "
            f"{stated['vdd_mv']:g} mV, {stated['rows']} rows · nominal margin "
            f"{result['margin_mv']:.1f} mV"
        )
        return save(figure, caption, folder / "margin.png", 7.5), *tables


def draw_fit(result: Result, folder: Path) -> tuple[Path, Path]:
    """Write ``fit.png`` and ``fit.csv``: published and fitted numbers, one by one."""
    points = result["points"]
    table = sheets.write(folder / "fit.csv", points)
    stated = result["assumptions"]
    places = range(len(points))
    with style():
        figure = Figure(figsize=(3.5, 1.1 + 0.2 * len(points)))
        axes = figure.subplots()
        for place, point in zip(places, points, strict=True):
            ends = (point["published_percent"], point["model_percent"])
            axes.plot(ends, (place, place), color="0.6", linewidth=1.2, zorder=1)
        axes.plot(
            [point["published_percent"] for point in points], places, "s", markersize=7,
            markerfacecolor="none", color=PUBLISHED, label="published",
        )  # fmt: skip
        axes.plot(
            [point["model_percent"] for point in points], places, "o", markersize=4, color=INK,
            label="model",
        )  # fmt: skip
        axes.set_yticks(places, [point["label"] for point in points])
        axes.set_ylim(len(points) - 0.5, -0.5)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.xaxis.grid(visible=True)
        failing = stated["process"] == "ambit-like"
        axes.set_xlabel("bitlines wrong, %" if failing else "bitlines right, %")
        axes.set_title(f"{stated['process']}: {result['rms_points']:.2g} points RMS")
        axes.legend(loc="best")
        amounts = ", ".join(f"{row['quantity']} {row['fitted']:.4g}" for row in result["amounts"])
        caption = f"{stated['preset']} · criterion {stated['criterion']} · {amounts}"
        return save(figure, caption, folder / "fit.png"), table


def _published(shown: set[float]) -> list[tuple[float, float, float | None, float | None]]:
    from pimsim.circuit.statistics.fit import ambit_tra
    from pimsim.circuit.statistics.intervals import clopper_pearson

    points: list[tuple[float, float, float | None, float | None]] = []
    for point in ambit_tra():
        if min(shown) <= point.variation_percent <= max(shown):
            low, high = clopper_pearson(point.failed, point.samples)
            points.append((point.variation_percent, point.failure_percent, 100 * low, 100 * high))
    return points


def _intervals(
    axes: Axes,
    points: list[tuple[float, float, float | None, float | None]],
    label: str,
    colour: str,
    marker: str,
    *,
    filled: bool,
) -> None:
    """Points with intervals; those at zero as arrows down from their upper limit."""
    seen = [point for point in points if point[1] > 0]
    axes.errorbar(
        [x for x, *_ in seen],
        [y for _, y, *_ in seen],
        yerr=(
            [y - (y if low is None else low) for _, y, low, _ in seen],
            [(y if high is None else high) - y for _, y, _, high in seen],
        ),
        color=colour, marker=marker, markersize=4 if filled else 7, capsize=2.5, linewidth=1.0,
        linestyle="-" if filled else "none", markerfacecolor=colour if filled else "none",
        label=label,
    )  # fmt: skip
    limits = [(x, high) for x, y, _, high in points if y == 0 and high]
    shift = -0.3 if filled else 0.3  # so that those of both series are seen
    axes.errorbar(
        [x + shift for x, _ in limits],
        [high for _, high in limits],
        yerr=[0.6 * high for _, high in limits],
        uplims=True, color=colour, linestyle="none", linewidth=1.0, marker="none",
    )  # fmt: skip


def _heat_map(figure: Figure, axes: Axes, one: Mapping[str, Any]) -> None:
    values = one["margin_mv"]
    least = min(min(line) for line in values)
    most = max(max(line) for line in values)
    image = axes.imshow(values, origin="lower", aspect="auto", cmap=MAP)
    for up, line in enumerate(values):
        for across, value in enumerate(line):
            dark = most == least or (value - least) / (most - least) < 0.55
            axes.text(
                across, up, f"{value:.0f}", ha="center", va="center", fontsize=5.5,
                color="white" if dark else "black",
                fontweight="bold" if value <= 0 else "normal",
            )  # fmt: skip
    axes.set_xticks(range(len(one["x"])), [f"{value:g}" for value in one["x"]])
    axes.set_yticks(range(len(one["y"])), [f"{value:g}" for value in one["y"]])
    axes.tick_params(length=0)
    axes.set_xlabel(one["x_label"])
    axes.set_ylabel(one["y_label"])
    figure.colorbar(image, ax=axes, label="sense margin, mV", shrink=0.9)


def _operation(stated: Mapping[str, Any]) -> str:
    inputs, rows = stated["inputs"], stated["rows"]
    if stated.get("operation", "majority") != "majority":
        return f"{stated['operation'].upper()} of {inputs}"
    if inputs == 1:
        return "read" if rows == 1 else f"read, {rows} rows"
    if (inputs, rows) == (3, 3):
        return "triple-row activation"
    return f"majority of {inputs} on {rows} rows"


def _changed(stated: Mapping[str, Any]) -> str:
    """What was changed against the preset."""
    changed = dict(stated["set"])
    if stated["restore_ns"] is not None:
        changed["restored"] = f"{stated['restore_ns']:g} ns"
    if stated["wait_ms"] is not None:
        changed["waited"] = f"{stated['wait_ms']:g} ms at {stated['celsius']:g} °C"
    return "".join(f", {key}={value}" for key, value in changed.items())
