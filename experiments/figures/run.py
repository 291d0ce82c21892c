"""Figures of a run, drawn only from its ``report.json``.

Each figure is a PNG with the table behind it as CSV beside it.

>>> import tempfile
>>> report = {
...     "network": "tiny", "images": 10, "throughput_images_per_s": 2e4,
...     "energy_pj": {"total": 3e6}, "baselines": {}, "assumptions": {},
...     "layers": [{"name": "dense", "where": "dram", "mapping": "weight-stationary",
...                 "macs": 64, "column_utilisation": 0.5, "latency_ps": 500_000_000,
...                 "energy_pj": 3e6, "commands": {"AAP": 800, "AP": 100}}],
... }
>>> with tempfile.TemporaryDirectory() as folder:
...     [path.name for path in draw(report, Path(folder))]
['comparison.png', 'comparison.csv', 'layers.png', 'layers.csv']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from experiments.figures import wanted
from experiments.figures.style import FILLS, INK, PUBLISHED, note, save, stacked, style
from experiments.output import sheets
from experiments.output.escaping import visible
from experiments.output.words import NOT_STATED, counted, more_energy, slower

Report = Mapping[str, Any]
"""A run's ``report.json`` as Python values."""

_IN_DRAM = "in DRAM"
_LONGEST_NAME = 40
"""Letters of a layer's name that a figure shows."""

_BEHIND: Mapping[str, Any] = {"shift": (3, 0), "va": "center", "fontsize": 7.5}
"""Place and look of the number behind the end of a horizontal bar."""
_COMMAND_FILLS = {
    "AAP": (INK, ""),
    "AP": ("#8fb0cf", ""),
    "ACT": ("#f4efe4", "..."),
    "PRE": ("#ffffff", "///"),
    "RD": ("#f7e3b0", "|||"),
    "WR": (PUBLISHED, "\\\\\\"),
    "REF": ("#c9c9c9", "xxx"),
    "TRANSFER": ("#d9e8c9", "oo"),
}
"""Fill and hatching of each kind of command; they differ in greyscale, too."""
_OTHER = "other"
_FILLS = {**_COMMAND_FILLS, _OTHER: ("#6b6b6b", "")}
_SLIVER = 0.01
"""Kinds of commands with a smaller share than this are shown together."""
_LAYERS_AT_MOST = 24
_PANELS_BESIDE_IN = 5.0
"""From this width on, the panels of commands and time are side by side."""
_WIDTH_IN = 6.8
"""Width of both figures. In narrower ones, panels may be one below the other."""


