"""``pimsim chips program``: the steps of a primitive, and programs of DRAM Bender."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from experiments.options import chips
from experiments.options.option import Option, add
from experiments.options.table import JSON
from experiments.output import json_output, tables
from experiments.output.outdir import replacing
from pimsim.errors import InputError
from pimsim.ranges import whole

_DESCRIPTION = """\
Print the steps of a primitive, or write it as a program of DRAM Bender: operands and constants
written, the steps in slots of 1.5 ns, the results read. FILE is text, a word a line, or raw words
if its name ends in .bin. A file that was written is executed again by a reader of pimsim's own.
"""

_EPILOG = """\
examples:
  pimsim chips program maj3
  pimsim chips program maj3 --size 32 --export drambender:maj3.hex
  pimsim chips program not --bank 1 --first-row 4096 --export drambender:not.bin
"""


class Program:
    """The subcommand."""

    NAME = "program"
    HELP = "the steps of a primitive, or a program of DRAM Bender that carries them out"
    LIBRARIES = "numpy"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim chips program``."""
        parser.description, parser.epilog = _DESCRIPTION, _EPILOG
        parser.add_argument(
            "primitive",
            metavar="PRIMITIVE",
            help="one of those that `pimsim chips primitives` lists",
        )
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
    with replacing(Path(file)) as unfinished:
        save(words, unfinished)
        issued = list(commands(read_words(unfinished)))
    return {
        "file": file,
        "words": len(words),
        "commands": len(issued),
        "time_us": issued[-1].at_slot * SLOT_PS / 1e6,
    }
