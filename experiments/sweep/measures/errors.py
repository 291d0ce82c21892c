"""The measure ``errors``: how many outputs of one layer are wrong if its commands fail.

Layers before it compute without errors, so all errors come from its own commands. A trial is a chip
with its noise, as in :mod:`~experiments.sweep.measures.accuracy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.sweep.measures import accuracy
from experiments.sweep.measures.field import ERRORS
from experiments.sweep.measures.measure import Counts, Estimator, Measure, Values, clustered, ratio
from experiments.sweep.results import Quantity
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.mapped.mapped_stage import Result
    from pimsim.dram.array.faults import Faults


def _identity(values: Values) -> Mapping[str, Any]:
    layers = accuracy.faulty_of(values) or ()
    if len(layers) != 1:
        stated = repr(", ".join(layers)) if layers else "left out"
        raise InputError(f"`faulty_layer` must be one layer for {ERRORS}, not {stated}")
    return accuracy.identity(values)


def _run(values: Values, trial: int, seed: int) -> Counts:
    import numpy as np

    from bnn.values.bitstrings import unpacked

    wrong = _result(values, accuracy.faults_of(values, trial, seed))
    right = _result({**values, "mapping": "output-stationary"}, None)
    given, known = unpacked(wrong.values), unpacked(right.values)
    return {
        "wrong": int(np.count_nonzero(given != known)),
        "outputs": given.size,
        "strikes": wrong.flips,
    }


def _result(values: Values, faults: Faults | None) -> Result:
    """Return the result of the layer that has faults."""
    (name,) = accuracy.faulty_of(values) or ()
    layers = accuracy.done(values, faults).layers
    found = next(layer.result for layer in layers if layer.name == name)
    if found is None:
        raise ValueError(f"layer {name} must be computed in DRAM")
    return found


MEASURE = Measure(
    name=ERRORS,
    version=1,
    estimators=(
        Estimator(
            Quantity("wrong_outputs", "wrong outputs", "%", 100.0),
            clustered, "wrong", "outputs",
        ),
        Estimator(
            Quantity("strikes", "wrong accesses an output", "", 1.0),
            ratio, "strikes", "outputs", share=False,
        ),
    ),
    identity=_identity,
    run=_run,
    assumptions=lambda values: {
        **accuracy.MEASURE.assumptions(values),
        "outputs": "bits, or sums, of one layer alone, whose inputs are right",
    },
    interval=lambda trials: "Student's t, of the chips" if trials > 1 else "of a single chip",
    trials=3,
    least_trials=3,
)  # fmt: skip
"""The measure."""
