"""``pimsim standards``: the DRAM parts that pimsim knows, and where their values come from."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from experiments.options.option import add, flag
from experiments.options.table import JSON
from experiments.output import json_output

if TYPE_CHECKING:
    from pimsim.dram.standard.standard import Standard

NAME = "standards"
HELP = "list the DRAM standards, or every value of one with its source"

_DESCRIPTION = """\
List the DRAM standards that --standard accepts; with a name, or the path of a .toml file
of the same form, every value of that one with its source.
"""

_EPILOG = """\
examples:
  pimsim standards
  pimsim standards ddr3-1600-11-11-11      where each value comes from
  pimsim standards --json
  pimsim standards ddr4-2400 --toml > mine.toml   a file of your own, to edit
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim standards``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("standard", nargs="?", metavar="NAME|FILE.toml", help="show this one only")
    text = "print the standard as a TOML file to edit, for --standard FILE.toml"
    add(parser, flag("toml", text), JSON)


def run(args: argparse.Namespace) -> int:
    """Print the list or one standard, as tables or as one JSON object."""
    from pimsim.dram.standard import standard as standards
    from pimsim.errors import InputError

    if args.toml:
        if args.json or args.standard is None:
            raise InputError("`--toml` must come with the name of one standard and without --json")
        print(standards.toml(standards.load(args.standard)), end="")
        return 0
    chosen = (
        [standards.load(args.standard)]
        if args.standard
        else [*map(standards.load, standards.names())]
    )
    if args.json:
        json_output.show({"standards": [_record(standard) for standard in chosen]})
        return 0

    from experiments.output import tables

    if args.standard:
        (standard,) = chosen
        tables.show(
            ("value", "", "source"),
            _sourced(standard),
            title=f"{standard.name}: {standard.description}",
        )
    else:
        tables.show(
            ("standard", "GB/s", "banks", "row KB", *_TIMES, "what"),
            [_summary(standard) for standard in chosen],
            title="times in ns; GB/s: peak of all channels; banks: channels x ranks x banks a rank",
        )
    return 0


def _record(standard: Standard) -> dict[str, object]:
    values = asdict(standard)
    timing = standard.timing
    return {
        **{key: value for key, value in values.items() if key != "sources"},
        "peak_gb_per_s": standard.peak_gb_per_s,
        "aap_ns": timing.aap_ps(split_decoder=True) / 1e3,
        "ap_ns": timing.ap_ps / 1e3,
        "sources": dict(standard.sources),
    }


def _sourced(standard: Standard) -> list[tuple[str, str, str]]:
    """Each value with its source, which is written out where it changes."""
    rows, above = [], ""
    for path, source in standard.sources.items():
        rows.append(
            (path, f"{_value(standard, path):,}", "as above" if source == above else source)
        )
        above = source
    return rows


def _value(standard: Standard, path: str) -> float:
    section, key = path.split(".")
    owner = standard if section == "geometry" else getattr(standard, section)
    value: float = getattr(owner, key)
    return value


_TIMES = ("tFAW", "AAP")


def _summary(standard: Standard) -> tuple[str, ...]:
    timing = standard.timing
    times_ps = (timing.t_faw_ps, timing.aap_ps(split_decoder=True))
    return (
        standard.name,
        f"{standard.peak_gb_per_s:.1f}",
        f"{standard.channels}x{standard.ranks}x{standard.banks}",
        f"{standard.row_bytes / 1024:g}",
        *(f"{time_ps / 1e3:.2f}" for time_ps in times_ps),
        standard.description,
    )
