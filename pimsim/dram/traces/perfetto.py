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
from collections.abc import Callable
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.event import Spans
from pimsim.dram.traces.power import RankPower, Steps
from pimsim.dram.traces.text import (
    Column,
    constant,
    decimal,
    lengths,
    lines,
    side_by_side,
    strings,
    text_of,
    texts,
)


def microseconds(time_ps: int) -> str:
    """Return a time as a JSON number in microseconds that Perfetto reads as the right ns.

    A tenth of a ps is added where Perfetto would cut the closest number to the ns before. Without
    the digits below one ps, the number is the exact time.

    >>> microseconds(49_000), microseconds(52_750), microseconds(1_001_000)
    ('0.049', '0.05275', '1.0010001')
    """
    return strings(_microseconds(np.array([time_ps])))[0]


def _microseconds(time_ps: Numbers) -> Column:
    """Decimals in microseconds, without zeros at their end."""
    whole, rest = np.divmod(time_ps, 1_000_000)
    cut = ((time_ps / 1e6) * 1000.0).astype(np.int64) != time_ps // 1000
    upper, lower = np.divmod(rest, 1000)
    upper = np.where((lower > 0) | cut, upper, upper + 1000)
    lower = np.where(cut, lower, lower + 1000)
    return side_by_side([
        decimal(whole), texts(["", "."])[((rest > 0) | cut).astype(np.intp)],
        _THOUSANDTHS[upper], _THOUSANDTHS[lower], texts(["", "1"])[cut.astype(np.intp)],
    ])  # fmt: skip


_THOUSANDTHS = texts(
    [*(f"{number:03d}" for number in range(1000)),
     *(f"{number:03d}".rstrip("0") for number in range(1000))]
)  # fmt: skip
"""The texts of three digits, first with and then without zeros at the end."""

_NAMED = ("row", "row2", "column", "to_group", "to_bank", "to_row", "from_group", "from_bank",
          "from_row")  # fmt: skip
"""Arguments that a slice may have, in this order."""


