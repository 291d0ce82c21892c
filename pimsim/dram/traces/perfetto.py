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
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from pimsim.dram.commands import Kind
from pimsim.dram.energy import CommandEnergies
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Block
from pimsim.dram.traces.event import Event, Spans


def microseconds(time_ps: int) -> str:
    """Return a time as a JSON number in microseconds that Perfetto reads as the right ns.

    One ps is added where the number closest to a whole ns would be cut to the ns before.

    >>> microseconds(49_000), microseconds(52_750), microseconds(1_001_000)
    ('0.049', '0.05275', '1.001001')
    """
    whole, rest = divmod(time_ps, 1_000_000)
    text = f"{whole}.{rest:06d}"
    if int(float(text) * 1000.0) != time_ps // 1000:
        text = f"{whole}.{rest + 1:06d}"
    return text.rstrip("0").rstrip(".")


class Perfetto:
    """Writes a process for each rank, a thread for each bank and a slice for each command.

    A slice lasts until the bank can take another command; REF has the rank's own thread. A TRANSFER
    has a slice in each of its banks, which names the other bank. The
    counters are the average power of the rank in mW, in total and by part.
    """

    def __init__(
        self, write: Callable[[bytes], None], standard: Standard, options: ModelOptions
    ) -> None:
        self._write_bytes = write
        self._spans = Spans.of(standard, options)
        self._energies = options.energies(standard)
        self._standard = standard
        self._banks = standard.banks
        self._first_bank = standard.channels * standard.ranks + 1  # after the ranks' numbers
        self._ranks: dict[int, RankPower] = {}
        self._named: set[int] = set()
        self._ends_ps: dict[int, int] = {}
        """When the last command of a rank is over; it is charged until then."""
        self._separator = "\n"
        header = {
            "displayTimeUnit": "ns",
            "otherData": {"standard": standard.name, "energy": options.energy},
        }
        self._write(json.dumps(header)[:-1] + ', "traceEvents": [')

    def add_block(self, block: Block) -> None:
        """Write the slices of commands."""
        for event in block.events():
            self._add(event)

    def _add(self, event: Event) -> None:
        pid = event.bank // self._banks + 1
        rank = self._ranks.get(pid)
        if rank is None:
            rank = self._ranks[pid] = self._new_rank(pid, event.bank)
        rank.add(event)
        end_ps = event.at_ps + self._spans.busy_ps[event.kind]
        self._ends_ps[pid] = max(self._ends_ps.get(pid, 0), end_ps)
        if event.to is None:
            arguments = {"row": event.row, "row2": event.row2, "column": event.column}
            self._slice(pid, event, event.bank, arguments)
            return
        there = bank_address(self._standard, event.to)
        here = bank_address(self._standard, event.bank)
        sent = {"row": event.row, "column": event.column, "to_group": there.group,
                "to_bank": there.bank, "to_row": event.row2}  # fmt: skip
        received = {"row": event.row2, "column": event.column, "from_group": here.group,
                    "from_bank": here.bank, "from_row": event.row}  # fmt: skip
        if self._standard.bank_groups == 1:
            del sent["to_group"], received["from_group"]
        self._slice(pid, event, event.bank, sent)
        self._slice(pid, event, event.to, received)

    def finish(self) -> list[str]:
        """Write the last of the counters and what closes the file."""
        for pid, rank in self._ranks.items():
            rank.finish(self._ends_ps[pid])
        self._write("\n]}\n")
        return [] if self._ranks else ["it holds no command"]

    def _new_rank(self, pid: int, bank: int) -> RankPower:
        where = bank_address(self._standard, bank)
        name = f"channel {where.channel}, rank {where.rank}"
        self._metadata("process_name", pid, pid, {"name": name})
        self._metadata("process_sort_index", pid, pid, {"sort_index": pid})
        self._metadata("thread_name", pid, pid, {"name": "all banks"})
        parts = self._energies.parts

        def emit(at_ps: int, power_mw: Sequence[float]) -> None:
            at = f'"pid":{pid},"tid":{pid},"ts":{microseconds(at_ps)}'
            each = ",".join(f'"{part}":{mw:.7g}' for part, mw in zip(parts, power_mw, strict=True))
            self._event(
                f'{{"ph":"C","name":"power (mW)",{at},"args":{{"total":{sum(power_mw):.7g}}}}}'
            )
            self._event(f'{{"ph":"C","name":"power by part (mW)",{at},"args":{{{each}}}}}')

        return RankPower(self._energies, self._spans, emit)

    def _slice(
        self, pid: int, event: Event, bank: int, arguments: Mapping[str, int | None]
    ) -> None:
        tid = pid if event.kind is Kind.REF else self._first_bank + bank
        if tid not in self._named and tid != pid:  # that is named with its process
            self._named.add(tid)
            where = bank_address(self._standard, bank)
            group = f"group {where.group}, " if self._standard.bank_groups > 1 else ""
            self._metadata("thread_name", pid, tid, {"name": f"{group}bank {where.bank}"})
            self._metadata("thread_sort_index", pid, tid, {"sort_index": tid})
        named = [f'"{name}":{value}' for name, value in arguments.items() if value is not None]
        self._event(
            f'{{"ph":"X","name":"{event.kind.name}","pid":{pid},"tid":{tid},'
            f'"ts":{microseconds(event.at_ps)},"dur":{microseconds(self._spans.busy_ps[event.kind])}'
            + (f',"args":{{{",".join(named)}}}}}' if named else "}")
        )

    def _metadata(self, name: str, pid: int, tid: int, arguments: dict[str, object]) -> None:
        entry = {"ph": "M", "name": name, "pid": pid, "tid": tid, "args": arguments}
        self._event(json.dumps(entry, separators=(",", ":")))

    def _write(self, text: str) -> None:
        self._write_bytes(text.encode("ascii"))

    def _event(self, text: str) -> None:
        self._write(self._separator + text)
        self._separator = ",\n"


