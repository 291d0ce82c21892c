"""Every mapping computes what the integer reference computes, on networks made at random."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.mapping import MAPPINGS
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
from bnn.system.ledger import PHASES
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS, Encoding
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.faults import Faults
from pimsim.dram.array.many_rows import rows_taken
from pimsim.dram.options import ModelOptions
from pimsim.errors import InputError

from ..planned_once import planned_once
from ..random_layers import kernel_of, norm_of
from .mapping_networks import SIGN, SLOW, STANDARD, dense, padded, run_random


@st.composite
def _mlp(draw: st.DrawFn) -> tuple[Network, Encoding, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    encoding = ENCODINGS[draw(st.sampled_from(["uint8", "symmetric", "eighths", "bipolar"]))]
    widths = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    layers: list[Layer] = []
    for number, (fan_in, outputs) in enumerate(itertools.pairwise(widths)):
        bias = kernel_of(rng, outputs) if draw(st.booleans()) else None
        quantizer = SIGN if number else None
        layers.append(Dense(f"d{number}", kernel_of(rng, fan_in, outputs), bias, quantizer, SIGN))
        if draw(st.booleans()):
            layers.append(norm_of(rng, f"n{number}", outputs))
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
                kernel_of(rng, kernel, kernel, shape[-1], outputs),
                None,
                SIGN if number else None,
                SIGN,
                strides=draw(st.sampled_from([(1, 1), (2, 1)])),
                padding=padding,
                pad_values=draw(st.sampled_from([0.0, 1.0, -1.0])) if number else 0.0,
            )
        )
        after: list[Layer] = [norm_of(rng, f"n{number}", outputs)]
        if draw(st.booleans()):
            size = draw(st.integers(2, 3))
            pool = MaxPool2D(f"p{number}", (size, size), (2, 2), draw(st.sampled_from(PADDINGS)))
            after.insert(draw(st.integers(0, 1)), pool)
        try:
            network = Network("cnn", network.input_shape, (*layers, *after))
        except InputError:  # the pooling no longer fits: leave it out
            after = [norm_of(rng, f"n{number}", outputs)]
            network = Network("cnn", network.input_shape, (*layers, *after))
        layers += after
        shape = network.shapes()[-1]
    layers += [
        Flatten("flat"),
        Dense("out", kernel_of(rng, int(np.prod(shape)), 4), None, SIGN, SIGN),
    ]
    return Network("cnn", network.input_shape, tuple(layers)), encoding, draw(st.integers(1, 5))


class _SomeFail:
    """A failure table in which one column of a hundred is weak, whatever opens."""

    kinds = frozenset({"sense", "copy", "not"})

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        return Rate(0.01, 0.001)


PADDINGS: list[Padding] = ["valid", "same"]
POOLS: list[tuple[int, int, Padding]] = [(2, 2, "valid"), (2, 2, "same"), (3, 2, "same")]


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("compiled", [False, True])
@given(case=_mlp() | _cnn())
@pytest.mark.slow
@SLOW
def test_sums_bits_and_logits_are_those_of_the_reference(
    mapping: str, compiled: bool, case: tuple[Network, Encoding, int]
) -> None:
    network, encoding, images = case
    done = run_random(network, encoding, images, mapping, compiled=compiled)
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
    kernel = kernel_of(rng, 3, 3, channels, 7)
    conv = Conv2D("conv", kernel, None, SIGN, SIGN, padding="same", pad_values=pad_values)
    after: list[Layer] = [norm_of(rng, "norm", 7)]
    if pool is not None:
        size, stride, padding = pool
        after.insert(norm_first, MaxPool2D("pool", (size, size), (stride, stride), padding))
    middle = Network("middle", (5, 5, channels), (conv, *after, Flatten("flat")))
    last = Dense("last", kernel_of(rng, middle.shapes()[-1][0], 1), None, SIGN, SIGN)
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


COUNTED = ("output-stationary", "output-tree")
OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nothing else": (tuple(MAPPINGS), {}),
    "rows that move from bank to bank": (COUNTED, {"moves": "psm"}),
    "voted one after the other": (COUNTED, {"tmr": "time"}),
    "voted over three subarrays": (COUNTED, {"tmr": "banks"}),
    "copies of the compute rows": (COUNTED, {"activation_rows": 16}),
    "computed again": (COUNTED, {"retries": 1}),
    "columns that were tested": (COUNTED, {"screening": 1}),
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
    network = dense(40, 4) if option == "chained" else padded(0.0, 2, 3)
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
        rows = 60 + address_map.first_data + taken
        standard = replace(system.standard, rows_per_subarray=rows)
        own = replace(system, standard=standard, address_map=address_map)
        execution = Execution(compiled=compiled)
        chained = "never" if failing else chain
        return run(network, x, None, own, mapping, chain=chained, execution=execution)

    with planned_once():
        found = [done(renamed, compiled=compiled) for compiled in (False, True)]
    assert np.array_equal(*(one.logits for one in found))
    if failing and option == "computed again":
        return
    plain = done(DEFAULT_MAP, compiled=True)
    for one in found:
        assert failing or one.bit_exact
        assert failing or np.array_equal(one.logits, plain.logits)
        for layer, expected in zip(one.layers, plain.layers, strict=True):
            for phase in PHASES:
                assert layer.ledger.counts(phase) == expected.ledger.counts(phase)
                assert layer.ledger.cost(phase) == expected.ledger.cost(phase)


def test_an_audit_sees_a_wrong_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SumChecker.expected
    monkeypatch.setattr(
        SumChecker, "expected", lambda self, *args: real(self, *args) + (self.layer == "first")
    )
    for compiled in (False, True):
        done = run_random(
            dense(30, 4), ENCODINGS["bipolar"], 5, "output-stationary", compiled=compiled
        )
        assert done.bit_exact is False
    assert done.layers[0].checker is not None
    assert done.layers[0].checker.wrong > 0
