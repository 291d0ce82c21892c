"""Steps with every symbol bound to a place, ready for the functions that they compute.

The effect of a step depends on which of its symbols share a row. If that differs between outputs,
or outputs write different rows, :class:`SplitOutputs` says how to divide them. Each kind of output
is then compiled separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.executors.compiled.lower.function import CLASH_SITE, StepFunction, sites, unify
from pimsim.executors.compiled.lower.places import Survey, Where, shift
from pimsim.executors.compiled.lower.symbolic import CLASH, Graph, PlaceKind, SymbolPlace
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram import bitsets
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.program import Command, Program
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run
from pimsim.microprogram.schedule import Step

Kinds = tuple[int, ...]
"""Per variant, the set of outputs that have it, see :mod:`pimsim.microprogram.bitsets`."""


class SplitOutputs(Exception):  # noqa: N818 - not an error: tells the caller to divide the outputs
    """Outputs with different ``labels`` (outputs,) are to be compiled apart."""

    def __init__(self, labels: NDArray[np.integer[Any] | np.bool_]) -> None:
        self.labels = labels


@dataclass(frozen=True, eq=False)
class ProgramPiece:
    """A piece of all variants of a program: no value in a compute cell enters or leaves it."""

    variants: tuple[tuple[Command, ...], ...]
    sources: tuple[int, ...]
    """Of each symbol or data row that they name (``$0``, ``$1``, ...), the symbol of the step that
    it is, by number; or -1 - address if it is none."""
    written: tuple[int, ...]
    """Names that are destinations, by number."""


class Deed:
    """A piece whose names are bound in one way, with the functions that it computes."""

    def __init__(self, graphs: tuple[Graph, ...]) -> None:
        self.graphs = graphs
        self.refused = any(graph.refused for graph in graphs)
        some = set().union(*(graph.written for graph in graphs))
        self.rows = tuple(sorted(place for place in some if place[0] == PlaceKind.ROW))
        self.clashes = CLASH in some
        self.cells = frozenset(number for kind, number in some if kind == PlaceKind.CELL)
        self.reads = tuple(dict.fromkeys(place for graph in graphs for place in graph.reads))
        self.read_sites = sites(self.reads)
        self.function = cache(self._function)

    def _function(self, seen: frozenset[int]) -> tuple[StepFunction, frozenset[int]]:
        """The function for all written rows, a possible clash, and the cells ``seen`` later.

        Also the cells seen before it.
        """
        places: list[SymbolPlace] = list(self.rows)
        places += [(PlaceKind.CELL, cell) for cell in sorted(seen & self.cells)]
        places += [CLASH] * self.clashes
        function = unify(self.graphs, places)
        used = frozenset(n for kind, n in function.inputs if kind == PlaceKind.CELL)
        return function, (seen - self.cells) | used


@dataclass(eq=False, slots=True)
class BoundStep:
    """A deed and the places of its names."""

    deed: Deed
    kinds: Kinds | None
    places: Sequence[Where]
    first_cell: int
    clash: int
    parts: tuple[int, ...]
    """Parts whose rows it uses; it is best done together with other steps of the first one."""
    lasting: bool = True
    """Whether no operand that differs between outputs is ever written."""
    function: StepFunction | None = None
    operands: tuple[list[Where], list[int]] = ([], [])
    """Places of the function's inputs, and for which outputs each is complemented first."""

    def compute(self, function: StepFunction) -> None:
        """Choose the function that is computed."""
        self.function = function
        places = [self.where(site) for site in function.input_sites]
        masks = [0] * len(places)
        if self.kinds is not None:
            masks = [self.mask(column) for column in function.input_columns]
        self.operands = places, masks

    def where(self, site: int) -> Where:
        """Place of a site of the function."""
        if site >= 0:
            return self.places[site]
        return self.first_cell - 1 - site if site != CLASH_SITE else self.clash

    def mask(self, variants: Sequence[int]) -> int:
        """Outputs whose variant has a 1 among ``variants``."""
        found = 0
        if self.kinds is not None and 1 in variants:
            for bit, some in zip(variants, self.kinds, strict=True):
                if bit:
                    found |= some
        return found


def steps(program: RowProgram, layout: Layout, survey: Survey) -> Iterator[BoundStep | int]:
    """Bound steps of a row program for the surveyed outputs; for a read, the place that is read.

    Raises SplitOutputs when the outputs are not of one kind.
    """
    for item in program.items:
        if isinstance(item, Run):
            for step in item.schedule.steps:
                yield from _bound(step, layout, item.part, survey)
        elif isinstance(item, Move):
            source, target = layout.row(item.row, item.part), layout.row(item.to_row, item.to_part)
            (piece,) = _pieces((COPY,))
            deed = _deed(piece, (_code(PlaceKind.ROW, 0), _code(PlaceKind.ROW, 1)), layout.map)
            both = (item.to_part, item.part)
            yield BoundStep(deed, None, (source, target), 0, layout.clash, both)
        elif isinstance(item, Read):
            yield layout.row(item.row, item.part)


