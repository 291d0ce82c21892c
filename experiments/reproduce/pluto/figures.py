"""Figures of ``pimsim reproduce pluto``, drawn from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import FILLS, save, style
from experiments.reproduce.figures import log_bars
from experiments.reproduce.pluto.network import BATCHES, RIVALS
from experiments.reproduce.pluto.tables import NAME, OPERATIONS, SYSTEMS, label, programs
from experiments.reproduce.table import Row, Table
from pimsim.baselines.measured import Measurement

_FILLS = (*FILLS[:2], *FILLS[2:7])
"""Fills: dark for ours, then those of published values."""


def draw(
    found: Mapping[str, Table], folder: Path, measured: Measurement | None = None
) -> tuple[Path, ...]:
    """Write all figures; return the paths. ``measured`` is only shown on the page."""
    with style():
        return _operations(found["operations"], folder), _network(found["network"], folder)


def _operations(table: Table, folder: Path) -> Path:
    groups = [label(*one) for one in OPERATIONS]
    names = [programs(operation) for operation, _ in OPERATIONS]
    by_key = {row.of: row for row in table.rows if row.quantity == "latency"}
    first = next(iter(SYSTEMS.values()))
    series: dict[str, Sequence[float | None]] = {
        title: [by_key[group, name[at], first].simulated for group, name in _pairs(groups, names)]
        for title, at in (("ours, as published", 0), ("ours, shortest", -1))
    }
    for system in SYSTEMS.values():
        series[system] = [
            _published(by_key.get((group, name[0], system)))
            for group, name in _pairs(groups, names)
        ]
    figure = Figure(figsize=(7.0, 3.2))
    axes = figure.subplots()
    log_bars(axes, groups, series, fills=_FILLS)
    axes.set_ylabel("ns a row of results")
    _legend(axes, 4)
    return save(figure, table.rows[0].options, folder / f"{NAME}-operations.png")


def _pairs(
    groups: Sequence[str], names: Sequence[tuple[str, ...]]
) -> list[tuple[str, tuple[str, ...]]]:
    return list(zip(groups, names, strict=True))


def _published(row: Row | None) -> float | None:
    return None if row is None or row.published is None else row.published.value


def _network(table: Table, folder: Path) -> Path:
    figure = Figure(figsize=(7.0, 2.9))
    stated = {row.quantity for row in table.rows}
    quantities = [name for name in ("time an image", "energy an image") if name in stated]
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, quantity in zip(panels, quantities, strict=True):
        rows = {row.of: row for row in table.rows if row.quantity == quantity}
        any_rival = next(iter(RIVALS.values()))
        ours = {f"ours, {n:,}": rows[str(n), any_rival].simulated for n in BATCHES}
        theirs = {title: _published(rows[str(BATCHES[0]), title]) for title in RIVALS.values()}
        names = list({**ours, **theirs})
        series: dict[str, Sequence[float | None]] = {
            "simulated": [*ours.values(), *[None] * len(theirs)],
            "published": [*[None] * len(ours), *theirs.values()],
        }
        log_bars(axes, names, series, fills=(FILLS[0], FILLS[2]), numbers=True)
        axes.set_title(f"{quantity}, {next(iter(rows.values())).unit}", pad=14)
        axes.tick_params(axis="x", labelrotation=30, labelsize=6.5)
    figure.axes[0].legend(loc="upper right", fontsize=6.5)
    return save(figure, table.rows[0].options, folder / f"{NAME}-network.png")


def _legend(axes: Axes, columns: int) -> None:
    legend = axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2, fontsize=6.5
    )
    legend.set_in_layout(True)
