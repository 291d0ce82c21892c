"""``pimsim circuit failures``: how often an operation is wrong under process variation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import circuit_options, options, progress

if TYPE_CHECKING:
    from pimsim.circuit.decision import Operation
    from pimsim.circuit.failures import Counter
    from pimsim.circuit.parameters import Circuit
    from pimsim.circuit.variation import Process

NAME = "failures"
HELP = "how often a triple-row activation or another majority is wrong under process variation"

_DESCRIPTION = """\
Let cells, bitlines and sense amplifiers vary, open rows, and count the bitlines that get the
majority wrong.

What varies, how it is distributed and which deviations belong together is the process: a bundled
one (ambit-like, ddr4-like) or a TOML file of your own. A variation of 10 % is a tenth of the
amounts that it states. What counts as a failure is the criterion:

either   the bitline gets one of the two closest votes wrong, such as 110 or 100
all      it gets any pattern wrong in which operands differ
110      it gets this pattern wrong (operands in order)

Each sample is a bitline with its own sense amplifier, decided by exact charge sharing and an
input-referred offset, or by a whole simulated cycle (--path transient). Intervals are 95 %: Clopper-Pearson, or from the weights of --method
importance, which sees failures too rare to be counted.
"""

_EPILOG = """\
examples:
  pimsim circuit failures                                  Ambit's table, beside the published one
  pimsim circuit failures --variation 10 --criterion 110
  pimsim circuit failures --variation 6,7,8 --method importance
  pimsim circuit failures --variation 15 --path transient --samples 2000
  pimsim circuit failures --preset ddr4-like --process ddr4-like --variation 100 \\
      --inputs 5 --rows 32 --criterion all
  pimsim circuit failures --set cell.capacitance_ff=30 --out out/failures

