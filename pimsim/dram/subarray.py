"""A subarray of bit-packed rows that executes ACTIVATE and PRECHARGE literally.

The first ACTIVATE after a precharge senses: one row is read, three rows settle on their majority
and all three are overwritten with it (triple-row activation, TRA). A second ACTIVATE drives: every
row behind that address takes the row buffer, through an n-wordline its complement. So AAP (ACT,
ACT, PRE) copies or computes, and AP (ACT, PRE) refreshes or computes in place.

Several subarrays that receive the same commands in lock-step, one in each of several banks say,
are the *lanes* of one object; only the data row that a command names may differ between them.
Whatever hardware would destroy is destroyed here, and what was never written cannot be activated.

Source: Seshadri et al., "Ambit", MICRO 2017, sections 3 to 5.

>>> import numpy as np
>>> s = Subarray(columns=3)
>>> for row, bits in enumerate([[0, 1, 1], [0, 0, 1], [1, 0, 1]]):
...     s.write_bits(row, np.array([bits]))
>>> d = s.rows.first_data
>>> for cell, row in enumerate([d, d + 1, d + 2]):
...     s.aap(row, cell)                 # copy D0, D1, D2 into T0, T1, T2
>>> s.aap(s.rows.address("B12"), d + 3)  # majority into D3
>>> s.read_bits(3)
array([[0, 0, 1]], dtype=uint8)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Bits, Words, pack, unpack, words_for
from pimsim.dram.activity import CommandCounts
from pimsim.dram.rowgroups import AddressMap, ambit
from pimsim.errors import DramError, InputError

Lanes: TypeAlias = NDArray[np.intp]
Address: TypeAlias = int | NDArray[np.intp]
_Selector: TypeAlias = slice | Lanes

_ALL = slice(None)
_COUNTED = ("aap", "ap", "act", "pre", "rd", "wr", "extra_wordlines")
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Subarray:
    """One subarray, or ``lanes`` of them in lock-step.

    Args:
        columns: bitlines that are simulated, from column 0 on.
        rows: row addresses of the subarray; the B- and C-group take theirs out of them.
        lanes: subarrays in lock-step.
        burst_bits: columns that one READ or WRITE moves; 512 on a 64-bit channel at burst length 8.
        address_map: which wordlines an address raises; Ambit's by default.

    """

    def __init__(
        self,
        columns: int,
        *,
        rows: int = 1024,
        lanes: int = 1,
        burst_bits: int = 512,
        address_map: AddressMap | None = None,
    ) -> None:
        self.rows = address_map or ambit()
        if self.rows.data_rows(rows) < 1 or columns < 1 or lanes < 1:
            raise InputError(
                f"a subarray must have at least 1 column, 1 lane and {self.rows.first_data + 1} "
                f"rows, not {columns}, {lanes} and {rows}"
            )
        self.columns = columns
        self.lanes = lanes
        self._burst_bits = burst_bits
        self.data_rows = self.rows.data_rows(rows)
        self._last_address = rows - 1
        cells = self.rows.fixed_cells + self.data_rows
        self._bits: Words = np.zeros((lanes, cells, words_for(columns)), dtype=np.uint64)
        self._written = np.zeros((lanes, cells), dtype=np.bool_)
        for index, (_, bit) in enumerate(self.rows.constants, start=len(self.rows.cells)):
            self._bits[:, index] = _FULL if bit else 0
            self._written[:, index] = True
        self._buffer: Words = np.zeros((lanes, words_for(columns)), dtype=np.uint64)
        self._spare: Words = np.zeros_like(self._buffer)
        self._inside = pack(np.ones(columns, dtype=np.uint8))
        self._every = np.arange(lanes)
        self._open: Words | None = None
        self._everywhere = dict.fromkeys(_COUNTED, 0)
        self._somewhere = {name: np.zeros(lanes, dtype=np.int64) for name in _COUNTED}

    # -- row commands ------------------------------------------------------------------------

    def activate(self, address: Address, lanes: Lanes | None = None) -> None:
        """ACT: sense into the row buffer if precharged, else drive the row buffer into the rows.

        ``address`` is a row address, or one C- or D-group address a lane; ``lanes`` restricts the
        command to some lanes, and must not change before the precharge.
        """
        index, complements = self._decode(address)
        select: _Selector = _ALL if lanes is None else lanes
        if len(index) > 1:
            self._count("extra_wordlines", len(index) - 1, lanes)
        if self._open is None:
            self._sense(index, complements, select)
        else:
            self._drive(index, complements, select, self._open)

    def precharge(self) -> None:
        """PRE: close every row and release the row buffer."""
        self._open = None

    def aap(self, source: Address, destination: Address, lanes: Lanes | None = None) -> None:
        """ACT source, ACT destination, PRE."""
        self._expect_precharged()
        self.activate(source, lanes)
        try:
            self.activate(destination, lanes)
        finally:
            self.precharge()
        self._count("aap", 1, lanes)

    def ap(self, address: Address, lanes: Lanes | None = None) -> None:
        """ACT, PRE."""
        self._expect_precharged()
        self.activate(address, lanes)
        self.precharge()
        self._count("ap", 1, lanes)

    # -- column accesses ---------------------------------------------------------------------

    def write(
        self, row: int, words: Words, columns: int | None = None, lanes: Lanes | None = None
    ) -> None:
        """ACT, WR bursts, PRE: store ``words`` (lanes, words) into data row ``row``.

        ``columns`` is how many columns hold data, and so how many bursts are needed.
        """
        index = self._data_index(row)
        select: _Selector = _ALL if lanes is None else lanes
        self._bits[select, index] = words
        self._written[select, index] = True
        self._column_access(columns, "wr", lanes)

    def read(
        self, row: int, columns: int | None = None, lanes: Lanes | None = None
    ) -> Words:
        """ACT, RD bursts, PRE: the words (lanes, words) of data row ``row``."""
        self._column_access(columns, "rd", lanes)
        return self.peek(row, lanes)

    def write_bits(self, row: int, bits: NDArray[np.integer[Any]]) -> None:
        """Write 0/1 values (lanes, columns) into data row ``row``."""
        self.write(row, pack(bits))

    def read_bits(self, row: int) -> Bits:
        """Read data row ``row`` as 0/1 values (lanes, columns)."""
        return unpack(self.read(row), self.columns)

    def peek(self, row: int, lanes: Lanes | None = None) -> Words:
        """What :meth:`read` returns, seen by the simulator without a command (a copy)."""
        index = self._data_index(row)
        select: _Selector = _ALL if lanes is None else lanes
        self._expect_written(self._written[select, index], index)
        return self._bits[select, index].copy()

    # -- accounting --------------------------------------------------------------------------

    def counts(self) -> list[CommandCounts]:
        """Commands that each lane has carried out since the last :meth:`clear_counts`."""
        return [
            CommandCounts(
                **{n: self._everywhere[n] + int(self._somewhere[n][lane]) for n in _COUNTED}
            )
            for lane in range(self.lanes)
        ]

    def clear_counts(self) -> None:
        """Start counting anew."""
        self._everywhere = dict.fromkeys(_COUNTED, 0)
        for counts in self._somewhere.values():
            counts[:] = 0

    # -- inside ------------------------------------------------------------------------------

    def _decode(self, address: Address) -> tuple[Sequence[int] | Lanes, Sequence[bool]]:
        """Cells behind an address, and for each whether it is opened to the complement bitline."""
        rows = self.rows
        if isinstance(address, np.ndarray):
            if address.min() < rows.first_constant or address.max() > self._last_address:
                bad = address[(address < rows.first_constant) | (address > self._last_address)]
                raise DramError(
                    f"lanes may differ in C- and D-group rows only, {rows.first_constant} to "
                    f"{self._last_address}, not address {int(bad[0])}"
                )
            return (address - rows.first_constant + len(rows.cells))[None], (False,)
        if not 0 <= address <= self._last_address:
            raise DramError(
                f"row address must be 0 to {self._last_address} "
                f"({rows.label(self._last_address)}), not {address}"
            )
        lines = rows.wordlines(address)
        return [line.cell for line in lines], [line.complement for line in lines]

    def _sense(
        self, index: Sequence[int] | Lanes, complements: Sequence[bool], select: _Selector
    ) -> None:
        lanes = self._every if isinstance(select, slice) else select
        levels = []
        for cell, complement in zip(index, complements, strict=True):
            where: _Selector = select if isinstance(cell, int) else lanes
            self._expect_written(self._written[where, cell], cell)
            level = self._bits[where, cell]
            levels.append(~level if complement else level)
        buffer = self._buffer[: len(lanes)]
        if len(levels) == 3:
            first, second, third = levels
            spare = self._spare[: len(lanes)]
            np.bitwise_or(second, third, out=spare)
            np.bitwise_and(spare, first, out=spare)
            np.bitwise_and(second, third, out=buffer)
            np.bitwise_or(buffer, spare, out=buffer)
            self._drive(index, complements, select, buffer)
        elif len(levels) == 1:
            buffer[:] = levels[0]
        else:
            if np.any((levels[0] ^ levels[1]) & self._inside):
                raise DramError(
                    "two cells that differ cannot be sensed together: charge sharing leaves the "
                    "bitline at its precharge level"
                )
            buffer[:] = levels[0]
        self._open = buffer

    def _drive(
        self,
        index: Sequence[int] | Lanes,
        complements: Sequence[bool],
        select: _Selector,
        buffer: Words,
    ) -> None:
        rows = self.rows
        for cell, complement in zip(index, complements, strict=True):
            one = isinstance(cell, int)
            lowest = cell if one else int(cell.min())
            if len(rows.cells) <= lowest < rows.fixed_cells:
                name = rows.constants[lowest - len(rows.cells)][0]
                raise DramError(f"{name} holds a constant and must not be overwritten")
            where: _Selector = select if one or not isinstance(select, slice) else self._every
            self._bits[where, cell] = ~buffer if complement else buffer
            self._written[where, cell] = True

    def _column_access(self, columns: int | None, kind: str, lanes: Lanes | None) -> None:
        self._expect_precharged()
        used = self.columns if columns is None else columns
        self._count("act", 1, lanes)
        self._count(kind, -(-used // self._burst_bits), lanes)
        self._count("pre", 1, lanes)

    def _count(self, name: str, times: int, lanes: Lanes | None) -> None:
        if lanes is None:
            self._everywhere[name] += times
        else:
            self._somewhere[name][lanes] += times

    def _data_index(self, row: int) -> int:
        if not 0 <= row < self.data_rows:
            raise DramError(f"data row must be 0 to {self.data_rows - 1}, not {row}")
        return self.rows.fixed_cells + row

    def _expect_precharged(self) -> None:
        if self._open is not None:
            raise DramError("a row is open: PRECHARGE comes before the next row command")

    def _expect_written(self, written: NDArray[np.bool_], cell: int | Lanes) -> None:
        if not written.all():
            missing = cell if isinstance(cell, int) else int(cell[~written][0])
            rows = self.rows
            if missing < len(rows.cells):
                name = rows.cells[missing]
            else:
                name = rows.label(missing - len(rows.cells) + rows.first_constant)
            raise DramError(f"{name} was never written and cannot be activated")
