"""Books of what moves between banks, without the channel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bnn.system.ledger import CommandLedger, ledger_alone
from bnn.system.row_moves import move_each
from bnn.system.system import System
from bnn.system.targets import Place
from pimsim.dram.array.address_map import ambit
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.energy import command_energies
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.dram.traces.recorder import Recorder
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

from ...kept_commands import Kept

DDR3 = load("ddr3-1600-8-8-8")
FREE = ModelOptions(refresh=False, energy="datasheet")


def test_copies_by_hand() -> None:
    """Two rows of 65 bursts, of two pairs that take turns, one TRANSFER every 5 ns.

    ACTs at 0, 6, 12, 18 ns; the first TRANSFER of the first pair at 18 ns (in order), of the second
    at 28 ns (tRCD of its destination). A row is done CL, a burst, tWR and tRP after its last.
    """
    machine = CommandLedger(System(DDR3, FREE))
    machine.enter("compute")
    for row, into in ((3, 4), (5, 6)):
        moves = [(Place(bank, 0, row), Place(bank + 2, 0, into)) for bank in (0, 1)]
        machine.copy(moves, 64 * 512 + 1)
    counts = machine.counts("compute")
    assert counts == CommandCounts(act=8, pre=8, transfer=2 * 2 * 65)
    cost = machine.cost("compute")
    core = command_energies("datasheet", DDR3)
    assert cost.energy_pj["read_write"] == pytest.approx(260 * core.transfer_pj)
    assert cost.energy_pj["io"] == 0
    assert cost.energy_pj["activate_precharge"] == pytest.approx(8 * (core.act_pj + core.pre_pj))
    first_ps = 28_000 + (2 * 65 - 2) * 5_000 + 10_000 + 5_000 + 15_000 + 10_000
    one = CommandLedger(System(DDR3, FREE))
    one.enter("compute")
    one.copy(moves, 64 * 512 + 1)
    assert one.cost("compute").latency_ps == first_ps
    assert first_ps < cost.latency_ps <= 2 * first_ps


def test_copies_name_rows_of_both_subarrays() -> None:
    kept = Kept()
    machine = CommandLedger(System(DDR3, FREE), recorder=Recorder(DDR3, FREE, [kept]))
    copy = Schedule(outputs=1)
    copy.append((COPY,), a=18, out=19)
    machine.run(copy, outputs=[0, 0], banks=[0, 1])
    machine.copy([(Place(1, 2, 3), Place(6, 5, 4))], 600)
    machine.access(Kind.RD, [4], 600, [6], 5)
    machine.finish()
    moved = [event for event in kept.events if event.kind is Kind.TRANSFER]
    source, target = (
        number * DDR3.rows_per_subarray + ambit().first_data + row
        for number, row in ((2, 3), (5, 4))
    )
    assert [(e.bank, e.to, e.row, e.row2, e.column) for e in moved] == [
        (1, 6, source, target, column) for column in range(2)
    ]
    opened = [(e.bank, e.row) for e in kept.events if e.kind is Kind.ACT]
    assert opened == [(1, source), (6, target), (6, target)]


def test_nothing_to_copy_costs_nothing() -> None:
    machine = CommandLedger(System(DDR3, FREE))
    machine.copy([], 64)
    assert machine.counts("inputs").commands() == 0


def test_pairs_take_turns_over_ranks() -> None:
    """As banks do: the pair of the other rank is the second, and its bus is its own."""
    kept = Kept()
    standard = replace(DDR3, ranks=2)
    options = replace(FREE, banks=16)
    machine = CommandLedger(System(standard, options), recorder=Recorder(standard, options, [kept]))
    pairs = [(0, 2), (1, 3), (8, 10), (9, 11)]
    machine.copy([(Place(one, 0, 0), Place(two, 0, 0)) for one, two in pairs], 64)
    machine.finish()
    moved = [(e.bank, e.to) for e in kept.events if e.kind is Kind.TRANSFER]
    assert moved == [(0, 2), (8, 10), (1, 3), (9, 11)]


def test_what_streams_longer_than_banks_hold_begins_again_at_their_first_row() -> None:
    kept = Kept()
    standard = replace(DDR3, row_bytes=64, chips_per_rank=1, rows_per_subarray=20,
                       subarrays_per_bank=2)  # fmt: skip
    options = replace(FREE, banks=2)
    machine = CommandLedger(System(standard, options), recorder=Recorder(standard, options, [kept]))
    machine.stream(2 * 45 * standard.columns)
    machine.finish()
    opened = [e.row for e in kept.events if e.kind is Kind.ACT and e.bank == 1]
    assert opened == [*range(40), *range(5)]


@pytest.mark.parametrize("moves", ["host", "psm"])
@pytest.mark.parametrize("refresh", [True, False])
def test_what_comes_several_times_in_a_row_is_booked_as_one_by_one(
    moves: str, refresh: bool
) -> None:
    """Rows that are moved are repeated inside of what is repeated."""
    tape = AdderTape(np.array([0, 2, 3, 4] * 3, np.int32), ambit())
    options = ModelOptions(refresh=refresh, energy="datasheet")
    single, repeated = (CommandLedger(System(DDR3, options, moves=moves)) for _ in range(2))

    def book(machine: CommandLedger) -> None:
        machine.run_each([tape, tape], [0, 1])
        move_each(machine, [3, 5], 512, ([2, 3], 0), ([0, 1], 0))
        machine.access(Kind.RD, [0], 512, [0, 1])

    for machine in (single, repeated):
        machine.enter("compute")
        machine.access(Kind.WR, [0, 1], 512, [0])
    for _ in range(300):
        book(single)
    repeated.in_a_row(300, partial(book, repeated))
    for machine in (single, repeated):
        machine.access(Kind.RD, [7], 512, [1])
    assert repeated.counts("compute") == single.counts("compute")
    assert repeated.counts("compute").extra_wordlines > 0
    assert repeated.cost("compute") == single.cost("compute")


def test_what_is_told_to_others_is_not_booked_in_a_row() -> None:
    trace = Kept(limit=3)
    machine = CommandLedger(System(DDR3, FREE), recorder=Recorder(DDR3, FREE, [trace]))
    with pytest.raises(ValueError, match="must be booked each time"):
        machine.in_a_row(2, lambda: None)


def test_a_price_of_what_was_booked_before_is_that_of_booking_it_again() -> None:
    first, second = (ledger_alone(System(DDR3, ModelOptions())) for _ in range(2))
    called = []

    def book(machine: CommandLedger, rows: int) -> None:
        called.append(rows)
        machine.enter("inputs")
        machine.access(Kind.WR, range(rows), 512, [0, 1])
        machine.enter("compute")
        machine.repeat(np.zeros((3, 1), np.intp), lambda _: machine.access(Kind.RD, [1], 9, [1]))

    def load(machine: CommandLedger, rows: int) -> None:
        machine.enter("weights")
        machine.access(Kind.WR, range(rows), 65_536, [0, 1])

    for times, rows in ((4, 2), (1, 5), (3, 2), (2, 5)):
        load(first, rows)
        first.alike(times, partial(book, first, rows), rows)
    assert called == [2, 5]
    for number, (times, rows) in enumerate(((4, 2), (1, 5), (3, 2), (2, 5))):
        load(second, rows)
        second.alike(times, partial(book, second, rows), number)
    assert called == [2, 5, 2, 5, 2, 5]
    for phase in ("weights", "inputs", "compute"):
        assert first.counts(phase) == second.counts(phase)
        assert first.cost(phase) == second.cost(phase)
    assert first.counts("inputs").act == 2 * (7 * 2 + 3 * 5)
