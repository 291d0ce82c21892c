"""``pimsim circuit``: cells, bitlines and sense amplifiers. It runs one of its subcommands."""

from __future__ import annotations

from experiments.commands import files
from experiments.commands.circuit import convert, failures, fit, margin, transient
from experiments.options.subcommands import Group

_DESCRIPTION = """\
Simulate a bitline pair with its cells and its sense amplifier. Parameters are a preset
(--preset) or a TOML file, and single values can be changed (--set cell.capacitance_ff=20).
"""

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

CIRCUIT = Group(
    "circuit",
    "the cells below the commands: transients, margins, failures under process variation",
    _DESCRIPTION,
    _EPILOG,
    "subcommands",
    (*transient.PARTS, failures, convert, margin, fit, *files.OF_CIRCUIT),
)
