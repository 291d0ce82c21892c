"""The page that compares mappings.

Every bundled network of photographs and digits is costed, not executed, under every mapping, layer
by layer, for its whole test set. ``docs/mappings.md`` and its figure are written from the rows of
``docs/figures/mappings.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.mapping import MAPPINGS
from bnn.run.estimate import of_network
from experiments.figures.style import FILLS, note, save, stacked, style
from experiments.options.table import STANDARD
from experiments.output.markdown import markdown
from experiments.pages.page import (
    BASELINES,
    Page,
    Row,
    against,
    compared,
    digits,
    distinct,
    settings_line,
    usual,
    worded,
)
from experiments.report import run as report
from experiments.report.inputs import encoding_by_name

IMAGES = 10_000
"""The test sets of MNIST and CIFAR-10."""
NETWORKS = ("mnist-mlp", "mnist-cnn", "mnist-lenet5", "cifar10-binarynet")
"""Bundled networks whose test sets have so many images."""
WAYS = (*MAPPINGS, "auto")
TABLE, PICTURE = "figures/mappings.csv", "figures/mappings.png"
_COSTS = ("latency_us_per_image", "energy_uj_per_image")
_HEADS = ("row commands", "read, MB", "written, MB", "us an image", "uJ an image")
TOTAL = "all"
"""Name of the row of a whole network."""


def simulated(names: Iterable[str] = NETWORKS, ways: Iterable[str] = WAYS) -> list[Row]:
    """Cost networks; return a row for every layer with each mapping, and one for each network."""
    rows: list[Row] = []
    ways = tuple(ways)
    for name in names:
        network = read_model(zoo.locate(name))
        encoding = encoding_by_name(network, zoo.entry(name).data)
        system = usual()
        for way in ways:
            done = of_network(network, encoding, IMAGES, system, way, chain="auto")
            code = encoding.name if encoding is not None else None
            found = report.build(name, None, None, done, system, code, way)
            burst = system.standard.burst_bytes
            rows += [
                _row(name, way, layer, burst, {}) for layer in found["layers"] if layer["macs"]
            ]
            total = {**found, "name": TOTAL, "mapping": way}
            rows.append(_row(name, way, total, burst, found["baselines"]))
    return rows


def _row(
    network: str, way: str, found: dict[str, Any], burst_bytes: int, baselines: Mapping[str, Any]
) -> Row:
    commands = found["commands"]
    energy = found["energy_pj"]
    row = {
        "network": network,
        "way": way,
        "layer": found["name"],
        "mapping": found["mapping"] or "host",
        "row_commands": str(commands["AAP"] + commands["AP"]),
        "read_mb": digits(commands["RD"] * burst_bytes / 1e6),
        "written_mb": digits(commands["WR"] * burst_bytes / 1e6),
        "latency_us_per_image": digits(found["latency_ps"] / IMAGES / 1e6),
        "energy_uj_per_image": digits(
            (energy["total"] if isinstance(energy, dict) else energy) / IMAGES / 1e6
        ),
    }
    for key in BASELINES:
        row |= compared(key, baselines.get(key))
    return row


def page(rows: Sequence[Row]) -> str:
    """Return the page."""
    names = distinct(rows, "network")
    tables = "\n\n".join(f"### {name}\n\n{markdown(_layers(rows, name))}" for name in names)
    listed = "\n".join(f"- `{name}`: {MAPPINGS[name].summary}" for name in MAPPINGS)
    return worded(
        "mappings",
        mappings=listed,
        table=TABLE,
        picture=PICTURE,
        standard=STANDARD.default,
        images=f"{IMAGES:,}",
        totals=markdown(_totals(rows)),
        layers=tables,
        lessons=_lessons(rows, names),
    )


def _totals(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    heads = ("network", "mapping", *_HEADS, "`streaming`", "`reuse-aware`")
    totals = [row for row in rows if row["layer"] == TOTAL]
    return [heads, *((row["network"], row["way"], *_numbers(row), *against(row)) for row in totals)]


def _numbers(row: Row) -> tuple[str, ...]:
    costs = (row[quantity] for quantity in ("read_mb", "written_mb", *_COSTS))
    return f"{int(row['row_commands']):,}", *costs


def _layers(rows: Sequence[Row], name: str) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = [("layer", "mapping", *_HEADS)]
    own = [row for row in rows if row["network"] == name and row["layer"] != TOTAL]
    for layer in distinct(own, "layer"):
        booked = [row for row in own if row["layer"] == layer]
        chosen = [row["mapping"] for row in booked if row["way"] == "auto"]
        for row in booked:
            if row["way"] != "auto":
                marked = " (auto)" if row["mapping"] in chosen else ""
                cells.append((layer, row["mapping"] + marked, *_numbers(row)))
    return cells


def _lessons(rows: Sequence[Row], names: Sequence[str]) -> str:
    """What the numbers say, with the numbers."""

    def of(quantity: str, way: str) -> list[float]:
        return [
            float(row[quantity])
            for name in names
            for row in rows
            if (row["network"], row["way"], row["layer"]) == (name, way, TOTAL)
        ]

    def ratios(quantity: str, way: str, other: str) -> str:
        found = [a / b for a, b in zip(of(quantity, way), of(quantity, other), strict=True)]
        return ", ".join(f"{float(f'{ratio:.2g}'):g}" for ratio in found)

    latency, energy = _COSTS
    folded, resident, fetched = "output-stationary", "weight-stationary", "no-local-reuse"
    return f"""\
