"""Options of faults in the simulated DRAM, and the faults they choose.

>>> parser = argparse.ArgumentParser()
>>> add_faults(parser)
>>> chosen_faults(parser.parse_args([])) is None
True
>>> args = parser.parse_args(["--variation", "15", "--chip", "3"])
>>> faults = chosen_faults(args)
>>> faults.chip, faults.noise, 0.04 < faults.table.probability(3, 2) < 0.05
(3, 0, True)
>>> stated(args, faults)["faults"]
'15 % variation of ambit-like'
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from experiments.options import circuit as circuit_options
from experiments.options import dram
from experiments.options.option import Option, Rule, add, given
from experiments.options.table import EFFECT, FAILURES, FAULT_LAYERS, PROCESS, SEED, VARIATION
from experiments.output.words import exact
from pimsim.documents import nearest
from pimsim.errors import InputError
from pimsim.ranges import Range

if TYPE_CHECKING:
    from bnn.model.network import Network
    from pimsim.circuit.failure_tables.table import FailureTable
    from pimsim.dram.array.faults import Faults

RULES = (
    Rule(
        ("process", "noise_mv", "preset", "settings", "restore_ns", "wait_ms"),
        given("variation"),
        "needs --variation",
    ),
    Rule(("seed", "effect"), given("variation", "failures"), "needs --variation or --failures"),
    Rule(
        ("chip", "fault_layers"),
        given("variation", "failures", "disturbance_flips"),
        "needs --variation, --failures or --disturbance-flips",
    ),
)
"""Which options have no effect without which."""


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Add ``--variation``, ``--failures`` and the options that belong to them."""
    group = parser.add_argument_group("faults of the DRAM (default: none)")
    source = group.add_mutually_exclusive_group()
    add(source, VARIATION, FAILURES)
    add(
        group,
        SEED.but(help="seed of noise, which is drawn anew in every access", default=0),
        SEED.but(
            name="chip", default=None,
            help="which chip it is: seed of the columns that are weak for good (default: 0)",
        ),
        EFFECT,
        FAULT_LAYERS,
        PROCESS.but(help=f"{PROCESS.help} (default: {PROCESS.default})", default=None),
        Option(
            "noise_mv",
            "with --variation: Gaussian noise at the input of the sense amplifier, drawn anew in "
            "every access, in mV (default: 0)",
            float, "SIGMA", range=Range(0, 100_000),
        ),
    )  # fmt: skip
    circuit_options.add_circuit(parser, preset=None)
    circuit_options.add_stored(parser)


def chosen_faults(args: argparse.Namespace) -> Faults | None:
    """Return the faults that the options of :func:`add_faults` choose; None if there are none.

    A majority opens as many rows as ``--activation-rows`` says (see
    :mod:`experiments.options.dram`), or 3 if a command has no such option.

    Raises :class:`~pimsim.errors.InputError` for values out of range, and a table that cannot be
    read or lacks an entry.
    """
    if args.variation is None and args.failures is None:
        return None
    from pimsim.circuit.failure_tables.table import FailureTable
    from pimsim.dram.array.faults import EFFECTS, MAJORITY
    from pimsim.offtheshelf.group_faults import faults_of

    rows: int = getattr(args, "activation_rows", MAJORITY)
    chip = 0 if args.chip is None else args.chip
    if args.failures is not None:
        table = FailureTable.read(args.failures)
        _check(table, rows, args.failures.name)
    else:
        table = _of_circuit(args, rows)
    effect = args.effect or EFFECTS[0]
    _require_drawn(args, table, effect)
    return faults_of(table, chip=chip, noise=args.seed, rows=rows, effect=effect)


def _require_drawn(args: argparse.Namespace, table: FailureTable, effect: str) -> None:
    """Refuse a seed that the effect never uses; warn of one that this table does not use.

    With the effect ``noise`` all failures are noise, and with ``static`` all are weak columns. With
    the effect ``table`` it depends on the table, and so on the variation, which kinds there are.
    """
    named = getattr(args, "given", {})
    rates = [entry.rate for entry in table.entries]
    if "seed" in named and effect == "static":
        raise InputError(
            "`--seed` has no effect: no failure is noise with --effect static; --chip draws other "
            "weak columns"
        )
    moved = getattr(args, "disturbance_flips", None) is not None
    if "chip" in named and effect == "noise" and not moved:
        raise InputError("`--chip` has no effect: all failures are noise; --seed draws others")
    if "seed" in named and effect == "table" and not any(one.access for one in rates):
        circuit_options.warn(
            "--seed has no effect: no failure is noise here, which --noise-mv or --effect noise "
            "would make; --chip draws other weak columns"
        )
    if "chip" in named and effect == "table" and not moved and not any(one.static for one in rates):
        circuit_options.warn("--chip has no effect: no column is weak here")


