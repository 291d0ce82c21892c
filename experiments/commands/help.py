"""``pimsim help``: the ``--help`` of any subcommand."""

from __future__ import annotations

import argparse

NAME = "help"
HELP = "say what a command does, as its --help"
LIBRARIES = "none"

_DESCRIPTION = "Print the help of pimsim, or of a subcommand."

_EPILOG = """\
examples:
  pimsim help
  pimsim help run
  pimsim help circuit failures
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim help``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help="a subcommand, and its own")


def run(args: argparse.Namespace) -> int:
    """Print the help.

    >>> run(argparse.Namespace(commands=["completion"]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    SystemExit: 0
    """
    from experiments.cli import build_parser

    build_parser().parse_args([*args.commands, "--help"])
    return 0
