"""What carries a mapped stage out is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from bnn.mapping.sum_checker import SumChecker
from bnn.system.ledger import CommandLedger
from bnn.values.bitstrings import BitStrings, Values, unpacked
from bnn.values.encoding import Integers


@dataclass(frozen=True, eq=False)
class StageInputs:
    """The operands of a stage, and who wants to know of its progress and its sums."""

    operands: Integers | BitStrings
    """``(images, pixels, channels)`` integers that the bits hold."""
    ledger: CommandLedger
    """Books every command."""
    threads: int | None = None
    """Processors that the compiled executor uses, all if None."""
    checker: SumChecker | None = None
    progress: Callable[[int, int], None] | None = None
    """Called with how much is done and how much there is."""

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.operands)

    @cached_property
    def integers(self) -> Integers:
        """The operands, unpacked: (images, pixels, channels)."""
        return unpacked(self.operands)

    def report(self, done: int, total: int) -> None:
        """Tell whoever wants to know that ``done`` of ``total`` is done."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How much of the DRAM a stage takes."""

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
        return Occupancy(
            self.columns_used + other.columns_used,
            self.columns_opened + other.columns_opened,
            min(self.subarrays + other.subarrays, banks * numbers),  # they may be the same
            fewest([self.capacity, other.capacity]),
            banks,
            numbers,
        )


def fewest(capacities: Iterable[int | None]) -> int | None:
    """The smallest of those that are known."""
    return min((each for each in capacities if each is not None), default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a stage gave."""

    values: Values
    """``(images, positions, outputs)``: bits, or sums without thresholds."""
    occupancy: Occupancy
    book_s: float = 0.0
    """Wall time of scheduling the commands."""
    check_s: float = 0.0
    """Wall time of computing once more, with every sum looked at."""
    flips: int = 0
    """How often noise made a column wrong that would not always be; what is computed again for its
    checksum aside, as executors compute more columns then than are looked at."""
    repeated: int = 0
    """Outputs of a tile that were computed again, each time counted."""


Execute = Callable[[StageInputs], Result]
"""Carries a stage out in subarrays and books every command."""
