"""Traces: golden files worked by hand, and every format read back by a reader of its own."""

from __future__ import annotations

import gzip
import importlib.util
import math
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.energy import command_energies
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.standard.timing import Timing
from pimsim.dram.timeline.command_stream import Run, Segment, walk
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces import FORMATS, Event, Trace
from pimsim.dram.traces.perfetto import microseconds
from pimsim.dram.traces.recorder import Recorder, Targets
from pimsim.errors import DramError, InputError

from ...kept_commands import Kept

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
DDR3 = load("ddr3-1600-8-8-8")
TWO_RANKS = replace(DDR3, ranks=2)
GROUPS = load("ddr4-2400")
CHANNELS = load("hbm2")
PAPER = ModelOptions()
DOCS = Path(__file__).parents[3] / "docs" / "traces.md"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


readers = _module("trace_readers")


def written(
    name: str,
    folder: Path,
    events: Sequence[Event],
    standard: Standard = DDR3,
    options: ModelOptions = PAPER,
) -> tuple[str, list[str]]:
    """Text of the (only) file, and the remarks."""
    path = folder / "trace"
    with Trace(name, path, standard, options) as trace:
        for event in events:
            trace.add(event)
    files = list(folder.iterdir())
    assert len(files) == 1
    text = files[0].read_text("ascii")
    files[0].unlink()
    return text, trace.remarks


# A clock is 1.25 ns, tRCD = tRP = CL = 10 ns, tRAS 35 ns, tRFC 260 ns, a burst 5 ns.
EVENTS = (
    Event(0, AAP, bank=0, row=5, row2=1008),  # ACT 0, ACT 4, PRE 39 ns
    Event(15_000, AP, bank=1, row=1006),  # ACT 15, PRE 50 ns
    Event(60_000, ACT, bank=0, row=7),
    Event(70_000, RD, bank=0, row=7, column=3),
    Event(95_000, PRE, bank=0),
    Event(105_000, REF, bank=0),
)

