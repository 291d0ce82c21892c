"""The ``pimsim`` command.

A subcommand is a module of this package with ``NAME``, ``HELP``, ``add_arguments(parser)`` and
``run(args) -> int``; it is listed once, in :data:`COMMANDS`. Importing it must be cheap: heavy
modules are imported inside ``run``.

Exit codes: 0 success, 1 a result that is wrong or a fault of pimsim, 2 bad usage or bad input (one
line on stderr), 130 interrupted. With ``PIMSIM_DEBUG`` set, errors keep their traceback.

>>> main(["primitives", "--standard", "ddr9"])
2
"""

from __future__ import annotations

import argparse
import gc
import io
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from experiments import COLLECTED_AFTER, STARTED_S
from experiments.commands import (
    completion,
    files,
    help,
    networks,
    playground,
    primitives,
    products,
    reproduce,
    run,
    study,
    sweep,
    synthesize,
    train,
)
from experiments.commands.chips.command import CHIPS
from experiments.commands.circuit.command import CIRCUIT
from experiments.commands.decisions import advise, compare
from experiments.commands.trace import TRACE
from experiments.figures import wanted
from experiments.options import places, subcommands
from experiments.options.option import require_effects
from experiments.options.parser import Parser, one_line
from experiments.output import progress, stopwatch
from pimsim import __version__, machine_code, memory
from pimsim.errors import PimsimError, lacks_memory

COMMANDS: tuple[subcommands.Command, ...] = (
    run,
    compare,
    advise,
    networks,
    primitives,
    products,
    synthesize,
    files.STANDARDS,
    files.ADDRESS_MAPS,
    CIRCUIT,
    CHIPS,
    playground,
    TRACE,
    reproduce.REPRODUCE,
    sweep,
    study,
    train,
    help,
    completion,
)
"""Every subcommand, in the order in which ``pimsim --help`` lists them."""

_LESS = {
    "chain": "fewer images (--limit)",
    "cluster": "fewer processes at a time (--workers)",
    "samples": "fewer bitlines (--samples)",
    "measure": "--no-measure",
}
"""Ways to need less memory, by the option that a subcommand must have for them."""


_ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a process from outside: `kill`, `timeout`, batch systems, a terminal that closes."""

_EPILOG = """\
New here? `pimsim run digits-mlp` shows a run; docs/quickstart.md explains what it prints, and
docs/glossary.md every word.

examples:
  pimsim run digits-mlp           classify handwritten digits in simulated DRAM
  pimsim compare out/a out/b      two runs side by side
  pimsim advise mnist-cnn         what could be changed, and what it would bring
  pimsim networks                 the trained networks that come with pimsim
  pimsim primitives               what an AND or an addition in DRAM takes
  pimsim products                 what a binary product in DRAM takes
  pimsim standards                the DRAM parts that pimsim knows
  pimsim address-maps             the compute rows that pimsim knows
  pimsim circuit failures         how often a triple-row activation is wrong
  pimsim playground               a page to try how DRAM computes
  pimsim chips primitives         what unmodified chips compute
  pimsim trace cost mine.txt      whether a trace is legal, and what it takes
  pimsim reproduce ambit          published figures beside simulated ones
  pimsim sweep --fields           what a sweep can vary
  pimsim study variation          what process variation does to networks
  pimsim help primitives          more about one command
environment:
  PIMSIM_CACHE=DIR                where plans of networks are kept for later runs, or "off";
                                  default: pimsim in $XDG_CACHE_HOME or ~/.cache
"""


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of ``pimsim`` with all subcommands, or what of it ``words`` will need."""
    parser = Parser(
        prog="pimsim",
        description="Run binarized neural networks on simulated processing-using-DRAM, "
        "row command by row command, and say what that costs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"pimsim {__version__}")
    subcommands.add(parser, COMMANDS, "commands", next(iter(words), ""))
    parser.set_defaults(run=lambda _: subcommands.overview(parser.prog, COMMANDS, "commands"))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``pimsim`` command with ``argv`` (default: the process's); return the exit code."""
    started_s = STARTED_S if argv is None else time.perf_counter()
    _make_streams_ready()
    args = argparse.Namespace()
    if argv is None:
        _be_interrupted(_ENDINGS)
    try:
        args = build_parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
        require_effects(args, getattr(args, "rules", ()))
        places.check(args, getattr(args, "writes", ()))
        memory.require_libraries(getattr(args, "libraries", "none"))
        machine_code.tells[:] = [progress.tell]
        waiting = progress.waiting(machine_code.COMPILED)
        watch = stopwatch.begun(started_s)
        with watch, _collecting_rarely(), waiting, wanted.wanted(wanted.of(args)):
            code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: --help, --version, bad usage
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:  # the reader of our output has gone (`| head`)
        _drop_output()
        return 0
    except KeyboardInterrupt:
        if argv is None:  # the process ends: a second Ctrl-C must not disturb that
            for number in (signal.SIGINT, *_ENDINGS):
                signal.signal(number, signal.SIG_IGN)
        return _fail("interrupted", 130)
    except Exception as error:
        if os.environ.get("PIMSIM_DEBUG"):
            traceback.print_exc()
        return _fail(*_told(error, args))


def _be_interrupted(numbers: Sequence[signal.Signals]) -> None:
    """Let signals that would end the process at once be as Ctrl-C is: nothing half-made is left.

    One that is ignored (`nohup`) stays so.
    """
    for number in numbers:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Run the garbage collector less often."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTED_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _told(error: Exception, args: argparse.Namespace) -> tuple[str, int]:
    """Return the message of an error in one line, and the exit code."""
    if isinstance(error, PimsimError):
        return str(error), 2
    if lacks_memory(error):
        less = [words for name, words in _LESS.items() if getattr(args, name, None) is not None]
        needed = ", or ".join(["it takes more of it", *less])
        return f"not enough memory: {str(error) or 'none is left'}; {needed}", 2
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return f"{what}: {error.filename!r}" if error.filename else what, 2
    return (
        f"{type(error).__name__}: {error} (a fault of pimsim, not of yours: please report the "
        "command and what it prints with PIMSIM_DEBUG=1)",
        1,
    )


def _fail(message: str, code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:  # a full disk: that is what the message says
        _drop_output()
    print(f"pimsim: error: {one_line(message)}", file=sys.stderr)
    return code


def _make_streams_ready() -> None:
    """Open standard streams that are closed, and make no character an encoding error.

    Output to a closed stream is dropped. Otherwise it could end up in the next file that is opened,
    or in the other stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    # A home folder that cannot be written to is nothing to warn of: it caches elsewhere.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def _drop_output() -> None:
    """Discard output that is not yet written: Python would raise another error for it on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