def _bound(step: Step, layout: Layout, part: int, survey: Survey) -> Iterator[BoundStep]:
    variant = step.variant
    programs = step.programs
    if variant is not None and survey.outputs is not None:
        variant = variant[survey.outputs]
        if not (variant != variant[0]).any():
            programs, variant = (programs[int(variant[0])],), None
    kinds: Kinds | None = None
    if variant is not None:
        kinds = tuple(bitsets.number(variant == kind) for kind in range(len(programs)))
    for piece in _pieces(programs):
        yield _place(piece, step, layout, part, survey, kinds)


def _place(
    piece: ProgramPiece,
    step: Step,
    layout: Layout,
    part: int,
    survey: Survey,
    kinds: Kinds | None,
) -> BoundStep:
    by, first, first_data = shift(layout, part), layout.map.first_constant, layout.map.first_data
    slots: list[int] = []
    places: list[Where] = []
    lasting = True
    shared = False
    for number, source in enumerate(piece.sources):
        address = step.rows[source] if source >= 0 else -1 - source
        where = address + by if isinstance(address, int) else survey.each(address, by)
        places.append(where)
        if isinstance(where, int) and where - by < first_data:
            own = where - by
            if own < first:
                slots.append(_code(PlaceKind.OPENED, own))
            else:
                slots.append(_code(PlaceKind.CONSTANT, layout.map.constants[own - first][1]))
        else:
            slots.append(number * _KINDS)
            if not isinstance(where, int):
                lasting = lasting and where.lasting
                shared = shared or where.shared or number in piece.written
    if shared or len(set(places)) < len(places):
        for target in piece.written:
            if not slots[target] % _KINDS:
                _alias(slots, places, target)
    deed = _deed(piece, tuple(slots), layout.map)
    first_cell = layout.cell(0, part)
    return BoundStep(deed, kinds, places, first_cell, layout.clash, (part,), lasting)


def _alias(slots: list[int], places: list[Where], target: int) -> None:
    """Give names that share the row of ``target``, which is written, its slot."""
    own = places[target]
    if not isinstance(own, int):
        every = own.places
        if (every != every[0]).any():
            raise SplitOutputs(every)
        own = places[target] = int(every[0])
    for number, place in enumerate(places):
        if number == target or slots[number] % _KINDS:
            continue
        if isinstance(place, int):
            if place == own:
                slots[number] = slots[target]
        elif place.shared:
            same = place.rows == own - place.shift
            if same.any():
                if not same.all():
                    raise SplitOutputs(same)
                places[number] = own
                slots[number] = slots[target]


_KINDS = len(PlaceKind)


def _code(kind: PlaceKind, number: int) -> int:
    """A place as a number, which is faster to look up."""
    return number * _KINDS + kind.value


_DEEDS: dict[tuple[int, tuple[int, ...], int], tuple[AddressMap, Deed]] = {}


def _deed(piece: ProgramPiece, slots: tuple[int, ...], rows: AddressMap) -> Deed:
    key = (id(piece.variants), slots, id(rows))
    found = _DEEDS.get(key)
    if found is None:
        named = {
            f"${i}": (PlaceKind(slot % _KINDS), slot // _KINDS) for i, slot in enumerate(slots)
        }
        graphs = tuple(Graph(commands, named, rows) for commands in piece.variants)
        found = _DEEDS[key] = (rows, Deed(graphs))
    return found[1]


# -- programs in pieces --------------------------------------------------------------------------


@cache
def _pieces(programs: tuple[Program, ...]) -> list[ProgramPiece]:
    cut = [_cut(program) for program in programs]
    if len({len(each) for each in cut}) > 1:
        cut = [[program.commands] for program in programs]
    return [_piece(variants, programs) for variants in zip(*cut, strict=True)]


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


def _piece(
    variants: tuple[tuple[Command, ...], ...], programs: tuple[Program, ...]
) -> ProgramPiece:
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
    # Pieces with the same commands share their results, whatever the names of their rows are.
    renamed = _INTERNED.setdefault(renamed, renamed)
    symbols = {symbol: number for number, symbol in enumerate(programs[0].symbols)}
    sources = (symbols[name] if name in symbols else -1 - rows.address(name) for name in names)
    return ProgramPiece(renamed, tuple(sources), tuple(written))


_INTERNED: dict[tuple[tuple[Command, ...], ...], tuple[tuple[Command, ...], ...]] = {}