def draw(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write both figures and their tables into ``folder``; return the paths."""
    return *draw_comparison(report, folder), *draw_layers(report, folder)


def draw_comparison(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write ``comparison.png`` and ``.csv``: the run against the processor baselines.

    Throughput in images per second and energy in microjoules per image, on logarithmic axes.
    """
    rows = _comparison_rows(report)
    shown = [{**row, "system": row["system"].replace("\n", " ")} for row in rows]
    table = sheets.write(folder / "comparison.csv", shown)
    with style():
        width_in = wanted.current().width_in or _WIDTH_IN
        beside = width_in >= _WIDTH_IN
        figure = Figure(figsize=(width_in, 2.9 if beside else 5.4))
        axes = figure.subplots(1, 2) if beside else figure.subplots(2, 1)
        names = [row["system"] for row in rows]
        for panel, key, ratio, words, title, unit in (
            (axes[0], "throughput_images_per_s", "speedup_of_dram", slower,
             "Throughput", "images / s"),
            (axes[1], "energy_uj_per_image", "energy_ratio", more_energy,
             "Energy", "uJ / image"),
        ):  # fmt: skip
            values = [row[key] or math.nan for row in rows]  # a run without commands has none
            labels = [
                _missing(key, row[key])
                if math.isnan(value)
                else _rounded(value) + _verdict(row[ratio], words)
                for value, row in zip(values, rows, strict=True)
            ]
            _log_bars(panel, names, values, labels)
            panel.set_title(title)
            panel.set_ylabel(unit)
        return save(figure, _caption(report), folder / "comparison.png", 7.5), table


def draw_layers(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write ``layers.png`` and ``.csv``: commands per image and share of time, layer by layer."""
    rows = _layer_rows(report)
    table = sheets.write(folder / "layers.csv", rows)
    width_in = wanted.current().width_in or _WIDTH_IN
    beside = width_in >= _PANELS_BESIDE_IN
    rows = _fewer_layers(rows, _LAYERS_AT_MOST if beside else _LAYERS_AT_MOST // 2)
    shown = _shown_kinds(rows)
    with style():
        height_in = 1.5 + 0.32 * len(rows)
        if beside:
            figure = Figure(figsize=(width_in, height_in))
            commands, share = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        else:
            figure = Figure(figsize=(width_in, 2 * height_in))
            commands, share = figure.subplots(2, 1, sharey=True)
        _stacked_commands(commands, rows, shown)
        _latency_shares(share, rows)
        return save(figure, _caption(report), folder / "layers.png", 7.5), table


def _comparison_rows(report: Report) -> list[dict[str, Any]]:
    images = report["images"]
    systems: dict[str, tuple[float, float | None, Mapping[str, float]]]
    systems = {_IN_DRAM: (report["throughput_images_per_s"], report["energy_pj"]["total"], {})}
    for name, one in report["baselines"].items():
        throughput = images / (one["latency_ps"] * 1e-12)
        systems[f"processor,\n{name}"] = throughput, one["energy_pj"], one
    return [
        {
            "system": system,
            "throughput_images_per_s": throughput,
            "energy_uj_per_image": None if energy_pj is None else energy_pj / images / 1e6,
            "speedup_of_dram": ratios.get("speedup"),
            "energy_ratio": ratios.get("energy_ratio"),
        }
        for system, (throughput, energy_pj, ratios) in systems.items()
    ]


def _layer_rows(report: Report) -> list[dict[str, Any]]:
    total_ps = sum(layer["latency_ps"] for layer in report["layers"])
    return [
        {
            "layer": layer["name"],
            "where": layer["where"],
            "mapping": layer["mapping"] or "",
            "macs": layer["macs"],
            "columns_used": layer["column_utilisation"],
            **{kind: layer["commands"].get(kind, 0) / report["images"] for kind in _COMMAND_FILLS},
            "latency_us_per_image": layer["latency_ps"] / report["images"] / 1e6,
            "energy_uj_per_image": None
            if layer["energy_pj"] is None
            else layer["energy_pj"] / report["images"] / 1e6,
            "latency_share": layer["latency_ps"] / total_ps if total_ps else 0.0,
        }
        for layer in report["layers"]
    ]


def _fewer_layers(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """At most so many layers: the costliest in their order, and the rest as one."""
    if len(rows) <= most:
        return rows
    by_cost = sorted(rows, key=lambda row: -row["latency_share"])
    rest = [row for row in rows if row in by_cost[most - 1 :]]
    added = [*_COMMAND_FILLS, "latency_share"]
    other = {"layer": f"{len(rest)} other layers", "where": "host and in DRAM",
             **{key: sum(row[key] for row in rest) for key in added}}  # fmt: skip
    return [*(row for row in rows if row not in rest), other]


def _shown_kinds(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The kinds of commands that are shown; small ones are added up as ``other``."""
    totals = {kind: sum(row[kind] for row in rows) for kind in _COMMAND_FILLS}
    least = _SLIVER * sum(totals.values())
    small = [kind for kind, count in totals.items() if 0 < count < least]
    large = [kind for kind, count in totals.items() if count >= least and count]
    if len(small) > 1:
        for row in rows:
            row[_OTHER] = sum(row[kind] for kind in small)
        return [*large, _OTHER]
    return [*large, *small]


def _log_bars(
    axes: Axes, names: Sequence[str], values: Sequence[float], labels: Sequence[str]
) -> None:
    fills = [FILLS[index % len(FILLS)] for index in range(len(names))]
    known = [math.log10(value) for value in values if not math.isnan(value)] or [0.0]
    narrow = (wanted.current().width_in or _WIDTH_IN) < _PANELS_BESIDE_IN
    size = 6.5 if narrow else 7.5
    # At least half a decade below the lowest bar, and room for two lines above the highest.
    bottom = math.floor(min(known) - 0.5)
    top = max(known) + 0.2 * (max(known) - bottom) + 0.1
    bars = axes.bar(range(len(names)), values, width=0.62, color=[colour for colour, _ in fills])
    for bar, (_, hatch), value, label in zip(bars, fills, values, labels, strict=True):
        bar.set_hatch(hatch)
        at = bar.get_x() + bar.get_width() / 2, 10.0**bottom if math.isnan(value) else value
        white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        note(axes, label, at, (0, 2), ha="center", va="bottom", fontsize=size, bbox=white)
    axes.set_yscale("log")
    axes.set_ylim(10.0**bottom, 10.0**top)
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _rounded(value)))
    axes.yaxis.grid(visible=True)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="x", length=0)


