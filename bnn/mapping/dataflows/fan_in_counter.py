"""Counting the products of a fan-in that lies in one subarray, or is divided among several.

Every part counts what it holds. The counts of the other parts are moved to the first, the *home*,
and added up there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter, Row
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule


class Counted(NamedTuple):
    """What leads to a count, and where it then is."""

    counts: list[Schedule]
    """Counting the products of each part, the home's first."""
    moves: list[tuple[int, int, int]]
    """Part, and its data row, that is brought to a data row of the home."""
    combine: Schedule
    """Adding up what the parts have counted; empty where there is one part."""
    rows: list[Row]
    """Rows of the home with the bits of the count, least significant first."""
    numbers: list[int | None]
    """Their data rows; None: always 0."""

    @property
    def inverted(self) -> NDArray[np.bool_]:
        """``(bits, outputs)``: rows that hold the complement."""
        return np.stack([row.inverted for row in self.rows])

    def run(self, program: RowProgram, home: int = 0) -> None:
        """Add the steps to a row program; the parts are those from ``home`` on."""
        for part, schedule in enumerate(self.counts, start=home):
            program.run(schedule, part)
        for part, row, arrival in self.moves:
            program.move(row, home + part, arrival, home)
        program.run(self.combine, home)


class FanInCounter:
    """Counts products in parts, and adds their counts up.

    Args:
        outputs: of every schedule.
        address_map: of the subarrays.
        free: rows that each part has left.
        widths: bits of what each part counts at most; they get rows in the home.

    Raises OutOfRowsError if the home has too few rows for the counts of the others.
    """

    def __init__(
        self,
        outputs: int,
        address_map: AddressMap,
        free: Sequence[RowAllocator],
        widths: Sequence[int],
    ) -> None:
        self._outputs, self._map, self._free = outputs, address_map, free
        self._arrivals = [[], *(free[0].take(width, "partial counts") for width in widths[1:])]

    def schedule(self) -> Schedule:
        """An empty schedule for all outputs."""
        return Schedule(self._outputs, self._map)

    def count(
        self,
        most: int,
        highest: Sequence[int],
        add_products: Callable[[Counter, int, int], None],
        correct: Callable[[Counter], None] = lambda _: None,
        lift: int = 0,
    ) -> Counted:
        """Write the steps to a count, whose rows are kept until they are released.

        Args:
            most: what no total exceeds.
            highest: what the count of each part does not exceed.
            add_products: gives a counter the products of a part, lifted by so many bits.
            correct: gives the home's counter what is added beside them.
            lift: exponent of what a product counts for.

        Raises OutOfRowsError if a part has too few rows to count in.
        """
        single = len(self._free) == 1
        counters = []
        for part, (rows, limit) in enumerate(zip(self._free, highest, strict=True)):
            counters.append(Counter(self.schedule(), rows, most if single else limit))
            add_products(counters[part], part, lift if single else 0)
        home, moves = counters[0], []
        if single:
            correct(home)
        else:
            # All parts count before anything is combined, so that no row is taken twice.
            partials = [each.finish() for each in counters]
            home = Counter(self.schedule(), self._free[0], most)
            correct(home)
            for level, row in enumerate(partials[0], start=lift):
                home.add(level, row.address, row.inverted, owned=row.owned)
            for part, counter in enumerate(counters[1:], start=1):
                partial = self._settled(partials[part], counter.schedule, part)
                for level, (row, arrival) in enumerate(
                    zip(partial, self._arrivals[part], strict=False)
                ):
                    number = self._number(row)
                    if number is not None:
                        moves.append((part, number, arrival))
                        place = self._map.first_data + arrival
                        home.add(level + lift, place, row.inverted, owned=False)
                counter.release(partial)
        total = self._settled(home.finish(), home.schedule, 0)
        combine = self.schedule() if single else home.schedule
        numbers = [self._number(row) for row in total]
        return Counted([each.schedule for each in counters], moves, combine, total, numbers)

    def release(self, counted: Counted) -> None:
        """Give the rows of a count back."""
        rows = zip(counted.rows, counted.numbers, strict=True)
        self._free[0].give_back(number for row, number in rows if row.owned and number is not None)

    def _settled(self, bits: list[Row], schedule: Schedule, part: int) -> list[Row]:
        """Copy bits that lie in another row for every output into a row that all outputs share.

        A count of a single product is that operand, and so nothing has been added yet.
        """
        settled = []
        for row in bits:
            if len(np.unique(row.address)) > 1:
                (number,) = self._free[part].take(1, "a count")
                place = self._map.first_data + number
                schedule.append((COPY,), None, a=row.address, out=place)
                row = row._replace(address=place, owned=True)
            settled.append(row)
        return settled

    def _number(self, row: Row) -> int | None:
        """Data row of a bit of a count, None if it is always 0."""
        address = int(np.unique(row.address)[0])
        if address == self._map.constant(0):
            return None
        if address < self._map.first_data:
            raise ValueError("bits of a count must be in data rows")
        return address - self._map.first_data
