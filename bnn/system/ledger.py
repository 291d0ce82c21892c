"""The books of a layer: commands, time and energy of each phase.

To *book* is to count commands and the time and energy that they take. A mapping says what its
subarrays execute, in order, and the ledger puts that on a
:class:`~pimsim.dram.timeline.timeline.Timeline`. The ledgers of a run share a timeline, so their
times add up to that of the whole run. Which executor computes the values makes no difference here.

>>> from pimsim.dram.options import ModelOptions
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.microprogram.logic import COPY
>>> ledger = CommandLedger(System(load("ddr3-1600-8-8-8"), ModelOptions()))
>>> ledger.access(Kind.WR, [0], columns=64, banks=[0, 1])
>>> copy = Schedule(outputs=1)
>>> copy.append((COPY,), a=18, out=19)
>>> ledger.enter("compute")
>>> ledger.run(copy, outputs=[0, 0], banks=[0, 1])
>>> ledger.counts("compute").aap, ledger.cost("compute").latency_ps
(2, 53000)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain
from operator import add, sub
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnn.system.observers import Observers
from bnn.system.phase_books import PhaseBooks
from bnn.system.system import System
from bnn.system.targets import Place
from pimsim.cost import Cost, Elapsed, charge
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.timeline.command_stream import (
    Part,
    Repeated,
    Run,
    Segment,
    expanded,
    issue_order,
    row_cycle,
    streamed,
)
from pimsim.dram.timeline.timeline import Passed, Timeline
from pimsim.errors import InputError
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

if TYPE_CHECKING:
    from pimsim.dram.traces.recorder import Recorder

_Where: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""Banks of a segment, and where their TRANSFERs go."""

PHASES = ("weights", "inputs", "compute")
"""Loading weights (once, however many images follow), loading inputs, and the rest."""


class _Told(NamedTuple):
    """What is booked at one go."""

    parts: list[tuple[str, Part]]
    """In order, each with its phase."""
    counts: dict[str, CommandCounts]
    """By phase."""
    took: dict[Hashable, dict[str, Elapsed]]
    """How long it takes, by phase, where it leaves the timeline as it was."""


