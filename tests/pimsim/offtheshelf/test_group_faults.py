"""Faults of networks on unmodified chips: as many bitlines as the group of a subarray has."""

from __future__ import annotations

import numpy as np
import pytest

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.dram.array.faults import Site
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import Box, bundled
from pimsim.offtheshelf.group_faults import GroupFaults

QUICK = bundled().find("MAJ3", 4, "random", ActivationDelays(1.5, 1.5))
COLUMNS = 40_000


@pytest.mark.parametrize("rows", [4, 8, 16, 32])
def test_a_site_fails_as_its_group_does(rows: int) -> None:
    box = bundled().find("MAJ3", rows, "random", ActivationDelays(1.5, 3.0))
    faults = GroupFaults.of(box, chip=4)
    for bank in range(8):
        site = Site(bank, 2)
        lean = faults.weak(site, COLUMNS)
        wrong = [faults.static_mask("sense", 3, ones, lean) for ones in range(4)]
        assert not wrong[0].any()
        assert not wrong[3].any()
        assert not (wrong[1] & wrong[2]).any()
        failing = 1.0 - faults.success(site)
        for each in wrong[1:3]:
            assert each.mean() == pytest.approx(failing / 2, abs=0.01)
        assert (wrong[1] | wrong[2]).mean() == pytest.approx(failing, abs=0.015)


@pytest.mark.parametrize("success", [0.0, 1.0])
def test_groups_that_never_work_and_those_that_always_do(success: float) -> None:
    box = Box("MAJ3", 4, "random", QUICK.delays, QUICK.metric, success, (success,) * 6)
    faults = GroupFaults.of(box, chip=0)
    lean = faults.weak(Site(0, 0), COLUMNS)
    wrong = sum(faults.static_mask("sense", 3, ones, lean).mean() for ones in (1, 2))
    assert wrong == pytest.approx(1.0 - success, abs=1e-9)


def test_chips_banks_and_subarrays_have_groups_of_their_own_and_keep_them() -> None:
    one, again, other = (GroupFaults.of(QUICK, chip=chip) for chip in (1, 1, 2))
    sites = [Site(bank, subarray) for bank in range(6) for subarray in range(2)]
    drawn = [[faults.success(site) for site in sites] for faults in (one, again, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 6
    assert (one.weak(sites[0], 100) == again.weak(sites[0], 100)).all()


def test_the_mean_over_sites_is_the_measured_one_and_screening_raises_it() -> None:
    for best in (1.0, 0.5):
        faults = GroupFaults.of(QUICK, chip=3, best=best)
        drawn = [faults.success(Site(bank, 0)) for bank in range(3000)]
        assert np.mean(drawn) == pytest.approx(QUICK.mean_of_best(best), abs=0.03)
    assert min(drawn) > 0.98


def test_other_boxes_are_refused() -> None:
    box = bundled().find("MAJ5", 8, "random", ActivationDelays(1.5, 3.0))
    with pytest.raises(InputError, match="`box` must be of MAJ3, not of MAJ5"):
        GroupFaults.of(box, chip=0)
    with pytest.raises(InputError, match="`best` must be a number above 0"):
        GroupFaults.of(QUICK, chip=0, best=0.0)
