"""The measure ``accuracy``: how many images a network classifies right if commands fail.

A trial is a chip, with its own weak columns and noise. Both are drawn from the seed of the sweep
and the number of the trial, so every point is measured on the same chips. The failure probabilities
follow from the circuit, or are read from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.sweep.measures import circuits, networks
from experiments.sweep.measures.field import ACCURACY, TRA, Stamp, digest, stamp_of
from experiments.sweep.measures.fields import stamps_of, table
from experiments.sweep.measures.measure import (
    Counts,
    Estimator,
    Measure,
    Values,
    clustered,
    seeds_of,
)
from experiments.sweep.results import Quantity, Value
from pimsim import documents
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.data.datasets import Dataset
    from bnn.model.network import Network
    from bnn.run.execute import NetworkRun
    from bnn.run.scoring import Scoring
    from pimsim.circuit.failure_tables.table import FailureTable
    from pimsim.dram.array.faults import Faults

_TABLE_SEED = 0
"""Seed of the failure table of a circuit, the same in all trials."""


def identity(values: Values) -> Mapping[str, Any]:
    """Return everything besides the fields that decides results with faults."""
    from bnn import zoo
    from bnn.mapping import choice
    from bnn.run.scoring import LARGEST

    choice.check(str(values["mapping"]))
    networks.mitigation(values)
    rule = _scoring(*networks.trained(values)).rule
    _require_layers(values)
    found: dict[str, Any] = {
        "network": digest(zoo.locate(str(values["network"]))),
        "data": networks.data_digest(values),
        "dram": networks.dram_identity(values),
        **networks.planner(values),
    }
    if rule != LARGEST:
        found["answers"] = rule
    if "failures" in values:
        _without_circuit(values)
        _require_entries(values)
        return {**found, **_noise(values), "failures": digest(Path(str(values["failures"])))}
    if "variation_percent" not in values:
        raise InputError("`variation_percent` or `failures` must be set for accuracy")
    circuits.require_effect(values)
    return {**found, **_noise(values), **circuits.identity(values)}


def _noise(values: Values) -> dict[str, Any]:
    """The version of the random streams, if noise may be drawn from them."""
    from pimsim.dram.array import noise_stream

    drawn = values["effect"] == "noise"
    if values["effect"] == "table":
        drawn = "failures" in values or any(
            one.per_access for one in circuits.process_of(values).varied
        )
    return {"noise_version": noise_stream.VERSION} if drawn else {}


def _require_layers(values: Values) -> None:
    """Refuse names of layers that are not in DRAM."""
    wanted = faulty_of(values)
    if wanted is None:
        return
    from bnn.lowering.lower import lower
    from bnn.lowering.stage import Stage
    from experiments.report.inputs import encoding_of

    network, dataset = networks.trained(values)
    stages = lower(network.before_softmax(), encoding_of(network, dataset.x, dataset.encoding))
    known = tuple(stage.name for stage in stages if isinstance(stage, Stage))
    for name in wanted:
        if name not in known:
            raise InputError(
                f"`faulty_layer` must be layers in DRAM, not {name!r}"
                f"{documents.nearest(name, known)}"
            )


def _without_circuit(values: Values) -> None:
    """Refuse fields of the circuit together with a failure table from a file."""
    for name, value in values.items():
        field = table()[name]
        if TRA in field.measures and value != field.default:
            raise InputError(f"`{name}` must not be set together with `failures`")


def faulty_of(values: Values) -> tuple[str, ...] | None:
    """Return the layers that faults reach; None for all.

    >>> faulty_of({"faulty_layer": "dense_1, dense_2"})
    ('dense_1', 'dense_2')
    """
    if "faulty_layer" not in values:
        return None
    return tuple(name.strip() for name in str(values["faulty_layer"]).split(","))


def faults_of(values: Values, trial: int, seed: int) -> Faults:
    """Return the chip and the noise of a trial."""
    from pimsim.offtheshelf import group_faults

    chip, noise = seeds_of(seed, trial, 2)
    return group_faults.faults_of(
        failure_table(values),
        chip=chip,
        noise=noise,
        rows=networks.mitigation(values).activation_rows,
        effect=str(values["effect"]),
    )


def done(values: Values, faults: Faults | None) -> NetworkRun:
    """Run the network of a point, with faults or without."""
    from bnn.run import execute
    from experiments.report.inputs import encoding_of

    network, dataset = networks.trained(values)
    return execute.run(
        network,
        dataset.x,
        encoding_of(network, dataset.x, dataset.encoding),
        replace(networks.system(values), faults=faults),
        str(values["mapping"]),
        execution=execute.Execution(check=False, threads=1, faulty=faulty_of(values)),
    )


def _run(values: Values, trial: int, seed: int) -> Counts:
    network, dataset = networks.trained(values)
    logits = done(values, faults_of(values, trial, seed)).logits
    scoring = _scoring(network, dataset)
    correct, answers = scoring.correct(logits), scoring.of
    if correct is None or answers is None:
        raise ValueError(f"accuracy of {network.source} must be known")
    return {"correct": correct, "images": answers}


def _scoring(network: Network, dataset: Dataset) -> Scoring:
    """Return how answers are counted.

    Raises :class:`~pimsim.errors.InputError` if network and labels do not say which answers are
    right.
    """
    from bnn.run import scoring

    found = scoring.scoring_of(network, dataset.y, dataset.unlabelled)
    if found.of is None:
        raise InputError(f"accuracy of {network.source} is {found.means}")
    return found


def _require_entries(values: Values) -> None:
    """Refuse a table without the entries that every network needs."""
    from pimsim.dram.array.faults import MAJORITY, Access

    faults = faults_of(values, 0, 0)
    for rows in (1, MAJORITY):
        try:
            faults.access_rates(Access("sense", rows))
        except InputError as error:
            raise InputError(f"`failures` cannot be used: {error}") from error


def failure_table(values: Values) -> FailureTable:
    """Return the failure probabilities of a point."""
    if "failures" in values:
        path = Path(str(values["failures"]))
        return _read(path, stamp_of(path))
    known = table()
    given = {
        name: value
        for name, value in values.items()
        if TRA in known[name].measures
        or name in ("table_samples", "activation_rows", "address_map")
    }
    return _of_circuit(tuple(sorted(given.items())), stamps_of(given))


@lru_cache(maxsize=64)
def _of_circuit(items: tuple[tuple[str, Value], ...], stamps: tuple[Stamp, ...]) -> FailureTable:
    from pimsim.circuit.failure_tables.from_circuit import of_circuit
    from pimsim.dram.array.faults import MAJORITY

    values = dict(items)
    further = [one for one in networks.compute_rows(values).majorities if one != MAJORITY]
    return of_circuit(
        circuits.circuit_of(values),
        circuits.process_of(values),
        float(values["variation_percent"]),
        rows=(networks.mitigation(values).activation_rows,),
        inputs=further,
        samples=int(values["table_samples"]),
        seed=_TABLE_SEED,
    )


@lru_cache(maxsize=16)
def _read(path: Path, stamp: Stamp) -> FailureTable:
    from pimsim.circuit.failure_tables.table import FailureTable

    return FailureTable.read(path)


def _interval(trials: int) -> str:
    if trials < 2:
        return "Clopper-Pearson, of the images: a single chip was tried"
    return (
        "Student's t, of the chips; never narrower than Clopper-Pearson of all images of all trials"
    )


MEASURE = Measure(
    name=ACCURACY,
    version=1,
    estimators=(
        Estimator(Quantity("accuracy", "accuracy", "%", 100.0), clustered, "correct", "images"),
    ),
    identity=identity,
    run=_run,
    assumptions=lambda values: {
        "model": "faults of chip and access in every AAP and AP of the faulty layers; reads, "
        "writes and transfers of rows are right; the failure table itself is taken as exact",
        "images": "the same in all trials: the interval is about chips, not about images",
    },
    interval=_interval,
    trials=5,
    least_trials=3,
)
"""The measure."""
