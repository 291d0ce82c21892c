"""Options that the subcommands of ``pimsim circuit`` share, and what they stand for."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pimsim.circuit.parameters import Circuit

DEFAULT_PRESET = "rambus55"
"""The reference circuit."""


def add_circuit(parser: argparse.ArgumentParser, *, preset: str | None = DEFAULT_PRESET) -> None:
    """Add ``--preset`` and ``--set``."""
    group = parser.add_argument_group("circuit")
    group.add_argument(
        "--preset",
        metavar="NAME|FILE.toml",
        default=preset,
        help="circuit parameters: rambus55, crow22, dramspec58, ddr4-like or a file of your own"
        + (f" (default: {preset})" if preset else ""),
    )
    group.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="change one parameter, such as cell.capacitance_ff=20; may be given again",
    )


def chosen_circuit(args: argparse.Namespace, *, default: str = DEFAULT_PRESET) -> Circuit:
    """Return the circuit that the options of :func:`add_circuit` say; warnings go to stderr.

    Raises :class:`~pimsim.errors.InputError` for an unknown preset or key or a bad value.
    """
    from pimsim.circuit.parameters import load
    from pimsim.errors import InputError

    settings = {}
    for given in args.settings:
        key, equals, value = given.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError(f"`--set` must be FIELD=VALUE, not {given!r}")
        settings[key.strip()] = value.strip()
    circuit = load(args.preset or default).with_settings(settings)
    for warning in circuit.warnings:
        print(f"pimsim: warning: {warning}", file=sys.stderr)
    return circuit
