"""A subarray of bit-packed rows that executes ACTIVATE and PRECHARGE literally.

The first ACTIVATE after a precharge senses. It reads one row; three rows or more settle on their
majority and are all overwritten with it (three rows: triple-row activation, TRA). A second ACTIVATE
drives: every row behind that address takes the contents of the row buffer, or their complement
through an n-wordline. So AAP (ACT, ACT, PRE) copies or computes, and AP (ACT, PRE) refreshes or
computes in place.

Several subarrays may receive the same commands in lock-step, for example one in each bank. They are
the *lanes* of one object; only the data row that a command names may differ between them. What
hardware would destroy is destroyed here, and a row that was never written cannot be activated. A
command that is refused changes nothing and is not counted.

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

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from pimsim.bits import Bits, Words, at_least, pack, unpack, words_for
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.row_storage import Address, Lanes, RowStore, unwritten
from pimsim.dram.commands import CommandCounts, LaneCounts
from pimsim.errors import DramError, InputError

if TYPE_CHECKING:
    from pimsim.dram.array.injection import Injector

RowSlot: TypeAlias = tuple[bool, int]
"""(True, position in the addresses given to a run) or (False, a fixed address)."""


class Subarray:
    """One subarray, or ``lanes`` of them in lock-step.

    Args:
        columns: bitlines that are simulated, from column 0 on.
        rows: row addresses of the subarray, those of the B- and C-group included.
        lanes: subarrays in lock-step.
        burst_bits: columns that one READ or WRITE moves; 512 on a 64-bit channel at burst length 8.
        address_map: which wordlines an address raises.

    """

    def __init__(
        self,
        columns: int,
        *,
        rows: int = 1024,
        lanes: int = 1,
        burst_bits: int = 512,
        address_map: AddressMap = DEFAULT_MAP,
    ) -> None:
        self.rows = address_map
        if self.rows.data_rows(rows) < 1 or columns < 1 or lanes < 1:
            raise InputError(
                f"a subarray must have at least 1 column, 1 lane and {self.rows.first_data + 1} "
                f"rows, one more than addresses and constants of the address map "
                f"{self.rows.name!r}, not {columns}, {lanes} and {rows}"
            )
        self.columns = columns
        self.lanes = lanes
        self.data_rows = self.rows.data_rows(rows)
        self._burst_bits = burst_bits
        self._last_address = rows - 1
        self._first_constant = self.rows.first_constant
        self._first_data = self.rows.first_data
        self._lines = [
            tuple((line.cell, line.complement) for line in lines)
            for _, lines in self.rows.addresses
        ]
        # Compute cells hold arrays (lanes, words) that are never written into, only replaced, so
        # that a copy between cells copies a reference. None: never written in any lane.
        self._cells: list[Words | None] = [None] * len(self.rows.cells)
        self._cell_lanes = np.zeros((len(self.rows.cells), lanes), dtype=np.bool_)
        # Which cells are written in every lane: what most commands ask, and cheap to look up.
        self._whole_cells = [False] * len(self.rows.cells)
        self._store = RowStore(self.rows, self.data_rows, lanes, words_for(columns))
        self._inside = pack(np.ones(columns, dtype=np.uint8))
        self._open: Words | None = None
        self._open_lanes: Lanes | None = None
        self._open_addresses: list[int] = []
        self._counts = LaneCounts(lanes, [len(lines) - 1 for lines in self._lines])
        self._injector: Injector | None = None

    def __repr__(self) -> str:
        return (
            f"<Subarray: {self.columns:,} columns, {self.lanes:,} lanes, {self.data_rows:,} data "
            f"rows, map {self.rows.name!r}>"
        )

    def inject(self, injector: Injector) -> None:
        """Let AAPs and APs go wrong from now on; READ, WRITE and TRANSFER stay right."""
        self._injector = injector

    # -- row commands ------------------------------------------------------------------------

    def activate(self, address: Address, lanes: Lanes | None = None) -> None:
        """ACT: sense into the row buffer if precharged, else drive the row buffer into the rows.

        ``lanes`` restricts the command to some lanes, and must not change before the precharge.
        """
        self.check(address)
        if self._open is None:
            self._lose(address, None, lanes)
            self._open, self._open_lanes = self._sense(address, lanes), lanes
        else:
            if not _same(lanes, self._open_lanes):
                raise DramError("lanes must not change while a row is open")
            for opened in self._open_addresses:
                self._expect_not_shorted(opened, address)
            self._store.expect_writable(address)
            self._lose(None, address, lanes)
            self._drive(address, self._open, lanes)
        if not isinstance(address, np.ndarray):
            self._open_addresses.append(address)
        self._counts.add("act", 1, lanes)

    def precharge(self) -> None:
        """PRE: close every row and release the row buffer."""
        self._counts.add("pre", 1, self._open_lanes)
        self._open, self._open_lanes = None, None
        self._open_addresses.clear()

    def aap(self, source: Address, destination: Address, lanes: Lanes | None = None) -> None:
        """ACT source, ACT destination, PRE."""
        self.check(source)
        self.check(destination)
        self._expect_not_shorted(source, destination)
        self.run([((True, 0), (True, 1))], (source, destination), lanes)

    def ap(self, address: Address, lanes: Lanes | None = None) -> None:
        """ACT, PRE."""
        self.check(address)
        self.run([((True, 0), None)], (address,), lanes)

    def run(
        self,
        commands: Iterable[tuple[RowSlot, RowSlot | None]],
        addresses: Sequence[Address],
        lanes: Lanes | None = None,
    ) -> None:
        """Carry out AAPs (source, destination) and APs (source, None) one after the other.

        It does what :meth:`aap` and :meth:`ap` do, faster, because it checks nothing: all addresses
        must have passed :meth:`check`, and the two of an AAP must not connect a cell to both
        bitlines. A :class:`~pimsim.microprogram.program.Program` makes sure of that.
        """
        self._expect_precharged()
        aap = ap = 0
        try:
            for (given, origin), destination in commands:
                source = addresses[origin] if given else origin
                if destination is None:
                    self._lose(source, None, lanes)
                    self._sense(source, lanes)
                    ap += 1
                else:
                    given, origin = destination
                    target = addresses[origin] if given else origin
                    self._store.expect_writable(target)
                    self._lose(source, target, lanes)
                    self._drive(target, self._sense(source, lanes), lanes)
                    aap += 1
        finally:
            self._counts.add("aap", aap, lanes)
            self._counts.add("ap", ap, lanes)

    def check(self, address: Address) -> None:
        """Raise DramError for an address that the subarray does not have."""
        if isinstance(address, np.ndarray):
            low, high = int(address.min()), int(address.max())
            if low < self._first_constant or high > self._last_address:
                raise DramError(
                    f"lanes may differ in C- and D-group rows only, {self._first_constant} to "
                    f"{self._last_address}, not addresses {low} to {high}"
                )
        elif not 0 <= address <= self._last_address:
            raise DramError(
                f"row address must be 0 to {self._last_address} "
                f"({self.rows.label(self._last_address)}), not {address}"
            )

    # -- column accesses ---------------------------------------------------------------------

    def write(
        self, row: int, words: Words, columns: int | None = None, lanes: Lanes | None = None
    ) -> None:
        """ACT, WR bursts, PRE: store ``words`` (lanes, words) into data row ``row``.

        ``columns`` is how many columns hold data, and so how many bursts are needed.
        """
        self._expect_precharged()
        self._lose(None, self.data_address(row), lanes)
        self._store.save(self.data_address(row), words, lanes)
        self._column_access(columns, "wr", lanes)

    def read(self, row: int, columns: int | None = None, lanes: Lanes | None = None) -> Words:
        """ACT, RD bursts, PRE: the words (lanes, words) of data row ``row``."""
        self._expect_precharged()
        self._lose(self.data_address(row), None, lanes)
        words = self.peek(row, lanes)
        self._column_access(columns, "rd", lanes)
        return words

    def send(self, row: int, columns: int | None = None, lanes: Lanes | None = None) -> Words:
        """ACT, TRANSFER bursts, PRE: return the words of a data row, for another bank.

        The TRANSFERs are counted here; :meth:`receive`, in the other bank, does not count them
        again.
        """
        self._expect_precharged()
        self._lose(self.data_address(row), None, lanes)
        words = self.peek(row, lanes)
        self._column_access(columns, "transfer", lanes)
        return words

    def receive(self, row: int, words: Words, lanes: Lanes | None = None) -> None:
        """ACT, arriving TRANSFERs, PRE: store words that another bank has sent.

        >>> banks = Subarray(columns=4), Subarray(columns=4)
        >>> banks[0].write_bits(0, np.array([[0, 1, 1, 0]]))
        >>> banks[1].receive(7, banks[0].send(0))
        >>> banks[1].read_bits(7)
        array([[0, 1, 1, 0]], dtype=uint8)
        """
        self._expect_precharged()
        self._lose(None, self.data_address(row), lanes)
        self._store.save(self.data_address(row), words, lanes)
        self._column_access(0, "transfer", lanes)

    def write_bits(self, row: int, bits: ArrayLike) -> None:
        """Write bits into a data row.

        Args:
            row: number of the data row, from 0 on.
            bits: 0 and 1, of the shape (lanes, columns); or (1, columns) or (columns,), the same
                for all lanes.

        >>> one = Subarray(columns=4)
        >>> one.write_bits(0, [0, 1, 1, 0])
        >>> one.read_bits(0)
        array([[0, 1, 1, 0]], dtype=uint8)
        """
        given = np.asarray(bits)
        if given.dtype.kind not in "biu":
            raise InputError(f"bits must be integers 0 and 1, not of the type {given.dtype}")
        bits = given[None] if given.ndim == 1 else given
        if bits.shape not in ((self.lanes, self.columns), (1, self.columns)):
            raise InputError(
                f"bits must have the shape ({self.lanes}, {self.columns}), not {given.shape}"
            )
        if bits.min() < 0 or bits.max() > 1:
            raise InputError(f"bits must be 0 or 1, not {bits.min()} to {bits.max()}")
        self.write(row, pack(bits))

    def read_bits(self, row: int) -> Bits:
        """Read a data row, and return its bits: 0 and 1, of the shape (lanes, columns)."""
        return unpack(self.read(row), self.columns)

    def peek(self, row: int, lanes: Lanes | None = None) -> Words:
        """What :meth:`read` returns, seen by the simulator without a command (a copy)."""
        return self._store.load(self.data_address(row), lanes)

    def written_lanes(self, row: int) -> Lanes:
        """Lanes in which data row ``row`` was ever written."""
        return self._store.written(self.data_address(row))

    def peek_cell(self, cell: int, lanes: Lanes | None = None) -> Words:
        """What compute cell ``cell`` holds, seen by the simulator without a command."""
        return self._cell(cell, lanes)

    def put_cell(self, cell: int, words: Words, lanes: Lanes | None = None) -> None:
        """Set compute cell ``cell`` without a command, to go on from a known state."""
        self._set_cells(((cell, False),), [words], lanes)

    def randomize(self, random: np.random.Generator) -> None:
        """Set every compute cell and data row to random bits without a command.

        A program that is right from such a state does not depend on what rows held before.

        >>> array = Subarray(columns=4, rows=20)
        >>> array.randomize(np.random.default_rng(0))
        >>> array.read_bits(0).shape
        (1, 4)
        """
        shape = (self.lanes, self.columns)
        for cell in range(len(self.rows.cells)):
            self.put_cell(cell, pack(random.integers(0, 2, shape, dtype=np.uint8)))
        for row in range(self.data_rows):
            words = pack(random.integers(0, 2, shape, dtype=np.uint8))
            self._store.save(self.data_address(row), words, None)

    def written_cell_lanes(self, cell: int) -> Lanes:
        """Lanes in which compute cell ``cell`` was ever written."""
        return np.flatnonzero(self._cell_lanes[cell])

    def data_address(self, row: int) -> int:
        """Address of data row ``row``; raises DramError for one that the subarray lacks."""
        if not 0 <= row < self.data_rows:
            raise DramError(f"data row must be 0 to {self.data_rows - 1}, not {row}")
        return self.rows.first_data + row

    # -- accounting --------------------------------------------------------------------------

    def counts(self) -> list[CommandCounts]:
        """Commands that each lane has carried out since the last :meth:`clear_counts`."""
        return self._counts.counts()

    def clear_counts(self) -> None:
        """Start counting anew."""
        self._counts.clear()

    # -- inside ------------------------------------------------------------------------------

    def _lose(self, first: Address | None, second: Address | None, lanes: Lanes | None) -> None:
        """Apply to the row that is opened now the flips that activations beside it have caused."""
        if self._injector is None:
            return
        for lane, loss in self._injector.opening(first, second, lanes):
            own = np.array([lane])
            if loss.cell < 0:
                held = self._store.load(loss.address, own)
                left = self._injector.without(held[0], lane, loss)
                self._store.save(loss.address, left[None], own)
            else:
                held = self._cell(loss.cell, own)
                left = self._injector.without(held[0], lane, loss)
                self._set_cells(((loss.cell, False),), [left[None]], own)

    def _sense(self, address: Address, lanes: Lanes | None) -> Words:
        """First activation: the value that the bitlines settle on, restored into every open row."""
        if isinstance(address, np.ndarray) or address >= self._first_constant:
            stored = self._store.load(address, lanes)
            return stored if self._injector is None else self._misread(address, stored, lanes)
        lines = self._lines[address]
        if len(lines) == 1:
            ((cell, complement),) = lines
            held = self._cell(cell, lanes)
            held = ~held if complement else held
            return held if self._injector is None else self._misread(address, held, lanes)
        levels = [
            ~self._cell(cell, lanes) if complement else self._cell(cell, lanes)
            for cell, complement in lines
        ]
        if len(levels) == 2:
            if np.any((levels[0] ^ levels[1]) & self._inside):
                raise DramError(
                    "two cells that differ cannot be sensed together: charge sharing leaves the "
                    "bitline at its precharge level"
                )
            self._counts.open(address, lanes)
            return levels[0]
        half = len(levels) // 2
        if len(levels) % 2 == 0:
            undecided = at_least(levels, half) & ~at_least(levels, half + 1)
            if np.any(undecided & self._inside):
                raise DramError(
                    f"{len(levels)} cells of which half differ from the others cannot be sensed "
                    "together: charge sharing leaves the bitline at its precharge level"
                )
        self._counts.open(address, lanes)
        value = _majority(levels)
        if self._injector is not None:
            value = self._injector.sense(levels, value, lanes)
        self._set_cells(lines, [value] * len(lines), lanes)
        return value

    def _misread(self, address: Address, level: Words, lanes: Lanes | None) -> Words:
        """What a row is sensed as, faults included; the row is restored to that."""
        if self._injector is None:
            return level
        value = self._injector.sense([level], level, lanes)
        if value is not level and not np.array_equal(value, level):
            if isinstance(address, np.ndarray) or address >= self._first_constant:
                self._store.save(address, value, lanes)
            else:
                self._set_cells(self._lines[address], [value], lanes)
        return value

    def _drive(self, address: Address, value: Words, lanes: Lanes | None) -> None:
        """Second activation: the row buffer overwrites every row behind the address."""
        if isinstance(address, np.ndarray) or address >= self._first_constant:
            if self._injector is not None:
                (value,) = self._injector.drive([False], value, lanes)
            self._store.save(address, value, lanes)
            return
        lines = self._lines[address]
        if len(lines) > 1:
            self._counts.open(address, lanes)
        values = [value] * len(lines)
        if self._injector is not None:
            values = self._injector.drive([complement for _, complement in lines], value, lanes)
        self._set_cells(lines, values, lanes)

    def _cell(self, cell: int, lanes: Lanes | None) -> Words:
        value = self._cells[cell]
        if not self._whole_cells[cell]:
            written = self._cell_lanes[cell] if lanes is None else self._cell_lanes[cell, lanes]
            if value is None or not written.all():
                raise unwritten(self.rows.cells[cell])
        assert value is not None
        return value if lanes is None else value[lanes]

    def _set_cells(
        self, lines: tuple[tuple[int, bool], ...], values: Sequence[Words], lanes: Lanes | None
    ) -> None:
        for (cell, complement), value in zip(lines, values, strict=True):
            new = ~value if complement else value
            if lanes is None:
                self._cells[cell] = new
                if not self._whole_cells[cell]:
                    self._cell_lanes[cell] = True
                    self._whole_cells[cell] = True
            else:
                old = self._cells[cell]
                shape = (self.lanes, new.shape[-1])
                whole = np.zeros(shape, dtype=np.uint64) if old is None else old.copy()
                whole[lanes] = new
                self._cells[cell] = whole
                if not self._whole_cells[cell]:
                    self._cell_lanes[cell, lanes] = True
                    self._whole_cells[cell] = bool(self._cell_lanes[cell].all())

    def _expect_not_shorted(self, first: Address, second: Address) -> None:
        if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
            return  # not compute cells
        cell = self.rows.shorted(first, second)
        if cell is not None:
            raise DramError(
                f"{self.rows.label(first)} and {self.rows.label(second)} must not be open "
                f"together: they connect {cell} to the bitline and to its complement"
            )

    def _column_access(self, columns: int | None, kind: str, lanes: Lanes | None) -> None:
        used = self.columns if columns is None else columns
        self._counts.add("act", 1, lanes)
        self._counts.add(kind, -(-used // self._burst_bits), lanes)
        self._counts.add("pre", 1, lanes)

    def _expect_precharged(self) -> None:
        if self._open is not None:
            raise DramError("a row is open: PRECHARGE comes before the next row command")


def _majority(levels: Sequence[Words]) -> Words:
    if len(levels) > 3:
        return at_least(levels, len(levels) // 2 + 1)
    first, second, third = levels
    value: Words = second | third
    value &= first
    value |= second & third
    return value


def _same(one: Lanes | None, other: Lanes | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
