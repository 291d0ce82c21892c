"""What mappings book is what subarrays execute, and takes the commands that their formulas say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.mapping import MAPPINGS
from bnn.model.network import (
    Conv2D,
    Dense,
    Flatten,
    Network,
)
from bnn.run.execute import Execution, run
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.microprogram.logic import AND, COPY, OR
from pimsim.microprogram.schedule import Schedule

from ..random_layers import kernel_of, norm_of
from .executed import assert_booked, assert_scheduled, executing, scheduling
from .mapping_networks import SIGN, STANDARD, dense, padded, run_random


def test_output_stationary_needs_no_weights_and_weight_stationary_loads_them_once() -> None:
    network = dense(64, 16)
    folded = run_random(network, ENCODINGS["bipolar"], 30, "output-stationary").layers[0].ledger
    resident = run_random(network, ENCODINGS["bipolar"], 30, "weight-stationary").layers[0].ledger
    assert folded.counts("weights").commands() == 0
    assert resident.counts("weights").wr > 0
    assert resident.counts("inputs").wr > folded.counts("inputs").wr / 16


def test_output_stationary_takes_eight_commands_a_product() -> None:
    fan_in, outputs = 255, 8
    done = run_random(dense(fan_in, outputs), ENCODINGS["bipolar"], 1, "output-stationary")
    total = done.layers[0].ledger.counts("compute")
    bits = fan_in.bit_length()
    count, compare = 8 * (fan_in - fan_in.bit_count()), 3 * bits + 2
    assert total.aap + total.ap == outputs * (count + compare)


def test_weight_stationary_takes_little_more_than_nine_commands_a_product() -> None:
    fan_in, outputs = 255, 8
    done = run_random(dense(fan_in, outputs), ENCODINGS["bipolar"], 1, "weight-stationary")
    total = done.layers[0].ledger.counts("compute")
    pairs, adders = 12 * (fan_in // 2), 6 * (fan_in // 2)  # a carry a pair, two of which an adder
    assert total.aap + total.ap >= pairs + adders
    assert total.aap + total.ap <= 9.2 * fan_in  # all outputs at once, in columns


def test_without_local_reuse_every_product_takes_an_xnor_and_is_read_and_nothing_else() -> None:
    fan_in, outputs = 2500, 8
    done = run_random(dense(fan_in, outputs), ENCODINGS["bipolar"], 1, "no-local-reuse")
    total = done.layers[0].ledger.counts("compute")
    assert total.aap + total.ap == 7 * fan_in
    assert (total.act, total.rd, total.wr) == (fan_in, fan_in, 0)  # a burst holds all columns


def test_commands_do_not_depend_on_what_the_images_show() -> None:
    network = dense(50, 7)
    x = np.random.default_rng(0).normal(size=(2, 40, 50)).astype(np.float32)
    system = System(STANDARD, ModelOptions())
    first, second = (run(network, one, None, system, "output-stationary") for one in x)
    for one, other in zip(first.layers, second.layers, strict=True):
        for phase in PHASES:
            assert one.ledger.counts(phase) == other.ledger.counts(phase)
            assert one.ledger.cost(phase) == other.ledger.cost(phase)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(
    "network",
    [dense(60, 5), dense(1500, 5), padded(0.0), padded(-1.0)],
    ids=["dense", "split over two subarrays", "convolution with masks", "without"],
)
def test_booked_is_what_subarrays_executed_and_time_that_of_each_command_scheduled(
    mapping: str, network: Network
) -> None:
    with executing() as executed, scheduling() as segments:
        done = run_random(network, ENCODINGS["bipolar"], 9, mapping, compiled=False)
    ledgers = [layer.ledger for layer in done.layers]
    assert_booked(executed, *ledgers)
    assert_scheduled(segments, ledgers, STANDARD, ModelOptions())
    if mapping == "output-stationary":
        assert max(len(segment.banks) for segment in segments) > 1


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("banks", [3, 8])
@pytest.mark.slow
def test_books_of_many_outputs_tiles_and_turns_are_what_subarrays_executed(
    mapping: str, banks: int
) -> None:
    small = replace(STANDARD, row_bytes=64, chips_per_rank=1)
    rng = np.random.default_rng(5)
    conv = Conv2D("conv", kernel_of(rng, 3, 3, 4, 13), None, SIGN, SIGN, padding="same")
    middle = Network("middle", (8, 8, 4), (conv, norm_of(rng, "norm", 13), Flatten("flat")))
    last = Dense("last", kernel_of(rng, 64 * 13, 17), None, SIGN, SIGN)
    network = Network("n", middle.input_shape, (*middle.layers, last))
    x = rng.normal(size=(29, 8, 8, 4)).astype(np.float32)
    system = System(small, ModelOptions(banks=banks))
    with executing() as executed:
        how = Execution(check=False, compiled=False)
        literal = run(network, x, None, system, mapping, execution=how)
    fast = run(network, x, None, system, mapping, execution=Execution(check=False))
    for done in (literal, fast):
        assert_booked(executed, *(layer.ledger for layer in done.layers))


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
