"""What a subcommand is, and how subcommands are added to a parser."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from experiments.options import option
from experiments.options.option import Rule


class Command(Protocol):
    """A module (or object) that is a subcommand. Importing it must be cheap.

    It may have ``RULES`` (of :class:`~experiments.options.option.Rule`), ``WRITES`` (see
    :mod:`experiments.options.places`), and ``LIBRARIES``, which it loads: a key of
    :data:`pimsim.memory.LIBRARIES_MIB`, "all" by default.
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
        """Carry out the command; return the exit code."""


@dataclass(frozen=True, slots=True)
class Group:
    """A subcommand that has subcommands of its own, one of which is run."""

    LIBRARIES: ClassVar[str] = "none"
    NAME: str
    HELP: str
    description: str
    epilog: str
    title: str
    """Plural noun for its subcommands."""
    commands: tuple[Command, ...]
    """Its subcommands, in the order of ``--help``."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the group and its subcommands."""
        parser.description, parser.epilog = self.description, self.epilog
        add(parser, self.commands, self.title)

    def run(self, _: argparse.Namespace) -> int:
        """Print the subcommands."""
        return overview(f"pimsim {self.NAME}", self.commands, self.title)


def add(
    parser: argparse.ArgumentParser, commands: Sequence[Command], title: str, first: str = ""
) -> None:
    """Give ``parser`` subcommands; the chosen one's ``run`` ends up in ``args.run``.

    If ``first``, the first word that will be parsed, is one of them, others get no arguments.
    """
    chosen = [command.NAME for command in commands if first == command.NAME]
    subparsers = parser.add_subparsers(metavar=title.upper().removesuffix("S"), title=title)
    for command in commands:
        subparser = subparsers.add_parser(
            command.NAME,
            help=command.HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if chosen and command.NAME not in chosen:
            continue
        command.add_arguments(subparser)
        subparser.set_defaults(
            run=command.run,
            rules=rules(command, subparser),
            writes=getattr(command, "WRITES", ()),
            libraries=getattr(command, "LIBRARIES", "all"),
        )


def rules(command: Command, parser: argparse.ArgumentParser) -> tuple[Rule, ...]:
    """Return the rules of a subcommand and of the options of its parser."""
    options = filter(None, map(option.of, parser._actions))
    return *getattr(command, "RULES", ()), *(rule for one in options for rule in one.rules)


def overview(prog: str, commands: Sequence[Command], title: str) -> int:
    """Print the subcommands if none is given; return 2, as for any bad usage."""
    width, metavar = min(shutil.get_terminal_size().columns, 100), title.upper().removesuffix("S")
    column = max(12, *(len(command.NAME) + 1 for command in commands))
    print(f"usage: {prog} {metavar} ...\n\n{title}:", file=sys.stderr)
    for command in commands:
        lines = textwrap.wrap(
            command.HELP,
            width,
            initial_indent=f"  {command.NAME:{column}}",
            subsequent_indent=" " * (column + 2),
        )
        print("\n".join(lines), file=sys.stderr)
    more = prog.replace("pimsim", "pimsim help", 1)
    print(f"\n{more} {metavar} says more about one", file=sys.stderr)
    return 2
