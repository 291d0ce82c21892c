"""The page of well-known networks.

Every table of :mod:`bnn.tables` is costed under both mappings, for one image and for a batch.
``docs/networks.md`` and its figure are written from the rows of ``docs/figures/networks.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnn.run.estimate import of_table
from bnn.tables import catalog
from bnn.tables.published import Published, published
from experiments.figures.style import INK, PUBLISHED, log_ticks, save, style
from experiments.options.table import STANDARD
from experiments.output.markdown import markdown
from experiments.output.words import decade_text
from experiments.pages.page import (
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

BATCHES = (1, 64)
"""Images that are run together."""
COMPARED = ("output-stationary", "weight-stationary", "auto")
"""Mappings under which the host computes nothing for free, and the default, which chooses."""
TABLE, PICTURE = "figures/networks.csv", "figures/networks.png"


def simulated(
    names: Iterable[str] = catalog.names(),
    mappings: Iterable[str] = COMPARED,
    batches: Iterable[int] = BATCHES,
) -> list[Row]:
    """Cost networks; return a row for each with each mapping and batch."""
    cases = [(n, mapping, batch) for n in names for mapping in mappings for batch in batches]
    return [_row(*case) for case in cases]


def _row(name: str, mapping: str, images: int) -> Row:
    system = usual()
    done = of_table(catalog.entry(name), images, system, mapping)
    found = report.build(name, None, None, done, system, None, mapping)
    taken = [layer.occupancy for layer in done.layers if layer.occupancy]
    opened = sum(each.columns_opened for each in taken)
    used = sum(each.columns_used for each in taken)
    row = {
        "network": name,
        "mapping": mapping,
        "images": str(images),
        "latency_ms_per_image": digits(found["latency_ps"] / images / 1e9),
        "energy_mj_per_image": digits(found["energy_pj"]["total"] / images / 1e9),
        "column_use": digits(used / opened),
        "pooled_on_host": " ".join(done.host),
    }
    for key, baseline in found["baselines"].items():
        row[f"{key}_ms_per_image"] = digits(baseline["latency_ps"] / images / 1e9)
        row[f"{key}_mj_per_image"] = digits(baseline["energy_pj"] / images / 1e9)
        row |= compared(key, baseline)
    return row


def page(rows: Sequence[Row]) -> str:
    """Return the page."""
    return worded(
        "networks",
        table=TABLE,
        counts=markdown(_counts()),
        sources=_sources(),
        pooled=_pooled(rows),
        picture=PICTURE,
        standard=STANDARD.default,
        batches=" and of ".join(map(str, BATCHES)),
        costs=markdown(_costs(rows)),
        lessons=_lessons(rows),
    )


def _lessons(rows: Sequence[Row]) -> str:
    """What the numbers say, with the numbers."""
    first, last = (str(batch) for batch in BATCHES)

    def of(quantity: str, mapping: str, images: str) -> list[float]:
        wanted = mapping, images
        return [float(row[quantity]) for row in rows if (row["mapping"], row["images"]) == wanted]

    def gains(mapping: str) -> list[float]:
        alone, together = (of("latency_ms_per_image", mapping, n) for n in (first, last))
        return [a / b for a, b in zip(alone, together, strict=True)]

    folded, resident = "output-stationary", "weight-stationary"
    gain, steady = gains(folded), gains(resident)
    energies = [of("energy_mj_per_image", mapping, last) for mapping in (folded, resident, "auto")]
    chosen = [min(a, b) / least for a, b, least in zip(*energies, strict=True)]
    best: dict[str, float] = {}
    for row in rows:
        ratio = float(row["reuse-aware_energy_ratio"])
        best[row["network"]] = max(best.get(row["network"], 0.0), ratio)
    return f"""\
- With one image, `output-stationary` opens rows of 65,536 columns for the few positions of a late
  layer, or the single one of a dense layer, and uses {max(of("column_use", folded, first)):.1%} of
  them at most. {last} images together take {min(gain):.0f} to {max(gain):.0f} times less each.
- `weight-stationary` fills rows with outputs, too: {last} images take {min(steady):.1f} to
  {max(steady):.0f} times less each, most where a single one is too small to fill a row even so.
  What it pays for is writing every activation once for each output.
- `auto` takes for each layer what costs least, the output tree where there are columns enough:
  with {last} images {min(chosen):.1f} to {max(chosen):.1f} times less energy than the better of the
  other two for the whole network. Layers whose sums somebody reads, as residual connections do,
  cannot have it.
- Against a processor that uses what it has fetched many times over, as convolutions allow, DRAM
  takes {1 / max(best.values()):.0f} to {1 / min(best.values()):.0f} times the energy, whichever
  mapping and batch of these is best for the network.
