"""Options that say what is done about commands that go wrong."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnn.system.mitigation import Mitigation


def add_mitigation(parser: argparse.ArgumentParser) -> None:
    """Add ``--tmr``, ``--activation-rows``, ``--retries`` and ``--screening``."""
    group = parser.add_argument_group(
        "what is done about commands that go wrong (each costs commands; docs/mitigations.md)"
    )
    group.add_argument(
        "--tmr",
        choices=("off", "time", "banks"),
        default="off",
        help="compute every output three times, in the same subarray or in three with operands of "
        "their own, and vote on what comes out by a triple-row activation (default: %(default)s)",
    )
    group.add_argument(
        "--activation-rows",
        type=int,
        choices=(3, 4, 8, 16, 32),
        default=3,
        metavar="N",
        help="rows that a majority opens, every operand standing on N div 3 of them: 3, 4, 8, 16 "
        "or 32 (default: %(default)s)",
    )
    group.add_argument(
        "--retries",
        type=int,
        default=0,
        metavar="N",
        help="read the least bits of every count, and compute an output again, up to N times, "
        "where their parity is not that of the operands (default: %(default)s)",
    )
    group.add_argument(
        "--screening",
        type=int,
        default=0,
        metavar="TESTS",
        help="rounds of test patterns on every subarray before it is used; columns that fail one "
        "are left out (default: %(default)s, none)",
    )


def chosen_mitigation(args: argparse.Namespace) -> Mitigation:
    """Return what the options of :func:`add_mitigation` say.

    Raises :class:`~pimsim.errors.InputError` for values out of range or that exclude one another.
    """
    from bnn.system.mitigation import Mitigation

    return Mitigation(args.tmr, args.activation_rows, args.retries, args.screening)
