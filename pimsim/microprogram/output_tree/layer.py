"""A whole layer: fan-in divided among subarrays, outputs among groups, one program for each group.

Each part of the fan-in lies in a subarray of its own, and every part builds the same tree over its
operands. At each leaf, the other parts settle what they have counted: they reduce it to one digit
for each weight. These digits are moved to the first part, the *home*, which adds them like rows of
its own.

>>> from pimsim.microprogram.output_tree.tree import shaped
>>> weights = np.random.default_rng(0).choice([-1, 1], (8, 96))
>>> layer = Layer(weights, np.zeros(8, np.int64), parts=2, data_rows=110)
>>> one = layer.program(shaped(range(8)))
>>> one.outputs, sorted(one.results), one.moves > 0
([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7], True)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.commands import Kind
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.output_tree.group import FanIn, pieces, plan
from pimsim.microprogram.output_tree.tree import Tree, leaves
from pimsim.microprogram.row_program import Move, RowProgram
from pimsim.microprogram.tape import AdderTape


@dataclass(frozen=True, slots=True)
class GroupProgram:
    """What is done for the outputs of a group."""

    outputs: list[int]
    program: RowProgram
    results: dict[int, int]
    """For each output, the number of the row read with its bits."""
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
        """Rows moved from other parts to the home."""
        return sum(isinstance(item, Move) for item in self.program.items)


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

    def program(self, tree: Tree) -> GroupProgram:
        """Write the program of a group of outputs.

        Raises OutOfRowsError if a part has too few rows.
        """
        fan_in = [self._part(start, end) for start, end in pairwise(self.edges)]
        operands = int(fan_in[0].rows[-1]) + 1
        outs = operands + np.arange(len(leaves(tree))) % 2  # two bits are decided at once
        fan_in[0] = fan_in[0]._replace(free=fan_in[0].free[:-2])
        planned = plan(tree, fan_in, self._kappas, outs, self._map, self.minimise)
        program, results, first = RowProgram(1), {}, len(self._map.constants)
        for piece in pieces(planned):
            if piece.moved is not None:
                for place, to_place in piece.moved.tolist():
                    program.move(place - first, piece.part, to_place - first)
            elif piece.decided >= 0:
                results[planned.outputs[piece.decided]] = program.read(
                    int(outs[piece.decided]) - first
                )
            elif piece.part >= 0:
                words = planned.tapes[piece.part][piece.records]
                program.run(AdderTape(words, self._map), piece.part)
        return GroupProgram(leaves(tree), program, results, planned.rows + 2, planned.adders)

    def _part(self, start: int, end: int) -> FanIn:
        """What a part holds."""
        planes, first = self.planes, len(self._map.constants)
        count = (end - start) * planes
        if count > self.data_rows:
            raise OutOfRowsError(
                f"operands: {count} data rows are needed at once, the subarray has {self.data_rows}"
            )
        signs = np.repeat(self.weights[:, start:end].T.astype(np.int8), planes, axis=0)
        every = FanIn.over(signs, range(first, first + count), first + self.data_rows)
        return every._replace(weights=np.arange(count) % planes)
