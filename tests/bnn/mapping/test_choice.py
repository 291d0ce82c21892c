"""A mapping for every layer: what costs the network least, and the values stay as they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from bnn import zoo
from bnn.backends.prepare import booked as book_alone
from bnn.larq.model_file import read_model
from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING, PER_PASS, check, names, popcount
from bnn.mapping.frontier import OBJECTIVES, Offer, corners, least
from bnn.mapping.selection import select
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, Network
from bnn.run import estimate
from bnn.run.estimate import Estimate
from bnn.run.execute import Execution, run
from bnn.run.plan import LayerRun
from bnn.system.ledger import PHASES, CommandLedger, ledger_alone
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.tables import catalog
from bnn.values.encoding import ENCODINGS
from pimsim.cost import Cost
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError

from ..planned_once import planned_once

DDR3 = load("ddr3-1600-8-8-8")
NO_REFRESH = ModelOptions(refresh=False)  # when REFs fall due depends on what was there before
SIGN = "ste_sign"
IMAGES = 400
"""Few enough for one layer, and too many for another, to have weights in rows."""


def _cost(layer: LayerRun) -> Cost:
    inputs, compute = (layer.ledger.cost(phase) for phase in PER_PASS)
    return inputs + compute


def _estimate(network: Network, images: int, name: str, *, energy: str = "ambit-paper") -> Estimate:
    system = System(DDR3, ModelOptions(refresh=False, energy=energy))
    return estimate.of_network(network, ENCODINGS["symmetric"], images, system, name, chain="never")


offers = st.lists(
    st.builds(Offer, st.integers(1, 50), st.integers(1, 50).map(float)), min_size=1, max_size=4
)


@hypothesis.given(st.lists(offers, min_size=1, max_size=5), st.sampled_from([*OBJECTIVES]))
def test_what_is_chosen_is_the_least_of_all_combinations(
    parts: list[list[Offer]], way: str
) -> None:
    def total(picks: Iterable[int]) -> float:
        some = [part[pick] for part, pick in zip(parts, picks, strict=True)]
        return OBJECTIVES[way](sum(one.latency_ps for one in some), sum(o.energy_pj for o in some))

    every = itertools.product(*(range(len(part)) for part in parts))
    assert total(least(way, parts)) == min(map(total, every))
    for corner in corners(parts):
        assert corner.total == tuple(map(sum, zip(*map(_pick, parts, corner.picks), strict=True)))


def _pick(part: list[Offer], pick: int) -> Offer:
    return part[pick]


@pytest.mark.parametrize(
    ("name", "images", "energy"),
    [
        pytest.param("mnist-cnn", 3, "ambit-paper", marks=pytest.mark.slow),
        pytest.param("mnist-cnn", 400, "datasheet", marks=pytest.mark.slow),
        ("digits-mlp", 9, "ambit-paper"),
        ("digits-mlp", 9, "datasheet"),
    ],
)
def test_no_other_mappings_of_the_layers_do_better_together(
    name: str, images: int, energy: str
) -> None:
    network = read_model(zoo.locate(name))
    ways = (*COUNTING, *OBJECTIVES)
    with planned_once():
        found = {one: _estimate(network, images, one, energy=energy) for one in ways}
    places = [place for place, one in enumerate(found["auto"].layers) if one.where == "dram"]
    each = [
        [Offer(cost.latency_ps, cost.total_pj) for one in COUNTING
         for cost in [_cost(found[one].layers[place])]]
        for place in places
    ]  # fmt: skip
    for way, objective in OBJECTIVES.items():
        costs = [_cost(found[way].layers[place]) for place in places]
        reached = objective(sum(c.latency_ps for c in costs), sum(c.total_pj for c in costs))
        best = min(
            objective(sum(one.latency_ps for one in some), sum(one.energy_pj for one in some))
            for some in itertools.product(*each)
        )
        # On one timeline a layer begins where the last one ended: a few commands' difference.
        assert best * 0.999 <= reached <= best * 1.002, way


@pytest.mark.parametrize(
    ("name", "images", "energy", "refresh"),
    [
        ("digits-mlp", 1, "datasheet", True),
        ("digits-mlp", 364, "ambit-paper", True),
        ("digits-mlp", 700, "ambit-paper", False),
        ("mnist-cnn", 60, "datasheet", True),
    ],
)
@pytest.mark.slow
def test_what_mappings_would_have_cost_is_what_they_cost(
    name: str, images: int, energy: str, refresh: bool
) -> None:
    """And no chain or mapping does better than all of it."""
    network, options = read_model(zoo.locate(name)), ModelOptions(refresh=refresh, energy=energy)

    def booked(mapping: str, chain: str) -> Estimate:
        return estimate.of_network(
            network, ENCODINGS["symmetric"], images, System(DDR3, options), mapping, chain=chain
        )

    with planned_once():
        auto, chained = booked("auto", "auto"), booked("output-stationary", "auto")
        others = {one: booked(one, "never") for one in COUNTING}
    for place, layer in enumerate(auto.layers):
        for one in layer.candidates:
            cost = _cost(others[one.mapping].layers[place])
            if one.offer is None:  # not laid out: it loses to another
                assert one.refused.startswith("would lose to ")
                better = next(name for name in others if f" {name} even" in one.refused)
                less = _cost(others[better].layers[place])
                assert less.latency_ps < cost.latency_ps
                assert less.total_pj < cost.total_pj
                continue
            assert one.offer.latency_ps == pytest.approx(cost.latency_ps, rel=0.02)
            assert one.offer.energy_pj == pytest.approx(cost.total_pj, rel=0.02)
    assert [len(layer.candidates) for layer in auto.layers if layer.where == "dram"]
    reached = _product(auto)
    for other in (*others.values(), chained):
        assert reached <= 1.005 * _product(other)


def _product(done: Estimate) -> float:
    costs = [_cost(layer) for layer in done.layers]
    return OBJECTIVES["auto"](sum(c.latency_ps for c in costs), sum(c.total_pj for c in costs))


@pytest.mark.parametrize("chain", ["auto", "always"])
@pytest.mark.slow
def test_what_only_one_mapping_takes_is_not_refused(chain: str) -> None:
    """From bank to bank, voted and chained: by mappings that divide a fan-in."""
    network = read_model(zoo.locate("digits-mlp"))

    def booked(mapping: str, chain: str = "never", **more: Any) -> Estimate:
        system = System(DDR3, NO_REFRESH, **more)
        return estimate.of_network(
            network, ENCODINGS["symmetric"], 40, system, mapping, chain=chain
        )

    moved = [{"moves": "psm", "chain": chain}, {"chain": chain}]
    if chain == "auto":
        moved.append({"mitigation": Mitigation(tmr="time"), "chain": chain})
    for more in moved:
        auto, named = booked("auto", **more), booked("output-stationary", **more)
        assert _product(auto) <= _product(named)
        if more.keys() == {"chain"} and chain == "auto":
            assert _product(auto) < 0.1 * _product(named)
            continue
        taken = "output-tree" if len(more) > 1 else "output-stationary"
        assert {layer.mapping for layer in auto.layers} == {taken, None}
        if "chain" in more and len(more) == 1:
            continue
        for layer in auto.layers:
            refused = {one.mapping: one.refused for one in layer.candidates if one.offer is None}
            assert ("weight-stationary" in refused) == (layer.where == "dram")
            assert "output-stationary" not in refused
            assert all("must be" in why for why in refused.values())


def test_what_was_laid_out_to_be_priced_is_not_laid_out_again() -> None:
    network, system = read_model(zoo.locate("digits-mlp")), System(DDR3, NO_REFRESH)
    selected = select("auto", network, ENCODINGS["symmetric"], system, 9, "never")
    stages = [stage for stage in selected.stages if isinstance(stage, Stage)]
    known = [selected.mapped(stage, system, 9) for stage in stages]
    fresh = System(DDR3, NO_REFRESH)
    for stage, laid in zip(stages, known, strict=True):
        assert selected.mapped(stage, system, 9) is laid
        other = selected.mapped(stage, fresh, 9)
        assert other is not laid
        assert [one.system for one in other] == [fresh] * len(laid)


@pytest.mark.parametrize("standard", ["ddr3-1600-11-11-11", "ddr5-4800", "hbm2"])
@pytest.mark.parametrize("name", ["weight-stationary", "output-stationary"])
def test_a_price_is_what_all_batches_take_one_after_the_other(standard: str, name: str) -> None:
    """Though those alike are not scheduled again."""
    system = System(load(standard), ModelOptions(refresh=False, energy="datasheet"))
    network = read_model(zoo.locate("mnist-cnn"))
    stages = lower(network, ENCODINGS["symmetric"], system.data_rows)
    for stage in (some for some in stages if isinstance(some, Stage)):
        mapped = MAPPINGS[name].map_stage(stage, system, 3000)
        priced, scheduled = ledger_alone(system), CommandLedger(system)
        book_alone(mapped, priced)
        book_alone(mapped, scheduled)
        for phase in PHASES:
            assert priced.counts(phase) == scheduled.counts(phase)
            assert priced.cost(phase) == scheduled.cost(phase)


def test_layers_of_one_network_get_different_mappings() -> None:
    found = _estimate(read_model(zoo.locate("mnist-cnn")), IMAGES, "auto")
    taken = {layer.mapping for layer in found.layers if layer.where == "dram"}
    assert len(taken) > 1


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", names())
def test_values_are_the_same_under_every_mapping(name: str, compiled: bool) -> None:
    rng = np.random.default_rng(5)

    def kernel(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return rng.normal(size=shape).astype(np.float32)

    zeros, ones = np.zeros(4, np.float32), np.ones(4, np.float32)
    network = Network(
        "small",
        (6, 6, 3),
        (
            Conv2D("c1", kernel(3, 3, 3, 4), None, SIGN, SIGN, padding="same"),
            MaxPool2D("p1", (2, 2), (2, 2)),
            BatchNorm("n1", zeros, ones, None, None, 1e-3),
            Conv2D("c2", kernel(2, 2, 4, 4), None, SIGN, SIGN),
            BatchNorm("n2", ones, ones, -ones, None, 1e-3),
            Flatten("f"),
            Dense("d", kernel(16, 3), None, SIGN, SIGN),
        ),
    )
    x = rng.normal(size=(3, 6, 6, 3)).astype(np.float32)
    system = System(DDR3, NO_REFRESH)
    with planned_once():
        plain = run(network, x, None, system, "output-stationary")
        done = run(network, x, None, system, name, execution=Execution(compiled=compiled))
        booked = estimate.of_network(network, None, 3, system, name)
    assert done.bit_exact
    np.testing.assert_array_equal(done.logits, plain.logits)
    for one, other in zip(done.layers, booked.layers, strict=True):
        assert one.mapping == other.mapping
        assert _cost(one) == _cost(other)


def test_tables_get_a_mapping_for_every_layer() -> None:
    found = estimate.of_table(catalog.entry("lenet5"), 2, System(DDR3, NO_REFRESH), "auto-latency")
    least = sum(_cost(layer).latency_ps for layer in found.layers)
    for name in COUNTING:
        other = estimate.of_table(catalog.entry("lenet5"), 2, System(DDR3, NO_REFRESH), name)
        assert least <= 1.001 * sum(_cost(layer).latency_ps for layer in other.layers)


def test_other_names_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        check("row-stationary")
    assert str(caught.value) == (
        f"`mapping` must be one of {', '.join((*MAPPINGS, *OBJECTIVES))}, not 'row-stationary'; "
        "did you mean 'weight-stationary'?"
    )


def test_no_choice_leaves_counting_to_a_host_that_costs_nothing() -> None:
    assert popcount("no-local-reuse") == "on the host, costed as traffic only"
    assert {popcount(name) for name in (*COUNTING, *OBJECTIVES)} == {"in DRAM"}
    left_out = set(MAPPINGS) - set(COUNTING)
    assert "no-local-reuse" in left_out
    assert "in DRAM" not in {popcount(name) for name in left_out}
