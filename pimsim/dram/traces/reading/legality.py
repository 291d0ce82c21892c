"""Which constraints a stream of commands violates, checked many commands at a time.

Of all earlier commands that a constraint names, only the last one needs to be checked, because
times never go back. An ACT that finds its bank open is taken as the second ACT of an AAP.

>>> from pimsim.dram.standard.standard import load
>>> checker = Checker(load("ddr3-1600-8-8-8"), ModelOptions(refresh=False), on_bus=False)
>>> of = lambda *values: np.array(values)
>>> checker.add(Parts(of(0, 9_000), of(Kind.ACT, Kind.RD), of(0, 0), of(-1, -1), of(1, 2)))
>>> checker.found
[Violation(line=2, kind=<Kind.RD: 2>, bank=0, constraint='tRCD', short_ps=1000)]
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import (
    Constraint,
    Scope,
    TransferEnd,
    bank_address,
    effective_timing,
    second_act_ps,
    table,
)
from pimsim.dram.scheduler.scheduler import POSTPONED_REFS
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import ACTS_PER_FAW
from pimsim.dram.traces.block import Numbers
from pimsim.dram.traces.reading.parts import Parts

SHOWN = 10
"""How many violations are listed, the first ones; all others are only counted."""

_COLUMNS = (Kind.RD, Kind.WR, Kind.TRANSFER)
_KINDS = tuple(Kind)


class Violation(NamedTuple):
    """A constraint that a command violates."""

    line: int
    kind: Kind
    bank: int
    constraint: str
    """Name as in :func:`~pimsim.dram.scheduler.constraints.table`; ``state`` if the bank is not
    open, or not closed, as the command needs it; else ``AAP``, ``tREFI``, ``tCK`` or ``command
    bus``."""
    short_ps: int
    """How much too early the command comes (``tREFI``: too late); 0 for ``state``."""


class _Cells(NamedTuple):
    """For each bank, the number of its rank, its group, and so on."""

    bank: Numbers
    group: Numbers
    rank: Numbers
    channel: Numbers


class Checker:
    """Takes the commands of a stream in the order of time, some at a time."""

    def __init__(self, standard: Standard, options: ModelOptions, *, on_bus: bool) -> None:
        timing = effective_timing(standard, options)
        self._rows = list(_distinct(table(standard, options)))
        self._second_ps = second_act_ps(standard, options)
        self._faw_ps = timing.t_faw_ps if options.faw else 0
        self._both_count = options.acts_per_aap == 2
        self._refi_ps = timing.t_refi_ps if options.refresh else 0
        self._clock_ps = timing.t_ck_ps
        self._clocked, self._on_bus = options.clocked or on_bus, on_bus
        bus = self._bus = standard.command_bus
        spans = np.array([bus.taken(kind) for kind in Kind]) * timing.t_ck_ps
        self._before_ps, self._after_ps = spans.T
        """How long a command of each kind takes the bus, before and after its time."""
        self._of_bus = np.array([bus.bus(kind) for kind in Kind])
        self._reach_ps = max(self._faw_ps, self._second_ps, *(row.gap_ps for row in self._rows))
        places = np.array([bank_address(standard, bank) for bank in range(standard.all_banks)])
        banks = np.arange(standard.all_banks)
        rank = banks // standard.banks
        self._cells = _Cells(
            banks, rank * standard.bank_groups + places[:, 2], rank, rank // standard.ranks
        )
        self._acts = np.zeros(len(banks), np.int64)
        """ACTs of each bank since its last PRE."""
        self._open = np.zeros(int(rank[-1]) + 1, np.int64)
        """Open banks of each rank."""
        self._refs = np.zeros(int(rank[-1]) + 1, np.int64)
        none = np.zeros(0, np.int64)
        self._before = Parts(none, none, none, none, none), np.zeros(0, bool)
        self.counts: Counter[str] = Counter()
        """Violations by constraint."""
        self.found: list[Violation] = []
        """The first violations."""

    def add(self, parts: Parts) -> None:
        """Check commands, which must not come earlier than those checked before."""
        if not len(parts):
            return
        since = since_last(parts.bank, parts.kind == Kind.ACT, parts.kind == Kind.PRE, self._acts)
        second = (parts.kind == Kind.ACT) & (since == 1)
        found = [*self._states(parts, since), *self._clocks(parts)]
        old, old_second = self._before
        whole = Parts.joined([old, parts])
        second = np.concatenate([old_second, second])
        for name, where, short_ps in self._gaps(whole, second):
            new = where >= len(old)
            found.append((name, where[new] - len(old), short_ps[new]))
        self._note(parts, found)
        kept = whole.at_ps > whole.at_ps[-1] - self._reach_ps
        self._before = whole[kept], second[kept]

    def _note(self, parts: Parts, found: list[tuple[str, NDArray[np.intp], Numbers]]) -> None:
        new: list[Violation] = []
        for name, where, short_ps in found:
            if not len(where):
                continue
            self.counts[name] += len(where)
            for place, short in zip(where[:SHOWN].tolist(), short_ps[:SHOWN].tolist(), strict=True):
                kind, bank = _KINDS[int(parts.kind[place])], int(parts.bank[place])
                new.append(Violation(int(parts.line[place]), kind, bank, name, short))
        self.found = sorted([*self.found, *new])[:SHOWN]

    # -- what is not a distance ----------------------------------------------------------------

    def _states(self, parts: Parts, since: Numbers) -> list[tuple[str, NDArray[np.intp], Numbers]]:
        """Note banks in the wrong state and missing REFs, and update the state of banks."""
        kind, rank = parts.kind, self._cells.rank[parts.bank]
        is_column = np.isin(kind, _COLUMNS)
        wrong = (kind == Kind.ACT) & (since > 1)
        wrong |= (is_column | (kind == Kind.PRE)) & (since == 0)
        moved = np.flatnonzero(kind == Kind.TRANSFER)
        if len(moved):
            wrong[moved] |= ~_open_at(parts, moved, self._acts)
        change = ((kind == Kind.ACT) & (since == 0)).astype(np.int64)
        change -= (kind == Kind.PRE) & (since > 0)
        opened = running(rank, change, self._open)
        wrong |= (kind == Kind.REF) & (opened > 0)
        found = [("state", np.flatnonzero(wrong), np.zeros(int(wrong.sum()), np.int64))]
        refs = running(rank, (kind == Kind.REF).astype(np.int64), self._refs)
        if self._refi_ps:
            late_ps = parts.at_ps - (refs + POSTPONED_REFS + 1) * self._refi_ps
            late = np.flatnonzero((kind == Kind.ACT) & (since == 0) & (late_ps > 0))
            found.append(("tREFI", late, late_ps[late]))
        self._acts = left_over(parts.bank, kind == Kind.ACT, kind == Kind.PRE, self._acts)
        np.add.at(self._open, rank, change)
        np.add.at(self._refs, rank, kind == Kind.REF)
        return found

    def _clocks(self, parts: Parts) -> list[tuple[str, NDArray[np.intp], Numbers]]:
        found = []
        if self._clocked:
            off = parts.at_ps % self._clock_ps
            found.append(("tCK", np.flatnonzero(off), self._clock_ps - off[off > 0]))
        for bus in range(self._bus.buses) if self._on_bus else ():
            own = np.flatnonzero(self._of_bus[parts.kind] == bus)
            begin_ps = parts.at_ps[own] - self._before_ps[parts.kind[own]]
            free_ps = parts.at_ps[own] + self._after_ps[parts.kind[own]] + self._clock_ps
            short_ps = np.maximum.accumulate(free_ps)[:-1] - begin_ps[1:]
            early = short_ps > 0
            found.append(("command bus", own[1:][early], short_ps[early]))
        return found

    # -- distances -----------------------------------------------------------------------------

    def _gaps(
        self, parts: Parts, second: NDArray[np.bool_]
    ) -> list[tuple[str, NDArray[np.intp], Numbers]]:
        found = []
        of_kind = {kind: np.flatnonzero(parts.kind == kind) for kind in Kind}
        counted = of_kind[Kind.ACT]
        if not self._both_count:
            counted = counted[~second[counted]]
        for row in self._rows:
            before, after = of_kind[row.before], of_kind[row.after]
            if row.before is row.after is Kind.ACT:
                before, after = (
                    (before, after[~second[after]]) if row.scope is Scope.BANK else (counted,) * 2
                )
            if not len(before) or not len(after):
                continue
            ends = (parts.bank, parts.to) if row.before is Kind.ACT and (
                row.after is Kind.TRANSFER
            ) else (parts.bank,)  # fmt: skip
            for end in ends:
                found.append(self._row(row, parts, before, after, end))
        twice = of_kind[Kind.ACT][second[of_kind[Kind.ACT]]]
        if len(twice):
            own = Constraint("AAP", Kind.ACT, Kind.ACT, Scope.BANK, self._second_ps)
            found.append(self._row(own, parts, of_kind[Kind.ACT], twice, parts.bank))
        if self._faw_ps:
            found.append(self._windows(parts, counted))
        return found

    def _row(
        self,
        row: Constraint,
        parts: Parts,
        before: NDArray[np.intp],
        after: NDArray[np.intp],
        end: Numbers,
    ) -> tuple[str, NDArray[np.intp], Numbers]:
        """Note commands that come too early after the last one that the row names."""
        cells = self._cells
        outer, inner = {
            Scope.BANK: (cells.bank, None),
            Scope.GROUP: (cells.group, cells.bank),
            Scope.RANK: (cells.rank, cells.group),
            Scope.CHANNEL: (cells.channel, cells.rank),
        }[row.scope]
        if _is_of_rank(row):
            outer, inner = cells.rank, None
        first = parts.to if row.end is TransferEnd.DESTINATION else parts.bank
        last = latest(
            before, outer[first[before]], None if inner is None else inner[first[before]],
            after, outer[end[after]], None if inner is None else inner[end[after]],
        )  # fmt: skip
        met = last >= 0
        short_ps = row.gap_ps - (parts.at_ps[after[met]] - parts.at_ps[last[met]])
        return row.name, after[met][short_ps > 0], short_ps[short_ps > 0]

    def _windows(
        self, parts: Parts, acts: NDArray[np.intp]
    ) -> tuple[str, NDArray[np.intp], Numbers]:
        rank = self._cells.rank[parts.bank[acts]]
        order = np.argsort(rank, kind="stable")
        acts, rank = acts[order], rank[order]
        later, earlier = acts[ACTS_PER_FAW:], acts[:-ACTS_PER_FAW]
        short_ps = self._faw_ps - (parts.at_ps[later] - parts.at_ps[earlier])
        wrong = (rank[ACTS_PER_FAW:] == rank[:-ACTS_PER_FAW]) & (short_ps > 0)
        return "tFAW", later[wrong], short_ps[wrong]


def _is_of_rank(row: Constraint) -> bool:
    """Whether a row holds for all banks of a rank alike."""
    if Kind.REF in (row.before, row.after):
        return True
    columns = row.before in _COLUMNS and row.after in _COLUMNS
    return columns and Kind.TRANSFER in (row.before, row.after) and row.end is None


def _distinct(rows: tuple[Constraint, ...]) -> list[Constraint]:
    """The rows of distances between two commands; a row of a whole rank comes only once."""
    kept: dict[object, Constraint] = {}
    for row in rows:
        if row.apart == 1:
            scope = Scope.RANK if _is_of_rank(row) else row.scope
            kept[row.name, row.before, row.after, scope, row.end] = row
    return list(kept.values())


def latest(
    before: NDArray[np.intp],
    before_outer: Numbers,
    before_inner: Numbers | None,
    after: NDArray[np.intp],
    after_outer: Numbers,
    after_inner: Numbers | None,
) -> NDArray[np.intp]:
    """Return for each of ``after`` the last of ``before`` that comes earlier, -1 if there is none.

    Both are places in one stream. The two commands must have the same outer cell (for example,
    rank), and must not have the same inner cell (for example, bank).
    """
    size = int(max(before.max(), after.max())) + 1
    order = np.argsort(before_outer * size + before)
    keys = (before_outer * size + before)[order]
    place = np.searchsorted(keys, after_outer * size + after) - 1
    if before_inner is not None and after_inner is not None:
        outer, inner = before_outer[order], before_inner[order]
        begins = np.ones(len(order), bool)
        begins[1:] = (outer[1:] != outer[:-1]) | (inner[1:] != inner[:-1])
        run = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        same = (place >= 0) & (inner[place] == after_inner) & (outer[place] == after_outer)
        place = np.where(same, run[place] - 1, place)
    fits = (place >= 0) & (before_outer[order][place] == after_outer)
    found: NDArray[np.intp] = np.where(fits, before[order][place], -1)
    return found


def running(cell: Numbers, change: Numbers, begin: Numbers) -> Numbers:
    """Return for each command the value of its cell before it: ``begin`` plus earlier changes.

    >>> running(np.array([0, 1, 0]), np.array([1, 1, 1]), np.array([5, 0])).tolist()
    [5, 0, 6]
    """
    order = np.argsort(cell, kind="stable")
    total = np.cumsum(change[order]) - change[order]
    firsts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    lengths = np.diff([*firsts, len(order)])
    found: Numbers = np.empty_like(total)
    found[order] = total - np.repeat(total[firsts] - begin[cell[order][firsts]], lengths)
    return found


def since_last(
    cell: Numbers, counted: NDArray[np.bool_], reset: NDArray[np.bool_], begin: Numbers
) -> Numbers:
    """Return for each command how many were counted in its cell since the last reset."""
    order = np.argsort(cell, kind="stable")
    total = np.cumsum(counted[order])
    firsts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    resets = np.flatnonzero(reset[order])
    # A cell begins before its first command; a reset acts on the commands after it.
    places = np.concatenate([2 * firsts, 2 * resets + 1])
    before_first = total[firsts] - counted[order][firsts] - begin[cell[order][firsts]]
    values = np.concatenate([before_first, total[resets]])
    by_place = np.argsort(places)
    last = np.searchsorted(places[by_place], 2 * np.arange(len(order)), side="right") - 1
    found = np.empty(len(order), np.int64)
    found[order] = total - counted[order] - values[by_place][last]
    return found


def left_over(
    cell: Numbers, counted: NDArray[np.bool_], reset: NDArray[np.bool_], begin: Numbers
) -> Numbers:
    """Return for each cell how many commands were counted since its last reset."""
    cells = np.arange(len(begin))
    none = np.zeros(len(cells), bool)
    every = since_last(
        np.concatenate([cell, cells]),
        np.concatenate([counted, none]),
        np.concatenate([reset, none]),
        begin,
    )
    return every[len(cell) :]


def _open_at(parts: Parts, moved: NDArray[np.intp], acts: Numbers) -> NDArray[np.bool_]:
    """Whether the banks that TRANSFERs go to are open."""
    whole = np.concatenate([np.arange(len(parts)), moved])
    order = np.argsort(whole, kind="stable")
    bank = np.concatenate([parts.bank, parts.to[moved]])[order]
    kind = np.concatenate([parts.kind, np.full(len(moved), int(Kind.TRANSFER))])[order]
    since = since_last(bank, kind == Kind.ACT, kind == Kind.PRE, acts)
    found: NDArray[np.bool_] = since[np.argsort(order)[len(parts) :]] > 0
    return found
