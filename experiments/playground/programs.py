"""Microprograms as data for the page: rows, commands, and what every row holds after each of them.

The commands are those of the package, and a simulated subarray carries them out one by one.

>>> xnor = next(one for one in program_data() if one["name"] == "xnor")
>>> [command["text"] for command in xnor["commands"]][:2], len(xnor["states"])
(['(a,B8)', '(b,B9)'], 8)
>>> xnor["held"]["a"], xnor["held"]["b"], xnor["states"][-1]["out"]
('0011', '0101', '1001')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from experiments.playground.words import Lines, Teller
from pimsim.bits import unpack
from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.array.subarray import Subarray
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.microprogram.program import Program


@dataclass(frozen=True, slots=True)
class Shown:
    """A program on bits of its own, a column for each case."""

    title: str
    summary: str
    program: Program
    held: Mapping[str, str]
    """Bits of each input row, a digit a column."""


def _truth_table(*rows: str) -> dict[str, str]:
    """Every combination of the rows' bits, a column each, the first row slowest."""
    count = len(rows)
    return {
        row: "".join(str(column >> (count - 1 - index) & 1) for column in range(2**count))
        for index, row in enumerate(rows)
    }


def neuron(inputs: int) -> Program:
    """Return XNOR of so many inputs with their weights, then the popcount of these products.

    >>> len(neuron(3)), neuron(3).outputs
    (29, ('sum0', 'sum1'))
    """
    xnor, count = PRIMITIVES["xnor"].program(), PRIMITIVES["popcount"].program(inputs)
    products = [f"p{i}" for i in range(inputs)]
    multiplied = chain.from_iterable(
        xnor.placed(a=f"x{i}", b=f"w{i}", out=p) for i, p in enumerate(products)
    )
    added = count.placed(**{f"x{i}": p for i, p in enumerate(products)})
    return Program(
        "neuron",
        (*multiplied, *added),
        inputs=tuple(f"{name}{i}" for name in "xw" for i in range(inputs)),
        outputs=count.outputs,
        scratch=(*products, *count.scratch),
    )


_SEVEN = {f"x{i}": "".join(str(int((3 * i + column) % 7 < column)) for column in range(8))
          for i in range(7)}  # fmt: skip
"""Seven rows; the columns have 0, 1, ... 7 ones."""


def shown() -> tuple[Shown, ...]:
    """Return the programs of the page, in the order of reading."""
    table = _truth_table
    return (
        Shown("NOT", "A dual-contact cell gives back the complement of a.",
              PRIMITIVES["not"].program(), table("a")),
        Shown("AND", "A majority of a, b and zeros.", PRIMITIVES["and"].program(), table("a", "b")),
        Shown("XNOR", "1 where a and b are equal: the product of two numbers that are -1 or +1.",
              PRIMITIVES["xnor"].program(), table("a", "b")),
        Shown("Full adder", "a + b + c as two bits, by majorities alone.",
              PRIMITIVES["full-adder"].program(), table("a", "b", "c")),
        Shown("Popcount of 7", "How many of seven rows hold a 1, as three bits in each column.",
              PRIMITIVES["popcount"].program(7), _SEVEN),
        Shown("A neuron of 3", "XNOR of three inputs x with three weights w, then their popcount: "
              "a binary dot product. Every column is a neuron of its own.",
              neuron(3), {"x0": "00001111", "x1": "00110011", "x2": "01010101",
                          "w0": "11111111", "w1": "00001111", "w2": "11110000"}),
    )  # fmt: skip


def program_data() -> list[dict[str, Any]]:
    """Return all programs of the page, as JSON values."""
    return [_data(one) for one in shown()]


def _data(one: Shown) -> dict[str, Any]:
    program, rows = one.program, one.program.address_map
    columns = len(next(iter(one.held.values())))
    subarray = Subarray(columns, rows=rows.first_data + len(program.symbols))
    places = {symbol: index for index, symbol in enumerate(program.symbols)}
    for name, bits in one.held.items():
        subarray.write_bits(places[name], np.array([[int(bit) for bit in bits]]))
    constants = {name: str(bit) for name, bit in rows.constants}
    teller = Teller({**{name: name for name in program.inputs}, **constants})
    states, commands = [_state(subarray, places, rows)], []
    for command in program.commands:
        names = [command.source, *([command.destination] if command.destination else [])]
        addresses = [
            subarray.data_address(places[name]) if name in places else rows.address(name)
            for name in names
        ]
        source, *destination = (_lines(rows, name, places) for name in names)
        if destination:
            subarray.aap(addresses[0], addresses[1])
        else:
            subarray.ap(addresses[0])
        states.append(_state(subarray, places, rows))
        words = teller.command(source, destination[0] if destination else None)
        commands.append(
            {
                "text": str(command),
                "source": _as_json(source),
                "destination": _as_json(destination[0]) if destination else None,
                "words": words,
                "holds": {row: teller.holds(row) for row in states[-1]},
            }
        )
    return {
        "name": program.name,
        "title": one.title,
        "summary": one.summary,
        "inputs": program.inputs,
        "outputs": program.outputs,
        "constants": constants,
        "columns": columns,
        "held": dict(one.held),
        "rows": [*program.inputs, *constants, *rows.cells, *program.scratch, *program.outputs],
        "cells": list(rows.cells),
        "commands": commands,
        "states": states,
    }


def _lines(rows: AddressMap, name: str, places: Mapping[str, int]) -> Lines:
    """Wordlines that an address raises; a data row or a constant row is raised alone."""
    if name in places or name in dict(rows.constants):
        return ((name, False),)
    return tuple(
        (rows.cells[line.cell], line.complement) for line in rows.wordlines(rows.address(name))
    )


def _as_json(lines: Lines) -> list[dict[str, Any]]:
    return [{"row": row, "complement": complement} for row, complement in lines]


def _state(
    subarray: Subarray, places: Mapping[str, int], rows: AddressMap
) -> dict[str, str | None]:
    """Bits of every row, read without a command; None for rows that were never written."""
    found: dict[str, str | None] = {}
    for name, place in places.items():
        words = subarray.peek(place) if len(subarray.written_lanes(place)) else None
        found[name] = _digits(words, subarray.columns)
    for index, cell in enumerate(rows.cells):
        written = len(subarray.written_cell_lanes(index))
        found[cell] = _digits(subarray.peek_cell(index) if written else None, subarray.columns)
    for name, bit in rows.constants:
        found[name] = str(bit) * subarray.columns
    return found


def _digits(words: Any, columns: int) -> str | None:
    if words is None:
        return None
    return "".join(str(bit) for bit in unpack(words, columns)[0])
