"""Figure of a transient: bitlines and cells above, control lines below, phases marked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import save, style
from pimsim.circuit.transient.control_lines import CyclePhase, phases

if TYPE_CHECKING:
    from experiments.report.waveforms import Table
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.transient.scenarios import Scenario

_BL, _BLB = "#12304f", "#e08a4a"
"""Told apart in greyscale by their darkness; cells are told apart by their dashes."""
_CELL_DASHES = ((0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 2)), (0, (3, 1, 1, 1, 1, 1)), "-")
_CELL_GREYS = ("0.35", "0.5", "0.2", "0.6", "0.45")
_CONTROL_NAMES = {"eq": "equaliser", "set_n": "set, n", "set_p": "set, p"}
_LETTER_SHARE = 0.016
"""Width of a letter of a phase's name, as a share of the axes of one cycle."""


def draw(table: Table, scenario: Scenario, circuit: Circuit, path: Path) -> Path:
    """Write the figure of a waveform table to ``path``, and return that."""
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
            _mark(axes, marked)
        _name(levels, marked, scenario.cycles)
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
    """Label and first name of every group of cells that cannot differ."""
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


def _mark(axes: Axes, marked: tuple[CyclePhase, ...]) -> None:
    for place, phase in enumerate(marked):
        if place % 2:
            axes.axvspan(phase.start_ns, phase.end_ns, color="0.94", linewidth=0, zorder=-1)


def _name(axes: Axes, marked: tuple[CyclePhase, ...], cycles: int) -> None:
    """Write the phases' names above them: on one line, on two, or upright, as there is room."""
    letter_ns = _LETTER_SHARE * marked[-1].end_ns * (1.0 if cycles == 1 else 0.5)
    for phase in marked:
        room = (phase.end_ns - phase.start_ns) / letter_ns
        broken = phase.name.replace(" ", "\n").replace("sense\nand", "sense and")
        fits = len(phase.name) <= room
        upright = max(len(line) for line in broken.split("\n")) > room
        axes.annotate(
            phase.name if fits or upright else broken,
            ((phase.start_ns + phase.end_ns) / 2, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90 if upright else 0,
            fontsize=7,
        )
