"""``pimsim circuit fit``: fit the bundled processes again, and show what they leave over."""

from __future__ import annotations

import argparse
from itertools import count
from typing import Any

from experiments.options.option import Option, add, out_folder
from experiments.options.table import JSON, SAMPLES, SEED
from experiments.output import json_output, outdir, progress, tables

NAME = "fit"
HELP = "fit the bundled processes to published numbers again, with residuals"

_DESCRIPTION = """\
Fit the amounts of a bundled process to the numbers it stands for, and print them beside the
bundled amounts, with what is left over at each published number.

ambit-like   threshold spread of the latch; Ambit's failures of triple-row activation against
             process variation (maximum likelihood; a bitline fails if 110 or 100 is wrong)
ddr4-like    spread of latch offset and cell capacitance; SiMRA's mean success of MAJ3/5/7/9 on 4
             to 32 rows of DDR4 chips (least squares; a bitline succeeds if every pattern is right)

The fits are not unique: other sets of varying quantities explain the same numbers.
"""

_EPILOG = """\
examples:
  pimsim circuit fit ambit-like
  pimsim circuit fit ddr4-like --samples 5000 --out out/fit     fit.png and fit.csv
  pimsim circuit fit ambit-like --no-refit --json     only the residuals of the bundled amounts
"""


WRITES = ("fit.png", "fit.csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit fit``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("process", metavar="PROCESS", help="ambit-like or ddr4-like")
    add(
        parser,
        SAMPLES.but(help="bitlines for each published number", default=20_000),
        Option("refit", "search for the best amounts", bool, default=True),
        SEED,
        out_folder("folder for figure and table"),
        JSON,
    )


def run(args: argparse.Namespace) -> int:
    """Print amounts and residuals, or one JSON object; write figure and table if asked."""
    with outdir.asked(args.out) as folder:
        result = _result(args)
        if folder is not None:
            from experiments.figures import circuit

            circuit.draw_fit(result, folder)
    _show(result, args)
    return 0


def _result(args: argparse.Namespace) -> dict[str, Any]:
    from pimsim.circuit.statistics import fit

    bundled = fit.residuals(args.process, samples=args.samples, seed=args.seed)
    found = bundled
    if args.refit:
        with progress.bars(quiet=args.json) as show:
            done = count(1)

            def advance() -> None:
                if show is not None:
                    show("evaluations", next(done), fit.MOST_EVALUATIONS)

            found = fit.refit(args.process, samples=args.samples, seed=args.seed, progress=advance)
    return {
        "amounts": [
            {"quantity": quantity, "bundled": bundled.amounts[quantity], "fitted": amount}
            for quantity, amount in found.amounts.items()
        ],
        "points": [
            {
                "label": point.label,
                "published_percent": point.published,
                "model_percent": point.model,
                "residual_points": point.residual,
            }
            for point in found.points
        ],
        "rms_points": found.rms,
        "worst_points": found.worst,
        "assumptions": {
            "process": args.process,
            "preset": found.circuit,
            "criterion": found.criterion,
            "refit": args.refit,
            "samples": args.samples,
            "seed": args.seed,
        },
    }


def _show(result: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        json_output.show(result)
        return
    tables.show(
        ("quantity", "bundled", "fitted"),
        [
            (row["quantity"], f"{row['bundled']:.4g}", f"{row['fitted']:.4g}")
            for row in result["amounts"]
        ],
    )
    tables.show(
        ("published number", "published %", "model %", "residual"),
        [
            (
                row["label"],
                f"{row['published_percent']:.2f}",
                f"{row['model_percent']:.2f}",
                f"{row['residual_points']:+.2f}",
            )
            for row in result["points"]
        ],
    )
    rms, worst = result["rms_points"], result["worst_points"]
    stated = {"rms_points": round(rms, 2), "worst_points": round(worst, 2)}
    tables.show_assumptions(stated | result["assumptions"])
