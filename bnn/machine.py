"""The rank that a layer runs on: it executes, and books commands, time and energy of each phase.

A machine carries out what a mapping asks of its subarrays, and puts the same commands on a
:class:`~pimsim.dram.timeline.Timeline`; lane i of a subarray lies in bank i. Machines of layers
that follow one another share a timeline, so that their times add up to that of the whole run.

>>> import numpy as np
>>> from pimsim.dram.standards import load
>>> from pimsim.microprogram.logic import COPY
>>> machine = Machine(load("ddr3-1600-8-8-8"), Switches())
>>> subarray = machine.subarrays(columns=64, lanes=2)
>>> machine.write(subarray, 0, np.zeros((2, 1), np.uint64))
>>> copy = Schedule(outputs=1)
>>> copy.append((COPY,), a=subarray.data_address(0), out=subarray.data_address(1))
>>> machine.enter("compute")
>>> machine.run(copy, subarray, np.zeros(2, np.intp))
>>> machine.counts("compute").aap, machine.cost("compute").latency_ps
(2, 53000)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.cost import Cost, Elapsed, charge
from pimsim.dram.commands import Kind
from pimsim.dram.counts import CommandCounts
from pimsim.dram.rowstore import Lanes
from pimsim.dram.standards import Standard
from pimsim.dram.stream import Run, Segment, issue_order
from pimsim.dram.subarray import Subarray
from pimsim.dram.switches import Switches
from pimsim.dram.timeline import Timeline
from pimsim.dram.traces.recorder import Recorder, Target
from pimsim.dram.transfers import row_visit, streamed
from pimsim.errors import InputError
from pimsim.microprogram.schedule import Schedule

PHASES = ("weights", "inputs", "compute")
"""Loading weights (once, however many images follow), loading inputs, and the rest."""


class Machine:
    """The banks of a standard that compute under given switches, and the books of one layer.

    Args:
        standard: the DRAM.
        switches: what changes headline numbers.
        timeline: that of the layers before; one of its own if None.
        recorder: what is told every command, of all layers together.

    Raises:
        InputError: more banks than the standard has.
    """

    def __init__(
        self,
        standard: Standard,
        switches: Switches,
        timeline: Timeline | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        if switches.banks > standard.all_banks:
            raise InputError(
                f"`banks` must be at most {standard.all_banks}, the banks of {standard.name}, "
                f"not {switches.banks}"
            )
        self.standard = standard
        self.switches = switches
        self._timeline = timeline or Timeline(standard, switches)
        self._recorder = recorder
        self._targets: list[Iterator[list[Target]]] = []
        self._phase = "inputs"
        self._counts = dict.fromkeys(PHASES, CommandCounts())
        self._elapsed = dict.fromkeys(PHASES, Elapsed())
        self._runs: list[Run] = []
        self._active: tuple[int, ...] = ()

    @property
    def banks(self) -> int:
        """Banks that compute."""
        return self.switches.banks

    @property
    def columns(self) -> int:
        """Columns of a rank's row."""
        return self.standard.columns

    @property
    def data_rows(self) -> int:
        """Data rows of a subarray."""
        return Subarray(1, rows=self.standard.rows_per_subarray).data_rows

    def subarrays(self, columns: int, lanes: int, number: int = 0) -> Subarray:
        """Subarray ``number`` of as many banks as ``lanes``, with ``columns`` columns in use."""
        return Subarray(
            columns,
            rows=self.standard.rows_per_subarray,
            lanes=lanes,
            number=number,
            burst_bits=self.standard.burst_bytes * 8,
        )

    # -- what mappings ask for ---------------------------------------------------------------

    def enter(self, phase: str) -> None:
        """Book what follows under ``phase``, one of :data:`PHASES`."""
        if phase not in PHASES:
            raise InputError(f"`phase` must be one of {', '.join(PHASES)}, not {phase!r}")
        self._flush()
        self._phase = phase

    def run(
        self,
        schedule: Schedule,
        subarray: Subarray,
        outputs: NDArray[np.intp],
        lanes: Lanes | None = None,
    ) -> None:
        """Execute a schedule; see :meth:`pimsim.microprogram.schedule.Schedule.run`."""
        schedule.run(subarray, outputs, lanes)
        extra = int(schedule.extra_wordlines[outputs].sum())
        banks = self._banks(subarray, lanes)
        self._note(schedule.runs, banks, extra)
        if self._recorder is not None:
            output = dict(
                zip(range(len(outputs)) if lanes is None else lanes, outputs, strict=True)
            )
            self._targets.append(_programs(schedule, subarray, [output[bank] for bank in banks]))

    def write(self, subarray: Subarray, row: int, words: Words, lanes: Lanes | None = None) -> None:
        """Write ``words`` (lanes, words) into a data row."""
        subarray.write(row, words, None, lanes)
        self._access(Kind.WR, subarray, row, lanes)

    def read(self, subarray: Subarray, row: int, lanes: Lanes | None = None) -> Words:
        """Read a data row, ``(lanes, words)``."""
        words = subarray.read(row, None, lanes)
        self._access(Kind.RD, subarray, row, lanes)
        return words

    def stream(self, bits: int) -> None:
        """Book the reading of ``bits`` over the channel, whole rows spread over the banks."""
        for segment in streamed(Kind.RD, bits, self.standard, self.banks):
            self._note(segment.runs, segment.banks, 0)
            if self._recorder is not None:
                self._targets.append(_rows(segment, range(segment.runs[0].times)))

    def finish(self) -> None:
        """End the layer: what it executed comes before what the next one does."""
        self._flush()

    # -- what came of it ---------------------------------------------------------------------

    def counts(self, phase: str) -> CommandCounts:
        """Commands of a phase, all banks together, those REFs included that fell into it."""
        self._flush()
        return replace(self._counts[phase], ref=self._elapsed[phase].refreshes)

    def cost(self, phase: str) -> Cost:
        """Time and energy of a phase."""
        self._flush()
        return charge(self._counts[phase], self._elapsed[phase], self.standard, self.switches)

    # -- inside ------------------------------------------------------------------------------

    def _access(self, kind: Kind, subarray: Subarray, row: int, lanes: Lanes | None) -> None:
        bursts = -(-subarray.columns // (self.standard.burst_bytes * 8))
        segment = Segment((Run(row_visit(kind, bursts), 1),), self._banks(subarray, lanes))
        self._note(segment.runs, segment.banks, 0)
        if self._recorder is not None:
            first = subarray.number * self.standard.rows_per_subarray
            self._targets.append(_rows(segment, [first + subarray.data_address(row)]))

    def _banks(self, subarray: Subarray, lanes: Lanes | None) -> tuple[int, ...]:
        active = range(subarray.lanes) if lanes is None else lanes.tolist()
        return issue_order(self.standard, active)

    def _note(self, runs: Sequence[Run], banks: tuple[int, ...], extra_wordlines: int) -> None:
        """Count commands and put them off until something else follows than more of the same."""
        if not runs:
            return
        if banks != self._active:
            self._flush()
            self._active = banks
        pending = self._runs
        for run in runs:
            if pending and pending[-1].visit == run.visit:
                pending[-1] = Run(run.visit, pending[-1].times + run.times)
            else:
                pending.append(run)
        total = _totals(tuple(runs)) * len(banks)
        self._counts[self._phase] += replace(total, extra_wordlines=extra_wordlines)

    def _flush(self) -> None:
        if not self._runs:
            return
        segment = Segment(tuple(self._runs), self._active)
        before = Elapsed.on(self._timeline)
        self._timeline.run(segment)
        self._elapsed[self._phase] += Elapsed.on(self._timeline) - before
        if self._recorder is not None:
            self._recorder.record(segment, chain.from_iterable(self._targets))
        self._runs, self._targets = [], []


@cache
def _totals(runs: tuple[Run, ...]) -> CommandCounts:
    counts = dict.fromkeys(Kind, 0)
    for run in runs:
        for kind, times in run.visit:
            counts[kind] += run.times * times
    return CommandCounts(**{kind.name.lower(): times for kind, times in counts.items()})


def _programs(
    schedule: Schedule, subarray: Subarray, outputs: Sequence[int]
) -> Iterator[list[Target]]:
    """What every command names in each bank, ``outputs`` being those that the banks work on."""
    first = subarray.number * (subarray.rows.first_data + subarray.data_rows)
    wordlines = [len(lines) - 1 for _, lines in subarray.rows.addresses]

    def extra(address: int | None) -> int:
        return wordlines[address] if address is not None and address < len(wordlines) else 0

    for commands in zip(*(schedule.addresses(output) for output in outputs), strict=True):
        yield [
            Target(
                first + source,
                None if destination is None else first + destination,
                None,
                extra(source) + extra(destination),
            )
            for source, destination in commands
        ]


def _rows(segment: Segment, rows: Iterable[int]) -> Iterator[list[Target]]:
    """What ACT, column accesses and PRE of row after row name, the same in each bank."""
    banks = len(segment.banks)
    ((_, (_, bursts), _),) = (run.visit for run in segment.runs)
    for row in rows:
        yield [Target(row)] * banks
        for column in range(bursts):
            yield [Target(row, None, column)] * banks
        yield [Target(row)] * banks
