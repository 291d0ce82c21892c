"""``pimsim circuit fit``: fit the bundled processes again, and show the residuals."""

from __future__ import annotations

import argparse
import math
from itertools import count
from typing import Any

from experiments.commands.circuit import page
from experiments.options import figures as figure_options
from experiments.options.option import Option, add, out_folder
from experiments.options.table import HTML, JSON, SAMPLES, SEED
from experiments.output import json_output, outdir, progress, tables
from pimsim.documents import require_one_of

NAME = "fit"
HELP = "fit the bundled processes to published numbers again, with residuals"

_DESCRIPTION = """\
Fit the amounts of a bundled process to the numbers it stands for, and print them beside the
bundled amounts, with what is left over at each published number.

ambit-like   threshold spread of the latch; Ambit's failures of triple-row activation against
             process variation (maximum likelihood; a bitline fails if 110 or 100 is wrong)
ddr4-like    spread of latch offset and cell capacitance; SiMRA's mean success of MAJ3/5/7/9 on 4
             to 32 rows of DDR4 chips (least squares; a bitline succeeds if every pattern is right)
retention    for how long cells hold a one: those lost after 4 to 4,096 s without refresh on modules
             of DDR4, and what each of these would be by itself (least squares)

The fits are not unique: other sets of varying quantities explain the same numbers.
"""

_EPILOG = """\
examples:
  pimsim circuit fit ambit-like
  pimsim circuit fit ddr4-like --samples 5000 --out out/fit     report.html, fit.png, fit.csv
  pimsim circuit fit retention --samples 100000
  pimsim circuit fit ambit-like --no-refit --json     only the residuals of the bundled amounts
"""


RETENTION = "retention"
"""What can be fitted besides the processes."""

_MODULE_HEADS = ("fitted alone:\nmedian s", "log scale", "off by\nat most x")

WRITES = ("fit.*", page.NAME)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit fit``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("process", metavar="PROCESS", help="ambit-like, ddr4-like or retention")
    add(
        parser,
        SAMPLES.but(help="bitlines for each published number", default=20_000),
        Option("refit", "search for the best amounts", bool, default=True),
        SEED,
        out_folder("folder for page, figure and table"),
        HTML,
        JSON,
    )
    figure_options.add_figures(parser)


def run(args: argparse.Namespace) -> int:
    """Print amounts and residuals, or one JSON object; write figure and table if asked."""
    with outdir.asked(args.out) as folder:
        result = _result(args)
        if folder is not None:
            from experiments.figures import circuit

            circuit.draw_fit(result, folder)
        page.write(NAME, result, args, folder)
        written = outdir.told(args.out, folder)
    _show(result, args)
    if written and not args.json:
        tables.say(written)
    return 0


def _result(args: argparse.Namespace) -> dict[str, Any]:
    from pimsim.circuit.statistics import fit

    require_one_of("process", args.process, (*fit.names(), RETENTION), hint=True)
    if args.process == RETENTION:
        return _retention(args)
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


def _retention(args: argparse.Namespace) -> dict[str, Any]:
    """The fit to retention in the form of the other fits, and the fit of each module."""
    from pimsim.circuit.model import parameters
    from pimsim.circuit.statistics import retention_fit
    from pimsim.circuit.statistics.monte_carlo import Sampling

    bundled = parameters.load(retention_fit.PRESET).retention
    every = [p for p in retention_fit.measured() if p.celsius == bundled.reference_celsius]
    found = retention_fit.fit([point for point in every if point.pooled])
    values = (
        ("retention.time_constant_ms", bundled.time_constant_ms, found.time_constant_ms),
        ("retention.log_scale", bundled.log_scale, found.log_scale),
    )
    sampling = Sampling(args.samples, args.seed)
    points: list[dict[str, Any]] = []
    for wait_s in sorted({point.wait_s for point in every}):
        alike = [point.percent for point in every if point.pooled and point.wait_s == wait_s]
        mean = math.exp(sum(map(math.log, alike)) / len(alike))
        model = retention_fit.simulated_percent(wait_s, bundled.reference_celsius, sampling)
        points.append(
            {
                "label": f"{wait_s:g} s: {min(alike):.2g} to {max(alike):.2g} %",
                "published_percent": mean,
                "model_percent": model,
                "residual_points": model - mean,
            }
        )
    modules = []
    for module in dict.fromkeys(point.module for point in every):
        own = [point for point in every if point.module == module]
        alone = retention_fit.fit(own)
        modules.append(
            {
                "module": module,
                "die": own[0].die,
                "pooled": bool(own[0].pooled),
                "lost_percent": {f"{p.wait_s:g}": p.percent for p in own},
                "median_s": alone.median_s,
                "log_scale": alone.log_scale,
                "worst_ratio": retention_fit.worst_ratio(alone, own),
            }
        )
    left = [point["residual_points"] for point in points]
    return {
        "amounts": [
            {"quantity": key, "bundled": value, "fitted": new if args.refit else value}
            for key, value, new in values
        ],
        "points": points,
        "modules": modules,
        "rms_points": math.sqrt(sum(one**2 for one in left) / len(left)),
        "worst_points": max(map(abs, left)),
        "assumptions": {
            "process": args.process,
            "preset": retention_fit.PRESET,
            "criterion": "a one reads as a zero",
            "celsius": bundled.reference_celsius,
            "published": "geometric mean of the modules that are alike",
            "refit": args.refit,
            "samples": args.samples,
            "seed": args.seed,
        },
    }


def _digits(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.3g}"


def _show(result: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        json_output.show(result | page.told(args))
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
    if "modules" in result:
        waits = list(result["modules"][0]["lost_percent"])
        shown = (waits[0], waits[len(waits) // 2], waits[-1])
        tables.show(
            ("module", "die", *(f"lost after {s} s %" for s in shown), *_MODULE_HEADS),
            [
                (
                    row["module"],
                    row["die"] + ("" if row["pooled"] else " (apart)"),
                    *(_digits(row["lost_percent"].get(s)) for s in shown),
                    f"{row['median_s']:,.0f}",
                    f"{row['log_scale']:.2f}",
                    f"{row['worst_ratio']:,.3g}",
                )
                for row in result["modules"]
            ],
        )
    rms, worst = result["rms_points"], result["worst_points"]
    stated = {"rms_points": round(rms, 2), "worst_points": round(worst, 2)}
    tables.show_assumptions(stated | result["assumptions"])
