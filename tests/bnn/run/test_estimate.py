"""Cost without execution: to the last command and picosecond that of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn import zoo
from bnn.backends import account
from bnn.backends.prepare import booked, prepare
from bnn.data import datasets
from bnn.larq.model_file import read_model
from bnn.lowering.stage import Stage, lay, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import StageInputs
from bnn.mapping import MAPPINGS
from bnn.model.geometry import WindowAxis
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.run.estimate import Estimate, of_network, of_table
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.mitigation import Mitigation
from bnn.system.system import Occupancy, System
from bnn.tables import catalog
from bnn.tables.graph import Drawing, PoolNode, ProductNode, Table
from bnn.values.encoding import ENCODINGS, Encoding, detect
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces import Block
from pimsim.dram.traces.block import Numbers
from pimsim.errors import InputError, OutOfRowsError

from ...kept_commands import Kept
from ..planned_once import planned_once

MODELS = Path(__file__).parents[2] / "saved_models"
SIGN = "ste_sign"
DDR3, HBM2 = load("ddr3-1600-8-8-8"), load("hbm2")

SMALL = replace(DDR3, row_bytes=512)

every_mapping = pytest.mark.parametrize("mapping", MAPPINGS)
whatever_weights = pytest.mark.parametrize(
    "mapping", [name for name in MAPPINGS if name != "output-tree"]
)
"""Mappings whose commands are the same for all weights."""


def _same_books(done: NetworkRun, estimated: Estimate) -> None:
    """Layer by layer the same commands, time, energy, and share of the DRAM."""
    assert estimated.images == done.images
    for ran, alone in zip(done.layers, estimated.layers, strict=True):
        for what in ("name", "where", "macs", "weights", "operand_bits", "inputs", "outputs"):
            assert getattr(ran, what) == getattr(alone, what), (ran.name, what)
        for phase in PHASES:
            assert ran.ledger.counts(phase) == alone.ledger.counts(phase), (ran.name, phase)
            assert ran.ledger.cost(phase) == alone.ledger.cost(phase), (ran.name, phase)
        for what in ("columns_used", "columns_opened", "subarrays"):
            assert getattr(ran.occupancy, what, None) == getattr(alone.occupancy, what, None)
    assert any(layer.ledger.counts("compute").aap for layer in estimated.layers)


def _both(
    network: Network,
    encoding: Encoding | None,
    images: int,
    mapping: str,
    standard: Standard,
    options: ModelOptions,
) -> tuple[NetworkRun, Estimate]:
    rng = np.random.default_rng(images)
    x = rng.normal(size=(images, *network.input_shape)).astype(np.float32)
    if encoding is not None:
        x = encoding.levels()[rng.integers(0, encoding.largest + 1, x.shape).astype(np.uint16)]
    system, unchecked = System(standard, options), Execution(check=False)
    with planned_once():
        done = run(network, x, encoding, system, mapping, execution=unchecked)
        return done, of_network(network, encoding, images, system, mapping)


# Networks with weights


@every_mapping
@pytest.mark.parametrize(
    ("name", "images", "banks"),
    [
        *(("digits-mlp", 364, banks) for banks in (1, 5)),
        pytest.param("mnist-cnn", 9, 8, marks=pytest.mark.slow),
    ],
)
def test_bundled_networks_cost_what_running_them_does(
    name: str, images: int, banks: int, mapping: str
) -> None:
    one = zoo.entry(name)
    found = detect(datasets.levels(one.data))
    assert found is not None
    options = ModelOptions(banks=banks, extra_wordline_factor=0.22)
    _same_books(*_both(read_model(one.path), found[0], images, mapping, DDR3, options))


@every_mapping
@pytest.mark.parametrize(
    ("model", "standard"),
    [("mlp", DDR3), ("mlp", HBM2), ("cnn", HBM2), ("same-zero", DDR3), ("functional", HBM2)],
    ids=lambda one: one if isinstance(one, str) else str(one.name),
)
def test_models_of_any_kind_cost_what_running_them_does(
    model: str, standard: Standard, mapping: str
) -> None:
    with np.load(MODELS / f"{model}.npz") as archive:
        found = detect(archive["x"])
    network = read_model(MODELS / f"{model}.keras")
    options = ModelOptions(energy="datasheet", banks=4)
    encoding = None if found is None else found[0]
    _same_books(*_both(network, encoding, 7, mapping, standard, options))


@every_mapping
def test_what_the_host_carries_out_is_the_same_traffic(mapping: str) -> None:
    network = _with_weights(_drawn(), 3)  # real inputs: the first layer is the host's
    done, estimated = _both(network, None, 3, mapping, DDR3, ModelOptions(energy="datasheet"))
    assert [layer.where for layer in done.layers][:2] == ["host", "dram"]
    assert done.layers[0].ledger.counts("weights").rd > 0
    _same_books(done, estimated)


# Tables


def _drawn() -> Table:
    """What networks that run today can be made of: chains of convolutions, poolings, dense."""
    net = Drawing("drawn", (15, 15, 2), "", norm=True)
    x = net.conv("a", net.input, 5, 3, padding="valid")
    x = net.pool("a-pool", x, 3, 2, "same")
    x = net.conv("b", x, 21, 3)
    x = net.pool("b-pool", x, 2, 2)
    x = net.conv("c", x, 9, 1)
    x = net.conv("d", x, 130, 3, 2)
    x = net.dense("e", net.flatten(x), 37)
    net.dense("f", x, 10)
    return net.table()


def _with_weights(table: Table, seed: int) -> Network:
    """The network that a table is of, with weights at random."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    for node in table.nodes:
        if isinstance(node, PoolNode):
            window = (node.window.size, node.window.size)
            strides = (node.window.stride, node.window.stride)
            assert not isinstance(node.window.padding, int)
            pool = MaxPool2D(node.name, window, strides, node.window.padding)
            layers.insert(len(layers) - 1, pool)  # before the normalization of its product
        if not isinstance(node, ProductNode):
            continue
        quantizer = SIGN if layers else None
        shape = (node.input[-1] // node.groups, node.outputs)
        if node.window is None:
            if not any(isinstance(layer, Flatten) for layer in layers):
                layers.append(Flatten("flat"))
            kernel = rng.normal(size=shape).astype(np.float32)
            layers.append(Dense(node.name, kernel, None, quantizer, SIGN))
        else:
            side = node.window.size
            kernel = rng.normal(size=(side, side, *shape)).astype(np.float32)
            strides = (node.window.stride, node.window.stride)
            assert not isinstance(node.window.padding, int)
            layers.append(
                Conv2D(node.name, kernel, None, quantizer, SIGN, strides=strides,
                       padding=node.window.padding, pad_values=1.0)
            )  # fmt: skip
        mean, variance, gamma = rng.uniform(0.5, 2, size=(3, node.outputs)).astype(np.float32)
        norm = BatchNorm(f"{node.name}-norm", mean, variance, gamma, None, 1e-3)
        if node is not table.products[-1]:
            layers.append(norm)
    return Network(table.name, table.input_shape, tuple(layers))


@pytest.mark.parametrize(
    ("fan_in", "outputs"), [(200, 40), pytest.param(1500, 24, marks=pytest.mark.slow)]
)
def test_a_table_costs_about_what_random_weights_do_where_weights_decide(
    fan_in: int, outputs: int
) -> None:
    net = Drawing("n", (1, 1, fan_in), "")
    first = net.dense("first", net.flatten(net.input), outputs)
    net.dense("last", net.dense("second", first, outputs), 3)
    table, images, system = net.table(), 70_000, System(DDR3, ModelOptions(banks=2))
    network = _with_weights(table, seed=1)
    trained = of_network(network, ENCODINGS["uint8"], images, system, "output-tree")
    estimated = of_table(table, images, system, "output-tree")
    products = [layer for layer in trained.layers if layer.macs]
    for ran, alone in zip(products[:2], estimated.layers[:2], strict=True):
        assert ran.mapping == alone.mapping == "output-tree"
        for phase in ("inputs", "compute"):
            cost, other = ran.ledger.cost(phase), alone.ledger.cost(phase)
            assert other.latency_ps == pytest.approx(cost.latency_ps, rel=0.06)
            assert other.total_pj == pytest.approx(cost.total_pj, rel=0.06)


def _shared() -> Table:
    net = Drawing("n", (12, 11, 3), "", norm=True)
    x = net.conv("first", net.input, 16, 3)
    x = net.conv("second", x, 24, 3)
    net.dense("last", net.flatten(x), 3)
    return net.table()


def test_positions_that_share_columns_cost_what_running_them_does() -> None:
    network, options = _with_weights(_shared(), 2), ModelOptions(banks=4)
    done, estimated = _both(network, ENCODINGS["uint8"], 150, "output-tree", SMALL, options)
    _same_books(done, estimated)
    _, apart = _both(network, ENCODINGS["uint8"], 150, "output-stationary", SMALL, options)
    for layer, other in zip(done.layers[:2], apart.layers[:2], strict=True):
        assert layer.ledger.counts("inputs").wr < 0.6 * other.ledger.counts("inputs").wr


def test_a_table_shares_columns_as_its_network_does() -> None:
    table, system = _shared(), System(SMALL, ModelOptions(banks=4))
    network = _with_weights(table, seed=1)
    trained = of_network(network, ENCODINGS["uint8"], 150, system, "output-tree")
    estimated = of_table(table, 150, system, "output-tree")
    for ran, alone in zip(trained.layers[:2], estimated.layers[:2], strict=True):
        assert ran.occupancy == alone.occupancy
        assert ran.ledger.counts("inputs").wr == alone.ledger.counts("inputs").wr
        cost, other = ran.ledger.cost("compute"), alone.ledger.cost("compute")
        assert other.latency_ps == pytest.approx(cost.latency_ps, rel=0.15)


@whatever_weights
@pytest.mark.parametrize(
    ("images", "banks", "standard"),
    [(1, 1, DDR3), (11, 8, DDR3), (1, 8, HBM2), (11, 1, HBM2)],
    ids=lambda one: str(getattr(one, "name", one)),
)
def test_a_table_costs_what_running_it_with_any_weights_does(
    images: int, banks: int, standard: Standard, mapping: str
) -> None:
    table, options = _drawn(), ModelOptions.of(standard, banks=banks)
    estimated = of_table(table, images, System(standard, options), mapping)
    network = _with_weights(table, seed=1 if images == 1 else 2)
    done, _ = _both(network, ENCODINGS["uint8"], images, mapping, standard, options)
    assert [layer.macs for layer in done.layers] == [node.macs for node in table.products]
    for ran, alone in zip(done.layers, estimated.layers, strict=True):
        for phase in PHASES:
            counts = ran.ledger.counts(phase), alone.ledger.counts(phase)
            assert counts[0].commands() == counts[1].commands(), (ran.name, phase)
            assert counts[0].aap == counts[1].aap
            assert counts[0].ap == counts[1].ap
            assert ran.ledger.cost(phase) == alone.ledger.cost(phase)
        assert ran.occupancy is not None
        assert alone.occupancy is not None
        assert ran.occupancy.columns_used == alone.occupancy.columns_used
        assert ran.occupancy.subarrays == alone.occupancy.subarrays


def _grouped(groups: int, width: int, each: int, weights: NDArray[np.int8]) -> Stage:
    outputs = groups * each
    laid = lay(groups * width, [WindowAxis(9, 3, 9, before=1), WindowAxis(8, 3, 8, before=1)])
    zeros = np.zeros(outputs, np.int64)
    layer = Conv2D("g", np.ones((3, 3, width, 1), np.float32), None, SIGN, SIGN)
    return Stage(
        "g", layer, 0, 1, (9, 8, groups * width), laid, weights, (0,), groups, 1, False, 1, False,
        2, offsets(weights, (0,), 1, 2, -1), Thresholds(zeros, zeros > 0), zeros > 0,
    )  # fmt: skip


def _groups_alike(
    groups: int, width: int, each: int, mapping: str
) -> tuple[CommandLedger, Occupancy, CommandLedger, Occupancy]:
    """What running groups of channels takes, and what an output of each says that it does."""
    rng = np.random.default_rng(3)
    shape = (1, 9, width, groups * each)
    stage = _grouped(groups, width, each, rng.choice(np.int8([-1, 1]), size=shape))
    some = rng.choice(np.int8([-1, 1] if each == 1 else [1]), size=(1, 9, width, groups))
    alike = replace(_grouped(groups, width, 1, some), each=each)
    options = ModelOptions(banks=3)
    ran, alone = (
        CommandLedger(System(DDR3, options)),
        CommandLedger(System(DDR3, options), Timeline(DDR3, options)),
    )
    operands = rng.integers(0, 2, (4, 72, groups * width)).astype(np.uint8)
    execute = prepare(MAPPINGS[mapping].map_stage(stage, ran.system, 4), 4, compiled=False)
    result = execute(StageInputs(operands, ran))
    usage = booked(MAPPINGS[mapping].map_stage(alike, alone.system, 4), alone)
    return ran, result.occupancy, alone, usage


every_grouping = pytest.mark.parametrize(
    ("groups", "width", "each"), [(2, 7, 5), (200, 1, 1), (6, 30, 2)]
)


@whatever_weights
@every_grouping
def test_an_output_of_each_group_stands_for_all_of_them(
    groups: int, width: int, each: int, mapping: str
) -> None:
    ran, used, alone, usage = _groups_alike(groups, width, each, mapping)
    for phase in PHASES:
        assert ran.counts(phase).commands() == alone.counts(phase).commands()
        assert ran.cost(phase) == alone.cost(phase)
    for what in ("columns_used", "columns_opened", "subarrays"):
        assert getattr(used, what) == getattr(usage, what)


@every_grouping
def test_an_output_of_each_group_stands_about_for_all_where_weights_decide(
    groups: int, width: int, each: int
) -> None:
    ran, used, alone, usage = _groups_alike(groups, width, each, "output-tree")
    assert ran.counts("inputs").wr == alone.counts("inputs").wr
    took, said = ran.cost("compute"), alone.cost("compute")
    assert said.total_pj == pytest.approx(took.total_pj, rel=0.06)
    assert said.latency_ps == pytest.approx(took.latency_ps, rel=0.15)  # banks wait a little
    assert used.subarrays == usage.subarrays


@every_mapping
def test_a_pooling_that_rows_have_no_room_for_is_the_hosts(mapping: str) -> None:
    net = Drawing("n", (64, 64, 3), "")
    x = net.conv("first", net.input, 4, 7, 2)
    x = net.pool("large", x, 3, 2, "same")  # a patch of 11x11 pixels of 8 bits
    x = net.conv("second", x, 4, 3)
    x = net.pool("small", x, 2, 2)
    net.dense("last", net.flatten(x), 10)
    estimated = of_table(net.table(), 1, System(DDR3, ModelOptions()), mapping)
    assert estimated.host == ("large",)
    first, second, _ = estimated.layers
    assert first.outputs == 32 * 32 * 4
    assert second.outputs == 8 * 8 * 4


@every_mapping
def test_a_window_beyond_a_subarray_is_split(mapping: str) -> None:
    net = Drawing("n", (40, 40, 1), "")
    net.dense("last", net.flatten(net.conv("wide", net.input, 3, 13, padding="valid")), 10)
    (wide, _) = of_table(net.table(), 1, System(DDR3, ModelOptions()), mapping).layers
    assert wide.occupancy is not None
    assert wide.occupancy.subarrays >= 2  # 169 pixels of 8 bits, in one channel
    inputs = wide.ledger.counts("inputs")
    rows = 169 * 8  # none is written twice for the parts of a fan-in
    if mapping == "weight-stationary":
        rows += (169 * 255).bit_length()  # the digits of their sum
    assert inputs.wr % rows == 0


@every_mapping
@pytest.mark.slow
def test_a_fan_in_of_vgg16_fits(mapping: str) -> None:
    net = Drawing("n", (8, 8, 3), "")
    x = net.conv("first", net.input, 392, 1)
    net.dense("fc6", net.flatten(x), 4096)
    layer = of_table(net.table(), 1, System(DDR3, ModelOptions()), mapping).layers[1]
    counts = layer.ledger.counts("compute")
    least = {"weight-stationary": 9, "no-local-reuse": 7, "output-tree": 4096}
    taken = (counts.aap + counts.ap) / 25088
    assert taken >= least.get(mapping, 8 * 4096)
    assert mapping != "weight-stationary" or taken <= 9.5  # the parts added up, and compared


@pytest.mark.parametrize("mapping", ["output-stationary", "weight-stationary"])
def test_a_fan_in_whose_partial_counts_alone_fill_a_subarray_is_refused(mapping: str) -> None:
    net = Drawing("n", (25088,), "")  # 200,704 bits: 200 parts of 17 bits each
    net.dense("fc", net.input, 5)
    with pytest.raises(OutOfRowsError, match=r"^layer 'fc', partial counts: \d+ data rows are "):
        of_table(net.table(), 1, System(DDR3, ModelOptions()), mapping)


# Traces


class _First:
    """A trace that is full once something is in it."""

    on_bus, room = False, 1

    def add_block(self, block: Block, wait_clocks: Numbers) -> None:
        self.room -= len(block)

    def skip(self, commands: int) -> None:
        assert commands


def test_a_table_that_is_traced_is_given_what_others_are() -> None:
    table, system, trace = catalog.entry("lenet5"), System(DDR3, ModelOptions()), _First()
    plain, traced = (of_table(table, 64, system, traces=some) for some in ([], [trace]))
    mappings = [layer.mapping for layer in traced.layers]
    assert "output-tree" in mappings
    assert mappings == [layer.mapping for layer in plain.layers]
    assert not trace.room


def test_books_go_on_as_without_a_trace_once_it_is_full() -> None:
    for mapping in ("output-tree", "weight-stationary"):
        plain, traced = (
            of_table(catalog.entry("lenet5"), 300, System(SMALL, ModelOptions()), mapping,
                     traces=some)
            for some in ([], [_First()])
        )  # fmt: skip
        assert _costs(plain) == _costs(traced)


@pytest.mark.parametrize(
    "system",
    [
        System(SMALL, ModelOptions()),
        System(SMALL, ModelOptions(refresh=False, banks=4), moves="psm"),
        System(SMALL, ModelOptions(), mitigation=Mitigation(tmr="banks")),
    ],
    ids=["host", "psm", "voted"],
)
def test_slots_that_come_again_are_booked_as_one_by_one(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [catalog.entry("lenet5"), _drawn()]
    once = [of_table(table, 70, system, "output-tree") for table in tables]
    booked_each = list[int]()
    one_by_one = account.book_streams

    def counted(*given: Any) -> None:
        booked_each.append(1)
        one_by_one(*given)

    monkeypatch.setattr(account, "book_streams", counted)
    again = [of_table(table, 70, system, "output-tree") for table in tables]
    few = len(booked_each)
    monkeypatch.setattr(CommandLedger, "watched", True)  # so that every slot comes alone
    each = [of_table(table, 70, system, "output-tree") for table in tables]
    assert len(booked_each) - few > few
    for some in zip(once, again, each, strict=True):
        first, *others = map(_costs, some)
        assert all(other == first for other in others)


def _costs(done: Estimate) -> list[Any]:
    """Commands, time and energy of every phase of every layer."""
    return [
        (layer.name, phase, layer.ledger.counts(phase), layer.ledger.cost(phase))
        for layer in done.layers
        for phase in PHASES
    ]


@every_mapping
def test_a_trace_is_that_of_the_run(mapping: str) -> None:
    rng = np.random.default_rng(0)
    first, last = (rng.normal(size=shape).astype(np.float32) for shape in ((40, 11), (11, 3)))
    network = Network(
        "n", (40,), (Dense("a", first, None, SIGN, SIGN), Dense("b", last, None, SIGN, SIGN))
    )
    x = rng.normal(size=(9, 40)).astype(np.float32)
    executed, booked = Kept(), Kept()
    run(
        network,
        x,
        None,
        System(DDR3, ModelOptions()),
        mapping,
        traces=[executed],
        execution=Execution(check=False),
    )
    of_network(network, None, 9, System(DDR3, ModelOptions()), mapping, traces=[booked])
    assert executed.events == booked.events
    assert executed.events


# Refusals


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(InputError, match=r"^`images` must be a positive integer, not 0$"):
        of_table(_drawn(), 0, System(DDR3, ModelOptions()), "weight-stationary")
    with pytest.raises(InputError, match=r"^`mapping` must be one of output-stationary, weight-"):
        of_table(_drawn(), 1, System(DDR3, ModelOptions()), "row-stationary")
    with pytest.raises(InputError, match=r"^`banks` must be at most 8"):
        of_table(_drawn(), 1, System(DDR3, ModelOptions(banks=9)), "weight-stationary")


def test_a_repetition_stays_with_its_phase() -> None:
    machine = CommandLedger(System(DDR3, ModelOptions()))

    def book(_: NDArray[np.intp]) -> None:
        from pimsim.dram.commands import Kind

        machine.access(Kind.WR, [0], 512, [0])
        machine.enter("compute")

    with pytest.raises(ValueError, match="what is repeated must stay in its phase"):
        machine.repeat(np.zeros((2, 1), np.intp), book)
