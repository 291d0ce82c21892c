"""A mapping for every layer: the one that costs it least, and the values stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from bnn import estimate, zoo
from bnn.encoding import ENCODINGS
from bnn.estimate import Estimate
from bnn.larq.model_file import read_model
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import OBJECTIVES, PER_PASS, candidates, chooser, names, popcount
from bnn.network import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, Network
from bnn.runtime import LayerRun, run
from bnn.tables import catalog
from pimsim.cost import Cost
from pimsim.dram.standards import load
from pimsim.dram.switches import Switches
from pimsim.errors import InputError

DDR3 = load("ddr3-1600-8-8-8")
NO_REFRESH = Switches(refresh=False)  # when REFs fall due depends on what was there before
SIGN = "ste_sign"
IMAGES = 400
"""Few enough for one layer, and too many for another, to have weights in rows."""


def _cost(layer: LayerRun) -> Cost:
    inputs, compute = (layer.machine.cost(phase) for phase in PER_PASS)
    return inputs + compute


def _estimates(
    network: Network, images: int, *, energy: str = "ambit-paper"
) -> dict[str, Estimate]:
    switches = Switches(refresh=False, energy=energy)
    return {
        name: estimate.of_network(
            network, ENCODINGS["symmetric"], images, DDR3, switches, name, chain="never"
        )
        for name in names()
    }


@pytest.mark.parametrize(
    ("name", "images"), [("mnist-cnn", 3), ("mnist-cnn", 400), ("digits-mlp", 9)]
)
@pytest.mark.parametrize("energy", ["ambit-paper", "datasheet"])
def test_every_layer_has_the_mapping_that_keeps_the_objective_least(
    name: str, images: int, energy: str
) -> None:
    found = _estimates(read_model(zoo.locate(name)), images, energy=energy)
    for way, objective in OBJECTIVES.items():
        for place, layer in enumerate(found[way].layers):
            if layer.where != "dram":
                continue
            each = {one: objective(_cost(found[one].layers[place])) for one in candidates()}
            assert layer.mapping in each
            # On one timeline a layer begins where the last one ended: a few commands' difference.
            assert each[layer.mapping] <= min(each.values()) * 1.001, (way, layer.name, each)


def test_layers_of_one_network_get_different_mappings() -> None:
    found = _estimates(read_model(zoo.locate("mnist-cnn")), IMAGES)
    taken = {layer.mapping for layer in found["auto"].layers if layer.where == "dram"}
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
    plain = run(network, x, None, DDR3, NO_REFRESH, "output-stationary")
    done = run(network, x, None, DDR3, NO_REFRESH, name, compiled=compiled)
    assert done.bit_exact
    np.testing.assert_array_equal(done.logits, plain.logits)
    booked = estimate.of_network(network, None, 3, DDR3, NO_REFRESH, name)
    for one, other in zip(done.layers, booked.layers, strict=True):
        assert one.mapping == other.mapping
        assert _cost(one) == _cost(other)


def test_tables_get_a_mapping_for_every_layer() -> None:
    found = estimate.of_table(catalog.entry("lenet5"), 2, DDR3, NO_REFRESH, "auto-latency")
    least = sum(_cost(layer).latency_ps for layer in found.layers)
    for name in candidates():
        other = estimate.of_table(catalog.entry("lenet5"), 2, DDR3, NO_REFRESH, name)
        assert least <= 1.001 * sum(_cost(layer).latency_ps for layer in other.layers)


def test_other_names_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        chooser("row-stationary")
    assert str(caught.value) == (
        "`mapping` must be one of output-stationary, weight-stationary, no-local-reuse, auto, "
        "auto-latency, auto-energy, not 'row-stationary'"
    )


def test_no_choice_leaves_counting_to_a_host_that_costs_nothing() -> None:
    assert popcount("no-local-reuse") == "on the host, costed as traffic only"
    assert {popcount(name) for name in (*candidates(), *OBJECTIVES)} == {"in DRAM"}
    assert set(MAPPINGS) - set(candidates()) == {"no-local-reuse"}