WINDOW_PS = 100_000
"""Window that power is averaged over; about two AAPs long."""

EmitPower: TypeAlias = Callable[[int, Sequence[float]], None]
"""Takes a time in ps and the power in mW of each part from then on."""


def energies_by_part(energies: CommandEnergies) -> Mapping[Kind, Mapping[str, float]]:
    """Energy of one command of each kind, in pJ, by the part of the report that it counts in."""
    every = {
        Kind.ACT: {"activate_precharge": energies.act_pj},
        Kind.PRE: {"activate_precharge": energies.pre_pj},
        Kind.RD: {"read_write": energies.rd_pj, "io": energies.rd_io_pj},
        Kind.WR: {"read_write": energies.wr_pj, "io": energies.wr_io_pj},
        Kind.TRANSFER: {"read_write": energies.transfer_pj},
        Kind.REF: {"refresh": energies.ref_pj},
        Kind.AAP: {"activate_precharge": energies.aap_pj},
        Kind.AP: {"activate_precharge": energies.ap_pj},
    }
    return {
        kind: {part: pj for part, pj in parts.items() if part in energies.parts}
        for kind, parts in every.items()
    }


class RankPower:
    """Average power of one rank over windows of time, emitted where it changes.

    A command's energy is spread evenly over the time it keeps its bank busy; background power is
    that of active standby while a bank is open or the rank refreshes, else of precharge standby.

    >>> from pimsim.dram.energy import command_energies
    >>> from pimsim.dram.standard.standard import load
    >>> from pimsim.dram.options import ModelOptions
    >>> ddr3 = load("ddr3-1600-8-8-8")
    >>> seen = []
    >>> rank = RankPower(
    ...     command_energies("ambit-paper", ddr3),
    ...     Spans.of(ddr3, ModelOptions()),
    ...     lambda at_ps, power_mw: seen.append((at_ps, [round(mw, 3) for mw in power_mw])),
    ... )
    >>> rank.add(Event(0, Kind.AAP, bank=0))
    >>> rank.finish(100_000)
    >>> seen  # 6.29 nJ in 100 ns
    [(0, [62.9, 0.0]), (100000, [0.0, 0.0])]
    """

    def __init__(self, energies: CommandEnergies, spans: Spans, emit: EmitPower) -> None:
        self._parts = {part: index for index, part in enumerate(energies.parts)}
        self._background = self._parts.get("background")
        self._energies, self._spans, self._emit = energies, spans, emit
        self._by_kind = {
            kind: [(self._parts[part], pj) for part, pj in parts.items()]
            for kind, parts in energies_by_part(energies).items()
        }
        self._now_ps = 0
        self._open_banks = 0
        self._closing: list[tuple[int, int]] = []  # a heap: when, and how many banks
        self._closes_ps = 0
        self._windows: dict[int, list[float]] = {}  # energy of windows that are not over
        self._shown: list[float] | None = None

    def add(self, event: Event) -> None:
        """Count one command; events come in order of time."""
        self._advance(event.at_ps)
        kind = event.kind
        if kind is Kind.ACT:
            self._open_banks += 1
        elif kind is Kind.PRE:
            self._open_banks = max(self._open_banks - 1, 0)  # a PRE may find its bank closed
        elif kind in self._spans.open_ps:
            closes_ps = event.at_ps + self._spans.open_ps[kind]
            self._closes_ps = max(self._closes_ps, closes_ps)
            if self._energies.open_bank_mw:
                heappush(self._closing, (closes_ps, self._spans.opens_banks[kind]))
        start_ps, end_ps = event.at_ps, event.at_ps + self._spans.busy_ps[kind]
        for part, pj in self._by_kind[kind]:
            self._spread(part, pj, start_ps, end_ps)
        if event.extra_wordlines:
            pj = event.extra_wordlines * self._energies.extra_wordline_pj
            self._spread(self._parts["activate_precharge"], pj, start_ps, end_ps)

    def finish(self, end_ps: int) -> None:
        """Emit what is left: all of it lies before ``end_ps``, where power drops to 0."""
        self._advance(end_ps)
        if self._now_ps % WINDOW_PS:
            self._close_window(self._now_ps % WINDOW_PS)
        self._show(self._now_ps, [0.0] * len(self._parts))

    def _spread(self, part: int, pj: float, start_ps: int, end_ps: int) -> None:
        first, last = start_ps // WINDOW_PS, (end_ps - 1) // WINDOW_PS
        for window in range(first, last + 1):
            begin_ps = window * WINDOW_PS
            inside_ps = min(end_ps, begin_ps + WINDOW_PS) - max(start_ps, begin_ps)
            self._window(window)[part] += pj * inside_ps / (end_ps - start_ps)

    def _window(self, window: int) -> list[float]:
        return self._windows.setdefault(window, [0.0] * len(self._parts))

    def _advance(self, until_ps: int) -> None:
        """Go on to a time, with the background power, closing the windows that are over."""
        while self._now_ps < until_ps:
            active = self._open_banks > 0 or self._closes_ps > self._now_ps
            stop_ps = until_ps
            if active and not self._open_banks:
                stop_ps = min(stop_ps, self._closes_ps)
            energies, closing = self._energies, self._closing
            power_mw = energies.active_mw if active else energies.standby_mw
            while closing and closing[0][0] <= self._now_ps:
                heappop(closing)
            if closing:
                stop_ps = min(stop_ps, closing[0][0])
            if energies.open_bank_mw:
                banks = self._open_banks + sum(banks for _, banks in closing)
                power_mw += banks * energies.open_bank_mw
            self._background_until(stop_ps, power_mw)

    def _background_until(self, stop_ps: int, power_mw: float) -> None:
        while self._now_ps < stop_ps:
            window, inside_ps = divmod(self._now_ps, WINDOW_PS)
            if not inside_ps and not self._windows and stop_ps - self._now_ps >= WINDOW_PS:
                # windows with nothing but this power, however many: one value says it
                level = [0.0] * len(self._parts)
                if self._background is not None:
                    level[self._background] = power_mw
                self._show(self._now_ps, level)
                self._now_ps = stop_ps // WINDOW_PS * WINDOW_PS
                continue
            end_ps = min(stop_ps, (window + 1) * WINDOW_PS)
            if self._background is not None:
                pj = power_mw * (end_ps - self._now_ps) * 1e-3  # mW x ps = 1e-3 pJ
                self._window(window)[self._background] += pj
            self._now_ps = end_ps
            if end_ps % WINDOW_PS == 0:
                self._close_window(WINDOW_PS)

    def _close_window(self, length_ps: int) -> None:
        start_ps = self._now_ps - length_ps
        energy_pj = self._windows.pop(start_ps // WINDOW_PS, [0.0] * len(self._parts))
        self._show(start_ps, [pj * 1e3 / length_ps for pj in energy_pj])

    def _show(self, at_ps: int, power_mw: list[float]) -> None:
        if power_mw != self._shown:
            self._emit(at_ps, power_mw)
            self._shown = power_mw
