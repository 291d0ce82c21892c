"""Two neighbouring subarrays of an unmodified chip, on which steps are carried out one by one.

Cells hold 0, vdd/2 or 1. Bitlines are open: a sense amplifier is between a bitline of one subarray
and a bitline of the next. So two neighbours share the amplifiers of half of their columns. The
amplifiers of the other half are shared with the neighbour on the other side, whose bitlines are
precharged here.

>>> from pimsim.offtheshelf.program import INVERSION
>>> pair = NeighbouringSubarrays(columns=64)
>>> pair.write(Row(0, 5), np.ones(64, np.uint8))
>>> pair.run(Activate(Row(0, 5), Row(1, 5), INVERSION))
>>> pair.read(Row(1, 5), pair.shared).max()               # its complement, in the shared half
0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import DramError, InputError
from pimsim.offtheshelf.decoder import RowDecoder
from pimsim.offtheshelf.program import Activate, ChipProgram, Frac, Row, Step

Bits = NDArray[np.uint8]
_UNWRITTEN, _HALF = -1, 1
"""Level of vdd in halves of vdd; levels are 0, 1 and 2."""
SHARED_BITS = 32
"""Columns that lie together on one side: of every 64, the first 32 have their amplifiers between
the two subarrays (CMU-SAFARI/FCDRAM, NotReliability and NandNorReliability: which_half)."""
FRACS = 3
"""Fracs after which a row is taken to hold vdd/2 (CMU-SAFARI/SiMRA-DRAM, MajOperations)."""

Failing = Callable[[Activate, NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]]
"""From a step, the right answers and the columns in which operands differ, to the wrong columns."""


def _never(step: Activate, right: NDArray[np.bool_], differ: NDArray[np.bool_]) -> Any:
    return np.zeros_like(right)


class NeighbouringSubarrays:
    """Rows of two subarrays, with the columns between them.

    Args:
        columns: columns of a row, a multiple of 64.
        decoder: which rows an address pair opens.
        seed: seed of the fixed value that each amplifier gives if there is no voltage difference.

    """

    def __init__(self, columns: int, decoder: RowDecoder | None = None, seed: int = 0) -> None:
        if type(columns) is not int or columns < 1 or columns % (2 * SHARED_BITS):
            raise InputError(f"`columns` must be a multiple of {2 * SHARED_BITS}, not {columns!r}")
        self.columns, self.decoder = columns, decoder or RowDecoder()
        self._cells = np.full((2, self.decoder.rows, columns), _UNWRITTEN, np.int8)
        self._fracs = np.zeros((2, self.decoder.rows), np.int64)
        self.shared = np.arange(columns) // SHARED_BITS % 2 == 0
        self._tie = np.random.default_rng(seed).random(columns) < 0.5
        self.failing: Failing = _never

    def write(self, row: tuple[int, int], bits: Bits) -> None:
        """Write a row over the channel; InputError unless there is a bit 0 or 1 a column."""
        if bits.shape != (self.columns,) or int(bits.max()) > 1:
            raise InputError(f"`bits` must be {self.columns} bits, not {bits.shape}")
        self._cells[row] = 2 * bits
        self._fracs[row] = 0

    def read(self, row: tuple[int, int], columns: NDArray[np.bool_] | None = None) -> Bits:
        """Return a row, or some columns; DramError where it holds vdd/2 or was never written."""
        cells = self._cells[row] if columns is None else self._cells[row][columns]
        if not ((cells == 0) | (cells == 2)).all():
            raise DramError(f"row {Row(*row)} must hold 0 or 1 in every column that is read")
        bits: Bits = (cells // 2).astype(np.uint8)
        return bits

    def run(self, step: Step) -> None:
        """Carry out a step.

        Raises :class:`~pimsim.errors.DramError` where it opens a row that was never written, or
        reads one that holds vdd/2, and InputError for rows that are not there.
        """
        if isinstance(step, Frac):
            self._frac(step.row)
            return
        opened = self._opened(step)
        for row in opened:
            if not step.latched and (self._cells[row] == _UNWRITTEN).any():
                raise DramError(f"{step} must not open row {row}, which was never written")
        if step.latched:
            self._copy(step, opened)
        else:
            self._decide(step, opened)
        self._fracs[tuple(zip(*opened, strict=True))] = 0

    def carry_out(self, program: ChipProgram) -> None:
        """Carry out the steps of a program, whose operands and constants have been written."""
        for step in program.steps:
            self.run(step)

    def _opened(self, step: Activate) -> list[Row]:
        first, second = step.first, step.second
        if step.alone:
            return [first, second]
        rows = self.decoder.opened(first.row, second.row)
        return [
            Row(side, row) for side in sorted({first.subarray, second.subarray}) for row in rows
        ]

    def _frac(self, row: Row) -> None:
        self._fracs[row] += 1
        if self._fracs[row] >= FRACS:
            self._cells[row] = _HALF

    def _copy(self, step: Activate, opened: list[Row]) -> None:
        source = self.read(step.first).astype(np.bool_)
        every = np.ones_like(source)
        for row in opened:
            if row == step.first:
                continue
            if row.subarray == step.first.subarray:
                wrong = self.failing(step, source, every)
                self._cells[row] = 2 * (source ^ wrong)
            else:
                wrong = self.failing(step, ~source, every)
                self._cells[row][self.shared] = 2 * (~source ^ wrong)[self.shared]

    def _decide(self, step: Activate, opened: list[Row]) -> None:
        sides = sorted({row.subarray for row in opened})
        held = {side: self._cells[side, [row.row for row in opened if row.subarray == side]]
                for side in sides}  # fmt: skip
        amplifiers: NDArray[np.bool_] | None = None
        for side in sides:
            # In halves of vdd above or below that of the precharged bitline.
            own = (held[side].astype(np.int64) - _HALF).sum(axis=0)
            if len(sides) == 2:
                other = (held[1 - side].astype(np.int64) - _HALF).sum(axis=0)
                own = np.where(self.shared, own - other, own)
            tie = self._tie ^ (side == 1) & self.shared
            right = np.where(own == 0, tie, own > 0)
            # Only columns in which operands differ can be wrong.
            binary = held[side][(held[side] != _HALF).any(axis=1)]
            differ = (binary != binary[:1]).any(axis=0) | (len(sides) == 2)
            wrong = self.failing(step, right, differ)
            if amplifiers is not None:  # the same ones, seen from the other side
                wrong = np.where(self.shared, amplifiers, wrong)
            amplifiers = wrong
            for row in opened:
                if row.subarray == side:
                    self._cells[row] = 2 * (right ^ wrong)
