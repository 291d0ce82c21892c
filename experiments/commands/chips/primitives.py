"""``pimsim chips primitives``: what unmodified DDR4 chips compute, how well, at what cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from experiments.options import chips
from experiments.options.option import add
from experiments.options.table import JSON
from experiments.output import json_output, tables

if TYPE_CHECKING:
    from pimsim.offtheshelf.boxes import Box

_DESCRIPTION = """\
List what unmodified DDR4 chips compute when their timing is violated: majorities and copies on many
rows of a subarray (SiMRA), and NOT and logic through the sense amplifiers that two neighbouring
subarrays share, in half of their columns (FCDRAM).

steps      accesses of ACT, PRE, ACT and Fracs, those that bring operands included
latency    of one in one bank, without refresh
nJ/KB      of the commands sent, per KB (1024 bytes) of result
GB/s       of results (1e9 bytes/s), all banks together
success    bitlines right in every trial (MAJ), cells or results right on average (others):
           mean, a quarter of the row groups below, median, and the mean of the best share of
           groups that --best leaves. Means of FCDRAM have no distribution. Without a file of
           boxes (--boxes) nothing else is known of success.
"""

_EPILOG = """\
examples:
  pimsim chips primitives
  pimsim chips primitives --t1 1.5 --t2 1.5 --best 0.5      only the better half of the row groups
  pimsim chips primitives --pattern all0/1 --json
  pimsim chips primitives --boxes simra_success_boxstats.csv
"""


class Primitives:
    """The subcommand."""

    NAME = "primitives"
    HELP = "list what unmodified chips compute, with success, latency, energy and throughput"
    LIBRARIES = "numpy"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim chips primitives``."""
        parser.description, parser.epilog = _DESCRIPTION, _EPILOG
        chips.add_measured(parser)
        chips.add_part(parser, *chips.IDLE, refresh=False)
        add(parser, JSON)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print the table, or one JSON object."""
        from pimsim.cost import assumptions
        from pimsim.offtheshelf.boxes import NEEDED
        from pimsim.offtheshelf.cost import program_cost
        from pimsim.offtheshelf.groups import mean_rates
        from pimsim.offtheshelf.primitives import PRIMITIVES

        standard, options = chips.chosen_part(args)
        measured = chips.found_measured(args)
        rates = {(one.op, one.size): one.mean_success_pct for one in mean_rates()}
        rows: list[dict[str, Any]] = []
        for name, primitive in PRIMITIVES.items():
            for size in primitive.sizes:
                program = primitive.program(size)
                cost = program_cost(program, standard, options)
                box = None if measured is None else measured.box(primitive, size)
                rows.append(
                    {
                        "name": name,
                        "size": size,
                        "summary": primitive.summary,
                        "steps": len(program.steps),
                        "columns": "half" if program.halved else "all",
                        "latency_ns": cost.latency_ps / 1e3,
                        "energy_nj_per_kb": cost.energy_pj_per_kb / 1e3,
                        "throughput_gb_per_s": cost.throughput_gb_per_s,
                        **_success(box, args.best, rates, (name, size)),
                        "source": primitive.source,
                    }
                )
        stated = {**assumptions(standard, options), **chips.stated(args), **chips.STATED}
        if args.json:
            json_output.show({"primitives": rows, "assumptions": stated})
            return 0
        best, unknown = f"best {100 * args.best:g} %", "-" if measured is None else ""
        tables.show(
            ("operation", "N", "steps", "latency ns", "nJ/KB", "GB/s",
             "mean %", "p25 %", "median %", best),
            [
                (
                    row["name"], str(row["size"]), str(row["steps"]),
                    *(f"{row[key]:,.2f}"
                      for key in ("latency_ns", "energy_nj_per_kb", "throughput_gb_per_s")),
                    *(unknown if row[key] is None else f"{row[key]:.2f}" for key in _SUCCESS),
                )
                for row in rows
            ],
        )  # fmt: skip
        if measured is None:
            tables.say(f"-: not known without --boxes FILE.csv, {NEEDED}")
        tables.show_assumptions(stated)
        return 0


_SUCCESS = ("mean_percent", "p25_percent", "median_percent", "best_percent")


def _success(
    box: Box | None, best: float, rates: dict[tuple[str, int], float], of: tuple[str, int]
) -> dict[str, Any]:
    """Measured success of an operation; None where nothing was measured."""
    if box is None:
        counted = "results right, mean over trials and bitlines" if of in rates else None
        return {"success_is": counted, **dict.fromkeys(_SUCCESS), "mean_percent": rates.get(of)}
    from pimsim.offtheshelf.boxes import METRICS

    values = (box.mean, box.success(0.25), box.success(0.5), box.mean_of_best(best))
    percent = (100.0 * value for value in values)
    return {"success_is": METRICS[box.metric], **dict(zip(_SUCCESS, percent, strict=True))}
