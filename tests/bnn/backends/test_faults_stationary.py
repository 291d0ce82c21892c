"""Where weights stay in rows: the same faults in both executors, and what they leave behind."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.backends import faulty, noise
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import DEFAULT
from bnn.model.network import Conv2D, Dense, Flatten, Layer, Network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from pimsim.dram.array.faults import Faults, Site
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.executors.faulty.dealing import NAME, Drawing, Lay, draw
from pimsim.microprogram.schedule import Schedule

from ..planned_once import planned_once
from ..random_layers import kernel_of
from .faulty_networks import (
    ALL,
    SIGN,
    STATIC,
    convolution,
    dense,
    encoding_of,
    faults_of,
    images_of,
    networks,
    norm_of,
)

SMALL = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1, rows_per_subarray=128)
RESIDENT = [name for name in MAPPINGS if name not in ("output-stationary", "output-tree")]
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CASES = networks(30, {3: 700, 40: 700, 75: 150})
"""The last fan-in needs two subarrays."""


def _wide(rng: np.random.Generator) -> Network:
    """An image has 576 columns in its first layer, and a small row has 512."""
    layers: list[Layer] = [
        Conv2D("wide", kernel_of(rng, 1, 1, 1, 4), None, None, SIGN),
        norm_of(rng, "norm", 4),
        Conv2D("next", kernel_of(rng, 2, 2, 4, 2), None, SIGN, SIGN, strides=(8, 8)),
        Flatten("flat"),
        Dense("last", kernel_of(rng, 18, 4), None, SIGN, SIGN),
    ]
    return Network("wide", (24, 24, 1), tuple(layers))


def _run(
    network: Network,
    x: NDArray[np.float32],
    faults: Faults | None,
    mapping: str,
    standard: Standard = SMALL,
    *,
    banks: int = 4,
    compiled: bool = True,
    threads: int | None = None,
) -> NetworkRun:
    return run(
        network,
        x,
        encoding_of(network),
        System(standard, ModelOptions(banks=banks), faults=faults),
        mapping,
        execution=Execution(check=faults is None, compiled=compiled, threads=threads),
    )


def _flips(done: NetworkRun) -> list[int]:
    return [layer.result.flips for layer in done.layers if layer.result is not None]  # type: ignore[union-attr]


@pytest.mark.parametrize("mapping", [*RESIDENT, DEFAULT])
@given(
    case=CASES,
    static=STATIC,
    access=st.sampled_from([0.0, 0.0003, 0.01]),
    kinds=st.sampled_from([("sense",), ALL]),
    seed=st.integers(0, 99),
    stretch=st.sampled_from([64, 192, 8192]),
    bounded=st.booleans(),
)
@pytest.mark.slow
@SLOW
def test_both_executors_meet_the_same_faults_on_any_number_of_threads(
    mapping: str,
    case: tuple[Network, int],
    static: float,
    access: float,
    kinds: tuple[str, ...],
    seed: int,
    stretch: int,
    bounded: bool,
) -> None:
    network, images = case
    faults = faults_of(static, access, seed, seed + 1, kinds=kinds)
    x = images_of(network, images)
    with planned_once(), pytest.MonkeyPatch.context() as patch:
        literal = _run(network, x, faults, mapping, compiled=False)
        patch.setattr(faulty, "STRETCH", stretch)
        if bounded:
            patch.setattr(faulty, "MEMORY_BYTES", 1)
            patch.setattr(faulty, "CANDIDATES", 1)
        every = [_run(network, x, faults, mapping, threads=threads) for threads in (1, 3)]
    for compiled in every:
        np.testing.assert_array_equal(compiled.logits, literal.logits)
        assert _flips(compiled) == _flips(literal)
    if access == 0.01 and images > 100:
        assert sum(_flips(literal)) > 0
    assert literal.bit_exact is None
    counts = [layer.ledger.counts("compute") for layer in literal.layers]
    assert [layer.ledger.counts("compute") for layer in compiled.layers] == counts


@pytest.mark.parametrize("mapping", RESIDENT)
@given(case=CASES, compiled=st.booleans())
@pytest.mark.slow
@SLOW
def test_with_probability_zero_every_bit_is_that_of_the_error_free_run(
    mapping: str, case: tuple[Network, int], compiled: bool
) -> None:
    network, images = case
    x = images_of(network, images)
    with planned_once():
        right = _run(network, x, None, mapping)
        found = _run(network, x, faults_of(0.0, 0.0, 5, 6), mapping, compiled=compiled)
    assert right.bit_exact
    np.testing.assert_array_equal(found.logits, right.logits)
    assert sum(_flips(found)) == 0


@pytest.mark.parametrize("mapping", RESIDENT)
@pytest.mark.parametrize("banks", [3, 4])
def test_an_image_that_takes_several_rows(mapping: str, banks: int) -> None:
    network = _wide(np.random.default_rng(7))
    x, faults = images_of(network, 3), faults_of(0.01, 0.001)
    with planned_once():
        literal = _run(network, x, faults, mapping, banks=banks, compiled=False)
        compiled = _run(network, x, faults, mapping, banks=banks)
    np.testing.assert_array_equal(compiled.logits, literal.logits)
    assert _flips(compiled) == _flips(literal)


@pytest.mark.parametrize("mapping", RESIDENT)
def test_noise_is_drawn_once_however_it_is_taken(mapping: str) -> None:
    """A block of columns, 8192 images here, lies in several batches of several banks."""
    network = dense(np.random.default_rng(8), 9, 3)
    x, faults = images_of(network, 9000), faults_of(0.0, 0.003)
    literal = _run(network, x, faults, mapping, compiled=False)
    asked = list[tuple[int, int, int]]()

    def seen(drawing: Drawing, lay: Lay, outputs: Any, first: int, last: int, *room: Any) -> int:
        found = draw(drawing, lay, outputs, first, last, *room)
        if found <= len(room[0].draw):
            named = lay.numbers[NAME] + outputs
            asked.extend(product(drawing.keys[:1].tolist(), named.tolist(), range(first, last)))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "draw", seen)
        compiled = _run(network, x, faults, mapping, threads=2)
    np.testing.assert_array_equal(compiled.logits, literal.logits)
    assert _flips(compiled) == _flips(literal)
    assert len(set(asked)) == len(asked) > 0


@pytest.mark.parametrize("mapping", RESIDENT)
def test_seeds_choose_chip_and_noise_apart(mapping: str) -> None:
    network = dense(np.random.default_rng(3), 40, 6)
    x = images_of(network, 200)
    for effect, same, other in (((0.02, 0.0), (0, 1), (1, 0)), ((0.0, 0.005), (1, 0), (0, 1))):
        first, second, third = (
            _run(network, x, faults_of(*effect, *seeds), mapping).logits
            for seeds in ((0, 0), same, other)
        )
        assert np.array_equal(first, second)
        assert not np.array_equal(first, third)


@pytest.mark.parametrize("mapping", RESIDENT)
@pytest.mark.parametrize("access", [0.0, 0.002])
def test_noise_does_not_depend_on_how_columns_are_packed(mapping: str, access: float) -> None:
    """Of majorities alone: what they get wrong is nowhere left in a row that is used again."""
    network = convolution(np.random.default_rng(2))
    x = images_of(network, 40)
    faults = faults_of(0.0, access, only=(("sense", 3),))
    found = [
        _run(network, x, faults, mapping, replace(SMALL, row_bytes=width), banks=banks)
        for width, banks in ((64, 4), (64, 1), (192, 3), (8192, 2))
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other.logits, found[0].logits)
        assert _flips(other) == _flips(found[0])
    right = _run(network, x, None, mapping).logits
    assert np.array_equal(found[0].logits, right) == (access == 0.0)


@pytest.mark.parametrize("mapping", RESIDENT)
@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_misread_stays_wrong_for_the_batches_that_follow(
    mapping: str, compiled: bool
) -> None:
    """All batches bring the same images, and meet rows that were read more and more often."""
    network = dense(np.random.default_rng(5), 60, 8)
    each = 512 // 8  # images of a batch of one bank
    x = np.tile(images_of(network, each), (40, 1))
    faults = faults_of(0.0, 1e-4, only=(("sense", 1),))
    right = _run(network, x, None, mapping, banks=1).logits
    found = _run(network, x, faults, mapping, banks=1, compiled=compiled).logits
    wrong = (found != right).mean(axis=1).reshape(40, each).mean(axis=1)
    assert 0 < 3 * wrong[:2].mean() < wrong[-2:].mean()


@pytest.mark.parametrize("mapping", RESIDENT)
@pytest.mark.parametrize("compiled", [False, True])
def test_columns_that_are_weak_are_those_of_the_subarrays_that_are_booked(
    mapping: str, compiled: bool
) -> None:
    network = _wide(np.random.default_rng(6))
    booked: set[Site] = set()
    asked: set[Site] = set()
    book, weak = CommandLedger.run, Faults.weak

    def booking(
        self: CommandLedger, schedule: Schedule, outputs: Any, banks: Any, number: int
    ) -> None:
        if schedule.runs:
            booked.update(Site(bank, number) for bank in banks)
        book(self, schedule, outputs, banks, number)

    def asking(self: Faults, site: Site, *args: Any) -> NDArray[np.float64]:
        asked.add(site)
        return weak(self, site, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CommandLedger, "run", booking)
        patch.setattr(Faults, "weak", asking)
        x = images_of(network, 5)
        _run(network, x, faults_of(0.1, 0.0), mapping, banks=3, compiled=compiled)
    assert asked == booked
    assert {site.subarray for site in asked} > {0, 1}
