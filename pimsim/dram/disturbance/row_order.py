"""Which wordlines of a subarray lie beside one another.

No address map says so, and no maker tells: an assumption. Here the wordlines of the compute cells
come first, in the order of the map, both of a dual-contact cell side by side; then the rows of
constants; then the data rows in the order of their addresses. Subarrays end at stripes of sense
amplifiers, beyond which nothing is disturbed.

>>> from pimsim.dram.array.address_map import ambit
>>> order = RowOrder.of(ambit(), rows=1024)
>>> order.labels[:12]
('T0', 'T1', 'T2', 'T3', 'DCC0', '!DCC0', 'DCC1', '!DCC1', 'C0', 'C1', 'D0', 'D1')
>>> [order.labels[place] for place in order.raised[8]]      # B8
['!DCC0', 'T0']
>>> sorted(order.labels[place] for place in order.restored[8])
['!DCC0', 'DCC0', 'T0']
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
"""What is taken for granted, for results."""


@dataclass(frozen=True, eq=False)
class RowOrder:
    """Wordlines of a subarray in the order in which they lie."""

    labels: tuple[str, ...]
    """Names, one a place."""
    raised: tuple[tuple[int, ...], ...]
    """Places of the wordlines that each address of the B-group raises."""
    restored: tuple[tuple[int, ...], ...]
    """Places of all wordlines of the cells that it opens."""
    compute: int
    """Places of compute cells: the first row of constants lies there."""
    first_constant: int
    """Address of that row."""

    @staticmethod
    @cache
    def of(address_map: AddressMap, rows: int) -> RowOrder:
        """Return the order in a subarray with so many row addresses."""
        lines = sorted({line for _, some in address_map.addresses for line in some}, key=_by_cell)
        place = {line: number for number, line in enumerate(lines)}
        of_cell: dict[int, list[int]] = {}
        for line, number in place.items():
            of_cell.setdefault(line.cell, []).append(number)
        labels = [address_map.written(line) for line in lines]
        labels += [
            address_map.label(address) for address in range(len(address_map.addresses), rows)
        ]
        raised = tuple(tuple(place[line] for line in some) for _, some in address_map.addresses)
        restored = tuple(
            tuple(dict.fromkeys(other for line in some for other in of_cell[line.cell]))
            for _, some in address_map.addresses
        )
        return RowOrder(tuple(labels), raised, restored, len(lines), address_map.first_constant)

    @property
    def tables(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """``raised`` and ``restored`` as arrays (addresses, most), -1 beyond each one's last."""
        return _padded(self.raised), _padded(self.restored)


def _by_cell(line: object) -> tuple[int, bool]:
    return line.cell, line.complement  # type: ignore[attr-defined]


def _padded(places: tuple[tuple[int, ...], ...]) -> NDArray[np.int64]:
    found = np.full((len(places), max(map(len, places))), -1, np.int64)
    for number, some in enumerate(places):
        found[number, : len(some)] = some
    return found
