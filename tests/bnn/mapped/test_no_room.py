"""Layers that a part has no room for: refused by name, or the host's, run and booked alike."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.backends.prepare import booked
from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING
from bnn.mapping.frontier import OBJECTIVES
from bnn.model.network import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    LocallyConnected,
    Network,
)
from bnn.run.estimate import Estimate, of_network, of_table
from bnn.run.execute import Execution, run
from bnn.run.plan import LayerRun
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.tables.graph import Drawing, Table
from bnn.values.encoding import ENCODINGS
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.traces import Block
from pimsim.dram.traces.block import Numbers
from pimsim.errors import InputError, OutOfRowsError, OutOfSubarraysError

SIGN = "ste_sign"
UNIT = ENCODINGS["unit"]
ROOM = "|".join(("data rows", "subarrays"))
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS)
SLOW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _small(rows: int = 1024, subarrays: int = 64) -> Standard:
    ddr3 = load("ddr3-1600-8-8-8")
    return replace(
        ddr3, row_bytes=64, chips_per_rank=1, rows_per_subarray=rows, subarrays_per_bank=subarrays
    )


def _kernel(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).choice(np.float32([-1, 1]), size=shape)


def _norm(name: str, channels: int, mean: float) -> BatchNorm:
    ones = np.ones(channels, np.float32)
    return BatchNorm(name, np.full(channels, mean, np.float32), ones, ones, 0 * ones, 1e-3)


def _network(inputs: int, hidden: int) -> Network:
    layers = (
        Dense("wide", _kernel(inputs, hidden), None, None, SIGN),
        _norm("norm", hidden, 0.3),
        Dense("last", _kernel(hidden, 3), None, SIGN, SIGN),
    )
    return Network("n", (inputs,), layers)


def _pixels(images: int, *shape: int) -> NDArray[np.float32]:
    levels = np.random.default_rng(images).integers(0, 256, (images, *shape))
    return (levels / np.float32(255)).astype(np.float32)


class Rows:
    """The highest row that any command names."""

    on_bus, room = False, 10**9
    highest = 0

    def add_block(self, block: Block, wait_clocks: Numbers) -> None:
        """Look at commands."""
        self.highest = max(self.highest, int(block.row.max()), int(block.row2.max()))

    def skip(self, commands: int) -> None:
        """Refuse to."""
        raise AssertionError(f"{commands} commands skipped")


def _same(ran: LayerRun, booked: LayerRun) -> None:
    for what in ("name", "where", "mapping", "refused", "macs", "weights", "operand_bits"):
        assert getattr(ran, what) == getattr(booked, what), what
    for phase in PHASES:
        assert ran.ledger.counts(phase) == booked.ledger.counts(phase)
        assert ran.ledger.cost(phase) == booked.ledger.cost(phase)
    for what in ("subarrays", "banks", "numbers"):
        assert getattr(ran.occupancy, what, None) == getattr(booked.occupancy, what, None)


@pytest.mark.slow
@SLOW
@given(
    mapping=st.sampled_from([*MAPPINGS, *OBJECTIVES]),
    inputs=st.integers(1, 60),
    hidden=st.integers(1, 9),
    rows=st.sampled_from([60, 80, 120]),
    subarrays=st.integers(1, 6),
    images=st.integers(1, 40),
    banks=st.sampled_from([1, 3, 8]),
)
def test_no_layer_takes_more_than_there_is_and_runs_are_booked_alike(
    mapping: str, inputs: int, hidden: int, rows: int, subarrays: int, images: int, banks: int
) -> None:
    standard, options = _small(rows, subarrays), ModelOptions(banks=banks)
    network, seen = _network(inputs, hidden), Rows()
    x = _pixels(images, inputs)
    booked: tuple[LayerRun, ...] = ()
    traces = [[Rows()], [seen]]
    try:
        booked = of_network(
            network, UNIT, images, System(standard, options), mapping, traces=traces[0]
        ).layers
    except (OutOfRowsError, OutOfSubarraysError) as error:
        why = str(error)
    if not booked:
        assert mapping in MAPPINGS
        assert "--mapping auto" in why
        with pytest.raises((OutOfRowsError, OutOfSubarraysError), match=re.escape(why)):
            run(network, x, UNIT, System(standard, options), mapping)
        return
    done = run(
        network,
        x,
        UNIT,
        System(standard, options),
        mapping,
        traces=traces[1],
        execution=Execution(compiled=False),
    )
    assert done.bit_exact
    np.testing.assert_array_equal(done.logits, reference.forward(network, x, UNIT).logits)
    assert seen.highest < rows * subarrays
    for ran, layer in zip(done.layers, booked, strict=True):
        _same(ran, layer)
        if ran.occupancy is not None:
            assert 1 <= ran.occupancy.numbers <= subarrays
            assert 1 <= ran.occupancy.banks <= banks
            assert ran.occupancy.subarrays <= ran.occupancy.numbers * ran.occupancy.banks
    hosts = {name for layer in done.layers for name in layer.refused}
    for name in hosts:  # no mapping that is chosen among takes the layer, alone or not
        place = next(i for i, layer in enumerate(network.layers) if layer.name == name)
        alone = Network("n", network.shape_before(place), (network.layers[place],))
        for one in COUNTING:
            with pytest.raises((OutOfRowsError, OutOfSubarraysError), match=ROOM):
                of_network(
                    alone, UNIT if not place else None, images, System(standard, options), one
                )


@pytest.mark.slow
def test_vggs_first_dense_layer_on_pixels_is_the_hosts() -> None:
    ddr3, network, x = load("ddr3-1600-8-8-8"), _network(25_088, 4), _pixels(2, 25_088)
    for mapping in MAPPINGS:
        with pytest.raises((OutOfRowsError, OutOfSubarraysError), match=r"'wide'.*--mapping auto"):
            run(network, x, UNIT, System(ddr3, ModelOptions()), mapping)
    done = run(network, x, UNIT, System(ddr3, ModelOptions()))
    booked = of_network(network, UNIT, 2, System(ddr3, ModelOptions()))
    assert [layer.where for layer in done.layers] == ["host", "dram"]
    assert done.bit_exact
    np.testing.assert_array_equal(done.logits, reference.forward(network, x, UNIT).logits)
    host = done.layers[0]
    assert host.name == "wide+norm"
    assert set(host.refused) == {"wide"}
    assert all(name in host.refused["wide"] for name in COUNTING)
    assert "\n" not in host.refused["wide"]
    for ran, layer in zip(done.layers, booked.layers, strict=True):
        _same(ran, layer)


def _table(branch: bool) -> Table:
    net = Drawing("n", (20, 20, 3), "")
    x = net.pool("pool", net.conv("first", net.input, 4, 7), 2, 2)
    if branch:
        x = net.concat("both", [x, net.conv("beside", x, 4, 3)])
    net.dense("last", net.dense("more", net.flatten(x), 12), 10)
    return net.table()


@functools.cache
def _left_to_the_host() -> Estimate:
    return of_table(_table(branch=False), 2, System(_small(110, 4), ModelOptions()))


@every_mapping
def test_a_table_leaves_a_product_to_the_host_by_name(mapping: str) -> None:
    standard, table = _small(110, 4), _table(branch=False)
    with pytest.raises((OutOfRowsError, OutOfSubarraysError), match="--mapping auto"):
        of_table(table, 2, System(standard, ModelOptions()), mapping)
    estimated = _left_to_the_host()
    where = {layer.name: layer.where for layer in estimated.layers}
    assert where == {"first": "host", "more": "host", "last": "dram"}
    assert estimated.host == ("pool",)
    first, more, _ = estimated.layers
    assert "'more'" in more.refused["more"]
    for layer, weights, inputs in ((first, 49 * 3 * 4, 20 * 20 * 3), (more, 400 * 12, 0)):
        bursts = {"weights": weights, "inputs": 2 * inputs}
        for phase, numbers in bursts.items():
            rows = -(-numbers * 32 // (8 * standard.burst_bytes))
            assert layer.ledger.counts(phase).rd == rows, (layer.name, phase)
        assert layer.ledger.counts("compute").aap == 0


def test_a_host_fetches_again_what_another_product_came_after() -> None:
    estimated = of_table(_table(branch=True), 1, System(_small(110, 4), ModelOptions()))
    more = next(layer for layer in estimated.layers if layer.name == "more")
    assert more.where == "host"
    fetched = 20 * 20 * 4  # of `first`, whose pooling is the host's; `beside` came last
    assert more.ledger.counts("inputs").rd == -(-fetched * 32 // (8 * _small().burst_bytes))


def test_alike_products_are_refused_each_by_its_own_name() -> None:
    net = Drawing("n", (1, 1, 900), "")
    x = net.flatten(net.input)
    x = net.dense("first", x, 900)
    net.dense("last", net.dense("third", net.dense("second", x, 900), 900), 900)
    estimated = of_table(net.table(), 1, System(_small(60, 4), ModelOptions()))
    for layer in estimated.layers:
        assert f"'{layer.name}'" in layer.refused[layer.name]


def test_pieces_of_a_stage_may_take_the_subarrays_of_those_before() -> None:
    shape = (6, 6, 64)  # 64 x 9 rows and more, in 7 pieces
    conv = Conv2D("c", _kernel(3, 3, 1, 64), None, SIGN, SIGN, splits=64)
    network = Network("n", shape, (conv, Flatten("f")))
    x = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    found = {}
    for subarrays in (64, 2, 1):
        seen, standard = Rows(), _small(120, subarrays)
        done = run(
            network,
            x,
            None,
            System(standard, ModelOptions(banks=2)),
            "output-stationary",
            traces=[seen],
            execution=Execution(compiled=False),
        )
        assert done.bit_exact
        assert seen.highest < 120 * subarrays
        used = done.layers[0].occupancy
        assert used is not None
        found[subarrays] = used.numbers, used.subarrays, used.banks
    assert found[2] == (2, 4, 2)
    assert found[1] == (1, 2, 2)
    numbers, all_together, banks = found[64]
    assert numbers > 2
    assert all_together == numbers * banks


def test_a_local_layer_goes_to_the_host_as_a_whole() -> None:
    kernel = _kernel(4, 4 * 40, 3)
    local = LocallyConnected("l", kernel, None, None, SIGN, size=(2, 2), strides=(1, 1))
    network = Network("n", (3, 3, 40), (local, Activation("s", SIGN), Flatten("f"),
                      Dense("d", _kernel(12, 3), None, SIGN, SIGN)))  # fmt: skip
    x = _pixels(3, 3, 3, 40)
    done = run(network, x, UNIT, System(_small(120, 4), ModelOptions(banks=2)))
    assert [layer.where for layer in done.layers] == ["host", "dram"]
    assert set(done.layers[0].refused) == {"l"}
    assert done.bit_exact


def test_what_is_refused_for_another_reason_than_room_is_not_the_hosts() -> None:
    with pytest.raises(InputError, match="`moves` must be host where one bank"):
        run(
            _network(300, 2),
            _pixels(1, 300),
            UNIT,
            System(_small(), ModelOptions(banks=1), moves="psm"),
        )
    with pytest.raises(InputError, match="fewer than 4 banks"):
        of_network(
            _network(9, 2),
            UNIT,
            1,
            System(
                _small(), ModelOptions(banks=2), moves="psm", mitigation=Mitigation(tmr="banks")
            ),
        )


@pytest.mark.parametrize("name", ["unit", "symmetric", "uint8"])
@pytest.mark.slow
def test_a_refused_layer_is_computed_in_integers(name: str) -> None:
    """Sums at a threshold are decided as in DRAM: pixels of either sign cancel exactly."""
    rng = np.random.default_rng(2)
    signs = np.repeat(np.float32([1, -1]), 300)[:, None]
    half = rng.integers(0, 256, (40, 300)).astype(np.uint8)
    pixels = np.concatenate([half, rng.permuted(half, axis=1)], axis=1)
    values = ENCODINGS[name].levels()[pixels] if name != "uint8" else pixels
    layers = (
        Dense("wide", signs, None, None, SIGN),
        _norm("norm", 1, 0),
        Dense("last", _kernel(1, 3), None, SIGN, SIGN),
    )
    network = Network("n", (600,), layers)
    there = run(network, values, ENCODINGS[name], System(load("ddr3-1600-8-8-8"), ModelOptions()))
    here = run(network, values, ENCODINGS[name], System(_small(120, 2), ModelOptions()))
    assert there.layers[0].where == "dram"
    assert here.layers[0].where == "host"
    np.testing.assert_array_equal(there.logits, np.tile(there.logits[:1], (40, 1)))  # sign(0)
    np.testing.assert_array_equal(here.logits, there.logits)


@every_mapping
def test_a_stage_of_which_nothing_is_read_is_laid_out_over_several_banks(mapping: str) -> None:
    zeros = Dense("zeros", np.zeros((9, 4), np.float32), None, SIGN, "ste_tern")
    (stage,) = lower(Network("n", (9,), (zeros,)), None)
    assert isinstance(stage, Stage)
    nothing = replace(stage, shifts=(2,))  # so that no level of a count is ever reached
    machine = CommandLedger(System(_small(120, 4), ModelOptions(banks=3)))
    used = booked(MAPPINGS[mapping].map_stage(nothing, machine.system, 900), machine)
    assert used.columns_used >= 900
    assert used.banks >= 2
