"""``pimsim trace cost``: time and energy of a trace of commands, and whether it is legal."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import dram
from experiments.options.option import Option, add
from experiments.options.subcommands import Group
from experiments.options.table import JSON
from experiments.output import json_output, tables, words

if TYPE_CHECKING:
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard
    from pimsim.dram.traces.reading.stream import Found

_DESCRIPTION = """\
Read traces of DRAM commands back: those that `pimsim run --trace` writes, those that DRAMPower,
Ramulator's CmdTraceRecorder and DRAMsim3 know, or plain text. Say whether they keep every timing
constraint of the part, and what they take in time and energy, by part.

plain text, a command a line, in picoseconds:
  [TIME] COMMAND BANK [ROW [ROW2]]        AAP, AP, ACT, PRE, RD, WR or REF
  [TIME] TRANSFER BANK TO
Without times, every command is issued as early as is legal, and refresh goes in between.
"""

_EPILOG = """\
examples:
  pimsim run digits-mlp --limit 8 --trace perfetto:run.json
  pimsim trace cost run.json                          what the run takes, to the picosecond
  pimsim trace cost mine.txt --standard ddr4-2400     a stream of one's own
  pimsim trace cost run.csv.ch* --standard hbm2       a file for each channel
  pimsim trace cost run.csv --no-faw --json
"""

_FORMATS = ("perfetto", "drampower", "ramulator", "dramsim3", "plain")


class _Cost:
    NAME = "cost"
    HELP = "legality, time and energy of a trace of commands"
    LIBRARIES = "numpy"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim trace cost``."""
        parser.description, parser.epilog = _DESCRIPTION, _EPILOG
        parser.add_argument(
            "files", metavar="FILE", nargs="+", type=Path,
            help="trace, compressed if its name ends in .gz; of several channels a file each",
        )  # fmt: skip
        add(
            parser,
            Option("format", "format of the files (default: by the first line)", choices=_FORMATS),
        )
        dram.add_dram(parser)
        add(parser, JSON)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print what was found, or one JSON object."""
        from pimsim.dram.traces.reading.stream import read

        standard, options = dram.chosen_dram(args)
        found = [(path, read(path, standard, options, args.format)) for path in args.files]
        record = _record(found, standard, options)
        if args.json:
            json_output.show(record)
        else:
            _show(record)
        return 0


TRACE = Group(
    "trace",
    "traces of commands, read back: whether they are legal, and what they take",
    "Read traces of DRAM commands (docs/traces.md).\n",
    "examples:\n  pimsim trace cost run.json\n  pimsim trace cost --help      more about it\n",
    "subcommands",
    (_Cost(),),
)


def _record(
    found: list[tuple[Path, Found]], standard: Standard, options: ModelOptions
) -> dict[str, Any]:
    from pimsim.cost import Elapsed, assumptions, charge
    from pimsim.dram.commands import CommandCounts
    from pimsim.dram.energy import stated_pj

    each = [one for _, one in found]
    if any(one.on_bus for one in each):
        options = replace(options, clocked=True)
    counts = sum((one.counts for one in each), CommandCounts())
    elapsed = Elapsed(
        max(one.latency_ps for one in each),
        sum(one.held_ps for one in each),
        sum(one.open_ps for one in each),
        sum(one.bank_open_ps for one in each),
        sum(one.refreshes for one in each),
    ).with_idle_ranks(standard, options)
    cost = charge(counts, elapsed, standard, options)
    violations: Counter[str] = Counter()
    for one in each:
        violations.update(one.violations)
    clock_ps = standard.timing.t_ck_ps
    return {
        "files": [str(path) for path, _ in found],
        "format": each[0].form,
        "legal": not violations,
        "violations": dict(violations.most_common()),
        "first_violations": [
            {
                "file": str(path), "line": one.line, "command": one.kind.name, "bank": one.bank,
                "constraint": one.constraint, "short_ps": one.short_ps,
                "short_clocks": one.short_ps / clock_ps,
            }
            for path, of_file in found
            for one in of_file.first
        ][:10],
        "commands": {
            name: getattr(counts, name)
            for name in ("aap", "ap", "act", "pre", "rd", "wr", "transfer")
        } | {"ref": elapsed.refreshes},
        "scheduled": each[0].scheduled,
        "latency_ps": cost.latency_ps,
        "open_ps": elapsed.open_ps,
        "bank_open_ps": elapsed.bank_open_ps,
        "energy_pj": {**cost.energy_pj, "total": stated_pj(cost.total_pj)},
        "not_in_the_trace": list(each[0].lacks),
        "assumptions": assumptions(standard, options),
    }  # fmt: skip


def _show(record: dict[str, Any]) -> None:
    tables.show(
        ("part", "energy"),
        [
            (part.replace("_", " "), words.quantity(pj, "pJ"))
            for part, pj in record["energy_pj"].items()
        ],
    )
    told = ", ".join(
        f"{number:,} {name.upper()}" for name, number in record["commands"].items() if number
    )
    tables.say(f"format      {record['format']}")
    tables.say(f"commands    {told}")
    how = "as early as is legal" if record["scheduled"] else "as in the trace"
    tables.say(f"time        {record['latency_ps']:,} ps, {how}")
    if record["legal"]:
        tables.say("legal       yes: no timing constraint is broken")
    else:
        total = sum(record["violations"].values())
        by_name = ", ".join(f"{number:,} {name}" for name, number in record["violations"].items())
        tables.say(f"legal       no: {total:,} violations ({by_name}); the first:")
        tables.show(
            ("file", "line", "command", "bank", "constraint", "short by"),
            [
                (
                    Path(one["file"]).name, f"{one['line']:,}", one["command"], str(one["bank"]),
                    one["constraint"], _short(one),
                )
                for one in record["first_violations"]
            ],
        )  # fmt: skip
    tables.say(f"not in it   {', '.join(record['not_in_the_trace'])}")
    tables.show_assumptions(record["assumptions"])


def _short(one: dict[str, Any]) -> str:
    if one["constraint"] == "state":
        return "the bank is not in the state for it"
    return f"{one['short_ps']:,} ps ({one['short_clocks']:.3g} clocks)"
