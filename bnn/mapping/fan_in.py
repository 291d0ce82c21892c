"""Splitting a fan-in over the fewest subarrays that hold it.

>>> def write(chunks):
...     if max(c.stop - c.start for c in chunks) > 3:
...         raise OutOfRowsError("4 channels are too many")
...     return chunks
>>> fit("dense", 7, 1, 100, write)
[slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]

The first part also takes in what the others have counted, which may leave it less room:

>>> def write(chunks):
...     if chunks[0].stop > 1 or max(c.stop - c.start for c in chunks) > 3:
...         raise OutOfRowsError("too many channels")
...     return chunks
>>> fit("dense", 7, 1, 100, write)
[slice(0, 1, None), slice(1, 4, None), slice(4, 7, None)]
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
    count_rows: Callable[[slice], int] = lambda _: 1,
) -> Plan:
    """Return the plan that ``write`` makes for the fewest parts that it finds rows for.

    Args:
        layer: name of the layer, for the error.
        channels: input channels to be split.
        rows_per_channel: data rows that one takes at least; gives the number of parts to begin at.
        data_rows: data rows of a subarray.
        write: makes a plan from the channels of each part, or raises OutOfRowsError.
        count_rows: data rows that what some channels count takes in the first part.

    Raises OutOfRowsError when a single channel a part is still too much, or what so many parts
    count.
    """
    for parts in range(min(-(-channels * rows_per_channel // data_rows), channels), channels + 1):
        for first in _shares(channels, parts):
            chunks = _cut(channels, parts, first)
            if parts < channels:  # what is too much anyway need not be written
                if max(c.stop - c.start for c in chunks) * rows_per_channel > data_rows:
                    break  # and fewer in the first are more in the others
                counts = sum(map(count_rows, chunks[1:]))
                if counts > data_rows:
                    raise OutOfRowsError(
                        f"layer {layer!r}, partial counts: {counts} data rows are needed at once, "
                        f"the subarray has {data_rows}"
                    )
                if first * rows_per_channel + counts > data_rows:
                    continue
            try:
                return write(chunks)
            except OutOfRowsError as error:
                if parts == channels:
                    raise OutOfRowsError(f"layer {layer!r}, {error}") from error
    raise ValueError(f"`channels` must be positive, not {channels}")


def _cut(channels: int, parts: int, first: int) -> list[slice]:
    """So many channels for the first part, the others as evenly as possible."""
    rest = channels - first
    edges = [0, *(first + rest * i // max(parts - 1, 1) for i in range(parts))]
    return [slice(a, b) for a, b in pairwise(edges)]


def _shares(channels: int, parts: int) -> list[int]:
    """Channels of the first part that are tried: as many as the others have, then fewer.

    >>> _shares(100, 4), _shares(5, 1)
    ([25, 12, 6, 3, 1], [5])
    """
    even = channels // parts
    return [even] if parts == 1 else [even >> n for n in range(even.bit_length())]
