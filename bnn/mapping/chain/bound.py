"""The least time and energy of a chain, known before it is laid out.

Under output-stationary, a stage takes the same row commands in a chain as outside of one: rows that
other stages occupy change where counts lie, but not the number of adders. A bank executes one
command after the other, and a rank has at most four activations within tFAW.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import tiling
from bnn.system.system import System
from pimsim.cost import Elapsed, charge
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.energy import stated_pj
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps


class Least(NamedTuple):
    """What cannot be undercut."""

    bare_ps: int
    """Time, refresh aside."""
    latency_ps: int
    energy_pj: float


def at_least(stages: Sequence[MappedStage], system: System, images: int) -> Least:
    """Return what the row commands of stages take at least, were all banks at work all the time.

    Args:
        stages: as they are laid out under output-stationary, each by itself.
        system: whose banks compute.
        images: how many.

    """
    aap = ap = 0
    for mapped in stages:
        tiles = len(tiling(images, mapped.stage.windows.positions, system.columns))
        kinds = dict.fromkeys(Kind, 0)
        for run in mapped.program.runs:
            for kind, times in run.cycle:
                kinds[kind] += run.times * times
        units = tiles * mapped.stage.outputs
        aap, ap = aap + units * kinds[Kind.AAP], ap + units * kinds[Kind.AP]
    standard, options = system.standard, system.options
    timing, second_ps = effective_timing(standard, options), second_act_ps(standard, options)
    open_ps = aap * (second_ps + timing.t_ras_ps) + ap * timing.t_ras_ps
    bare_ps = open_ps // system.banks
    if options.faw:
        activations = (options.acts_per_aap * aap + ap) // (standard.channels * standard.ranks)
        bare_ps = max(bare_ps, (activations // 4 - 1) * timing.t_faw_ps)
    elapsed = Elapsed(bare_ps, bare_ps)
    if options.refresh:
        elapsed = elapsed.with_refresh(standard)
    cost = charge(CommandCounts(aap=aap, ap=ap), Elapsed(), standard, options)
    return Least(bare_ps, elapsed.latency_ps, stated_pj(cost.total_pj) or 0.0)