"""


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the figure: latency and energy of an image for each network, mapping and batch."""
    names = distinct(rows, "network")
    with style():
        figure = Figure(figsize=(7.2, 0.9 + 0.34 * len(names)))
        panels = figure.subplots(1, 2, sharey=True)
        for axes, quantity, unit in zip(panels, ("latency_ms", "energy_mj"), ("ms", "mJ"),
                                        strict=True):  # fmt: skip
            _panel(axes, rows, names, quantity)
            axes.set_xlabel(f"{unit} / image")
            axes.set_title({"ms": "Latency", "mJ": "Energy"}[unit])
        panels[0].set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        save(figure, f"{settings_line()} · commands booked, not executed", path)


CHOSEN = "#00684c"
"""Colour of the chosen mapping, from the palette of all figures."""

_MARKERS = {
    ("output-stationary", BATCHES[0]): ("o", "none"),
    ("output-stationary", BATCHES[1]): ("o", INK),
    ("weight-stationary", BATCHES[0]): ("s", "none"),
    ("weight-stationary", BATCHES[1]): ("s", PUBLISHED),
    ("auto", BATCHES[0]): ("D", "none"),
    ("auto", BATCHES[1]): ("D", CHOSEN),
}
"""Shape and filling."""
_LOWER = {"output-stationary": -0.27, "weight-stationary": -0.09, "auto": 0.09, "processor": 0.27}
"""How far below a network's line its marks lie, so that none hides another."""
_EDGES = {"output-stationary": INK, "weight-stationary": PUBLISHED, "auto": CHOSEN}


def _panel(axes: Axes, rows: Sequence[Row], names: Sequence[str], quantity: str) -> None:
    for (mapping, batch), (marker, fill) in _MARKERS.items():
        some = [row for row in rows if (row["mapping"], row["images"]) == (mapping, str(batch))]
        axes.scatter(
            [float(row[f"{quantity}_per_image"]) for row in some],
            [names.index(row["network"]) + _LOWER[mapping] for row in some],
            marker=marker, s=26, facecolor=fill, edgecolor=_EDGES[mapping], linewidth=0.9,
            label=f"{mapping}, {batch} image{'s' if batch > 1 else ''}", zorder=3,
        )  # fmt: skip
    some = [row for row in rows if row["images"] == str(BATCHES[-1])]
    for key, marker in (("streaming", "x"), ("reuse-aware", "|")):
        axes.scatter(
            [float(row[f"{key}_{quantity.split('_')[1]}_per_image"]) for row in some],
            [names.index(row["network"]) + _LOWER["processor"] for row in some],
            marker=marker, s=34, color="#555555", linewidth=1.1,
            label=f"processor, {key}, {BATCHES[-1]} images", zorder=2,
        )  # fmt: skip
    axes.set_xscale("log")
    log_ticks(axes.xaxis, decade_text)
    axes.xaxis.grid(visible=True)
    axes.yaxis.grid(visible=True, linewidth=0.3)
    axes.tick_params(axis="y", length=0)


def _counts() -> list[tuple[str, ...]]:
    heads = ("network", "layers", "MACs", "published", "weights", "parameters", "published")
    cells: list[tuple[str, ...]] = [heads]
    for name in catalog.names():
        table = catalog.entry(name)
        macs, parameters = (_printed(published(name, what)) for what in ("macs", "parameters"))
        title, layers = f"{name}: {table.summary}", str(len(table.products))
        counts = f"{table.macs:,}", macs, f"{table.weights:,}", f"{table.parameters:,}", parameters
        cells.append((title, layers, *counts))
    return cells


def _sources() -> str:
    lines = []
    for name in catalog.names():
        macs, parameters = published(name, "macs"), published(name, "parameters")
        words = f"MACs: {macs.source}{_otherwise(macs)}"
        words += f"; parameters: {parameters.source}{_otherwise(parameters)}"
        lines.append(f"- {name}. {words}.")
    return "\n".join(lines)


def _otherwise(found: Published) -> str:
    return f" (counts {found.counts})" if found.counts else ""


def _printed(found: Published) -> str:
    """A published figure to its last digit."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if found.step > 1 and found.value >= size:
            digits = len(str(size // found.step)) - 1 if found.step < size else 0
            return f"{found.value / size:,.{digits}f} {unit}"
    return f"{found.value:,}"


def _costs(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    heads = ("network", "mapping", "images", "ms", "mJ", "columns", "`streaming`", "`reuse-aware`")
    keys = ("network", "mapping", "images", "latency_ms_per_image", "energy_mj_per_image")
    return [heads] + [
        (*(row[key] for key in keys), f"{float(row['column_use']):.1%}", *against(row))
        for row in rows
    ]


def _pooled(rows: Sequence[Row]) -> str:
    found = {row["network"]: row["pooled_on_host"] for row in rows if row["pooled_on_host"]}
    listed = ", ".join(f"`{pool}` of {name}" for name, pool in found.items())
    return f" ({listed})" if listed else ""


PAGE = Page("networks.md", {TABLE: simulated}, page, {PICTURE: draw})
