"""A whole layer: its fan-in divided among subarrays, its outputs among groups, a program a group.

The rows of a part of the fan-in lie in a subarray of their own. Every part grows the same tree over
its operands. At each leaf the other parts settle what they have counted, and these digits are moved
into the first part, the *home*, which goes on with them as with rows of its own.

>>> from pimsim.microprogram.output_tree.tree import shaped
>>> weights = np.random.default_rng(0).choice([-1, 1], (8, 96))
>>> layer = Layer(weights, np.zeros(8, np.int64), parts=2, data_rows=110)
>>> one = layer.program(shaped(range(8)))
>>> one.outputs, sorted(one.results), one.moves > 0
([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7], True)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.commands import Kind
from pimsim.microprogram.accumulation import CONSTANT, Accumulator, Item, WorkRows
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.output_tree.pairs import Settled, counted, decided
from pimsim.microprogram.output_tree.tree import Leaf, OutputTree, Tree, leaves
from pimsim.microprogram.row_program import Move, RowProgram
from pimsim.microprogram.schedule import Schedule


@dataclass(frozen=True, slots=True)
class GroupProgram:
    """What is done for the outputs of a group."""

    outputs: list[int]
    program: RowProgram
    results: dict[int, int]
    """Of each output, the number of the row that is read: its bits."""
    rows: int
    """Most data rows that a part needs at once, operands included."""
    adders: int

    @property
    def commands(self) -> int:
        """AAP and AP of all parts."""
        return sum(run.times * times for run in self.program.runs for _, times in run.cycle)

    @property
    def ap(self) -> int:
        """AP of all parts."""
        runs = self.program.runs
        return sum(r.times * times for r in runs for kind, times in r.cycle if kind is Kind.AP)

    @property
    def activations(self) -> int:
        """Activations of all parts, two an AAP and one an AP."""
        return 2 * self.commands - self.ap

    @property
    def moves(self) -> int:
        """Rows brought from other parts to the home."""
        return sum(isinstance(item, Move) for item in self.program.items)


class _Part:
    """A subarray with a part of the fan-in, and the tree that grows in it."""

    def __init__(
        self,
        weights: NDArray[np.integer[Any]],
        planes: int,
        data_rows: int,
        apart: frozenset[int],
        address_map: AddressMap,
        minimise: str,
    ) -> None:
        self.allocator = RowAllocator(data_rows)
        self._first = address_map.first_data
        rows = self.allocator.take(weights.shape[1] * planes, "operands")
        table = (np.array(rows, np.int64) + self._first).reshape(-1, planes).tolist()
        work = WorkRows(self.allocator, self._first)
        self.accumulator = Accumulator(Schedule(1, address_map), work, minimise)
        self.tree = OutputTree(self.accumulator, weights, table, apart)

    def run(self, program: RowProgram, number: int) -> None:
        """Add what was written since the last time to the program."""
        program.run(self.accumulator.schedule, number)
        self.accumulator.schedule = Schedule(1, self.accumulator.schedule.address_map)

    def data_row(self, address: int) -> int:
        """Number of a data row."""
        return address - self._first


class Layer:
    """Outputs that count the same operands, +1 or -1 each, against thresholds.

    Args:
        weights: ``(outputs, operands)`` of -1, 0 and +1.
        least: ``(outputs,)`` the bit of an output is: sum of weight times operand >= least.
        planes: bits of an operand, an unsigned integer.
        parts: subarrays that share the fan-in.
        data_rows: of a subarray.
        address_map: of the subarrays.
        minimise: what is to be few, ``commands`` or ``activations``.

    """

    def __init__(
        self,
        weights: NDArray[np.integer[Any]],
        least: NDArray[np.integer[Any]],
        *,
        planes: int = 1,
        parts: int = 1,
        data_rows: int = 1006,
        address_map: AddressMap = DEFAULT_MAP,
        minimise: str = "commands",
    ) -> None:
        self.weights, self.planes, self.parts, self.minimise = weights, planes, parts, minimise
        self.data_rows, self._map = data_rows, address_map
        self.edges = [round(i * weights.shape[1] / parts) for i in range(parts + 1)]
        """Operands of part i are those from edge i to the next."""
        # sum of w y over bits y = (z + 1) / 2 of an operand: 2 sum = Z + (2^planes - 1) sum of w
        highest = (1 << planes) - 1
        self._kappas = (
            1 + highest * weights.sum(axis=1, dtype=np.int64) - 2 * least.astype(np.int64)
        )
        self._apart = frozenset(np.flatnonzero((weights == 0).any(axis=1)).tolist())

    def program(self, tree: Tree) -> GroupProgram:
        """Write the program of a group of outputs.

        Raises OutOfRowsError if a part has too few rows.
        """
        parts = [
            _Part(
                self.weights[:, start:end],
                self.planes,
                self.data_rows,
                self._apart,
                self._map,
                self.minimise,
            )
            for start, end in pairwise(self.edges)
        ]
        program, results = RowProgram(1), {}
        home = parts[0]
        others = [
            (number, part, part.tree.leaves(tree)) for number, part in enumerate(parts[1:], 1)
        ]
        for leaf in home.tree.leaves(tree):
            kappas = [
                int(self._kappas[output]) + home.tree.constants[output] for output in leaf.outputs
            ]
            home.run(program, 0)
            for number, part, walk in others:
                settled = _brought(program, (home, leaf), (number, part, walk))
                for place, (output, beside) in enumerate(
                    zip(leaf.outputs, settled.beside, strict=True)
                ):
                    kappas[place] += part.tree.constants[output] - beside
            for output, row in decided(home.accumulator, leaf, kappas):
                home.run(program, 0)
                results[output] = program.read(home.data_row(row))
        return GroupProgram(
            leaves(tree),
            program,
            results,
            max(part.allocator.peak for part in parts),
            sum(part.accumulator.adders for part in parts),
        )


def _brought(
    program: RowProgram, to: tuple[_Part, Leaf], source: tuple[int, _Part, Iterator[Leaf]]
) -> Settled:
    """Let another part settle its leaf and bring the digits to the home's leaf."""
    home, leaf = to
    number, part, walk = source
    settled = counted(part.accumulator, next(walk))
    part.run(program, number)
    for columns, digits in zip(leaf.columns, settled.numbers, strict=True):
        for weight, item in digits.items():
            if item.row != CONSTANT:
                arrival = home.accumulator.work.take()
                program.move(part.data_row(item.row), number, home.data_row(arrival))
                item = Item(arrival, item.complement)
            columns.setdefault(weight, []).append(item)
    settled.release(part.accumulator)
    return settled
