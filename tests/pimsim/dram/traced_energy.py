"""Time and energy of commands of a trace, added up by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pimsim.dram.commands import Kind
from pimsim.dram.energy import command_energies
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing
from pimsim.dram.traces import Event

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind


def timing(standard: Standard, options: ModelOptions) -> Timing:
    return standard.timing.on_clock() if options.clocked else standard.timing


def second_act_ps(standard: Standard, options: ModelOptions) -> int:
    if not options.split_decoder:
        return timing(standard, options).t_ras_ps
    clock_ps = standard.timing.t_ck_ps if options.clocked else 1
    return math.ceil(4_000 / clock_ps) * clock_ps


def open_ps(standard: Standard, options: ModelOptions) -> dict[Kind, int]:
    """How long the commands that close the bank themselves keep it open, or refresh it."""
    t = timing(standard, options)
    second_ps = second_act_ps(standard, options)
    return {AAP: second_ps + t.t_ras_ps, AP: t.t_ras_ps, REF: t.t_rfc_ps}


def end_ps(standard: Standard, options: ModelOptions, events: list[Event]) -> int:
    """When the last slice ends."""
    t = timing(standard, options)
    busy_ps = {kind: busy_ps + t.t_rp_ps for kind, busy_ps in open_ps(standard, options).items()}
    column_ps = t.t_ccd_l_clocks * t.t_ck_ps
    busy_ps |= {ACT: t.t_rcd_ps, PRE: t.t_rp_ps, REF: t.t_rfc_ps}
    column_ps = max(column_ps, standard.burst_ps)
    busy_ps |= {RD: min(column_ps, t.t_rtp_ps), WR: column_ps}
    busy_ps[TRANSFER] = min(column_ps, t.t_rtp_ps)
    return max((event.at_ps + busy_ps[event.kind] for event in events), default=0)


def active_ps(
    standard: Standard, options: ModelOptions, own: list[Event], upto_ps: int
) -> tuple[int, int]:
    """Time with a bank open or refreshing, of the events of one rank; and summed over banks."""
    spans, bank_ps = [], 0
    for index, event in enumerate(own):
        if event.kind is ACT:
            pre = (e.at_ps for e in own[index:] if (e.kind, e.bank) == (PRE, event.bank))
            spans.append((event.at_ps, next(pre, upto_ps)))
        elif event.kind in (AAP, AP, REF):
            spans.append((event.at_ps, event.at_ps + open_ps(standard, options)[event.kind]))
        if event.kind in (ACT, AAP, AP, REF):
            banks = standard.banks if event.kind is REF else 1
            bank_ps += banks * (spans[-1][1] - spans[-1][0])
    total_ps, covered_ps = 0, 0
    for start_ps, stop_ps in sorted(spans):
        total_ps += max(0, stop_ps - max(start_ps, covered_ps))
        covered_ps = max(covered_ps, stop_ps)
    return total_ps, bank_ps


def energy_by_hand(
    standard: Standard, options: ModelOptions, events: list[Event]
) -> dict[str, float]:
    """Energy of the parts in pJ; background of the ranks that have commands, until the last."""
    pj = command_energies(
        options.energy,
        replace(standard, timing=timing(standard, options)),
        acts_per_aap=options.acts_per_aap,
        open_bank_share=options.open_bank_share,
    )
    of = {ACT: pj.act_pj, PRE: pj.pre_pj, AAP: pj.aap_pj, AP: pj.ap_pj, RD: pj.rd_pj,
          WR: pj.wr_pj, REF: pj.ref_pj, TRANSFER: pj.transfer_pj}  # fmt: skip
    io = {RD: pj.rd_io_pj, WR: pj.wr_io_pj}
    parts_pj = {
        "activate_precharge": sum(of[e.kind] for e in events if e.kind in (ACT, PRE, AAP, AP)),
        "read_write": sum(of[e.kind] for e in events if e.kind in (RD, WR, TRANSFER)),
        "io": sum(io[e.kind] for e in events if e.kind in (RD, WR)),
        "refresh": sum(of[e.kind] for e in events if e.kind is REF),
        "background": 0.0,
    }
    for rank in {event.bank // standard.banks for event in events}:
        own = [event for event in events if event.bank // standard.banks == rank]
        upto_ps = end_ps(standard, options, own)
        active, in_banks = active_ps(standard, options, own, upto_ps)
        power = active * pj.active_mw + (upto_ps - active) * pj.standby_mw
        power += in_banks * pj.open_bank_mw
        parts_pj["background"] += power * 1e-3  # mW x ps = 1e-3 pJ
    return {part: parts_pj[part] for part in pj.parts}


def power_pj(chart: Any, counter: str) -> float:
    """Energy under one counter, of all ranks."""
    energy_pj = 0.0
    for (_, name), steps in chart.counters.items():
        if name == counter:
            assert steps[-1][1] == 0
            energy_pj += sum(
                value * (after - at) * 1e3  # mW x us = 1e3 pJ
                for (at, value), (after, _) in pairwise(steps)
            )
    return energy_pj
