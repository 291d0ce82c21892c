"""``pimsim chips``: what unmodified DDR4 chips compute, how well, and at what cost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import chips, dram
from experiments.options.option import Option, add
from experiments.options.subcommands import Group
from experiments.options.table import JSON
from experiments.output import json_output, tables
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    from pimsim.offtheshelf.boxes import Box

_PRIMITIVES = """\
List what DDR4 chips compute that nobody changed, when their timing is violated: majorities and
copies on many rows of a subarray (SiMRA), NOT and logic through the sense amplifiers that two
neighbouring subarrays share, in half of their columns (FCDRAM).

steps      accesses of ACT, PRE, ACT and Fracs, those that bring operands included
latency    of one in one bank, without refresh
nJ/KB      of the commands sent, per KB (1024 bytes) of result
GB/s       of results (1e9 bytes/s), all banks together
success    bitlines right in every trial (MAJ), cells or results right on average (others):
           mean, a quarter of the row groups below, median, and the mean of the best share of
           groups that --best leaves. Means of FCDRAM have no distribution.
"""

_PRIMITIVES_EXAMPLES = """\
examples:
  pimsim chips primitives
  pimsim chips primitives --t1 1.5 --t2 1.5 --best 0.5      only the better half of the row groups
  pimsim chips primitives --pattern all0/1 --json
  pimsim chips primitives --boxes simra_success_boxstats.csv
"""

_PROGRAM = """\
Print the steps of a primitive, or write it as a program of DRAM Bender: operands and constants
written, the steps in slots of 1.5 ns, the results read. FILE is text, a word a line, or raw words
if its name ends in .bin. A file that was written is executed again by a reader of pimsim's own.
"""

_PROGRAM_EXAMPLES = """\
examples:
  pimsim chips program maj3
  pimsim chips program maj3 --size 32 --export drambender:maj3.hex
  pimsim chips program not --bank 1 --first-row 4096 --export drambender:not.bin
