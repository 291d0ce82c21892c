"""Figures of ``pimsim circuit``: failures, margins and fits from their JSON alone, and transients.

Each figure is a PNG with the tables behind it as CSV beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import INK, MAP, PUBLISHED, log_ticks, note, save, style
from experiments.output import sheets
from pimsim.circuit.transient.control_lines import CyclePhase, phases

if TYPE_CHECKING:
    from experiments.report.waveforms import Table
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.transient.scenarios import Scenario

Result = Mapping[str, Any]
"""What the subcommand prints with ``--json``, as Python values."""

_Point = tuple[float, float, float | None, float | None]
"""Variation, and failures with the ends of their interval if there is one; percent."""


def draw_failures(result: Result, folder: Path) -> tuple[Path, Path]:
    """Write ``failures.png`` and ``failures.csv``; return the paths.

    Failures against variation with their intervals; for a triple-row activation also Ambit's
    published points. Where no failure was seen, an arrow points down from the interval's upper end.
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
        published, fitted = (
            [point[f"{which}_percent"] for point in points] for which in ("published", "model")
        )
        for place, ends in enumerate(zip(published, fitted, strict=True)):
            axes.plot(ends, (place, place), color="0.6", linewidth=1.2, zorder=1)
        axes.plot(published, places, "s", markersize=7, markerfacecolor="none", color=PUBLISHED,
                  label="published")  # fmt: skip
        axes.plot(fitted, places, "o", markersize=4, color=INK, label="model")
        axes.set_yticks(places, [point["label"] for point in points])
        axes.set_ylim(len(points) - 0.5, -0.5)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.xaxis.grid(visible=True)
        of = {"ambit-like": "bitlines wrong, %", "retention": "cells lost, %"}
        axes.set_xlabel(of.get(stated["process"], "bitlines right, %"))
        axes.set_title(f"{stated['process']}: {result['rms_points']:.2g} points RMS")
        axes.legend(loc="best")
        amounts = ", ".join(f"{row['quantity']} {row['fitted']:.4g}" for row in result["amounts"])
        caption = f"{stated['preset']} · criterion {stated['criterion']} · {amounts}"
        return save(figure, caption, folder / "fit.png"), table


def _published(shown: set[float]) -> list[_Point]:
    from pimsim.circuit.statistics.fit import ambit_tra
    from pimsim.circuit.statistics.intervals import clopper_pearson

    points: list[_Point] = []
    for point in ambit_tra():
        if min(shown) <= point.variation_percent <= max(shown):
            low, high = clopper_pearson(point.failed, point.samples)
            points.append((point.variation_percent, point.failure_percent, 100 * low, 100 * high))
    return points


def _intervals(
    axes: Axes, points: list[_Point], label: str, colour: str, marker: str, *, filled: bool
) -> None:
    """Draw points with intervals; a point at zero is an arrow down from its upper limit."""
    x, y, low, high = np.array(points, dtype=np.float64).T
    seen, never = y > 0, (y == 0) & (high > 0)
    axes.errorbar(
        x[seen], y[seen], yerr=np.nan_to_num([y - low, high - y])[:, seen],
        color=colour, marker=marker, markersize=4 if filled else 7, capsize=2.5, linewidth=1.0,
        linestyle="-" if filled else "none", markerfacecolor=colour if filled else "none",
        label=label,
    )  # fmt: skip
    shift = -0.3 if filled else 0.3  # so that those of both series are seen
    axes.errorbar(
        x[never] + shift, high[never], yerr=0.6 * high[never], uplims=True, color=colour,
        linestyle="none", linewidth=1.0, marker="none",
    )  # fmt: skip


def _heat_map(figure: Figure, axes: Axes, one: Mapping[str, Any]) -> None:
    values = np.array(one["margin_mv"])
    least, most = values.min(), values.max()
    image = axes.imshow(values, origin="lower", aspect="auto", cmap=MAP)
    for (up, across), value in np.ndenumerate(values):
        dark = most == least or (value - least) / (most - least) < 0.55
        axes.text(
            across, up, f"{value:.0f}", ha="center", va="center", fontsize=5.5,
            color="white" if dark else "black", fontweight="bold" if value <= 0 else "normal",
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
    """What differs from the preset."""
    changed = dict(stated["set"])
    if stated["restore_ns"] is not None:
        changed["restored"] = f"{stated['restore_ns']:g} ns"
    if stated["wait_ms"] is not None:
        changed["waited"] = f"{stated['wait_ms']:g} ms at {stated['celsius']:g} °C"
    return "".join(f", {key}={value}" for key, value in changed.items())


_BL, _BLB = "#12304f", "#e08a4a"
"""Colours that differ in darkness, for greyscale; cells also differ in their dashes."""
_CELL_DASHES = ((0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 2)), (0, (3, 1, 1, 1, 1, 1)), "-")
_CELL_GREYS = ("0.35", "0.5", "0.2", "0.6", "0.45")
_CONTROL_NAMES = {"eq": "equaliser", "set_n": "set, n", "set_p": "set, p"}
_LETTER_SHARE = 0.016
"""Width of a letter of a phase's name, as a share of the axes of one cycle."""


