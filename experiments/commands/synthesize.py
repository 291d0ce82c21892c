"""``pimsim synthesize``: shortest programs of row commands, found by search."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from experiments.options import dram
from experiments.options.option import Option, Rule, absent, add, flag
from experiments.options.table import JSON
from experiments.output import json_output, progress, tables, words
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard
    from pimsim.microprogram.program import Program
    from pimsim.synthesis.search import Found

NAME = "synthesize"
HELP = "find the shortest program of row commands that computes something, on any address map"

_DESCRIPTION = """\
Find a shortest sequence of row commands (AAP, AP) that computes Boolean functions of rows on the
compute cells of an address map, and say what is proven about shorter ones.

FUNCTIONS assigns outputs: "s = a ^ b ^ c; carry = maj(a, b, c)". Names that are read before they
are assigned are inputs, each in a data row of its own that is only read. An output is stored in a
row of its own; one that has the name of an input is stored over that row. Operators: ~ & ^ | or
not, and, xor, xnor, or; functions: maj(a, b, c), and(...), or(...), xor(...), nand(...), nor(...),
xnor(...), not(a); constants: 0, 1. Up to 5 inputs.

The program is written as in the literature: (a,B8) is AAP(a, B8), a copy from row a to what
address B8 raises, and [B14] is AP(B14), a majority in place. What cells hold at the start is
unknown, and nothing may depend on it, unless --start says what stands there. Every program is run
on a simulated subarray, with random bits wherever it must not matter, before it is shown.
"""

_EPILOG = """\
examples:
  pimsim synthesize "out = a & ~b"
  pimsim synthesize "s = a ^ b ^ c; c = maj(a, b, c)" --map ambit
                                      an adder whose carry takes the row of c
  pimsim synthesize "s = a ^ b ^ c; k = maj(a, b, c)" --either s
                                      the sum, or its complement, whichever is shorter
  pimsim synthesize "s = v ^ b ^ ~c; k = maj(v, b, ~c)" --either s --start "T0 = v, DCC0 = ~v"
                    --end "T0 = s, DCC0 = ~s"
                                      a step of a running sum that stays in compute cells
  pimsim synthesize "out = a ^ b" --minimise energy --extra-wordline-factor 0.22
  pimsim synthesize --known           programs that are known to be shortest
  pimsim synthesize --recompute all   search for all of these anew
