"""Traces: golden files worked by hand."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.dram.timeline.command_stream import Run, Segment
from pimsim.dram.traces import FORMATS, Event, Trace
from pimsim.dram.traces.recorder import Recorder, Targets

from ...kept_commands import Kept
from . import trace_readers as readers
from .traced_energy import energy_by_hand, power_pj
from .written_traces import DDR3, EVENTS, PAPER, written

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
TWO_RANKS = replace(DDR3, ranks=2)
GROUPS = load("ddr4-2400")
CHANNELS = load("hbm2")


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
