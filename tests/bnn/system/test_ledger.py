"""Books of what moves between banks, without the channel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bnn.system.ledger import CommandLedger
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
