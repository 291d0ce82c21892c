"""``--trace FORMAT:FILE``: writing the command stream of a run for other tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.options.option import Option, add, given
from pimsim.documents import nearest
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard
    from pimsim.dram.traces import Trace


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Add ``--trace`` and ``--trace-limit``."""
    add(
        parser.add_argument_group("traces of the command stream"),
        Option(
            "trace",
            "write every command to FILE, compressed if its name ends in .gz, in place of what is "
            "there; FORMAT is perfetto (to look at, in ui.perfetto.dev), drampower, ramulator, "
            "ramulator-rw, dramsim3 or dramsim3-rw; may be given several times",
            metavar="FORMAT:FILE", default=[], repeated=True,
        ),
        Option(
            "trace_limit",
            "commands after which a trace stops, the run does not; a million are 30 to 225 MB, "
            "compressed 5 to 20",
            int, "N", 1_000_000, whole(1, 1_000_000_000), needs=(given("trace"), "needs --trace"),
        ),
    )  # fmt: skip


def chosen_traces(args: argparse.Namespace) -> dict[Path, str]:
    """Return the format of every file that the options of :func:`add_trace` ask for, in order.

    Raises :class:`~pimsim.errors.InputError` for an unknown format, a missing name, or a file
    named twice.

    >>> parser = argparse.ArgumentParser()
    >>> add_trace(parser)
    >>> chosen_traces(parser.parse_args(["--trace", "perfetto:run.json.gz"]))
    {PosixPath('run.json.gz'): 'perfetto'}
    """
    formats: dict[Path, str] = {}
    if not args.trace:
        return formats
    from pimsim.dram.traces import FORMATS

    for text in args.trace:
        name, colon, file = text.partition(":")
        if not (colon and name and file):
            raise InputError(f"`--trace` must be FORMAT:FILE, not {text!r}")
        if name not in FORMATS:
            raise InputError(
                f"`--trace` has the unknown format {name!r}{nearest(name, tuple(FORMATS))}"
            )
        if Path(file).resolve() in map(Path.resolve, formats):
            raise InputError(f"`--trace` must name each file once, not {file!r} again")
        formats[Path(file)] = name
    return formats


@contextmanager
def opened(
    args: argparse.Namespace, standard: Standard, options: ModelOptions
) -> Iterator[list[Trace]]:
    """Open the traces that are asked for; when they are complete, print notes on stderr.

    Files appear if the block ends without an error. Raises
    :class:`~pimsim.errors.InputError` for a file that cannot be written.
    """
    if not args.trace:
        yield []
        return
    from pimsim.dram.traces import Trace

    with ExitStack() as stack:
        traces = [
            stack.enter_context(Trace(name, path, standard, options, args.trace_limit))
            for path, name in chosen_traces(args).items()
        ]
        yield traces
    for trace in traces:
        for remark in trace.remarks:
            print(remark, file=sys.stderr)
