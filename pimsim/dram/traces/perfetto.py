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

from pimsim.dram.commands import Kind
from pimsim.dram.energy import command_energies
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.power import RankPower
from pimsim.dram.traces.spans import Spans


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
        self, write: Callable[[str], None], standard: Standard, options: ModelOptions
    ) -> None:
        self._write = write
        self._spans = Spans.of(standard, options)
        self._energies = command_energies(
            options.energy,
            standard,
            acts_per_aap=options.acts_per_aap,
            extra_wordline_factor=options.extra_wordline_factor,
            open_banks=min(options.banks, standard.banks),
        )
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
        write(json.dumps(header)[:-1] + ', "traceEvents": [')

    def add(self, event: Event) -> None:
        """Write the slice of one command."""
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
        if tid not in self._named:
            self._named.add(tid)
            self._name_thread(pid, tid, bank)
        named = [f'"{name}":{value}' for name, value in arguments.items() if value is not None]
        self._event(
            f'{{"ph":"X","name":"{event.kind.name}","pid":{pid},"tid":{tid},'
            f'"ts":{microseconds(event.at_ps)},"dur":{microseconds(self._spans.busy_ps[event.kind])}'
            + (f',"args":{{{",".join(named)}}}}}' if named else "}")
        )

    def _name_thread(self, pid: int, tid: int, bank: int) -> None:
        if tid == pid:  # named with its process
            return
        where = bank_address(self._standard, bank)
        group = f"group {where.group}, " if self._standard.bank_groups > 1 else ""
        self._metadata("thread_name", pid, tid, {"name": f"{group}bank {where.bank}"})
        self._metadata("thread_sort_index", pid, tid, {"sort_index": tid})

    def _metadata(self, name: str, pid: int, tid: int, arguments: dict[str, object]) -> None:
        entry = {"ph": "M", "name": name, "pid": pid, "tid": tid, "args": arguments}
        self._event(json.dumps(entry, separators=(",", ":")))

    def _event(self, text: str) -> None:
        self._write(self._separator + text)
        self._separator = ",\n"
