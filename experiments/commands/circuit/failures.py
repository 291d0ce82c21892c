"""``pimsim circuit failures``: how often an operation is wrong under process variation."""

from __future__ import annotations

import argparse
from typing import Any

from experiments.commands.circuit import page
from experiments.options import circuit as circuit_options
from experiments.options import figures as figure_options
from experiments.options.option import Option, add, out_folder
from experiments.options.table import (
    CRITERION,
    HTML,
    INPUTS,
    JSON,
    PATH,
    PROCESS,
    ROWS,
    SAMPLES,
    SEED,
)
from experiments.output import json_output, outdir, tables
from experiments.output.words import exact
from experiments.report import failure_rows
from pimsim.errors import InputError
from pimsim.ranges import whole

NAME = "failures"
HELP = "how often a triple-row activation or another majority is wrong under process variation"

_DESCRIPTION = """\
Let cells, bitlines and sense amplifiers vary, open rows, and count the bitlines that get the
majority wrong.

The process says what varies, how it is distributed and which deviations are correlated. It is a
bundled one (ambit-like, ddr4-like) or a TOML file of your own. A variation of 10 % means a tenth of
the amounts that it states. The criterion says what counts as a failure:

either   the bitline gets one of the two closest votes wrong, such as 110 or 100
all      it gets any pattern wrong in which operands differ
110      it gets this pattern wrong (operands in order)

Each sample is a bitline with its own sense amplifier, decided by exact charge sharing and an
input-referred offset, or by a whole simulated cycle (--path transient). Intervals are 95 %:
Clopper-Pearson, or from the weights of --method importance, which can estimate failures that are
too rare to count.
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

DIR receives report.html, failures.png, failures.csv, and for each variation a failure table (JSON):
P(wrong | rows opened, ones among them) for a read and for the majority, with counts.
"""


WRITES = ("failures.*", "failure_table_*.json", page.NAME)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit failures``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    add(
        parser,
        Option(
            "variation", "process variation, 0 to 100", metavar="PERCENT,...",
            default="0,5,10,15,20,25",
        ),
        SAMPLES,
    )  # fmt: skip
    add(
        parser.add_argument_group("operation"),
        INPUTS,
        ROWS,
        CRITERION,
        Option(
            "accesses",
            "accesses to each bitline; only what the process calls per-access is drawn anew",
            int, "N", 1, whole(1, 1_000_000),
        ),
    )  # fmt: skip
    circuit_options.add_circuit(parser)
    circuit_options.add_stored(parser)
    add(
        parser.add_argument_group("statistics"),
        PROCESS,
        PATH,
        Option(
            "method", "count failures, or draw where they are likely and weigh them",
            default="monte-carlo", choices=("monte-carlo", "importance"),
        ),
        SEED,
    )  # fmt: skip
    figure_options.add_figures(parser)
    add(parser, out_folder("folder for page, figure and tables"), HTML, JSON)


def run(args: argparse.Namespace) -> int:
    """Print the table, or one JSON object; write figure and tables if asked."""
    chosen = asked(args)
    with outdir.asked(args.out) as folder:
        result = failure_rows.result(chosen)
        if folder is not None:
            from experiments.figures import circuit as circuit_figures

            circuit_figures.draw_failures(result, folder)
            for percent in chosen.at:
                failure_rows.write_table(chosen, percent, folder)
        page.write(NAME, result, args, folder)
        written = outdir.told(args.out, folder)
    _show(result, args)
    if written and not args.json:
        tables.say(written)
    return 0


def asked(args: argparse.Namespace) -> failure_rows.Asked:
    """Return what the options ask for.

    Raises :class:`~pimsim.errors.InputError` for a value out of range.
    """
    from pimsim.circuit.model import variation
    from pimsim.circuit.statistics.sense_decision import majority

    at = variations_percent(args.variation)
    if args.method == "importance" and args.accesses != 1:
        raise InputError(f"`--accesses` must be 1 with importance sampling, not {args.accesses}")
    if args.method == "importance" and args.path != "decision":
        raise InputError(f"`--path` must be decision with importance sampling, not {args.path}")
    circuit = circuit_options.chosen_circuit(args)
    process = variation.load(args.process)
    operation = majority(args.inputs, args.rows, args.criterion)
    return failure_rows.Asked(args, circuit, process, operation, at)


def variations_percent(text: str) -> list[float]:
    """Return the variations of a list such as ``0,5,10``, in percent.

    Raises :class:`~pimsim.errors.InputError` if one is not a number from 0 to 100.

    >>> variations_percent("0, 7.5,10")
    [0.0, 7.5, 10.0]
    """
    from pimsim.circuit.statistics.monte_carlo import require_variation

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


def _show(result: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        json_output.show(result | page.told(args))
        return
    rows, shown = result["rows"], failure_rows.percent_text
    patterns = list(rows[0].get("patterns_percent", {}))
    patterns = patterns if 1 < len(patterns) <= 6 else []
    compared = any(row["published_percent"] is not None for row in rows)
    header = [
        "variation %",
        "wrong %",
        "low %",
        "high %",
        *(f"wrong at\n{name}" for name in patterns),
    ]
    tables.show(
        [*header, *(["Ambit %"] if compared else []), "bitlines"],
        [
            [
                exact(row["variation_percent"]),
                *(shown(row[key]) for key in ("failure_percent", "low_percent", "high_percent")),
                *(shown(row["patterns_percent"][name]) for name in patterns),
                *([shown(row["published_percent"])] if compared else []),
                f"{row['samples']:,}",
            ]
            for row in rows
        ],
        title="shares of bitlines, in %" + (", by what the cells hold" if patterns else ""),
    )
    tables.show_assumptions(circuit_options.shown(result["assumptions"], args))
