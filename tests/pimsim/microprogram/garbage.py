"""Subarrays in which every cell and row holds garbage, so that nothing is taken for granted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import unpack
from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.array.subarray import Subarray
from pimsim.microprogram.accumulation import CONSTANT

COLUMNS = 64


def subarray(
    address_map: AddressMap, data_rows: int, seed: int
) -> tuple[Subarray, np.random.Generator]:
    """Return one, and the generator that filled it."""
    rng = np.random.default_rng(seed)
    made = Subarray(COLUMNS, rows=data_rows + address_map.first_data, address_map=address_map)
    made.randomize(rng)
    return made, rng


def bits(array: Subarray, row: int, complement: bool) -> NDArray[Any]:
    """The bit of every column behind an item."""
    if row == CONSTANT:
        return np.full(COLUMNS, int(not complement))
    return unpack(array.peek(row - array.rows.first_data), COLUMNS)[0].astype(int) ^ complement
