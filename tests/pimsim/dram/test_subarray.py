"""The subarray against a naive model of cells and bitlines; lanes against single subarrays."""

from __future__ import annotations

import tomllib
from functools import partial
from random import Random
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import AddressMap, ambit, parse, text
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import DramError

from .naive_subarray import (
    ACTIVATING,
    BLANK,
    DATA_ROWS,
    LENGTHS,
    SEEDS,
    Command,
    Naive,
    RefusedError,
    State,
    assert_same_state,
    carry_out,
    cells_of,
    data_rows_of,
    draw_command,
    fill_commands,
    labels_of,
    likely,
    naive_of,
    row_of_bits,
    subarray_of,
)


@pytest.fixture(scope="module")
def wide() -> AddressMap:
    """Five rows and more opened together, an even number among them."""
    table = tomllib.loads(text("five-row"))
    more = {"B20": ["T4"], "B21": ["T5"], "FOUR": ["T0", "!DCC0", "T4", "T5"],
            "SEVEN": ["T0", "T1", "T2", "T3", "T4", "T5", "!DCC1"]}  # fmt: skip
    return parse({**table, "name": "wide", "addresses": table["addresses"] | more}, "wide")


@pytest.fixture(scope="module", params=["ambit", "eight_cells", "wide"])
def rows(request: pytest.FixtureRequest, eight_cells: AddressMap, wide: AddressMap) -> AddressMap:
    return {"ambit": ambit(), "eight_cells": eight_cells, "wide": wide}[request.param]


# -- against the naive model ---------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=SEEDS, length=LENGTHS, columns=st.sampled_from([1, 3, 67]), blank=BLANK)
@pytest.mark.slow
def test_random_commands_do_what_cells_and_bitlines_do(
    rows: AddressMap, seed: int, length: int, columns: int, blank: bool
) -> None:
    rng, labels = Random(seed), labels_of(rows)
    subarray, model = subarray_of(rows, columns), naive_of(rows, columns)
    for command in [] if blank else fill_commands(rng, rows, columns):
        carry_out(subarray, command)
        model.carry_out(command)
    assert_same_state(subarray, model)
    for _ in range(length):
        command = likely(rng, lambda: draw_command(rng, model, labels), model.refuses)
        try:
            expected = model.carry_out(command)
        except RefusedError:
            with pytest.raises(DramError):
                carry_out(subarray, command)
        else:
            assert carry_out(subarray, command) == expected
        assert_same_state(subarray, model)


def test_the_naive_model_refuses_for_every_reason_and_computes_too() -> None:
    model = naive_of(ambit(), 2)
    reasons = []
    for command in [
        ("aap", "D0", "B0"),
        ("aap", "D9", "B0"),
        ("wr", 0, [True, False]),
        ("aap", "D0", "B8"),
        ("aap", "C0", "B10"),
        ("aap", "C1", "B3"),
        ("ap", "B11"),
        ("aap", "D0", "C0"),
        ("aap", "B4", "B5"),
        ("aap", "C1", "B1"),
        ("aap", "B12", "B6"),
        ("act", "D0"),
        ("ap", "D0"),
    ]:
        try:
            model.carry_out(command)
        except RefusedError as refused:
            reasons.append(str(refused))
    assert reasons == ["unwritten", "beyond", "undecided", "constant", "shorted", "open"]
    assert model.cells["DCC1"] == model.cells["T0"] == model.cells["T2"] == [True, False]
    assert model.cells["DCC0"] == [False, True]


# -- lanes in lock-step --------------------------------------------------------------------------


Some: TypeAlias = list[int] | None
"""Lanes that take part, None for all."""


def _some(rng: Random, lanes: int) -> Some:
    return rng.choice([None, rng.sample(range(lanes), rng.randint(1, lanes))])


def _for_all(command: Command, lanes: int) -> Command:
    if command[0] == "wr":
        return *command[:2], [command[2]] * lanes, None
    return *command, None


def _draw_lanes(rng: Random, models: list[Naive], labels: list[str], some: Some) -> Command:
    """A command, with one address for all lanes or one for each that takes part, and the lanes."""
    taking = range(len(models)) if some is None else some
    kind, *rest = draw_command(rng, models[taking[0]], labels)
    if kind == "wr":
        return kind, rest[0], [row_of_bits(rng, models[0].columns) for _ in taking], some
    if kind == "pre" and models[taking[0]].row_buffer is None:
        some = None  # a precharge closes the lanes that are open, and here none is
    rows = [label for label in labels if label not in models[0].addresses]
    apart = [
        [rng.choice(rows) for _ in taking] if kind in ACTIVATING and rng.random() < 0.4 else each
        for each in rest
    ]
    return kind, *apart, some


def _of_lane(command: Command, number: int) -> Command:
    """What the lane that takes part as number ``number`` is told."""
    kind, *rest = command[:-1]
    return kind, *(each[number] if isinstance(each, list) else each for each in rest)