# 4 ns are 3.2 clocks and 39 ns are 31.2: the next edge.
GOLDEN = {
    "drampower": f"""\
0,ACT,0,0,0,5,0
4,ACT,0,0,0,1008,0
12,ACT,0,0,1,1006,0
32,PRE,0,0,0,0,0
40,PRE,0,0,1,0,0
48,ACT,0,0,0,7,0
56,RD,0,0,0,7,24,{"00" * 64}
76,PRE,0,0,0,0,0
84,REFA,0,0,0,0,0
292,END,0,0,0,0,0
""",
    "ramulator": """\
clock,command,Channel,Rank,Bank,Row,Column,type,source
0,ACT,0,0,0,5,-1,-1,-1
4,ACT,0,0,0,1008,-1,-1,-1
12,ACT,0,0,1,1006,-1,-1,-1
32,PREpb,0,0,0,-1,-1,-1,-1
40,PREpb,0,0,1,-1,-1,-1,-1
48,ACT,0,0,0,7,-1,-1,-1
56,RD,0,0,0,7,3,0,-1
76,PREpb,0,0,0,-1,-1,-1,-1
84,REFab,0,0,-1,-1,-1,-1,-1
""",
    # row 7 of 8 banks of 128 bursts: burst 7 * 1024 + 3, of 64 bytes
    "ramulator-rw": "LD 0x700c0\n",
    "dramsim3": """\
0                  activate               0   0   0   0      0x5      0x0
4                  activate               0   0   0   0    0x3f0      0x0
12                 activate               0   0   0   1    0x3ee      0x0
32                 precharge              0   0   0   0      0x0      0x0
40                 precharge              0   0   0   1      0x0      0x0
48                 activate               0   0   0   0      0x7      0x0
56                 read                   0   0   0   0      0x7      0x3
76                 precharge              0   0   0   0      0x0      0x0
84                 refresh                0   0   0   0      0x0      0x0
""",
    "dramsim3-rw": "0x700c0 READ 56\n",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_worked_by_hand(name: str, tmp_path: Path) -> None:
    assert written(name, tmp_path, EVENTS) == (GOLDEN[name], [])


def test_perfetto_worked_by_hand(tmp_path: Path) -> None:
    text, remarks = written("perfetto", tmp_path, EVENTS)
    chart = readers.read_perfetto(text)
    assert remarks == []
    assert chart.processes == {1: "channel 0, rank 0"}
    assert chart.threads == {1: "all banks", 2: "bank 0", 3: "bank 1"}
    assert chart.owner == {1: 1, 2: 1, 3: 1}
    slices = {tid: [(s.name, s.start_ns, s.end_ns, s.args) for s in all_]
              for tid, all_ in chart.slices.items()}  # fmt: skip
    assert slices == {
        1: [("REF", 105, 365, {})],
        2: [
            ("AAP", 0, 49, {"row": 5, "row2": 1008}),
            ("ACT", 60, 70, {"row": 7}),
            ("RD", 70, 75, {"row": 7, "column": 3}),
            ("PRE", 95, 105, {}),
        ],
        3: [("AP", 15, 60, {"row": 1006})],
    }
    # The first 100 ns: an AAP and an AP of 6.29 nJ, a READ of 44.2 nJ/KB * 64 bytes.
    steps = chart.counters[1, "power by part (mW) activate_precharge"]
    assert steps == [(0, 125.8), (0.1, 0)]
    assert chart.counters[1, "power by part (mW) read_write"][0] == (0, 27.625)
    assert chart.counters[1, "power (mW) total"][0] == (0, 153.425)


def test_golden_files_cover_every_format() -> None:
    """A new format needs a golden file and a reader."""
    assert FORMATS.keys() == GOLDEN.keys() | {"perfetto"}
    assert FORMATS.keys() == readers.READERS.keys() | {"perfetto"}


# A burst of bank 0 to bank 5, at 16 ns as early as tRRD and tRCD allow.
COPY = (
    Event(0, ACT, bank=0, row=7),
    Event(6_000, ACT, bank=5, row=9),
    Event(16_000, TRANSFER, bank=0, row=7, row2=9, column=3, to=5),
    Event(35_000, PRE, bank=0),
    Event(46_000, PRE, bank=5),
)


@pytest.mark.parametrize("name", GOLDEN)
def test_formats_without_transfers_leave_them_out(name: str, tmp_path: Path) -> None:
    """Rows are opened and closed as they were; a file of READs and WRITEs has nothing of it."""
    text, remarks = written(name, tmp_path, COPY)
    without = written(name, tmp_path, [one for one in COPY if one.kind is not TRANSFER])
    assert text == without[0]
    assert not without[1] if "rw" not in name else remarks == without[1]
    if "rw" not in name:
        (remark,) = remarks
        assert remark.endswith(
            ": 1 TRANSFERs between banks are left out, for which the format has no command; the "
            "ACTs and PREs around them are there"
        )


def test_perfetto_shows_a_transfer_in_both_banks(tmp_path: Path) -> None:
    text, remarks = written("perfetto", tmp_path, COPY, DDR3, ModelOptions(energy="datasheet"))
    chart = readers.read_perfetto(text)
    assert remarks == []
    assert [(s.name, s.start_ns, s.end_ns, s.args) for s in chart.slices[2]][1] == (
        "TRANSFER", 16, 21, {"row": 7, "column": 3, "to_bank": 5, "to_row": 9},
    )  # fmt: skip
    assert [(s.name, s.start_ns, s.end_ns, s.args) for s in chart.slices[7]][1] == (
        "TRANSFER", 16, 21, {"row": 9, "column": 3, "from_bank": 0, "from_row": 7},
    )  # fmt: skip
    moved_pj = 1.5 * 8 * (187 - 57 + 165 - 57) * 5  # V x chips x mA x ns
    found = power_pj(chart, "power by part (mW) read_write")
    assert found == pytest.approx(moved_pj, rel=1e-6)


def test_recorded_transfers_name_both_rows() -> None:
    """Targets of a TRANSFER are one a pair, those of other commands one a bank."""
    pairs = Segment((Run(((ACT, 1), (TRANSFER, 1), (PRE, 1)), 1),), (0, 1), (5, 4))
    rows = Targets.of([7, 9] * 2)
    moves = Targets.of([7] * 2, 9, 0)
    kept = Kept()
    Recorder(DDR3, ModelOptions(), [kept]).record(pairs, iter([rows, moves, rows]))
    assert [(e.kind, e.bank, e.to, e.row, e.row2, e.column) for e in kept.events[:6]] == [
        *((ACT, bank, None, row, None, None) for bank, row in ((0, 7), (5, 9), (1, 7), (4, 9))),
        (TRANSFER, 0, 5, 7, 9, 0),
        (TRANSFER, 1, 4, 7, 9, 0),
    ]
    wrong = Recorder(DDR3, ModelOptions(), [Kept()])
    with pytest.raises(ValueError, match="must name 10 commands"):
        wrong.record(pairs, iter([rows, rows, rows]))
    with pytest.raises(ValueError, match="must name 10 commands more, not 6"):
        wrong.record(pairs, iter([rows, moves]))


@pytest.mark.parametrize(("acts", "lines"), [(1, 3), (2, 4)])
def test_drampower_charges_the_activations_that_the_switches_say(
    acts: int, lines: int, tmp_path: Path
) -> None:
    text, _ = written("drampower", tmp_path, EVENTS[:1], DDR3, ModelOptions(acts_per_aap=acts))
    assert len(text.splitlines()) == lines
    text, _ = written("ramulator", tmp_path, EVENTS[:1], DDR3, ModelOptions(acts_per_aap=acts))
    assert text.count("ACT") == 2  # what is on the bus does not depend on it


def test_drampower_finds_the_datasheet_energy(tmp_path: Path) -> None:
    """DRAMPower's formulas (core_calculation_DDR4.cpp at factRho = 1) on the trace, by hand.

    Between the AAP and the AP one bank or the other is open for 40 clocks, then one for 28; the
    refresh takes 208; END comes at 292.
    """
    options = ModelOptions(energy="datasheet")
    read = readers.read_drampower(written("drampower", tmp_path, EVENTS, DDR3, options)[0], DDR3)
    count = {name: sum(one.name == name for one in read) for name in ("ACT", "PRE", "RD", "REF")}
    assert count == {"ACT": 4, "PRE": 3, "RD": 1, "REF": 1}
    volts, chips, clock_ns = 1.5, 8, 1.25
    wanted = {  # V x mA x ns = pJ
        "activate_precharge": (75 - 57) * 35 * count["ACT"] + (75 - 50) * 10 * count["PRE"],
        "read_write": (187 - 57) * 5 * count["RD"],
        "refresh": (220 - 57) * 260 * count["REF"],
        "background": (57 * (40 + 28 + 208) + 50 * (292 - 40 - 28 - 208)) * clock_ns,
    }
    found = energy_by_hand(DDR3, options, list(EVENTS))
    for part, value in wanted.items():
        assert value * volts * chips == pytest.approx(found[part], rel=1e-12)


def test_decoder_and_clocked_move_the_second_act(tmp_path: Path) -> None:
    plain = written("drampower", tmp_path, EVENTS[:1], DDR3, ModelOptions(split_decoder=False))[0]
    assert [line.split(",")[0] for line in plain.splitlines()] == ["0", "28", "56", "64"]
    clocked = written("drampower", tmp_path, EVENTS[:1], DDR3, ModelOptions(clocked=True))[0]
    assert [line.split(",")[0] for line in clocked.splitlines()] == ["0", "4", "32", "40"]


def test_bank_groups(tmp_path: Path) -> None:
    """Bank 6 of four groups of four is bank 1 of group 2; DRAMPower counts it 2 * 4 + 1."""
    events = [Event(0, AP, bank=6, row=3)]
    assert written("drampower", tmp_path, events, GROUPS)[0].startswith("0,ACT,0,2,9,3,0\n")
    text = written("ramulator", tmp_path, events, GROUPS)[0]
    assert text.splitlines()[:2] == [
        "clock,command,Channel,Rank,BankGroup,Bank,Row,Column,type,source",
        "0,ACT,0,0,2,1,3,-1,-1,-1",
    ]
    chart = readers.read_perfetto(written("perfetto", tmp_path, events, GROUPS)[0])
    assert chart.threads[8] == "group 2, bank 1"


def test_requests_have_addresses_of_their_own(tmp_path: Path) -> None:
    """By its address Ramulator tells one request from another: rows, banks and columns of DDR4."""
    events = [
        event
        for bank in range(2)
        for event in (
            Event(100_000 * bank, ACT, bank, row=7),
            *(Event(100_000 * bank + 20_000, WR, bank, 7, None, column) for column in (0, 1)),
        )
    ]
    text, _ = written("ramulator-rw", tmp_path, events, GROUPS)
    # 16 banks of 128 bursts of 64 bytes; bank 1 is the first of group 1, the groups lie lower.
    first = 7 * 16 * 128 * 64
    wanted = (first, first + 64, first + 128 * 64, first + 129 * 64)
    assert text == "".join(f"ST {address:#x}\n" for address in wanted)


def test_one_command_a_clock(tmp_path: Path) -> None:
    """Eight AAPs at once: each waits until it finds three free clocks, and the user is told."""
    events = [Event(0, AAP, bank, row=1, row2=2) for bank in range(8)]
    free = ModelOptions(faw=False)
    text, remarks = written("drampower", tmp_path, events, DDR3, free)
    clocks = [int(line.split(",")[0]) for line in text.splitlines()]
    assert clocks == [*range(16), *range(32, 36), *range(40, 44), 51]  # END: tRP after the last
    assert remarks == [
        f"trace {str(tmp_path / 'trace')!r}: 7 of 8 commands wait up to 5 clocks for a free "
        "one on the command bus, which pimsim does not model"
    ]


def test_what_is_moved_moves_what_depends_on_it(tmp_path: Path) -> None:
    """6 ns are 5 clocks: eight APs 6 ns apart keep them, and PREs their tRAS of 28 clocks."""
    events = [Event(6_000 * bank, AP, bank, row=1) for bank in range(4)]
    text, _ = written("drampower", tmp_path, events)
    clocks = [int(line.split(",")[0]) for line in text.splitlines()]
    assert clocks == [0, 5, 10, 15, 28, 33, 38, 43, 51]


def test_bursts_do_not_come_to_overlap(tmp_path: Path) -> None:
    """A READ that waits for three commands of its time makes the next one, 5 ns later, wait."""
    events = [
        Event(0, ACT, 0, row=1),
        *(Event(10_000, AP, bank, row=2) for bank in (1, 2, 3)),
        Event(10_000, RD, 0, row=1, column=0),
        Event(15_000, RD, 0, row=1, column=1),
    ]
    for name in ("drampower", "dramsim3"):
        text, _ = written(name, tmp_path, events, DDR3, ModelOptions(faw=False))
        read = [one for one in readers.READERS[name](text, DDR3) if one.name == "RD"]
        assert [one.clock for one in read] == [11, 15]


def test_a_refresh_may_be_told_late(tmp_path: Path) -> None:
    """Commands of a channel come in order of time, REFs excepted: the bus has them when told."""
    events = [Event(100_000, AP, 8, row=1), Event(106_000, AP, 9, row=1), Event(50_000, REF, 0)]
    text, remarks = written("drampower", tmp_path, events, TWO_RANKS)
    names = [tuple(line.split(",")[:3]) for line in text.splitlines()]
    assert names == [
        ("80", "ACT", "1"),
        ("85", "ACT", "1"),
        ("86", "REFA", "0"),
        ("108", "PRE", "1"),
        ("113", "PRE", "1"),
        ("294", "END", "0"),
    ]
    assert "1 of 3 commands wait up to 1 clocks" in "".join(remarks)


def test_files_for_channels(tmp_path: Path) -> None:
    """Of a system of several channels, each has a file of its own where the tool wants that."""
    events = [Event(50_000, AP, bank=17, row=1), Event(0, AP, bank=0, row=2)]
    for name, files in (
        ("drampower", ["t.csv.ch0.gz", "t.csv.ch1.gz"]),
        ("perfetto", ["t.csv.gz"]),
    ):
        with Trace(name, tmp_path / "t.csv.gz", CHANNELS, PAPER) as trace:
            for event in events:
                trace.add(event)
        assert sorted(path.name for path in tmp_path.iterdir()) == files
        for path in tmp_path.iterdir():
            assert gzip.decompress(path.read_bytes())
            path.unlink()


# Random streams, legal by the scheduler.

STANDARDS = {"one rank": DDR3, "two ranks": TWO_RANKS, "bank groups": GROUPS}


@st.composite
def streams(draw: st.DrawFn) -> tuple[Standard, ModelOptions, list[Event]]:
    standard = STANDARDS[draw(st.sampled_from(sorted(STANDARDS)))]
    options = ModelOptions(
        faw=draw(st.booleans()),
        refresh=False,
        split_decoder=draw(st.booleans()),
        acts_per_aap=draw(st.sampled_from((1, 2))),
        energy=draw(st.sampled_from(("ambit-paper", "datasheet"))),
        open_bank_share=draw(st.sampled_from((None, None, 0.0, 0.3))),
        clocked=draw(st.booleans()),
    )
    scheduler = Scheduler(standard, options)
    banks = draw(
        st.lists(st.integers(0, standard.all_banks - 1), min_size=1, max_size=5, unique=True)
    )
    row = st.integers(0, standard.subarrays_per_bank * standard.rows_per_subarray - 1)
    opened: dict[int, int] = {}
    events: list[Event] = []
    idle_ps = 0
    for _ in range(draw(st.integers(0, 40))):
        bank = draw(st.sampled_from(banks))
        kinds = [PRE, RD, WR] if bank in opened else [ACT, AAP, AP]
        if not any(other // standard.banks == bank // standard.banks for other in opened):
            kinds.append(REF)
        of_rank = [b for b in opened if b // standard.banks == bank // standard.banks and b != bank]
        kinds += [TRANSFER] if bank in opened and of_rank else []
        kind = draw(st.sampled_from(kinds))
        to = draw(st.sampled_from(of_rank)) if kind is TRANSFER else None
        idle_ps += draw(st.sampled_from((0, 0, 0, 1, 777, 33_000, 400_000)))
        at_ps = max(scheduler.probe(kind, bank, to).ready_ps, idle_ps)
        if options.clocked:
            at_ps = math.ceil(at_ps / standard.timing.t_ck_ps) * standard.timing.t_ck_ps
        try:
            scheduler.issue(kind, bank, at_ps, to)
        except DramError:  # an ACT that is still ahead is too near
            continue
        event = Event(at_ps, kind, bank, to=to)
        if kind in (ACT, AP, AAP):
            event = replace(event, row=draw(row), row2=draw(row) if kind is AAP else None)
        if to is not None:
            event = replace(event, row2=opened[to])
        if kind in (RD, WR, TRANSFER):
            burst = draw(st.integers(0, standard.bursts_per_row - 1))
            event = replace(event, row=opened[bank], column=burst)
        if kind is ACT:
            assert event.row is not None
            opened[bank] = event.row
        elif kind is PRE:
            del opened[bank]
        events.append(event)
    return standard, options, events


# The AAP is open for longer than the AP that begins with it.
OVERLAPPING = (
    DDR3,
    ModelOptions(faw=False, split_decoder=False, energy="datasheet"),
    [Event(0, AAP, 0, row=1, row2=2), Event(0, AP, 1, row=3)],
)


def parts(
    standard: Standard, options: ModelOptions, event: Event, acts: int
) -> Iterator[tuple[int, str, int]]:
    """Time, name and row of what a command is on the bus."""
    if event.kind not in (AAP, AP):
        yield event.at_ps, event.kind.name, event.row or 0
        return
    yield event.at_ps, "ACT", event.row or 0
    if event.kind is AAP and acts == 2:
        yield event.at_ps + second_act_ps(standard, options), "ACT", event.row2 or 0
    yield event.at_ps + open_ps(standard, options)[event.kind], "PRE", 0


def second_act_ps(standard: Standard, options: ModelOptions) -> int:
    if not options.split_decoder:
        return timing(standard, options).t_ras_ps
    clock_ps = standard.timing.t_ck_ps if options.clocked else 1
    return math.ceil(4_000 / clock_ps) * clock_ps


def timing(standard: Standard, options: ModelOptions) -> Timing:
    return standard.timing.on_clock() if options.clocked else standard.timing


def open_ps(standard: Standard, options: ModelOptions) -> dict[Kind, int]:
    """How long the commands that close the bank themselves keep it open, or refresh it."""
    t = timing(standard, options)
    second_ps = second_act_ps(standard, options)
    return {AAP: second_ps + t.t_ras_ps, AP: t.t_ras_ps, REF: t.t_rfc_ps}


def end_ps(standard: Standard, options: ModelOptions, events: list[Event]) -> int:
    """When the last slice ends."""
    t = timing(standard, options)
    busy_ps = {kind: busy_ps + t.t_rp_ps for kind, busy_ps in open_ps(standard, options).items()}
    column_ps = t.t_ccd_l_clocks * t.t_ck_ps
    busy_ps |= {ACT: t.t_rcd_ps, PRE: t.t_rp_ps, REF: t.t_rfc_ps}
    column_ps = max(column_ps, standard.burst_ps)
    busy_ps |= {RD: min(column_ps, t.t_rtp_ps), WR: column_ps}
    busy_ps[TRANSFER] = min(column_ps, t.t_rtp_ps)
    return max((event.at_ps + busy_ps[event.kind] for event in events), default=0)


def active_ps(
    standard: Standard, options: ModelOptions, own: list[Event], upto_ps: int
) -> tuple[int, int]:
    """Time with a bank open or refreshing, of the events of one rank; and summed over banks."""
    spans, bank_ps = [], 0
    for index, event in enumerate(own):
        if event.kind is ACT:
            pre = (e.at_ps for e in own[index:] if (e.kind, e.bank) == (PRE, event.bank))
            spans.append((event.at_ps, next(pre, upto_ps)))
        elif event.kind in (AAP, AP, REF):
            spans.append((event.at_ps, event.at_ps + open_ps(standard, options)[event.kind]))
        if event.kind in (ACT, AAP, AP, REF):
            banks = standard.banks if event.kind is REF else 1
            bank_ps += banks * (spans[-1][1] - spans[-1][0])
    total_ps, covered_ps = 0, 0
    for start_ps, stop_ps in sorted(spans):
        total_ps += max(0, stop_ps - max(start_ps, covered_ps))
        covered_ps = max(covered_ps, stop_ps)
    return total_ps, bank_ps


@pytest.mark.parametrize("name", sorted(readers.READERS))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stream=streams())
@pytest.mark.slow
def test_every_command_comes_back(
    name: str, stream: tuple[Standard, ModelOptions, list[Event]], tmp_path: Path
) -> None:
    standard, options, events = stream
    text, remarks = written(name, tmp_path, events, standard, options)
    acts = options.acts_per_aap if name == "drampower" else 2
    wanted = []
    for event in events:
        where = bank_address(standard, event.bank)
        for at_ps, kind, row in parts(standard, options, event, acts):
            if kind == "TRANSFER" or (name.endswith("-rw") and kind not in ("RD", "WR")):
                continue
            bank = (0, 0) if kind == "REF" else (where.group, where.bank)
            row = row if kind in ("ACT", "RD", "WR") else 0
            at = -(-at_ps // standard.timing.t_ck_ps)
            wanted.append((at, kind, where.channel, where.rank, *bank, row, event.column or 0))
    read = readers.READERS[name](text, standard)
    clocks = [command.clock for command in read]
    assert clocks == sorted(set(clocks))
    found = [(c.name, c.channel, c.rank, c.group, c.bank, c.row, c.column) for c in read]
    assert sorted(found) == sorted(one[1:] for one in wanted)
    if name == "ramulator-rw":  # has no clocks
        return
    for where in {one[2:6] for one in wanted}:  # a bank's commands stay in order, none early
        own = [c for c in read if (c.channel, c.rank, c.group, c.bank) == where]
        due = [one for one in wanted if one[2:6] == where]
        assert [c.name for c in own] == [one[1] for one in due]
        assert all(c.clock >= one[0] for c, one in zip(own, due, strict=True))
    if options.clocked and not any("wait" in remark for remark in remarks):
        assert sorted(clocks) == sorted(one[0] for one in wanted)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stream=streams())
@example(stream=OVERLAPPING)
def test_perfetto_shows_every_command_and_all_energy(
    stream: tuple[Standard, ModelOptions, list[Event]], tmp_path: Path
) -> None:
    standard, options, events = stream
    text, _ = written("perfetto", tmp_path, events, standard, options)
    chart = readers.read_perfetto(text)
    shown = [*events, *(event for event in events if event.kind is TRANSFER)]  # in both banks
    assert sum(map(len, chart.slices.values())) == len(shown)
    for tid, slices in chart.slices.items():
        for one, two in pairwise(slices):
            assert one.end_ns <= two.start_ns, (tid, one, two)
    starts = sorted((s.start_ns, s.name) for all_ in chart.slices.values() for s in all_)
    assert starts == sorted((event.at_ps // 1000, event.kind.name) for event in shown)

    wanted = energy_by_hand(standard, options, events)
    for series in ("total", *command_energies(options.energy, standard).parts):
        name = f"power{'' if series == 'total' else ' by part'} (mW) {series}"
        found = power_pj(chart, name)
        assert found == pytest.approx(wanted.get(series, math.fsum(wanted.values())), rel=1e-5)


def energy_by_hand(
    standard: Standard, options: ModelOptions, events: list[Event]
) -> dict[str, float]:
    """Energy of the parts in pJ; background of the ranks that have commands, until the last."""
    pj = command_energies(
        options.energy,
        replace(standard, timing=timing(standard, options)),
        acts_per_aap=options.acts_per_aap,
        open_bank_share=options.open_bank_share,
    )
    of = {ACT: pj.act_pj, PRE: pj.pre_pj, AAP: pj.aap_pj, AP: pj.ap_pj, RD: pj.rd_pj,
          WR: pj.wr_pj, REF: pj.ref_pj, TRANSFER: pj.transfer_pj}  # fmt: skip
    io = {RD: pj.rd_io_pj, WR: pj.wr_io_pj}
    parts_pj = {
        "activate_precharge": sum(of[e.kind] for e in events if e.kind in (ACT, PRE, AAP, AP)),
        "read_write": sum(of[e.kind] for e in events if e.kind in (RD, WR, TRANSFER)),
        "io": sum(io[e.kind] for e in events if e.kind in (RD, WR)),
        "refresh": sum(of[e.kind] for e in events if e.kind is REF),
        "background": 0.0,
    }
    for rank in {event.bank // standard.banks for event in events}:
        own = [event for event in events if event.bank // standard.banks == rank]
        upto_ps = end_ps(standard, options, own)
        active, in_banks = active_ps(standard, options, own, upto_ps)
        power = active * pj.active_mw + (upto_ps - active) * pj.standby_mw
        power += in_banks * pj.open_bank_mw
        parts_pj["background"] += power * 1e-3  # mW x ps = 1e-3 pJ
    return {part: parts_pj[part] for part in pj.parts}


def power_pj(chart: Any, counter: str) -> float:
    """Energy under one counter, of all ranks."""
    energy_pj = 0.0
    for (_, name), steps in chart.counters.items():
        if name == counter:
            assert steps[-1][1] == 0
            energy_pj += sum(
                value * (after - at) * 1e3  # mW x us = 1e3 pJ
                for (at, value), (after, _) in pairwise(steps)
            )
    return energy_pj


@pytest.mark.parametrize("refresh", [False, True])
def test_power_is_that_of_the_timeline(refresh: bool, tmp_path: Path) -> None:
    """Time, and the time with a bank open, are the same that a run is priced by."""
    options = ModelOptions(energy="datasheet", refresh=refresh)
    xnor = ((AAP, 3), (AP, 2), (AAP, 2))
    segments = [
        Segment((Run(((ACT, 1), (WR, 16), (PRE, 1)), 2),), tuple(range(8))),
        Segment((Run(xnor, 40),), tuple(range(8))),
        Segment((Run(((ACT, 1), (RD, 16), (PRE, 1)), 1),), (2,)),
    ]
    timeline = Timeline(DDR3, options)
    for segment in segments:
        timeline.run(segment)
    events = [Event(*issued[:3]) for issued in walk(DDR3, options, segments)]
    assert (timeline.refreshes > 2) == refresh
    chart = readers.read_perfetto(written("perfetto", tmp_path, events, DDR3, options)[0])
    ends_ns = [one.end_ns for slices in chart.slices.values() for one in slices]
    assert max(ends_ns) == timeline.now_ps // 1000
    pj = command_energies("datasheet", DDR3)
    standby_ps = timeline.now_ps - timeline.open_ps
    background = timeline.open_ps * pj.active_mw + standby_ps * pj.standby_mw
    found = power_pj(chart, "power by part (mW) background")
    assert found == pytest.approx(background * 1e-3, rel=1e-6)


@given(st.integers(0, 10**15) | st.integers(0, 10**9).map(lambda ns: ns * 1000))
@example(1_001_000)
def test_times_come_out_of_doubles_whole(time_ps: int) -> None:
    text = microseconds(time_ps)
    assert int(float(text) * 1000.0) == time_ps // 1000
    assert int(Decimal(text) * 1_000_000) == time_ps


def test_long_idleness_costs_nothing(tmp_path: Path) -> None:
    """An hour of standby between two commands is a handful of counter values."""
    events = [Event(0, AP, 0, row=1), Event(3_600 * 10**12, AP, 0, row=2)]
    options = ModelOptions(energy="datasheet", refresh=False)
    text, _ = written("perfetto", tmp_path, events, DDR3, options)
    assert len(text.splitlines()) < 30


def test_extra_wordlines_count_in_power(tmp_path: Path) -> None:
    options = ModelOptions(extra_wordline_factor=0.22)
    text, _ = written("perfetto", tmp_path, [replace(EVENTS[1], extra_wordlines=2)], DDR3, options)
    energy_pj = power_pj(readers.read_perfetto(text), "power (mW) total")
    assert energy_pj == pytest.approx(6290 * 1.44, rel=1e-6)


# Files.


@pytest.mark.parametrize("name", FORMATS)
def test_limit(name: str, tmp_path: Path) -> None:
    """After the limit the file is as if there had been no more commands."""
    path = tmp_path / "trace"
    with Trace(name, path, DDR3, PAPER, limit=4) as trace:
        for event in EVENTS:
            assert trace.full == (trace.commands >= 4)
            trace.add(event)
        trace.skip(94)
    text = path.read_text()
    path.unlink()
    assert trace.remarks == [f"trace {str(path)!r} stopped after 4 of 100 commands"]
    assert (text, []) == written(name, tmp_path, EVENTS[:4])


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_to_trace(name: str, tmp_path: Path) -> None:
    text, remarks = written(name, tmp_path, [])
    assert len(remarks) == 1
    assert ": it holds no " in remarks[0]
    if name == "perfetto":
        assert readers.read_perfetto(text).slices == {}
    else:
        assert readers.READERS[name](text, DDR3) == []


@pytest.mark.parametrize("name", FORMATS)
def test_compressed(name: str, tmp_path: Path) -> None:
    plain = written(name, tmp_path, EVENTS)[0]
    path = tmp_path / "trace.gz"
    with Trace(name, path, DDR3, PAPER) as trace:
        for event in EVENTS:
            trace.add(event)
    packed = path.read_bytes()
    assert gzip.decompress(packed).decode("ascii") == plain
    assert packed[3:8] == bytes(5)  # no name and no time: equal traces are equal files


@pytest.mark.parametrize("name", FORMATS)
def test_an_interrupted_run_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("before")

    def interrupted() -> None:
        with Trace(name, path, DDR3, PAPER, limit=2) as trace:
            for event in EVENTS:
                trace.add(event)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["perfetto", "drampower", "dramsim3"])
def test_full_disk(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"trace{suffix}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write() -> None:
        with Trace(name, path, DDR3, PAPER) as trace:
            for index in range(20_000 if suffix else 8_000):
                row = index * 7919 % 65_536
                trace.add(Event(49_000 * index, AAP, index % 8, row, 65_535 - row))

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(InputError, match="cannot be written: File too large") as refusal:
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def _enter(path: Path) -> None:
    with Trace("drampower", path, DDR3, PAPER):
        pass


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "t.csv"
    with pytest.raises(InputError) as refusal:
        _enter(missing)
    assert str(refusal.value) == (
        f"trace {str(missing)!r} cannot be written: there is no folder {str(missing.parent)!r}"
    )
    for special in (tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="cannot be written: it is not a regular file"):
            _enter(special)
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("before")
    link.symlink_to(target)
    _enter(link)
    assert link.is_symlink()
    assert target.read_text() == "0,END,0,0,0,0,0\n"


def test_order_and_banks_are_checked(tmp_path: Path) -> None:
    with Trace("drampower", tmp_path / "t", DDR3, PAPER) as trace:
        trace.add(Event(10, AP, 0))
        with pytest.raises(DramError, match=r"not AP at 9 ps after one at 10 ps$"):
            trace.add(Event(9, AP, 1))
        with pytest.raises(DramError, match=r"^trace: bank must be 0 to 7, not 8$"):
            trace.add(Event(10, AP, 8))


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown trace format 'x' "):
        Trace("x", tmp_path / "t", DDR3, PAPER)
    with pytest.raises(InputError, match="`limit` must be a positive integer, not 0"):
        Trace("drampower", tmp_path / "t", DDR3, PAPER, limit=0)
    no_currents = replace(DDR3, currents=None)
    with pytest.raises(InputError, match="`energy` must be ambit-paper"):
        Trace("perfetto", tmp_path / "t", no_currents, ModelOptions(energy="datasheet")).__enter__()
    assert list(tmp_path.iterdir()) == []


# The page about traces.


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_shows_what_is_written(name: str, tmp_path: Path) -> None:
    section = DOCS.read_text("utf-8").split(f"\n## `{name}`\n")[1].split("\n## ")[0]
    excerpt = section.split("```text\n")[1].split("```")[0]
    text = written(name, tmp_path, EVENTS)[0]
    assert excerpt == text.replace("00" * 64, "00...00")


def test_the_page_lists_every_format() -> None:
    page = DOCS.read_text("utf-8")
    for name in FORMATS:
        assert f"| [`{name}`](#{name}) |" in page
