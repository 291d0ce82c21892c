"""The subarray against a naive model of cells and bitlines; lanes against single subarrays."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import Words, pack, unpack
from pimsim.dram.array.address_map import AddressMap, ambit, parse, text
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts
from pimsim.errors import DramError

DATA_ROWS = 4
"""Data rows that the random commands use; one more serves to look at compute cells."""
BURST_BITS = 16

# Written down anew, so that a mistake in the address map shows: cells open to the bitline, and with
# a ! those open to its complement.
AMBIT = {
    "B0": "T0",
    "B1": "T1",
    "B2": "T2",
    "B3": "T3",
    "B4": "DCC0",
    "B5": "!DCC0",
    "B6": "DCC1",
    "B7": "!DCC1",
    "B8": "!DCC0 T0",
    "B9": "!DCC1 T1",
    "B10": "T2 T3",
    "B11": "T0 T3",
    "B12": "T0 T1 T2",
    "B13": "T1 T2 T3",
    "B14": "DCC0 T1 T2",
    "B15": "DCC1 T0 T3",
}
WIDE = {
    **AMBIT,
    "B16": "T1 T4",
    "B17": "T2 T5",
    "B18": "!DCC0 !DCC1",
    "B19": "T3 T4 T5 DCC0 DCC1",
    "B20": "T4",
    "B21": "T5",
    "FOUR": "T0 !DCC0 T4 T5",
    "SEVEN": "T0 T1 T2 T3 T4 T5 !DCC1",
}
EIGHT = {
    "P0": "A",
    "P1": "B",
    "P2": "C",
    "P3": "D",
    "P4": "DCC0",
    "P5": "DCC1",
    "P6": "DCC2",
    "P7": "DCC3",
    "N0": "!DCC0",
    "N1": "!DCC1",
    "N2": "!DCC2",
    "N3": "!DCC3",
    "PAIR": "A B",
    "MIXED": "!DCC3 D",
    "INVERTED": "!DCC0 !DCC1",
    "TRIPLE": "A B C",
    "TRIPLE_N": "!DCC2 D A",
    "TRIPLE_NNN": "!DCC0 !DCC1 !DCC3",
}

ACTIVATING = ("act", "aap", "ap")
Command = tuple[Any, ...]
"""("aap", source, destination), ("ap", address), ("act", address), ("pre",), ("wr", row, bits) or
("rd", row); addresses are labels."""


class RefusedError(Exception):
    """The naive model cannot carry out a command."""


class Naive:
    """One subarray as the paper tells it: a bit a cell and column, ACT, PRE and nothing clever."""

    def __init__(self, columns: int, addresses: dict[str, str], constants: dict[str, bool]) -> None:
        self.columns = columns
        self.addresses = addresses
        self.constants = constants
        self.cells = {name: [bit] * columns for name, bit in constants.items()}
        self.row_buffer: list[bool] | None = None
        self.opened: list[tuple[str, bool]] = []
        self.counts: dict[str, int] = {}

    def carry_out(self, command: Command) -> list[bool] | None:
        """Do it, or raise RefusedError and leave everything as it was."""
        before = self.snapshot()
        try:
            kind, *rest = command
            if kind in ("aap", "ap", "wr", "rd") and self.row_buffer is not None:
                raise RefusedError("open")
            if kind not in ("wr", "rd"):
                self.count(kind)
            if kind in ("act", "aap", "ap"):
                for label in rest:
                    self.activate(label)
            if kind in ("aap", "ap", "pre"):
                self.row_buffer, self.opened = None, []
            if kind in ("wr", "rd"):
                return self.column_access(kind, *rest)
            return None
        except RefusedError:
            self.restore(before)
            raise

    def refuses(self, command: Command) -> str | None:
        """Why it would be refused, or None; nothing changes."""
        before = self.snapshot()
        try:
            self.carry_out(command)
        except RefusedError as refused:
            return str(refused)
        self.restore(before)
        return None

    def snapshot(self) -> dict[str, Any]:
        # Rows are replaced, never changed, so it is enough to copy what holds them.
        return {name: copy.copy(value) for name, value in self.__dict__.items()}

    def restore(self, before: dict[str, Any]) -> None:
        self.__dict__ = before

    def count(self, name: str, times: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + times

    def wordlines(self, label: str) -> list[tuple[str, bool]]:
        if label in self.addresses:
            return [(w.strip("!"), "!" in w) for w in self.addresses[label].split()]
        if label in self.constants:
            return [(label, False)]
        if int(label.removeprefix("D")) >= DATA_ROWS + 1:
            raise RefusedError("beyond")
        return [(label, False)]

    def activate(self, label: str) -> None:
        lines = self.wordlines(label)
        if self.row_buffer is None:
            self.row_buffer = [self.sense(lines, column) for column in range(self.columns)]
        else:
            for cell, complement in lines:
                if cell in self.constants:
                    raise RefusedError("constant")
                if (cell, not complement) in self.opened:
                    raise RefusedError("shorted")
        # The sense amplifiers now hold the bitlines, and those every open cell.
        for cell, complement in lines:
            self.cells[cell] = [bit is not complement for bit in self.row_buffer]
        self.opened += lines
        self.count("extra_wordlines", len(lines) - 1)

    def sense(self, lines: list[tuple[str, bool]], column: int) -> bool:
        pulls = 0
        for cell, complement in lines:
            if cell not in self.cells:
                raise RefusedError("unwritten")
            pulls += 1 if self.cells[cell][column] is not complement else -1
        if pulls == 0:
            raise RefusedError("undecided")
        return pulls > 0

    def column_access(
        self, kind: str, row: int, bits: list[bool] | None = None
    ) -> list[bool] | None:
        if not 0 <= row < DATA_ROWS + 1:
            raise RefusedError("beyond")
        self.count(kind, -(-self.columns // BURST_BITS))
        self.count("act")
        self.count("pre")
        if bits is not None:
            self.cells[f"D{row}"] = bits
            return None
        if f"D{row}" not in self.cells:
            raise RefusedError("unwritten")
        return self.cells[f"D{row}"]

    def take_counts(self) -> CommandCounts:
        counts, self.counts = CommandCounts(**self.counts), {}
        return counts


def _naive(rows: AddressMap, columns: int) -> Naive:
    if rows is ambit():
        return Naive(columns, AMBIT, {"C0": False, "C1": True})
    if rows.name == "wide":
        return Naive(columns, WIDE, {"C0": False, "C1": True})
    return Naive(columns, EIGHT, {"ONES": True, "ZEROS": False})


def _subarray(rows: AddressMap, columns: int, lanes: int = 1) -> Subarray:
    return Subarray(
        columns,
        rows=rows.first_data + DATA_ROWS + 1,
        lanes=lanes,
        burst_bits=BURST_BITS,
        address_map=rows,
    )


def _carry_out(subarray: Subarray, command: Command) -> list[bool] | None:
    kind, *rest = command
    if kind == "wr":
        subarray.write_bits(rest[0], np.array([rest[1]], dtype=np.uint8))
    elif kind == "rd":
        return [bool(bit) for bit in subarray.read_bits(rest[0])[0]]
    elif kind == "pre":
        subarray.precharge()
    else:
        do = {"aap": subarray.aap, "ap": subarray.ap, "act": subarray.activate}[kind]
        do(*(subarray.rows.address(label) for label in rest))
    return None


State = dict[str, list[list[bool]] | None]


def _seen(look: Callable[[], Words], columns: int, name: str) -> list[list[bool]] | None:
    try:
        return unpack(look(), columns).astype(bool).tolist()
    except DramError as error:
        if str(error) != f"{name} was never written and cannot be activated":
            raise
        return None


def _data(subarray: Subarray) -> State:
    """Data rows, (lanes, columns), None for those never written in some lane."""
    return {
        f"D{row}": _seen(partial(subarray.peek, row), subarray.columns, f"D{row}")
        for row in range(DATA_ROWS)
    }


def _cells(subarray: Subarray) -> State:
    """Compute cells, each copied out into the spare data row and read there."""
    cells: State = {}
    for address in range(subarray.rows.first_constant):
        (line, *others) = subarray.rows.wordlines(address)
        if not others:
            cell = subarray.rows.cells[line.cell]
            found = _seen(partial(_copied, subarray, address), subarray.columns, cell)
            if found is not None and line.complement:
                found = [[not bit for bit in row] for row in found]
            assert cells.setdefault(cell, found) == found, "both wordlines must show the same cell"
    subarray.clear_counts()
    return cells


def _copied(subarray: Subarray, address: int) -> Words:
    subarray.aap(address, subarray.rows.first_data + DATA_ROWS)
    return subarray.peek(DATA_ROWS)


def _same_state(subarray: Subarray, model: Naive) -> None:
    assert subarray.counts() == [model.take_counts()]
    subarray.clear_counts()
    seen = _data(subarray)
    if model.row_buffer is None:
        seen |= _cells(subarray)
    for name, found in seen.items():
        assert found == ([model.cells[name]] if name in model.cells else None), name


def _labels(rows: AddressMap) -> list[str]:
    return [rows.label(address) for address in range(rows.first_data + DATA_ROWS)]


def _row_of_bits(rng: Random, columns: int) -> list[bool]:
    return [bool(rng.getrandbits(1)) for _ in range(columns)]


def _likely(
    rng: Random, draw: Callable[[], Command], refused: Callable[[Command], object]
) -> Command:
    """A random command, seldom one that is refused."""
    for _ in range(50):
        command = draw()
        if not refused(command) or rng.random() < 0.08:
            break
    return command


def _draw(rng: Random, model: Naive, labels: list[str]) -> Command:
    """Any command, addresses that do not exist included."""
    names = [*labels, *labels, f"D{DATA_ROWS + 1}"]
    kinds = ["act", "pre", "pre"] if model.row_buffer else ["aap"] * 9 + ["ap"] * 3 + ["act"]
    kind = rng.choice([*kinds, *kinds, "aap", "rd", "wr"])
    if kind in ("rd", "wr"):
        row = rng.choice([-1, *range(DATA_ROWS), DATA_ROWS + 1])
        return (kind, row) if kind == "rd" else (kind, row, _row_of_bits(rng, model.columns))
    return kind, *(rng.choice(names) for _ in range({"aap": 2, "pre": 0}.get(kind, 1)))


def _filled(rows: AddressMap) -> list[str]:
    """Addresses that, driven one after the other, leave every compute cell written."""
    single = [a for a in range(rows.first_constant) if len(rows.wordlines(a)) == 1]
    return [rows.label(address) for address in single]


def _fill(rng: Random, rows: AddressMap, columns: int) -> list[Command]:
    """Commands that write every data row and compute cell."""
    fill: list[Command] = []
    for label in _filled(rows):
        fill += [("wr", 0, _row_of_bits(rng, columns)), ("aap", "D0", label)]
    return fill + [("wr", row, _row_of_bits(rng, columns)) for row in range(DATA_ROWS)]


SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.sampled_from([1, 2, 3, 5, 8, 13, 21, 34, 55, 55, 55, 55])
BLANK = st.sampled_from([False, False, False, True])


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


@settings(max_examples=120)
@given(seed=SEEDS, length=LENGTHS, columns=st.sampled_from([1, 3, 67]), blank=BLANK)
@pytest.mark.slow
def test_random_commands_do_what_cells_and_bitlines_do(
    rows: AddressMap, seed: int, length: int, columns: int, blank: bool
) -> None:
    rng, labels = Random(seed), _labels(rows)
    subarray, model = _subarray(rows, columns), _naive(rows, columns)
    for command in [] if blank else _fill(rng, rows, columns):
        _carry_out(subarray, command)
        model.carry_out(command)
    _same_state(subarray, model)
    for _ in range(length):
        command = _likely(rng, lambda: _draw(rng, model, labels), model.refuses)
        try:
            expected = model.carry_out(command)
        except RefusedError:
            with pytest.raises(DramError):
                _carry_out(subarray, command)
        else:
            assert _carry_out(subarray, command) == expected
        _same_state(subarray, model)


def test_the_naive_model_refuses_for_every_reason_and_computes_too() -> None:
    model = _naive(ambit(), 2)
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
    kind, *rest = _draw(rng, models[taking[0]], labels)
    if kind == "wr":
        return kind, rest[0], [_row_of_bits(rng, models[0].columns) for _ in taking], some
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


@settings(max_examples=60)
@given(seed=SEEDS, length=LENGTHS, lanes=st.integers(1, 4), blank=BLANK)
@pytest.mark.slow
def test_lanes_are_subarrays_of_their_own_in_lock_step(
    rows: AddressMap, seed: int, length: int, lanes: int, blank: bool
) -> None:
    rng, labels = Random(seed), _labels(rows)
    columns = rng.choice([1, 3, 66])
    together = _subarray(rows, columns, lanes)
    singles = [_subarray(rows, columns) for _ in range(lanes)]
    models = [_naive(rows, columns) for _ in range(lanes)]  # they know what would be refused
    for command in [] if blank else _fill(rng, rows, columns):
        _lock_step(together, _for_all(command, lanes))
        for single, model in zip(singles, models, strict=True):
            _carry_out(single, command)
            model.carry_out(command)

    def refusing(command: Command) -> bool:
        taking = range(lanes) if command[-1] is None else command[-1]
        return any(models[n].refuses(_of_lane(command, i)) for i, n in enumerate(taking))

    opened: Command | None = None
    for _ in range(length):
        some = opened[-1] if opened else _some(rng, lanes)
        command = _likely(rng, partial(_draw_lanes, rng, models, labels, some), refusing)
        taking = list(enumerate(range(lanes) if some is None else some))
        if refusing(command):
            # What one lane refuses no lane does.
            errors = set()
            for number, lane in taking:
                if models[lane].refuses(_of_lane(command, number)):
                    with pytest.raises(DramError) as caught:
                        _carry_out(singles[lane], _of_lane(command, number))
                    errors.add(str(caught.value))
            with pytest.raises(DramError) as caught:
                _lock_step(together, command)
            assert str(caught.value) in errors
        else:
            results = [_carry_out(singles[lane], _of_lane(command, i)) for i, lane in taking]
            for number, lane in taking:
                models[lane].carry_out(_of_lane(command, number))
            assert _lock_step(together, command) == (results if command[0] == "rd" else None)
            opened = {"act": command, "pre": None}.get(command[0], opened)
        assert together.counts() == [single.counts()[0] for single in singles]
        _same_rows(_data(together), [_data(single) for single in singles])
        if opened is None:
            _same_rows(_cells(together), [_cells(single) for single in singles])


def _same_rows(together: State, singles: list[State]) -> None:
    for name, seen in together.items():
        of_lanes = [state[name] for state in singles]
        assert seen == (None if None in of_lanes else [row for (row,) in of_lanes]), name


@settings(max_examples=120)
@given(seed=SEEDS, length=LENGTHS)
def test_run_is_aap_and_ap_one_by_one(rows: AddressMap, seed: int, length: int) -> None:
    rng, lanes, columns = Random(seed), 3, 5
    at_once, one_by_one = _subarray(rows, columns, lanes), _subarray(rows, columns, lanes)
    for command in _fill(rng, rows, columns) if rng.random() < 0.8 else []:
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
    assert _data(at_once) == _data(one_by_one)
    assert _cells(at_once) == _cells(one_by_one)