def _lock_step(subarray: Subarray, command: Command) -> list[list[bool]] | None:
    kind, *rest, some = command
    lanes = None if some is None else np.array(some)
    if kind == "wr":
        subarray.write(rest[0], pack(np.array(rest[1], dtype=np.uint8)), None, lanes)
    elif kind == "rd":
        words = subarray.read(rest[0], None, lanes)
        found: list[list[bool]] = unpack(words, subarray.columns).astype(bool).tolist()
        return found
    elif kind == "pre":
        subarray.precharge()
    else:
        addresses = [
            np.array([subarray.rows.address(label) for label in each])
            if isinstance(each, list)
            else subarray.rows.address(each)
            for each in rest
        ]
        do = {"aap": subarray.aap, "ap": subarray.ap, "act": subarray.activate}[kind]
        do(*addresses, lanes=lanes)
    return None


@settings(max_examples=30)
@given(seed=SEEDS, length=LENGTHS, lanes=st.integers(1, 4), blank=BLANK)
@pytest.mark.slow
def test_lanes_are_subarrays_of_their_own_in_lock_step(
    rows: AddressMap, seed: int, length: int, lanes: int, blank: bool
) -> None:
    rng, labels = Random(seed), labels_of(rows)
    columns = rng.choice([1, 3, 66])
    together = subarray_of(rows, columns, lanes)
    singles = [subarray_of(rows, columns) for _ in range(lanes)]
    models = [naive_of(rows, columns) for _ in range(lanes)]  # they know what would be refused
    for command in [] if blank else fill_commands(rng, rows, columns):
        _lock_step(together, _for_all(command, lanes))
        for single, model in zip(singles, models, strict=True):
            carry_out(single, command)
            model.carry_out(command)

    def refusing(command: Command) -> bool:
        taking = range(lanes) if command[-1] is None else command[-1]
        return any(models[n].refuses(_of_lane(command, i)) for i, n in enumerate(taking))

    opened: Command | None = None
    for _ in range(length):
        some = opened[-1] if opened else _some(rng, lanes)
        command = likely(rng, partial(_draw_lanes, rng, models, labels, some), refusing)
        taking = list(enumerate(range(lanes) if some is None else some))
        if refusing(command):
            # What one lane refuses no lane does.
            errors = set()
            for number, lane in taking:
                if models[lane].refuses(_of_lane(command, number)):
                    with pytest.raises(DramError) as caught:
                        carry_out(singles[lane], _of_lane(command, number))
                    errors.add(str(caught.value))
            with pytest.raises(DramError) as caught:
                _lock_step(together, command)
            assert str(caught.value) in errors
        else:
            results = [carry_out(singles[lane], _of_lane(command, i)) for i, lane in taking]
            for number, lane in taking:
                models[lane].carry_out(_of_lane(command, number))
            assert _lock_step(together, command) == (results if command[0] == "rd" else None)
            opened = {"act": command, "pre": None}.get(command[0], opened)
        assert together.counts() == [single.counts()[0] for single in singles]
        _same_rows(data_rows_of(together), [data_rows_of(single) for single in singles])
        if opened is None:
            _same_rows(cells_of(together), [cells_of(single) for single in singles])


def _same_rows(together: State, singles: list[State]) -> None:
    for name, seen in together.items():
        of_lanes = [state[name] for state in singles]
        assert seen == (None if None in of_lanes else [row for (row,) in of_lanes]), name


@settings(max_examples=60)
@given(seed=SEEDS, length=LENGTHS)
def test_run_is_aap_and_ap_one_by_one(rows: AddressMap, seed: int, length: int) -> None:
    rng, lanes, columns = Random(seed), 3, 5
    at_once, one_by_one = subarray_of(rows, columns, lanes), subarray_of(rows, columns, lanes)
    for command in fill_commands(rng, rows, columns) if rng.random() < 0.8 else []:
        for subarray in (at_once, one_by_one):
            _lock_step(subarray, _for_all(command, lanes))
    some = _some(rng, lanes)
    lane_numbers = None if some is None else np.array(some)
    stored = range(rows.first_constant, rows.first_data + DATA_ROWS)
    given_rows: list[Any] = [rng.choice(stored) for _ in range(3)]
    given_rows += [np.array(rng.choices(stored, k=len(some or range(lanes)))) for _ in range(3)]

    def draw() -> tuple[bool, int]:
        if rng.random() < 0.5:
            return True, rng.randrange(len(given_rows))
        return False, rng.randrange(rows.first_data + DATA_ROWS)

    def means(slot: tuple[bool, int]) -> Any:
        return given_rows[slot[1]] if slot[0] else slot[1]

    def fixed(slot: tuple[bool, int]) -> int:
        return rows.first_data if slot[0] else slot[1]

    commands: list[tuple[tuple[bool, int], tuple[bool, int] | None]] = []
    expected = found = None
    while len(commands) < length and expected is None:
        source, destination = draw(), rng.choice([draw(), draw(), None])
        if destination and rows.shorted(fixed(source), fixed(destination)):
            continue  # no program does this, and `run` relies on that
        try:
            if destination is None:
                one_by_one.ap(means(source), lane_numbers)
            else:
                one_by_one.aap(means(source), means(destination), lane_numbers)
        except DramError as error:
            if rng.random() < 0.9:
                continue
            expected = str(error)
        commands.append((source, destination))
    try:
        at_once.run(commands, given_rows, lane_numbers)
    except DramError as error:
        found = str(error)
    assert found == expected
    assert at_once.counts() == one_by_one.counts()
    assert data_rows_of(at_once) == data_rows_of(one_by_one)
    assert cells_of(at_once) == cells_of(one_by_one)
