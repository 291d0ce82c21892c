"""The ``pimsim`` command.

A subcommand is a module of this package with ``NAME``, ``HELP``, ``add_arguments(parser)`` and
``run(args) -> int``; it is listed once, in :data:`COMMANDS`. Importing it must be cheap: what is
heavy is imported inside ``run``.

Exit codes: 0 success, 2 bad usage or bad input (one line on stderr), 130 interrupted.

>>> main(["primitives", "--standard", "ddr9"])
2
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from experiments import (
    circuit_command,
    networks_command,
    primitives_command,
    reproduce_command,
    run_command,
    standards_command,
    study_command,
    subcommands,
    sweep_command,
    train_command,
)
from pimsim import __version__
from pimsim.errors import PimsimError

COMMANDS: tuple[subcommands.Command, ...] = (
    run_command,
    networks_command,
    primitives_command,
    standards_command,
    circuit_command,
    reproduce_command,
    sweep_command,
    study_command,
    train_command,
)
"""Every subcommand, in the order in which ``pimsim --help`` lists them."""

_EPILOG = """\
examples:
  pimsim run digits-mlp           classify handwritten digits in simulated DRAM
  pimsim networks                 the trained networks that come with pimsim
  pimsim primitives               what an AND or an addition in DRAM takes
  pimsim standards                the DRAM parts that pimsim knows
  pimsim circuit failures         how often a triple-row activation is wrong
  pimsim reproduce ambit          published figures beside simulated ones
  pimsim sweep --fields           what a sweep can vary
  pimsim study variation          what process variation does to networks
  pimsim primitives --help        more about one command
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the full usage is what ``--help`` is for."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {_one_line(message)} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``pimsim`` with all subcommands."""
    parser = _Parser(
        prog="pimsim",
        description="Run binarized neural networks on simulated processing-using-DRAM, "
        "row command by row command, and say what that costs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pimsim {__version__}")
    subcommands.add(parser, COMMANDS, "commands", "run")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``pimsim`` command with ``argv`` (default: the process's); return the exit code."""
    try:
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: --help, --version, bad usage
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:
        # The reader of our output has gone (`| head`). Python would complain once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PimsimError as error:
        return _fail(str(error), 2)
    except OSError as error:
        what = error.strerror or str(error)
        return _fail(f"{what}: {error.filename!r}" if error.filename else what, 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)


def _fail(message: str, code: int) -> int:
    print(f"pimsim: error: {_one_line(message)}", file=sys.stderr)
    return code


def _one_line(message: str) -> str:
    return " ".join(message.split())
