"""Traces read back: against the naive check, against the price of a stream, and what is refused."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pimsim.cost import Cost, Elapsed, charge, price
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.timeline.command_stream import Run, Segment, issue_order, row_cycle, walk
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces import FORMATS, Event, Trace
from pimsim.dram.traces.reading import source
from pimsim.dram.traces.reading.formats import READERS
from pimsim.dram.traces.reading.legality import Checker
from pimsim.dram.traces.reading.parts import Parts, Unfolding
from pimsim.dram.traces.reading.stream import Found, read
from pimsim.errors import InputError

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
DDR3 = load("ddr3-1600-8-8-8")
PAPER = ModelOptions()
Command = tuple[int, Kind, int, int | None]


def segments(standard: Standard, banks: int) -> list[Segment]:
    several = issue_order(standard, range(banks))
    return [
        Segment((Run(row_cycle(WR, 3), 2),), several),
        Segment((Run(((AAP, 2), (AP, 1), (AAP, 1)), 40),), several),
        Segment((Run(row_cycle(RD, 2), 2),), several),
        Segment((Run(row_cycle(TRANSFER, 3), 1),), (0,), (standard.bank_groups,)),
    ]


def exported(
    name: str, path: Path, standard: Standard, options: ModelOptions, stream: list[Segment]
) -> list[Path]:
    with Trace(name, path, standard, options) as trace:
        for at_ps, kind, bank, to in walk(standard, options, stream):
            row = None if kind in (PRE, REF) else 3
            column = 1 if kind in (RD, WR, TRANSFER) else None
            row2 = 7 if kind in (AAP, TRANSFER) else None
            trace.add(Event(at_ps, kind, bank, row, row2, column, 0, to))
    return sorted(path.parent.iterdir())


def cost_of(found: Found, standard: Standard, options: ModelOptions) -> Cost:
    elapsed = Elapsed(
        found.latency_ps, found.held_ps, found.open_ps, found.bank_open_ps, found.refreshes
    )
    return charge(found.counts, elapsed, standard, options)


def same(one: Cost, other: Cost) -> None:
    assert one.latency_ps == other.latency_ps
    assert one.refreshes == other.refreshes
    assert one.energy_pj == pytest.approx(other.energy_pj, rel=1e-12)


@pytest.mark.parametrize("clocked", [False, True])
@pytest.mark.parametrize("part", names())
def test_a_trace_of_a_run_costs_what_the_run_does(part: str, clocked: bool, tmp_path: Path) -> None:
    """To the picosecond, of every part; all its channels are in one file."""
    standard = load(part)
    options = ModelOptions.of(standard, banks=8, clocked=clocked)
    stream = segments(standard, 8)
    (path,) = exported("perfetto", tmp_path / "run.json", standard, options, stream)
    found = read(path, standard, options)
    same(cost_of(found, standard, options), price(stream, standard, options))
    assert not found.violations
    line = Timeline(standard, options)
    for segment in stream:
        line.run(segment)
    assert (found.open_ps, found.bank_open_ps) == (line.open_ps, line.bank_open_ps)


@pytest.mark.parametrize("name", ["drampower", "ramulator", "dramsim3"])
@pytest.mark.parametrize("part", names())
def test_in_clocks_as_well_where_no_two_commands_meet(name: str, part: str, tmp_path: Path) -> None:
    """With ``clocked`` and a bank alone the bus holds nothing back; a TRANSFER is not in it."""
    standard = load(part)
    options = ModelOptions.of(standard, banks=1, clocked=True)
    stream = segments(standard, 1)[:3]
    (path,) = exported(name, tmp_path / "run", standard, options, stream)
    found = read(path, standard, options)
    assert found.form == name
    # Ramulator has commands at their first clock, and no clock is negative.
    before = [standard.command_bus.taken(kind)[0] for kind in Kind]
    early_clocks = max(before) if name == "ramulator" else 0
    early_ps = early_clocks * standard.timing.t_ck_ps
    moved = replace(found, latency_ps=found.latency_ps - early_ps, held_ps=found.held_ps - early_ps)
    same(cost_of(moved, standard, options), price(stream, standard, options))
    assert not found.violations
    assert "TRANSFERs" in found.lacks


@pytest.mark.parametrize("name", ["perfetto", "drampower", "ramulator", "dramsim3"])
def test_blocks_make_no_difference(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ModelOptions(energy="datasheet")
    (path,) = exported(name, tmp_path / "run.gz", DDR3, options, segments(DDR3, 8)[:3])
    whole = read(path, DDR3, options)
    monkeypatch.setattr(source, "_TOGETHER", 7)
    assert read(path, DDR3, options) == whole
    plain = tmp_path / "plain"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert read(plain, DDR3, options) == whole


def test_every_format_of_commands_has_a_reader() -> None:
    assert READERS.keys() == {name for name in FORMATS if not name.endswith("-rw")} | {"plain"}


# -- legality ---------------------------------------------------------------------------------


@st.composite
def streams(
    draw: st.DrawFn,
) -> tuple[Standard, ModelOptions, list[tuple[int, Kind, int, int | None]]]:
    """A legal stream of which some commands come too early or too late."""
    base = load(draw(st.sampled_from(names())))
    standard = replace(base, channels=1, banks=4, bank_groups=draw(st.sampled_from([1, 2])))
    options = ModelOptions(
        faw=draw(st.booleans()),
        refresh=False,
        split_decoder=draw(st.booleans()),
        acts_per_aap=draw(st.sampled_from([1, 2])),
    )
    columns = st.sampled_from([RD, WR])
    cycles = st.sampled_from([
        ((AAP, 1), (AP, 1)), ((AP, 2),), ((ACT, 1), (PRE, 1)),
    ]) | st.lists(columns, min_size=1, max_size=3).map(
        lambda kinds: ((ACT, 1), *((kind, 1) for kind in kinds), (PRE, 1))
    )  # fmt: skip
    stream = []
    for _ in range(draw(st.integers(1, 3))):
        banks = draw(st.permutations(range(4)))[: draw(st.integers(1, 4))]
        stream.append(Segment((Run(draw(cycles), draw(st.integers(1, 2))),), tuple(banks)))
    commands = [tuple(each) for each in walk(standard, options, stream)]
    scale = draw(st.sampled_from([1.0, 1.0, 0.97, 0.9]))
    shift = draw(st.sampled_from([0, 0, 1, 1_250]))
    at = draw(st.integers(0, len(commands)))
    moved = [
        (max(0, int(when * scale) - (shift if place >= at else 0)), *rest)
        for place, (when, *rest) in enumerate(commands)
    ]
    left_out = draw(st.integers(0, 2 * len(moved)))
    if left_out < len(moved) and moved[left_out][1] is not PRE:  # after ACT, ACT would be an AAP
        del moved[left_out]
    return standard, options, sorted(moved, key=lambda each: each[0])


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=streams())
def test_what_is_found_is_what_the_naive_check_finds(
    drawn: tuple[Standard, ModelOptions, list[Command]],
    naive: ModuleType,
) -> None:
    standard, options, commands = drawn
    wanted = naive.violations(standard, options, commands)
    columns = zip(*((at, kind, bank, -1, line) for line, (at, kind, bank, _) in
                    enumerate(commands, 1)), strict=True)  # fmt: skip
    parts = Parts(*(np.array(column, np.int64) for column in columns))
    checker = Checker(standard, options, on_bus=False)
    unfolding = Unfolding(standard, options)
    checker.add(unfolding.add(parts, int(parts.at_ps[-1])))
    checker.add(unfolding.rest())
    assert bool(checker.counts) == bool(wanted)


def test_what_is_short_is_said_by_how_much(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("# mine\n0 ACT 0 5\n9000 RD 0 5 1\n30000 PRE 0\n39999 AP 0 6\n85000 RD 0\n")
    found = read(path, DDR3, ModelOptions(refresh=False))
    assert [
        (one.line, one.kind, one.bank, one.constraint, one.short_ps) for one in found.first
    ] == [
        (3, RD, 0, "tRCD", 1_000),
        (4, PRE, 0, "tRAS", 5_000),
        (5, ACT, 0, "tRC", 5_001),
        (5, ACT, 0, "tRP", 1),
        (6, RD, 0, "state", 0),
    ]
    assert found.violations == {"state": 1, "tRAS": 1, "tRC": 1, "tRCD": 1, "tRP": 1}


CASES = {
    "tFAW": ("".join(f"{7_000 * i} AP {i}\n" for i in range(4)) + "29000 AP 4\n", "tFAW", 1_000),
    "tREFI": ("0 AP 0\n70200001 AP 0\n", "tREFI", 1),
    "AAP": ("0 ACT 0\n3000 ACT 0\n40000 PRE 0\n", "AAP", 1_000),
    "third ACT": ("0 ACT 0\n4000 ACT 0\n50000 ACT 0\n90000 PRE 0\n", "state", 0),
    "tRFC": ("0 REF 0\n259999 AP 3\n", "tRFC", 1),
    "tWR": ("0 ACT 0\n10000 WR 0\n39000 PRE 0\n", "tWR", 1_000),
    "open REF": ("0 ACT 1\n60000 REF 0\n", "state", 0),
    "tRRD": ("0 AP 0\n5000 AP 1\n", "tRRD_S", 1_000),
    "closed TRANSFER": ("0 ACT 0\n20000 TRANSFER 0 1\n60000 PRE 0\n", "state", 0),
}


@pytest.mark.parametrize("case", CASES)
def test_constraints_by_hand(case: str, tmp_path: Path) -> None:
    text, name, short_ps = CASES[case]
    path = tmp_path / "mine.txt"
    path.write_text(text)
    found = read(path, DDR3, PAPER)
    assert found.violations == {name: 1}
    assert found.first[0].short_ps == short_ps


def test_two_commands_on_one_clock(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("0,ACT,0,0,0,1,0\n10,ACT,0,0,1,1,0\n28,PRE,0,0,0,0,0\n38,PRE,0,0,1,0,0\n")
    assert not read(path, DDR3, PAPER).violations
    path.write_text("0,ACT,0,0,0,1,0\n28,ACT,0,0,1,1,0\n28,PRE,0,0,0,0,0\n56,PRE,0,0,1,0,0\n")
    assert read(path, DDR3, PAPER).violations == {"command bus": 1}


# -- what others write ------------------------------------------------------------------------


def test_recordings_of_the_tools_are_read(tmp_path: Path) -> None:
    """Ramulator's ACT with a request, DRAMsim3's refresh of channel -1; both have a burst."""
    ramulator = tmp_path / "r.csv.ch0"
    ramulator.write_text(
        "clock,command,Channel,Rank,BankGroup,Bank,Row,Column,type,source\n"
        "1,ACT,0,0,0,0,338,0,1,-1\n18,WR,0,0,0,0,338,0,1,-1\n69,PREpb,0,0,0,0,339,0,1,-1\n"
        "200,REFab,0,0,-1,-1,-1,-1,-1,-1\n"
    )
    ddr4, options = load("ddr4-2400"), ModelOptions.of(load("ddr4-2400"))
    found = read(ramulator, ddr4, options)
    assert (found.counts.act, found.counts.wr, found.counts.pre, found.refreshes) == (1, 1, 1, 1)
    assert not found.violations
    dramsim3 = tmp_path / "cmd.trace"
    dramsim3.write_text(
        "191                activate               0   0   0   0     0xa9      0x0\n"
        "208                write                  0   0   0   0     0xa9      0x0\n"
        "300                precharge              0   0   0   0      0x0      0x0\n"
        "4699               refresh               -1   0  -1  -1     -0x1     -0x1\n"
    )
    assert read(dramsim3, ddr4, options).counts == found.counts


def test_without_times_commands_come_as_early_as_is_legal(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("AAP 0 5 1008\nAAP 1 5 1008\nAP 0 1006\n" * 400)
    found = read(path, DDR3, PAPER)
    stream = [
        Segment((Run(((AAP, 1),), 1),), (0, 1)), Segment((Run(((AP, 1),), 1),), (0,)),
    ] * 400  # fmt: skip
    same(cost_of(found, DDR3, PAPER), price(stream, DDR3, PAPER))
    assert found.scheduled
    assert not found.violations
    assert found.refreshes > 2


# -- refusals ---------------------------------------------------------------------------------

BAD = {
    "unknown command": ("0 ATC 0 5\n", "mine, line 1: unknown command 'ATC'; did you mean `ACT`?"),
    "no command": ("0 AP 0\n5\n", "mine, line 2: unknown command ''"),
    "time goes back": (
        "100 AP 0\n99 AP 1\n",
        "mine, line 2: times of a channel must not go back, from 100 ps to 99 ps",
    ),
    "bank": ("0 AP 8\n", "mine, line 1: the bank (ddr3-1600-8-8-8) must be a whole number of 0 to "
             "7, not '8'"),
    "no bank": ("0 AP\n", "mine, line 1: AP must name a bank"),
    "some times": ("AP 0\n5 AP 0\n", "mine, line 2: either every command must have a time or none"),
    "time": ("-5 AP 0\n", "mine, line 1: the time must be a whole number of 0 to "),
    "not open": ("RD 0\n", "mine, line 1: RD of bank 0 must find a row open, but it is closed"),
    "nothing": ("# nothing\n", "mine: a trace must hold commands, not none"),
    "drampower bank": (
        "0,ACT,0,0,9,1,0\n",
        "mine, line 1: the bank (ddr3-1600-8-8-8) must be 0 to 7, not 9",
    ),
    "drampower command": ("0,ACT,0,0,1,1,0\n9,XYZ,0,0,1,1,0\n", "mine, line 2: unknown command "
                          "'XYZ'"),
    "drampower fields": ("0,ACT,0,0,1,1,0\n9,PRE,0\n", "mine, line 2: it must have the fields "
                         "timestamp,command,rank,"),
    "drampower number": ("0,ACT,0,0,1,1,0\nx,PRE,0,0,1,0,0\n", "mine, line 2: the time stamp must "
                         "be a whole number of 63 bits, not 'x'"),
    "back": ("50,ACT,0,0,1,1,0\n9,PRE,0,0,1,0,0\n", "mine, line 2: times of a channel must not go "
             "back, from 62,500 ps to 11,250 ps"),
    "rank": ("0,ACT,3,0,1,1,0\n", "mine, line 1: the rank (ddr3-1600-8-8-8) must be 0 to 0, not 3"),
    "ramulator header": ("clock,command,Channel,Rank,BankGroup,Bank,Row,Column,type,source\n",
                         "mine, line 1: the header must begin with clock,command,Channel,Rank,"),
    "requests": ("LD 0x40\n", "mine, line 1: a trace must have the commands of a DRAM, not "
                 "requests"),
    "vectors": ("R 0,0,0,1,2\n", "mine, line 1: a trace must have the commands of a DRAM"),
    "dramsim3 requests": ("0x40 READ 5\n", "mine, line 1: a trace must have the commands"),
    "another part": (
        '{"displayTimeUnit": "ns", "otherData": {"standard": "hbm2"}, "traceEvents": [\n',
        "mine, line 1: it is a trace of 'hbm2', not of 'ddr3-1600-8-8-8': say so by --standard ",
    ),
    "slice": (
        '{"otherData": {}, "traceEvents": [\n{"ph":"X","name":"AP","tid":99,"ts":0,"dur":1}\n',
        "mine, line 2: the bank must be 0 to 7 (ddr3-1600-8-8-8), not 97",
    ),
    "slices": ('{\n{"ph":"X","name":"AP"}\n', "mine, line 2: it must be a slice with name, tid"),
    "transfer": (
        '{\n{"ph":"X","name":"TRANSFER","tid":2,"ts":1,"args":{"to_bank":99}}\n',
        "mine, line 2: the other bank must be one of ddr3-1600-8-8-8, not (99, 0)",
    ),
    "transfer to nowhere": (
        '{\n{"ph":"X","name":"TRANSFER","tid":2,"ts":1}\n', "mine, line 2: it must be a slice",
    ),
    "time that is none": (
        '{\n{"ph":"X","name":"AP","tid":2,"ts":NaN}\n', "mine, line 2: it must be a slice",
    ),
    "slice too late": (
        '{\n{"ph":"X","name":"AP","tid":2,"ts":1e30}\n', "mine, line 2: the time must be 0 to ",
    ),
    "too late": ("9999999999999999999 AP 0\n", "mine, line 1: the time must be a whole number of "),
    "clock too late": ("9000000000000000000,ACT,0,0,0,0,0\n", "mine, line 1: the clock must be 0 "),
    "beyond 63 bits": ("99999999999999999999,ACT,0,0,0,0,0\n", "mine, line 1: the time stamp "),
    "long line": ("#" * 70_000, "mine, line 1: a line must have at most 65,536 bytes"),
    "bytes": ("0 AP 0 \xe4\n", "mine, line 1: it must be ASCII text"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refused_in_one_line(case: str, tmp_path: Path) -> None:
    text, message = BAD[case]
    path = tmp_path / "mine"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as refusal:
        read(path, DDR3, PAPER)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write("# AAP\n0 AAP 0 5 1008\n")
    try:
        assert read(Path(f"/dev/fd/{reading}"), DDR3, PAPER).counts.aap == 1
    finally:
        os.close(reading)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "none", DDR3, PAPER)
    broken = tmp_path / "t.gz"
    broken.write_bytes(gzip.compress(b"0 AP 0\n" * 1000)[:-20])
    with pytest.raises(InputError, match="cannot be read: "):
        read(broken, DDR3, PAPER)
    with pytest.raises(InputError, match="unknown trace format 'drampwer'; did you mean"):
        read(broken, DDR3, PAPER, "drampwer")