def draw_transient(table: Table, scenario: Scenario, circuit: Circuit, path: Path) -> Path:
    """Write the figure of a waveform table to ``path``, and return that.

    Bitlines and cells above, control lines below, phases marked.
    """
    marked = phases(circuit.timeline, scenario)
    controls = [*_CONTROL_NAMES, *scenario.word_lines]
    with style():
        figure = Figure(figsize=(6.8 if scenario.cycles == 1 else 9.5, 2.9 + 0.22 * len(controls)))
        levels, lines = figure.subplots(
            2, 1, sharex=True, height_ratios=(2.6, 0.22 * len(controls) + 0.1)
        )
        _draw_levels(levels, table, scenario, circuit)
        _draw_controls(lines, table, controls)
        for axes in (levels, lines):
            _mark_phases(axes, marked)
        _name_phases(levels, marked, scenario.cycles)
        lines.set_xlabel("time (ns)")
        lines.set_xlim(0, float(table["time_ns"][-1]))
        return save(figure, f"{scenario.title} · {circuit.name}", path, 8.5)


def _draw_levels(axes: Axes, table: Table, scenario: Scenario, circuit: Circuit) -> None:
    time_ns = table["time_ns"]
    for place, (label, cell) in enumerate(_alike(scenario)):
        axes.plot(
            time_ns, table[f"{cell}_mv"], color=_CELL_GREYS[place % len(_CELL_GREYS)],
            linestyle=_CELL_DASHES[place % len(_CELL_DASHES)], linewidth=1.3, label=label,
        )  # fmt: skip
    axes.plot(time_ns, table["blb_mv"], color=_BLB, linewidth=1.2, label="complement")
    axes.plot(time_ns, table["bl_mv"], color=_BL, linewidth=2.0, label="bitline")
    vdd_mv = circuit.supply.vdd_mv
    axes.set_ylim(-0.06 * vdd_mv, 1.08 * vdd_mv)
    axes.set_yticks([0, circuit.precharge_mv, vdd_mv])
    axes.yaxis.grid(visible=True)
    axes.set_ylabel("level (mV)")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=2.6
    )


def _alike(scenario: Scenario) -> list[tuple[str, str]]:
    """Label and first name of every group of cells that have the same waveform."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for cell in scenario.cells:
        groups.setdefault((cell.stored, cell.contacts), []).append(cell.name)
    labelled = []
    for (stored, _), names in groups.items():
        held = "neutral" if stored == "neutral" else f"held {stored}"
        shown = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        if len(names) == 2:
            shown = f"{names[0]}, {names[1]}"
        labelled.append((f"{shown} ({held})", names[0]))
    return labelled


def _draw_controls(axes: Axes, table: Table, controls: list[str]) -> None:
    for place, name in enumerate(reversed(controls)):
        level = table[f"{name}_mv"]
        axes.plot(table["time_ns"], place + 0.68 * level / level.max(), color="0.15", linewidth=1.0)
        axes.axhline(place, color="0.85", linewidth=0.5, zorder=0)
    axes.set_yticks(
        [place + 0.34 for place in range(len(controls))],
        [_line_name(name, float(table[f"{name}_mv"].max())) for name in reversed(controls)],
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.12, len(controls) - 0.1)
    axes.spines["left"].set_visible(False)


def _line_name(name: str, full_mv: float) -> str:
    shown = _CONTROL_NAMES.get(name) or name.replace("wl_", "word line ").replace("wl", "word line")
    return f"{shown} ({full_mv / 1e3:.3g} V)"


def _mark_phases(axes: Axes, marked: tuple[CyclePhase, ...]) -> None:
    for place, phase in enumerate(marked):
        if place % 2:
            axes.axvspan(phase.start_ns, phase.end_ns, color="0.94", linewidth=0, zorder=-1)


def _name_phases(axes: Axes, marked: tuple[CyclePhase, ...], cycles: int) -> None:
    """Write the phases' names above them: on one line, on two, or upright, as there is room."""
    letter_ns = _LETTER_SHARE * marked[-1].end_ns * (1.0 if cycles == 1 else 0.5)
    for phase in marked:
        room = (phase.end_ns - phase.start_ns) / letter_ns
        broken = phase.name.replace(" ", "\n").replace("sense\nand", "sense and")
        fits = len(phase.name) <= room
        upright = max(len(line) for line in broken.split("\n")) > room
        note(
            axes, phase.name if fits or upright else broken,
            ((phase.start_ns + phase.end_ns) / 2, 1.0), (0, 3),
            xycoords=axes.get_xaxis_transform(), ha="center", va="bottom",
            rotation=90 if upright else 0, fontsize=7,
        )  # fmt: skip