def faulty_layers(args: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the layers that ``--fault-layers`` names; None for all.

    Raises :class:`~pimsim.errors.InputError` for an empty name.

    >>> faulty_layers(argparse.Namespace(fault_layers="fc1, fc2"))
    ('fc1', 'fc2')
    """
    if args.fault_layers is None:
        return None
    names = tuple(name.strip() for name in args.fault_layers.split(","))
    if not all(names):
        raise InputError(
            f"`--fault-layers` must be names of layers with commas between, "
            f"not {args.fault_layers!r}"
        )
    return tuple(dict.fromkeys(names))


def require_layers(faulty: Collection[str] | None, network: Network) -> None:
    """Refuse names of layers that the network does not have, before anything is computed.

    Raises :class:`~pimsim.errors.InputError`, naming the nearest product of the network.
    """
    from bnn.model.network import Product

    names = tuple(layer.name for layer in network.layers if isinstance(layer, Product))
    for name in faulty or ():
        if name not in names:
            raise InputError(f"unknown layer in DRAM `{name}`{nearest(name, names)}")


def stated(args: argparse.Namespace, faults: Faults | None) -> dict[str, Any]:
    """Return the assumptions about faults; ``{"faults": None}`` without faults."""
    if faults is None:
        return {"faults": None}
    provenance = faults.table.provenance
    layers = faulty_layers(args)
    reached = {
        "chip": faults.chip,
        "fault_layers": "all" if layers is None else ",".join(layers),
    }
    disturbed = {} if faults.hammer is None else {"disturbance_flips": faults.hammer.chip.name}
    if args.variation is None and args.failures is None:
        return {"faults": "bits that rows lose because of others alone", **disturbed, **reached}
    what: dict[str, Any]
    if args.failures is not None:
        what = {"faults": f"table {args.failures.name}"}
    else:
        what = {
            "faults": f"{exact(args.variation)} % variation of {provenance['process']['name']}",
            "noise_mv": args.noise_mv,
            "circuit": provenance["circuit"],
            "circuit_set": " ".join(args.settings) or None,
            "restore_ns": args.restore_ns,
            "wait_ms": args.wait_ms,
            "celsius": None if args.wait_ms is None else args.celsius,
        }
    driven = {
        f"{name}_fail": "as the table says" if kind in faults.table.kinds else "never"
        for kind, name in (("copy", "copies"), ("not", "nots"))
    }
    both = dram.chosen_map(args).on_both_bitlines if hasattr(args, "address_map") else ()
    if both:
        what["majorities_on_both_bitlines"] = (
            f"{', '.join(both)}: as often wrong as if all cells were on one, which is too good"
        )
    return {
        **{key: value for key, value in what.items() if value is not None},
        **disturbed,
        **driven,
        "transfers_fail": "never",
        "chip": faults.chip,
        "seed": faults.noise,
        "effect": faults.effect,
        "fault_layers": reached["fault_layers"],
        "failure_model": provenance.get("model", "unknown"),
    }


def _of_circuit(args: argparse.Namespace, rows: int) -> FailureTable:
    from pimsim.circuit.failure_tables.kept import kept_of_circuit
    from pimsim.circuit.model import variation
    from pimsim.circuit.statistics.monte_carlo import require_variation
    from pimsim.dram.array.faults import MAJORITY

    require_variation(args.variation)
    process = variation.load(args.process or PROCESS.default).with_noise(args.noise_mv or 0.0)
    circuit = circuit_options.chosen_circuit(args)
    # The table has a seed of its own: another run or another chip has the same probabilities.
    inputs = dram.chosen_map(args).majorities if hasattr(args, "address_map") else ()
    further = [one for one in inputs if one != MAJORITY]
    return kept_of_circuit(circuit, process, args.variation, rows=(rows,), inputs=further)


def _check(table: FailureTable, rows: int, file: str) -> None:
    """Refuse a table without the entries that every network needs, before anything is run."""
    copies = rows // 3
    needed = [(1, 0), (1, 1), *((rows, ones * copies) for ones in range(4))]
    for count, ones in needed:
        try:
            table.rate("sense", count, ones)
        except InputError as error:
            known = sorted({one.rows for one in table.entries if one.kind == "sense"} - {1})
            hint = f" (`--activation-rows` may be one of {', '.join(map(str, known))})"
            raise InputError(
                f"{file}: {error}{hint if known and rows not in known and count > 1 else ''}"
            ) from error
