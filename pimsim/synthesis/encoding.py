"""A task as numbers: states packed into words, and commands as masks on them.

A state has a field for every compute cell and scratch row: the truth table of its content, and a
bit that is set if this is unknown. It has a field for every stored output, too: 0, or 1 + the
number of the truth table in its row among the accepted ones. A source is what a first activation
can sense, a destination what a second one can drive. The last destination is empty, for an AP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from pimsim.dram.array.address_map import Wordline
from pimsim.dram.array.many_rows import extra_driven, extra_sensed
from pimsim.microprogram.program import Command
from pimsim.synthesis.expression import input_tables
from pimsim.synthesis.objective import Prices
from pimsim.synthesis.rules import (
    FIXED,
    HELD,
    MAJORITY,
    MASK,
    ROW,
    SHIFT,
    WORD,
    Ints,
    Rules,
    Words,
)
from pimsim.synthesis.task import Task

_WORD = 64
_TABLED_INPUTS = 4
"""Symmetries are used for up to this many inputs: truth tables of 16 bits are renamed by tables."""


@dataclass(frozen=True)
class Source:
    """Something that a first activation senses."""

    name: str
    kind: int
    lines: tuple[Wordline, ...] = ()
    table: int = 0
    output: int = 0


@dataclass(frozen=True)
class Encoding:
    """A task as numbers, and back."""

    task: Task
    words: int
    rules: Rules
    start: Words
    """(W,)"""
    sources: tuple[Source, ...]
    destinations: tuple[str | None, ...]

    def command(self, source: int, destination: int) -> Command:
        """The command with these numbers."""
        return Command(self.sources[source].name, self.destinations[destination])

    def price(self, command: Command) -> int:
        """What a command costs."""
        source = [one.name for one in self.sources].index(command.source)
        return int(self.rules.prices[source, self.destinations.index(command.destination)])

    def complemented(self, state: Sequence[int]) -> tuple[str, ...]:
        """Outputs that are complemented in a goal state."""
        found = {
            one.name
            for one, field in zip(self.task.stored, self.rules.outputs.tolist(), strict=True)
            if state[field[WORD]] >> field[SHIFT] & field[MASK] == 2
        }
        for ending, masks in zip(self.task.endings, self.rules.goal.tolist(), strict=True):
            if all(word & mask == value for word, (mask, value) in zip(state, masks, strict=True)):
                found |= ending.complemented
                break
        return tuple(one.name for one in self.task.outputs if one.name in found)


def encode(task: Task, prices: Prices) -> Encoding:
    """Return a task as numbers, with the cost of every command."""
    return _Encoder(task, prices).encoding()


class _Encoder:
    def __init__(self, task: Task, prices: Prices) -> None:
        self.task, self.prices = task, prices
        self.columns = 1 << len(task.inputs)
        self.everywhere = (1 << self.columns) - 1
        self.tables = input_tables(task.inputs)
        self.scratch = scratch_names(task)
        self.held = [*task.address_map.cells, *self.scratch]
        self.values = [self._values(at) for at in range(len(task.stored))]
        self._lay_out()
        self.sources = tuple(self._sources())
        self.lines = dict(task.address_map.addresses)
        self.lines |= {name: (Wordline(self.held.index(name)),) for name in self.scratch}
        self.destinations: tuple[str | None, ...] = (
            *self.lines, *(one.name for one in task.stored), None,
        )  # fmt: skip

    def _values(self, at: int) -> tuple[int, ...]:
        """Truth tables accepted in the row of an output."""
        return self.task.stored[at].tables

    def _lay_out(self) -> None:
        """Give every field its place; a field does not cross words."""
        used = [0]

        def place(bits: int) -> tuple[int, int]:
            for word, taken in enumerate(used):
                if taken + bits <= _WORD:
                    used[word] += bits
                    return word, taken
            used.append(bits)
            return len(used) - 1, 0

        self.field = [place(self.columns + 1) for _ in self.held]
        self.output = [
            (*place(bits), (1 << bits) - 1)
            for bits in (len(values).bit_length() for values in self.values)
        ]
        self.words = len(used)

    def _sources(self) -> Iterable[Source]:
        rows = self.task.address_map
        over = {one.name for one in self.task.stored}
        for name in self.task.rows:
            if name not in over:
                yield Source(name, FIXED, table=self.tables[name])
        for name, bit in rows.constants:
            yield Source(name, FIXED, table=self.everywhere * bit)
        for at, one in enumerate(self.task.stored):
            yield Source(one.name, ROW, output=at)
        for name in self.scratch:
            yield Source(name, HELD, (Wordline(self.held.index(name)),))
        by_length = sorted(rows.addresses, key=lambda address: len(address[1]))
        for name, lines in by_length:
            yield Source(name, MAJORITY if len(lines) > 2 else HELD, lines)

    # -- arrays --------------------------------------------------------------------------------

    def encoding(self) -> Encoding:
        task, prices = self.task, self.prices
        over = {one.name for one in task.stored}
        names, values = self._symmetries()
        rules = Rules(
            plain=np.array(
                [
                    self.columns,
                    len(task.inputs),
                    self._bits(name for name in task.rows if name not in over),
                    prices.aap,
                    min(prices.aap, prices.ap),
                    self._end_needs(),
                    *sorted(self._wanted()),
                ],
                dtype=np.int64,
            ),
            cells=_ints(self.field),
            outputs=_ints([self._output(at) for at in range(len(self.values))]),
            sources=_ints([self._source(one) for one in self.sources]),
            drives=np.array(
                [self._drive(self.lines.get(name or "", ())) for name in self.destinations]
                + [self._drive(one.lines) for one in self.sources],
                dtype=np.uint64,
            ),
            targets=np.array([self._target(name) for name in self.destinations], dtype=np.int64),
            touched=_ints([self._touched(name) for name in self.destinations]),
            prices=self._costs(),
            goal=np.array(self._goals(), dtype=np.uint64),
            names=names,
            values=values,
        )
        return Encoding(task, self.words, rules, self._start(), self.sources, self.destinations)

    def _bits(self, names: Iterable[str]) -> int:
        return sum(1 << self.task.inputs.index(name) for name in names)

    def _first_held(self, at: int) -> int:
        """The input that is in an output's row before the output is stored."""
        name = self.task.stored[at].name
        return self._bits([name]) if name in self.task.rows else 0

    def _output(self, at: int) -> list[int]:
        """An output's line of numbers."""
        one, values = self.task.stored[at], self.values[at]
        first = self._first_held(at)
        return [
            *self.output[at],
            first,
            self._needs(at),
            0 if first else 1,
            1 + len(values),
            self.tables[one.name] if first else 0,
            *values,
            *[0] * (max(map(len, self.values)) - len(values)),
        ]

    def _source(self, one: Source) -> list[int]:
        """A source's line of numbers."""
        lines = [
            number
            for line in one.lines
            for number in (line.cell, self.everywhere * line.complement)
        ]
        count = one.output if one.kind == ROW else len(one.lines)
        most = 2 * max(len(lines) for _, lines in self.task.address_map.addresses)
        empty = [0] * (most - len(lines))
        return [one.kind, count, self._is_shorted(one), one.table, *lines, *empty]

    def _drive(self, lines: tuple[Wordline, ...]) -> list[list[int]]:
        """Masks by word: bits to clear, and factors for the truth table and its complement."""
        found = [[(1 << _WORD) - 1, 0, 0] for _ in range(self.words)]
        for line in lines:
            word, shift = self.field[line.cell]
            found[word][0] ^= ((1 << self.columns + 1) - 1) << shift
            found[word][2 if line.complement else 1] |= 1 << shift
        return found

    def _target(self, name: str | None) -> int:
        names = [one.name for one in self.task.stored]
        return names.index(name) if name in names else -1

    def _touched(self, name: str | None) -> list[int]:
        """How many sources sense a cell that a destination drives, and which."""
        driven = {line.cell for line in self.lines.get(name or "", ())}
        found = [
            at
            for at, one in enumerate(self.sources)
            if not driven.isdisjoint(line.cell for line in one.lines)
        ]
        return [len(found), *found, *[0] * (len(self.sources) - len(found))]

    def _shorted(self, one: Source, name: str | None) -> bool:
        sides = {line.cell: line.complement for line in one.lines}
        return any(
            sides.get(line.cell, line.complement) != line.complement
            for line in self.lines.get(name or "", ())
        )

    def _is_shorted(self, one: Source) -> bool:
        return any(self._shorted(one, name) for name in self.destinations)

    def _costs(self) -> Ints:
        found = np.zeros((len(self.sources), len(self.destinations)), dtype=np.int64)
        for s, one in enumerate(self.sources):
            for d, name in enumerate(self.destinations):
                if self._shorted(one, name) or (name is None and one.kind != MAJORITY):
                    continue
                extra = extra_sensed(len(one.lines), 3) if one.lines else 0
                if name in self.lines:
                    extra += extra_driven(len(self.lines[name]), 3)
                found[s, d] = self.prices.of(Command(one.name, name), extra)
        return found

    def _goals(self) -> list[list[list[int]]]:
        """Conditions on a goal, for every ending and choice of polarities of outputs."""
        goals = []
        for ending in self.task.endings:
            found = [[0, 0] for _ in range(self.words)]
            for cell, table in ending.cells:
                word, shift = self.field[cell]
                found[word][0] |= ((1 << self.columns + 1) - 1) << shift
                found[word][1] |= table << shift
            goals.append(found)
        return goals

    def _wanted(self) -> set[int]:
        tables = {table for ending in self.task.endings for _, table in ending.cells}
        return tables | {table ^ self.everywhere for table in tables}

    def _depends(self, table: int) -> int:
        """Inputs on which a function depends, as bits."""
        found = 0
        for at, low in enumerate(self.tables[name] ^ self.everywhere for name in self.task.inputs):
            if (table >> (1 << at) ^ table) & low:
                found |= 1 << at
        return found

    def _needs(self, at: int) -> int:
        """Inputs that must be read elsewhere for an output; none if its own row can be read."""
        rows = {one.table for one in self.sources if one.kind == FIXED}
        rows |= {self.tables[one.name] for one in self.task.stored if one.name in self.task.rows}
        return 0 if rows & set(self.values[at]) else self._depends(self.values[at][0])

    def _end_needs(self) -> int:
        found = 0
        for ending in self.task.endings:
            for _, table in ending.cells:
                found |= self._depends(table)
        return found

    def _start(self) -> Words:
        state = [0] * self.words
        known = dict(self.task.start)
        for cell, (word, shift) in enumerate(self.field):
            state[word] |= known.get(cell, 1 << self.columns) << shift
        return np.array(state, dtype=np.uint64)

    # -- symmetries ----------------------------------------------------------------------------

    def _symmetries(self) -> tuple[Words, Ints]:
        """Renamings of inputs, perhaps with a complement of everything, that keep the task.

        Majorities, copies and n-wordlines commute with both, so a program from a state is also one
        from the renamed state.
        """
        inputs = len(self.task.inputs)
        orders = permutations(range(inputs)) if inputs <= _TABLED_INPUTS else [tuple(range(inputs))]
        tables = np.arange(1 << self.columns if inputs <= _TABLED_INPUTS else 0, dtype=np.uint64)
        most = max((len(values) for values in self.values), default=0) + 1
        renamed, renamed_values = [], []
        for order in orders:
            for flip in (0, 1) if inputs <= _TABLED_INPUTS else (0,):
                moved = self._rename(order, flip)
                values = self._kept(moved, most)
                if values is not None:
                    renamed.append(_rename_all(tables, moved, flip, self.columns))
                    renamed_values.append(values)
        return np.array(renamed, dtype=np.uint64), np.array(renamed_values, dtype=np.int64).reshape(
            len(renamed), len(self.values), most
        )

    def _rename(self, order: tuple[int, ...], flip: int) -> list[int]:
        """For every column of a truth table, the column that it gets its value from."""
        mask = len(order) and ((1 << len(order)) - 1) * flip
        return [
            sum((column >> at & 1) << to for at, to in enumerate(order)) ^ mask
            for column in range(self.columns)
        ]

    def _apply(self, table: int, moved: list[int]) -> int:
        """A truth table renamed; complemented if columns are."""
        flip = self.everywhere if moved[0] else 0
        return sum((table >> at & 1) << column for column, at in enumerate(moved)) ^ flip

    def _kept(self, moved: list[int], most: int) -> list[list[int]] | None:
        """How values of outputs are renamed; None if the task changes."""
        rows = {one.table for one in self.sources if one.kind == FIXED}
        if {self._apply(table, moved) for table in rows} != rows:
            return None
        if any(self._apply(table, moved) != table for _, table in self.task.start):
            return None
        endings = {frozenset(ending.cells) for ending in self.task.endings}
        for one in endings:
            if frozenset((cell, self._apply(table, moved)) for cell, table in one) not in endings:
                return None
        found = []
        for at, values in enumerate(self.values):
            own = self.tables.get(self.task.stored[at].name)
            if own is not None and self._apply(own, moved) != own:
                return None
            images = [self._apply(table, moved) for table in values]
            if set(images) != set(values):
                return None
            line = [0, *(1 + values.index(image) for image in images)]
            found.append(line + [0] * (most - len(line)))
        return found


def _rename_all(tables: Words, moved: list[int], flip: int, columns: int) -> Words:
    found = np.zeros_like(tables)
    for column, at in enumerate(moved):
        found |= (tables >> np.uint64(at) & np.uint64(1)) << np.uint64(column)
    return found ^ np.uint64(((1 << columns) - 1) * flip)


def _ints(rows: Sequence[Sequence[int]]) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(rows[0]) if rows else 1)


def scratch_names(task: Task) -> tuple[str, ...]:
    """Names of the scratch rows of a task, which are used for nothing else."""
    taken = {*task.inputs, *(one.name for one in task.outputs), *task.address_map.cells}
    names = (f"{prefix}{at}" for prefix in ("t", "scratch", "t_", "u_") for at in range(32))
    free = [name for name in names if name not in taken and not task.address_map.has(name)]
    return tuple(free[: task.scratch])
