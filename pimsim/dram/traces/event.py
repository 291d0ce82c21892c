"""What a trace is made of: commands with their time and address, and how long they last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import (
    Constraint,
    Scope,
    TransferEnd,
    effective_timing,
    second_act_ps,
    table,
)
from pimsim.dram.standard.standard import Standard


@dataclass(frozen=True, slots=True)
class Event:
    """One command as the scheduler issued it; AAP and AP are one event.

    >>> Event(0, Kind.AP, bank=3, row=1006).row2 is None
    True
    """

    at_ps: int
    """Issue time; for an AAP or AP, that of its first ACTIVATE."""
    kind: Kind
    bank: int
    """System-wide number of the bank; a REF is for the whole rank of that bank."""
    row: int | None = None
    """Row within the bank (subarray x rows_per_subarray + address): of an ACT, an AP or a column
    command, or the source of an AAP."""
    row2: int | None = None
    """Row within the bank that an AAP copies to; for a TRANSFER, the row of the bank ``to``."""
    column: int | None = None
    """For a column command, the burst within the row (for a TRANSFER, within both rows)."""
    extra_wordlines: int = 0
    """Wordlines raised beyond the first of each activation: they count in the energy."""
    to: int | None = None
    """Bank that a TRANSFER goes to, by its system-wide number."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Times that follow from a standard and the options, in ps after a command's issue.

    >>> from pimsim.dram.standard.standard import load
    >>> spans = Spans.of(load("ddr3-1600-8-8-8"), ModelOptions())
    >>> spans.busy_ps[Kind.AAP], spans.open_ps[Kind.AAP]
    (49000, 39000)
    """

    t_ck_ps: int
    second_act_ps: int
    """To the second ACTIVATE of an AAP."""
    busy_ps: Mapping[Kind, int]
    """Until the bank (after a REF, the rank; for a TRANSFER, the source) can take another
    command."""
    open_ps: Mapping[Kind, int]
    """Until the bank is precharged or the refresh over, for the kinds that include that."""
    done_ps: Mapping[Kind, int]
    """Until all effects of the command are over, including data on the bus."""
    opens_banks: Mapping[Kind, int]
    """How many banks are open over ``open_ps``."""

    @staticmethod
    def of(standard: Standard, options: ModelOptions) -> Spans:
        """Return the times that the scheduler uses."""
        timing = effective_timing(standard, options)
        second_ps = second_act_ps(standard, options)
        rows = table(standard, options)
        kinds = (Kind.ACT, Kind.PRE, Kind.RD, Kind.WR, Kind.REF, Kind.TRANSFER)
        busy_ps = {kind: max(_least_gap_ps(rows, kind), timing.t_ck_ps) for kind in kinds}
        open_ps = {
            Kind.AAP: second_ps + timing.t_ras_ps,
            Kind.AP: timing.t_ras_ps,
            Kind.REF: timing.t_rfc_ps,
        }
        for kind in (Kind.AAP, Kind.AP):
            busy_ps[kind] = open_ps[kind] + timing.t_rp_ps
        data_ps = {
            Kind.RD: timing.cl_clocks * timing.t_ck_ps + standard.burst_ps,
            Kind.WR: timing.cwl_clocks * timing.t_ck_ps + standard.burst_ps,
            Kind.TRANSFER: timing.cl_clocks * timing.t_ck_ps + standard.burst_ps,
        }
        opens_banks = {Kind.AAP: 1, Kind.AP: 1, Kind.REF: standard.banks}
        done_ps = {**busy_ps, **data_ps}
        return Spans(timing.t_ck_ps, second_ps, busy_ps, open_ps, done_ps, opens_banks)


def _least_gap_ps(rows: tuple[Constraint, ...], before: Kind) -> int:
    """Time to the first command of any kind that the bank can take after ``before``."""
    widest_ps: dict[Kind, int] = {}
    for row in rows:
        of_bank = (
            row.scope is Scope.BANK and row.apart == 1 and row.end is not TransferEnd.DESTINATION
        )
        if row.before is before and of_bank:
            widest_ps[row.after] = max(widest_ps.get(row.after, 0), row.gap_ps)
    return min(widest_ps.values())
