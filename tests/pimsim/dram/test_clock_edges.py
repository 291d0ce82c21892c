"""Commands on clock edges beside commands at any picosecond, in streams that repeat for ever."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load, names
from pimsim.dram.standard.timing import SPLIT_DECODER_OVERLAP_PS
from pimsim.dram.timeline.command_stream import RowCycle
from pimsim.dram.timeline.timeline import sustained_ps

AAP, AP = Kind.AAP, Kind.AP
ACT, RD, WR, PRE = Kind.ACT, Kind.RD, Kind.WR, Kind.PRE

MIXED: tuple[RowCycle, ...] = (
    ((AAP, 1), (AP, 1)),
    ((AAP, 3), (AP, 1)),
    ((AAP, 2), (AP, 1), (ACT, 1), (RD, 3), (PRE, 1)),
)
"""AAPs, whose ACTs come in pairs, and rows opened once."""

CYCLES: tuple[RowCycle, ...] = (
    ((AAP, 4),),
    ((AP, 1),),
    ((ACT, 1), (WR, 8), (PRE, 1)),
    ((ACT, 1), (RD, 4), (WR, 4), (PRE, 1)),
    ((AAP, 3), (ACT, 1), (WR, 4), (PRE, 1)),
    *MIXED,
)

LIMITS = {
    "no tFAW": {"faw": False},
    "one ACT an AAP": {"acts_per_aap": 1},
    "no tFAW, one ACT after the other": {"faw": False, "split_decoder": False},
}
"""Options under which nothing is about the distance of an AAP's ACTs."""


def share(standard: Standard, cycle: RowCycle, banks: int, **given: object) -> Fraction:
    """Time on clock edges over time at any picosecond, in the long run."""
    energy = None if standard.currents is not None else "none"
    options = ModelOptions.of(standard, refresh=False, energy=energy, **given)
    among = tuple(range(banks))
    edges_ps = sustained_ps(standard, replace(options, clocked=True), cycle, among)
    return edges_ps / sustained_ps(standard, options, cycle, among)


def counts(standard: Standard) -> list[int]:
    """Numbers of banks of one rank to look at."""
    return [banks for banks in (1, 2, 3, 4, 6, 8, 16) if banks <= standard.banks]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", names())
def test_clock_edges_never_save_time(name: str, limit: str) -> None:
    standard = load(name)
    for cycle in CYCLES:
        for banks in counts(standard):
            assert share(standard, cycle, banks, **LIMITS[limit]) >= 1, (cycle, banks)


@pytest.mark.parametrize("name", names())
def test_they_never_do_where_an_aap_is_as_wide_with_them(name: str) -> None:
    """A clock of which the overlap is a multiple leaves the ACTs of an AAP as far apart."""
    standard = load(name)
    clock_ps = SPLIT_DECODER_OVERLAP_PS // 4
    taken = standard.command_bus.act_clocks * standard.timing.t_ck_ps
    assert taken <= SPLIT_DECODER_OVERLAP_PS
    standard = replace(standard, timing=replace(standard.timing, t_ck_ps=clock_ps))
    for cycle in CYCLES:
        for banks in counts(standard):
            assert share(standard, cycle, banks) >= 1, (cycle, banks)


@pytest.mark.parametrize("name", names())
def test_a_wider_aap_saves_less_than_a_hundredth(name: str) -> None:
    """ACTs 5 ns apart suit tRRD of 6 ns better than 4 ns do: what an AAP loses, tFAW gives back."""
    standard = load(name)
    shares = [share(standard, cycle, banks) for cycle in CYCLES for banks in counts(standard)]
    assert min(shares) > Fraction(99, 100)


def test_what_a_wider_aap_saves_by_hand() -> None:
    """Eight AAPs, then eight APs, four ACTs in any 30 ns: 24 ACTs in 180 ns at the very least.

    Of every four ACTs, AAPs have the second 4 ns after the first, and APs 6 ns. What was the second
    of an AP is 30 ns later the second of an AAP, so that the first of that AAP comes 2 ns later
    than tFAW alone asks, and everything after it: 182 ns. On clock edges the distances are 5 ns and
    6.25 ns, and 1.25 ns are lost.
    """
    ddr3, banks = load("ddr3-1600-8-8-8"), tuple(range(8))
    free = ModelOptions(refresh=False)
    assert sustained_ps(ddr3, free, MIXED[0], banks) == 182_000
    assert sustained_ps(ddr3, replace(free, clocked=True), MIXED[0], banks) == 181_250
