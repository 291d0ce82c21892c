"""What does not fit, or is no mapping, is refused before anything runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bnn import reference
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING
from bnn.model.network import (
    Conv2D,
    Network,
)
from bnn.run.execute import run
from bnn.system.system import System
from pimsim.dram.options import ModelOptions
from pimsim.errors import InputError, OutOfRowsError

from ..random_layers import kernel_of
from .mapping_networks import SIGN, STANDARD, dense


def test_what_does_not_fit_is_refused_with_what_it_would_need() -> None:
    shallow = replace(STANDARD, rows_per_subarray=32)
    with pytest.raises(OutOfRowsError, match=r"data rows are needed at once, the subarray has 14"):
        run(
            dense(20, 3),
            np.ones((1, 20), np.float32),
            None,
            System(replace(shallow, rows_per_subarray=32), ModelOptions()),
            "weight-stationary",
        )
    crowded = replace(STANDARD, subarrays_per_bank=1, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(0)
    wide = Network(
        "wide", (30, 30, 1), (Conv2D("c", kernel_of(rng, 1, 1, 1, 9), None, SIGN, SIGN),)
    )
    with pytest.raises(
        InputError, match=r"must fit the 1 subarrays of each bank, not need 3; "
    ):  # nine outputs, two rows each, over eight banks
        run(
            wide,
            np.ones((1, 30, 30, 1), np.float32),
            None,
            System(crowded, ModelOptions()),
            "weight-stationary",
        )


def test_an_unknown_mapping_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        run(
            dense(4, 2),
            np.ones((1, 4), np.float32),
            None,
            System(STANDARD, ModelOptions()),
            "row-stationary",
        )
    assert str(caught.value) == (
        f"`mapping` must be one of {', '.join(MAPPINGS)}, auto, auto-latency, auto-energy, "
        "not 'row-stationary'; did you mean 'weight-stationary'?"
    )


@pytest.mark.parametrize("mapping", COUNTING)  # they count
def test_a_late_layer_that_does_not_fit_is_refused_before_anything_runs(
    mapping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def executed(*_: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr(reference, "forward", executed)
    rng = np.random.default_rng(0)
    late = Network(
        "late",
        (4, 4, 1),
        (
            Conv2D("small", kernel_of(rng, 1, 1, 1, 2), None, SIGN, SIGN),
            Conv2D("large", kernel_of(rng, 4, 4, 2, 2), None, SIGN, SIGN),
        ),
    )
    shallow = replace(STANDARD, rows_per_subarray=30)
    with pytest.raises(OutOfRowsError, match=r"^layer 'large', .*: [0-9]+ data rows are needed"):
        run(late, np.ones((1, 4, 4, 1), np.float32), None, System(shallow, ModelOptions()), mapping)
