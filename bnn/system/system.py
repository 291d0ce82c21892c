"""The DRAM that a network runs on: one value that all layers of a run share.

It has what planners need to know of the machine. The commands of its banks are in the books, one
:class:`~bnn.system.ledger.CommandLedger` for each layer.

>>> from pimsim.dram.standard.standard import load
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions(banks=4))
>>> system.address_map.name, system.banks, system.columns, system.data_rows
('ambit', 4, 65536, 1006)
>>> system.subarrays(columns=512, lanes=2).lanes, system.bursts(columns=513)
(2, 2)
>>> System(system.standard, system.options, moves="fax")
Traceback (most recent call last):
...
pimsim.errors.InputError: `moves` must be one of host, psm, not 'fax'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bnn.system.mitigation import NONE, Mitigation
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.faults import Faults
from pimsim.dram.array.many_rows import rows_taken
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.system.activations import ActivationCounter

MOVES = ("host", "psm")
"""How rows get from one subarray to another, the default first: over the channel and back, or from
bank to bank inside the chips (RowClone's pipelined serial mode)."""


@dataclass(frozen=True, slots=True)
class System:
    """A DRAM, and how it computes.

    Raises:
        InputError: more banks than the standard has, an energy mode that has no figures of it,
            unknown moves, or an address map that cannot compute, or opens more than three rows
            itself where majorities are to.
    """

    standard: Standard
    options: ModelOptions
    """What changes headline numbers."""
    address_map: AddressMap = DEFAULT_MAP
    """Which wordlines an address of a subarray raises."""
    moves: str = MOVES[0]
    """How rows get from one subarray to another, of :data:`MOVES`."""
    mitigation: Mitigation = NONE
    """What is done about commands that go wrong."""
    faults: Faults | None = None
    """What goes wrong in AAPs and APs, if anything. Planners ask for it too: screening leaves out
    the columns of this very chip that fail."""
    counter: ActivationCounter | None = field(default=None, compare=False, repr=False)
    """Gets from the ledgers of a run which rows they activate; it changes nothing."""

    def __repr__(self) -> str:
        return f"<System: {self.standard.name}, {self.options!r}, map {self.address_map.name!r}>"

    def __post_init__(self) -> None:
        if self.moves not in MOVES:
            raise InputError(f"`moves` must be one of {', '.join(MOVES)}, not {self.moves!r}")
        self.options.require(self.standard)
        self.address_map.require_logic()
        many, most = self.mitigation.activation_rows, self.address_map.majorities[-1]
        if many > 3 and most > 3:
            raise InputError(
                f"`activation_rows` must be 3 on the address map {self.address_map.name!r}, which "
                f"opens {most} cells at once, not {many}"
            )
        guards = self.mitigation.guard_rows
        if guards and self.data_rows < 1:
            most = (self.data_rows + 2 * guards - 1) // 2
            raise InputError(
                f"`guard_rows` must leave a data row in a subarray of {self.subarray_rows:,} rows: "
                f"at most {max(most, 0):,}, not {guards:,}"
            )

    @property
    def banks(self) -> int:
        """Banks that compute."""
        return self.options.banks

    @property
    def columns(self) -> int:
        """Columns of a rank's row."""
        return self.standard.columns

    @property
    def burst_bits(self) -> int:
        """Columns that one READ or WRITE moves."""
        return self.standard.burst_bytes * 8

    @property
    def subarray_rows(self) -> int:
        """Row addresses of a subarray, those of the compute rows among them."""
        return self.standard.rows_per_subarray

    @property
    def subarrays_per_bank(self) -> int:
        """Subarrays of a bank."""
        return self.standard.subarrays_per_bank

    @property
    def data_rows(self) -> int:
        """Data rows of a subarray for operands: no copies of compute rows, and no guard rows."""
        rows = self.address_map.data_rows(self.subarray_rows)
        if rows < 1:
            self.subarrays(columns=1, lanes=1)  # which says what it must have
        taken = rows_taken(self.mitigation.activation_rows, self.address_map)
        return rows - taken - 2 * self.mitigation.guard_rows

    def bursts(self, columns: int) -> int:
        """READs or WRITEs that move so many columns of a row."""
        return -(-columns // self.burst_bits)

    def subarrays(self, columns: int, lanes: int) -> Subarray:
        """``lanes`` subarrays in lock-step, of which ``columns`` columns are used."""
        return Subarray(
            columns,
            rows=self.subarray_rows,
            lanes=lanes,
            burst_bits=self.burst_bits,
            address_map=self.address_map,
        )


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How much of a system a stage takes."""

    columns_used: int = 0
    """Columns that held data, over all row activations of a pass."""
    columns_opened: int = 0
    """Columns that the same activations opened."""
    subarrays: int = 0
    """Subarrays that held operands, of all banks together."""
    capacity: int | None = None
    """Columns of a row that may hold data, the fewest anywhere; None if nothing is said of it."""
    banks: int = 0
    """Banks that held operands."""
    numbers: int = 0
    """Subarrays of a bank, from the first on, among which those are."""

    def __add__(self, other: Occupancy) -> Occupancy:
        banks, numbers = max(self.banks, other.banks), max(self.numbers, other.numbers)
        capacities = [each for each in (self.capacity, other.capacity) if each is not None]
        return Occupancy(
            self.columns_used + other.columns_used,
            self.columns_opened + other.columns_opened,
            min(self.subarrays + other.subarrays, banks * numbers),  # they may be the same
            min(capacities, default=None),
            banks,
            numbers,
        )
