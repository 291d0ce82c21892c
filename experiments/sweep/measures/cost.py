"""The measure ``cost``: the time and energy of a network, without execution.

Nothing in it is random: one trial, and no interval.

>>> from pathlib import Path
>>> from experiments.sweep.points import complete
>>> values = complete(MEASURE, {"network": "digits-mlp"}, Path())
>>> counts = MEASURE.run(values, 0, 1)
>>> counts["images"], counts["latency_ps"] > 1e6
(1, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.sweep.measures import networks
from experiments.sweep.measures.field import COST, digest
from experiments.sweep.measures.measure import Counts, Estimator, Measure, Values, exact
from experiments.sweep.results import Quantity
from pimsim.dram.energy import NO_ENERGY, modes
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.model.network import Network
    from bnn.values.encoding import Encoding


def _identity(values: Values) -> Mapping[str, Any]:
    from bnn import zoo
    from bnn.mapping import choice
    from bnn.mapping.chain import choice as chain
    from bnn.tables import catalog
    from experiments.options import data as data_options

    choice.check(str(values["mapping"]))
    networks.mitigation(values)
    found: dict[str, Any] = {"dram": networks.dram_identity(values), **networks.planner(values)}
    if values["network"] in catalog.names():
        for name in ("data", "input_scale", "chain"):
            if values.get(name, "auto") != "auto":
                raise InputError(
                    f"`{name}` must not be set for {values['network']!r}, a table of layers"
                )
        return {**found, "network": values["network"]}
    data = networks.data_name(values)
    networks.model(str(values["network"]), data)
    found["network"] = digest(zoo.locate(str(values["network"])))
    if values["chain"] != "never":
        found["chain_version"] = chain.VERSION
    held = networks.data_files(data)
    found["data"] = digest(held[0]) if held else data
    data_options.chosen_scale(networks.scale(values))
    return found


def _run(values: Values, trial: int, seed: int) -> Counts:
    from bnn.mapping import choice
    from bnn.run import estimate
    from bnn.tables import catalog

    name, mapping = str(values["network"]), str(values["mapping"])
    images = int(values.get("images", 1))
    if name in catalog.names():
        table = catalog.entry(name)
        done = estimate.of_table(table, images, networks.system(values), mapping)
    else:
        network, encoding = _encoded(values)
        done = estimate.of_network(
            network, encoding, images, networks.system(values), mapping, chain=str(values["chain"])
        )
    costs = [layer.ledger.cost(phase) for layer in done.layers for phase in choice.PER_PASS]
    counts = {"latency_ps": sum(cost.latency_ps for cost in costs)}
    if not _not_stated(values):
        counts["energy_fj"] = round(1000 * sum(cost.total_pj for cost in costs))
    return {**counts, "images": images}


def _not_stated(values: Values) -> str:
    """Return why there are no energies."""
    standard, options = networks.dram(values)
    if options.energy != NO_ENERGY:
        return ""
    return "`energy` is none" if modes(standard) else f"{standard.name} has no currents"


def _encoded(values: Values) -> tuple[Network, Encoding | None]:
    from bnn.data import datasets
    from experiments.options import data as data_options
    from experiments.report.inputs import encoding_by_name, encoding_of

    data = networks.data_name(values)
    network = networks.model(str(values["network"]), data)
    if data in datasets.NAMES:
        scale = data_options.chosen_scale(networks.scale(values))
        return network, encoding_by_name(network, data, scale)
    read = datasets.reshape_for(networks.opened(data, networks.scale(values)), network.input_shape)
    return network, encoding_of(network, read.x, read.encoding)


MEASURE = Measure(
    name=COST,
    version=1,
    estimators=(
        Estimator(
            Quantity("latency", "time an image", "us", 1e-6),
            exact, "latency_ps", "images", share=False,
        ),
        Estimator(
            Quantity("energy", "energy an image", "uJ", 1e-9),
            exact, "energy_fj", "images", share=False, lacking=_not_stated,
        ),
    ),
    identity=_identity,
    run=_run,
    assumptions=lambda values: {
        "model": "every command booked and scheduled, none executed; writing weights into rows "
        "once is left out, as by `pimsim run`"
    },
    interval=lambda trials: "none: nothing is random",
    trials=1,
    least_trials=1,
    deterministic=True,
)  # fmt: skip
"""The measure."""
