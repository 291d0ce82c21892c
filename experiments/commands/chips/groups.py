"""``pimsim chips groups``: how row groups differ, and failure tables that they are drawn with."""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.options import chips
from experiments.options.option import Option, add
from experiments.options.table import JSON
from experiments.output import json_output, tables
from experiments.output.outdir import replace_text

_DESCRIPTION = """\
Show how often a majority of three is right on the row groups of unmodified chips, and how much a
screening helps that keeps only the best ones. With --out, write a failure table with which `pimsim
run` and sweeps draw one of these groups for every subarray.
"""

_EPILOG = """\
examples:
  pimsim chips groups --rows 4 --t2 1.5
  pimsim chips groups --rows 4 --t2 1.5 --best 0.5 --out half.json
  pimsim run digits-mlp --failures half.json --activation-rows 4
"""

SHARES = (1.0, 0.75, 0.5, 0.25, 0.1)


class Groups:
    """The subcommand."""

    NAME = "groups"
    HELP = "how row groups differ, what screening brings, and failure tables of drawn groups"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim chips groups``."""
        parser.description, parser.epilog = _DESCRIPTION, _EPILOG
        add(parser, chips.ROWS)
        chips.add_measured(parser)
        add(parser, Option("out", "file for the table", Path, "TABLE.json"), JSON)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print shares and success, or one JSON object; write the table if asked."""
        from pimsim.offtheshelf.group_faults import table_of
        from pimsim.offtheshelf.primitives import PRIMITIVES

        box = chips.chosen_measured(args).box(PRIMITIVES["maj3"], args.rows)
        assert box is not None
        if args.out is not None:
            replace_text(args.out, table_of(box, args.best).to_json())
        rows = [
            {
                "best": best,
                "mean_percent": 100 * box.mean_of_best(best),
                "least_percent": 100 * box.success(1 - best),
            }
            for best in sorted({*SHARES, args.best}, reverse=True)
        ]
        if args.json:
            json_output.show({"groups": rows, "of": box.text, "assumptions": chips.stated(args)})
            return 0
        tables.say(f"{box.text}: bitlines that are right in every trial")
        tables.show(
            ("groups used, %", "mean %", "least %"),
            [
                (f"{100 * one['best']:g}", f"{one['mean_percent']:.2f}",
                 f"{one['least_percent']:.2f}")
                for one in rows
            ],
        )  # fmt: skip
        tables.show_assumptions(chips.stated(args))
        return 0
