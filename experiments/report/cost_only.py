"""``pimsim run --cost-only``: time and energy of a network, without images or values."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import data as data_options
from experiments.options import dram
from experiments.options import traces as trace_options
from experiments.report import disturbance
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.larq.model_file import Sizes
    from bnn.model.network import Network
    from bnn.run.estimate import Estimate
    from bnn.system.system import System
    from bnn.values.encoding import Encoding
    from experiments.output.stopwatch import Stopwatch
    from experiments.report.witness import Witness
    from pimsim.dram.traces.recorder import Target

ONE_IMAGE = "1 image, for none were asked for; --images N costs N together"
"""The assumption about the batch if its size was not chosen."""
_TABLE = {
    "input_encoding": "assumed: pixels of 8 bits",
    "products": "binary throughout: pixels with +-1 in the first layer, +-1 with +-1 in all others",
    "padding": "+1",
    "weights": "none: commands are those of any, wordlines those of +1; under output-tree both are "
    "those of random weights",
}
"""Assumptions behind the cost of a network without weights."""


def check(args: argparse.Namespace) -> None:
    """Refuse options that need values, and tables of layers without ``--cost-only``.

    Raises :class:`~pimsim.errors.InputError`.
    """
    table = _is_table(args.network)
    if args.channels is not None and not table:
        raise InputError(
            f"`--channels` must come with a table of layers: {args.network!r} has weights, which "
            "are what they are"
        )
    if table and not args.cost_only:
        raise InputError(
            f"`network` {args.network!r} is a table of layers without weights: it must be run "
            "with --cost-only"
        )
    if not args.cost_only:
        return
    if table and args.chain == "always":
        raise InputError(f"`--chain` must be auto or never for {args.network!r}, a table of layers")
    for option in ("data", "labels", "input_scale", "input_shape"):
        if table and getattr(args, option) is not None:
            name = option.replace("_", "-")
            raise InputError(
                f"`--{name}` must not be given for {args.network!r}, a table of layers"
            )
    if args.labels is not None:
        raise InputError("`--labels` must not be given with --cost-only: nothing is computed")


def _is_table(network: str) -> bool:
    """Whether the option names a table of layers."""
    from bnn import zoo

    if network in zoo.names():
        return False
    from bnn.tables import catalog

    return network in catalog.names()


def simulate(
    args: argparse.Namespace, watch: Stopwatch, witness: Witness | None = None
) -> dict[str, Any]:
    """Return the report of the estimated cost.

    Args:
        args: parsed arguments.
        watch: what counts the seconds of each phase, of :data:`.simulated.PHASES`.
        witness: records what pages show.
    """
    from bnn.run import estimate
    from bnn.tables import catalog
    from bnn.tables.channels import multiples
    from experiments.report import run as reports

    watch.lap("import")
    system = disturbance.watched(dram.chosen_system(args), args)
    images = 1 if args.limit is None else args.limit
    rests_on: dict[str, object] = {}
    network = encoding = None
    if args.network not in catalog.names():
        network, encoding, rests_on = _read(args)
    watch.lap("load")

    def estimated(on: System, traces: Sequence[Target] = ()) -> Estimate:
        if network is None:
            table = catalog.entry(args.network)
            if args.channels is not None:
                table = multiples(table, args.channels)
            return estimate.of_table(table, images, on, args.mapping, traces=traces)
        return estimate.of_network(
            network, encoding, images, on, args.mapping, chain=args.chain, traces=traces
        )

    with trace_options.opened(args, system.standard, system.options) as traces:
        done = estimated(system, [*traces, *([] if witness is None else [witness.first])])
    watch.lap("schedule")
    if witness is not None:
        witness.system, witness.estimated = system, estimated
    if network is None:
        rests_on = {**_TABLE, "pooled_on_host": ", ".join(done.host) or "none"}
        if args.channels is not None:
            rests_on["channels"] = f"those of hidden layers at multiples of {args.channels:,}"
    name = encoding.name if encoding is not None else None
    rests_on |= {**dram.stated_map(args), **system.mitigation.stated(), "faults": None}
    if args.limit is None:
        rests_on["batch"] = ONE_IMAGE
    if system.mitigation.retries:
        rests_on["retries"] = f"{rests_on['retries']}; booked as if none were needed"
    report = reports.build(args.network, None, None, done, system, name, args.mapping, rests_on)
    report |= disturbance.found(done.layers, system, args, lambda other: estimated(other).layers)
    watch.lap("report")
    report["wall_s"] = watch.wall_s
    return report


def _read(args: argparse.Namespace) -> tuple[Network, Encoding | None, dict[str, object]]:
    """Return the network, the encoding of its inputs, and the assumptions made."""
    from bnn import zoo
    from bnn.data import datasets
    from bnn.larq import model_file
    from experiments.report.inputs import (
        chosen_shape,
        encoding_by_name,
        encoding_of,
        shape_of,
        stated,
    )

    data = args.data
    if data is None and args.network in zoo.names():
        data = zoo.entry(args.network).data
    shape: Sizes | None = chosen_shape(args.input_shape)
    if shape is None and data is not None:
        shape = partial(shape_of, data, args.data_dir)
    network = model_file.read_model(zoo.locate(args.network), shape)
    scale = data_options.chosen_scale(args.input_scale)
    rests_on = stated(network)
    if scale is not None:
        rests_on["input_scale"] = scale.text
    if data is None:
        rests_on["input_encoding"] = "assumed: uint8"
    elif data not in datasets.NAMES:
        read = data_options.open_data(str(Path(data)), args.data_dir, scale=scale)
        x = datasets.reshape_for(read, network.input_shape).x
        return network, encoding_of(network, x, read.encoding), rests_on
    return network, encoding_by_name(network, data, scale), rests_on
