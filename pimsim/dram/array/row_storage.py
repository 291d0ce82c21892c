"""The constant and data rows of subarrays in lock-step, packed, and which of them were written.

Row addresses index them as in the address map: those of the C-group, then the D-group.

>>> import numpy as np
>>> from pimsim.dram.array.address_map import ambit
>>> store = RowStore(ambit(), data_rows=2, lanes=1, words=1)
>>> store.save(18, np.array([[5]], dtype=np.uint64), None)
>>> store.load(18, None)
array([[5]], dtype=uint64)
>>> store.load(19, None)
Traceback (most recent call last):
    ...
pimsim.errors.DramError: D1 was never written and cannot be activated
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.dram.array.address_map import AddressMap
from pimsim.errors import DramError

Lanes: TypeAlias = NDArray[np.intp]
Address: TypeAlias = int | NDArray[np.integer[Any]]
"""A row address, or one C- or D-group address a lane."""

_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class RowStore:
    """Rows of ``lanes`` subarrays, ``words`` packed words each."""

    def __init__(self, rows: AddressMap, data_rows: int, lanes: int, words: int) -> None:
        self._rows = rows
        self._first_constant, self._first_data = rows.first_constant, rows.first_data
        stored = len(rows.constants) + data_rows
        self._stored: Words = np.zeros((lanes, stored, words), dtype=np.uint64)
        self._flat = self._stored.reshape(lanes * stored, -1)
        self._written = np.zeros((lanes, stored), dtype=np.bool_)
        # Which rows are written in every lane: what most accesses ask, and cheap to look up.
        self._whole = [False] * stored
        for index, (_, bit) in enumerate(rows.constants):
            self._stored[:, index] = _FULL if bit else 0
            self._written[:, index] = True
            self._whole[index] = True
        self._base = np.arange(lanes) * stored - self._first_constant

    def load(self, address: Address, lanes: Lanes | None) -> Words:
        """Copy of a constant or data row."""
        if isinstance(address, np.ndarray):
            index = (self._base if lanes is None else self._base[lanes]) + address
            if b"\0" in self._written.reshape(-1).take(index).tobytes():
                missing = ~self._written.reshape(-1)[index]
                raise unwritten(self._rows.label(int(address[missing][0])))
            taken: Words = self._flat.take(index, axis=0)
            return taken
        row = address - self._first_constant
        if lanes is None:
            if not self._whole[row]:
                raise unwritten(self._rows.label(address))
            return self._stored[:, row].copy()
        if not self._whole[row] and not self._written[lanes, row].all():
            raise unwritten(self._rows.label(address))
        some: Words = self._stored[lanes, row]
        return some

    def save(self, address: Address, value: Words, lanes: Lanes | None) -> None:
        """Overwrite a data row."""
        if isinstance(address, np.ndarray):
            index = (self._base if lanes is None else self._base[lanes]) + address
            self._flat[index] = value
            rows = {
                row for row in (address - self._first_constant).tolist() if not self._whole[row]
            }
            if rows:
                self._written.reshape(-1)[index] = True
            for row in rows:
                self._whole[row] = bool(self._written[:, row].all())
            return
        row = address - self._first_constant
        if lanes is None:
            self._stored[:, row] = value
            if not self._whole[row]:
                self._written[:, row] = True
                self._whole[row] = True
        else:
            self._stored[lanes, row] = value
            if not self._whole[row]:
                self._written[lanes, row] = True
                self._whole[row] = bool(self._written[:, row].all())

    def written(self, address: int) -> Lanes:
        """Lanes in which a row was ever written."""
        return np.flatnonzero(self._written[:, address - self._first_constant])

    def expect_writable(self, address: Address) -> None:
        """Raise DramError if the row, or that of any lane, is a C-group row."""
        lowest = min(address.tolist()) if isinstance(address, np.ndarray) else address
        if self._first_constant <= lowest < self._first_data:
            raise DramError(
                f"{self._rows.label(lowest)} holds a constant and must not be overwritten"
            )


def unwritten(name: str) -> DramError:
    """The error of activating a row that was never written."""
    return DramError(f"{name} was never written and cannot be activated")
