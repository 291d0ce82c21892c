"""``pimsim primitives``: what each row-wide operation takes in DRAM."""

from __future__ import annotations

import argparse
from typing import Any

from experiments.options import dram
from experiments.options.option import add
from experiments.options.table import JSON
from experiments.output import json_output, tables, words
from pimsim.errors import InputError

NAME = "primitives"
HELP = "list the row operations with their commands, latency, energy and throughput"
LIBRARIES = "numpy"

_DESCRIPTION = """\
List every operation that pimsim can carry out in DRAM rows, with the row commands it
takes and what they cost.

AAP, AP   row commands of one operation (ACTIVATE-ACTIVATE-PRECHARGE, ACTIVATE-PRECHARGE)
latency   of one operation in one bank, without refresh
nJ/KB     of the row commands, per KB (1024 bytes) of a row of columns
GB/s      of row (1e9 bytes/s), all banks together, at the sustained rate of commands

An operation on n-bit operands works on n rows of each; it counts as one row of results.
What an address map has no addresses for is left out, and named with what it lacks.
"""

_EPILOG = """\
examples:
  pimsim primitives --no-faw               the Ambit paper's throughput, tFAW ignored
  pimsim primitives --energy datasheet --standard ddr3-1600-11-11-11
  pimsim primitives --address-map three-dcc    on other compute rows than Ambit's
  pimsim primitives --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim primitives``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    dram.add_dram(parser, refresh=False)  # an operation is shorter than tREFI
    dram.add_address_map(parser)
    add(parser, JSON)


def run(args: argparse.Namespace) -> int:
    """Print the table, or one JSON object.

    >>> from experiments.cli import main
    >>> main(["primitives", "--json", "--banks", "99"])
    2
    """
    from pimsim.cost import assumptions, primitive_cost
    from pimsim.microprogram.primitives import PRIMITIVES

    standard, options = dram.chosen_dram(args)
    address_map = dram.chosen_map(args)
    rows: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    for name, primitive in PRIMITIVES.items():
        try:
            program = primitive.program(address_map=address_map)
        except InputError as error:
            refused[name] = str(error)
            continue
        cost = primitive_cost(program, standard, options)
        rows.append(
            {
                "name": name,
                "width": primitive.width,
                "summary": primitive.summary,
                "aap": program.aap,
                "ap": program.ap,
                "latency_ns": cost.latency_ps / 1e3,
                "energy_nj_per_kb": cost.energy_pj_per_kb / 1e3,
                "throughput_gb_per_s": cost.throughput_gb_per_s,
            }
        )
    stated = {**assumptions(standard, options), **dram.stated_map(args)}
    if args.json:
        lacking = {"refused": refused} if refused else {}
        shown = {"primitives": rows, **lacking, "assumptions": stated}
        json_output.show(json_output.without_nan(shown))
        return 0

    tables.show(
        ("operation", "n", "AAP", "AP", "latency ns", "nJ/KB", "GB/s", "result"),
        [
            (
                row["name"],
                *(str(row[key]) for key in ("width", "aap", "ap")),
                *(
                    words.number(row[key], ",.2f")
                    for key in ("latency_ns", "energy_nj_per_kb", "throughput_gb_per_s")
                ),
                row["summary"],
            )
            for row in rows
        ],
    )
    for text in refused.values():
        tables.say(text)
    tables.show_assumptions(stated)
    return 0
