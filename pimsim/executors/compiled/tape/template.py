"""The function of a template, derived from its commands: from rows and held values to the same.

Between the templates of a chain, compute cells hold the running sum, or two carries, some of them
complemented. A *pattern* says which cells these are. The content of the other cells is garbage.

>>> from typing import NamedTuple
>>> from pimsim.microprogram.accumulation import programs
>>> from pimsim.dram.array.address_map import ambit
>>> class One(NamedTuple):
...     program: Program
...     before: str | None
...     after: str | None
>>> mixed = One(programs(ambit())["mixed", "mixed"], "mixed", "mixed")
>>> (one,) = derived([mixed], {"mixed": (("T0", False), ("DCC0", True))})
>>> [place.name for place, _ in one.network.inputs], one.stores, one.keeps
(['HELD', 'ROW', 'ROW'], (2,), 1)
>>> carry, kept = one.network.nodes       # of c, b and v: MAJ(NOT c, b, v), and the parity
>>> f"{carry[0]:08b}", f"{kept[0]:08b}"
('10110010', '10010110')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from pimsim.errors import InputError
from pimsim.executors.compiled.lower.symbolic import (
    CLASH,
    FunctionNetwork,
    Graph,
    Literal,
    PlaceKind,
    SymbolPlace,
)
from pimsim.microprogram.program import Program

Pattern = tuple[tuple[str, bool] | tuple[str, bool, int], ...]
"""Names of cells, whether each holds the complement of a held value, and of which, 0 or 1."""


class Template(Protocol):
    """An entry of a table."""

    @property
    def program(self) -> Program:
        """Its commands; a record gives a row for each of its symbols, in order."""

    @property
    def before(self) -> str | None:
        """Pattern that must be in the cells before; None if it reads no cells."""

    @property
    def after(self) -> str | None:
        """Pattern that it leaves in the cells; None if none."""


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """The function of a template; templates with equal ones share machine code."""

    symbols: int
    network: FunctionNetwork
    """Of rows by the number of their symbol and the held value; results are those of ``stores``,
    then the held values behind it that it ``keeps``."""
    stores: tuple[int, ...]
    """Symbols whose rows are written."""
    keeps: int
    """How many held values it leaves."""
    needed: frozenset[int] = field(compare=False)
    """Symbols whose rows are sensed before they are written."""
    apart: frozenset[tuple[int, int]] = field(compare=False)
    """Pairs of a written symbol and one that must not share its row, because they are read and
    written here in another order than by the commands."""


def derived(
    table: Sequence[Template], patterns: Mapping[str, Pattern]
) -> tuple[TemplateFunction, ...]:
    """What each template of a table computes.

    Raises InputError for one that names no row, that writes a constant, whose results depend on
    garbage, or that does not leave its pattern.
    """
    return tuple(
        _derived(
            one.program,
            () if one.before is None else patterns[one.before],
            None if one.after is None else patterns[one.after],
        )
        for one in table
    )


@cache
def _derived(program: Program, before: Pattern, after: Pattern | None) -> TemplateFunction:
    if not program.symbols:
        raise InputError(f"template {program.name!r} must name a row: it tells where it runs")
    rows = program.address_map
    slots: dict[str, SymbolPlace] = {
        name: (PlaceKind.ROW, number) for number, name in enumerate(program.symbols)
    }
    held: dict[SymbolPlace, tuple[SymbolPlace, bool]] = {
        (PlaceKind.CELL, rows.cells.index(name)): ((PlaceKind.HELD, sum(which)), complement)
        for name, complement, *which in before
    }
    graph = Graph(program.commands, slots, rows, held)
    if graph.refused:
        raise InputError(f"template {program.name!r} must not write a constant")
    if graph.written.get(CLASH):
        raise InputError(
            f"template {program.name!r} must not sense two cells together that may differ"
        )
    stores = tuple(n for kind, n in sorted(graph.written) if kind == PlaceKind.ROW)
    results = [graph.written[PlaceKind.ROW, number] for number in stores]
    left = [] if after is None else _left(program, graph, after)
    results += left
    network = graph.network(results)
    garbage = [rows.cells[n] for kind, n in network.inputs if kind == PlaceKind.CELL]
    if garbage:
        raise InputError(
            f"template {program.name!r} must not depend on {', '.join(garbage)}, where nothing "
            "known stands"
        )
    needed = frozenset(n for kind, n in graph.reads if kind == PlaceKind.ROW)
    apart = _apart(program, frozenset(stores))
    return TemplateFunction(len(program.symbols), network, stores, len(left), needed, apart)


def _left(program: Program, graph: Graph, after: Pattern) -> list[Literal]:
    """The values that cells of a pattern hold, plain or complemented."""
    cells = program.address_map.cells
    values: dict[int, set[Literal]] = {}
    for name, complement, *which in after:
        place = PlaceKind.CELL, cells.index(name)
        value = graph.written[place] if place in graph.written else graph.before(place)
        values.setdefault(sum(which), set()).add(value ^ complement)
    for number, some in values.items():
        if len(some) != 1:
            own = [(name, turned) for name, turned, *which in after if sum(which) == number]
            listed = ", ".join(f"{'NOT ' * turned}{name}" for name, turned in own)
            raise InputError(f"template {program.name!r} must leave one value in {listed}")
    return [some.pop() for _, some in sorted(values.items())]


def _apart(program: Program, stores: frozenset[int]) -> frozenset[tuple[int, int]]:
    number = {name: index for index, name in enumerate(program.symbols)}
    found = {(one, other) for one in stores for other in stores if one != other}
    done: set[int] = set()
    for command in program.commands:
        if command.source in number:
            source = number[command.source]
            found |= {(one, source) for one in done if one != source}
        if command.destination in number:
            done.add(number[command.destination])
    return frozenset(found)
