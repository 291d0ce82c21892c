"""Which wordlines of a subarray lie beside one another: an assumption.

Address maps do not say it, and makers do not publish it. Here the wordlines of the compute cells
come first, in the order of the map, with the two of a dual-contact cell side by side. Then come the
rows of constants, and then the data rows in the order of their addresses. A subarray ends at a
stripe of sense amplifiers, beyond which nothing is disturbed. Guard rows hold nothing; they lie
between compute rows and constants, and between constants and data.

>>> from pimsim.dram.array.address_map import ambit
>>> order = RowOrder.of(ambit(), rows=1024)
>>> order.labels[:12]
('T0', 'T1', 'T2', 'T3', 'DCC0', '!DCC0', 'DCC1', '!DCC1', 'C0', 'C1', 'D0', 'D1')
>>> [order.labels[place] for place in order.raised[8]]      # B8
['!DCC0', 'T0']
>>> sorted(order.labels[place] for place in order.restored[8])
['!DCC0', 'DCC0', 'T0']
>>> guarded = RowOrder.of(ambit(), rows=1024, guards=1)
>>> guarded.labels[7:13], guarded.labels[-1], order.labels[-1]
(('!DCC1', 'guard 0', 'C0', 'C1', 'guard 1', 'D0'), 'D1003', 'D1005')
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap

ASSUMED = (
    "rows lie side by side in the order of the address map: compute rows (both wordlines of a "
    "dual-contact cell together), constants, then data rows by address; a subarray's last row has "
    "no neighbour beyond the sense amplifiers"
)
"""What is assumed, in words, for results."""


@dataclass(frozen=True, eq=False)
class RowOrder:
    """Wordlines of a subarray in the order in which they lie."""

    labels: tuple[str, ...]
    """Names, one a place."""
    raised: tuple[tuple[int, ...], ...]
    """Places of the wordlines that each address of the B-group raises."""
    restored: tuple[tuple[int, ...], ...]
    """Places of all wordlines of the cells that it opens."""
    cells: tuple[tuple[int, bool], ...]
    """For each wordline of a compute cell (these come first): the cell, and whether the wordline
    connects it to the complement bitline."""
    first_constant: int
    """Address of the first row of constants; from there on an address is a row."""
    stored: NDArray[np.int64]
    """Place of each row from that address on."""
    first_data: int
    """Place of the first data row."""
    guards: tuple[int, ...] = ()
    """Places of rows that hold nothing."""

    @staticmethod
    @cache
    def of(address_map: AddressMap, rows: int, guards: int = 0) -> RowOrder:
        """Return the order in a subarray with so many rows.

        Args:
            address_map: names of the rows.
            rows: row addresses of the subarray; the last of them name the guard rows.
            guards: rows without content behind the compute rows, and as many behind the constants.

        """
        lines = sorted({line for _, some in address_map.addresses for line in some}, key=_by_cell)
        place = {line: number for number, line in enumerate(lines)}
        of_cell: dict[int, list[int]] = {}
        for line, number in place.items():
            of_cell.setdefault(line.cell, []).append(number)
        labels = [address_map.written(line) for line in lines]
        compute, constants = len(labels), len(address_map.constants)
        named = [address_map.label(one) for one in range(len(address_map.addresses), rows)]
        own = [f"guard {number}" for number in range(2 * guards)]
        data = named[constants : len(named) - 2 * guards]
        labels += own[:guards] + named[:constants] + own[guards:] + data
        empty = [place for place, label in enumerate(labels) if label in own]
        stored = [place for place in range(compute, len(labels)) if place not in empty]
        stored += empty  # their addresses are the last ones, which nothing names
        raised = tuple(tuple(place[line] for line in some) for _, some in address_map.addresses)
        restored = tuple(
            tuple(dict.fromkeys(other for line in some for other in of_cell[line.cell]))
            for _, some in address_map.addresses
        )
        return RowOrder(
            tuple(labels),
            raised,
            restored,
            tuple((line.cell, line.complement) for line in lines),
            address_map.first_constant,
            np.array(stored, np.int64),
            len(labels) - len(data),
            tuple(empty),
        )

    def address(self, place: int) -> int:
        """Return the address of the row at a place behind the compute cells."""
        return int(np.flatnonzero(self.stored == place)[0]) + self.first_constant

    @property
    def tables(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """``raised`` and ``restored`` as arrays (addresses, most), filled up with -1."""
        return _padded(self.raised), _padded(self.restored)


def _by_cell(line: object) -> tuple[int, bool]:
    return line.cell, line.complement  # type: ignore[attr-defined]


def _padded(places: tuple[tuple[int, ...], ...]) -> NDArray[np.int64]:
    found = np.full((len(places), max(map(len, places))), -1, np.int64)
    for number, some in enumerate(places):
        found[number, : len(some)] = some
    return found
