"""Where weights stay in rows: the same faults in both executors, and what they leave behind."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.backends import faulty
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import DEFAULT
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.faults import Faults, Site
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.microprogram.schedule import Schedule

SIGN = "ste_sign"
SMALL = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1, rows_per_subarray=128)
RESIDENT = [name for name in MAPPINGS if name not in ("output-stationary", "output-tree")]
SLOW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALL = ("sense", "copy", "not")


@dataclass(frozen=True)
class Rates:
    """A failure table with the same rates everywhere, or for some accesses only."""

    every: Rate
    kinds: frozenset[str]
    only: tuple[tuple[str, int], ...] = ()
    """Kinds and rows; all if there are none."""

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        hit = not self.only or (kind, rows) in self.only
        return self.every if hit else Rate(0.0, 0.0)


def _faults(
    static: float,
    access: float,
    chip: int = 0,
    noise: int = 0,
    *,
    kinds: Collection[str] = ALL,
    only: tuple[tuple[str, int], ...] = (),
) -> Faults:
    rates = Rates(Rate(static, access), frozenset(kinds), only)
    return Faults(rates, chip, noise)  # type: ignore[arg-type]


def _kernel(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def _norm(rng: np.random.Generator, name: str, channels: int) -> BatchNorm:
    arrays = rng.normal(size=(4, channels)).astype(np.float32)
    return BatchNorm(name, arrays[0], np.abs(arrays[1]) + 1, arrays[2], arrays[3], 1e-3)


def _dense(rng: np.random.Generator, fan_in: int, outputs: int) -> Network:
    layers = (
        Dense("first", _kernel(rng, fan_in, outputs), None, None, SIGN),
        _norm(rng, "norm", outputs),
        Dense("last", _kernel(rng, outputs, 4), None, SIGN, SIGN),
    )
    return Network("dense", (fan_in,), layers)


def _convolution(rng: np.random.Generator) -> Network:
    layers: list[Layer] = [
        Conv2D("conv", _kernel(rng, 3, 3, 2, 5), None, None, SIGN, padding="same"),
        _norm(rng, "norm", 5),
        MaxPool2D("pool", (2, 2), (2, 2)),
        Conv2D("next", _kernel(rng, 3, 3, 5, 3), None, SIGN, SIGN, padding="same"),
        _norm(rng, "other", 3),
        Flatten("flat"),
        Dense("last", _kernel(rng, 48, 4), None, SIGN, SIGN),
    ]
    return Network("convolution", (8, 8, 2), tuple(layers))


def _wide(rng: np.random.Generator) -> Network:
    """An image has 576 columns in its first layer, and a small row has 512."""
    layers: list[Layer] = [
        Conv2D("wide", _kernel(rng, 1, 1, 1, 4), None, None, SIGN),
        _norm(rng, "norm", 4),
        Conv2D("next", _kernel(rng, 2, 2, 4, 2), None, SIGN, SIGN, strides=(8, 8)),
        Flatten("flat"),
        Dense("last", _kernel(rng, 18, 4), None, SIGN, SIGN),
    ]
    return Network("wide", (24, 24, 1), tuple(layers))


def _images(network: Network, images: int) -> NDArray[np.float32]:
    encoding = ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]
    shape = (images, *network.input_shape)
    pixels = np.random.default_rng(1).integers(0, encoding.largest + 1, shape)
    return encoding.levels()[pixels.astype(np.uint16)]


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
    encoding = ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]
    return run(
        network,
        x,
        encoding,
        System(standard, ModelOptions(banks=banks), faults=faults),
        mapping,
        execution=Execution(check=faults is None, compiled=compiled, threads=threads),
    )


def _flips(done: NetworkRun) -> list[int]:
    return [layer.result.flips for layer in done.layers if layer.result is not None]  # type: ignore[union-attr]


@st.composite
def _case(draw: st.DrawFn) -> tuple[Network, int]:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        return _convolution(rng), draw(st.integers(1, 30))
    fan_in = draw(st.sampled_from([3, 40, 75]))  # the last needs two subarrays
    most = 150 if fan_in == 75 else 700
    return _dense(rng, fan_in, draw(st.integers(1, 7))), draw(st.integers(1, most))


@pytest.mark.parametrize("mapping", [*RESIDENT, DEFAULT])
@given(
    case=_case(),
    static=st.sampled_from([0.0, 0.01, 0.2]),
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
    faults = _faults(static, access, seed, seed + 1, kinds=kinds)
    x = _images(network, images)
    literal = _run(network, x, faults, mapping, compiled=False)
    for threads in (1, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(faulty, "STRETCH", stretch)
            if bounded:
                patch.setattr(faulty, "MEMORY_BYTES", 1)
                patch.setattr(faulty, "CANDIDATES", 1)
            compiled = _run(network, x, faults, mapping, threads=threads)
        np.testing.assert_array_equal(compiled.logits, literal.logits)
        assert _flips(compiled) == _flips(literal)
    if access == 0.01 and images > 100:
        assert sum(_flips(literal)) > 0
    assert literal.bit_exact is None
    counts = [layer.ledger.counts("compute") for layer in literal.layers]
    assert [layer.ledger.counts("compute") for layer in compiled.layers] == counts


@pytest.mark.parametrize("mapping", RESIDENT)
@given(case=_case(), compiled=st.booleans())
@pytest.mark.slow
@SLOW
def test_with_probability_zero_every_bit_is_that_of_the_error_free_run(
    mapping: str, case: tuple[Network, int], compiled: bool
) -> None:
    network, images = case
    x = _images(network, images)
    right = _run(network, x, None, mapping)
    assert right.bit_exact
    found = _run(network, x, _faults(0.0, 0.0, 5, 6), mapping, compiled=compiled)
    np.testing.assert_array_equal(found.logits, right.logits)
    assert sum(_flips(found)) == 0


@pytest.mark.parametrize("mapping", RESIDENT)
@pytest.mark.parametrize("banks", [3, 4])
def test_an_image_that_takes_several_rows(mapping: str, banks: int) -> None:
    network = _wide(np.random.default_rng(7))
    x, faults = _images(network, 3), _faults(0.01, 0.001)
    literal = _run(network, x, faults, mapping, banks=banks, compiled=False)
    compiled = _run(network, x, faults, mapping, banks=banks)
    np.testing.assert_array_equal(compiled.logits, literal.logits)
    assert _flips(compiled) == _flips(literal)


@pytest.mark.parametrize("mapping", RESIDENT)
def test_noise_is_drawn_once_however_it_is_taken(mapping: str) -> None:
    """A block of columns, 8192 images here, lies in several batches of several banks."""
    network = _dense(np.random.default_rng(8), 9, 3)
    x, faults = _images(network, 9000), _faults(0.0, 0.003)
    literal = _run(network, x, faults, mapping, compiled=False)
    asked: list[tuple[Any, ...]] = []
    draws = Faults.draws

    def seen(self: Faults, *args: Any) -> Any:
        asked.append(args)
        return draws(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Faults, "draws", seen)
        compiled = _run(network, x, faults, mapping, threads=2)
    np.testing.assert_array_equal(compiled.logits, literal.logits)
    assert _flips(compiled) == _flips(literal)
    assert len(set(asked)) == len(asked) > 0


@pytest.mark.parametrize("mapping", RESIDENT)
def test_seeds_choose_chip_and_noise_apart(mapping: str) -> None:
    network = _dense(np.random.default_rng(3), 40, 6)
    x = _images(network, 200)
    for effect, same, other in (((0.02, 0.0), (0, 1), (1, 0)), ((0.0, 0.005), (1, 0), (0, 1))):
        first, second, third = (
            _run(network, x, _faults(*effect, *seeds), mapping).logits
            for seeds in ((0, 0), same, other)
        )
        assert np.array_equal(first, second)
        assert not np.array_equal(first, third)


@pytest.mark.parametrize("mapping", RESIDENT)
@pytest.mark.parametrize("access", [0.0, 0.002])
def test_noise_does_not_depend_on_how_columns_are_packed(mapping: str, access: float) -> None:
    """Of majorities alone: what they get wrong is nowhere left in a row that is used again."""
    network = _convolution(np.random.default_rng(2))
    x = _images(network, 40)
    faults = _faults(0.0, access, only=(("sense", 3),))
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
    network = _dense(np.random.default_rng(5), 60, 8)
    each = 512 // 8  # images of a batch of one bank
    x = np.tile(_images(network, each), (40, 1))
    faults = _faults(0.0, 1e-4, only=(("sense", 1),))
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
        x = _images(network, 5)
        _run(network, x, _faults(0.1, 0.0), mapping, banks=3, compiled=compiled)
    assert asked == booked
    assert {site.subarray for site in asked} > {0, 1}
