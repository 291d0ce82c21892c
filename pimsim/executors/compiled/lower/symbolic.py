"""Symbolic execution of row commands: the content of every row and cell afterwards, as a graph.

Copies vanish, a triple-row activation is one majority, and constants of the C-group are folded.
Equal functions of the same three or fewer values are one node.

>>> from pimsim.microprogram.arithmetic import FULL_ADDER
>>> slots = {name: (PlaceKind.ROW, k) for k, name in enumerate(FULL_ADDER.symbols)}
>>> graph = Graph(FULL_ADDER.commands, slots, FULL_ADDER.address_map)
>>> sum_, carry = graph.written[(PlaceKind.ROW, 3)], graph.written[(PlaceKind.ROW, 4)]
>>> [[f"{tt:08b}" for tt, _ in graph.network([value]).nodes] for value in (sum_, carry)]
[['10010110'], ['11101000']]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.program import Command


class PlaceKind(IntEnum):
    """What an address or a place of storage is."""

    ROW = 0
    """A row, by the number of its symbol."""
    CELL = 1
    """A compute cell, by its index in the address map."""
    OPENED = 2
    """A B-group address, by its number."""
    CONSTANT = 3
    """A C-group row, by its bit."""
    CLASH = 4
    """The clash: columns in which two cells that were sensed together have differed so far."""
    HELD = 5
    """A value that several cells hold before, plain or complemented."""


SymbolPlace = tuple[PlaceKind, int]
CLASH: SymbolPlace = (PlaceKind.CLASH, 0)
HELD: SymbolPlace = (PlaceKind.HELD, 0)

Literal = int
"""Twice the number of a node, plus 1 for its complement; node 0 is the constant 0."""

_MAJORITY = 0b1110_1000
_PARITY = 0b1001_0110
_DIFFER_OR = 0b1011_1110  # operand 0 OR (operand 1 XOR operand 2)
_CUTS = 10


@dataclass(frozen=True, slots=True)
class FunctionNetwork:
    """Functions of at most three values each, in order.

    Values are numbered, the inputs first. Bit i of a truth table is the function's value where
    operand j is bit j of i.
    """

    inputs: tuple[SymbolPlace, ...]
    nodes: tuple[tuple[int, tuple[int, ...]], ...]
    """Truth table and operands."""
    results: tuple[int, ...]
    """The values asked for."""


class Graph:
    """The effect of ``commands``.

    Args:
        commands: in order. slots: what each symbol is bound to. rows: the address map. held: places
            that hold a known value at the start, such as :data:`HELD`, or (True) its complement.

    """

    def __init__(
        self,
        commands: Iterable[Command],
        slots: Mapping[str, SymbolPlace],
        rows: AddressMap,
        held: Mapping[SymbolPlace, tuple[SymbolPlace, bool]] | None = None,
    ) -> None:
        self._rows = rows
        self._held = held or {}
        self._nodes: list[SymbolPlace | None] = [None]
        self._cuts: list[dict[tuple[int, ...], int]] = [{(): 0}]
        self._area = [0]
        self._known: dict[tuple[tuple[int, ...], int], Literal] = {((), 0): 0}
        self._initial: dict[SymbolPlace, Literal] = {}
        self.written: dict[SymbolPlace, Literal] = {}
        """Every place that was driven or restored by a multiple-row activation, and its value."""
        self.reads: dict[SymbolPlace, None] = {}
        """Places sensed before they were written, in order."""
        self.refused = False
        """Whether a constant row is written: DRAM refuses that."""
        fixed = {name: (PlaceKind.CONSTANT, bit) for name, bit in rows.constants}
        for command in commands:
            source, destination = (
                None if name is None else slots.get(name) or fixed.get(name) or self._opened(name)
                for name in (command.source, command.destination)
            )
            if source is None:
                raise ValueError(f"command {command} must have a source")
            if destination is not None and destination[0] == PlaceKind.CONSTANT:
                self.refused = True
                return
            value = self._sense(source)
            if destination is not None:
                self._drive(destination, value)

    def _opened(self, name: str) -> SymbolPlace:
        return (PlaceKind.OPENED, self._rows.address(name))

    # -- commands ----------------------------------------------------------------------------

    def _sense(self, source: SymbolPlace) -> Literal:
        kind, number = source
        if kind == PlaceKind.CONSTANT:
            return number
        if kind == PlaceKind.ROW:
            return self._value(source)
        lines = self._rows.wordlines(number)
        levels = [self._value((PlaceKind.CELL, w.cell)) ^ w.complement for w in lines]
        if len(levels) == 1:
            return levels[0]
        if len(levels) == 2:
            if levels[0] != levels[1]:
                clash = (self._value(CLASH, read=False), *levels)
                self.written[CLASH] = self._node(_DIFFER_OR, clash)
            return levels[0]
        value = self._majority(levels)
        for line in lines:
            self.written[(PlaceKind.CELL, line.cell)] = value ^ line.complement
        return value

    def _majority(self, levels: list[Literal]) -> Literal:
        """Majority of any odd number; more than three are counted first, by full adders."""
        if len(levels) == 3:
            return self._node(_MAJORITY, levels)
        planes, more = [], levels
        while more:
            pending, more = more, []
            while len(pending) > 1:
                some = [*pending[:3], 0][:3]
                pending = [*pending[3:], self._node(_PARITY, some)]
                more.append(self._node(_MAJORITY, some))
            planes += pending
        least, reached = len(levels) // 2 + 1, 1
        for place, plane in enumerate(planes):
            reached = self._node(_MAJORITY, (plane, reached, ~least >> place & 1))
        return reached

    def _drive(self, destination: SymbolPlace, value: Literal) -> None:
        kind, number = destination
        if kind == PlaceKind.ROW:
            self.written[destination] = value
            return
        for line in self._rows.wordlines(number):
            self.written[(PlaceKind.CELL, line.cell)] = value ^ line.complement

    def _value(self, place: SymbolPlace, *, read: bool = True) -> Literal:
        if place in self.written:
            return self.written[place]
        if read:
            self.reads.setdefault(place)
        return self.before(place)

    def before(self, place: SymbolPlace) -> Literal:
        """Value of a place before the commands."""
        if place in self._held:
            value, complement = self._held[place]
            return self.before(value) ^ complement
        if place not in self._initial:
            node = len(self._nodes)
            self._nodes.append(place)
            self._cuts.append({(node,): 0b10})
            self._area.append(0)
            self._known[((node,), 0b10)] = 2 * node
            self._initial[place] = 2 * node
        return self._initial[place]

    # -- nodes -------------------------------------------------------------------------------

    def _node(self, table: int, operands: Sequence[Literal]) -> Literal:
        """A function of three literals, or an equal node that exists already."""
        cuts: dict[tuple[int, ...], int] = {}
        choices: list[list[tuple[tuple[int, ...], int]]] = []
        for operand in operands:
            node, flip = operand >> 1, operand & 1
            options = dict(self._cuts[node])
            if node:
                options.setdefault((node,), 0b10)
            choices.append(
                [(leaves, tt ^ (_ones(len(leaves)) * flip)) for leaves, tt in options.items()]
            )
        first, second, third = choices
        for a, ta in first:
            for b, tb in second:
                both = set(a) | set(b)
                if len(both) > 3:
                    continue
                for c, tc in third:
                    leaves = tuple(sorted(both | set(c)))
                    if len(leaves) > 3:
                        continue
                    tables = [_lift(t, x, leaves) for t, x in ((ta, a), (tb, b), (tc, c))]
                    whole = applied(table, tables, 1 << len(leaves))
                    leaves, whole = _support(leaves, whole)
                    cuts.setdefault(leaves, whole)
        for leaves, whole in cuts.items():
            known = self._known.get((leaves, whole))
            if known is None:
                known = self._known.get((leaves, whole ^ _ones(len(leaves))))
                known = None if known is None else known ^ 1
            if known is not None:
                return known
        node = len(self._nodes)
        best = sorted(cuts.items(), key=lambda item: (self._cost(item[0]), item[0]))[:_CUTS]
        self._nodes.append(None)
        self._cuts.append(dict(best))
        self._area.append(self._cost(best[0][0]))
        for leaves, whole in best:
            self._known[(leaves, whole)] = 2 * node
        return 2 * node

    def _cost(self, leaves: tuple[int, ...]) -> int:
        return 1 + sum(self._area[leaf] for leaf in leaves)

    def network(self, wanted: Sequence[Literal]) -> FunctionNetwork:
        """The fewest functions found that give the ``wanted`` values."""
        order: list[int] = []
        seen: set[int] = set()
        stack = [(literal >> 1, False) for literal in reversed(wanted)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if self._nodes[node] is None:
                    leaves = next(iter(self._cuts[node]))
                    stack += [(leaf, False) for leaf in leaves]
        inputs = [node for node in order if self._nodes[node] is not None]
        index = {node: k for k, node in enumerate(inputs)}
        nodes: list[tuple[int, tuple[int, ...]]] = []
        flipped: dict[Literal, int] = {}

        def add(table: int, leaves: tuple[int, ...]) -> int:
            nodes.append((table, tuple(index[leaf] for leaf in leaves)))
            return len(inputs) + len(nodes) - 1

        for node in order:
            if node not in index:
                leaves, table = next(iter(self._cuts[node].items()))
                index[node] = add(table, leaves)
        results = []
        for literal in wanted:
            node = literal >> 1
            if not literal & 1:
                results.append(index[node])
                continue
            if literal not in flipped:
                cut: tuple[tuple[int, ...], int] = ((node,), 0b10)
                if self._nodes[node] is None:
                    cut = next(iter(self._cuts[node].items()))
                flipped[literal] = add(cut[1] ^ _ones(len(cut[0])), cut[0])
            results.append(flipped[literal])
        places = tuple(place for node in inputs if (place := self._nodes[node]) is not None)
        return FunctionNetwork(places, tuple(nodes), tuple(results))


def _ones(leaves: int) -> int:
    return (1 << (1 << leaves)) - 1


def _lift(table: int, own: tuple[int, ...], leaves: tuple[int, ...]) -> int:
    """The same function as a function of ``leaves``, which include its ``own``."""
    places = [leaves.index(leaf) for leaf in own]
    result = 0
    for row in range(1 << len(leaves)):
        inside = sum((row >> place & 1) << j for j, place in enumerate(places))
        result |= (table >> inside & 1) << row
    return result


def applied(table: int, operands: Sequence[int], rows: int) -> int:
    """Truth table of a function of functions, those of ``operands``, over so many rows."""
    result = 0
    for row in range(rows):
        inside = sum((operand >> row & 1) << j for j, operand in enumerate(operands))
        result |= (table >> inside & 1) << row
    return result


def _support(leaves: tuple[int, ...], table: int) -> tuple[tuple[int, ...], int]:
    """Drop the leaves that the function does not depend on."""
    for place in range(len(leaves)):
        low = [row for row in range(1 << len(leaves)) if not row >> place & 1]
        if all((table >> row & 1) == (table >> (row | 1 << place) & 1) for row in low):
            rest = sum((table >> row & 1) << i for i, row in enumerate(low))
            return _support(leaves[:place] + leaves[place + 1 :], rest)
    return leaves, table
