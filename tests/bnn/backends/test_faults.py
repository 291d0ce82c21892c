"""Networks in which commands go wrong: the same faults in both executors, on any threads."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import scipy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.backends import faulty
from bnn.mapping.frontier import OBJECTIVES
from bnn.model.network import Conv2D, Dense, Flatten, Layer, Network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.bits import pack, unpack
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.faults import Access, Faults, Job, Site, block_width
from pimsim.dram.array.injection import Injector, Span
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.errors import InputError
from pimsim.executors.faulty import streams

from ..planned_once import planned_once
from ..random_layers import kernel_of
from .faulty_networks import (
    SIGN,
    STATIC,
    Rates,
    convolution,
    dense,
    encoding_of,
    faults_of,
    images_of,
    networks,
    norm_of,
)

STANDARD = load("ddr3-1600-8-8-8")
SMALL = replace(STANDARD, row_bytes=64, chips_per_rank=1)
SLOW = settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LEVEL = 0.999


def _run(
    network: Network,
    images: int,
    faults: Faults | None,
    standard: Standard = SMALL,
    *,
    compiled: bool = True,
    threads: int | None = None,
    faulty: list[str] | None = None,
    mapping: str = "output-stationary",
) -> NetworkRun:
    return run(
        network,
        images_of(network, images),
        encoding_of(network),
        System(standard, ModelOptions(banks=4), faults=faults),
        mapping,
        execution=Execution(
            check=faults is None, compiled=compiled, threads=threads, faulty=faulty
        ),
    )


def _flips(done: NetworkRun) -> int:
    return sum(layer.result.flips for layer in done.layers if layer.result is not None)  # type: ignore[union-attr]


MAPPINGS = ("output-stationary", "output-tree")
CASES = networks(5, {3: 1200, 40: 1200, 140: 1200})
"""The last fan-in needs two subarrays."""


@pytest.mark.parametrize("mapping", MAPPINGS)
@given(
    CASES,
    STATIC,
    st.sampled_from([0.0, 0.001, 0.1]),
    st.integers(0, 99),
)
@pytest.mark.slow
@SLOW
def test_both_executors_meet_the_same_faults_on_any_number_of_threads(
    mapping: str, case: tuple[Network, int], static: float, access: float, seed: int
) -> None:
    network, images = case
    small = replace(SMALL, rows_per_subarray=128)
    faults = faults_of(static, access, chip=seed, noise=seed + 1)
    with planned_once():
        literal = _run(network, images, faults, small, compiled=False, mapping=mapping)
        every = [
            _run(network, images, faults, small, threads=threads, mapping=mapping)
            for threads in (1, 3)
        ]
    for compiled in every:
        np.testing.assert_array_equal(compiled.logits, literal.logits)
        assert _flips(compiled) == _flips(literal)
    if access >= 0.1 and images > 1 and isinstance(network.layers[0], Conv2D):
        assert _flips(literal) > 0
    assert literal.bit_exact is None
    counts = [layer.ledger.counts("compute") for layer in literal.layers]
    assert [layer.ledger.counts("compute") for layer in compiled.layers] == counts


@pytest.mark.parametrize("mapping", MAPPINGS)
@given(CASES, st.booleans())
@pytest.mark.slow
@SLOW
def test_with_probability_zero_every_bit_is_that_of_the_error_free_run(
    mapping: str, case: tuple[Network, int], compiled: bool
) -> None:
    network, images = case
    none = faults_of(0.0, 0.0, 5, 6)
    with planned_once():
        right = _run(network, images, None, mapping=mapping)
        found = _run(network, images, none, compiled=compiled, mapping=mapping)
    assert right.bit_exact
    np.testing.assert_array_equal(found.logits, right.logits)
    assert _flips(found) == 0


def test_an_image_that_takes_several_rows_meets_its_own_noise_in_each() -> None:
    rng = np.random.default_rng(5)
    layers: tuple[Layer, ...] = (
        Conv2D("wide", kernel_of(rng, 1, 1, 1, 4), None, None, SIGN),  # 576 columns, a row has 512
        norm_of(rng, "norm", 4),
        Flatten("flat"),
        Dense("last", kernel_of(rng, 2304, 4), None, SIGN, SIGN),
    )
    network, faults = Network("wide", (24, 24, 1), layers), faults_of(0.01, 0.02)
    literal = _run(network, 3, faults, compiled=False, faulty=["wide"])
    compiled = _run(network, 3, faults, faulty=["wide"])
    assert _flips(literal) == _flips(compiled) > 0
    np.testing.assert_array_equal(compiled.logits, literal.logits)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_blocks_that_are_computed_apart_change_nothing(
    mapping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, faults = convolution(np.random.default_rng(2)), faults_of(0.01, 0.01)
    images = 700  # more than a block of 128
    with planned_once():
        whole = _run(network, images, faults, STANDARD, mapping=mapping)
        monkeypatch.setattr(faulty, "TOGETHER", 1)
        monkeypatch.setattr(streams, "TAPE_BYTES", 1)  # tapes are made again and again
        again = _run(network, images, faults, STANDARD, mapping=mapping)
    assert np.array_equal(again.logits, whole.logits)


def test_seeds_choose_chip_and_noise_apart() -> None:
    network = dense(np.random.default_rng(3), 40, 6)
    weak = [_run(network, 200, faults_of(0.01, 0.0, chip, noise)).logits
            for chip, noise in ((0, 0), (0, 1), (1, 0))]  # fmt: skip
    assert np.array_equal(weak[0], weak[1])
    assert not np.array_equal(weak[0], weak[2])
    noisy = [_run(network, 200, faults_of(0.0, 0.01, chip, noise)).logits
             for chip, noise in ((0, 0), (1, 0), (0, 1))]  # fmt: skip
    assert np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])


def test_faults_reach_the_layers_that_are_named() -> None:
    network, faults = dense(np.random.default_rng(4), 40, 6), faults_of(0.0, 0.05)
    right = _run(network, 300, None).logits
    assert np.array_equal(_run(network, 300, faults, faulty=[]).logits, right)
    last = _run(network, 300, faults, faulty=["last"])
    assert [layer.result.flips > 0 for layer in last.layers] == [False, True]  # type: ignore[union-attr]
    with pytest.raises(InputError, match="unknown layer in DRAM `lost`; did you mean `last`"):
        _run(network, 300, faults, faulty=["lost"])


@pytest.mark.parametrize("way", OBJECTIVES)
def test_no_way_to_choose_takes_shared_adders_where_commands_go_wrong(way: str) -> None:
    network = dense(np.random.default_rng(4), 40, 6)
    done = _run(network, 3, faults_of(0.0, 0.01), STANDARD, mapping=way)
    assert {layer.mapping for layer in done.layers} <= set(MAPPINGS[:1]) | {"weight-stationary"}


def test_chains_refuse_faults() -> None:
    network = dense(np.random.default_rng(4), 8, 3)
    x, encoding = np.ones((2, 8), np.float32), ENCODINGS["bipolar"]
    with pytest.raises(InputError, match="`chain` must be auto or never where faults"):
        run(
            network,
            x,
            encoding,
            System(SMALL, ModelOptions(), faults=faults_of(0.1, 0)),
            "output-stationary",
            chain="always",
        )


# -- rates ---------------------------------------------------------------------------------------

COLUMNS, TIMES = 3000, 60


def _bernoulli(static: float, access: float, kind: str, ones: int, seed: int) -> NDArray[np.bool_]:
    """(times, columns): which of many equal accesses were wrong, in a subarray."""
    rows = 3 if kind == "sense" else 1
    faults = faults_of(static, access, seed, seed, only=((kind, rows, ones),))
    subarray = Subarray(COLUMNS)
    injector = Injector(faults, [Site(0, 0)], COLUMNS)
    subarray.inject(injector)
    access_of = Access(kind, rows)
    span = Span(Job(0, 0, 0), 0, 0, COLUMNS, block_width(1))
    injector.begin([0], [[span]], {access_of: TIMES})
    wrong = []
    full, empty = (pack(np.full((1, COLUMNS), bit, np.uint8)) for bit in (1, 0))
    d = subarray.rows.first_data
    for _ in range(TIMES):
        if kind == "sense":
            for cell in range(3):
                subarray.put_cell(cell, full if cell < ones else empty)
            subarray.aap(subarray.rows.address("B12"), d)
            expected = ones >= 2
        else:
            subarray.write(1, full if ones else empty)
            subarray.aap(d + 1, subarray.rows.address("B5" if kind == "not" else "B0"))
            subarray.aap(subarray.rows.address("B4" if kind == "not" else "B0"), d)
            expected = bool(ones) ^ (kind == "not")
        wrong.append(unpack(subarray.peek(0), COLUMNS)[0] != expected)
    return np.array(wrong)


ACCESSES = [*(("sense", ones) for ones in range(4)), ("not", 0), ("not", 1)]


@pytest.mark.parametrize(("kind", "ones"), ACCESSES)
@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.02, 0.3])
def test_as_many_accesses_are_wrong_as_the_rate_says(kind: str, ones: int, rate: float) -> None:
    wrong = _bernoulli(0.0, rate, kind, ones, seed=8)
    low, high = scipy.stats.binom.interval(LEVEL, wrong.size, rate)
    assert low <= wrong.sum() <= high
    by_column = wrong.sum(axis=0)  # noise strikes anywhere: no column stands out
    low, high = scipy.stats.binom.interval(1 - (1 - LEVEL) / COLUMNS, TIMES, rate)
    assert low <= by_column.min() <= by_column.max() <= high


@pytest.mark.parametrize(("kind", "ones"), ACCESSES)
@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.02, 0.3, 0.7])
def test_static_faults_take_the_same_columns_again_and_again(
    kind: str, ones: int, rate: float
) -> None:
    wrong = _bernoulli(rate, 0.0, kind, ones, seed=9)
    by_column = wrong.sum(axis=0)
    assert set(by_column.tolist()) <= {0, TIMES}
    low, high = scipy.stats.binom.interval(LEVEL, COLUMNS, rate)
    assert low <= (by_column > 0).sum() <= high


def test_both_effects_together_have_the_rate_of_their_union() -> None:
    static, access = 0.1, 0.05
    wrong = _bernoulli(static, access, "sense", 1, seed=10)
    always = wrong.all(axis=0)
    low, high = scipy.stats.binom.interval(LEVEL, COLUMNS, static)
    assert low <= always.sum() <= high
    rest = wrong[:, ~always]
    low, high = scipy.stats.binom.interval(LEVEL, rest.size, access)
    assert low <= rest.sum() <= high


@pytest.mark.parametrize(("effect", "rates"), [("static", (0.28, 0.0)), ("noise", (0.0, 0.28)),
                                               ("table", (0.2, 0.1))])  # fmt: skip
def test_probabilities_are_put_down_to_either_effect(
    effect: str, rates: tuple[float, float]
) -> None:
    access = Access("sense", 3)
    faults = Faults(Rates(Rate(0.2, 0.1)), 0, 0, effect=effect)  # type: ignore[arg-type]
    assert faults.static_rates(access) == pytest.approx(np.full(4, rates[0]))
    assert faults.access_rates(access) == pytest.approx(np.full(4, rates[1]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"chip": -1}, "`chip` must be an integer of at least 0, not -1"),
        ({"noise": 1.5}, "`noise` must be an integer of at least 0, not 1.5"),
        ({"rows": 2}, "`rows` must be an integer of at least 3, not 2"),
        ({"effect": "both"}, "`effect` must be one of table, static, noise, not 'both'"),
    ],
)
def test_faults_refuse_what_makes_no_sense(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Faults(Rates(Rate(0, 0)), **{"chip": 0, "noise": 0, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [-0.1, 1.2, float("nan")])
def test_a_probability_beyond_its_range_is_refused(rate: float) -> None:
    faults = Faults(Rates(Rate(rate, 0.0)), 0, 0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="probabilities of sense of 3 rows must be 0 to 1"):
        faults.static_rates(Access("sense", 3))


def test_every_stream_of_noise_is_one_of_its_own() -> None:
    faults = faults_of(0.0, 0.5)
    names = [
        (Job(stage, output, part), Access(*kind), block)
        for stage in (0, 1)
        for output in (0, 1)
        for part in (0, 1)
        for kind in (("sense", 1), ("sense", 3), ("copy", 1), ("not", 1))
        for block in (0, 1)
    ]
    seen = {
        faults.draws(job, access, 4, block, 64).column.tobytes() for job, access, block in names
    }
    assert len(seen) == len(names)


def test_the_first_and_the_last_access_of_a_block_are_struck_as_often_as_any() -> None:
    rate, events, width, jobs = 0.3, 3, 5, 2000
    faults = faults_of(0.0, rate)
    struck = np.zeros((events, width), int)
    for output in range(jobs):
        draws = faults.draws(Job(0, output, 0), Access("sense", 3), events, 0, width)
        struck[draws.event, draws.column] += 1
    low, high = scipy.stats.binom.interval(1 - (1 - LEVEL) / struck.size, jobs, rate)
    assert low <= struck.min() <= struck.max() <= high


def test_every_subarray_and_every_kind_of_access_leans_in_its_own_way() -> None:
    faults = faults_of(0.5, 0.0)
    sites = [Site(bank, subarray) for bank in (0, 1) for subarray in (0, 1)]
    leans = [faults.weak(site, 9, kind) for site in sites for kind in ("sense", "copy", "not")]
    assert len({lean.tobytes() for lean in leans}) == len(leans)
    assert np.array_equal(faults.weak(sites[0], 4), leans[0][:4])


def test_a_copy_fails_on_both_of_its_ways() -> None:
    """Driving twice, T0 and then D0: a cell is wrong if exactly one of the two was."""
    rate = 0.02
    wrong = _bernoulli(0.0, rate, "copy", 1, seed=11)
    assert 0 < wrong.mean() < 3 * rate
    static = _bernoulli(0.05, 0.0, "copy", 0, seed=12)
    assert set(static.sum(axis=0).tolist()) <= {0, TIMES}
