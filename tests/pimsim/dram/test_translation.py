"""Addresses of one map among those of another: found by wordlines, or refused with a repair."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.dram.array import translation as translations
from pimsim.dram.array.address_map import AddressMap, ambit, load, parse, text
from pimsim.dram.array.translation import refusal, translation
from pimsim.errors import InputError

AMBIT = tomllib.loads(text("ambit"))


def _map(**changes: Any) -> AddressMap:
    return parse({**AMBIT, "name": "mine", **changes}, "mine.toml")


def _without(*labels: str) -> dict[str, list[str]]:
    return {name: lines for name, lines in AMBIT["addresses"].items() if name not in labels}


def _written(rows: AddressMap, label: str, cells: Mapping[str, str]) -> set[str]:
    """The wordlines of an address, with each cell under the name of what stands for it."""
    found = set()
    for line in rows.raised(label):
        there = cells[line.removeprefix("!")]
        both = f"!{there}" if line.startswith("!") else there
        found.add(both.replace("!!", ""))
    return found


def _holds(source: AddressMap, target: AddressMap) -> None:
    """Every address is there, and raises what it should by one exchange of cells for cells."""
    found = translation(source, target)
    assert found.labels.keys() >= {name for name, _ in (*source.addresses, *source.constants)}
    _right(source, target)


def _right(source: AddressMap, target: AddressMap) -> None:
    """What is found raises what it should, and what is not found is not there."""
    found = translation(source, target)
    cells = {source.cells[own]: target.written(there) for own, there in found.cells.items()}
    assert len({there.cell for there in found.cells.values()}) == len(found.cells)
    raised = {label: {*target.raised(label)} for label, _ in target.addresses}
    for name, _ in source.addresses:
        if name in found.labels:
            assert _written(source, name, cells) == raised[found.labels[name]]
        elif cells.keys() >= {line.removeprefix("!") for line in source.raised(name)}:
            assert _written(source, name, cells) not in raised.values()
    for name, bit in source.constants:
        assert dict(target.constants)[found.labels[name]] == bit


def test_ambits_addresses_are_found_in_every_map_as_far_as_it_has_them(
    address_map: AddressMap,
) -> None:
    _right(ambit(), address_map)


@pytest.mark.parametrize("name", ["ambit", "five-row", "three-dcc"])
def test_maps_that_only_add_to_ambits_have_all_of_its_addresses(name: str) -> None:
    _holds(ambit(), load(name))


def test_equal_names_are_kept(reordered: AddressMap) -> None:
    found = translation(ambit(), reordered)
    assert all(name == there for name, there in found.labels.items())


@given(st.integers(0, 2**32))
def test_names_order_and_the_side_of_dual_contact_cells_do_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    cells = [*AMBIT["cells"], "X0", "X1"]
    names = rng.sample([f"{letter}{i}" for letter in "PQ" for i in range(9)], len(cells))
    called, turned = dict(zip(cells, names, strict=True)), {c for c in cells if rng.random() < 0.5}

    def line(written: str) -> str:
        cell = written.removeprefix("!")
        return f"{'!' * (written.startswith('!') != (cell in turned))}{called[cell]}"

    raised = [[line(one) for one in lines] for lines in AMBIT["addresses"].values()]
    raised += [["X0"], ["X1", "X0"], ["!X0", "T0"]]
    raised[16:] = [[line(one) for one in lines] for lines in raised[16:]]
    for lines in raised:
        rng.shuffle(lines)
    rng.shuffle(raised)
    rng.shuffle(names)
    addresses = {f"A{number}": lines for number, lines in enumerate(raised)}
    _holds(ambit(), _map(cells=names, addresses=addresses, constants={"ONE": 1, "ZERO": 0}))


@pytest.mark.parametrize("label", AMBIT["addresses"])
def test_one_address_that_is_not_there_is_refused_with_the_line_that_repairs(label: str) -> None:
    lines = AMBIT["addresses"][label]
    mine = _map(addresses=_without(label))
    found = translation(ambit(), mine)
    assert {*AMBIT["addresses"]} - found.labels.keys() == {label}
    said = refusal(ambit(), mine, label, found)
    assert f"as {label} of 'ambit' does" in said
    repair = tomllib.loads(said.split("`")[1])
    assert {*repair[label]} == {*lines}
    _holds(ambit(), _map(addresses=_without(label) | repair))


def test_an_address_that_raises_other_cells_is_not_taken_for_its_name() -> None:
    other = {**AMBIT["addresses"], "B8": ["!DCC0", "T2"]}
    found = translation(ambit(), _map(addresses=other))
    assert "B8" not in found.labels
    assert refusal(ambit(), _map(addresses=other), "B8", found) == (
        "no address raises !DCC0 and T0 together, as B8 of 'ambit' does: "
        'add `B8_ = ["!DCC0", "T0"]` under [addresses]'
    )


def test_what_is_missing_altogether_is_called_by_its_name() -> None:
    flat = {n: ls for n, ls in AMBIT["addresses"].items() if not any("!" in one for one in ls)}
    mine = _map(addresses=flat)
    assert not mine.inverts
    assert refusal(ambit(), mine, "B5", translation(ambit(), mine)) == (
        "it has no NOT: no address raises the n-wordline of a cell, as B5 of 'ambit' does "
        '(!DCC0): add `B5 = ["!DCC0"]` under [addresses]'
    )
    narrow = {name: lines for name, lines in AMBIT["addresses"].items() if len(lines) < 3}
    mine = _map(addresses=narrow)
    assert mine.majorities == ()
    assert refusal(ambit(), mine, "B12", translation(ambit(), mine)) == (
        "it has no majority: no address raises three wordlines, as B12 of 'ambit' does (T0, T1 and "
        'T2): add `B12 = ["T0", "T1", "T2"]` under [addresses]'
    )
    mine = _map(constants={"ONE": 1})
    assert refusal(ambit(), mine, "C0", translation(ambit(), mine)) == (
        "no row holds the constant 0: add `C0 = 0` under [constants]"
    )
    with pytest.raises(InputError) as caught:
        mine.constant(0)
    assert str(caught.value) == (
        "address map 'mine' must have a row of the constant 0: add `C0 = 0` under [constants]"
    )


def test_a_map_without_enough_cells_is_refused_without_a_line_of_them() -> None:
    mine = _map(cells=["A"], addresses={"P": ["A"]})
    found = translation(ambit(), mine)
    assert refusal(ambit(), mine, "B10", found) == (
        "no address raises T2 and T3 together, as B10 of 'ambit' does: "
        "add one, and cells if need be, under [addresses]"
    )


def test_a_map_in_which_all_looks_alike_is_looked_through_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [f"X{i}" for i in range(18)]
    triples = [list(some) for some in combinations(cells, 3)]
    pairs = [list(some) for some in combinations(cells, 2)]
    addresses = {f"A{i}": lines for i, lines in enumerate((triples + pairs)[:1000])}
    dense = _map(cells=cells, addresses=addresses)
    found = translation(ambit(), dense)
    assert {"B12", "B13", "B14", "B15"} <= found.labels.keys()
    assert "B8" not in found.labels
    monkeypatch.setattr(translations, "_MOST_TRIES", 3)
    found = translation.__wrapped__(ambit(), dense)
    assert found.exhausted
    assert refusal(ambit(), dense, "B8", found).startswith(
        "it has no NOT: no address raises the n-wordline of a cell, as B8 of 'ambit' does "
        "(!DCC0 and T0), as far as 3 tries showed: add "
    )
