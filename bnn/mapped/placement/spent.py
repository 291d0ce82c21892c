"""Time of steps that banks take in lock-step: as it is scheduled, and what it is at least.

Commands of a channel are issued in order, a command in every bank and then the next. So steps come
one after the other, and each takes at least as long as what is scarcest in it: a bank, which
carries out one row command after the other; the activations of a rank, of which four come within
tFAW; or the channel, on which column accesses keep their distance. Adding that up takes far less
than a schedule, and rules most ways of dividing work out. Refresh is left aside here.

>>> from pimsim.dram.options import ModelOptions
>>> from pimsim.dram.standard.standard import load
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
>>> steps = [(Kind.WR, 90), (((Kind.AAP, 4),), 1000)]
>>> least_ps(system, range(8, 9), 65_536, steps), spent_ps(system, 8, 65_536, *steps)
([942060000], 947399000)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from bnn.system.system import System
from pimsim.cost import unrefreshed_ps
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import Scope, effective_timing, gap_ps, second_act_ps, table
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import ACTS_PER_FAW
from pimsim.dram.timeline.command_stream import RowCycle, Run, Segment, issue_order, row_cycle
from pimsim.microprogram.row_program import Move, RowProgram

Step: TypeAlias = tuple[RowCycle | Kind, int]
"""A cycle of row commands, or the reading or writing of a row (RD, WR), and how often it comes."""


def steps(program: RowProgram, times: int = 1) -> list[Step]:
    """What a program computes, for so many outputs, with rows that are moved through the host."""
    found: Counter[RowCycle | Kind] = Counter()
    for run in program.runs:
        found[run.cycle] += times * run.times
    moved = times * sum(isinstance(item, Move) for item in program.items)
    found[Kind.RD] += times * program.slots + moved
    found[Kind.WR] += moved
    return list(found.items())


def spent_ps(system: System, banks: int, columns: int, *steps: Step) -> int:
    """Return the time of steps in order, refresh aside, which would stretch all alike.

    Args:
        system: whose banks.
        banks: how many of them, all doing the same.
        columns: of every row that is read or written.
        steps: what they do.

    """
    runs = [Run(cycle, times) for cycle, times in _cycles(system, columns, steps)]
    if not runs:  # all weights are 0 and nothing is read
        return 0
    segment = Segment(tuple(runs), issue_order(system.standard, range(banks)))
    return unrefreshed_ps(segment, system.standard, system.options)


class Need(NamedTuple):
    """What a bank needs at least for something, of all that is scarce."""

    row_ps: int
    """Time of row commands, one after the other."""
    acts: int
    """Activations that tFAW counts."""
    column_ps: int
    """Time of column accesses, on its channel."""
    turning_ps: int
    """Time in which rows are opened before column accesses, and closed after them."""

    def times(self, times: int) -> Need:
        """Of something that comes so often."""
        return Need(*(times * each for each in self))

    def plus(self, other: Need) -> Need:
        """Of both, in any order."""
        return Need(*(one + more for one, more in zip(self, other, strict=True)))


def need_of(system: System, cycle: RowCycle) -> Need:
    """Return what a cycle of commands needs in each bank."""
    return _need(cycle, system.standard, system.options)


def least_ps(
    system: System, banks: Sequence[int], columns: int, steps: Iterable[Step]
) -> list[int]:
    """Return, for several numbers of banks, what :func:`spent_ps` of steps is not less than.

    Args:
        system: whose banks.
        banks: how many of them do the same, each number by itself.
        columns: of every row that is read or written.
        steps: what they do.

    """
    needs = [
        need_of(system, cycle).times(times) for cycle, times in _cycles(system, columns, steps)
    ]
    return needed_ps(system, banks, needs)


def needed_ps(system: System, banks: Sequence[int], needs: Sequence[Need]) -> list[int]:
    """Return the time that so many banks take at least for needs, one after the other."""
    standard, options = system.standard, system.options
    of_rank = np.minimum(banks, standard.banks)
    of_channel = np.minimum(banks, standard.banks * standard.ranks)
    faw_ps = effective_timing(standard, options).t_faw_ps if options.faw else 0
    # second ACTs may come after the next need has begun
    late = of_rank * (options.acts_per_aap - 1) + 1
    row_ps, acts, column_ps, turning_ps = np.array(needs, np.int64).reshape(-1, 4, 1).swapaxes(0, 1)
    within = (of_rank * acts - late) // ACTS_PER_FAW
    scarce = np.maximum(within * faw_ps, of_channel * column_ps + turning_ps)
    found: list[int] = np.maximum(row_ps, scarce).sum(axis=0).tolist()
    return found


def _cycles(system: System, columns: int, steps: Iterable[Step]) -> Iterable[tuple[RowCycle, int]]:
    """Steps as cycles of commands, those aside that never come."""
    bursts = -(-columns // (system.standard.burst_bytes * 8))
    for what, times in steps:
        if times:
            yield row_cycle(what, bursts) if isinstance(what, Kind) else what, times


@lru_cache(maxsize=1024)
def _need(cycle: RowCycle, standard: Standard, options: ModelOptions) -> Need:
    """See :func:`need_of`."""
    timing, rows = effective_timing(standard, options), table(standard, options)
    rcd_ps = gap_ps(rows, Kind.ACT, Kind.RD)
    row_ps = acts = column_ps = turning_ps = 0
    for kind, times in cycle:
        if kind is Kind.AAP:
            row_ps += times * (second_act_ps(standard, options) + timing.t_ras_ps + timing.t_rp_ps)
            acts += times * options.acts_per_aap
        elif kind is Kind.AP:
            row_ps += times * (timing.t_ras_ps + timing.t_rp_ps)
            acts += times
        elif kind is Kind.ACT:
            row_ps += times * timing.t_rc_ps
            acts += times
        elif kind in (Kind.RD, Kind.WR):
            gaps = [gap_ps(rows, kind, kind, scope) for scope in Scope]
            apart_ps = min((gap for gap in gaps if gap), default=0)
            turn_ps = rcd_ps + timing.t_rp_ps
            column_ps += times * apart_ps
            turning_ps += turn_ps - apart_ps
            in_bank_ps = turn_ps + (times - 1) * gap_ps(rows, kind, kind)
            row_ps += max(0, in_bank_ps - timing.t_rc_ps)  # its ACT has been counted
    return Need(row_ps, acts, column_ps, turning_ps)
