"""Faults of networks on unmodified chips: as many bitlines as the group of a subarray has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.circuit.failure_tables.table import FailureTable
from pimsim.dram.array.faults import Access, Faults, Site
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import Box, read_boxes
from pimsim.offtheshelf.group_faults import GroupFaults, faults_of, table_of

MADE = read_boxes(Path(__file__).parents[2] / "made_boxes.csv")
QUICK = MADE.find("MAJ3", 4, "random", ActivationDelays(1.5, 1.5))
COLUMNS = 40_000


@pytest.mark.parametrize("rows", [4, 8, 16, 32])
def test_a_site_fails_as_its_group_does(rows: int) -> None:
    box = MADE.find("MAJ3", rows, "random", ActivationDelays(1.5, 3.0))
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


@pytest.mark.parametrize("values", [(0.0,) * 6, (1.0,) * 6, (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)])
def test_groups_that_never_work_and_those_that_always_do(values: tuple[float, ...]) -> None:
    box = Box("MAJ3", 4, "random", QUICK.delays, QUICK.metric, float(np.mean(values)), values)
    faults = GroupFaults.of(box, chip=0)
    seen = set()
    for bank in range(12):
        lean = faults.weak(Site(bank, 0), COLUMNS)
        wrong = sum(faults.static_mask("sense", 3, ones, lean).mean() for ones in (1, 2))
        success = faults.success(Site(bank, 0))
        seen.add(round(success))
        assert wrong == pytest.approx(1.0 - success, abs=0.01)
    assert seen == {round(one) for one in values}


def test_a_table_of_groups_goes_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "groups.json"
    path.write_text(table_of(QUICK, 0.5).to_json(), "utf-8")
    read = faults_of(FailureTable.read(path), chip=3, noise=0, rows=4)
    assert isinstance(read, GroupFaults)
    made = GroupFaults.of(QUICK, chip=3, best=0.5)
    assert read.box == made.box
    assert all(read.success(Site(n, 1)) == made.success(Site(n, 1)) for n in range(5))
    rates = read.static_rates(Access("sense", 3))
    assert rates.tolist() == pytest.approx([0, *[(1 - QUICK.mean_of_best(0.5)) / 2] * 2, 0])


def test_a_table_without_groups_is_as_ever() -> None:
    table = FailureTable((), {})
    assert type(faults_of(table, chip=1, noise=2, rows=3)) is Faults


@pytest.mark.parametrize(
    ("change", "rest", "message"),
    [
        ({"best": 0}, {}, "`best` must be a number above 0 and at most 1"),
        ({"rows": 12}, {}, "`rows` must be one of 2, 4, 8, 16, 32"),
        ({"quantiles": [1, 0, 1, 1, 1, 1]}, {}, "6 rising `quantiles` from 0 to 1"),
        ({"quantiles": [0, 1]}, {}, "6 rising `quantiles` from 0 to 1"),
        ({"mean": "x"}, {}, "`row_groups` of a failure table must have pattern"),
        ({}, {"effect": "noise"}, "`effect` must be table or static for row groups"),
        ({}, {"rows": 8}, "rows of a majority must be 4, those of the groups, not 8"),
    ],
)
def test_what_is_no_table_of_groups_is_refused(
    change: dict[str, object], rest: dict[str, Any], message: str
) -> None:
    made = table_of(QUICK)
    record = {**made.provenance["row_groups"], **change}
    table = FailureTable(made.entries, {**made.provenance, "row_groups": record})
    with pytest.raises(InputError, match=message):
        faults_of(table, **{"chip": 0, "noise": 0, "rows": 4, **rest})


def test_chips_banks_and_subarrays_have_groups_of_their_own_and_keep_them() -> None:
    one, again, other = (GroupFaults.of(QUICK, chip=chip) for chip in (1, 1, 2))
    sites = [Site(bank, subarray) for bank in range(6) for subarray in range(2)]
    drawn = [[faults.success(site) for site in sites] for faults in (one, again, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 6
    assert (one.weak(sites[0], 100) == again.weak(sites[0], 100)).all()


def test_the_mean_over_sites_is_that_of_the_box_and_screening_raises_it() -> None:
    for best in (1.0, 0.5):
        faults = GroupFaults.of(QUICK, chip=3, best=best)
        drawn = [faults.success(Site(bank, 0)) for bank in range(3000)]
        assert np.mean(drawn) == pytest.approx(QUICK.mean_of_best(best), abs=0.03)
    assert min(drawn) > 0.98


def test_other_boxes_are_refused() -> None:
    box = MADE.find("MAJ5", 8, "random", ActivationDelays(1.5, 3.0))
    with pytest.raises(InputError, match="`box` must be of MAJ3, not of MAJ5"):
        GroupFaults.of(box, chip=0)
    with pytest.raises(InputError, match="`best` must be a number above 0"):
        GroupFaults.of(QUICK, chip=0, best=0.0)
