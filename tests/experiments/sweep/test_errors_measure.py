"""The measure ``errors``: outputs of one layer that are wrong, on a real network."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.sweep import points
from experiments.sweep.measures import measure
from experiments.sweep.measures.measure import Counts
from experiments.sweep.results import Value
from pimsim.errors import InputError

MEASURE = measure.load_measure("errors")
BASE: dict[str, Value] = {
    "network": "digits-mlp", "variation_percent": 12.5, "images": 80, "table_samples": 20_000,
    "faulty_layer": "dense2", "effect": "noise",
}  # fmt: skip


def _counts(trial: int = 0, **given: Value) -> Counts:
    values = points.complete(MEASURE, {**BASE, **given}, Path.cwd())
    MEASURE.identity(values)
    counts = MEASURE.run(values, trial, 1)
    assert MEASURE.fault(counts) is None
    return counts


@pytest.mark.parametrize("mapping", ["output-stationary", "output-tree"])
def test_nothing_is_wrong_where_nothing_fails(mapping: str) -> None:
    counts = _counts(variation_percent=0.0, mapping=mapping)
    assert (counts["wrong"], counts["strikes"]) == (0, 0)
    assert counts["outputs"] % 80 == 0


def test_weak_columns_do_not_strike_and_noise_does() -> None:
    static, noise = _counts(effect="static"), _counts()
    assert static["strikes"] == 0 < static["wrong"]
    assert 0 < noise["wrong"] < noise["strikes"]
    assert _counts() == noise != _counts(trial=1)


def test_shared_adders_are_struck_less_and_each_strike_makes_more_outputs_wrong() -> None:
    apart, shared = (
        _counts(mapping=one, variation_percent=9.0) for one in ("output-stationary", "output-tree")
    )
    assert shared["strikes"] < apart["strikes"] / 3
    assert shared["wrong"] / shared["strikes"] > 2 * apart["wrong"] / apart["strikes"]


@pytest.mark.parametrize("layers", [None, "dense1,dense2"])
def test_one_layer_must_be_named(layers: str | None) -> None:
    given = {name: value for name, value in BASE.items() if name != "faulty_layer"}
    values = points.complete(
        MEASURE, given if layers is None else {**given, "faulty_layer": layers}, Path.cwd()
    )
    with pytest.raises(InputError, match="`faulty_layer` must be one layer for errors, not"):
        MEASURE.identity(values)
