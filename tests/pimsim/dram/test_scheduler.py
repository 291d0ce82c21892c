"""Every timing constraint is a tight gate, and states, ranks and refreshes are kept apart."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.standard.timing import Timing
from pimsim.errors import DramError, InputError

from .gate_scenarios import SCENARIOS
from .gates import Gate, Scenario, burst_clocks
from .scheduled import (
    AAP,
    ACT,
    ALL_SWITCHES,
    AP,
    CLOCKED,
    DDR3,
    FREE,
    PRE,
    RD,
    REF,
    TRANSFER,
    WR,
    Command,
    kept,
    names_of,
    scheduled,
    tick,
)

# ------------------------------------------------------------------------------------- the gates


def assert_gate(
    naive: ModuleType, standard: Standard, options: ModelOptions, gate: Gate, reason: str
) -> None:
    """The constraint alone keeps the command back, to the tick; an AP and an AAP like an ACT."""
    assert_gate_of_kind(naive, standard, options, gate, reason)
    if gate.kind is ACT:
        assert_gate_of_kind(naive, standard, options, replace(gate, kind=AP), reason)
        if options.acts_per_aap == 1:  # otherwise its second ACT has gates of its own
            assert_gate_of_kind(naive, standard, options, replace(gate, kind=AAP), reason)


def assert_gate_of_kind(
    naive: ModuleType, standard: Standard, options: ModelOptions, gate: Gate, reason: str
) -> None:
    early = gate.at - tick(standard, options)
    before = [*gate.earlier, (early, gate.kind, gate.bank, gate.to)]
    on_time = [*gate.earlier, (gate.at, gate.kind, gate.bank, gate.to)]
    assert names_of(naive, standard, options, before) == {reason}
    assert names_of(naive, standard, options, on_time) == set()

    scheduler = scheduled(standard, options, gate.earlier)
    found = scheduler.probe(gate.kind, gate.bank, gate.to)
    assert (found.ready_ps, found.reason) == (gate.at, reason)
    with pytest.raises(DramError, match=rf"{re.escape(reason)}\b"):
        scheduler.issue(gate.kind, gate.bank, early, gate.to)
    assert scheduler.probe(gate.kind, gate.bank, gate.to) == found
    scheduler.issue(gate.kind, gate.bank, gate.at, gate.to)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("standard_name", names())
@pytest.mark.slow
def test_gate_is_tight(naive: ModuleType, standard_name: str, name: str) -> None:
    case, standard = SCENARIOS[name], load(standard_name)
    for options in ALL_SWITCHES.values():
        if case.aap or (options.split_decoder and options.acts_per_aap == 1):
            assert_case(naive, replace(standard, **case.shape(standard)), options, case)


def assert_case(
    naive: ModuleType, standard: Standard, options: ModelOptions, case: Scenario
) -> None:
    """The gate of a scenario is tight, with the constraints of the part or with stretched ones."""
    gate = case.build(standard, options)
    early = [*gate.earlier, (gate.at - tick(standard, options), gate.kind, gate.bank, gate.to)]
    earliest = naive.earliest(standard, options, gate.earlier, gate.kind, gate.bank, gate.to)
    if earliest == gate.at and names_of(naive, standard, options, early) == {case.reason}:
        assert_gate(naive, standard, options, gate, case.reason)
        return
    # Another constraint of this part holds the command as long or longer, or the bus comes free
    # before the command can come at all, or there is room before what this one keeps clear.
    found = scheduled(standard, options, gate.earlier).probe(gate.kind, gate.bank, gate.to)
    assert found.ready_ps == earliest
    if earliest > gate.earlier[-1][0]:
        last = (earliest - tick(standard, options), gate.kind, gate.bank, gate.to)
        assert found.reason in names_of(naive, standard, options, [*gate.earlier, last])
    # With these constraints it binds alone.
    stretched = case.stretch(standard.timing, burst_clocks(standard))
    standard = replace(standard, timing=replace(standard.timing, **stretched))
    assert_gate(naive, standard, options, case.build(standard, options), case.reason)


def test_every_constraint_has_a_gate() -> None:
    """A timing added to a standard must come with its gate."""
    reasons = {case.reason.lower().replace("_", "") for case in SCENARIOS.values()}
    elsewhere = {"t_refi_ps"}  # below
    part_of_others = {"t_ck_ps", "cl_clocks", "cwl_clocks", "transfers_per_clock"}
    assert "readtowrite" in {reason.replace(" ", "") for reason in reasons}
    part_of_others.add("t_rtw_clocks")
    for field in fields(Timing):
        if field.name not in elsewhere | part_of_others:
            name = field.name.removesuffix("_ps").removesuffix("_clocks").replace("_", "")
            assert name in reasons, field.name


# ---------------------------------------------------------- activations inside row commands


@pytest.mark.parametrize(
    ("earlier", "kind", "bank", "at", "reason", "changes"),
    [
        # The second ACT, at 4 ns, counts against other banks: 4 + 6.
        ([(0, AAP, 0)], ACT, 1, 10_000, "tRRD_S", {}),
        ([(0, AAP, 0)], AAP, 1, 10_000, "tRRD_S", {}),
        # It does not where an AAP counts for one.
        ([(0, AAP, 0)], ACT, 1, 6_000, "tRRD_S", {"acts_per_aap": 1}),
        ([(0, AAP, 0)], AP, 1, 6_000, "tRRD_S", {"acts_per_aap": 1}),
        # ACTs at 0 4 10 14: a fifth and sixth 30 ns after the first and second.
        ([(0, AAP, 0), (10_000, AAP, 1)], AAP, 2, 30_000, "tFAW", {}),
        # ACTs at 0 10 20: the AAP's first is the fourth, its second is the fifth, at 30.
        ([(0, ACT, 0), (8_000, ACT, 1), (16_000, ACT, 2)], AAP, 3, 26_000, "tFAW", {}),
        ([(0, ACT, 0), (8_000, ACT, 1), (16_000, ACT, 2)], AP, 3, 22_000, "tRRD_S", {}),
        (
            [(0, ACT, 0), (8_000, ACT, 1), (16_000, ACT, 2)],
            AAP,
            3,
            22_000,
            "tRRD_S",
            {"acts_per_aap": 1},
        ),
        # Without the split decoder second ACTs are at 35 41 47 53: none fits in before 59, and
        # from 35 on they are four within 30 ns.
        (
            [(6_000 * i, AAP, i) for i in range(4)],
            AAP,
            4,
            65_000,
            "tFAW",
            {"split_decoder": False},
        ),
        (
            [(6_000 * i, AAP, i) for i in range(4)],
            AAP,
            4,
            30_000,
            "tFAW",
            {"split_decoder": False, "acts_per_aap": 1},
        ),
        # The bank itself: tRC is tRAS + tRP, so that either may be named.
        ([(0, AAP, 0)], AAP, 0, 49_000, "tRP|tRC", {"faw": False}),
        ([(0, AAP, 0)], AAP, 0, 80_000, "tRP|tRC", {"split_decoder": False}),
        ([(0, AAP, 0)], REF, 1, 49_000, "tRP|tRC", {}),
        ([(0, REF, 3)], AAP, 0, 260_000, "tRFC", {}),
        # On clock edges of 1.25 ns: the second ACT at 5, tRRD 6.25 ns.
        ([(0, AAP, 0)], AAP, 1, 11_250, "tRRD_S", {"clocked": True}),
        ([(0, AAP, 0)], AAP, 0, 50_000, "tRP|tRC", {"clocked": True}),
    ],
)
def test_activations_of_row_commands_count(
    naive: ModuleType,
    earlier: list[Command],
    kind: Kind,
    bank: int,
    at: int,
    reason: str,
    changes: dict[str, Any],
) -> None:
    """Times worked by hand."""
    options = replace(FREE, **changes)
    scheduler = scheduled(DDR3, options, earlier)
    found = scheduler.probe(kind, bank)
    early = at - tick(DDR3, options)
    assert found.ready_ps == at
    assert re.fullmatch(reason, found.reason)
    assert found.reason in names_of(naive, DDR3, options, [*earlier, (early, kind, bank)])
    with pytest.raises(DramError, match=rf"({reason})\b"):
        scheduler.issue(kind, bank, early)
    scheduler.issue(kind, bank, at)
    assert not names_of(naive, DDR3, options, [*earlier, (at, kind, bank)])


@pytest.mark.parametrize("kind", [AAP, AP])
def test_a_window_may_begin_with_the_new_act(naive: ModuleType, kind: Kind) -> None:
    """Second ACTs at 35 37 39 41: a fifth that keeps tRRD, at 25 to 33, has them within tFAW."""
    timing = replace(DDR3.timing, t_rrd_s_ps=2_000, t_rrd_l_ps=2_000, t_faw_ps=25_000)
    standard, options = replace(DDR3, timing=timing), replace(FREE, split_decoder=False)
    rows: list[Command] = [(2_000 * i, AAP, i) for i in range(4)]
    scheduler = scheduled(standard, options, rows)
    assert scheduler.probe(kind, 4) == (60_000, "tFAW")
    assert names_of(naive, standard, options, [*rows, (27_000, kind, 4)]) == {"tFAW"}
    with pytest.raises(DramError, match="tFAW"):
        scheduler.issue(kind, 4, 27_000)


def test_without_faw_activations_start_together() -> None:
    scheduler = Scheduler(DDR3, replace(FREE, faw=False))
    for bank in range(8):
        assert scheduler.probe(AAP, bank).ready_ps == 0
        scheduler.issue(AAP, bank, 0)


@pytest.mark.parametrize("clocked", [False, True], ids=["free", "clocked"])
@pytest.mark.parametrize("acts", [1, 2])
@pytest.mark.parametrize("standard_name", names())
def test_an_act_between_those_of_an_aap_keeps_from_both(
    naive: ModuleType, standard_name: str, acts: int, clocked: bool
) -> None:
    """The second ACT is decided with the AAP, tRAS ahead: tRRD before it and after it are shut."""
    standard = load(standard_name)
    options = ModelOptions(refresh=False, split_decoder=False, acts_per_aap=acts, clocked=clocked)
    t, step = kept(standard, options), tick(standard, options)
    second, t_rrd = t.t_ras_ps, t.t_rrd_s_ps
    assert second > 2 * t_rrd
    for at, shut in (
        (t_rrd - step, True),
        (t_rrd, False),
        (second - t_rrd, False),
        (second - t_rrd + step, acts == 2),
        (second, acts == 2),
        (second + t_rrd - step, acts == 2),
        (second + t_rrd, False),
    ):
        stream: list[Command] = [(0, AAP, 0), (at, ACT, 1)]
        assert names_of(naive, standard, options, stream) == ({"tRRD_S"} if shut else set())
        scheduler = scheduled(standard, options, stream[:1])
        assert scheduler.probe(ACT, 1).ready_ps == t_rrd
        if shut:
            with pytest.raises(DramError, match="tRRD_S"):
                scheduler.issue(ACT, 1, at)
        else:
            scheduler.issue(ACT, 1, at)


# --------------------------------------------------------------------------- what is independent


def test_ranks_and_channels_share_what_they_share() -> None:
    """No activation limit and no refresh reaches another rank; no data another channel."""
    two = replace(DDR3, channels=2, ranks=2)  # banks 0-7, 8-15 | 16-23, 24-31
    acts = [(0, ACT, bank) for bank in (0, 8, 16, 24)]
    scheduler = scheduled(two, FREE, acts)
    scheduler.issue(RD, 0, 10_000)
    assert scheduler.probe(RD, 16).ready_ps == 10_000
    assert scheduler.probe(WR, 24).ready_ps == 10_000
    assert scheduler.probe(RD, 8).ready_ps == 10_000 + 5_000 + 1_250  # a burst and tRTRS
    scheduler = scheduled(two, FREE, [(0, REF, 0)])
    assert scheduler.probe(ACT, 8).ready_ps == 0
    assert scheduler.probe(ACT, 7).ready_ps == 260_000


def test_commands_of_a_channel_come_in_order() -> None:
    ranks = replace(DDR3, ranks=2, channels=2)
    scheduler = scheduled(ranks, FREE, [(1_000, ACT, 0)])
    assert scheduler.probe(ACT, 8) == (1_000, "order")
    with pytest.raises(DramError, match="order"):
        scheduler.issue(ACT, 8, 999)
    assert scheduler.probe(REF, 8) == (0, "")
    assert scheduler.probe(ACT, 16) == (0, "")


# --------------------------------------------------------------------------- refresh and clock


@pytest.mark.parametrize("kind", [ACT, AP, AAP])
@pytest.mark.parametrize("clocked", [False, True], ids=["free", "clocked"])
@pytest.mark.parametrize("standard_name", names())
def test_rows_open_while_at_most_eight_refreshes_are_postponed(
    naive: ModuleType, standard_name: str, clocked: bool, kind: Kind
) -> None:
    """Until 9 tREFI after the start, and after each REF for tREFI longer."""
    standard = load(standard_name)
    options = ModelOptions(clocked=clocked)
    t_refi, step = kept(standard, options).t_refi_ps, tick(standard, options)
    earlier: list[Command] = []
    for refreshes in range(3):
        limit = (9 + refreshes) * t_refi
        late: Command = (limit + step, kind, 0)
        assert names_of(naive, standard, options, [*earlier, (limit, kind, 0)]) == set()
        assert names_of(naive, standard, options, [*earlier, late]) == {"tREFI"}
        scheduled(standard, options, [*earlier, (limit, kind, 0)])
        scheduler = scheduled(standard, options, earlier)
        with pytest.raises(DramError, match="tREFI"):
            scheduler.issue(kind, 0, limit + step)
        scheduled(standard, replace(options, refresh=False), [*earlier, late])
        earlier.append((refreshes * t_refi, REF, 0))


def test_refreshes_of_one_rank_do_not_count_for_another() -> None:
    late = 9 * DDR3.timing.t_refi_ps + 1
    scheduler = scheduled(replace(DDR3, ranks=2), ModelOptions(), [(0, REF, 0)])
    scheduler.issue(AP, 7, late)
    with pytest.raises(DramError, match="tREFI"):
        scheduler.issue(AP, 8, late)
    with pytest.raises(DramError, match="tREFI"):
        scheduler.probe(AP, 8)
    scheduler.issue(REF, 8, late)
    scheduler.issue(AP, 8, late + DDR3.timing.t_rfc_ps)


def test_a_row_that_is_open_may_be_closed_however_late() -> None:
    late = 20 * DDR3.timing.t_refi_ps
    scheduler = scheduled(DDR3, ModelOptions(), [(0, ACT, 0)])
    scheduler.issue(PRE, 0, late)
    scheduler.issue(REF, 0, late + DDR3.timing.t_rp_ps)


@pytest.mark.parametrize("standard_name", names())
def test_a_command_off_the_clock_edge_is_refused(naive: ModuleType, standard_name: str) -> None:
    standard = load(standard_name)
    clock = standard.timing.t_ck_ps
    for at in (1, clock - 1, clock + 1):
        assert "tCK" in names_of(naive, standard, CLOCKED, [(at, AP, 0)])
        with pytest.raises(DramError, match="clock"):
            Scheduler(standard, CLOCKED).issue(AP, 0, at)
        Scheduler(standard, FREE).issue(AP, 0, at)
    Scheduler(standard, CLOCKED).issue(AP, 0, clock)


# ------------------------------------------------------------------------------ illegal in state


@pytest.mark.parametrize(
    ("earlier", "kind", "bank"),
    [
        ([], RD, 0),
        ([], WR, 0),
        ([(0, ACT, 0)], ACT, 0),
        ([(0, ACT, 0)], AP, 0),
        ([(0, ACT, 0)], AAP, 0),
        ([(0, ACT, 0), (50_000, PRE, 0)], RD, 0),
        ([(0, AAP, 0)], RD, 0),
        ([(0, AP, 0)], WR, 0),
        ([(0, ACT, 5)], REF, 0),
        ([(0, ACT, 1)], (TRANSFER, 1), 0),
        ([(0, ACT, 1)], (TRANSFER, 0), 1),
    ],
)
def test_illegal_in_state_is_refused_at_any_time(
    naive: ModuleType, earlier: list[Command], kind: Kind | tuple[Kind, int], bank: int
) -> None:
    scheduler = scheduled(DDR3, FREE, earlier)
    late, to, closed = 1_000_000, None, bank
    if isinstance(kind, tuple):
        kind, to = kind
        closed = 0
    assert names_of(naive, DDR3, FREE, [*earlier, (late, kind, bank, to)]) == {"state"}
    with pytest.raises(DramError, match=rf"{kind.name}\b.*\b{closed}\b"):
        scheduler.probe(kind, bank, to)
    with pytest.raises(DramError, match=rf"{kind.name}\b.*\b{closed}\b"):
        scheduler.issue(kind, bank, late, to)


@pytest.mark.parametrize(
    ("kind", "to", "message"),
    [
        (TRANSFER, None, "`to` must be another bank of the rank of bank 0, not None"),
        (TRANSFER, 0, "`to` must be another bank of the rank of bank 0, not 0"),
        (TRANSFER, 8, "`to` must be another bank of the rank of bank 0, not 8"),
        (TRANSFER, 16, "`bank` must be 0 to 15 for ddr3-1600-8-8-8, not 16"),
        (PRE, 1, "`to` must be None for PRE, not 1"),
        (RD, 1, "`to` must be None for RD, not 1"),
    ],
)
def test_transfers_stay_within_a_rank(kind: Kind, to: int | None, message: str) -> None:
    """The internal bus is a chip's; a rank is its chips in lock-step."""
    acts = [(0, ACT, 0), (6_000, ACT, 1), (12_000, ACT, 8)]
    scheduler = scheduled(replace(DDR3, ranks=2), FREE, acts)
    for ask in (scheduler.probe, lambda *given: scheduler.issue(*given[:2], 100_000, given[2])):
        with pytest.raises(InputError, match=re.escape(message)):
            ask(kind, 0, to)


def test_transfers_have_nothing_to_do_with_other_ranks() -> None:
    """Not with their data on the channel: the pins are disconnected."""
    acts = [(0, ACT, 0), (6_000, ACT, 1), (6_000, ACT, 8)]
    scheduler = scheduled(replace(DDR3, ranks=2), FREE, [*acts, (100_000, TRANSFER, 0, 1)])
    assert scheduler.probe(RD, 8) == (100_000, "order")
    assert scheduler.probe(WR, 8) == (100_000, "order")
