"""``pimsim reproduce simra``: majorities and copies on many rows of unmodified DDR4 chips.

Yuksel et al., "Simultaneous Many-Row Activation in Off-the-Shelf DRAM Chips: Experimental
Characterization and Analysis", DSN 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from experiments.reproduce.chips import (
    CARRIED_OUT,
    CIRCUIT,
    DRAWN,
    FITTED,
    boxes,
    by_circuit,
    cost_rows,
    drawn,
)
from experiments.reproduce.table import Row, Table, look_up
from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.circuit.model import variation
from pimsim.circuit.model.parameters import load as load_circuit
from pimsim.circuit.statistics.charge_sharing import majority_margin_mv
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import majority
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.offtheshelf.boxes import BoxTable
from pimsim.offtheshelf.primitives import PRIMITIVES

NAME = "simra"

OPERANDS = (3, 5, 7, 9)
BEST = (1.0, 0.75, 0.5, 0.25)
"""Shares of row groups that are left after screening."""
_DATA = ("random", "all0/1")
_COSTED = (("copy", 32), *((f"maj{n}", rows) for n in OPERANDS for rows in (4, 8, 16, 32)
                           if rows in PRIMITIVES[f"maj{n}"].sizes))  # fmt: skip
_BEST_DELAYS, _QUICK = ActivationDelays(1.5, 3.0), ActivationDelays(1.5, 1.5)
_SAMPLES, _SEED = 20_000, 1


def tables(standard: Standard, options: ModelOptions) -> tuple[Table, ...]:
    """Return tables: success of majorities, gain by replication, copies, groups, and costs.

    Copies and groups are drawn from boxes, and left out if there are none.
    """
    found = boxes()
    of_groups = () if found is None else (
        Table("copies", "Cells that hold what was copied", ("of", "model"), tuple(_copies(found))),
        Table("groups", "The best share of row groups", ("operation", "rows", "delays", "best"),
              tuple(_groups(found))),
    )  # fmt: skip
    return (
        Table("majority", "Bitlines right in every trial", ("operands", "rows", "data", "model"),
              tuple(_majorities(found))),
        Table("replication", "What more rows bring", ("operands", "from rows", "model"),
              tuple(_replication(found))),
        Table("spice", "Against the authors' SPICE", ("of", "model"), tuple(_spice())),
        *of_groups,
        Table("cost", "What it takes", ("operation", "rows"),
              tuple(cost_rows(_COSTED, standard, options))),
    )  # fmt: skip


def rivals(_: Mapping[str, Table]) -> dict[str, float]:
    """Return an empty table of rates: this machine is not measured on majorities."""
    return {}


def _majorities(found: BoxTable | None) -> Iterator[Row]:
    for inputs in OPERANDS:
        sizes = PRIMITIVES[f"maj{inputs}"].sizes
        for rows in sizes:
            for data in _DATA:
                published = look_up(NAME, "majority", f"{inputs} {rows} {data}")
                of, fitted = (str(inputs), str(rows), data), "fitted to these"
                words = f"{FITTED}; {fitted if data != 'random' else 'fitted to data all 0 or 1'}"
                yield Row((*of, CIRCUIT), _RIGHT, by_circuit(inputs, rows), "%", words, published)
                if found is not None and data == "random" and rows in (sizes[0], sizes[-1]):
                    share = drawn(found, f"maj{inputs}", rows)[0]
                    yield Row((*of, DRAWN), _RIGHT, share, "%", _WORDS, published)


_RIGHT = "bitlines always right"
_WORDS = f"{CARRIED_OUT}; drawn from the boxes of the same measurements"


def _replication(found: BoxTable | None) -> Iterator[Row]:
    for inputs in OPERANDS:
        fewest, *_, most = PRIMITIVES[f"maj{inputs}"].sizes
        published = look_up(NAME, "replication", f"{inputs} {fewest}")
        of = str(inputs), str(fewest)
        circuit = by_circuit(inputs, most) - by_circuit(inputs, fewest)
        yield Row((*of, CIRCUIT), "gained on 32 rows", circuit, "pp", FITTED, published)
        if found is not None:
            few, many = (drawn(found, f"maj{inputs}", rows)[0] for rows in (fewest, most))
            yield Row((*of, DRAWN), "gained on 32 rows", many - few, "pp", _WORDS, published)


@cache
def _lost(rows: int) -> float:
    """Percentage points that a majority of three loses at 40 % variation; at 0 % it loses none."""
    circuit, process = load_circuit("rambus55"), variation.load("ambit-like")
    counts = count(circuit, process, majority(3, rows, "all"), 40.0, Sampling(_SAMPLES, _SEED))
    return 100.0 * counts.failed / counts.samples


def _spice() -> Iterator[Row]:
    published = look_up(NAME, "spice", "swing of MAJ3")
    for name in ("rambus55", "ddr4-like"):
        circuit = load_circuit(name)
        more = majority_margin_mv(circuit, 3, 32) / majority_margin_mv(circuit, 3, 4) - 1
        words = "charge sharing of nominal cells, least swing"
        yield Row(("MAJ3", name), "swing on 32 rows over 4", 100 * more, "%", words, published)
    for rows in (4, 32):
        published = look_up(NAME, "spice", f"MAJ3 on {rows}")
        of = f"MAJ3 on {rows}", "rambus55, ambit-like"
        words = "every pattern of a bitline must be right; another process than the authors'"
        yield Row(of, "lost from 0 to 40 % variation", _lost(rows), "pp", words, published)


def _copies(found: BoxTable) -> Iterator[Row]:
    activation = found.find("many-row-activation", 32, "wr-overwrite", ActivationDelays(3, 3))
    published = look_up(NAME, "copies", "many rows 32")
    of, words = ("32 rows opened", DRAWN), "mean of the curve through the box"
    yield Row(of, "cells right", 100 * activation.mean_of_best(1.0), "%", words, published)
    for rows in PRIMITIVES["copy"].sizes:
        published = look_up(NAME, "copies", f"copy {rows}")
        share = drawn(found, "copy", rows)[1]
        yield Row((f"copy to {rows - 1}", DRAWN), "cells right", share, "%", _WORDS, published)


def _groups(found: BoxTable) -> Iterator[Row]:
    for name, rows, delays in (
        ("MAJ3", 4, _QUICK), ("MAJ3", 4, _BEST_DELAYS), ("MAJ3", 32, _QUICK),
        ("MAJ3", 32, _BEST_DELAYS), ("MAJ5", 32, _BEST_DELAYS), ("MAJ7", 32, _BEST_DELAYS),
        ("MAJ9", 32, _BEST_DELAYS),
    ):  # fmt: skip
        box = found.find(name, rows, "random", delays)
        for best in BEST:
            of = name, str(rows), f"{delays.t1_ns:g} and {delays.t2_ns:g} ns", f"{100 * best:g} %"
            words = "mean of the curve through the box; the rest of the groups is not used"
            yield Row(of, _RIGHT, 100 * box.mean_of_best(best), "%", words)
