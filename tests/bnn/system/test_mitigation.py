"""What is done about commands that go wrong: the same in both executors, booked, and of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnn.backends import faulty
from bnn.mapped.mapped_stage import Result
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.run import estimate
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES
from bnn.system.mitigation import NONE, TMR, Mitigation
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array import address_map
from pimsim.dram.array.faults import Faults
from pimsim.dram.array.many_rows import ACTIVATION_ROWS
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError

from ..backends.faulty_networks import encoding_of, images_of
from ..planned_once import planned_once
from ..random_layers import kernel_of

SIGN = "ste_sign"
MAPPINGS = ("output-stationary", "output-tree")
"""That do all there is about failures."""
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS)
SMALL = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1, rows_per_subarray=160)
SLOW = settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Rates:
    """A failure table with a rate for majorities of ones and zeros, and one for all but these."""

    majority: Rate
    other: Rate
    kinds: frozenset[str] = frozenset({"sense", "copy", "not"})

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        if kind == "sense" and rows > 1:
            return self.majority if 0 < ones < 3 * (rows // 3) else Rate(0.0, 0.0)
        return self.other


def _faults(
    static: float, access: float, other: float = 0.0, *, seed: int = 0, rows: int = 3
) -> Faults:
    table = Rates(Rate(static, access), Rate(other * static, other * access))
    return Faults(table, seed, seed + 1, rows)  # type: ignore[arg-type]


def _network(seed: int, fan_in: int, hidden: int) -> Network:
    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(4, hidden)).astype(np.float32)
    layers: tuple[Layer, ...] = (
        Dense("first", kernel_of(rng, fan_in, hidden), None, None, SIGN),
        BatchNorm("norm", arrays[0], np.abs(arrays[1]) + 1, arrays[2], arrays[3], 1e-3),
        Dense("last", kernel_of(rng, hidden, 4), None, SIGN, SIGN),
    )
    return Network("dense", (fan_in,), layers)


def _convolution(seed: int) -> Network:
    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(4, 5)).astype(np.float32)
    layers: tuple[Layer, ...] = (
        Conv2D("first", kernel_of(rng, 3, 3, 2, 5), None, None, SIGN, padding="same"),
        MaxPool2D("pool", (2, 2), (2, 2)),
        BatchNorm("norm", arrays[0], np.abs(arrays[1]) + 1, arrays[2], arrays[3], 1e-3),
        Conv2D("next", kernel_of(rng, 3, 3, 5, 3), None, SIGN, SIGN, padding="same"),
        Flatten("flat"),
        Dense("last", kernel_of(rng, 48, 4), None, SIGN, SIGN),
    )
    return Network("convolution", (8, 8, 2), layers)


def _run(
    network: Network,
    images: int,
    mitigation: Mitigation,
    faults: Faults | None = None,
    *,
    moves: str = "host",
    compiled: bool = True,
    threads: int = 1,
    mapping: str = "output-stationary",
) -> NetworkRun:
    return run(
        network,
        images_of(network, images),
        encoding_of(network),
        System(SMALL, ModelOptions(banks=4), moves=moves, mitigation=mitigation, faults=faults),
        mapping,
        execution=Execution(compiled=compiled, threads=threads),
    )


def _books(done: NetworkRun | estimate.Estimate) -> list[object]:
    return [
        (layer.ledger.counts(phase), layer.ledger.cost(phase))
        for layer in done.layers
        for phase in PHASES
    ]


def _results(done: NetworkRun) -> Sequence[Result]:
    return [layer.result for layer in done.layers if layer.result]


def _wrong(done: NetworkRun, right: NetworkRun) -> float:
    """Share of logits that are not as they must be."""
    return float((done.logits != right.logits).mean())


mitigations = st.one_of(
    st.builds(
        Mitigation,
        tmr=st.sampled_from(TMR),
        activation_rows=st.sampled_from(ACTIVATION_ROWS),
        screening=st.integers(0, 2),
    ),
    st.builds(
        Mitigation,
        activation_rows=st.sampled_from(ACTIVATION_ROWS),
        retries=st.integers(1, 3),
        screening=st.integers(0, 1),
    ),
)
networks = st.one_of(
    st.builds(_network, st.integers(0, 9), st.sampled_from([3, 40, 150]), st.integers(1, 5)),
    st.builds(_convolution, st.integers(0, 9)),
)


@pytest.mark.slow
@SLOW
@given(
    networks,
    st.integers(1, 600),
    mitigations,
    st.sampled_from(["host", "psm"]),
    st.sampled_from([(0.0, 0.0), (0.0, 3e-5), (0.02, 0.0), (0.02, 1e-3)]),
    st.integers(0, 9),
    st.sampled_from(MAPPINGS),
)
def test_both_executors_do_the_same_about_the_same_faults(
    network: Network,
    images: int,
    mitigation: Mitigation,
    moves: str,
    rates: tuple[float, float],
    seed: int,
    mapping: str,
) -> None:
    images = images if len(network.input_shape) == 1 else min(images, 20)
    faults = _faults(*rates, other=0.1, seed=seed, rows=mitigation.activation_rows)
    with planned_once():
        literal, compiled = (
            _run(network, images, mitigation, faults, moves=moves, compiled=some, mapping=mapping)
            for some in (False, True)
        )
    np.testing.assert_array_equal(literal.logits, compiled.logits)
    assert _books(literal) == _books(compiled)
    for one, other in zip(_results(literal), _results(compiled), strict=True):
        assert (one.flips, one.repeated, one.occupancy.capacity) == (
            other.flips,
            other.repeated,
            other.occupancy.capacity,
        )


@pytest.mark.slow
@SLOW
@given(
    networks,
    st.integers(1, 600),
    mitigations,
    st.sampled_from(["host", "psm"]),
    st.sampled_from(MAPPINGS),
)
def test_where_nothing_goes_wrong_answers_are_right_and_cost_what_was_estimated(
    network: Network, images: int, mitigation: Mitigation, moves: str, mapping: str
) -> None:
    images = images if len(network.input_shape) == 1 else min(images, 20)
    system = System(SMALL, ModelOptions(banks=4), moves=moves, mitigation=mitigation)
    run_on = partial(_run, network, images, mitigation, moves=moves, mapping=mapping)
    with planned_once():
        expected = estimate.of_network(network, encoding_of(network), images, system, mapping)
        both = [run_on(compiled=compiled) for compiled in (False, True)]
    for done in both:
        assert done.bit_exact
        assert _books(done) == _books(expected)
        assert all(result.repeated == 0 for result in _results(done))


@every_mapping
def test_threads_and_blocks_do_not_change_what_is_computed_again(mapping: str) -> None:
    network, faults = _network(3, 40, 9), _faults(0.0, 1e-4, 0.1)
    mitigation = Mitigation(retries=3)
    with planned_once(), pytest.MonkeyPatch.context() as patch:
        alone = _run(network, 20_000, mitigation, faults, mapping=mapping)
        patch.setattr(faulty, "TOGETHER", 1)
        apart = _run(network, 20_000, mitigation, faults, threads=3, mapping=mapping)
    np.testing.assert_array_equal(alone.logits, apart.logits)
    assert _books(alone) == _books(apart)
    repeated = [result.repeated for result in _results(alone)]
    assert repeated == [result.repeated for result in _results(apart)]
    assert min(repeated) > 10


def test_reading_the_least_bits_costs_a_row_an_output() -> None:
    network = _network(0, 40, 7)
    plain, checked = _run(network, 100, NONE), _run(network, 100, Mitigation(retries=1))
    for before, after, outputs in zip(plain.layers, checked.layers, (7, 4), strict=True):
        one, two = before.ledger.counts("compute"), after.ledger.counts("compute")
        # 64-byte rows of which 100 columns are used: one burst of 512 bits
        assert (two.rd - one.rd, two.act - one.act) == (outputs, outputs)
        assert (two.aap, two.ap) == (one.aap, one.ap)
        assert before.ledger.counts("inputs") == after.ledger.counts("inputs")


@every_mapping
def test_three_times_is_right_more_often_than_once_where_there_is_noise(mapping: str) -> None:
    network, faults = _network(2, 60, 12), _faults(0.0, 1e-4)
    run_on = partial(_run, network, 4000, mapping=mapping)
    with planned_once():
        right, spoilt = run_on(NONE), run_on(NONE, faults)
    once = _wrong(spoilt, right)
    assert once > 0.02
    for tmr in ("time", "banks"):
        assert _wrong(run_on(Mitigation(tmr), faults), right) < once / 3


@every_mapping
def test_only_other_columns_help_against_weak_ones(mapping: str) -> None:
    network, faults = _network(2, 60, 12), _faults(0.01, 0.0)
    run_on = partial(_run, network, 4000, mapping=mapping)
    with planned_once():
        right, spoilt = run_on(NONE), run_on(NONE, faults)
    once = _wrong(spoilt, right)
    assert once > 0.005
    same = _wrong(run_on(Mitigation("time"), faults), right)
    assert same == once  # the same columns are wrong three times, in the same way
    assert _wrong(run_on(Mitigation("banks"), faults), right) < once / 2


@every_mapping
@pytest.mark.parametrize("tmr", TMR)
def test_no_static_fault_is_left_where_weak_columns_were_found(tmr: str, mapping: str) -> None:
    network, faults = _convolution(4), _faults(0.05, 0.0, 0.2, seed=5)
    run_on = partial(_run, network, 30, mapping=mapping)
    with planned_once():
        right, spoilt = run_on(NONE), run_on(NONE, faults)
    assert _wrong(spoilt, right) > 0.05
    screened = run_on(Mitigation(tmr, screening=1), faults)
    np.testing.assert_array_equal(screened.logits, right.logits)
    # 5 % of columns lean to a side, 5 % to the other: of 512 the worst of 4 banks keeps some
    for result in _results(screened):
        shared = result.occupancy.numbers
        assert shared > 3 or tmr != "banks"
        assert result.occupancy.capacity is not None
        assert 512 * 0.8**shared * 0.7 < result.occupancy.capacity < 512 * 0.92**shared
    assert all(result.occupancy.capacity == 512 for result in _results(right))


@every_mapping
def test_screening_is_booked_once_for_every_subarray_and_layer(mapping: str) -> None:
    network = _network(0, 150, 3)
    done = _run(network, 10, Mitigation(screening=3), mapping=mapping)
    for layer, result in zip(done.layers, _results(done), strict=True):
        subarrays = result.occupancy.numbers
        assert subarrays == 1 or layer.name == "first"
        counts = layer.ledger.counts("weights")
        # a round: 3 addresses with 8 patterns of 4 AAP, and for either bit a read (2), two
        # complements (2 each), copies to two cells (3 times 3) and to three (2 times 4)
        commands = 3 * 8 * 4 + 2 * (2 + 2 * 2 + 3 * 3 + 2 * 4)
        results = 3 * 8 + 2 * (2 + 2 * 1 + 3 * 2 + 2 * 3)
        assert (counts.aap, counts.ap) == (3 * subarrays * 4 * commands, 0)
        assert counts.rd == 3 * subarrays * 4 * results


@every_mapping
def test_columns_that_all_fail_are_refused(mapping: str) -> None:
    with pytest.raises(InputError, match="`screening` must leave columns to compute in, not none"):
        _run(_network(0, 9, 3), 5, Mitigation(screening=1), _faults(1.0, 0.0), mapping=mapping)


@every_mapping
def test_what_failed_is_computed_again_and_is_mostly_right_then(mapping: str) -> None:
    network, faults = _network(2, 60, 12), _faults(0.0, 1e-4)
    run_on = partial(_run, network, 4000, mapping=mapping)
    with planned_once():
        right, once = run_on(NONE), run_on(NONE, faults)
    again = run_on(Mitigation(retries=3), faults)
    # what is wrong in higher bits or behind the count goes unseen
    assert 0.5 * _wrong(once, right) < _wrong(again, right) < 0.9 * _wrong(once, right)
    for before, after in zip(once.layers, again.layers, strict=True):
        assert isinstance(after.result, Result)
        assert after.result.repeated > 0
        one, two = before.ledger.counts("compute"), after.ledger.counts("compute")
        outputs = 12 if before.name == "first" else 4
        if mapping == "output-tree":  # streams are not all of a length
            assert two.aap + two.ap > one.aap + one.ap
            continue
        tiles = -(-4000 // 512)
        each = (one.aap + one.ap) // (outputs * tiles)
        assert two.aap + two.ap == one.aap + one.ap + each * after.result.repeated


@pytest.mark.parametrize("compiled", [False, True])
def test_no_checksum_where_weights_are_zero(compiled: bool) -> None:
    kernel = np.float32([[1, 0], [-1, 1], [1, 1]])
    network = Network("n", (3,), (Dense("ternary", kernel, None, None, "ste_tern"),))
    with pytest.raises(InputError, match="`retries` must be 0 for layer 'ternary'"):
        _run(network, 2, Mitigation(retries=1), compiled=compiled)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tmr": "on"}, "`tmr` must be one of off, time, banks, not 'on'"),
        ({"activation_rows": 6}, "`activation_rows` must be one of 3, 4, 8, 16, 32, not 6"),
        ({"retries": -1}, "`retries` must be an integer of at least 0, not -1"),
        ({"screening": True}, "`screening` must be an integer of at least 0, not True"),
        ({"tmr": "time", "retries": 2}, "`retries` must be 0 with `tmr` 'time', not 2"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        Mitigation(**options)  # type: ignore[arg-type]


def test_chains_are_refused_and_left_out() -> None:
    network = _network(0, 40, 7)
    encoding = ENCODINGS["bipolar"]

    def booked(mitigation: Mitigation, chain: str) -> estimate.Estimate:
        system = System(SMALL, ModelOptions(banks=4), mitigation=mitigation)
        return estimate.of_network(network, encoding, 3, system, "output-stationary", chain=chain)

    with pytest.raises(InputError, match="`chain` must be never or auto with `tmr` time"):
        booked(Mitigation("time"), "always")
    auto = booked(Mitigation("time"), "auto")
    assert auto.chains == ()
    many = booked(Mitigation(activation_rows=8), "always")
    assert many.chains[0].layout is not None


def test_a_map_that_opens_more_rows_itself_leaves_majorities_of_three_as_they_are() -> None:
    five = address_map.load("five-row")
    assert System(SMALL, ModelOptions(), five).address_map is five
    with pytest.raises(InputError) as caught:
        System(SMALL, ModelOptions(), five, mitigation=Mitigation(activation_rows=8))
    assert str(caught.value) == (
        "`activation_rows` must be 3 on the address map 'five-row', which opens 5 cells at once, "
        "not 8"
    )


def test_faults_of_other_rows_than_are_opened_are_refused() -> None:
    faults = _faults(0.0, 0.01, rows=8)
    with pytest.raises(InputError, match="faults must be those of 4 rows"):
        _run(_network(0, 9, 3), 5, Mitigation(activation_rows=4), faults)
