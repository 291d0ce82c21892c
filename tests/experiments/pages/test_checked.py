"""Energies beside DRAMPower's: the same, but where the page says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.output import sheets
from experiments.pages import checked
from experiments.pages.page import Row
from pimsim.dram.standard.standard import load, names

SHOWN = sheets.read(Path(__file__).parents[3] / "docs" / checked.ENERGIES)


def explained(row: Row) -> bool:
    """Whether the page says why background and refresh are others."""
    share = float(row["open_bank_share"])
    forgets = row["acts_per_aap"] == "2" and share < 1
    return forgets or (row["part"].startswith("lpddr4") and 0 < share < 1)


@pytest.mark.parametrize(
    "row", SHOWN, ids=lambda r: "-".join(r[key] for key in list(r)[1:5])
)  # fmt: skip
def test_energies_are_the_same_by_part_where_nothing_else_is_said(row: Row) -> None:
    if not explained(row):
        assert checked.apart(row) == []
    assert {"background", "refresh"} >= set(checked.apart(row))


def test_every_part_that_drampower_knows_is_priced_under_more_than_one_convention() -> None:
    shares: dict[str, set[str]] = {}
    for row in SHOWN:
        shares.setdefault(row["part"], set()).add(row["open_bank_share"])
    priced = {name for name in names() if load(name).currents is not None}
    known = {name for name in priced if not name.startswith("hbm2")} - {"ddr3-1600-8-8-8"}
    assert all(len(shares[name]) >= 2 for name in known)
    assert all(
        float(share) <= load(name).open_bank_shares[1] for name in shares for share in shares[name]
    )


@pytest.mark.parametrize("part", ["ddr4-3200", "ddr5-4800"])
def test_what_is_shown_is_simulated_anew(part: str) -> None:
    stored = [r for r in checked.stored() if r["part"] == part and r["network"] == "digits-mlp"]
    (again,) = checked.simulated(stored[:1])
    assert again in SHOWN


def test_no_command_of_a_trace_comes_too_early_for_ramulator() -> None:
    rows = checked.distances()
    assert all(row["violations"] == "0" and int(row["exact"]) > 1000 for row in rows)
    assert {"ddr5-4800", "hbm2", "hbm3-6400", "lpddr5-6400"} <= {row["part"] for row in rows}
