"""Which stages can be chained, and where it is chosen that they are."""

from __future__ import annotations

import numpy as np
import pytest

from bnn.lowering.lower import consecutive, lower
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Merge, Network
from bnn.run import estimate
from bnn.run.estimate import Estimate
from bnn.run.execute import NetworkRun, run
from bnn.system.ledger import PHASES
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.options import ModelOptions
from pimsim.errors import InputError

from .chained import DDR3, MAPPING, SIGN, TREE, images, mlp, ran


def test_what_follows() -> None:
    rng = np.random.default_rng(0)
    conv = Conv2D("c", rng.normal(size=(3, 3, 1, 4)).astype(np.float32), None, None, SIGN)
    one = np.ones(4, np.float32)
    norm = BatchNorm("n", one, one, one, one, 1e-3)
    dense = [
        Dense(f"d{n}", rng.normal(size=shape).astype(np.float32), None, SIGN, SIGN)
        for n, shape in enumerate([(64, 8), (8, 6), (6, 3)])
    ]
    network = Network("mixed", (6, 6, 1), (conv, norm, Flatten("flat"), *dense))
    found = lower(network, ENCODINGS["uint8"])
    assert [stage.name for stage in found] == ["c", "d0", "d1", "d2"]
    # Positions are columns, and no operands of others.
    assert consecutive(network, found, [True] * 4) == [range(1, 4)]
    assert consecutive(network, found, [True, True, False, True]) == []
    assert consecutive(network, found, [True, True, True, False]) == [range(1, 3)]
    network = mlp(9, 8, 7)
    apart = lower(network, None)
    assert consecutive(network, apart, [True] * 2) == [range(2)]
    assert consecutive(network, apart[:1], [True]) == []


def test_what_several_layers_read_is_read_out() -> None:
    rng = np.random.default_rng(0)
    dense = [
        Dense(f"d{n}", rng.normal(size=shape).astype(np.float32), None, SIGN, SIGN)
        for n, shape in enumerate([(9, 8), (8, 8), (8, 8), (8, 3)])
    ]
    layers = (*dense[:3], Merge("add", "add"), dense[3])
    network = Network("residual", (9,), layers, inputs=((-1,), (0,), (1,), (0, 2), (3,)))
    found = lower(network, None)
    runs = [[stage.name for stage in found[run.start : run.stop]] for run in
            consecutive(network, found, [True] * len(found))]  # fmt: skip
    assert runs == [["d1", "d2"]]  # d0 is added, and the sum is the host's
    x = rng.normal(size=(20, 9)).astype(np.float32)
    done = run(network, x, None, System(DDR3, ModelOptions()), MAPPING, chain="always")
    assert done.bit_exact
    assert [choice.names for choice in done.chains] == [("d1", "d2")]


@pytest.mark.slow
def test_it_is_chosen_among_mappings_by_the_product_of_time_and_energy() -> None:
    network, system = mlp(200, 120, 100, 10), System(DDR3, ModelOptions())

    def booked(mapping: str, chain: str) -> Estimate:
        return estimate.of_network(network, None, 60_000, system, mapping, chain=chain)

    def price(done: Estimate) -> float:
        costs = [layer.ledger.cost(phase) for layer in done.layers for phase in PHASES]
        latency_ps = sum(cost.latency_ps for cost in costs)
        return latency_ps * sum(cost.total_pj for cost in costs)

    every = {(m, c): booked(m, c) for m in (MAPPING, TREE) for c in ("never", "always")}
    chosen = booked("auto", "auto")
    assert price(chosen) <= min(map(price, every.values()))
    (choice,) = chosen.chains
    assert choice.layout is not None
    assert choice.mapping == TREE
    assert {layer.mapping for layer in chosen.layers} == {TREE}


@pytest.mark.slow
def test_it_is_chosen_by_time() -> None:
    few, many = mlp(40, 20, 10), mlp(200, 100, 10)
    auto, never = (ran(few, 70, chain) for chain in ("auto", "never"))
    (choice,) = auto.chains
    assert choice.layout is None
    assert choice.text == "d0 to d1 not chained: it would gain nothing"
    assert choice.chained_ps is not None
    assert choice.chained_ps >= choice.apart_ps
    assert auto.layers[0].ledger.cost("compute") == never.layers[0].ledger.cost("compute")
    auto, always = (ran(many, 60_000, chain, check=False) for chain in ("auto", "always"))
    never = ran(many, 60_000, "never", check=False)

    def latency_ps(done: NetworkRun) -> int:
        return sum(layer.ledger.cost(p).latency_ps for layer in done.layers for p in PHASES)

    assert latency_ps(auto) == latency_ps(always) < latency_ps(never)
    assert auto.chains[0].text.startswith("d0 to d1 chained: outputs over ")
    assert auto.chains[0].operands("d1") == "the layer before, in the same subarray"
    assert auto.chains[0].operands("d0") is None


@pytest.mark.parametrize(
    ("chain", "mapping", "widths", "banks", "message"),
    [
        ("maybe", MAPPING, (9, 8, 7), 8, "`chain` must be one of never, auto, always, not 'maybe'"),
        (
            "always",
            "weight-stationary",
            (9, 8, 7),
            8,
            "`chain` must be never or auto for weight-stationary, not 'always'",
        ),
        (
            "always",
            MAPPING,
            (40, 1100, 5),
            1,
            "a chain through 'd1' must have another bank to copy through",
        ),
    ],
)
def test_refused(
    chain: str, mapping: str, widths: tuple[int, ...], banks: int, message: str
) -> None:
    network = mlp(*widths)
    with pytest.raises(InputError) as caught:
        run(
            network,
            images(network, 3),
            None,
            System(DDR3, ModelOptions(banks=banks)),
            mapping,
            chain=chain,
        )
    assert str(caught.value) == message
    done = run(
        network,
        images(network, 3),
        None,
        System(DDR3, ModelOptions(banks=banks)),
        mapping,
        chain="auto",
    )
    assert done.bit_exact
