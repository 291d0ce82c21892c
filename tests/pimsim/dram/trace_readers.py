"""Readers of the trace formats, made after the tools' own parsers, not after pimsim's writers.

Each reads a file's text, refuses what the tool would refuse, and returns the commands in the
order of the file. What was read of which tool stands in the modules of pimsim.dram.traces.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from pimsim.dram.commands import Kind
from pimsim.dram.standard.standard import Standard


@dataclass(frozen=True)
class Read:
    """A command of a trace, as a tool understands it; ``bank`` counts within the group."""

    clock: int
    name: str
    channel: int
    rank: int
    group: int
    bank: int
    row: int
    column: int


def natural(text: str) -> int:
    """An unsigned decimal number."""
    assert text.isascii()
    assert text.isdigit(), text
    return int(text)


def read_drampower(text: str, standard: Standard) -> list[Read]:
    """DRAMPower 5: ``parse_command_list``, then the assertions a run of it goes through."""
    known = {"NOP", "ACT", "PRE", "PREA", "PRESB", "REFA", "REFB", "REFSB", "REFP2B", "REFDB",
             "RD", "RDA", "WR", "WRA", "PDEA", "PDEP", "PDXA", "PDXP", "SREFEN", "SREFEX",
             "DSMEN", "DSMEX", "END"}  # fmt: skip
    commands = []
    last = -1
    bursts: dict[tuple[int, str], int] = {}
    per_group = standard.banks // standard.bank_groups
    for line in csv.reader(io.StringIO(text)):
        assert len(line) >= 7, line
        name = line[1]
        assert name in known  # anything else is a NOP, which fails an assertion
        clock, rank, group, bank, row, column = (natural(line[i]) for i in (0, 2, 3, 4, 5, 6))
        assert clock > last, "two commands on one clock: Bus::at() asserts"
        last = clock
        assert rank < standard.ranks
        assert bank < standard.banks
        if name in ("RD", "WR"):
            data = bytes.fromhex(line[7].removeprefix("0x"))
            assert len(data) == standard.burst_bytes
            assert clock >= bursts.get((rank, name), 0), "handlePrePostamble() asserts"
            bursts[rank, name] = (
                clock + standard.burst_length // standard.timing.transfers_per_clock
            )
            assert column % standard.burst_length == 0
            column //= standard.burst_length
        if name in ("ACT", "PRE", "RD", "WR"):
            assert bank // per_group == group
        name = {"REFA": "REF"}.get(name, name)
        commands.append(Read(clock, name, 0, rank, group, bank % per_group, row, column))
    assert commands.pop().name == "END"
    assert all(command.name != "END" for command in commands)
    return commands


def read_ramulator(text: str, standard: Standard) -> list[Read]:
    """Ramulator 2.1: the columns of CmdTraceRecorder, -1 where there is nothing."""
    rows = list(csv.DictReader(io.StringIO(text)))
    groups = standard.bank_groups > 1
    levels = ["Channel", "Rank", *(["BankGroup"] if groups else []), "Bank", "Row", "Column"]
    assert text.splitlines()[0].split(",") == ["clock", "command", *levels, "type", "source"]
    read = []
    for row in rows:
        name = {"PREpb": "PRE", "REFab": "REF"}.get(row["command"], row["command"])
        number = {level: int(row[level]) for level in levels}
        assert (name == "REF") == (number["Bank"] == -1)
        assert row["type"] == {"RD": "0", "WR": "1"}.get(name, "-1")
        read.append(
            Read(
                natural(row["clock"]) + _counts_after(name, standard),
                name,
                number["Channel"],
                number["Rank"],
                max(number.get("BankGroup", 0), 0),
                max(number["Bank"], 0),
                max(number["Row"], 0),
                max(number["Column"], 0),
            )
        )
    return read


def _counts_after(name: str, standard: Standard) -> int:
    """Clocks from a command's first, which Ramulator records, to the one that distances count from.

    That is the last, but for LPDDR5's ACT-1 and ACT-2 (lpddr5.py: "measured from ACT-1").
    """
    bus = standard.command_bus
    if name == "ACT":
        return (bus.act_counts_from or bus.act_clocks) - 1
    return (bus.column_clocks if name in ("RD", "WR") else bus.other_clocks) - 1


def read_ramulator_rw(text: str, standard: Standard) -> list[Read]:
    """Ramulator 2: ``LoadStoreTrace::init_trace``, ``CacheLineInterleave::apply`` and then
    ``RoBaRaCoCh::apply``; there are no clocks, lines count instead."""
    read = []
    for number, line in enumerate(text.splitlines()):
        tokens = line.split(" ")
        assert len(tokens) == 2
        name = {"LD": "RD", "ST": "WR"}[tokens[0]]
        assert tokens[1].startswith("0x")
        read.append(Read(number, name, **_fields(int(tokens[1], 16), standard, (
            "channel", "column", "rank", "group", "bank", "row",
        ))))  # fmt: skip
    return read


def _fields(address: int, standard: Standard, order: tuple[str, ...]) -> dict[str, int]:
    """Coordinates of a byte address; ``order`` has its fields, the lowest bits first."""

    def width(size: int) -> int:
        assert size & (size - 1) == 0
        return size.bit_length() - 1

    sizes = {
        "column": standard.bursts_per_row,
        "group": standard.bank_groups,
        "bank": standard.banks // standard.bank_groups,
        "rank": standard.ranks,
        "channel": standard.channels,
        "row": 1 << 32,
    }
    assert address % standard.burst_bytes == 0
    address >>= width(standard.burst_bytes)
    found = {}
    for field in order:
        bits = width(sizes[field])
        found[field] = address & ((1 << bits) - 1)
        address >>= bits
    return found


def read_dramsim3(text: str, _standard: Standard) -> list[Read]:
    """DRAMsim3: ``Command`` of scripts/validation.py, which takes rows as hexadecimal."""
    names = {"activate": "ACT", "precharge": "PRE", "read": "RD", "write": "WR", "refresh": "REF"}
    read = []
    for line in text.splitlines():
        elements = line.split()
        assert len(elements) == 8
        place = [natural(element) for element in elements[2:6]]
        row, column = (int(element, 16) for element in elements[6:])
        read.append(Read(natural(elements[0]), names[elements[1]], *place, row, column))
    return read


def read_dramsim3_rw(text: str, standard: Standard) -> list[Read]:
    """DRAMsim3: ``operator>>`` of a request, then ``Config::AddressMapping`` (rochrababgco)."""
    order = ("column", "group", "bank", "rank", "channel", "row")
    read = []
    for line in text.splitlines():
        address, name, clock = line.split()
        where = _fields(int(address, 16), standard, order)
        read.append(Read(natural(clock), {"READ": "RD", "WRITE": "WR"}[name], **where))
    return read


def row_commands(
    read: list[Read], standard: Standard, second_clocks: int, row_clocks: int
) -> list[tuple[int, Kind, int]]:
    """Time in ps, kind and bank of commands, in order of time: AAPs are one again.

    An ACT on an open bank must be the second of an AAP: at its distance, and the PRE at its own.
    """
    found: list[tuple[int, Kind, int]] = []
    opened: dict[int, tuple[int, int, bool]] = {}
    for one in read:
        bank = (one.channel * standard.ranks + one.rank) * standard.banks
        bank += one.bank * standard.bank_groups + one.group
        kind = Kind[one.name]
        if kind is Kind.ACT and bank in opened:
            place, first, copied = opened[bank]
            assert not copied
            assert one.clock - first == second_clocks
            opened[bank] = place, one.clock, True
            continue
        if kind is Kind.PRE:
            place, last, copied = opened.pop(bank)
            if copied:
                assert one.clock - last == row_clocks
                found[place] = (found[place][0], Kind.AAP, bank)
                continue
        if kind is Kind.ACT:
            opened[bank] = len(found), one.clock, False
        found.append((one.clock * standard.timing.t_ck_ps, kind, bank))
    return found


@dataclass(frozen=True)
class Slice:
    """A slice as Perfetto stores it, in ns."""

    start_ns: int
    end_ns: int
    name: str
    args: dict[str, int]


@dataclass(frozen=True)
class Chart:
    """What Perfetto shows."""

    processes: dict[int, str]
    threads: dict[int, str]
    owner: dict[int, int]
    """Process of a thread."""
    slices: dict[int, list[Slice]]
    """By thread."""
    counters: dict[tuple[int, str], list[tuple[float, float]]]
    """Steps (microseconds, value) by process and by name and series."""


def read_perfetto(text: str) -> Chart:
    """Perfetto's importer: numbers of threads name them over all processes, times are cut to ns."""

    def no_constant(name: str) -> None:
        raise AssertionError(f"JSON has no {name}")

    loaded: dict[str, Any] = json.loads(text, parse_constant=no_constant)
    assert loaded["displayTimeUnit"] == "ns"
    chart = Chart({}, {}, {}, {}, {})
    for event in loaded["traceEvents"]:
        pid, tid = event["pid"], event["tid"]
        assert chart.owner.setdefault(tid, pid) == pid
        if event["ph"] == "M" and event["name"] == "process_name":
            chart.processes[pid] = event["args"]["name"]
        elif event["ph"] == "M" and event["name"] == "thread_name":
            chart.threads[tid] = event["args"]["name"]
        elif event["ph"] == "X":
            start_ns = int(event["ts"] * 1000.0)
            end_ns = start_ns + int(event["dur"] * 1000.0)
            one = Slice(start_ns, end_ns, event["name"], event.get("args", {}))
            chart.slices.setdefault(tid, []).append(one)
        elif event["ph"] == "C":
            assert tid == pid  # else the counter belongs to a thread that there is not
            for series, value in event["args"].items():
                steps = chart.counters.setdefault((pid, f"{event['name']} {series}"), [])
                steps.append((event["ts"], value))
    return chart


READERS = {
    "drampower": read_drampower,
    "ramulator": read_ramulator,
    "ramulator-rw": read_ramulator_rw,
    "dramsim3": read_dramsim3,
    "dramsim3-rw": read_dramsim3_rw,
}
"""Readers of the formats that list commands."""
