"""The naive check itself, against numbers of DDR3-1600 8-8-8 worked by hand."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
DDR3 = load("ddr3-1600-8-8-8")
FREE = ModelOptions(refresh=False)

# tRCD 10, tRAS 35, tRP 10, tRRD 6, tFAW 30, tRFC 260, tWR 15, tRTP and tWTR 7.5 ns; CL and CWL
# 10 ns, a burst 5 ns, a clock 1.25 ns.
STREAMS = {
    "tRCD": ([(0, ACT, 0), (9_999, RD, 0)], 10_000),
    "tRAS": ([(0, ACT, 0), (34_999, PRE, 0)], 35_000),
    "tRP": ([(0, ACT, 0), (36_000, PRE, 0), (45_999, ACT, 0)], 46_000),
    "tRRD_S": ([(0, ACT, 0), (5_999, ACT, 1)], 6_000),
    "tFAW": ([*((7_000 * i, ACT, i) for i in range(4)), (29_999, ACT, 4)], 30_000),
    "tRFC": ([(0, REF, 0), (259_999, ACT, 3)], 260_000),
    "tRTP": ([(0, ACT, 0), (40_000, RD, 0), (47_499, PRE, 0)], 47_500),
    "tWR": ([(0, ACT, 0), (10_000, WR, 0), (39_999, PRE, 0)], 40_000),
    "tWTR_S": ([(0, ACT, 0), (10_000, WR, 0), (32_499, RD, 0)], 32_500),
    "read to write": ([(0, ACT, 0), (10_000, RD, 0), (17_499, WR, 0)], 17_500),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_picosecond_early_is_found(naive: ModuleType, name: str) -> None:
    early, at = STREAMS[name]
    assert {v.name for v in naive.violations(DDR3, FREE, early)} == {name}
    *earlier, (_, kind, bank) = early
    assert not naive.violations(DDR3, FREE, [*earlier, (at, kind, bank)])


def test_parts_of_row_commands(naive: ModuleType) -> None:
    def written_out(
        command: tuple[int, Kind, int], options: ModelOptions
    ) -> list[tuple[int, Kind]]:
        return [(part.at, part.what) for part in naive.parts(DDR3, options, 0, command)]

    assert written_out((5, AP, 0), FREE) == [(5, ACT), (35_005, PRE)]
    assert written_out((0, AAP, 0), FREE) == [(0, ACT), (4_000, ACT), (39_000, PRE)]
    plain = replace(FREE, split_decoder=False)
    assert written_out((0, AAP, 0), plain) == [(0, ACT), (35_000, ACT), (70_000, PRE)]
    clocked = replace(FREE, clocked=True)
    assert written_out((0, AAP, 0), clocked) == [(0, ACT), (5_000, ACT), (40_000, PRE)]


@pytest.mark.parametrize(
    ("commands", "name"),
    [
        ([(0, RD, 0)], "state"),
        ([(0, ACT, 0), (60_000, ACT, 0)], "state"),
        ([(0, ACT, 1), (60_000, REF, 0)], "state"),
        ([(0, AAP, 0), (60_000, RD, 0)], "state"),
        ([(100, ACT, 0), (99, ACT, 8)], "order"),
        ([(9 * 7_800_000 + 1, ACT, 0)], "tREFI"),
    ],
)
def test_what_is_not_a_gap_between_commands(
    naive: ModuleType, commands: list[tuple[int, Kind, int]], name: str
) -> None:
    ranks = replace(DDR3, ranks=2)
    assert {v.name for v in naive.violations(ranks, ModelOptions(), commands)} == {name}


def test_refreshes_lift_the_limit(naive: ModuleType) -> None:
    late = (9 * 7_800_000 + 1, ACT, 0)
    assert not naive.violations(DDR3, ModelOptions(), [(0, REF, 0), late])
    assert not naive.violations(DDR3, FREE, [late])
    assert not naive.violations(DDR3, ModelOptions(), [(9 * 7_800_000, ACT, 0)])


def test_a_refresh_comes_after_the_commands_of_its_own_rank_alone(naive: ModuleType) -> None:
    ranks = replace(DDR3, ranks=2)
    assert not naive.violations(ranks, FREE, [(100, ACT, 0), (99, REF, 8)])
    assert naive.violations(ranks, FREE, [(100, REF, 8), (99, ACT, 0)]) == [("order", 0, 1)]


def test_the_earliest_time_is_found_by_trying(naive: ModuleType) -> None:
    plain = replace(FREE, split_decoder=False)
    rows = [(6_000 * i, AAP, i) for i in range(4)]  # ACTs at 0 6 12 18, 35 41 47 53
    assert naive.earliest(DDR3, plain, rows, AAP, 4) == 65_000
    assert naive.earliest(DDR3, FREE, [(0, ACT, 0)], REF, 0) is None
