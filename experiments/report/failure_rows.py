"""The rows that ``pimsim circuit failures`` prints and writes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import circuit as circuit_options
from experiments.output import progress
from experiments.output.words import exact

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.model.variation import Process
    from pimsim.circuit.statistics.sense_decision import Majority

_MOST_PATTERNS = 14
"""Up to this many patterns are listed one by one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asks to count."""

    args: argparse.Namespace
    """The options of ``pimsim circuit failures``."""
    circuit: Circuit
    process: Process
    operation: Majority
    at: list[float]
    """Variations in percent."""


def result(asked: Asked) -> dict[str, Any]:
    """Return the object that ``--json`` prints: a row for each variation, and the assumptions."""
    from pimsim.circuit.statistics.charge_sharing import majority_margin_mv
    from pimsim.circuit.statistics.fit import ambit_tra
    from pimsim.circuit.statistics.monte_carlo import PATHS

    args, circuit, operation = asked.args, asked.circuit, asked.operation
    with progress.bars(quiet=args.json) as show:
        rows = [_row(asked, index, show) for index in range(len(asked.at))]
    published: dict[float, float] = {}
    if _is_ambits(asked):
        published = {one.variation_percent: one.failure_percent for one in ambit_tra()}
    for row in rows:
        row["published_percent"] = published.get(row["variation_percent"])
    return {
        "rows": rows,
        "assumptions": {
            **circuit_options.stated(args, circuit),
            "process": asked.process.name,
            "criterion": args.criterion,
            "inputs": operation.inputs,
            "rows": operation.rows,
            "path": args.path,
            "method": args.method,
            "accesses": args.accesses,
            "seed": args.seed,
            "nominal_margin_mv": majority_margin_mv(circuit, operation.inputs, operation.rows),
            "interval": "95 %, "
            + ("Clopper-Pearson" if args.method == "monte-carlo" else "log-normal, of the weights"),
            "model": PATHS[args.path][1],
        },
    }


def _is_ambits(asked: Asked) -> bool:
    """Whether circuit and operation are those whose failures Ambit states."""
    from experiments.options.table import PRESET
    from pimsim.circuit.model import parameters, variation
    from pimsim.circuit.statistics.sense_decision import majority

    usual = asked.process == variation.load("ambit-like") and asked.operation == majority(3)
    return usual and asked.circuit == parameters.load(PRESET.default) and asked.args.accesses == 1


def _row(asked: Asked, index: int, show: progress.Show | None) -> dict[str, Any]:
    """Count at the variation with that index."""
    from pimsim.circuit.statistics.monte_carlo import PATHS, Sampling

    args, percent, of = asked.args, asked.at[index], len(asked.at)
    drawn = Sampling(args.samples, args.seed, args.accesses)
    what = (asked.circuit, asked.process, asked.operation, percent, drawn)
    if args.method == "importance":
        from pimsim.circuit.statistics.importance_sampling import estimate

        rare = estimate(*what)
        if show is not None:
            show("variations", index + 1, of)
        return {
            "variation_percent": percent,
            "failure_percent": 100 * rare.probability,
            "low_percent": 100 * rare.low,
            # With tilted samples, no failure seen gives no upper bound.
            "high_percent": 100 * rare.high if rare.failed else None,
            "samples": rare.samples,
            "failed_samples": rare.failed,
            "effective_samples": rare.effective,
        }
    counter, _ = PATHS[args.path]
    done = index * args.samples

    def advance(samples: int) -> None:
        nonlocal done
        done += samples
        if show is not None:
            show("bitlines", done, of * args.samples)

    counts = counter(*what, advance)
    low, high = counts.interval()
    row: dict[str, Any] = {
        "variation_percent": percent,
        "failure_percent": 100 * counts.failed / counts.samples,
        "low_percent": 100 * low,
        "high_percent": 100 * high,
        "samples": counts.samples,
        "failed_samples": counts.failed,
    }
    if len(counts.names) <= _MOST_PATTERNS:
        row["patterns_percent"] = {
            name: 100 * wrong / (counts.samples * counts.accesses)
            for name, wrong in zip(counts.names, counts.wrong, strict=True)
        }
    return row


def write_table(asked: Asked, percent: float, folder: Path) -> None:
    """Write the failure table at one variation into ``folder``, as JSON."""
    from pimsim.circuit.failure_tables.from_circuit import tabulate
    from pimsim.circuit.statistics.monte_carlo import Sampling

    operations = sorted({(1, 1), (asked.operation.inputs, asked.operation.rows)})
    drawn = Sampling(asked.args.samples, asked.args.seed, asked.args.accesses)
    table = tabulate(asked.circuit, asked.process, operations, percent, drawn, asked.args.path)
    path = folder / f"failure_table_{exact(percent)}.json"
    path.write_text(table.to_json(), encoding="utf-8")


def percent_text(value: float | None) -> str:
    """Return digits that mean something, and small ones in powers of ten.

    >>> [percent_text(value) for value in (None, 0.0, 2.5e-9, 0.0037, 0.29, 16.361)]
    ['-', '0', '2.5e-09', '0.0037', '0.29', '16.36']
    """
    if value is None:
        return "-"
    if value and abs(value) < 1e-3:
        return f"{value:.2g}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.2g}"
