"""What a subcommand is, and how a parser gets its subcommands."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Protocol

from experiments.options import option
from experiments.options.effects import Rule


class Command(Protocol):
    """A module (or object) that is a subcommand. Importing it must be cheap.

    It may have ``RULES``, see :mod:`experiments.options.effects`, and ``WRITES``, see
    :mod:`experiments.options.places`.
    """

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
    subparsers = parser.add_subparsers(metavar=title.upper().removesuffix("S"), title=title)
    parser.set_defaults(**{destination: _overview(parser, commands, title)})
    for command in commands:
        subparser = subparsers.add_parser(
            command.NAME,
            help=command.HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(
            **{
                destination: command.run,
                "rules": rules(command, subparser),
                "writes": getattr(command, "WRITES", ()),
            }
        )


def rules(command: Command, parser: argparse.ArgumentParser) -> tuple[Rule, ...]:
    """Return the rules of a subcommand, and of the options that its parser has been given."""
    options = filter(None, map(option.of, parser._actions))
    return *getattr(command, "RULES", ()), *(rule for one in options for rule in one.rules)


def _overview(
    parser: argparse.ArgumentParser, commands: Sequence[Command], title: str
) -> Callable[[argparse.Namespace], int]:
    """What is done if no subcommand is given: say which there are; 2, as for any bad usage."""

    def show(_: argparse.Namespace) -> int:
        width = min(shutil.get_terminal_size().columns, 100)
        lines = [f"usage: {parser.prog} {title.upper().removesuffix('S')} ...", "", f"{title}:"]
        for command in commands:
            lines += textwrap.wrap(
                command.HELP,
                width,
                initial_indent=f"  {command.NAME:12}",
                subsequent_indent=" " * 14,
            )
        words = [*parser.prog.split(), title.upper().removesuffix("S")]
        more = " ".join([words[0], "help", *words[1:]])
        print("\n".join([*lines, "", f"{more} says more about one"]), file=sys.stderr)
        return 2

    return show