- `{resident}` takes {ratios(latency, resident, folded)} times the time of `{folded}`
  ({", ".join(names)}), and {ratios(energy, resident, folded)} times the energy: it multiplies,
  which folded weights need not, and writes an activation once for each output. It fills rows with
  outputs where there are too few images or positions, and wins where that is so.
- `{fetched}` takes {ratios(latency, fetched, resident)} times the time of `{resident}`: a
  product that is read out crosses the channel as one bit, and there are as many as MACs.
- `auto` takes {ratios(latency, "auto", folded)} times the time of `{folded}`.
"""


_SMALL = 0.04
"""Layers with less than this share of every mapping's total are shown as one part of its bar."""
_OTHERS = "other layers"
_MOST_PARTS = 6


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the figure: latency and energy of an image by layer, for each network and mapping."""
    names = distinct(rows, "network")
    with style():
        figure = Figure(figsize=(7.2, 1.2 + 1.3 * len(names)))
        panels = figure.subplots(len(names), 2, squeeze=False, sharey="row")
        for line, name in zip(panels, names, strict=True):
            own = [row for row in rows if row["network"] == name and row["layer"] != TOTAL]
            shown = _shown(own)
            for axes, quantity in zip(line, _COSTS, strict=True):
                _bars(axes, own, quantity, shown)
            line[0].set_title(name, loc="left")
            line[1].legend(fontsize=6, ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
        panels[-1][0].set_xlabel("latency, us / image")
        panels[-1][1].set_xlabel("energy, uJ / image")
        save(figure, f"{settings_line()} · {IMAGES:,} images", path)


def _shown(rows: Sequence[Row]) -> list[str]:
    """The layers that are shown one by one: the largest of those that matter somewhere."""
    largest: dict[str, float] = {}
    for quantity in _COSTS:
        for way in distinct(rows, "way"):
            own = {row["layer"]: float(row[quantity]) for row in rows if row["way"] == way}
            for layer, cost in own.items():
                largest[layer] = max(largest.get(layer, 0.0), cost / sum(own.values()))
    chosen = sorted((layer for layer, share in largest.items() if share >= _SMALL),
                    key=lambda layer: -largest[layer])  # fmt: skip
    most = len(chosen) if len(chosen) == len(largest) <= _MOST_PARTS else _MOST_PARTS - 1
    return [layer for layer in largest if layer in chosen[:most]]


def _ways(rows: Sequence[Row]) -> dict[str, str]:
    """The mappings by name; mappings with the same result share a bar."""
    same: dict[tuple[Row | str, ...], list[str]] = {}
    for way in distinct(rows, "way"):
        costs = tuple(row[cost] for row in rows if row["way"] == way for cost in _COSTS)
        same.setdefault(costs, []).append(way)
    return {" = ".join(ways): ways[0] for ways in same.values()}


def _bars(axes: Axes, rows: Sequence[Row], quantity: str, shown: Sequence[str]) -> None:
    ways = _ways(rows)
    parts = {layer: [0.0] * len(ways) for layer in shown}
    if len(shown) < len(distinct(rows, "layer")):
        parts[_OTHERS] = [0.0] * len(ways)
    for row in rows:
        if row["way"] in ways.values():
            place = list(ways.values()).index(row["way"])
            parts[row["layer"] if row["layer"] in shown else _OTHERS][place] += float(row[quantity])
    totals = stacked(axes, parts, FILLS[: len(parts)], 0.25)
    for place, total in enumerate(totals):
        note(axes, digits(total), (total, place), (3, 0), va="center", fontsize=6.5)
    axes.set_xlim(0, 1.14 * max(totals))
    axes.set_yticks(range(len(ways)), ways)
    axes.set_ylim(len(ways) - 0.4, -0.6)
    axes.xaxis.grid(visible=True)
    axes.tick_params(axis="y", length=0)


PAGE = Page("mappings.md", {TABLE: simulated}, page, {PICTURE: draw})
