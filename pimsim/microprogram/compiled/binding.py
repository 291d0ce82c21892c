"""Steps with every symbol bound to a place, ready for the functions that they compute.

What a step does depends on which of its symbols share a row. Where that differs between outputs, or
outputs write different rows, :class:`Split` says how to divide them; each kind of output is then
compiled apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.rowgroups import AddressMap
from pimsim.microprogram.compiled.function import Function, unify
from pimsim.microprogram.compiled.graph import CLASH, Graph, Kind, Place
from pimsim.microprogram.compiled.recipe import Move, Read, Recipe, Run
from pimsim.microprogram.compiled.tiles import Layout
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.program import Command, Program
from pimsim.microprogram.schedule import Rows, Step

Where = int | NDArray[np.int32]
"""A place, or one an output."""
Kinds = NDArray[np.uint8]


class Split(Exception):  # noqa: N818 - not an error: tells the caller to divide the outputs
    """Outputs with different ``labels`` (outputs,) are to be compiled apart."""

    def __init__(self, labels: NDArray[np.integer[Any] | np.bool_]) -> None:
        self.labels = labels


@dataclass(frozen=True, eq=False)
class Piece:
    """Commands of all variants that hold no value in a compute cell from before or for after."""

    variants: tuple[tuple[Command, ...], ...]
    names: tuple[str, ...]
    """Symbols and data rows that they name; in ``variants`` they are ``$0``, ``$1``, ..."""
    written: tuple[int, ...]
    """Names that are destinations, by number."""


class Deed:
    """A piece whose names are bound in one way; what it computes, whatever is asked for."""

    def __init__(self, graphs: tuple[Graph, ...]) -> None:
        self.graphs = graphs
        self.refused = any(graph.refused for graph in graphs)
        some = set().union(*(graph.written for graph in graphs))
        self.rows = tuple(sorted(place for place in some if place[0] == Kind.ROW))
        self.clashes = CLASH in some
        self.cells = frozenset(number for kind, number in some if kind == Kind.CELL)
        self.reads = tuple(dict.fromkeys(place for graph in graphs for place in graph.reads))
        self._functions: dict[frozenset[int], Function] = {}

    def function(self, cells: frozenset[int]) -> Function:
        """All rows written, the clash if there can be one, and ``cells``."""
        if cells not in self._functions:
            places: list[Place] = list(self.rows)
            places += [(Kind.CELL, cell) for cell in sorted(cells & self.cells)]
            places += [CLASH] * self.clashes
            self._functions[cells] = unify(self.graphs, places)
        return self._functions[cells]


class BoundStep:
    """A deed and where its names lie."""

    __slots__ = ("deed", "first_cell", "function", "kinds", "places")

    def __init__(
        self, deed: Deed, kinds: Kinds | None, places: tuple[Where, ...], first_cell: int
    ) -> None:
        self.deed, self.kinds, self.places, self.first_cell = deed, kinds, places, first_cell
        self.function: Function | None = None


def steps(
    recipe: Recipe, layout: Layout, outputs: NDArray[np.intp] | None, *, literal: bool
) -> Iterator[BoundStep | int]:
    """Bound steps of a recipe for some outputs; for a read, the place that is read.

    Raises Split when the outputs are not of one kind.
    """
    for item in recipe.items:
        if isinstance(item, Run):
            base = item.part * layout.stride
            for step in item.schedule.steps:
                yield from _bound(step, layout, base, outputs, literal)
        elif isinstance(item, Move):
            source, target = layout.row(item.row, item.part), layout.row(item.to_row, item.to_part)
            (piece,) = _pieces((COPY,), False)
            deed = _deed(piece, ((Kind.ROW, 0), (Kind.ROW, 1)), layout.map)
            yield BoundStep(deed, None, (source, target), 0)
        elif isinstance(item, Read):
            yield layout.row(item.row, item.part)


def _bound(
    step: Step, layout: Layout, base: int, outputs: NDArray[np.intp] | None, literal: bool
) -> Iterator[BoundStep]:
    kinds = step.variant
    programs = step.programs
    if kinds is not None and outputs is not None:
        kinds = kinds[outputs]
        if not (kinds != kinds[0]).any():
            programs, kinds = (programs[int(kinds[0])],), None
    if literal and kinds is not None:
        raise Split(kinds)
    for piece in _pieces(programs, literal):
        rows = dict(zip(programs[0].symbols, step.rows, strict=True))
        yield _place(piece, rows, layout, base, outputs, kinds)


def _place(
    piece: Piece,
    rows: dict[str, Rows],
    layout: Layout,
    base: int,
    outputs: NDArray[np.intp] | None,
    kinds: Kinds | None,
) -> BoundStep:
    first, first_data = layout.map.first_constant, layout.map.first_data
    slots: list[Place] = []
    places: list[Where] = []
    for number, name in enumerate(piece.names):
        address = rows[name] if name in rows else layout.map.address(name)
        slot: Place = (Kind.ROW, number)
        if isinstance(address, np.ndarray):
            if outputs is not None:
                address = address[outputs]
            if len(address) == 1:
                address = int(address[0])
        if not isinstance(address, np.ndarray):
            if address < first:
                slot = (Kind.OPENED, address)
            elif address < first_data:
                slot = (Kind.CONSTANT, layout.map.constants[address - first][1])
        slots.append(slot)
        places.append(_moved(address, base - first))
    together = np.concatenate([p for p in places if not isinstance(p, int)] or [_NOWHERE])
    for target in piece.written:
        if slots[target][0] == Kind.ROW:
            _alias(slots, places, target, together)
    deed = _deed(piece, tuple(slots), layout.map)
    return BoundStep(deed, kinds, tuple(places), base + layout.stored)


def _moved(address: Rows, by: int) -> Where:
    if isinstance(address, np.ndarray):
        return address.astype(np.int32, copy=False) + np.int32(by)
    return address + by


_NOWHERE = np.zeros(0, dtype=np.int32)


def _alias(
    slots: list[Place], places: list[Where], target: int, together: NDArray[np.int32]
) -> None:
    """Give names that share the row of ``target``, which is written, its slot.

    ``together`` are all places that differ between outputs.
    """
    own = places[target]
    if not isinstance(own, int):
        if (own != own[0]).any():
            raise Split(own)
        own = places[target] = int(own[0])
    somewhere = bool((together == own).any())
    for number, place in enumerate(places):
        if number == target or slots[number][0] != Kind.ROW:
            continue
        if isinstance(place, int):
            if place == own:
                slots[number] = slots[target]
            continue
        same = place == own if somewhere else _NOWHERE
        if same.any():
            if not same.all():
                raise Split(same)
            places[number] = own
            slots[number] = slots[target]


_DEEDS: dict[tuple[int, tuple[Place, ...], int], tuple[AddressMap, Deed]] = {}


def _deed(piece: Piece, slots: tuple[Place, ...], rows: AddressMap) -> Deed:
    key = (id(piece.variants), slots, id(rows))
    found = _DEEDS.get(key)
    if found is None:
        named = {f"${i}": slot for i, slot in enumerate(slots)}
        graphs = tuple(Graph(commands, named, rows) for commands in piece.variants)
        found = _DEEDS[key] = (rows, Deed(graphs))
    return found[1]


# -- programs in pieces --------------------------------------------------------------------------

_PIECES: dict[tuple[tuple[int, ...], bool], tuple[tuple[Program, ...], list[Piece]]] = {}


def _pieces(programs: tuple[Program, ...], literal: bool) -> list[Piece]:
    key = (tuple(map(id, programs)), literal)
    found = _PIECES.get(key)
    if found is None:
        cut = [_literal(p) if literal else _cut(p) for p in programs]
        if len({len(each) for each in cut}) > 1:
            cut = [[program.commands] for program in programs]
        pieces = [_piece(variants, programs) for variants in zip(*cut, strict=True)]
        found = _PIECES[key] = (programs, pieces)
    return found[1]


def _literal(program: Program) -> list[tuple[Command, ...]]:
    return [(command,) for command in program.commands]


def _cut(program: Program) -> list[tuple[Command, ...]]:
    """Cut where no compute cell holds a value that is read later."""
    rows, known = program.address_map, set(program.symbols)

    def cells(name: str | None) -> set[int]:
        if name is None or name in known:
            return set()
        address = rows.address(name)
        if address >= rows.first_constant:
            return set()
        return {line.cell for line in rows.wordlines(address)}

    live: set[int] = set()
    starts: list[int] = []
    for index in reversed(range(len(program.commands))):
        command = program.commands[index]
        live = (live - cells(command.destination)) | cells(command.source)
        if not live:
            starts.append(index)
    edges = sorted({0, *starts, len(program.commands)})
    return [program.commands[a:b] for a, b in pairwise(edges)]


def _piece(variants: tuple[tuple[Command, ...], ...], programs: tuple[Program, ...]) -> Piece:
    rows, known = programs[0].address_map, set(programs[0].symbols)
    names: dict[str, int] = {}
    written: dict[int, None] = {}
    for commands in variants:
        for command in commands:
            for name in (command.source, command.destination):
                if name is None:
                    continue
                if name in known or rows.address(name) >= rows.first_data:
                    names.setdefault(name, len(names))
                    if name == command.destination:
                        written.setdefault(names[name])
    renamed = tuple(
        tuple(
            Command(
                f"${names[c.source]}" if c.source in names else c.source,
                f"${names[c.destination]}" if c.destination in names else c.destination,
            )
            for c in commands
        )
        for commands in variants
    )
    # Pieces with the same commands share what is known of them, whatever their rows are called.
    renamed = _INTERNED.setdefault(renamed, renamed)
    return Piece(renamed, tuple(names), tuple(written))


_INTERNED: dict[tuple[tuple[Command, ...], ...], tuple[tuple[Command, ...], ...]] = {}
