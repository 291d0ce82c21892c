"""The programs that come with pimsim: each run literally, and the cheap ones searched for anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pimsim.dram.array import address_map
from pimsim.microprogram.and_count import PAIRS
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.synthesis.check import require_right
from pimsim.synthesis.known import Known, load

KNOWN = load()
CHEAP = [
    "not", "and", "or", "nand", "nor", "and-not", "maj3", "accumulate-equal-once",
    "accumulate-three-dcc", "full-adder-free-sum", "full-adder-free",
]  # fmt: skip
"""Entries that take less than about a second."""
LONG = ["xor"]
"""One of those that take longer; `pimsim synthesize --recompute all` searches for all of them."""
PUBLISHED = {
    "not": "not", "and": "and", "or": "or", "nand": "nand", "nor": "nor", "xor": "xor",
    "xnor": "xnor", "maj3": "maj3", "full-adder": "full-adder",
    "full-adder-not-c": "full-adder-not-c",
}  # fmt: skip
"""Entries that are a primitive, which is then as short as can be."""
OPEN = {"count-ands"}
"""Entries that are not proven to be shortest."""


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("entry", KNOWN.values(), ids=KNOWN)
def test_every_program_computes_what_it_says_whatever_lies_elsewhere(
    entry: Known, seed: int
) -> None:
    require_right(entry.task(), entry.program(), entry.complemented, seed)


@pytest.mark.parametrize("entry", KNOWN.values(), ids=KNOWN)
def test_every_entry_is_shortest_unless_that_is_open(entry: Known) -> None:
    assert entry.bound <= len(entry.program())
    assert entry.optimal == (entry.name not in OPEN)
    assert entry.map in address_map.names()
    assert entry.summary


@pytest.mark.parametrize("name", CHEAP)
def test_a_search_finds_it_again_and_nothing_shorter(name: str) -> None:
    entry = KNOWN[name]
    found = entry.recomputed()
    assert found.optimal
    assert (found.bound, len(found.program)) == (entry.bound, entry.bound)
    assert str(found.program) == entry.commands
    assert found.complemented == entry.complemented


@pytest.mark.parametrize("name", OPEN)
def test_a_search_that_outgrows_its_memory_says_what_it_proved(name: str) -> None:
    entry = KNOWN[name]
    found = entry.recomputed(memory_mb=1)
    assert not found.optimal
    assert str(found.program) == entry.commands
    assert 0 < found.bound <= entry.bound
    assert entry.agrees(found)
    assert not entry.agrees(replace(found, bound=entry.bound + 1))


def test_a_program_of_two_products_is_the_one_that_counts() -> None:
    assert str(PAIRS[False, ""]) == KNOWN["count-ands"].commands


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_search_does_so_too(name: str) -> None:
    test_a_search_finds_it_again_and_nothing_shorter(name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_primitives_are_as_short_as_can_be(name: str) -> None:
    assert len(PRIMITIVES[PUBLISHED[name]].program()) == KNOWN[name].bound


def test_counts_are_those_of_the_literature_and_below() -> None:
    # Ambit (MICRO 2017, figure 8); SIMDRAM (ASPLOS 2021) has 8 for an adder.
    published = {"and": 4, "or": 4, "nand": 5, "nor": 5, "xor": 7, "xnor": 7, "full-adder": 8}
    assert {name: KNOWN[name].bound for name in published} == published
    assert KNOWN["full-adder-free-sum"].bound == 7
    assert KNOWN["accumulate-mixed"].bound == KNOWN["accumulate-equal"].bound == 6
    assert KNOWN["accumulate-three-dcc"].bound == 5
