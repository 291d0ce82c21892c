"""The page of parts: what other tools have, and what is said of it."""

from __future__ import annotations

import re

import pytest

from experiments.pages import parts
from experiments.pages.page import Row
from pimsim.dram.standard.standard import load, names


def test_tools_have_values_of_parts_that_are_bundled() -> None:
    rows = parts.tools()
    assert {row["part"] for row in rows} == set(names())
    for row in rows:
        assert row["value"] in load(row["part"]).sources, row
        assert row["unit"] in ("clocks", "clock", "a clock", "ns", "mA")
        assert re.search(r"\(commit [0-9a-f]{7}\)$", row["source"]), row


@pytest.mark.parametrize(
    "row", parts.tools(), ids=lambda r: f"{r['part']}-{r['value']}-{r['tool']}"
)
def test_what_differs_has_a_reason_and_nothing_else_has(row: Row) -> None:
    same = parts.alike(load(row["part"]), row["value"], float(row["theirs"]), row["unit"])
    assert same == (row["why"] == "")


def test_every_value_of_every_part_is_shown() -> None:
    shown = {(row["part"], row["value"]) for row in parts.values()}
    assert shown == {(name, path) for name in names() for path in load(name).sources}


def test_a_part_takes_least_of_an_activation_at_the_largest_share() -> None:
    for row in parts.conventions():
        assert float(row["at_largest"]) <= float(row["aap_nj_per_kb"]) <= float(row["at_0"])
