"""Command and request traces: one line for each command of a channel, in a tool's own dialect.

Commands are on clock edges, at most one of a channel in each clock, as
:class:`~pimsim.dram.scheduler.bus.BusScheduler` places them. AAPs and APs are split into their ACTs
and PRE; commands of other banks may come between these.

The dialects are in :mod:`~pimsim.dram.traces.dialects`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import BankAddress, bank_address
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.event import Spans
from pimsim.dram.traces.text import Column, lines, texts


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Commands on the bus, ``(commands,)`` each: ACT, PRE, RD, WR and REF, in order of time."""

    clock: Numbers
    kind: Numbers
    bank: Numbers
    row: Numbers
    """-1 for commands that have none."""
    column: Numbers

    def columns(self) -> tuple[Numbers, ...]:
        """The arrays, in the order of the fields."""
        return self.clock, self.kind, self.bank, self.row, self.column

    def __getitem__(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Steps:
        """Some of the commands."""
        return Steps(*(column[which] for column in self.columns()))


def bus_names(*names: str) -> Mapping[Kind, str]:
    """Return what ACT, PRE, RD, WR and REF, in this order, are called."""
    return dict(zip((Kind.ACT, Kind.PRE, Kind.RD, Kind.WR, Kind.REF), names, strict=True))


class Dialect(ABC):
    """How a tool writes commands down, for one standard."""

    charged_acts = False
    """Whether an AAP has as many ACTs as ``ModelOptions.acts_per_aap`` says, not always two."""
    names: ClassVar[Mapping[Kind, str]]
    """Names of the kinds that the format can express; others are left out."""
    missing = "it holds no command"
    """Remark for a trace without any of them."""

    def __init__(self, standard: Standard) -> None:
        self.standard = standard
        self._places = [bank_address(standard, bank) for bank in range(standard.all_banks)]

    def head(self) -> str:
        """Text before the first command."""
        return ""

    @abstractmethod
    def lines(self, steps: Steps) -> Sequence[Column]:
        """Columns of text that are the lines of commands, side by side."""

    def tail(self, clock: int) -> str:
        """Text after the last command; all effects of commands are over at ``clock``."""
        return ""

    def each(
        self, steps: Steps, said: Callable[[Kind, BankAddress], str], *, kinds: Sequence[Kind] = ()
    ) -> Column:
        """Return for each command the text that ``said`` makes of its kind and bank.

        ``kinds`` are those that may occur; if empty, all that have names.
        """
        banks = len(self._places)
        known = [""] * (banks * len(Kind))
        for kind in kinds or self.names:
            for bank, where in enumerate(self._places):
                known[kind * banks + bank] = said(kind, where)
        return texts(known)[steps.kind * banks + steps.bank]


class CommandTrace:
    """Writes the commands of one channel in a dialect.

    No dialect has a TRANSFER. They are left out, while their ACTs and PREs stay, and a remark says
    how many they were.
    """

    def __init__(
        self,
        kind: type[Dialect],
        write: Callable[[bytes | memoryview], None],
        standard: Standard,
        options: ModelOptions,
    ) -> None:
        self._write, self._dialect = write, kind(standard)
        self._spans = Spans.of(standard, replace(options, clocked=True))
        self._second_act = not kind.charged_acts or options.acts_per_aap == 2
        self._named = np.array([each in kind.names for each in Kind])
        self._waiting: list[Steps] = []
        self._end_clock = 0
        self._done_clocks = np.array([self._clocks(self._spans.done_ps[each]) for each in Kind])
        self._last_clock = -1
        self._transfers = 0
        write(self._dialect.head().encode("ascii"))

    def add_block(self, block: Block) -> None:
        """Write commands, except those that later ones may still come before.

        A REF does not say how far time has got: other ranks may be further, or less far.
        """
        if not len(block):
            return
        clock = block.at_ps // self._spans.t_ck_ps
        self._end_clock = max(self._end_clock, int((clock + self._done_clocks[block.kind]).max()))
        self._transfers += int((block.kind == Kind.TRANSFER).sum())
        self._waiting.append(self._parts(block, clock))
        timed = clock[block.kind != Kind.REF]
        if len(timed):
            self._flush(int(timed[-1]))

    def finish(self) -> list[str]:
        """Write what is still waiting, and the end; return remarks."""
        self._flush(None)
        end = max(self._end_clock, self._last_clock + 1)
        self._write(self._dialect.tail(end).encode("ascii"))
        remarks = []
        if self._last_clock < 0:
            remarks.append(self._dialect.missing)
        if self._transfers and Kind.ACT in self._dialect.names:
            remarks.append(
                f"{self._transfers} TRANSFERs between banks are left out, for which the format has "
                "no command; the ACTs and PREs around them are there"
            )
        return remarks

    def _clocks(self, time_ps: int) -> int:
        return -(-time_ps // self._spans.t_ck_ps)

    def _parts(self, block: Block, clock: Numbers) -> Steps:
        """The commands on the bus, unordered."""
        opened = (block.kind == Kind.AAP) | (block.kind == Kind.AP)
        copies = block.kind == Kind.AAP
        kind = np.where(opened, Kind.ACT, block.kind)
        all_of = Steps(clock, kind, block.bank, block.row, block.column)[self._named[kind]]
        parts = [all_of]
        if Kind.ACT in self._dialect.names and opened.any():
            none = np.full(int(opened.sum()), -1)
            open_clocks = np.array([self._clocks(self._spans.open_ps.get(k, 0)) for k in Kind])
            closed = clock[opened] + open_clocks[block.kind[opened]]
            parts.append(Steps(closed, none * 0 + Kind.PRE, block.bank[opened], none, none))
            if self._second_act:
                second = clock[copies] + self._clocks(self._spans.second_act_ps)
                none = np.full(len(second), -1)
                row2 = block.row2[copies]
                parts.append(Steps(second, none * 0 + Kind.ACT, block.bank[copies], row2, none))
        return _joined(parts)

    def _flush(self, until_clock: int | None) -> None:
        """Write everything up to that time; only REFs may still come with an earlier one."""
        if not self._waiting:
            return
        steps = _joined(self._waiting)
        if until_clock is not None:
            later = steps.clock > until_clock
            self._waiting = [steps[later]]
            steps = steps[~later]
        if not len(steps.clock):
            return
        steps = steps[_in_order(steps.clock)]
        self._last_clock = int(steps.clock[-1])
        self._write(lines(self._dialect.lines(steps)).text.data)


def _joined(parts: Sequence[Steps]) -> Steps:
    if len(parts) == 1:
        return parts[0]
    every = zip(*(part.columns() for part in parts), strict=True)
    return Steps(*(np.concatenate(columns) for columns in every))


_DENSE = 64
"""Clocks per command up to which it is faster to place each command by its clock than to sort."""


def _in_order(clock: Numbers) -> NDArray[np.intp]:
    """Indices that sort clocks that are all different."""
    first = int(clock.min())
    span = int(clock.max()) - first + 1
    if span > _DENSE * len(clock):
        return np.argsort(clock)
    places = np.full(span, -1, np.intp)
    places[clock - first] = np.arange(len(clock))
    return places[places >= 0]
