"""``pimsim circuit convert``: measurements of real chips as a failure table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.options.option import Option, Rule, add, require_effects
from experiments.options.table import JSON
from experiments.output import tables
from experiments.output.outdir import replace_text
from pimsim.errors import InputError
from pimsim.ranges import Range

if TYPE_CHECKING:
    from pimsim.circuit.failure_tables.chips import Summary, Wanted
    from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
    from pimsim.circuit.failure_tables.table import FailureTable

NAME = "convert"
HELP = "make a failure table of what was measured on real chips (SiMRA, FCDRAM)"

_DESCRIPTION = """\
Turn published summaries of measurements on real DRAM chips into a failure table, for
`--failures TABLE.json`. The data are not part of pimsim; a file is known by its columns:

SiMRA    op, rows_activated, data_pattern, t1_ns, t2_ns, mean[, min, p25, median, p75, p99]
         majorities of three (percent of bitlines right in every trial) become static faults;
         how they are divided over patterns of operands is an assumption (--split). Copies
         (percent of cells right) become faults of the access.
FCDRAM   op, first_subarray_distance, second_subarray_distance, mean_success_pct
         or source, quantity, value, unit with NOT_1_dest_mean
         NOT (mean rate) becomes faults of the access.

Reading a single row was not measured, nor were unanimous operands: both never fail. Every entry
says where its number comes from. A table of measurements has majorities on 4 rows and more: give
`--activation-rows N` where it is used.
"""

_EPILOG = """\
examples:
  pimsim circuit convert simra_success_boxstats.csv --out simra.json
  pimsim circuit convert simra_success_boxstats.csv --rows 4,32 --pattern all0/1 --statistic p25
  pimsim circuit convert simra_success_boxstats.csv --copies 36,3 --out simra.json
  pimsim circuit convert simra_success_boxstats.csv paper_reported.csv --out chips.json
  pimsim circuit convert simra_success_boxstats.csv fcdram_success_by_distance.csv \\
      --distance middle,far --json
"""

_DELAYS = Range(0, 1_000_000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit convert``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "files", metavar="FILE.csv", type=Path, nargs="+", help="summaries of measurements"
    )
    group = parser.add_argument_group("which measurements")
    add(
        group,
        Option(
            "rows",
            "rows that majorities of three were stored on (default: all that were measured)",
            metavar="N,...",
        ),
        Option("pattern", "data in the rows", default="random", choices=("random", "all0/1")),
        Option(
            "statistic", "which of the measured row groups stands for the chip",
            default="mean", choices=("mean", "min", "p25", "median", "p75", "p99"),
        ),
        Option(
            "split",
            "each pattern of operands fails on a half of the bitlines that fail (the most: a "
            "bitline fails for all patterns with as many ones) or on a sixth (the least: for a "
            "single one)",
            default="half", choices=("half", "sixth"),
        ),
        Option(
            "t1", "for majorities: from the first ACTIVATE to PRECHARGE (default: %(default)s ns)",
            float, "NS", 1.5, _DELAYS, unit="ns",
        ),
        Option(
            "t2", "for majorities: from PRECHARGE to the second ACTIVATE (default: %(default)s ns)",
            float, "NS", 3.0, _DELAYS, unit="ns",
        ),
        Option(
            "copies",
            "let copies fail as they did with these delays in ns, such as 36,3 (default: copies "
            "never fail)",
            metavar="T1,T2",
        ),
        Option(
            "distance",
            "distance of the rows of a NOT from the sense amplifiers between them: two of close, "
            "middle, far (default: the mean of all)",
            metavar="A,B",
        ),
    )  # fmt: skip
    add(parser, Option("out", "file for the table", Path, "TABLE.json"), JSON)


def run(args: argparse.Namespace) -> int:
    """Print the table, or its JSON; write it if asked."""
    from pimsim.circuit.failure_tables import chips

    summaries = [chips.read(path) for path in args.files]
    require_effects(args, _rules(summaries))
    table = chips.table(summaries, _wanted(args))
    if args.out is not None:
        replace_text(args.out, table.to_json())
    if args.json:
        print(table.to_json(), end="")
    else:
        show(table)
    return 0


def _rules(summaries: Sequence[Summary]) -> tuple[Rule, ...]:
    """Rules: options that select measurements of SiMRA have no effect without these."""
    from pimsim.circuit.failure_tables.chips import simra

    chips = any(one.has(*simra.COLUMNS) for one in summaries)
    names = ("pattern", "statistic", "split", "t1", "t2")
    return (Rule(names, lambda _: chips, "needs a file of SiMRA's measurements"),)


def show(table: FailureTable) -> None:
    """Print a failure table."""
    tables.show(
        ("kind", "rows", "ones", "always wrong %", "else wrong %", "source"),
        [
            (
                entry.kind,
                str(entry.rows),
                str(entry.ones),
                f"{100 * entry.rate.static:.4g}",
                f"{100 * entry.rate.access:.4g}",
                getattr(entry, "source", "counted"),
            )
            for entry in table.entries
        ],
    )
    tables.show_assumptions({"model": table.provenance.get("model", "unknown")})


def _wanted(args: argparse.Namespace) -> Wanted:
    from pimsim.circuit.failure_tables.chips import Wanted
    from pimsim.circuit.failure_tables.chips.fcdram import DISTANCES
    from pimsim.circuit.failure_tables.chips.summary import ActivationDelays

    rows: list[int] = []
    for word in [] if args.rows is None else args.rows.split(","):
        if not word.strip().isdecimal() or int(word) < 3:
            raise InputError(
                f"`--rows` must be integers of at least 3 with commas between, not {args.rows!r}"
            )
        rows.append(int(word))
    distance = None
    if args.distance is not None:
        words = tuple(args.distance.split(","))
        if len(words) != 2 or not set(words) <= set(DISTANCES):
            raise InputError(
                f"`--distance` must be two of {', '.join(DISTANCES)} with a comma between, "
                f"not {args.distance!r}"
            )
        distance = (words[0], words[1])
    return Wanted(
        rows=tuple(dict.fromkeys(rows)),
        pattern=args.pattern,
        statistic=args.statistic,
        split=args.split,
        majority=ActivationDelays(args.t1, args.t2),
        copies=None if args.copies is None else _timing(args.copies),
        distance=distance,
    )


def _timing(text: str) -> ActivationDelays:
    """Two delays.

    >>> print(_timing("36,3"))
    t1 36 ns, t2 3 ns
    """
    from pimsim.circuit.failure_tables.chips.summary import ActivationDelays

    try:
        t1_ns, t2_ns = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(
            f"`--copies` must be two delays in ns with a comma between, such as 36,3, not {text!r}"
        ) from None
    return ActivationDelays(t1_ns, t2_ns)
