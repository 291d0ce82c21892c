"""Options that say what is done about commands that go wrong."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from experiments.options.option import add
from experiments.options.table import MITIGATION

if TYPE_CHECKING:
    from bnn.system.mitigation import Mitigation


def add_mitigation(parser: argparse.ArgumentParser) -> None:
    """Add ``--tmr``, ``--activation-rows``, ``--retries`` and ``--screening``."""
    group = parser.add_argument_group(
        "what is done about commands that go wrong (each costs commands; docs/mitigations.md)"
    )
    add(group, *MITIGATION)


def chosen_mitigation(args: argparse.Namespace) -> Mitigation:
    """Return what the options of :func:`add_mitigation` say.

    Raises :class:`~pimsim.errors.InputError` for values out of range or that exclude one another.
    """
    from bnn.system.mitigation import Mitigation

    return Mitigation(**{option.name: getattr(args, option.name) for option in MITIGATION})
