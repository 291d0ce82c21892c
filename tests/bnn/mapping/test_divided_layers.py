"""What one subarray, row or bank does not hold is divided, and gives what it does undivided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING
from bnn.model.network import (
    Conv2D,
    MaxPool2D,
    Network,
)
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.options import ModelOptions

from ..random_layers import kernel_of, norm_of
from .mapping_networks import SIGN, STANDARD, dense, run_random


@pytest.mark.parametrize("mapping", COUNTING)  # they count
def test_a_fan_in_beyond_one_subarray_is_split_and_its_partial_counts_are_moved(
    mapping: str,
) -> None:
    done = run_random(dense(2500, 5), ENCODINGS["bipolar"], 9, mapping)
    whole = run_random(dense(300, 5), ENCODINGS["bipolar"], 9, mapping)
    assert done.bit_exact
    assert whole.bit_exact
    split, single = (r.layers[0].ledger.counts("compute") for r in (done, whole))
    assert split.wr > 0
    assert split.rd > split.wr  # partial counts, and the output bits
    assert single.wr == 0


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_images_beyond_one_row_go_to_further_tiles(mapping: str) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    network = dense(20, 6)
    pixels = np.random.default_rng(3).integers(0, 2, (2000, 20)).astype(np.uint8)
    x = ENCODINGS["bipolar"].levels()[pixels]
    done = run(network, x, None, System(small, ModelOptions()), mapping)
    assert done.bit_exact
    result = done.layers[0].occupancy
    assert result is not None
    assert result.columns_opened >= 2000
    assert result.columns_used <= result.columns_opened
    alone = [
        run(network, x[i : i + 1], None, System(small, ModelOptions()), mapping).logits
        for i in (0, 1999)
    ]
    assert np.array_equal(np.concatenate(alone), done.logits[[0, 1999]])


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(("compiled", "pad_values"), [(False, 0.0), (True, 1.0)])
@pytest.mark.parametrize("pool", [None, MaxPool2D("pool", (3, 3), (2, 1), "same")])
@pytest.mark.parametrize("images", [2])
@pytest.mark.slow
def test_an_image_of_more_positions_than_a_row_has_columns_takes_several_rows(
    mapping: str, compiled: bool, pad_values: float, pool: MaxPool2D | None, images: int
) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(7)
    kernel = kernel_of(rng, 3, 3, 2, 5)
    conv = Conv2D("conv", kernel, None, SIGN, SIGN, padding="same", pad_values=pad_values)
    after = [norm_of(rng, "norm", 5), *([] if pool is None else [pool])]
    last = Conv2D("last", kernel_of(rng, 1, 1, 5, 1), None, SIGN, SIGN, strides=(9, 9))
    network = Network("wide", (46, 23, 2), (conv, *after, last))
    x = rng.normal(size=(images, 46, 23, 2)).astype(np.float32)
    done = run(
        network,
        x,
        None,
        System(small, ModelOptions()),
        mapping,
        execution=Execution(compiled=compiled),
    )
    assert done.bit_exact
    result = done.layers[0].occupancy
    assert result is not None
    positions = 46 * 23 if pool is None else 23 * 23
    outputs = 5 if mapping == "weight-stationary" else 1
    assert positions > small.columns
    assert result.columns_used % (images * positions * outputs) == 0
    assert result.columns_opened > result.columns_used


@pytest.mark.parametrize("images", [1, 3, 20])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.slow
def test_blocks_of_outputs_are_divided_over_banks_that_images_leave_idle(
    images: int, compiled: bool
) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(5)
    conv = Conv2D("conv", kernel_of(rng, 3, 3, 4, 22), None, SIGN, SIGN, padding="same")
    last = Conv2D("last", kernel_of(rng, 1, 1, 22, 1), None, SIGN, SIGN, strides=(4, 4))
    network = Network("n", (12, 12, 4), (conv, norm_of(rng, "norm", 22), last))
    x = rng.normal(size=(images, 12, 12, 4)).astype(np.float32)

    def one(banks: int) -> tuple[int, NetworkRun]:
        options = ModelOptions(banks=banks)
        done = run(
            network,
            x,
            None,
            System(small, options),
            "weight-stationary",
            execution=Execution(compiled=compiled),
        )
        return done.layers[0].ledger.cost("compute").latency_ps, done

    alone_ps, alone = one(1)
    together_ps, together = one(8)
    assert alone.bit_exact
    assert together.bit_exact
    assert np.array_equal(alone.logits, together.logits)
    # 22 outputs of 144 positions are eight rows for each image; tFAW makes 8 banks act like 3.3
    assert 3 < alone_ps / together_ps < 4
