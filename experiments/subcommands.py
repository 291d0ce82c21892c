"""What a subcommand is, and how a parser gets its subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Protocol


class Command(Protocol):
    """A module (or object) that is a subcommand. Importing it must be cheap."""

    @property
    def NAME(self) -> str:
        """The word on the command line."""

    @property
    def HELP(self) -> str:
        """One line for ``--help`` of the command above."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the subcommand and its arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit code."""


def add(
    parser: argparse.ArgumentParser, commands: Sequence[Command], title: str, destination: str
) -> None:
    """Give ``parser`` subcommands; the chosen one's ``run`` ends up in ``args.<destination>``."""
    subparsers = parser.add_subparsers(
        metavar=title.upper().removesuffix("S"), required=True, title=title
    )
    for command in commands:
        subparser = subparsers.add_parser(
            command.NAME,
            help=command.HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(**{destination: command.run})
