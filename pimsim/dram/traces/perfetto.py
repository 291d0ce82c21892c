"""Chrome trace events (JSON), which ui.perfetto.dev opens.

Read: "Trace Event Format" as the Perfetto documentation restates it (github.com/google/perfetto,
docs/getting-started/other-formats.md, commit 0221d5df) and Perfetto's importer (src/
trace_processor/importers/json/json_trace_parser_impl.cc, 0ba84ac3; json_parser.h). From these:
times are microseconds; slices of a thread nest or follow one another; threads are named by
their number alone, so numbers are unique over all processes; a counter of a process belongs to
the thread that has the process's number; and a time is cut to whole ns after multiplying a
double by 1000, which loses one ns at times that :func:`microseconds` avoids.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.event import Spans
from pimsim.dram.traces.power import RankPower, Steps
from pimsim.dram.traces.text import Column, Lines, Stretch, decimal, lines, strings, texts


def microseconds(time_ps: int) -> str:
    """Return a time as a JSON number in microseconds that Perfetto reads as the right ns.

    A tenth of a ps is added where Perfetto would cut the closest number to the ns before. Without
    the digits below one ps, the number is the exact time.

    >>> microseconds(49_000), microseconds(52_750), microseconds(1_001_000)
    ('0.049', '0.05275', '1.0010001')
    """
    return strings(_microseconds(np.array([time_ps])))[0]


def _microseconds(time_ps: Numbers) -> list[Column]:
    """Decimals in microseconds, without zeros at their end."""
    whole, ns = time_ps // 1_000_000, time_ps // 1000
    upper, lower = ns - whole * 1000, time_ps - ns * 1000
    cut = ((time_ps / 1e6) * 1000.0).astype(np.int64) != ns
    more = (lower > 0) | cut
    return [decimal(whole), _UPPER[upper + 1000 * more], _LOWER[lower + 1000 * cut]]


_THOUSANDTHS = [f"{number:03d}" for number in range(1000)]
_SHORT = [text.rstrip("0") for text in _THOUSANDTHS]
_UPPER = texts([f".{text}" if text else "" for text in _SHORT] + [f".{t}" for t in _THOUSANDTHS])
"""Whole ns of a us, as the last digits of a number, and then with more digits behind them."""
_LOWER = texts(_SHORT + [f"{text}1" for text in _THOUSANDTHS])
"""Whole ps of a ns, as the last digits, and then with a tenth of a ps."""
_MOST_KNOWN = 1 << 14
"""Texts of power that are kept, because power takes the same values again and again."""

_NAMED = ("row", "row2", "column", "to_group", "to_bank", "to_row", "from_group", "from_bank",
          "from_row")  # fmt: skip
"""Arguments that a slice may have, in this order."""
_ENDS = texts(["}", "}}"])
"""The end of a slice, without and with arguments."""


class Perfetto:
    """Writes a process for each rank, a thread for each bank and a slice for each command.

    A slice lasts until the bank can take another command. REFs are in a thread of the rank. A
    TRANSFER has a slice in each of its two banks, which names the other bank. The counters are the
    average power of the rank in mW, in total and by part.
    """

    def __init__(
        self, write: Callable[[bytes | memoryview], None], standard: Standard, options: ModelOptions
    ) -> None:
        self._write = write
        self._spans = Spans.of(standard, options)
        self._energies = options.energies(standard)
        self._standard = standard
        self._banks = standard.banks
        self._first_bank = standard.channels * standard.ranks + 1  # after the ranks' numbers
        self._ranks: dict[int, RankPower | None] = {}
        """Power of each rank; None where no energy is stated: there are no counters then."""
        self._named = np.zeros(standard.all_banks, np.bool_)
        """Whether the thread of a bank has its name."""
        self._ends_ps: dict[int, int] = {}
        """When the last command of a rank is over; it is charged until then."""
        self._busy_ps = np.array([self._spans.busy_ps[kind] for kind in Kind])
        self._begins = texts([
            f',\n{{"ph":"X","name":"{kind.name}","pid":{pid},"tid":{tid},"ts":'
            for kind in Kind for pid, tid in self._threads(kind)
        ])  # fmt: skip
        self._durations = texts([
            f',"dur":{duration}{more}' for duration in strings(_microseconds(self._busy_ps))
            for more in ("", f',"args":{{"{_NAMED[0]}":')
        ])  # fmt: skip
        """With what stands before the first argument, if it has one."""
        self._before_counters = [
            texts([f',\n{{"ph":"C","name":"{name} (mW)","pid":{pid},"tid":{pid},"ts":'
                   for pid in range(self._first_bank)])
            for name in ("power", "power by part")
        ]  # fmt: skip
        self._known: dict[bytes, tuple[str, str]] = {}
        """The texts of both counters, by the power of all parts."""
        self._places = np.array(
            [bank_address(standard, bank) for bank in range(standard.all_banks)]
        )
        self._empty = True
        header = {
            "displayTimeUnit": "ns",
            "otherData": {"standard": standard.name, "energy": options.energy},
        }
        write((json.dumps(header)[:-1] + ', "traceEvents": [').encode("ascii"))

    def _threads(self, kind: Kind) -> list[tuple[int, int]]:
        """Process and thread in which each bank shows commands of that kind."""
        pids = [bank // self._banks + 1 for bank in range(self._standard.all_banks)]
        if kind is Kind.REF:
            return [(pid, pid) for pid in pids]
        return [(pid, self._first_bank + bank) for bank, pid in enumerate(pids)]

    def add_block(self, block: Block) -> None:
        """Write the slices of commands, and the counters up to them."""
        if not len(block):
            return
        some, bank, first = block, block.bank, np.arange(len(block))
        received = np.zeros(len(block), np.bool_)
        moved = block.to >= 0
        if moved.any():
            of = np.repeat(first, 1 + moved)
            received = np.concatenate([[False], of[1:] == of[:-1]])
            first, some = np.flatnonzero(~received), block[of]
            bank = np.where(received, some.to, some.bank)
        # Texts that go before slices: names of ranks, then counters, then names of threads.
        named: list[tuple[int, bytes]] = []
        pids, places, every = list[Numbers](), list[Numbers](), list[Steps]()
        ranks = block.bank // self._banks
        for rank in np.flatnonzero(np.bincount(ranks)).tolist():
            pid, of_rank = rank + 1, np.flatnonzero(ranks == rank)
            if pid not in self._ranks:
                stated = bool(self._energies.parts)
                self._ranks[pid] = RankPower(self._energies, self._spans) if stated else None
                text = self._new_rank(pid, int(block.bank[of_rank[0]]))
                named.append((int(first[of_rank[0]]), text))
            own = block if len(of_rank) == len(block) else block[of_rank]
            power = self._ranks[pid]
            if power is not None:
                steps = power.add(own)
                every.append(steps)
                pids.append(np.full(len(steps.at_ps), pid))
                places.append(first[of_rank[steps.before]])
            ends_ps = int((own.at_ps + self._busy_ps[own.kind]).max())
            self._ends_ps[pid] = max(self._ends_ps.get(pid, 0), ends_ps)
        before: list[Column] = _names(len(some), named)
        if every:
            counters = self._counters(np.concatenate(pids), every)
            before.append(_before(len(some), np.concatenate(places), counters))
        before += _names(len(some), self._new_threads(some.kind, bank))
        self._put(lines([
            *before, self._begins[some.kind * self._standard.all_banks + bank],
            *_microseconds(some.at_ps), *self._arguments(some, received),
        ]))  # fmt: skip

    def finish(self) -> list[str]:
        """Write the last counters and the end of the file."""
        for pid, rank in self._ranks.items():
            if rank is not None:
                steps = rank.finish(self._ends_ps[pid])
                self._put(self._counters(np.full(len(steps.at_ps), pid), [steps]))
        self._write(b"\n]}\n")
        return [] if self._ranks else ["it holds no command"]

    def _put(self, some: Lines) -> None:
        text = some.text.data
        self._write(text[1:] if self._empty else text)  # no comma before the first
        self._empty = False

    def _arguments(self, some: Block, received: NDArray[np.bool_]) -> list[Column]:
        """Durations and arguments of slices, as JSON."""
        moved = some.to >= 0
        values = {"row": some.row, "row2": some.row2, "column": some.column}
        if moved.any():
            here, there = self._places[some.bank], self._places[np.where(moved, some.to, 0)]
            grouped = self._standard.bank_groups > 1
            sent = moved & ~received
            values |= {
                "row": np.where(received, some.row2, some.row),
                "row2": np.where(moved, -1, some.row2),
                "to_group": np.where(sent & grouped, there[:, 2], -1),
                "to_bank": np.where(sent, there[:, 3], -1),
                "to_row": np.where(sent, some.row2, -1),
                "from_group": np.where(received & grouped, here[:, 2], -1),
                "from_bank": np.where(received, here[:, 3], -1),
                "from_row": np.where(received, some.row, -1),
            }
        begun = values[_NAMED[0]] >= 0
        columns: list[Column] = [self._durations[2 * some.kind + begun], decimal(values[_NAMED[0]])]
        for name in _NAMED[1:]:
            there_is = values[name] >= 0 if name in values else begun[:0]
            if not there_is.any():
                continue
            before = texts(["", f',"args":{{"{name}":', f',"{name}":'])
            columns += [before[np.where(there_is, 1 + begun, 0)], decimal(values[name])]
            begun = begun | there_is
        return [*columns, _ENDS[begun]]

    def _counters(self, pids: Numbers, every: Sequence[Steps]) -> Lines:
        """Both counters at each step, as a line."""
        power_mw = np.ascontiguousarray(np.concatenate([steps.power_mw for steps in every]))
        rows = power_mw.view(f"V{8 * power_mw.shape[1]}").ravel().tolist()
        different = dict.fromkeys(rows)
        if len(self._known) > _MOST_KNOWN:
            self._known = {}
        for row in different:
            if row not in self._known:
                self._known[row] = self._shown(np.frombuffer(row).tolist())
        number = dict(zip(different, range(len(different)), strict=True))
        which = np.array([number[row] for row in rows], np.int64)
        totals, parts = (texts([self._known[row][part] for row in different]) for part in (0, 1))
        total, by_part = self._before_counters
        at = _microseconds(np.concatenate([steps.at_ps for steps in every]))
        return lines(
            [total[pids], *at, totals[which], by_part[pids], *at, parts[which]], "counters"
        )

    def _shown(self, power_mw: Sequence[float]) -> tuple[str, str]:
        """The ends of both counters."""
        named = zip(self._energies.parts, power_mw, strict=True)
        return (
            f',"args":{{"total":{sum(power_mw):.7g}}}}}',
            ',"args":{' + ",".join(f'"{part}":{mw:.7g}' for part, mw in named) + "}}",
        )

    def _new_threads(self, kind: Numbers, bank: Numbers) -> list[tuple[int, bytes]]:
        """The names of threads that have none yet, with the slices that they go before."""
        unnamed = np.flatnonzero(~self._named[bank] & (kind != Kind.REF))
        banks, first = np.unique(bank[unnamed], return_index=True)
        self._named[banks] = True
        return [
            (place, self._thread(one // self._banks + 1, self._first_bank + one, one))
            for one, place in zip(banks.tolist(), unnamed[first].tolist(), strict=True)
        ]

    def _new_rank(self, pid: int, bank: int) -> bytes:
        where = bank_address(self._standard, bank)
        name = f"channel {where.channel}, rank {where.rank}"
        return (
            _metadata("process_name", pid, pid, {"name": name})
            + _metadata("process_sort_index", pid, pid, {"sort_index": pid})
            + _metadata("thread_name", pid, pid, {"name": "all banks"})
        )

    def _thread(self, pid: int, tid: int, bank: int) -> bytes:
        where = bank_address(self._standard, bank)
        group = f"group {where.group}, " if self._standard.bank_groups > 1 else ""
        return _metadata(
            "thread_name", pid, tid, {"name": f"{group}bank {where.bank}"}
        ) + _metadata("thread_sort_index", pid, tid, {"sort_index": tid})


def _metadata(name: str, pid: int, tid: int, arguments: dict[str, object]) -> bytes:
    entry = {"ph": "M", "name": name, "pid": pid, "tid": tid, "args": arguments}
    return (",\n" + json.dumps(entry, separators=(",", ":"))).encode("ascii")


def _names(count: int, named: Sequence[tuple[int, bytes]]) -> list[Column]:
    """The column of texts that go before some of ``count`` slices; none if there is no text."""
    if not named:
        return []
    places, some = zip(*named, strict=True)
    text = np.frombuffer(b"".join(some), np.uint8)
    return [_before(count, np.array(places), Lines(text, np.cumsum([len(one) for one in some])))]


def _before(count: int, places: Numbers, some: Lines) -> Column:
    """The column of lines that go before slices, ``(lines,)``; those of a slice are together."""
    starts, stops = np.zeros((2, count), np.int64)
    first = np.flatnonzero(np.diff(places, prepend=-1))
    last = np.flatnonzero(np.diff(places, append=-1))
    starts[places[first]] = np.concatenate([[0], some.ends])[first]
    stops[places[first]] = some.ends[last]
    return Stretch(some.text, starts, stops)
