"""What a product takes, as ``pimsim products`` says, is what a run of a layer books."""

from __future__ import annotations

import numpy as np
import pytest

from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING
from bnn.model.network import Dense, Network
from bnn.run import estimate
from bnn.system.system import System
from pimsim import products
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

WAYS = {
    "output-stationary": "full adders",
    "output-tree": "output tree",
    "weight-stationary": "AND, chains",
}
"""By mapping that counts in DRAM, the way to count products that it goes."""
SIGN = "ste_sign"


@pytest.mark.parametrize("mapping", COUNTING)
@pytest.mark.parametrize("fan_in", [288, 1152])
def test_products_are_what_a_run_of_a_layer_books(mapping: str, fan_in: int) -> None:
    outputs, standard, options = 16, load("ddr3-1600-8-8-8"), ModelOptions()
    weights = np.random.default_rng(fan_in).choice([-1, 1], (outputs, fan_in))
    layers = (
        Dense("counted", weights.T.astype(np.float32), None, SIGN, SIGN),
        Dense("last", np.ones((outputs, 1), np.float32), None, SIGN, SIGN),
    )
    network, images = Network("n", (fan_in,), layers), standard.columns
    stage = lower(network, None)[0]
    assert isinstance(stage, Stage)
    assert stage.thresholds is not None
    done = estimate.of_network(network, None, images, System(standard, options), mapping)
    counts = done.layers[0].ledger.counts("compute")

    every = [*products.folded(weights), *products.rows(fan_in)]
    (way,) = (one for one in every if one.name == WAYS[mapping])
    rows = images * outputs * fan_in // way.products  # of columns that all count way.products
    times = rows // standard.columns
    assert (counts.aap, counts.ap) == (way.aap * times, way.ap * times)
    bursts = standard.columns // (8 * standard.burst_bytes)
    assert counts.wr == way.rows_moved * times * bursts
    assert counts.rd == counts.wr + outputs * images // (8 * standard.burst_bytes)
    (laid, *_) = MAPPINGS[mapping].map_stage(stage, System(standard, options), images)
    assert laid.parts == way.subarrays


def test_moved_rows_take_time_and_energy() -> None:
    standard, options = load("ddr3-1600-8-8-8"), ModelOptions()
    whole, *_, divided = products.folded(np.random.default_rng(0).choice([-1, 1], (8, 1152)))
    assert divided.rows_moved > 0
    bare = products.Products(
        divided.name, divided.summary, divided.products, divided.aap, divided.ap,
        divided.data_rows, divided.subarrays, divided.group,
    )  # fmt: skip
    (with_ps, with_pj), (bare_ps, bare_pj) = (
        one.cost(standard, options) for one in (divided, bare)
    )
    # Ambit's table: 44.2 nJ a KB that is read, 49.5 that is written.
    moved_pj = divided.rows_moved * (44_200 + 49_500) * standard.columns / 8 / 1024
    assert with_pj - bare_pj == pytest.approx(
        moved_pj / (divided.products * standard.columns), rel=0.02
    )
    assert with_ps > 1.2 * bare_ps
    assert whole.cost(standard, options)[1] > with_pj