"""

_EITHER = Option(
    "either", "outputs that may be complemented; the result says which are", metavar="NAME,..."
)
_OUTPUTS = Option(
    "outputs", "the assigned names that are outputs (default: all)", metavar="NAME,..."
)
_START = Option(
    "start",
    "what stands in compute cells at the start; an input that is named here is in no row",
    metavar="CELL=EXPR,...",
)
_END = Option(
    "end",
    "what must stand in compute cells at the end; an output that is named here is stored in no row",
    metavar="CELL=EXPR,...",
)
_SCRATCH = Option(
    "scratch", "data rows that may be written and read at will besides", int, "N", 0, whole(0, 4)
)
_MINIMISE = Option(
    "minimise",
    "what the program is to have least of: commands (then activations, then wordlines), "
    "activations (what tFAW limits), latency in one bank, or energy of its row commands",
    default="commands", choices=("commands", "activations", "latency", "energy"),
)  # fmt: skip
_MOST = Option(
    "max_commands", "look at programs of up to so many commands", int, "N", 40, whole(1, 40)
)
_MEMORY = Option(
    "memory_mb",
    "memory of the search; when it is used up, samples go on, and the bound is said with what they "
    "find",
    int, "MB", 1_024, whole(16, 1_048_576),
)  # fmt: skip
_KNOWN = flag("known", "list the programs that are known to be shortest")
_RECOMPUTE = Option("recompute", "search for one of them anew, or for all", metavar="NAME|all")

_OF_SEARCH = ("outputs", "either", "start", "end", "scratch", "minimise", "max_commands")
RULES = (
    Rule(
        _OF_SEARCH,
        absent("known", "recompute"),
        "must not come with --known or --recompute, which have their own",
    ),
    Rule(("known",), absent("recompute"), "must not come with --recompute"),
    Rule(("memory_mb",), absent("known"), "must not come with --known: nothing is searched for"),
    Rule(
        ("address_map",),
        absent("known", "recompute"),
        "must not come with --known or --recompute, which have their own",
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim synthesize``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("functions", nargs="?", metavar="FUNCTIONS", help="what is computed")
    add(parser, _OUTPUTS, _EITHER, _START, _END, _SCRATCH, _MINIMISE, _MOST, _MEMORY)
    add(parser, _KNOWN, _RECOMPUTE)
    dram.add_dram(parser, refresh=False)  # a program is shorter than tREFI
    dram.add_address_map(parser, flags=("--map", "--address-map"))
    add(parser, JSON)


def run(args: argparse.Namespace) -> int:
    """Search and print what was found, as text or as one JSON object.

    >>> from experiments.cli import main
    >>> main(["synthesize", "out = a & d; e"])
    2
    """
    given = [name for name in ("functions", "known", "recompute") if getattr(args, name)]
    if len(given) != 1:
        raise InputError(
            'give either functions, such as "s = a ^ b; c = a & b", or --known, or --recompute NAME'
        )
    standard, options = dram.chosen_dram(args)
    if args.functions is None:
        return _known(args, standard, options)
    from pimsim.cost import assumptions
    from pimsim.dram.array import address_map
    from pimsim.synthesis.objective import minimise
    from pimsim.synthesis.search import synthesize
    from pimsim.synthesis.task import task

    wanted = task(
        args.functions,
        address_map.load(args.address_map or address_map.DEFAULT_MAP.name),
        outputs=_names(args.outputs),
        either=_names(args.either),
        start=args.start or "",
        end=args.end or "",
        scratch=args.scratch,
    )
    found = synthesize(
        wanted,
        minimise(args.minimise, standard, options),
        most_commands=args.max_commands,
        memory_mb=args.memory_mb,
        tell=progress.tell,
    )
    stated = {**assumptions(standard, options), **dram.stated_map(args)}
    record = _record(found, standard, options)
    if args.json:
        shown = {"functions": args.functions, **record, "assumptions": stated}
        json_output.show(json_output.without_nan(shown))
        return 0
    print(record["program"])
    tables.show(_COLUMNS, [_row(record)])
    for text in (*record["complements"], record["certificate"], f"rules: {record['rules']}"):
        tables.say(text)
    tables.show_assumptions(stated)
    return 0


def _known(args: argparse.Namespace, standard: Standard, options: ModelOptions) -> int:
    """Show the known programs, or search for them again and say whether they are the same."""
    from pimsim.cost import assumptions
    from pimsim.documents import require_one_of
    from pimsim.synthesis import known

    entries = known.load()
    if args.recompute not in (None, "all"):
        require_one_of("recompute", args.recompute, ("all", *entries), hint=True)
        entries = {args.recompute: entries[args.recompute]}
    records, differ = [], []
    for name, entry in entries.items():
        record: dict[str, Any] = {
            "name": name,
            "summary": entry.summary,
            "functions": entry.functions,
        }
        if args.recompute is None:
            record |= {"map": entry.map, **_costs(entry.program(), standard, options)}
            record |= {"optimal": entry.optimal, "bound": entry.bound}
        else:
            found = entry.recomputed(args.memory_mb, partial(_tell, name))
            record |= _record(found, standard, options)
            if not entry.agrees(found):
                differ.append(name)
        records.append(record)
        if args.recompute is not None and not args.json:
            print(f"{name}: {record['program']}\n  {record['certificate']}", flush=True)
    stated = assumptions(standard, options)
    if args.json:
        json_output.show(json_output.without_nan({"known": records, "assumptions": stated}))
    else:
        rows = [(one["name"], *_row(one), one["program"]) for one in records]
        tables.show(("name", *_COLUMNS, "program"), rows, wide=len(_COLUMNS) + 1)
        tables.show_assumptions(stated)
    if differ:
        print(f"not what known.toml says: {', '.join(differ)}", file=sys.stderr)
    return 1 if differ else 0


def _tell(name: str, text: str) -> None:
    progress.tell(f"{name}: {text}")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _record(found: Found, standard: Standard, options: ModelOptions) -> dict[str, Any]:
    from pimsim.synthesis import certificate

    return {
        "map": found.task.address_map.name,
        **_costs(found.program, standard, options),
        "complemented": list(found.complemented),
        "minimised": found.minimise.name,
        "optimal": found.optimal,
        "bound": found.bound,
        "states": found.states,
        "complements": certificate.notes(found),
        "certificate": certificate.certificate(found),
        "rules": certificate.rules(found.task),
    }


def _costs(program: Program, standard: Standard, options: ModelOptions) -> dict[str, Any]:
    from pimsim.cost import primitive_cost

    cost = primitive_cost(program, standard, options)
    return {
        "program": str(program),
        "commands": len(program),
        "aap": program.aap,
        "ap": program.ap,
        "activations": program.activations,
        "wordlines": program.activations + program.extra_wordlines(),
        "latency_ns": cost.latency_ps / 1e3,
        "energy_nj_per_kb": cost.energy_pj_per_kb / 1e3,
        "throughput_gb_per_s": cost.throughput_gb_per_s,
    }


_COLUMNS = ("commands", "AAP", "AP", "ACTs", "wordlines", "latency ns", "nJ/KB", "GB/s")


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    counts = ("commands", "aap", "ap", "activations", "wordlines")
    costs = ("latency_ns", "energy_nj_per_kb", "throughput_gb_per_s")
    return *(str(record[key]) for key in counts), *(
        words.number(record[key], ",.2f") for key in costs
    )