def _missing(quantity: str, value: float | None) -> str:
    """Text in place of a bar: nothing was executed, or the part has no currents."""
    return NOT_STATED if value is None and quantity.startswith("energy") else "none"


def _verdict(ratio: float | None, words: Callable[[float], str]) -> str:
    """Second line of a label: how the DRAM compares with this bar."""
    if ratio is None:
        return ""
    return f"\nDRAM: {words(ratio)}"


def _stacked_commands(axes: Axes, rows: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> None:
    parts = {kind: [row[kind] for row in rows] for kind in shown}
    left = stacked(axes, parts, [_FILLS[kind] for kind in shown], 0.25)
    for place, (row, total) in enumerate(zip(rows, left or [0.0] * len(rows), strict=True)):
        text = f"{total:,.0f}" if total >= 100 else f"{total:,.3g}"
        text = text if total else f"none (on the {row['where']})"
        note(axes, text, (total, place), **_BEHIND)
    axes.set_xlim(0, max(left, default=0.0) * 1.16 or 1.0)
    axes.set_yticks(range(len(rows)), [_short(visible(row["layer"])) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first on top, no room wasted where there are many
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: _rounded(count)))
    axes.xaxis.grid(visible=True)
    axes.set_xlabel("commands / image")
    axes.set_title("Commands by layer", pad=18)
    if shown:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=len(shown), borderaxespad=0.3,
            handlelength=1.4, columnspacing=1.2,
        )  # fmt: skip


def _short(name: str) -> str:
    """A name short enough to leave room for the bars; the CSV table has it in full.

    >>> _short("conv+norm"), _short("+".join(f"quant_conv2d_{i}" for i in range(20)))
    ('conv+norm', 'quant_conv2d_0+…+quant_conv2d_19')
    """
    if len(name) <= _LONGEST_NAME:
        return name
    parts = name.split("+")
    first, last = parts[0], parts[-1]
    if len(parts) > 1 and len(first) + len(last) + 3 <= _LONGEST_NAME:
        return f"{first}+…+{last}"
    half = _LONGEST_NAME // 2 - 1
    return f"{name[:half]}…{name[-half:]}"


def _latency_shares(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    shares = [row["latency_share"] for row in rows]
    axes.barh(range(len(rows)), shares, height=0.62, color="#8a8a8a")
    for place, share in enumerate(shares):
        note(axes, f"{share:.1%}", (share, place), **_BEHIND)
    axes.set_xlim(0, max(shares, default=0.0) * 1.45 or 1.0)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    axes.xaxis.grid(visible=True)
    axes.set_xlabel("share of latency")
    axes.set_title("Time by layer", pad=18)


def _caption(report: Report) -> str:
    """Caption: what was run, and the options that the numbers depend on."""
    stated = report["assumptions"]
    words = [f"{visible(report['network'])}, {counted(report['images'], 'image')}"]
    words += [visible(str(stated[key])) for key in ("standard", "mapping") if key in stated]
    if "banks" in stated:
        words.append(counted(stated["banks"], "bank"))
    for key, name in (("faw", "tFAW"), ("refresh", "refresh")):
        if key in stated:
            words.append(f"{name} {'on' if stated[key] else 'off'}")
    if "energy" in stated:
        words.append(f"energy: {stated['energy']}")
    return " · ".join(words)


def _rounded(value: float) -> str:
    """Three digits, with an SI prefix from a thousand on.

    >>> [_rounded(value) for value in (0.0123456, 4.2, 999.7, 34_567.0, 5e6)]
    ['0.0123', '4.2', '1 k', '34.6 k', '5 M']
    """
    value = float(f"{value:.3g}")
    if value < 1e3:
        return f"{value:.3g}"
    exponent = min(int(math.log10(value) / 3 + 1e-9), 4)
    return f"{value / 1000.0**exponent:.3g} {' kMGT'[exponent]}"
