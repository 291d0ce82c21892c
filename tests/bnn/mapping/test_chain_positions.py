"""Chains of convolutions of one tap: a column keeps its position in all stages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bnn.lowering.lower import consecutive, lower
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.run import estimate
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.dram.traces.trace import Trace

from ...kept_commands import Kept
from .executed import assert_booked, assert_scheduled, executing, scheduling

SIGN = "ste_sign"
NARROW = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1)  # 512 columns, a burst
SHALLOW = replace(NARROW, rows_per_subarray=100)


def conv(name: str, kernel: int, channels: int, outputs: int, **how: object) -> Conv2D:
    shape = (kernel, kernel, channels, outputs)
    rng = np.random.default_rng(len(name) + 7 * kernel + channels + outputs)
    weights = rng.normal(size=shape).astype(np.float32)
    quantizer = how.pop("input_quantizer", SIGN)
    return Conv2D(name, weights, None, quantizer, SIGN, **how)  # type: ignore[arg-type]


def norm(name: str, channels: int) -> BatchNorm:
    rng = np.random.default_rng(channels)
    gamma, beta = rng.normal(size=(2, channels)).astype(np.float32)
    mean = rng.integers(-3, 4, channels).astype(np.float32)
    return BatchNorm(name, mean, gamma**2 + 1, gamma, beta, 1e-3)


def behind(first: Sequence[Layer], *widths: int) -> list[Layer]:
    """Convolutions of one tap, each behind a normalization."""
    layers = list(first)
    for number, (fan_in, outputs) in enumerate(itertools.pairwise(widths)):
        layers += [norm(f"n{number}", fan_in), conv(f"p{number}", 1, fan_in, outputs)]
    return layers


POOL = MaxPool2D("pool", (2, 2), (2, 2))
LAST_DENSE = Dense("d", np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32), None,
                   SIGN, SIGN)  # fmt: skip

# Input, layers, of which the first few are chained, images, banks, standard.
CASES = {
    "all of one tap": ((5, 4, 9), behind([conv("c", 1, 9, 8)], 8, 7, 3), 70, 3, NARROW),
    "behind windows of nine": ((9, 9, 3), behind([conv("c", 3, 3, 9)], 9, 7, 4), 5, 4, NARROW),
    "padded with ones": (
        (8, 8, 3), behind([conv("c", 3, 3, 9, padding="same", pad_values=1.0)], 9, 8, 4), 5, 4,
        NARROW,
    ),
    "padded with zeros": (
        (8, 8, 3), behind([conv("c", 3, 3, 9, padding="same")], 9, 8, 4), 5, 4, NARROW
    ),
    "behind a pooling": ((10, 10, 2), behind([conv("c", 3, 2, 9), POOL], 9, 8, 4), 5, 4, NARROW),
    "that, in shallow subarrays": (
        (10, 10, 2), behind([conv("c", 3, 2, 9), POOL], 9, 20, 4), 5, 4, SHALLOW
    ),
    "every other position": (
        (9, 9, 3), behind([conv("c", 3, 3, 9, strides=(2, 2))], 9, 8, 4), 40, 4, NARROW
    ),
    "positions beyond a row": ((25, 25, 2), behind([conv("c", 2, 2, 6)], 6, 5, 3), 3, 4, NARROW),
    "pixels of eight bits": (
        (6, 6, 1), behind([conv("c", 3, 1, 6, input_quantizer=None)], 6, 5, 3), 5, 4, NARROW
    ),
    "pooled to one position": (
        (4, 4, 2), [conv("c", 3, 2, 9), POOL, norm("n", 9), Flatten("f"), LAST_DENSE], 70, 4, NARROW
    ),
}  # fmt: skip
cases = pytest.mark.parametrize("name", CASES)
mappings = pytest.mark.parametrize("mapping", ["output-stationary", "output-tree"])


def network_of(name: str) -> Network:
    shape, layers, *_ = CASES[name]
    return Network("positions", shape, tuple(layers))


def system_of(name: str) -> System:
    *_, banks, standard = CASES[name]
    return System(standard, ModelOptions(banks=banks))


def ran(
    name: str, mapping: str, chain: str, traces: Sequence[Trace] = (), *, compiled: bool = True
) -> NetworkRun:
    network, count = network_of(name), CASES[name][2]
    rng, encoding = np.random.default_rng(3), None
    x = rng.normal(size=(count, *network.input_shape)).astype(np.float32)
    if name == "pixels of eight bits":
        encoding = ENCODINGS["uint8"]
        x = encoding.levels()[rng.integers(0, 256, x.shape)]
    how = Execution(compiled=compiled)
    return run(
        network, x, encoding, system_of(name), mapping, chain=chain, traces=traces, execution=how
    )


@cases
@mappings
@pytest.mark.slow
def test_chains_give_what_stages_apart_give(name: str, mapping: str) -> None:
    """Compiled, literally, and as estimated; every command booked is one that subarrays carried
    out, and nothing is read or written between the first operands and the last values."""
    kept, (*_, count, banks, standard) = Kept(), CASES[name]
    done = ran(name, mapping, "always", [kept])
    assert done.bit_exact
    (choice,) = done.chains
    assert choice.layout is not None
    chained = [layer for layer in done.layers if layer.name in choice.names]
    assert len(chained) == len(choice.names) >= 2
    phases = [
        kind for kind, _ in itertools.groupby(
            event.kind for event in kept.events if event.kind in (Kind.RD, Kind.WR)
        )
    ]  # fmt: skip
    assert phases == [Kind.WR, Kind.RD] * len(choice.layout.turns(0))
    apart = ran(name, mapping, "never")
    assert np.array_equal(done.logits, apart.logits)
    with executing() as executed, scheduling() as segments:
        literal = ran(name, mapping, "always", compiled=False)
    assert literal.bit_exact
    assert np.array_equal(literal.logits, done.logits)
    ledgers = [layer.ledger for layer in literal.layers]
    assert_booked(executed, *ledgers)
    assert_scheduled(segments, ledgers, standard, ModelOptions(banks=banks))
    encoding = ENCODINGS["uint8"] if name == "pixels of eight bits" else None
    guess = estimate.of_network(
        network_of(name), encoding, count, system_of(name), mapping, chain="always"
    )
    for one, two, other in zip(done.layers, literal.layers, guess.layers, strict=True):
        for phase in PHASES:
            counts = one.ledger.counts(phase)
            assert counts == two.ledger.counts(phase) == other.ledger.counts(phase)
            assert one.ledger.cost(phase) == other.ledger.cost(phase)


def test_what_crosses_the_channel_are_the_first_operands_and_the_last_sums() -> None:
    done = ran("all of one tap", "output-stationary", "always")
    counts = [layer.ledger.counts(phase) for layer in done.layers for phase in PHASES]
    total = sum(counts, CommandCounts())
    tiles = -(-70 // (512 // 20))  # images of 20 positions share a row of 512 columns, a burst
    assert done.chains[0].layout is not None
    assert total.wr == 9 * tiles * done.chains[0].layout.team
    assert total.rd == 3 * (7).bit_length() * tiles  # the sums of seven products


@pytest.mark.parametrize(
    "second",
    [
        conv("c2", 1, 8, 4, strides=(2, 2)),
        conv("c2", 1, 8, 4, padding="same", strides=(2, 1)),
        conv("c2", 2, 8, 4),
        conv("c2", 1, 2, 4, splits=4),
    ],
    ids=["every other position", "every other row", "two taps", "groups of channels"],
)
def test_what_reads_other_positions_is_not_chained(second: Conv2D) -> None:
    layers = (conv("c1", 3, 2, 8), norm("n", 8), second)
    found = lower(Network("apart", (6, 6, 2), layers), None)
    assert consecutive(Network("apart", (6, 6, 2), layers), found, [True] * 2) == []
