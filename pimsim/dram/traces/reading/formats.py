"""Readers of the formats of traces: lines in, commands out.

The readers of tools' formats also take what the tools themselves write: Ramulator's ACTs and PREs
with the row and type of their request, and DRAMsim3's REFs with channel -1.
"""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np

from pimsim.documents import nearest
from pimsim.dram.commands import Kind
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Numbers
from pimsim.dram.traces.dialects import DRAMPower, DRAMsim3, Ramulator, begins
from pimsim.dram.traces.reading.parts import Parts
from pimsim.dram.traces.reading.source import Lines

MOST_PS = 10**18
"""Latest time that a trace may have: twelve days."""


class Reader(ABC):
    """Reads a format, block by block."""

    on_bus = True
    """Whether its times are clocks of a command bus."""
    lacks: ClassVar[tuple[str, ...]] = ("wordlines beyond the first of an activation",)
    """What a run has that the format cannot hold."""

    def __init__(self, standard: Standard) -> None:
        self.standard = standard

    @abstractmethod
    def read(self, lines: Lines) -> Parts:
        """Return the commands of some lines."""

    def kinds(
        self, lines: Lines, names: Sequence[str], known: Mapping[str, Kind | None]
    ) -> Numbers:
        """Return the kinds of commands by name, -1 for commands that are ignored."""
        try:
            return np.array([-1 if (kind := known[name]) is None else kind for name in names])
        except KeyError:
            index = next(i for i, name in enumerate(names) if name not in known)
            lines.refuse(
                index, f"unknown command {names[index][:40]!r}{nearest(names[index], known)}"
            )

    def banks(
        self, lines: Lines, channel: Numbers, rank: Numbers, group: Numbers, bank: Numbers
    ) -> Numbers:
        """Return system-wide numbers; a bank beyond the part is refused."""
        part = self.standard
        for values, size, name in (
            (channel, part.channels, "channel"),
            (rank, part.ranks, "rank"),
            (group, part.bank_groups, "bank group"),
            (bank, part.banks // part.bank_groups, "bank"),
        ):
            lines.within(values, 0, size - 1, f"{name} ({part.name})")
        return (channel * part.ranks + rank) * part.banks + bank * part.bank_groups + group

    def parts(self, lines: Lines, clock: Numbers, kind: Numbers, bank: Numbers) -> Parts:
        """Return commands on clock edges; those of kind -1 are left out."""
        lines.within(clock, 0, MOST_PS // self.standard.timing.t_ck_ps, "clock")
        some = kind >= 0
        line = lines.first + np.arange(len(clock))
        at_ps = clock * self.standard.timing.t_ck_ps
        none = np.full(len(clock), -1)
        return Parts(at_ps, kind, bank, none, line)[some]


def _table(lines: Lines, columns: str, width: int, rows: Sequence[Sequence[str]]) -> list[Any]:
    """The columns of some rows; each row must have ``width`` fields."""
    if any(len(row) < width for row in rows):
        index = next(i for i, row in enumerate(rows) if len(row) < width)
        lines.refuse(index, f"it must have the fields {columns}, not {lines.lines[index][:60]!r}")
    return list(zip(*(row[:width] for row in rows), strict=True))


class FromDRAMPower(Reader):
    """``timestamp,command,rank,bankgroup,bank,row,column[,data]``."""

    lacks = (*Reader.lacks, "TRANSFERs")
    _names: ClassVar[dict[str, Kind | None]] = {
        **{name: kind for kind, name in DRAMPower.names.items()}, "END": None,
    }  # fmt: skip

    def read(self, lines: Lines) -> Parts:
        """Return the commands of some lines."""
        rows = list(csv.reader(lines.lines))
        columns = "timestamp,command,rank,bankgroup,bank,row,column"
        clock, names, rank, _, bank, *_ = _table(lines, columns, 7, rows)
        kind = self.kinds(lines, names, self._names)
        each = self.standard.banks // self.standard.bank_groups
        number = lines.numbers(bank, "bank")
        lines.within(number, 0, self.standard.banks - 1, f"bank ({self.standard.name})")
        where = self.banks(
            lines, number * 0, lines.numbers(rank, "rank"), number // each, number % each
        )
        return self.parts(lines, lines.numbers(clock, "time stamp"), kind, where)


class FromRamulator(Reader):
    """The text of CmdTraceRecorder, with its header."""

    lacks = (*Reader.lacks, "TRANSFERs")
    _names: ClassVar[dict[str, Kind | None]] = {
        **{name: kind for kind, name in Ramulator.names.items()},
        "PRE": Kind.PRE, "REF": Kind.REF,
    }  # fmt: skip

    def read(self, lines: Lines) -> Parts:
        """Return the commands of some lines."""
        groups = self.standard.bank_groups > 1
        levels = ["Channel", "Rank", *(["BankGroup"] if groups else []), "Bank", "Row", "Column"]
        header = ["clock", "command", *levels]
        if lines.first == 1 and lines.lines[0].startswith("clock"):
            if lines.lines[0].split(",")[: len(header)] != header:
                lines.refuse(0, f"the header must begin with {','.join(header)} for "
                                f"{self.standard.name}, not {lines.lines[0][:80]!r}")  # fmt: skip
            lines = Lines(lines.path, 2, lines.lines[1:])
        if not lines.lines:
            return _none()
        rows = list(csv.reader(lines.lines, skipinitialspace=True))
        clock, names, *fields = _table(lines, ",".join(header), len(header), rows)
        kind = self.kinds(lines, names, self._names)
        where = [lines.numbers(column, "coordinate") for column in fields[:-2]]
        channel, rank, *rest = where
        group, bank = rest if groups else (rest[0] * 0, rest[0])
        of_rank = kind == Kind.REF
        bank, group = np.where(of_rank, 0, bank), np.where(of_rank, 0, group)
        at = lines.numbers(clock, "clock") + np.where(kind < 0, 0, begins(self.standard)[kind])
        parts = self.parts(lines, at, kind, self.banks(lines, channel, rank, group, bank))
        # With separate buses for rows and columns, a short command may count before a long one.
        both = self.standard.command_bus.buses > 1
        return parts[np.argsort(parts.at_ps, kind="stable")] if both else parts


class FromDRAMsim3(Reader):
    """``clock command channel rank bankgroup bank row column``."""

    lacks = (*Reader.lacks, "TRANSFERs")
    _names: ClassVar[dict[str, Kind | None]] = {name: kind for kind, name in DRAMsim3.names.items()}

    def read(self, lines: Lines) -> Parts:
        """Return the commands of some lines."""
        rows = [line.split() for line in lines.lines]
        columns = "clock command channel rank bankgroup bank row column"
        clock, names, *fields = _table(lines, columns, 8, rows)
        kind = self.kinds(lines, names, self._names)
        channel, rank, group, bank = (lines.numbers(column, "coordinate") for column in fields[:4])
        if (kind == Kind.REF).any():  # DRAMsim3 has -1 there
            of_rank = kind == Kind.REF
            channel = np.where(of_rank, np.maximum(channel, 0), channel)
            group, bank = np.where(of_rank, 0, group), np.where(of_rank, 0, bank)
        at = lines.numbers(clock, "clock")
        return self.parts(lines, at, kind, self.banks(lines, channel, rank, group, bank))


class FromPerfetto(Reader):
    """Chrome trace events as pimsim writes them, one a line, with times to the picosecond."""

    on_bus = False

    def __init__(self, standard: Standard) -> None:
        super().__init__(standard)
        self._first_bank = standard.channels * standard.ranks + 1

    def read(self, lines: Lines) -> Parts:
        """Return the commands of some lines."""
        found: list[tuple[int, int, int, int, int]] = []
        if lines.first == 1:
            self._require_standard(lines)
        for index, line in enumerate(lines.lines):
            if '"ph":"X"' not in line:
                continue
            try:
                entry = json.loads(line.rstrip(",\n "), parse_float=Decimal)
                name, tid, args = str(entry["name"]), int(entry["tid"]), entry.get("args", {})
                at_ps = int(Decimal(entry["ts"]) * 1_000_000)
                received = "from_bank" in args
                to = (int(args["to_bank"]), int(args.get("to_group", 0))) if (
                    name == Kind.TRANSFER.name and not received
                ) else None  # fmt: skip
            except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError):
                lines.refuse(index, f"it must be a slice with name, tid and ts, not {line[:60]!r}")
            if name not in Kind.__members__:
                close = nearest(name, tuple(Kind.__members__))
                lines.refuse(index, f"unknown command {name[:40]!r}{close}")
            if not 0 <= at_ps <= MOST_PS:
                lines.refuse(index, f"the time must be 0 to {MOST_PS:,} ps, not {at_ps:,}")
            if received:  # the slice at the other end of a TRANSFER
                continue
            kind = Kind[name]
            bank = self._bank(lines, index, kind, tid)
            found.append((at_ps, kind, bank, self._other(lines, index, bank, to),
                          lines.first + index))  # fmt: skip
        if not found:
            return _none()
        return Parts(*(np.array(column, np.int64) for column in zip(*found, strict=True)))

    def _bank(self, lines: Lines, index: int, kind: Kind, tid: int) -> int:
        part, ranks = self.standard, self._first_bank - 1
        bank = (tid - 1) * part.banks if kind is Kind.REF else tid - self._first_bank
        if not (0 <= bank < part.all_banks and (kind is not Kind.REF or 1 <= tid <= ranks)):
            lines.refuse(
                index, f"the bank must be 0 to {part.all_banks - 1} ({part.name}), not {bank}"
            )
        return bank

    def _other(self, lines: Lines, index: int, bank: int, to: tuple[int, int] | None) -> int:
        """The bank that a TRANSFER goes to; -1 for other commands."""
        if to is None:
            return -1
        part, (number, group) = self.standard, to
        if not (0 <= group < part.bank_groups and 0 <= number < part.banks // part.bank_groups):
            lines.refuse(index, f"the other bank must be one of {part.name}, not {to}")
        return bank // part.banks * part.banks + number * part.bank_groups + group

    def _require_standard(self, lines: Lines) -> None:
        head = lines.lines[0].partition(', "traceEvents"')[0]
        try:
            said = json.loads(head + "}")["otherData"]["standard"]
        except (ValueError, KeyError, TypeError):
            return  # made by another tool
        if said != self.standard.name:
            lines.refuse(0, f"it is a trace of {said!r}, not of {self.standard.name!r}: say so by "
                            f"--standard {said}")  # fmt: skip


class FromPlain(Reader):
    """``[TIME_PS] COMMAND BANK [ROW [ROW2]]``, for a TRANSFER ``BANK TO``; ``#`` begins a comment.

    Either every command has a time or none.
    """

    on_bus = False

    def __init__(self, standard: Standard) -> None:
        super().__init__(standard)
        self.timed: bool | None = None
        """Whether there are times; None before the first command."""

    def read(self, lines: Lines) -> Parts:
        """Return the commands of some lines; their times are -1 where there are none."""
        found: list[tuple[int, int, int, int, int]] = []
        for index, line in enumerate(lines.lines):
            words = line.partition("#")[0].replace(",", " ").split()
            if not words:
                continue
            timed = words[0].lstrip("-").isdigit()
            if self.timed is None:
                self.timed = timed
            if timed is not self.timed:
                lines.refuse(index, "either every command must have a time or none")
            at_ps = self._number(lines, index, words.pop(0), "time", MOST_PS) if timed else -1
            if not words or words[0].upper() not in Kind.__members__:
                name = words[0] if words else ""
                close = nearest(name.upper(), tuple(Kind.__members__))
                lines.refuse(index, f"unknown command {name[:40]!r}{close}")
            kind = Kind[words.pop(0).upper()]
            if not words:
                lines.refuse(index, f"{kind.name} must name a bank")
            most = self.standard.all_banks - 1
            bank = self._number(lines, index, words.pop(0), "bank", most)
            to = -1
            if kind is Kind.TRANSFER:
                to = self._number(lines, index, words[0] if words else "", "other bank", most)
                if to == bank or to // self.standard.banks != bank // self.standard.banks:
                    lines.refuse(index, f"TRANSFER must be to another bank of the rank, not {to}")
            found.append((at_ps, kind, bank, to, lines.first + index))
        if not found:
            return _none()
        return Parts(*(np.array(column, np.int64) for column in zip(*found, strict=True)))

    def _number(self, lines: Lines, index: int, text: str, name: str, most: int) -> int:
        if not text.isdigit() or len(text) > 19 or int(text) > most:
            part = f" ({self.standard.name})" if "bank" in name else ""
            lines.refuse(
                index, f"the {name}{part} must be a whole number of 0 to {most}, not {text[:40]!r}"
            )
        return int(text)


READERS: Mapping[str, Callable[[Standard], Reader]] = {
    "perfetto": FromPerfetto,
    "drampower": FromDRAMPower,
    "ramulator": FromRamulator,
    "dramsim3": FromDRAMsim3,
    "plain": FromPlain,
}
"""What reads each format."""


def recognized(lines: Lines) -> str:
    """Return the format of a file, judged by its first line that is not empty.

    Raises :class:`~pimsim.errors.InputError` for a trace of requests, which has no commands.
    """
    index, line = next(
        (each for each in enumerate(lines.lines) if each[1].partition("#")[0].strip()), (0, "")
    )
    words = line.split()
    if line.startswith("{"):
        return "perfetto"
    if line.startswith("clock,command"):
        return "ramulator"
    if words and (words[0] in ("LD", "ST", "R", "W") or "READ" in words or "WRITE" in words):
        lines.refuse(
            index,
            "a trace must have the commands of a DRAM, not requests for a controller: "
            f"{line[:60]!r} says nothing of when rows are opened",
        )
    if len(words) == 8 and words[1] in DRAMsim3.names.values():
        return "dramsim3"
    fields = next(csv.reader(io.StringIO(line)), [])
    if len(fields) >= 7 and fields[0].isdigit():
        return "drampower"
    return "plain"


def _none() -> Parts:
    none = np.zeros(0, np.int64)
    return Parts(none, none, none, none, none)
