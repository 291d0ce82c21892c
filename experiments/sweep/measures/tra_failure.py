"""The measure ``tra-failure``: how many bitlines get a majority wrong, by Monte Carlo.

A trial has ``samples`` bitlines. All points use the same random numbers, scaled to their spread.

>>> values = {"variation_percent": 25.0, "preset": "rambus55", "process": "ambit-like",
...           "inputs": 3, "criterion": "either", "path": "decision", "samples": 2000}
>>> counts = MEASURE.run(values, 0, 1)
>>> counts["samples"], 400 < counts["failed"] < 650
(2000, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.sweep.measures import circuits
from experiments.sweep.measures.field import TRA
from experiments.sweep.measures.measure import Counts, Estimator, Measure, Values, pooled, seeds_of
from experiments.sweep.results import Quantity
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.statistics.sense_decision import Majority


def _identity(values: Values) -> Mapping[str, Any]:
    from pimsim.circuit.statistics.charge_sharing import replication

    if "variation_percent" not in values:
        raise InputError("`variation_percent` must be set for tra-failure")
    found = circuits.identity(values)
    if values["path"] == "decision":
        circuits.require_effect(values)
    operation = _operation(values)
    replication(circuits.circuit_of(values), operation.inputs, operation.rows)
    return found


def _run(values: Values, trial: int, seed: int) -> Counts:
    from pimsim.circuit.statistics.monte_carlo import PATHS, Sampling

    count, _ = PATHS[str(values["path"])]
    (drawn,) = seeds_of(seed, trial, 1)
    counts = count(
        circuits.circuit_of(values),
        circuits.process_of(values),
        _operation(values),
        float(values["variation_percent"]),
        Sampling(int(values["samples"]), drawn),
        None,
    )
    return {"failed": counts.failed, "samples": counts.samples}


def _operation(values: Values) -> Majority:
    from pimsim.circuit.statistics.sense_decision import majority

    rows = int(values["rows"]) if "rows" in values else None
    return majority(int(values["inputs"]), rows, str(values["criterion"]))


def _assumptions(values: Values) -> Mapping[str, Any]:
    from pimsim.circuit.statistics.monte_carlo import PATHS

    return {"model": PATHS[str(values.get("path", "decision"))][1]}


MEASURE = Measure(
    name=TRA,
    version=1,
    estimators=(
        Estimator(
            Quantity("failure", "triple-row activations wrong", "%", 100.0),
            pooled,
            "failed",
            "samples",
        ),
    ),
    identity=_identity,
    run=_run,
    assumptions=_assumptions,
    interval=lambda trials: "Clopper-Pearson, of the bitlines of all trials",
    trials=10,
    least_trials=2,
)
"""The measure."""