class CommandLedger:
    """The books of one layer: every command that its banks were told.

    Args:
        system: the DRAM that it runs on.
        timeline: that of the layers before; one of its own if None.
        recorder: what is told every command, of all layers together.
        priced: a price is asked for, not a schedule; see :meth:`alike`.
    """

    def __init__(
        self,
        system: System,
        timeline: Timeline | None = None,
        recorder: Recorder | None = None,
        *,
        priced: bool = False,
    ) -> None:
        self.system = system
        self._timeline = timeline or Timeline(system.standard, system.options)
        self._priced = priced
        self._observers = Observers(system, self, recorder, counting=not priced)
        self._phase = "inputs"
        self._books = _empty()
        self._passed = [0] * len(Passed._fields)
        """Time of this phase that is not in its books yet."""
        self._runs: list[Run] = []
        self._active: _Where = (), ()
        """Banks of the commands that are still held back, and where their TRANSFERs go."""
        self._times = 1
        """How often what is booked now is to be counted."""
        self._once: list[tuple[str, Part]] | None = None
        """What is booked now and is to be repeated, and its phase."""
        self._told: dict[Hashable, _Told] = {}
        """What was booked for prices, see :meth:`alike`."""
        self._stays = False
        """Whether it must be of one phase."""
        self.settled = False
        """Whether all of it is known, so that nothing is to be booked."""

    # -- what mappings book ------------------------------------------------------------------

    def enter(self, phase: str) -> None:
        """Book what follows under ``phase``, one of :data:`PHASES`."""
        if phase not in PHASES:
            raise InputError(f"`phase` must be one of {', '.join(PHASES)}, not {phase!r}")
        if self._stays and phase != self._phase:
            raise ValueError("what is repeated must stay in its phase")
        self._flush()
        self._phase = phase

    def run(
        self,
        schedule: Schedule | AdderTape,
        outputs: Sequence[int] | NDArray[np.intp],
        banks: Sequence[int],
        number: int = 0,
    ) -> None:
        """Book a schedule that subarray ``number`` of each bank runs, for an output of its own.

        Inside :meth:`repeat`, ``outputs`` are those of all repetitions (times, banks).
        """
        activation_rows = self.system.mitigation.activation_rows
        extra = int(schedule.extra_wordlines(activation_rows)[outputs].sum())
        order = issue_order(self.system.standard, banks)
        self._note(schedule.runs, order, extra)
        self._observers.ran(schedule, outputs, banks, order, number)

    def run_each(self, tapes: Sequence[AdderTape], banks: Sequence[int]) -> None:
        """Book tapes that a subarray of each bank runs, one a bank, all at once.

        Banks stay in lock-step as long as they have commands of a kind left; the others wait.
        """
        activation_rows = self.system.mitigation.activation_rows
        extra = sum(int(tape.extra_wordlines(activation_rows)[0]) for tape in tapes) * self._times
        if all(tape is tapes[0] for tape in tapes):
            self._note(tapes[0].runs, issue_order(self.system.standard, banks), extra)
            return
        times = [{run.cycle: run.times for run in tape.runs} for tape in tapes]
        for cycle in dict.fromkeys(cycle for own in times for cycle in own):
            done = 0
            for until in sorted({own[cycle] for own in times if cycle in own}):
                some = [bank for bank, own in zip(banks, times, strict=True)
                        if own.get(cycle, 0) >= until]  # fmt: skip
                runs = (Run(cycle, until - done),)
                self._note(runs, issue_order(self.system.standard, some), extra)
                done, extra = until, 0

    def count_streams(
        self, streams: Sequence[Stream], part: int, banks: Sequence[int], number: int
    ) -> None:
        """Report to the counter of activations, if any, which rows a part of streams activates.

        :meth:`run_each` books only the number of commands, and not their rows.
        """
        self._observers.ran_streams(streams, part, banks, number)

    def access(
        self, kind: Kind, rows: Sequence[int], columns: int, banks: Sequence[int], number: int = 0
    ) -> None:
        """Book the reading (RD) or writing (WR) of ``columns`` columns of data rows, each alone."""
        if not rows:
            return
        runs = _rows(kind, self.system.bursts(columns), len(rows))
        order = issue_order(self.system.standard, banks)
        self._note(runs, order, 0)
        self._observers.accessed((runs, order), rows, banks, number, self._times)

    def copy(self, moves: Sequence[tuple[Place, Place]], columns: int) -> None:
        """Book the copying of ``columns`` columns of rows from bank to bank (RowClone PSM).

        Each of ``moves`` is a source and a destination in banks of one rank. All go on at once, so
        that no bank may take part in two.
        """
        if not moves:
            return
        bursts = self.system.bursts(columns)
        of_bank = {source.bank: (source, destination) for source, destination in moves}
        banks = issue_order(self.system.standard, (source.bank for source, _ in moves))
        to = tuple(of_bank[bank][1].bank for bank in banks)
        self._note((Run(row_cycle(Kind.TRANSFER, bursts), 1),), banks, 0, to)
        self._observers.copied([of_bank[bank] for bank in banks], bursts, self._times)

    def stream(self, bits: int) -> None:
        """Book the reading of ``bits`` over the channel, whole rows spread over the banks.

        What is more than a bank holds is read from its first row on again.
        """
        for segment in streamed(Kind.RD, bits, self.system.standard, self.system.banks):
            self._note(segment.runs, segment.banks, 0)
            self._observers.streamed(segment)

    def told_apart(self, book: Callable[[], None], record: Callable[[Recorder], None]) -> None:
        """Book by ``book``; if a trace is recorded, record by ``record``.

        Both must have the same commands; only their order may differ.
        """
        recorder = self._observers.recorder
        if recorder is None:
            book()
            return
        self._flush()
        self._observers.record_with(None)
        book()
        self._flush()
        self._observers.record_with(recorder)
        record(recorder)

    def finish(self) -> None:
        """End the layer: all of its commands come before those of the next one."""
        self._flush()

    def repeat(self, outputs: NDArray[np.intp], book: Callable[[NDArray[np.intp]], None]) -> None:
        """Book what ``book`` books for one output a bank, for every row of ``outputs``.

        All rows must take the same kinds of commands in the same banks and phase: ``book`` is
        called once, with all of ``outputs`` (times, banks); only while a trace is recorded, with
        each row.
        """
        while len(outputs) and self._observers.recorder is not None:
            book(outputs[0])
            outputs = outputs[1:]
        if not len(outputs):
            return
        counter = self._observers.counter
        with nullcontext() if counter is None else counter.each(len(outputs)):
            self._in_a_row(len(outputs), partial(book, outputs))

    def in_a_row(self, times: int, book: Callable[[], None]) -> None:
        """Book so many times what ``book`` books in one phase; it is called once.

        Raises ValueError where it is :attr:`watched`, and so each time would have to be told.
        """
        if self.watched:
            raise ValueError("what is told to others must be booked each time")
        self._in_a_row(times, book)

    @property
    def watched(self) -> bool:
        """Whether anybody is told of commands, or of the rows that they activate."""
        return self._observers.recorder is not None or self._observers.counter is not None

    def again(self, times: int, book: Callable[[], None]) -> None:
        """Book ``times`` times what ``book`` books, which must begin by entering a phase.

        ``book`` is called once; only while a trace is recorded, each time.
        """
        while times and self._observers.recorder is not None:
            book()
            times -= 1
        if self._once is not None or times <= 1:
            for _ in range(times):
                book()
            return
        self._flush()
        before, self._books = self._books, _empty()
        counter = self._observers.counter
        with nullcontext() if counter is None else counter.again(times):
            parts = self._booked(book)
        once, self._books = self._books, before
        for phase, books in once.items():
            before[phase].add(books.counts, times=times)
        passed = self._timeline.repeat([part for _, part in parts], times)
        for (phase, _), each in zip(parts, passed, strict=True):
            before[phase].add(elapsed=Elapsed(*each))

    def alike(self, times: int, book: Callable[[], None], what: Hashable) -> None:
        """Book ``times`` times what ``book`` books; see :meth:`again`.

        If only a price is wanted, repetitions are scheduled until two take the same time; the rest
        are taken to last as long. ``book`` is not called again for the same ``what``, so ``what``
        may be equal only for things that book the same.
        """
        if not self._priced or self._once is not None:
            self.again(times, book)
            return
        if what not in self._told:
            self._told[what] = self._of(book)
        self._flush()
        told = self._told[what]
        before: dict[str, Elapsed] | None = None
        for left in range(times, 0, -1):
            elapsed = self._take(told)
            again = left if elapsed == before else 1
            for phase, counts in told.counts.items():
                self._books[phase].add(counts, elapsed[phase], again)
            if again == left:
                break
            before = elapsed

    def _of(self, book: Callable[[], None]) -> _Told:
        """What ``book`` books, none of it on the timeline."""
        self._flush()
        kept, self._books = self._books, _empty()
        parts = self._booked(book)
        found, self._books = self._books, kept
        return _Told(parts, {phase: books.counts for phase, books in found.items()}, {})

    def _take(self, told: _Told) -> dict[str, Elapsed]:
        """How long what was booked takes, by phase; the timeline goes on unless it is known."""
        where = self._timeline.where
        if where in told.took:
            return told.took[where]
        passed = {phase: Passed() for phase in told.counts}
        for phase, part in told.parts:
            before = self._timeline.passed
            self._timeline.run(part)
            passed[phase] = passed[phase].plus(self._timeline.passed, before)
        found = {phase: Elapsed(*each) for phase, each in passed.items()}
        if self._timeline.where == where:
            told.took[where] = found
        return found

    # -- books that are known ----------------------------------------------------------------

    def books(self) -> dict[str, tuple[CommandCounts, Elapsed]]:
        """Return commands and time of every phase, for :meth:`settle`."""
        self._flush()
        return {phase: (books.counts, books.elapsed) for phase, books in self._books.items()}

    def settle(self, books: Mapping[str, tuple[CommandCounts, Elapsed]]) -> None:
        """Take the results of the same bookings from before; nothing may be booked then."""
        self._books |= {phase: PhaseBooks(*known) for phase, known in books.items()}
        self.settled = True

    # -- what came of it ---------------------------------------------------------------------

    def counts(self, phase: str) -> CommandCounts:
        """Commands of a phase, all banks together, those REFs included that fell into it.

        With ``idle_ranks``, those of all ranks.
        """
        self._flush()
        books = self._books[phase]
        elapsed = books.elapsed.with_idle_ranks(self.system.standard, self.system.options)
        return replace(books.counts, ref=elapsed.refreshes)

    def cost(self, phase: str, options: ModelOptions | None = None) -> Cost:
        """Time and energy of a phase; energy under ``options`` in place of those of the system."""
        self._flush()
        books, options = self._books[phase], options or self.system.options
        return charge(books.counts, books.elapsed, self.system.standard, options)

    def cost_together(self, phases: Sequence[str], *, refresh: bool) -> Cost:
        """Time and energy of phases that were booked without refresh; with it, about those."""
        self._flush()
        together = PhaseBooks()
        for phase in phases:
            together.add(self._books[phase].counts, self._books[phase].elapsed)
        elapsed = together.elapsed
        if refresh:
            elapsed = elapsed.with_refresh(self.system.standard)
        return charge(together.counts, elapsed, self.system.standard, self.system.options)

    # -- inside ------------------------------------------------------------------------------

    def _note(
        self,
        runs: Sequence[Run],
        banks: tuple[int, ...],
        extra_wordlines: int,
        to: tuple[int, ...] = (),
    ) -> None:
        """Count commands, and hold them back until commands of another kind follow."""
        if not runs:
            return
        if self.settled:
            raise ValueError("nothing must be booked where the books are known")
        self._go_on_with((banks, to))
        self._put_off(runs)
        times = len(banks) * self._times
        self._books[self._phase].note(runs, times, 2 if to else 1, extra_wordlines)

    def _go_on_with(self, where: _Where) -> None:
        if where != self._active:
            self._put_on()
            self._active = where

    def _put_off(self, runs: Sequence[Run]) -> None:
        pending = self._runs
        for run in runs:
            if pending and pending[-1].cycle == run.cycle:
                pending[-1] = Run(run.cycle, pending[-1].times + run.times)
            else:
                pending.append(run)

    def _flush(self) -> None:
        """Put the commands held back on the timeline, and add up their time."""
        self._put_on()
        if any(self._passed):
            self._books[self._phase].add(elapsed=Elapsed(*self._passed))
            self._passed = [0] * len(self._passed)

    def _put_on(self) -> None:
        if not self._runs:
            return
        segment = Segment(tuple(self._runs), *self._active)
        self._add(segment)
        self._observers.issued(segment)
        self._runs = []

    def _add(self, part: Part) -> None:
        """Put a part on the timeline, or hold it where it is to be repeated."""
        if self._once is not None:
            self._once.append((self._phase, part))
            return
        before = self._timeline.passed
        self._timeline.run(part)
        self._passed = list(map(add, self._passed, map(sub, self._timeline.passed, before)))

    def _in_a_row(self, times: int, book: Callable[[], None]) -> None:
        """See :meth:`in_a_row`; what is repeated may itself repeat something."""
        outer = self._times, self._stays
        self._times, self._stays = self._times * times, True
        parts = self._booked(book)
        self._times, self._stays = outer
        once = chain.from_iterable(expanded(part) for _, part in parts)
        self._add(Repeated(tuple(once), times))

    def _booked(self, book: Callable[[], None]) -> list[tuple[str, Part]]:
        """What ``book`` books, and in which phase, none of it on the timeline yet."""
        self._flush()
        outer, self._once = self._once, []
        book()
        self._flush()
        found, self._once = self._once, outer
        return found


def _empty() -> dict[str, PhaseBooks]:
    """Books of all phases, with nothing in them."""
    return {phase: PhaseBooks() for phase in PHASES}


@lru_cache(maxsize=4096)
def _rows(kind: Kind, bursts: int, times: int) -> tuple[Run, ...]:
    """So many rows, each read or written alone."""
    return (Run(row_cycle(kind, bursts), times),)


def ledger_alone(system: System, moves: str | None = None) -> CommandLedger:
    """A ledger of a system that does nothing else, without refresh, which stretches all alike."""
    options = replace(system.options, refresh=False)
    alone = replace(system, options=options, moves=moves or system.moves, faults=None, counter=None)
    return CommandLedger(alone, priced=True)
