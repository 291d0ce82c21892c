"""Options of figures: formats, width and small print."""

from __future__ import annotations

import argparse

from experiments.figures.wanted import FORMATS, NOTES
from experiments.options.option import Condition, Option, add, given
from pimsim.ranges import Range

FORMAT = Option(
    "formats",
    f"files of each figure: {', '.join(FORMATS)}, or several with commas (default: png)",
    metavar="FORMAT,...",
    flags=("--format",),
)
WIDTH = Option(
    "width_in",
    "width of figures in inches, such as 3.5 for one column of a paper; letters stay as large "
    "(default: each its own)",
    float, "INCHES", range=Range(2, 40), flags=("--width",), unit="in",
)  # fmt: skip
NOTES_OPTION = Option(
    "notes",
    "small print of figures: two lines at most, all there is, or none",
    default="short",
    choices=NOTES,
)
ALL = (FORMAT, WIDTH, NOTES_OPTION)


def add_figures(
    parser: argparse.ArgumentParser,
    needs: tuple[Condition, str] | None = (given("out"), "needs --out: else nothing is drawn"),
) -> None:
    """Add the options of figures; None as ``needs`` if the command has a rule of its own."""
    add(parser.add_argument_group("figures"), *(one.but(needs=needs) for one in ALL))
