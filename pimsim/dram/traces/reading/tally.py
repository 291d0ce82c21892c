"""The counts of a stream of commands, and the time that ranks and banks are open.

>>> from pimsim.dram.standard.standard import load
>>> tally = Tally(load("ddr3-1600-8-8-8"), ModelOptions())
>>> of = lambda *values: np.array(values)
>>> act, pre = Kind.ACT, Kind.PRE
>>> none, line = of(-1, -1, -1), of(1, 2, 3)
>>> tally.add(Parts(of(0, 4_000, 39_000), of(act, act, pre), of(0, 0, 0), none, line))
>>> tally.finish()
>>> tally.counts.aap, tally.latency_ps, tally.open_ps
(1, 49000, 39000)
"""

from __future__ import annotations

import numpy as np

from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Numbers
from pimsim.dram.traces.reading.legality import left_over, since_last
from pimsim.dram.traces.reading.parts import Parts


class Tally:
    """Takes the commands of a stream in the order of time, some at a time.

    Between two PREs of a bank, one ACT without column accesses counts as an AP, and two as an AAP.
    With column accesses, the ACTs and the PRE count on their own.
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        timing = effective_timing(standard, options)
        self._banks = standard.banks
        self._after_ps = np.zeros(len(Kind), np.int64)
        """How long a rank is busy after a command of each kind."""
        for kind, time_ps in (
            (Kind.ACT, timing.t_rc_ps), (Kind.PRE, timing.t_rp_ps), (Kind.REF, timing.t_rfc_ps),
        ):  # fmt: skip
            self._after_ps[kind] = time_ps
        self._rfc_ps = timing.t_rfc_ps
        ranks = standard.all_banks // standard.banks
        self._acts = np.zeros(standard.all_banks, np.int64)
        self._columns = np.zeros(standard.all_banks, np.int64)
        self._free_ps = np.zeros(ranks, np.int64)
        self._spans = [_Covered(standard.banks, timing.t_rfc_ps) for _ in range(ranks)]
        self.counts = CommandCounts()
        self.refreshes = 0
        self.commands = 0

    @property
    def latency_ps(self) -> int:
        """When all ranks are precharged and free."""
        return int(self._free_ps.max())

    @property
    def held_ps(self) -> int:
        """That time of each rank that has commands, summed over ranks."""
        return int(self._free_ps.sum())

    @property
    def open_ps(self) -> int:
        """Time with a bank open or refreshing, summed over ranks."""
        return sum(span.covered_ps for span in self._spans)

    @property
    def bank_open_ps(self) -> int:
        """Time with a bank open, summed over banks; a REF counts for all of a rank."""
        return sum(span.in_banks_ps for span in self._spans)

    def add(self, parts: Parts) -> None:
        """Count commands, which must not come earlier than those counted before."""
        if not len(parts):
            return
        kind, bank, rank = parts.kind, parts.bank, parts.bank // self._banks
        is_act, is_pre = kind == Kind.ACT, kind == Kind.PRE
        is_column = np.isin(kind, (Kind.RD, Kind.WR, Kind.TRANSFER))
        acts = since_last(bank, is_act, is_pre, self._acts)
        columns = since_last(bank, is_column, is_pre, self._columns)
        if (kind == Kind.TRANSFER).any():  # the bank that it goes to has a column access, too
            moved = np.flatnonzero(kind == Kind.TRANSFER)
            order = np.argsort(np.concatenate([np.arange(len(kind)), moved]), kind="stable")
            own = np.concatenate([bank, parts.to[moved]])[order]
            also = np.concatenate([is_column, np.ones(len(moved), bool)])[order]
            ends = np.concatenate([is_pre, np.zeros(len(moved), bool)])[order]
            columns = since_last(own, also, ends, self._columns)[np.argsort(order)[: len(kind)]]
            self._columns = left_over(own, also, ends, self._columns)
        else:
            self._columns = left_over(bank, is_column, is_pre, self._columns)
        self._acts = left_over(bank, is_act, is_pre, self._acts)
        opened, used = acts[is_pre], columns[is_pre] > 0
        rows = ~used & (opened > 0)
        copies = int((rows & (opened > 1)).sum())
        self.counts += CommandCounts(
            aap=copies,
            ap=int((rows & (opened == 1)).sum()),
            act=int(opened[used].sum() + (opened[rows] - 2).clip(min=0).sum()),
            pre=int((~rows).sum()),
            rd=int((kind == Kind.RD).sum()),
            wr=int((kind == Kind.WR).sum()),
            transfer=int((kind == Kind.TRANSFER).sum()),
        )
        self.refreshes += int((kind == Kind.REF).sum())
        self.commands += len(parts)
        np.maximum.at(self._free_ps, rank, parts.at_ps + self._after_ps[kind])
        level = (is_act & (acts == 0)).astype(np.int64) - (is_pre & (acts > 0))
        for number in np.unique(rank).tolist():
            own = rank == number
            refs_ps = parts.at_ps[own & (kind == Kind.REF)]
            self._spans[number].add(parts.at_ps[own], level[own], refs_ps)

    def add_idle_refreshes(self, refreshes: int) -> None:
        """Count REFs of idle ranks, which are listed after later commands of other ranks."""
        self.refreshes += refreshes
        self.commands += refreshes
        self._spans[0].covered_ps += refreshes * self._rfc_ps
        self._spans[0].in_banks_ps += refreshes * self._rfc_ps * self._banks

    def finish(self) -> None:
        """Count the ACTs of banks that are still open, and end everything that is under way."""
        self.counts += CommandCounts(act=int(self._acts.sum()))
        for span, free_ps in zip(self._spans, self._free_ps.tolist(), strict=True):
            span.finish(free_ps)


class _Covered:
    """Time during which a bank is open or a REF is under way, which counts for all banks."""

    def __init__(self, banks: int, rfc_ps: int) -> None:
        self._banks, self._rfc_ps = banks, rfc_ps
        self.covered_ps = self.in_banks_ps = 0
        self._level = 0
        """Number of banks that are open."""
        self._now_ps = 0
        self._ends_ps = np.zeros(0, np.int64)
        """When REFs under way end."""

    def add(self, at_ps: Numbers, level: Numbers, refs_ps: Numbers) -> None:
        """Go on to the last of ``at_ps``, with changes in the number of open banks."""
        ends_ps = np.concatenate([self._ends_ps, refs_ps + self._rfc_ps])
        until_ps = int(at_ps[-1])
        over = ends_ps <= until_ps
        self._ends_ps = ends_ps[~over]
        times = np.concatenate([at_ps, refs_ps, ends_ps[over]])
        change = np.concatenate(
            [level, np.full(len(refs_ps), self._banks), np.full(int(over.sum()), -self._banks)]
        )
        order = np.argsort(times, kind="stable")
        times = np.concatenate([[self._now_ps], times[order]])
        levels = self._level + np.concatenate([[0], np.cumsum(change[order])])
        self.covered_ps += int((np.diff(times) * (levels[:-1] > 0)).sum())
        self.in_banks_ps += int((np.diff(times) * levels[:-1]).sum())
        self._now_ps, self._level = until_ps, int(levels[-1])

    def finish(self, free_ps: int) -> None:
        """Go on until the rank is free."""
        banks = self._level - self._banks * len(self._ends_ps)
        until_ps = max(self._now_ps, free_ps) if banks > 0 else (
            int(self._ends_ps.max(initial=self._now_ps))
        )  # fmt: skip
        self.in_banks_ps += banks * (until_ps - self._now_ps)
        self.in_banks_ps += self._banks * int((self._ends_ps - self._now_ps).sum())
        if self._level:
            self.covered_ps += until_ps - self._now_ps
