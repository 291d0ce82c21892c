"""Options that the subcommands of ``pimsim circuit`` share, and what they stand for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from experiments.options import effects

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit

DEFAULT_PRESET = "rambus55"
"""The reference circuit."""

RULES = (
    effects.Rule(
        ("celsius",), effects.given("wait_ms"), "needs --wait-ms, the time that cells leak for"
    ),
)
"""Which options of :func:`add_stored` have no effect without which."""


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
    """Return the circuit that the options of :func:`add_circuit` and :func:`add_stored` say.

    Warnings go to stderr.

    Raises :class:`~pimsim.errors.InputError` for an unknown preset or key or a bad value.
    """
    from pimsim.circuit.model.parameters import load
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
    return _weakened(circuit, args)


def stated(args: argparse.Namespace, circuit: Circuit) -> dict[str, object]:
    """Return what :func:`chosen_circuit` made of the options, for the assumptions of a result."""
    return {
        "preset": circuit.name,
        "set": dict(given.split("=", 1) for given in args.settings),
        "restore_ns": args.restore_ns,
        "wait_ms": args.wait_ms,
        "celsius": None if args.wait_ms is None else args.celsius,
        "one_mv": circuit.one_mv,
        "zero_mv": circuit.zero_mv,
    }


def shown(assumptions: Mapping[str, object], args: argparse.Namespace) -> dict[str, object]:
    """Return assumptions as they are printed: without what was not asked for."""
    given = {"set": " ".join(args.settings) or "nothing"}
    return {key: value for key, value in {**assumptions, **given}.items() if value is not None}


def _weakened(circuit: Circuit, args: argparse.Namespace) -> Circuit:
    from pimsim.circuit.model import retention

    restore_ns, wait_ms = getattr(args, "restore_ns", None), getattr(args, "wait_ms", None)
    if restore_ns is not None:
        circuit = retention.restored(circuit, restore_ns)
    if wait_ms is not None:
        circuit = retention.after(circuit, wait_ms, args.celsius)
    return circuit


def add_stored(parser: argparse.ArgumentParser) -> None:
    """Add the options that weaken stored levels; :func:`chosen_circuit` obeys them."""
    group = parser.add_argument_group("stored levels (default: as the preset says)")
    group.add_argument(
        "--restore-ns",
        type=float,
        metavar="NS",
        help="cells were restored for this long only, from a bitline held at its rail",
    )
    group.add_argument("--wait-ms", type=float, metavar="MS", help="then they leaked for this long")
    group.add_argument(
        "--celsius",
        type=float,
        metavar="C",
        default=85.0,
        help="at this temperature (default: %(default)s)",
    )