DIR receives failures.png and failures.csv, and for each variation a failure table as JSON:
P(wrong | rows opened, ones among them) for a read and for the majority, with counts.
"""

_MOST_PATTERNS = 14
"""Patterns that are still listed one by one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit failures``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "--variation",
        metavar="PERCENT,...",
        default="0,5,10,15,20,25",
        help="process variation, 0 to 100 (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        metavar="N",
        default=100_000,
        help="bitlines at each variation (default: %(default)s)",
    )
    group = parser.add_argument_group("operation")
    group.add_argument(
        "--inputs",
        type=int,
        metavar="X",
        default=3,
        help="operands of the majority; 1 is a read (default: %(default)s)",
    )
    group.add_argument(
        "--rows",
        type=int,
        metavar="N",
        help="rows opened, each operand on N div X of them, left-over rows at vdd/2 (default: X)",
    )
    group.add_argument(
        "--criterion",
        metavar="either|all|PATTERN",
        default="either",
        help="when a bitline counts as failed (default: %(default)s)",
    )
    group.add_argument(
        "--accesses",
        type=int,
        metavar="N",
        default=1,
        help="accesses to each bitline; only what the process calls per-access is drawn anew "
        "(default: %(default)s)",
    )
    circuit_options.add_circuit(parser)
    group = parser.add_argument_group("statistics")
    group.add_argument(
        "--process",
        metavar="NAME|FILE.toml",
        default="ambit-like",
        help="what varies: ambit-like, ddr4-like or a file of your own (default: %(default)s)",
    )
    group.add_argument(
        "--path",
        choices=("decision", "transient"),
        default="decision",
        help="charge sharing and offset, millions a second, or whole cycles, thousands a second "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--method",
        choices=("monte-carlo", "importance"),
        default="monte-carlo",
        help="count failures, or draw where they are likely and weigh them (default: %(default)s)",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", default=1, help="random seed (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for figure and tables")
    options.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table, or one JSON object; write figure and tables if asked."""
    from pimsim.circuit import variation
    from pimsim.circuit.decision import majority
    from pimsim.errors import InputError

    at = variations_percent(args.variation)
    if args.samples < 1:
        raise InputError(f"`--samples` must be a positive integer, not {args.samples}")
    if args.method == "importance" and args.accesses != 1:
        raise InputError(f"`--accesses` must be 1 with importance sampling, not {args.accesses}")
    if args.method == "importance" and args.path != "decision":
        raise InputError(f"`--path` must be decision with importance sampling, not {args.path}")
    circuit = circuit_options.chosen_circuit(args)
    process = variation.load(args.process)
    operation = majority(args.inputs, args.rows, args.criterion)
    if args.out is None:
        _show(_result(args, circuit, process, operation, at), args)
        return 0

    from experiments import circuit_figures
    from experiments.outdir import OutDir

    with OutDir(args.out) as out:
        result = _result(args, circuit, process, operation, at)
        circuit_figures.draw_failures(result, out.staging)
        for percent in at:
            _write_table(args, circuit, process, operation, percent, out.staging)
        out.commit()
    _show(result, args)
    return 0


def variations_percent(text: str) -> list[float]:
    """Return the variations that a list such as ``0,5,10`` states, in percent.

    Raises :class:`~pimsim.errors.InputError` if one is no number from 0 to 100.

    >>> variations_percent("0, 7.5,10")
    [0.0, 7.5, 10.0]
    """
    from pimsim.circuit.failures import require_variation
    from pimsim.errors import InputError

    found = []
    for word in text.split(","):
        try:
            percent = float(word)
        except ValueError:
            raise InputError(
                f"`--variation` must be numbers from 0 to 100 with commas between, not {text!r}"
            ) from None
        require_variation(percent)
        found.append(percent)
    return found


def _result(
    args: argparse.Namespace,
    circuit: Circuit,
    process: Process,
    operation: Operation,
    at: list[float],
) -> dict[str, Any]:
    from pimsim.circuit.charge import majority_margin_mv

    with progress.bars(quiet=args.json) as show:
        rows = [
            _row(args, circuit, process, operation, percent, index, len(at), show)
            for index, percent in enumerate(at)
        ]
    published = _published() if (operation.inputs, operation.rows) == (3, 3) else {}
    for row in rows:
        row["published_percent"] = published.get(row["variation_percent"])
    return {
        "rows": rows,
        "assumptions": {
            "preset": circuit.name,
            "set": dict(given.split("=", 1) for given in args.settings),
            "process": process.name,
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
            "model": _counter(args)[1],
        },
    }


def _row(
    args: argparse.Namespace,
    circuit: Circuit,
    process: Process,
    operation: Operation,
    percent: float,
    index: int,
    of: int,
    show: progress.Show | None,
) -> dict[str, Any]:
    if args.method == "importance":
        from pimsim.circuit.importance import estimate

        rare = estimate(circuit, process, operation, percent, samples=args.samples, seed=args.seed)
        if show is not None:
            show("variations", index + 1, of)
        return {
            "variation_percent": percent,
            "failure_percent": 100 * rare.probability,
            "low_percent": 100 * rare.low,
            # No failure among tilted samples bounds nothing.
            "high_percent": 100 * rare.high if rare.failed else None,
            "samples": rare.samples,
            "failed_samples": rare.failed,
            "effective_samples": rare.effective,
        }
    counter, _ = _counter(args)
    done = index * args.samples

    def advance(samples: int) -> None:
        nonlocal done
        done += samples
        if show is not None:
            show("bitlines", done, of * args.samples)

    counts = counter(
        circuit,
        process,
        operation,
        percent,
        samples=args.samples,
        accesses=args.accesses,
        seed=args.seed,
        progress=advance,
    )
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


def _counter(args: argparse.Namespace) -> tuple[Counter, str]:
    """What counts on the chosen path, and its model in words."""
    if args.path == "transient":
        from pimsim.circuit import transient_failures

        return transient_failures.count, transient_failures.MODEL
    from pimsim.circuit import failures

    return failures.count, failures.MODEL


def _published() -> dict[float, float]:
    from pimsim.circuit.published import ambit_tra

    return {point.variation_percent: point.failure_percent for point in ambit_tra()}


def _write_table(
    args: argparse.Namespace,
    circuit: Circuit,
    process: Process,
    operation: Operation,
    percent: float,
    folder: Path,
) -> None:
    from pimsim.circuit.failures import tabulate

    counter, model = _counter(args)
    operations = sorted({(1, 1), (operation.inputs, operation.rows)})
    table = tabulate(
        circuit,
        process,
        operations,
        percent,
        samples=args.samples,
        accesses=args.accesses,
        seed=args.seed,
        counter=counter,
        model=model,
    )
    path = folder / f"failure_table_{percent:g}.json"
    path.write_text(table.to_json(), encoding="utf-8")


def _show(result: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(result, indent=2, allow_nan=False))
        return
    from experiments import tables

    rows = result["rows"]
    patterns = list(rows[0].get("patterns_percent", {}))
    patterns = patterns if 1 < len(patterns) <= 6 else []
    compared = any(row["published_percent"] is not None for row in rows)
    header = ["variation %", "wrong %", "low %", "high %", *(f"{name} %" for name in patterns)]
    tables.show(
        [*header, *(["Ambit %"] if compared else []), "bitlines"],
        [
            [
                f"{row['variation_percent']:g}",
                *(_percent(row[key]) for key in ("failure_percent", "low_percent", "high_percent")),
                *(_percent(row["patterns_percent"][name]) for name in patterns),
                *([_percent(row["published_percent"])] if compared else []),
                f"{row['samples']:,}",
            ]
            for row in rows
        ],
    )
    stated = dict(result["assumptions"])
    stated["set"] = " ".join(args.settings) or "nothing"
    tables.show_assumptions(stated)


def _percent(value: float | None) -> str:
    """Digits that mean something, and small ones in powers of ten.

    >>> [_percent(value) for value in (None, 0.0, 2.5e-9, 0.0037, 0.29, 16.361)]
    ['-', '0', '2.5e-09', '0.0037', '0.29', '16.36']
    """
    if value is None:
        return "-"
    if value and abs(value) < 1e-3:
        return f"{value:.2g}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.2g}"
