"""Splitting a fan-in over the fewest subarrays that hold it.

>>> def write(chunks):
...     if max(c.stop - c.start for c in chunks) > 3:
...         raise OutOfRowsError("4 channels are too many")
...     return chunks
>>> fit("dense", 7, 1, 100, write)
[slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from pimsim.errors import OutOfRowsError

Plan = TypeVar("Plan")


def fit(
    layer: str,
    channels: int,
    rows_per_channel: int,
    data_rows: int,
    write: Callable[[list[slice]], Plan],
) -> Plan:
    """Return the plan that ``write`` makes for the fewest parts that it finds rows for.

    Args:
        layer: name of the layer, for the error.
        channels: input channels to be split.
        rows_per_channel: data rows that one takes at least; gives the number of parts to begin at.
        data_rows: data rows of a subarray.
        write: makes a plan from the channels of each part, or raises OutOfRowsError.

    Raises OutOfRowsError when a single channel a part is still too much.
    """
    parts = min(-(-channels * rows_per_channel // data_rows), channels)
    while True:
        edges = [channels * i // parts for i in range(parts + 1)]
        try:
            return write([slice(a, b) for a, b in pairwise(edges)])
        except OutOfRowsError as error:
            if parts == channels:
                raise OutOfRowsError(f"layer {layer!r}, {error}") from error
        parts += 1
