"""Bits that flip because of rows beside them: the same in both executors, on any threads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bnn.model.network import Network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.activations import ActivationCounter
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from pimsim.dram.array.address_map import DEFAULT_MAP
from pimsim.dram.array.faults import Faults
from pimsim.dram.disturbance.chip_classes import ChipClass
from pimsim.dram.disturbance.hammer import Hammer
from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

from .faulty_networks import convolution, dense, encoding_of, faults_of, images_of

SMALL = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1, rows_per_subarray=128)
MAPPINGS = ("output-stationary", "output-tree", "weight-stationary", "no-local-reuse")
NETWORKS = {
    "dense": lambda: dense(np.random.default_rng(1), 140, 3),  # two subarrays share a fan-in
    "convolution": lambda: convolution(np.random.default_rng(1), 3, 2),
}


def _faults(hammers: int, seed: int = 0, noise: float = 0.0, guards: int = 0) -> Faults:
    """Chips that flip from so many activations on, and so much noise."""
    order = RowOrder.of(DEFAULT_MAP, SMALL.rows_per_subarray, guards)
    hammer = Hammer(ChipClass("frail", hammers, hammers), order, most=10**6, seed=seed)
    return replace(faults_of(0.0, noise, chip=seed, noise=seed + 1), hammer=hammer)


def _run(
    network: Network,
    faults: Faults,
    mapping: str,
    *,
    compiled: bool = True,
    threads: int | None = None,
    guards: int = 0,
    images: int = 3,
    banks: int = 4,
) -> NetworkRun:
    mitigation = Mitigation(guard_rows=guards)
    counter = ActivationCounter(DEFAULT_MAP, SMALL.rows_per_subarray, guards)
    hammer = faults.hammer
    assert hammer is not None
    faults = replace(faults, hammer=replace(hammer, earlier=lambda site: counter.whole(site).after))
    system = System(
        SMALL, ModelOptions(banks=banks), faults=faults, mitigation=mitigation, counter=counter
    )
    return run(
        network,
        images_of(network, images),
        encoding_of(network),
        system,
        mapping,
        execution=Execution(check=False, compiled=compiled, threads=threads),
    )


def _flips(faults: Faults) -> Counter[tuple[int, int]]:
    assert faults.hammer is not None
    return faults.hammer.flips


WEAK, NOISY = (1, 0.0), (2, 0.01)
"""Activations that a row stands, and noise besides."""
CASES = [
    (mapping, name, *((WEAK, NOISY)[(number + place) % 2]))
    for number, mapping in enumerate(MAPPINGS)
    for place, name in enumerate(NETWORKS)
]


@pytest.mark.parametrize(("mapping", "name", "hammers", "noise"), CASES)
def test_both_executors_lose_the_same_bits_on_any_number_of_threads(
    mapping: str, name: str, hammers: int, noise: float
) -> None:
    network, literal = NETWORKS[name](), _faults(hammers, 3, noise)
    expected = _run(network, literal, mapping, compiled=False)
    for threads in (1, 3):
        faults = _faults(hammers, 3, noise)
        found = _run(network, faults, mapping, threads=threads)
        np.testing.assert_array_equal(found.logits, expected.logits)
        assert _flips(faults) == _flips(literal)
    if name == "convolution" and hammers == 1:
        assert _flips(literal)


def test_many_batches_go_on_from_what_the_one_before_left() -> None:
    """Weights in rows are hammered batch after batch, and stay as they were damaged."""
    network, literal, compiled = NETWORKS["convolution"](), _faults(1, 5), _faults(1, 5)
    expected = _run(network, literal, "weight-stationary", compiled=False, images=24, banks=1)
    found = _run(network, compiled, "weight-stationary", images=24, banks=1)
    np.testing.assert_array_equal(found.logits, expected.logits)
    assert _flips(compiled) == _flips(literal)
    assert sum(_flips(literal).values()) > 20


def test_another_chip_loses_other_bits_and_strong_ones_none() -> None:
    network = NETWORKS["convolution"]()
    one, other, strong = _faults(1, 3), _faults(1, 4), _faults(10**6, 3)
    for faults in (one, other, strong):
        _run(network, faults, "output-stationary")
    assert _flips(one) != _flips(other)
    assert not _flips(strong)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_guard_rows_hold_nothing_and_keep_rows_apart(mapping: str) -> None:
    network, literal, compiled = NETWORKS["convolution"](), _faults(1, 3, guards=2), None
    compiled = _faults(1, 3, guards=2)
    expected = _run(network, literal, mapping, compiled=False, guards=2)
    found = _run(network, compiled, mapping, guards=2)
    np.testing.assert_array_equal(found.logits, expected.logits)
    assert _flips(compiled) == _flips(literal)
    assert compiled.hammer is not None
    guards = set(compiled.hammer.order.guards)
    assert len(guards) == 4
    assert not guards & {place for _, place in _flips(compiled)}