"""


class _Primitives:
    NAME = "primitives"
    HELP = "list what unmodified chips compute, with success, latency, energy and throughput"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim chips primitives``."""
        parser.description, parser.epilog = _PRIMITIVES, _PRIMITIVES_EXAMPLES
        chips.add_measured(parser)
        dram.add_dram(parser, refresh=False, standard=chips.STANDARD)
        add(parser, JSON)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print the table, or one JSON object."""
        from pimsim.cost import assumptions
        from pimsim.offtheshelf.cost import program_cost
        from pimsim.offtheshelf.groups import mean_rates
        from pimsim.offtheshelf.primitives import PRIMITIVES

        standard, options = dram.chosen_dram(args)
        measured = chips.chosen_measured(args)
        rates = {(one.op, one.size): one.mean_success_pct for one in mean_rates()}
        rows: list[dict[str, Any]] = []
        for name, primitive in PRIMITIVES.items():
            for size in primitive.sizes:
                program = primitive.program(size)
                cost = program_cost(program, standard, options)
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
                        **_success(measured.box(primitive, size), args.best, rates, (name, size)),
                        "source": primitive.source,
                    }
                )
        stated = {**assumptions(standard, options), **chips.stated(args)}
        if args.json:
            json_output.show({"primitives": rows, "assumptions": stated})
            return 0
        best = f"best {100 * args.best:g} %"
        tables.show(
            ("operation", "N", "steps", "latency ns", "nJ/KB", "GB/s",
             "mean %", "p25 %", "median %", best),
            [
                (
                    row["name"], str(row["size"]), str(row["steps"]),
                    *(f"{row[key]:,.2f}"
                      for key in ("latency_ns", "energy_nj_per_kb", "throughput_gb_per_s")),
                    *("" if row[key] is None else f"{row[key]:.2f}" for key in _SUCCESS),
                )
                for row in rows
            ],
        )  # fmt: skip
        tables.show_assumptions(stated)
        return 0


_SUCCESS = ("mean_percent", "p25_percent", "median_percent", "best_percent")


def _success(
    box: Box | None, best: float, rates: dict[tuple[str, int], float], of: tuple[str, int]
) -> dict[str, Any]:
    """What was measured of an operation; None for what was not."""
    if box is None:
        counted = "results right, mean over trials and bitlines" if of in rates else None
        return {"success_is": counted, **dict.fromkeys(_SUCCESS), "mean_percent": rates.get(of)}
    from pimsim.offtheshelf.boxes import METRICS

    values = (box.mean, box.success(0.25), box.success(0.5), box.mean_of_best(best))
    percent = (100.0 * value for value in values)
    return {"success_is": METRICS[box.metric], **dict(zip(_SUCCESS, percent, strict=True))}


class _Program:
    NAME = "program"
    HELP = "the steps of a primitive, or a program of DRAM Bender that carries them out"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim chips program``."""
        parser.description, parser.epilog = _PROGRAM, _PROGRAM_EXAMPLES
        parser.add_argument("primitive", metavar="PRIMITIVE", help="of `pimsim chips primitives`")
        add(
            parser,
            Option("size", "rows, destinations or inputs (default: the most)", int, "N",
                   range=whole(1, 64)),
            Option("export", "write it for DRAM Bender, in place of what is there",
                   metavar="drambender:FILE"),
            Option("bank", "bank that it is for", int, "N", 0, whole(0, 1_023),
                   needs=(lambda args: args.export is not None, "needs --export")),
            Option("first_row", "first row of the two subarrays", int, "ROW", 0,
                   whole(0, 1 << 24),
                   needs=(lambda args: args.export is not None, "needs --export")),
            chips.PART,
            JSON,
        )  # fmt: skip

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print steps, or one JSON object; write the program if asked."""
        from pimsim.documents import nearest
        from pimsim.offtheshelf.primitives import PRIMITIVES

        if args.primitive not in PRIMITIVES:
            raise InputError(
                f"`PRIMITIVE` must be one of {', '.join(PRIMITIVES)}, not "
                f"{args.primitive!r}{nearest(args.primitive, PRIMITIVES)}"
            )
        program = PRIMITIVES[args.primitive].program(args.size)
        record: dict[str, Any] = {
            "name": program.name,
            "inputs": [str(row) for row in program.inputs],
            "constants": {str(row): held for row, held in program.constants},
            "outputs": [str(row) for row in program.outputs],
            "columns": "half" if program.halved else "all",
            "steps": [str(step) for step in program.steps],
        }
        if args.export is not None:
            record["export"] = _export(args, program)
        if args.json:
            json_output.show(record)
            return 0
        for name in ("inputs", "constants", "outputs"):
            told = record[name]
            pairs = told.items() if isinstance(told, dict) else ((row, None) for row in told)
            words = ", ".join(row if held is None else f"{row} = {held}" for row, held in pairs)
            tables.say(f"{name:10}{words or 'none'}")
        tables.say(f"columns   {record['columns']}")
        for number, step in enumerate(record["steps"]):
            tables.say(f"{number:4}  {step}{'   decides' * (number == program.deciding)}")
        if "export" in record:
            told = record["export"]
            tables.say(
                f"{told['file']}: {told['words']:,} words, {told['commands']:,} DRAM commands in "
                f"{told['time_us']:,.1f} us of slots of 1.5 ns, read back and executed"
            )
        return 0


def _export(args: argparse.Namespace, program: Any) -> dict[str, Any]:
    from pimsim.dram.standard.standard import load
    from pimsim.offtheshelf.bender_program import SLOT_PS, assembled, commands, read_words, save

    name, colon, file = args.export.partition(":")
    if name != "drambender" or not colon or not file:
        raise InputError(f"`--export` must be drambender:FILE, not {args.export!r}")
    words = assembled(program, load(args.standard), bank=args.bank, first_row=args.first_row)
    path = Path(file)
    save(words, path)
    issued = list(commands(read_words(path)))
    return {
        "file": file,
        "words": len(words),
        "commands": len(issued),
        "time_us": issued[-1].at_slot * SLOT_PS / 1e6,
    }


CHIPS = Group(
    "chips",
    "unmodified DDR4 chips: what they compute, how well, at what cost",
    "What unmodified DDR4 chips compute when their timing is violated (docs/off-the-shelf.md).\n",
    "examples:\n  pimsim chips primitives\n  pimsim chips program maj3 --size 32\n",
    "subcommands",
    (_Primitives(), _Program()),
)
