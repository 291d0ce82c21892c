"""What streams of single outputs, and of pairs, cost at least, known before they are planned.

Such a group has no halves to share adders: every row goes through chains. An adder takes three rows
and leaves two, so it takes one adder for each row but for those that are left: the digits of the
count, or of both numbers of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from bnn.lowering.stage import Stage
from bnn.mapped.placement.placement import tiles_of, tiling
from bnn.mapped.placement.spent import least_ps, needed_ps
from bnn.mapping.dataflows.adders import adder_need, least
from bnn.mapping.dataflows.output_tree.layout import Way
from bnn.mapping.dataflows.output_tree.numbers import has_zeros
from bnn.system.mitigation import NONE
from bnn.system.system import System
from pimsim.dram.commands import Kind
from pimsim.microprogram.program import Program

_SPARE = 4
"""Digits of a number, at most, beyond those of the largest count: of constants, and of their
carries."""


class Bound(NamedTuple):
    """What all streams of a way take at least."""

    price: float
    """Latency times energy, where energies are stated."""
    commands: int
    """Row commands."""
    written: int
    """Rows, counted by columns."""


def bound(
    stage: Stage, system: System, images: int, way: Way, outputs: int, units: int
) -> Bound | None:
    """Return what ``units`` streams take at least, however the fan-in is divided; None: unknown.

    Args:
        stage: as its columns are.
        system: whose banks compute.
        images: how many.
        way: how operands are divided among subarrays.
        outputs: of each stream, 1 or 2.
        units: how many streams.

    """
    plain = system.mitigation == NONE and system.faults is None
    if outputs > 2 or not plain or stage.groups > 1 or stage.zero_padding or has_zeros(stage):
        return None
    windows = stage.windows
    taken = stage.weights[..., 0].size * stage.planes
    left = outputs * (_digits(stage) + _SPARE)
    adders = max(0, taken - left) * (1 if way.block else windows.offsets)
    tiles = tiles_of(images, windows.positions, system.columns)
    columns = tiling(1, windows.positions, system.columns)[0].columns
    if windows.positions <= system.columns:
        columns *= min(images, system.columns // windows.positions)
    places = windows.taps.size if way.apart else windows.patch
    rows = places * windows.channels * stage.planes
    need = adder_need(system).times(adders)
    # at the end of each part, second ACTs may come later, and four of them do not fill a tFAW
    need = need._replace(acts=max(0, need.acts - 6 * system.subarrays_per_bank))
    lanes, write = range(1, system.banks + 1), [(Kind.WR, rows)]
    unit_ps = _of_lane(needed_ps(system, lanes, [need]))
    price = tiles * (units * unit_ps + _of_lane(least_ps(system, lanes, columns, write)))
    energies = system.options.energies(system.standard)
    row = "activate_precharge" in energies.parts

    def row_pj(program: Program) -> float:
        return row * (program.aap * energies.aap_pj + program.ap * energies.ap_pj)

    if energies.parts:
        bursts = -(-columns // (system.standard.burst_bytes * 8))
        burst_pj = ("read_write" in energies.parts) * energies.wr_pj
        burst_pj += ("io" in energies.parts) * energies.wr_io_pj
        price *= tiles * (units * adders * least(system, row_pj) + rows * bursts * burst_pj)
    commands = tiles * units * adders * round(least(system, len))
    return Bound(price, commands, images * windows.positions * rows)


@lru_cache(maxsize=1)
def _digits(stage: Stage) -> int:
    """Digits of the largest count; those of the last stage are kept."""
    return stage.highest().bit_length()


def _of_lane(spent_ps: Sequence[int]) -> float:
    """The least time for each lane, of times with one lane, two, and so on."""
    return min(each / lanes for lanes, each in enumerate(spent_ps, 1))
