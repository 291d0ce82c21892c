"""Waveforms as a table of columns, and as CSV: ``time_ns``, then one column a node in mV."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.output import outdir, sheets

if TYPE_CHECKING:
    from pimsim.circuit.transient.simulation import Transient

Table = Mapping[str, Any]
"""Column name -> values (times,)."""


def columns(result: Transient) -> Table:
    """Return the first sample's waveforms: time, bl, blb, cells, san, sap, control lines.

    Raises :class:`ValueError` if none were recorded.
    """
    waves = result.waveforms
    if waves is None:
        raise ValueError("the transient must have waveforms")
    cells = [cell.name for cell in result.scenario.cells]
    table: dict[str, Any] = {"time_ns": waves.time_ns}
    for name in ("bl", "blb", *cells, "san", "sap"):
        table[f"{name}_mv"] = waves.nodes_mv[name][0]
    for name, level in waves.controls_mv.items():
        table[f"{name}_mv"] = level[0]
    return table


def write(path: Path, table: Table) -> Path:
    """Write the table to ``path`` and return that; levels to a microvolt.

    It is there whole or not at all; into a pipe, or through a link, it is written as it comes.
    """
    rows = (  # adding 0.0 turns -0.0 into 0.0
        [f"{row[0]:.6g}", *(f"{round(v, 3) + 0.0:.3f}" for v in row[1:])]
        for row in zip(*table.values(), strict=True)
    )
    text = sheets.text(list(table), rows, newline="\r\n")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.write_text(text, encoding="utf-8", newline="")
    else:
        outdir.replace_text(path, text, newline="")
    return path


def read(path: Path) -> Table:
    """Return the table that :func:`write` wrote."""
    import numpy as np

    with path.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
        values = np.loadtxt(file, delimiter=",", ndmin=2)
    return {name: values[:, i] for i, name in enumerate(header)}
