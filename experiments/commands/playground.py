"""``pimsim playground``: a page in which a bitline computes, and programs go step by step."""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.options.option import Option, add
from pimsim.errors import InputError

NAME = "playground"
HELP = "write a page to try how DRAM computes, with sliders and step by step"

_DESCRIPTION = """\
Write one file that any browser opens, without a network.

Its first part is a bitline with its cells and its sense amplifier. Sliders change capacitors,
supply, offset, leakage and process variation; the waveform, the margin and an estimate of
failures follow. It reads, takes the majority of three cells, and computes AND, OR and NOT.

Its second part steps through XNOR, a full adder, popcount and a small neuron, command by
command (AAP and AP), shows every cell, and says in words what each command does.

Formulas, parameters and commands are those of this package.
"""

_EPILOG = """\
examples:
  pimsim playground                      writes playground.html
  pimsim playground --out dram.html
  pimsim circuit tra --pattern 110       the same waveform as a figure and a table
  pimsim circuit failures                the same estimate, with more bitlines
  pimsim primitives                      what the programs cost
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim playground``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    add(
        parser,
        Option(
            "out", "page to write (default: playground.html)", Path, "FILE.html",
            default=Path("playground.html"),
        ),
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the page, and say where it is."""
    from experiments.output.outdir import replace_text
    from experiments.playground.page import page

    if args.out.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"`--out` must be a file that ends in .html, for a browser, not {str(args.out)!r}"
        )

    replace_text(args.out, page())
    print(f"{args.out}: open it in a browser")
    return 0