class Perfetto:
    """Writes a process for each rank, a thread for each bank and a slice for each command.

    A slice lasts until the bank can take another command. REFs are in a thread of the rank. A
    TRANSFER has a slice in each of its two banks, which names the other bank. The counters are the
    average power of the rank in mW, in total and by part.
    """

    def __init__(
        self, write: Callable[[bytes], None], standard: Standard, options: ModelOptions
    ) -> None:
        self._write = write
        self._spans = Spans.of(standard, options)
        self._energies = options.energies(standard)
        self._standard = standard
        self._banks = standard.banks
        self._first_bank = standard.channels * standard.ranks + 1  # after the ranks' numbers
        self._ranks: dict[int, RankPower | None] = {}
        """Power of each rank; None where no energy is stated: there are no counters then."""
        self._named: set[int] = set()
        self._ends_ps: dict[int, int] = {}
        """When the last command of a rank is over; it is charged until then."""
        self._busy_ps = np.array([self._spans.busy_ps[kind] for kind in Kind])
        durations = strings(_microseconds(self._busy_ps))
        self._texts = {
            "kind": texts([f',\n{{"ph":"X","name":"{kind.name}","pid":' for kind in Kind]),
            "duration": texts([f',"dur":{duration}' for duration in durations]),
        }
        self._places = np.array(
            [bank_address(standard, bank) for bank in range(standard.all_banks)]
        )
        self._empty = True
        header = {
            "displayTimeUnit": "ns",
            "otherData": {"standard": standard.name, "energy": options.energy},
        }
        write((json.dumps(header)[:-1] + ', "traceEvents": [').encode("ascii"))

    def add_block(self, block: Block) -> None:
        """Write the slices of commands, and the counters up to them."""
        if not len(block):
            return
        moved = block.to >= 0
        of = np.repeat(np.arange(len(block)), 1 + moved)
        received = np.zeros(len(of), bool)
        received[1:] = of[1:] == of[:-1]
        first = np.flatnonzero(~received)
        inserted: list[tuple[int, int, bytes]] = []
        # Texts that go before slices: before which one, their order, and the text.
        ranks = block.bank // self._banks
        for rank in np.unique(ranks).tolist():
            pid, of_rank = rank + 1, np.flatnonzero(ranks == rank)
            if pid not in self._ranks:
                stated = bool(self._energies.parts)
                self._ranks[pid] = RankPower(self._energies, self._spans) if stated else None
                text = self._new_rank(pid, int(block.bank[of_rank[0]]))
                inserted.append((int(first[of_rank[0]]), 0, text))
            own = block[of_rank]
            power = self._ranks[pid]
            if power is not None:
                steps = power.add(own)
                places = first[of_rank[steps.before]].tolist()
                counters = self._counters(pid, steps)
                inserted += zip(places, [1] * len(places), counters, strict=True)
            ends_ps = int((own.at_ps + self._busy_ps[own.kind]).max())
            self._ends_ps[pid] = max(self._ends_ps.get(pid, 0), ends_ps)
        some = block[of] if moved.any() else block
        bank = np.where(received, some.to, some.bank)
        pids = some.bank // self._banks + 1
        tids = np.where(some.kind == Kind.REF, pids, self._first_bank + bank)
        for tid, place in zip(*np.unique(tids, return_index=True), strict=True):
            if tid >= self._first_bank and tid not in self._named:
                self._named.add(int(tid))
                text = self._thread(int(pids[place]), int(tid), int(bank[place]))
                inserted.append((int(place), 2, text))
        self._put(lines([
            self._texts["kind"][some.kind], decimal(pids), constant(',"tid":'), decimal(tids),
            constant(',"ts":'), _microseconds(some.at_ps), self._texts["duration"][some.kind],
            *self._arguments(some, received),
        ]), inserted)  # fmt: skip

    def finish(self) -> list[str]:
        """Write the last counters and the end of the file."""
        for pid, rank in self._ranks.items():
            if rank is not None:
                for text in self._counters(pid, rank.finish(self._ends_ps[pid])):
                    self._write(text)
        self._write(b"\n]}\n")
        return [] if self._ranks else ["it holds no command"]

    def _put(self, slices: NDArray[np.uint8], inserted: list[tuple[int, int, bytes]]) -> None:
        """Write slices, and before each what is inserted there."""
        starts = np.concatenate([[0], np.cumsum(lengths(slices))]).tolist()
        text, parts, start = text_of(slices), [], 0
        for place, _, more in sorted(inserted, key=itemgetter(0, 1)):
            parts += [text[start : starts[place]], more]
            start = starts[place]
        whole = b"".join([*parts, text[start:]])
        self._write(whole[1:] if self._empty else whole)  # no comma before the first
        self._empty = False

    def _arguments(self, some: Block, received: NDArray[np.bool_]) -> list[Column]:
        """The arguments of slices, as JSON."""
        moved = some.to >= 0
        none = np.full(len(some), -1)
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
        columns, begun = [], np.zeros(len(some), np.intp)
        for name in _NAMED:
            value = values.get(name, none)
            there_is = value >= 0
            if not there_is.any():
                continue
            before = texts(["", f',"args":{{"{name}":', f',"{name}":'])
            columns.append(before[np.where(there_is, 1 + begun, 0)])
            digits = decimal(np.maximum(value, 0))
            columns.append(digits if there_is.all() else np.where(there_is, digits, b""))
            begun |= there_is
        return [*columns, texts(["}", "}}"])[begun]]

    def _counters(self, pid: int, steps: Steps) -> list[bytes]:
        """Both counters at each step."""
        if not len(steps.at_ps):
            return []
        rows = np.ascontiguousarray(steps.power_mw).view(f"V{8 * steps.power_mw.shape[1]}").ravel()
        _, first, which = np.unique(rows, return_index=True, return_inverse=True)
        totals, parts = [], []
        for power_mw in steps.power_mw[first].tolist():
            named = zip(self._energies.parts, power_mw, strict=True)
            totals.append(f',"args":{{"total":{sum(power_mw):.7g}}}}}')
            parts.append(',"args":{' + ",".join(f'"{part}":{mw:.7g}' for part, mw in named) + "}}")
        begin = f'(mW)","pid":{pid},"tid":{pid},"ts":'
        at = _microseconds(steps.at_ps)
        table = lines([
            constant(',\n{"ph":"C","name":"power ' + begin), at, texts(totals)[which],
            constant(',\n{"ph":"C","name":"power by part ' + begin), at, texts(parts)[which],
        ])  # fmt: skip
        ends = np.cumsum(lengths(table)).tolist()
        whole = text_of(table)
        return [whole[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]

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
