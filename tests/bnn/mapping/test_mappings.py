"""Every mapping computes what the integer reference computes, on networks made at random."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.lower import lower
from bnn.lowering.operand_analysis import analyse
from bnn.lowering.stage import Stage
from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING
from bnn.model.geometry import Padding
from bnn.model.network import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Network,
)
from bnn.reference.checker import SumChecker
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.values.bitstrings import BitStrings
from bnn.values.encoding import ENCODINGS, Encoding
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.faults import Faults
from pimsim.dram.array.many_rows import rows_taken
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.dram.timeline.command_stream import Segment, walk
from pimsim.dram.timeline.timeline import Timeline
from pimsim.errors import InputError, OutOfRowsError
from pimsim.microprogram.logic import AND, COPY, OR
from pimsim.microprogram.schedule import Schedule

SIGN = "ste_sign"
STANDARD = load("ddr3-1600-8-8-8")
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _kernel(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def _norm(rng: np.random.Generator, name: str, channels: int) -> BatchNorm:
    """Statistics with integers among them, so that sums land exactly on thresholds."""
    gamma = rng.choice([1.0, -1.0, 0.5, -2.0, 1e-30, 0.0, -1e-30], size=channels)
    mean = rng.integers(-4, 5, channels) * rng.choice([1.0, 1.0, 0.37], size=channels)
    beta = rng.choice([0.0, 0.0, 0.25, -1.0], size=channels)
    arrays = (a.astype(np.float32) for a in (mean, rng.uniform(0.5, 2, channels), gamma, beta))
    return BatchNorm(name, *arrays, epsilon=1e-3)


@st.composite
def _mlp(draw: st.DrawFn) -> tuple[Network, Encoding, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    encoding = ENCODINGS[draw(st.sampled_from(["uint8", "symmetric", "eighths", "bipolar"]))]
    widths = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    layers: list[Layer] = []
    for number, (fan_in, outputs) in enumerate(itertools.pairwise(widths)):
        bias = _kernel(rng, outputs) if draw(st.booleans()) else None
        quantizer = SIGN if number else None
        layers.append(Dense(f"d{number}", _kernel(rng, fan_in, outputs), bias, quantizer, SIGN))
        if draw(st.booleans()):
            layers.append(_norm(rng, f"n{number}", outputs))
    return Network("mlp", (widths[0],), tuple(layers)), encoding, draw(st.integers(1, 70))


@st.composite
def _cnn(draw: st.DrawFn) -> tuple[Network, Encoding, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    encoding = ENCODINGS[draw(st.sampled_from(["unit", "binary", "symmetric-with-zero"]))]
    shape: tuple[int, ...] = (draw(st.integers(6, 9)), draw(st.integers(6, 9)), 1)
    shape = (*shape[:2], draw(st.integers(1, 3)))
    network = Network("cnn", shape, (Activation("start", "linear"),))
    layers: list[Layer] = []
    for number in range(2):
        outputs, kernel = draw(st.integers(1, 6)), draw(st.integers(1, min(3, *shape[:2])))
        padding: Padding = draw(st.sampled_from(["valid", "same"]))
        layers.append(
            Conv2D(
                f"c{number}",
                _kernel(rng, kernel, kernel, shape[-1], outputs),
                None,
                SIGN if number else None,
                SIGN,
                strides=draw(st.sampled_from([(1, 1), (2, 1)])),
                padding=padding,
                pad_values=draw(st.sampled_from([0.0, 1.0, -1.0])) if number else 0.0,
            )
        )
        after: list[Layer] = [_norm(rng, f"n{number}", outputs)]
        if draw(st.booleans()):
            size = draw(st.integers(2, 3))
            pool = MaxPool2D(f"p{number}", (size, size), (2, 2), draw(st.sampled_from(PADDINGS)))
            after.insert(draw(st.integers(0, 1)), pool)
        try:
            network = Network("cnn", network.input_shape, (*layers, *after))
        except InputError:  # the pooling no longer fits: leave it out
            after = [_norm(rng, f"n{number}", outputs)]
            network = Network("cnn", network.input_shape, (*layers, *after))
        layers += after
        shape = network.shapes()[-1]
    layers += [
        Flatten("flat"),
        Dense("out", _kernel(rng, int(np.prod(shape)), 4), None, SIGN, SIGN),
    ]
    return Network("cnn", network.input_shape, tuple(layers)), encoding, draw(st.integers(1, 5))


class _SomeFail:
    """A failure table in which one column of a hundred is weak, whatever opens."""

    kinds = frozenset({"sense", "copy", "not"})

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        return Rate(0.01, 0.001)


PADDINGS: list[Padding] = ["valid", "same"]
POOLS: list[tuple[int, int, Padding]] = [(2, 2, "valid"), (2, 2, "same"), (3, 2, "same")]


def _run(
    network: Network, encoding: Encoding, images: int, mapping: str, *, compiled: bool = True
) -> NetworkRun:
    rng = np.random.default_rng(images)
    pixels = rng.integers(0, encoding.largest + 1, (images, *network.input_shape)).astype(np.uint16)
    return run(
        network,
        encoding.levels()[pixels],
        encoding,
        System(STANDARD, ModelOptions()),
        mapping,
        execution=Execution(compiled=compiled),
    )


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("compiled", [False, True])
@given(case=_mlp() | _cnn())
@pytest.mark.slow
@SLOW
def test_sums_bits_and_logits_are_those_of_the_reference(
    mapping: str, compiled: bool, case: tuple[Network, Encoding, int]
) -> None:
    network, encoding, images = case
    done = _run(network, encoding, images, mapping, compiled=compiled)
    assert done.bit_exact
    for layer in done.layers:
        if layer.where == "dram":
            assert layer.checker is not None
            assert layer.checker.compared > 0
            if layer.inputs > 1:  # a count of one row is that row
                assert layer.ledger.counts("compute").aap > 0


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("pad_values", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize(
    ("channels", "pool", "norm_first"),
    # even and odd sums of a tap's weights in turn
    [
        (channels, *pooling)
        for channels, pooling in zip(
            itertools.cycle([4, 5]),
            [(None, False), *itertools.product(POOLS, [False, True])],
            strict=False,
        )
    ],
)
@pytest.mark.slow
def test_every_padding_under_every_pooling(
    mapping: str,
    channels: int,
    pad_values: float,
    pool: tuple[int, int, Padding] | None,
    norm_first: bool,
) -> None:
    rng = np.random.default_rng(channels)
    kernel = _kernel(rng, 3, 3, channels, 7)
    conv = Conv2D("conv", kernel, None, SIGN, SIGN, padding="same", pad_values=pad_values)
    after: list[Layer] = [_norm(rng, "norm", 7)]
    if pool is not None:
        size, stride, padding = pool
        after.insert(norm_first, MaxPool2D("pool", (size, size), (stride, stride), padding))
    middle = Network("middle", (5, 5, channels), (conv, *after, Flatten("flat")))
    last = Dense("last", _kernel(rng, middle.shapes()[-1][0], 1), None, SIGN, SIGN)
    network = Network("padded", middle.input_shape, (*middle.layers, last))
    x = rng.normal(size=(4, 5, 5, channels)).astype(np.float32)
    done = run(
        network,
        x,
        None,
        System(STANDARD, ModelOptions()),
        mapping,
        execution=Execution(compiled=(channels == 4) == norm_first),  # both, turn and turn about
    )
    assert done.bit_exact


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("gamma", [1.0, -1.0])
@pytest.mark.parametrize(
    "mean", [-900.0, 900.0]
)  # out of reach: at most two of four weights are +1
def test_a_threshold_that_no_sum_reaches(mapping: str, gamma: float, mean: float) -> None:
    kernel = np.float32([[1, 1], [1, 1], [-1, 1], [-1, -1]])
    one = np.ones(2, np.float32)
    norm = BatchNorm("norm", one * np.float32(mean), one, one * np.float32(gamma), None, 1e-3)
    first = Dense("first", kernel, None, None, SIGN)
    network = Network("n", (4,), (first, norm, Dense("last", kernel[:2], None, SIGN, SIGN)))
    x = np.array([[0, 0, 0, 0], [255, 255, 0, 0], [0, 0, 255, 255], [9, 99, 7, 77]], np.uint8)
    for compiled in (False, True):
        done = run(
            network,
            x,
            ENCODINGS["uint8"],
            System(STANDARD, ModelOptions()),
            mapping,
            execution=Execution(compiled=compiled),
        )
        assert done.bit_exact


def _dense(fan_in: int, outputs: int, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        "dense",
        (fan_in,),
        (
            Dense("first", _kernel(rng, fan_in, outputs), None, SIGN, SIGN),
            _norm(rng, "norm", outputs),
            Dense("last", _kernel(rng, outputs, 3), None, SIGN, SIGN),
        ),
    )


@pytest.mark.parametrize("mapping", COUNTING)  # they count
def test_a_fan_in_beyond_one_subarray_is_split_and_its_partial_counts_are_moved(
    mapping: str,
) -> None:
    done = _run(_dense(2500, 5), ENCODINGS["bipolar"], 9, mapping)
    whole = _run(_dense(300, 5), ENCODINGS["bipolar"], 9, mapping)
    assert done.bit_exact
    assert whole.bit_exact
    split, single = (r.layers[0].ledger.counts("compute") for r in (done, whole))
    assert split.wr > 0
    assert split.rd > split.wr  # partial counts, and the output bits
    assert single.wr == 0


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_images_beyond_one_row_go_to_further_tiles(mapping: str) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    network = _dense(20, 6)
    pixels = np.random.default_rng(3).integers(0, 2, (2000, 20)).astype(np.uint8)
    x = ENCODINGS["bipolar"].levels()[pixels]
    done = run(network, x, None, System(small, ModelOptions()), mapping)
    assert done.bit_exact
    result = done.layers[0].occupancy
    assert result is not None
    assert result.columns_opened >= 2000
    assert result.columns_used <= result.columns_opened
    alone = [
        run(network, x[i : i + 1], None, System(small, ModelOptions()), mapping).logits
        for i in (0, 1999)
    ]
    assert np.array_equal(np.concatenate(alone), done.logits[[0, 1999]])


def test_output_stationary_needs_no_weights_and_weight_stationary_loads_them_once() -> None:
    network = _dense(64, 16)
    folded = _run(network, ENCODINGS["bipolar"], 30, "output-stationary").layers[0].ledger
    resident = _run(network, ENCODINGS["bipolar"], 30, "weight-stationary").layers[0].ledger
    assert folded.counts("weights").commands() == 0
    assert resident.counts("weights").wr > 0
    assert resident.counts("inputs").wr > folded.counts("inputs").wr / 16


def test_output_stationary_takes_eight_commands_a_product() -> None:
    fan_in, outputs = 255, 8
    done = _run(_dense(fan_in, outputs), ENCODINGS["bipolar"], 1, "output-stationary")
    total = done.layers[0].ledger.counts("compute")
    bits = fan_in.bit_length()
    count, compare = 8 * (fan_in - fan_in.bit_count()), 3 * bits + 2
    assert total.aap + total.ap == outputs * (count + compare)


def test_weight_stationary_takes_fifteen_commands_a_product() -> None:
    fan_in, outputs = 255, 8
    done = _run(_dense(fan_in, outputs), ENCODINGS["bipolar"], 1, "weight-stationary")
    total = done.layers[0].ledger.counts("compute")
    assert total.aap + total.ap >= 7 * fan_in + 8 * (fan_in - fan_in.bit_count())
    assert total.aap + total.ap <= 15 * fan_in + 8 * 9  # all outputs at once, in columns


def test_without_local_reuse_every_product_takes_an_xnor_and_is_read_and_nothing_else() -> None:
    fan_in, outputs = 2500, 8
    done = _run(_dense(fan_in, outputs), ENCODINGS["bipolar"], 1, "no-local-reuse")
    total = done.layers[0].ledger.counts("compute")
    assert total.aap + total.ap == 7 * fan_in
    assert (total.act, total.rd, total.wr) == (fan_in, fan_in, 0)  # a burst holds all columns


def test_commands_do_not_depend_on_what_the_images_show() -> None:
    network = _dense(50, 7)
    x = np.random.default_rng(0).normal(size=(2, 40, 50)).astype(np.float32)
    system = System(STANDARD, ModelOptions())
    first, second = (run(network, one, None, system, "output-stationary") for one in x)
    for one, other in zip(first.layers, second.layers, strict=True):
        for phase in PHASES:
            assert one.ledger.counts(phase) == other.ledger.counts(phase)
            assert one.ledger.cost(phase) == other.ledger.cost(phase)


def _padded(pad_values: float) -> Network:
    """A convolution whose first sums see padding, pooled."""
    rng = np.random.default_rng(1)
    layers: tuple[Layer, ...] = (
        Conv2D(
            "conv", _kernel(rng, 3, 3, 5, 7), None, SIGN, SIGN, padding="same",
            pad_values=pad_values,
        ),
        MaxPool2D("pool", (2, 2), (2, 2), "same"),
        _norm(rng, "norm", 7),
        Flatten("flat"),
        Dense("last", _kernel(rng, 3 * 3 * 7, 3), None, SIGN, SIGN),
    )  # fmt: skip
    return Network("padded", (5, 5, 5), layers)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(
    "network",
    [_dense(60, 5), _dense(1500, 5), _padded(0.0), _padded(-1.0)],
    ids=["dense", "split over two subarrays", "convolution with masks", "without"],
)
def test_booked_is_what_subarrays_executed_and_time_that_of_each_command_scheduled(
    mapping: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    subarrays: list[Subarray] = []
    segments: list[Segment] = []
    make = System.subarrays

    def made(system: System, columns: int, lanes: int) -> Subarray:
        subarrays.append(make(system, columns, lanes))
        return subarrays[-1]

    class Recorded(Timeline):
        def run(self, segment: Segment) -> None:
            segments.append(segment)
            super().run(segment)

    monkeypatch.setattr(System, "subarrays", made)
    with monkeypatch.context() as patch:
        patch.setattr("bnn.run.plan.Timeline", Recorded)
        done = _run(network, ENCODINGS["bipolar"], 9, mapping, compiled=False)
        costs = [layer.ledger.cost(phase) for layer in done.layers for phase in PHASES]
    executed = sum((lane for part in subarrays for lane in part.counts()), CommandCounts())
    booked = [layer.ledger.counts(phase) for layer in done.layers for phase in PHASES]
    total = sum(booked, CommandCounts())
    assert replace(total, ref=0) == executed
    if mapping == "output-stationary":
        assert max(len(segment.banks) for segment in segments) > 1
    whole = Timeline(STANDARD, ModelOptions())
    for segment in segments:
        whole.run(segment)
    assert sum(cost.latency_ps for cost in costs) == whole.now_ps
    assert sum(cost.refreshes for cost in costs) == total.ref == whole.refreshes
    issued = list(walk(STANDARD, ModelOptions(), segments))
    assert len(issued) == total.commands()
    assert max(each.at_ps for each in issued) < whole.now_ps
    assert sum(each.kind is Kind.REF for each in issued) == total.ref


OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nothing else": (tuple(MAPPINGS), {}),
    "rows that move from bank to bank": (
        ("output-stationary", "output-tree"),
        {"moves": "psm"},
    ),
    "voted one after the other": (("output-stationary",), {"tmr": "time"}),
    "voted over three subarrays": (("output-stationary",), {"tmr": "banks"}),
    "copies of the compute rows": (
        ("output-stationary", "output-tree"),
        {"activation_rows": 16},
    ),
    "computed again": (("output-stationary",), {"retries": 1}),
    "columns that were tested": (("output-stationary",), {"screening": 1}),
    "chained": (("output-stationary",), {"chain": "always"}),
}
"""What a system may do besides, and the mappings that can."""


@pytest.mark.parametrize(
    ("mapping", "option"), [(one, name) for name, (able, _) in OPTIONS.items() for one in able]
)
@pytest.mark.parametrize("failing", [False, True], ids=["exact", "failing"])
@pytest.mark.slow
def test_every_mapping_computes_on_another_address_map(
    renamed: AddressMap, mapping: str, option: str, failing: bool
) -> None:
    """Values and commands are those of the default map, and faults the same in both executors."""
    network = _dense(60, 4) if option == "chained" else _padded(0.0)
    mitigation = dict(OPTIONS[option][1])
    chain = mitigation.pop("chain", "never")
    moves = mitigation.pop("moves", "host")
    faults = Faults(_SomeFail(), 1, 0) if failing else None  # type: ignore[arg-type]
    system = System(
        replace(STANDARD, row_bytes=64, chips_per_rank=1),
        ModelOptions(),
        moves=moves,
        mitigation=Mitigation(**mitigation),
        faults=faults,
    )
    x = np.random.default_rng(2).normal(size=(2, *network.input_shape)).astype(np.float32)

    def done(address_map: AddressMap, *, compiled: bool) -> NetworkRun:
        # As many rows for data on all maps, so that a fan-in is split the same way.
        taken = rows_taken(mitigation.get("activation_rows", 3), address_map)
        rows = 100 + address_map.first_data + taken
        standard = replace(system.standard, rows_per_subarray=rows)
        own = replace(system, standard=standard, address_map=address_map)
        execution = Execution(compiled=compiled)
        chained = "never" if failing else chain
        return run(network, x, None, own, mapping, chain=chained, execution=execution)

    found = [done(renamed, compiled=compiled) for compiled in (False, True)]
    plain = done(DEFAULT_MAP, compiled=True)
    for one in found:
        assert np.array_equal(one.logits, found[0].logits)
        assert failing or one.bit_exact
        assert failing or np.array_equal(one.logits, plain.logits)
        for layer, expected in zip(one.layers, plain.layers, strict=True):
            for phase in PHASES if option != "computed again" or not failing else ():
                assert layer.ledger.counts(phase) == expected.ledger.counts(phase)
                assert layer.ledger.cost(phase) == expected.ledger.cost(phase)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("banks", [3, 8])
@pytest.mark.slow
def test_books_of_many_outputs_tiles_and_turns_are_what_subarrays_executed(
    mapping: str, banks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subarrays: list[Subarray] = []
    make = System.subarrays

    def made(system: System, columns: int, lanes: int) -> Subarray:
        subarrays.append(make(system, columns, lanes))
        return subarrays[-1]

    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(5)
    conv = Conv2D("conv", _kernel(rng, 3, 3, 4, 21), None, SIGN, SIGN, padding="same")
    middle = Network("middle", (8, 8, 4), (conv, _norm(rng, "norm", 21), Flatten("flat")))
    last = Dense("last", _kernel(rng, 64 * 21, 26), None, SIGN, SIGN)
    network = Network("n", middle.input_shape, (*middle.layers, last))
    x = rng.normal(size=(29, 8, 8, 4)).astype(np.float32)
    with monkeypatch.context() as patch:
        patch.setattr(System, "subarrays", made)
        options = ModelOptions(banks=banks)
        literal = run(
            network,
            x,
            None,
            System(small, options),
            mapping,
            execution=Execution(check=False, compiled=False),
        )
    executed = sum((lane for part in subarrays for lane in part.counts()), CommandCounts())
    fast = run(network, x, None, System(small, options), mapping, execution=Execution(check=False))
    for done in (literal, fast):
        machines = [layer.ledger for layer in done.layers]
        booked = [machine.counts(phase) for machine in machines for phase in PHASES]
        assert replace(sum(booked, CommandCounts()), ref=0) == executed


def test_what_is_repeated_takes_as_long_as_booked_one_by_one() -> None:
    copy, several = Schedule(outputs=7), Schedule(outputs=7)
    copy.append((COPY,), a=18, out=19)
    several.append((AND, OR), np.arange(7) % 2, a=18, b=19, out=20)

    def book(machine: CommandLedger, outputs: NDArray[np.intp]) -> None:
        machine.run(several, outputs, [2, 4])
        machine.access(Kind.RD, [0], 512, [2, 4])
        machine.run(several, outputs, [2, 4])

    outputs = np.array([[0, 1], [5, 2], [3, 6], [4, 1]])
    machines = [CommandLedger(System(STANDARD, ModelOptions())) for _ in range(3)]
    for machine in machines:
        machine.enter("compute")
        machine.run(copy, [0, 0], [2, 3])
    one_by_one, repeated, fewer = machines
    for some in outputs:
        book(one_by_one, some)
    repeated.repeat(outputs, partial(book, repeated))
    fewer.repeat(outputs[:3], partial(book, fewer))
    assert repeated.counts("compute") == one_by_one.counts("compute")
    assert repeated.cost("compute") == one_by_one.cost("compute")
    assert fewer.cost("compute").latency_ps < repeated.cost("compute").latency_ps


def test_an_audit_sees_a_wrong_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SumChecker.expected
    monkeypatch.setattr(
        SumChecker, "expected", lambda self, *args: real(self, *args) + (self.layer == "first")
    )
    for compiled in (False, True):
        done = _run(_dense(30, 4), ENCODINGS["bipolar"], 5, "output-stationary", compiled=compiled)
        assert done.bit_exact is False
    assert done.layers[0].checker is not None
    assert done.layers[0].checker.wrong > 0


def test_what_does_not_fit_is_refused_with_what_it_would_need() -> None:
    shallow = replace(STANDARD, rows_per_subarray=32)
    with pytest.raises(OutOfRowsError, match=r"data rows are needed at once, the subarray has 14"):
        run(
            _dense(20, 3),
            np.ones((1, 20), np.float32),
            None,
            System(replace(shallow, rows_per_subarray=32), ModelOptions()),
            "weight-stationary",
        )
    crowded = replace(STANDARD, subarrays_per_bank=1, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(0)
    wide = Network("wide", (30, 30, 1), (Conv2D("c", _kernel(rng, 1, 1, 1, 9), None, SIGN, SIGN),))
    with pytest.raises(
        InputError, match=r"must fit the 1 subarrays of each bank, not need 3; "
    ):  # nine outputs, two rows each, over eight banks
        run(
            wide,
            np.ones((1, 30, 30, 1), np.float32),
            None,
            System(crowded, ModelOptions()),
            "weight-stationary",
        )


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("pad_values", [0.0, 1.0])
@pytest.mark.parametrize("pool", [None, MaxPool2D("pool", (3, 3), (2, 1), "same")])
@pytest.mark.parametrize("images", [2])
@pytest.mark.slow
def test_an_image_of_more_positions_than_a_row_has_columns_takes_several_rows(
    mapping: str, compiled: bool, pad_values: float, pool: MaxPool2D | None, images: int
) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(7)
    kernel = _kernel(rng, 3, 3, 2, 5)
    conv = Conv2D("conv", kernel, None, SIGN, SIGN, padding="same", pad_values=pad_values)
    after = [_norm(rng, "norm", 5), *([] if pool is None else [pool])]
    last = Conv2D("last", _kernel(rng, 1, 1, 5, 1), None, SIGN, SIGN, strides=(9, 9))
    network = Network("wide", (46, 23, 2), (conv, *after, last))
    x = rng.normal(size=(images, 46, 23, 2)).astype(np.float32)
    done = run(
        network,
        x,
        None,
        System(small, ModelOptions()),
        mapping,
        execution=Execution(compiled=compiled),
    )
    assert done.bit_exact
    result = done.layers[0].occupancy
    assert result is not None
    positions = 46 * 23 if pool is None else 23 * 23
    outputs = 5 if mapping == "weight-stationary" else 1
    assert positions > small.columns
    assert result.columns_used % (images * positions * outputs) == 0
    assert result.columns_opened > result.columns_used


@pytest.mark.parametrize("images", [1, 3, 20])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.slow
def test_blocks_of_outputs_are_divided_over_banks_that_images_leave_idle(
    images: int, compiled: bool
) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(5)
    conv = Conv2D("conv", _kernel(rng, 3, 3, 4, 22), None, SIGN, SIGN, padding="same")
    last = Conv2D("last", _kernel(rng, 1, 1, 22, 1), None, SIGN, SIGN, strides=(4, 4))
    network = Network("n", (12, 12, 4), (conv, _norm(rng, "norm", 22), last))
    x = rng.normal(size=(images, 12, 12, 4)).astype(np.float32)

    def one(banks: int) -> tuple[int, NetworkRun]:
        options = ModelOptions(banks=banks)
        done = run(
            network,
            x,
            None,
            System(small, options),
            "weight-stationary",
            execution=Execution(compiled=compiled),
        )
        return done.layers[0].ledger.cost("compute").latency_ps, done

    alone_ps, alone = one(1)
    together_ps, together = one(8)
    assert alone.bit_exact
    assert together.bit_exact
    assert np.array_equal(alone.logits, together.logits)
    # 22 outputs of 144 positions are eight rows for each image; tFAW makes 8 banks act like 3.3
    assert 3 < alone_ps / together_ps < 4


def test_an_unknown_mapping_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        run(
            _dense(4, 2),
            np.ones((1, 4), np.float32),
            None,
            System(STANDARD, ModelOptions()),
            "row-stationary",
        )
    assert str(caught.value) == (
        f"`mapping` must be one of {', '.join(MAPPINGS)}, auto, auto-latency, auto-energy, "
        "not 'row-stationary'; did you mean 'weight-stationary'?"
    )


@pytest.mark.parametrize("mapping", COUNTING)  # they count
def test_a_late_layer_that_does_not_fit_is_refused_before_anything_runs(
    mapping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def executed(*_: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr(reference, "forward", executed)
    rng = np.random.default_rng(0)
    late = Network(
        "late",
        (4, 4, 1),
        (
            Conv2D("small", _kernel(rng, 1, 1, 1, 2), None, SIGN, SIGN),
            Conv2D("large", _kernel(rng, 4, 4, 2, 2), None, SIGN, SIGN),
        ),
    )
    shallow = replace(STANDARD, rows_per_subarray=30)
    with pytest.raises(OutOfRowsError, match=r"^layer 'large', .*: [0-9]+ data rows are needed"):
        run(late, np.ones((1, 4, 4, 1), np.float32), None, System(shallow, ModelOptions()), mapping)


def test_an_audit_sees_values_that_do_not_come_again() -> None:
    network = _dense(30, 4)
    stage = lower(network, None)[0]
    assert isinstance(stage, Stage)
    operands = BitStrings.of(np.zeros((5, 1, 30), np.uint8))
    values = np.zeros((5, 1, 4), np.uint8)
    audit = SumChecker(stage, analyse(network, None).fed[stage.index], operands)
    audit.same(values, np.ones_like(values))
    assert audit.wrong == values.size
