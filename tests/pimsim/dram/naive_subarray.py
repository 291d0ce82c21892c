"""A naive model of cells and bitlines, and the commands that it and a subarray are given."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pimsim.bits import Words, unpack
from pimsim.dram.array.address_map import AddressMap, ambit
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


def naive_of(rows: AddressMap, columns: int) -> Naive:
    if rows is ambit():
        return Naive(columns, AMBIT, {"C0": False, "C1": True})
    if rows.name == "wide":
        return Naive(columns, WIDE, {"C0": False, "C1": True})
    return Naive(columns, EIGHT, {"ONES": True, "ZEROS": False})


def subarray_of(rows: AddressMap, columns: int, lanes: int = 1) -> Subarray:
    return Subarray(
        columns,
        rows=rows.first_data + DATA_ROWS + 1,
        lanes=lanes,
        burst_bits=BURST_BITS,
        address_map=rows,
    )


def carry_out(subarray: Subarray, command: Command) -> list[bool] | None:
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


def seen_rows(look: Callable[[], Words], columns: int, name: str) -> list[list[bool]] | None:
    try:
        return unpack(look(), columns).astype(bool).tolist()
    except DramError as error:
        if str(error) != f"{name} was never written and cannot be activated":
            raise
        return None


def data_rows_of(subarray: Subarray) -> State:
    """Data rows, (lanes, columns), None for those never written in some lane."""
    return {
        f"D{row}": seen_rows(partial(subarray.peek, row), subarray.columns, f"D{row}")
        for row in range(DATA_ROWS)
    }


def cells_of(subarray: Subarray) -> State:
    """Compute cells, each copied out into the spare data row and read there."""
    cells: State = {}
    for address in range(subarray.rows.first_constant):
        (line, *others) = subarray.rows.wordlines(address)
        if not others:
            cell = subarray.rows.cells[line.cell]
            found = seen_rows(partial(copied, subarray, address), subarray.columns, cell)
            if found is not None and line.complement:
                found = [[not bit for bit in row] for row in found]
            assert cells.setdefault(cell, found) == found, "both wordlines must show the same cell"
    subarray.clear_counts()
    return cells


def copied(subarray: Subarray, address: int) -> Words:
    subarray.aap(address, subarray.rows.first_data + DATA_ROWS)
    return subarray.peek(DATA_ROWS)


def assert_same_state(subarray: Subarray, model: Naive) -> None:
    assert subarray.counts() == [model.take_counts()]
    subarray.clear_counts()
    seen = data_rows_of(subarray)
    if model.row_buffer is None:
        seen |= cells_of(subarray)
    for name, found in seen.items():
        assert found == ([model.cells[name]] if name in model.cells else None), name


def labels_of(rows: AddressMap) -> list[str]:
    return [rows.label(address) for address in range(rows.first_data + DATA_ROWS)]


def row_of_bits(rng: Random, columns: int) -> list[bool]:
    return [bool(rng.getrandbits(1)) for _ in range(columns)]


def likely(
    rng: Random, draw: Callable[[], Command], refused: Callable[[Command], object]
) -> Command:
    """A random command, seldom one that is refused."""
    for _ in range(50):
        command = draw()
        if not refused(command) or rng.random() < 0.08:
            break
    return command


def draw_command(rng: Random, model: Naive, labels: list[str]) -> Command:
    """Any command, addresses that do not exist included."""
    names = [*labels, *labels, f"D{DATA_ROWS + 1}"]
    kinds = ["act", "pre", "pre"] if model.row_buffer else ["aap"] * 9 + ["ap"] * 3 + ["act"]
    kind = rng.choice([*kinds, *kinds, "aap", "rd", "wr"])
    if kind in ("rd", "wr"):
        row = rng.choice([-1, *range(DATA_ROWS), DATA_ROWS + 1])
        return (kind, row) if kind == "rd" else (kind, row, row_of_bits(rng, model.columns))
    return kind, *(rng.choice(names) for _ in range({"aap": 2, "pre": 0}.get(kind, 1)))


def filled_addresses(rows: AddressMap) -> list[str]:
    """Addresses that, driven one after the other, leave every compute cell written."""
    single = [a for a in range(rows.first_constant) if len(rows.wordlines(a)) == 1]
    return [rows.label(address) for address in single]


def fill_commands(rng: Random, rows: AddressMap, columns: int) -> list[Command]:
    """Commands that write every data row and compute cell."""
    fill: list[Command] = []
    for label in filled_addresses(rows):
        fill += [("wr", 0, row_of_bits(rng, columns)), ("aap", "D0", label)]
    return fill + [("wr", row, row_of_bits(rng, columns)) for row in range(DATA_ROWS)]


SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.sampled_from([1, 2, 3, 5, 8, 13, 21, 34, 55, 55, 55, 55])
BLANK = st.sampled_from([False, False, False, True])
