"""``pimsim circuit``: what the cells do; it hands over to the subcommands in :data:`PARTS`."""

from __future__ import annotations

import argparse

from experiments.commands.circuit import convert, failures, fit, margin, parts, transient
from experiments.options import subcommands

NAME = "circuit"
HELP = "the cells below the commands: transients, margins, failures under process variation"

_DESCRIPTION = """\
Simulate a bitline pair with its cells and its sense amplifier. Parameters are a preset
(--preset) or a TOML file, and single values can be changed (--set cell.capacitance_ff=20).
"""


PARTS: tuple[subcommands.Command, ...] = (
    *transient.PARTS,
    failures,
    convert,
    margin,
    fit,
    *parts.PARTS,
)
"""Every subcommand, in the order in which ``pimsim circuit --help`` lists them."""

_EPILOG = """\
examples:
  pimsim circuit tra --pattern 110 --out out
                                      waveforms of a triple-row activation
  pimsim circuit failures             wrong triple-row activations against process variation
  pimsim circuit margin --out out     heat maps of the sense margin
  pimsim circuit fit ddr4-like
  pimsim circuit preset rambus55 --toml > mine.toml
                                      a circuit of your own, to edit
  pimsim circuit failures --help      more about one subcommand
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit`` and its subcommands."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    subcommands.add(parser, PARTS, "subcommands", "run_part")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    code: int = args.run_part(args)
    return code
