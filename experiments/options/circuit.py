"""Options that the subcommands of ``pimsim circuit`` share, and the circuit they choose."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from experiments.options.option import add
from experiments.options.table import CELSIUS, PRESET, RESTORE_NS, SETTINGS, WAIT_MS
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit


def add_circuit(parser: argparse.ArgumentParser, *, preset: str | None = PRESET.default) -> None:
    """Add ``--preset`` and ``--set``."""
    add(parser.add_argument_group("circuit"), PRESET.but(default=preset), SETTINGS)


def chosen_circuit(args: argparse.Namespace) -> Circuit:
    """Return the circuit that the options of :func:`add_circuit` and :func:`add_stored` choose.

    Warnings go to stderr.

    Raises :class:`~pimsim.errors.InputError` for an unknown preset or key or a bad value.
    """
    from pimsim.circuit.model import retention
    from pimsim.circuit.model.parameters import load

    settings = {}
    for given in args.settings:
        key, equals, value = given.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError(f"`--set` must be FIELD=VALUE, not {given!r}")
        settings[key.strip()] = value.strip()
    circuit = load(args.preset or PRESET.default).with_settings(settings)
    for warning in circuit.warnings:
        warn(warning)
    if getattr(args, "restore_ns", None) is not None:
        circuit = retention.restored(circuit, args.restore_ns)
    if getattr(args, "wait_ms", None) is not None:
        circuit = retention.after(circuit, args.wait_ms, args.celsius)
    return circuit


def stated(args: argparse.Namespace, circuit: Circuit) -> dict[str, object]:
    """Return the assumptions of a result that :func:`chosen_circuit` set."""
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
    """Return the assumptions that are printed: without those that were not asked for."""
    given = {"set": " ".join(args.settings) or "nothing"}
    return {key: value for key, value in {**assumptions, **given}.items() if value is not None}


def add_stored(parser: argparse.ArgumentParser) -> None:
    """Add the options that weaken stored levels; :func:`chosen_circuit` obeys them."""
    group = parser.add_argument_group("stored levels (default: as the preset says)")
    add(group, RESTORE_NS, WAIT_MS, CELSIUS)


def warn(message: str) -> None:
    """Print a warning about doubtful options, in one line on stderr."""
    print(f"pimsim: warning: {message}", file=sys.stderr)
