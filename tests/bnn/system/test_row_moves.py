"""Partial counts go through the host or from bank to bank: the same values, at their price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.model.network import Dense, Network
from bnn.run import estimate
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.row_moves import move_each, part_banks, rounds
from bnn.system.system import System
from bnn.system.targets import Place
from bnn.tables.graph import Drawing
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError

DDR3 = load("ddr3-1600-8-8-8")
SIGN = "ste_sign"
FAN_IN, OUTPUTS = 2200, 5  # three subarrays


def wide(outputs: int, images: int) -> tuple[Network, np.ndarray]:
    rng = np.random.default_rng(outputs)
    kernel = rng.normal(size=(FAN_IN, outputs)).astype(np.float32)
    network = Network("wide", (FAN_IN,), (Dense("sums", kernel, None, SIGN, SIGN),))
    return network, rng.normal(size=(images, FAN_IN)).astype(np.float32)


def ran(moves: str, *, banks: int = 8, compiled: bool = True) -> NetworkRun:
    network, x = wide(OUTPUTS, 70)
    options = ModelOptions(banks=banks)
    return run(
        network,
        x,
        None,
        System(DDR3, options, moves=moves),
        "output-stationary",
        execution=Execution(compiled=compiled),
    )


@pytest.mark.parametrize("banks", [2, 3, 8])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_same_values_with_no_partial_count_on_the_channel(banks: int, compiled: bool) -> None:
    host, psm = (ran(moves, banks=banks, compiled=compiled) for moves in ("host", "psm"))
    assert host.bit_exact
    assert psm.bit_exact
    assert np.array_equal(host.logits, psm.logits)
    through, inside = (done.layers[0].ledger.counts("compute") for done in (host, psm))
    assert (through.aap, through.ap) == (inside.aap, inside.ap)
    # What is read in both are the sums; a partial count is read, and written, or transferred.
    assert through.transfer == inside.wr == 0
    assert through.rd - inside.rd == through.wr == inside.transfer > 0
    assert through.act == inside.act  # of a source and of a destination, either way


def test_booked_is_what_subarrays_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Subarray] = []
    make: Callable[[System, int, int], Subarray] = System.subarrays

    def kept(system: System, columns: int, lanes: int) -> Subarray:
        made.append(make(system, columns, lanes))
        return made[-1]

    monkeypatch.setattr(System, "subarrays", kept)
    done = ran("psm", compiled=False)
    executed = sum(chain.from_iterable(part.counts() for part in made), CommandCounts())
    booked = [layer.ledger.counts(phase) for layer in done.layers for phase in PHASES]
    assert replace(sum(booked, CommandCounts()), ref=0) == executed
    assert executed.transfer > 0


def test_one_copy_takes_less_than_a_read_and_a_write() -> None:
    """In time of the bus they share, and in energy without the interface."""
    network, x = wide(OUTPUTS, 70)
    costs = {}
    for moves in ("host", "psm"):
        done = run(
            network,
            x,
            None,
            System(DDR3, ModelOptions(energy="datasheet"), moves=moves),
            "output-stationary",
        )
        costs[moves] = done.layers[0].ledger.cost("compute")
    host, psm = costs["host"], costs["psm"]
    assert psm.latency_ps < host.latency_ps
    assert psm.total_pj < host.total_pj
    assert psm.energy_pj["io"] < host.energy_pj["io"]
    assert psm.energy_pj["activate_precharge"] == pytest.approx(
        host.energy_pj["activate_precharge"]
    )


def test_estimates_are_those_of_runs() -> None:
    network, x = wide(OUTPUTS, 70)
    done = ran("psm")
    guess = estimate.of_network(
        network, None, len(x), System(DDR3, ModelOptions(), moves="psm"), "output-stationary"
    )
    for phase in PHASES:
        one, other = (r.layers[0].ledger for r in (done, guess))
        assert one.counts(phase) == other.counts(phase)
        assert one.cost(phase) == other.cost(phase)


def test_tables_of_layers_move_from_bank_to_bank() -> None:
    net = Drawing("wide", (1, 1, FAN_IN), "")
    net.dense("sums", net.flatten(net.input), OUTPUTS)
    host, psm = (
        estimate.of_table(
            net.table(), 64, System(DDR3, ModelOptions(), moves=moves), "output-stationary"
        ).layers[-1]
        for moves in ("host", "psm")
    )
    assert psm.ledger.counts("compute").transfer > 0
    assert psm.ledger.cost("compute").latency_ps < host.ledger.cost("compute").latency_ps


def test_refused() -> None:
    network, x = wide(3, 4)
    for moves, mapping, banks, message in (
        ("lisa", "output-stationary", 8, "`moves` must be one of host, psm, not 'lisa'"),
        ("psm", "weight-stationary", 8, "`moves` must be host for weight-stationary, not 'psm'"),
        (
            "psm",
            "output-stationary",
            1,
            "`moves` must be host where one bank of a rank computes, not 'psm'",
        ),
    ):
        with pytest.raises(InputError) as caught:
            run(network, x, None, System(DDR3, ModelOptions(banks=banks), moves=moves), mapping)
        assert str(caught.value) == message


@given(
    ranks=st.integers(1, 2),
    banks=st.integers(2, 16),
    part=st.integers(0, 20),
)
def test_parts_lie_in_another_bank_of_the_rank_that_computes(
    ranks: int, banks: int, part: int
) -> None:
    standard = replace(DDR3, ranks=ranks)
    banks = min(banks, 8 * ranks)
    if banks % 8 == 1:
        return
    machine = CommandLedger(System(standard, ModelOptions(banks=banks), moves="psm"))
    homes = list(range(banks))
    found = part_banks(machine.system, part, homes)
    assert sorted(found) == homes
    assert [bank // 8 for bank in found] == [bank // 8 for bank in homes]
    assert all((one == other) == (part == 0) for one, other in zip(homes, found, strict=True))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=60))
def test_rounds_hold_every_copy_once_and_every_bank_at_most_once(
    pairs: list[tuple[int, int]],
) -> None:
    moves = [
        (Place(a, 0, number), Place(b, 1, number)) for number, (a, b) in enumerate(pairs) if a != b
    ]
    found = rounds(moves)
    assert sorted(chain.from_iterable(found)) == sorted(moves)
    for together in found:
        busy = [place.bank for pair in together for place in pair]
        assert len(busy) == len(set(busy))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_every_row_is_moved_once_however_many_each_bank_has(counts: list[int]) -> None:
    ledger, banks = CommandLedger(System(DDR3, ModelOptions())), range(len(counts))
    ledger.enter("compute")
    move_each(ledger, counts, 1000, (banks, 1), (banks, 0))
    found, bursts = ledger.counts("compute"), -(-1000 // (8 * DDR3.burst_bytes))
    assert (found.rd, found.wr) == (sum(counts) * bursts, sum(counts) * bursts)
    assert found.act == 2 * sum(counts)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8))
def test_copies_from_bank_to_bank_are_as_many(counts: list[int]) -> None:
    ledger = CommandLedger(System(DDR3, ModelOptions(), moves="psm"))
    ledger.enter("compute")
    banks = list(range(len(counts)))
    move_each(ledger, counts, 1000, (banks, 1), (banks[1:] + banks[:1], 0))
    bursts = -(-1000 // (8 * DDR3.burst_bytes))
    assert ledger.counts("compute").transfer == sum(counts) * bursts
