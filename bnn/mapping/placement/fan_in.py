"""Splitting a fan-in over the fewest subarrays that hold it.

A fan-in is cut by channels, by places of the patch, or by both into a grid; whole patches are
tried first. Here a subarray holds 3 operands of 7:

>>> def write(chunks):
...     if max(chunk.operands for chunk in chunks) > 3:
...         raise OutOfRowsError("4 channels are too many")
...     return [(chunk.channels, chunk.places) for chunk in chunks]
>>> every = slice(0, 1)
>>> fit("dense", 7, 1, 100, write) == [(slice(0, 2), every), (slice(2, 4), every),
...                                    (slice(4, 7), every)]
True

The patch of one channel may be too much, too:

>>> fit("conv", 1, 7, 100, write)[0]
(slice(0, 1, None), slice(0, 2, None))

The first part also takes in what the others have counted, which may leave it less room:

>>> def write(chunks):
...     if chunks[0].operands > 1 or max(chunk.operands for chunk in chunks) > 3:
...         raise OutOfRowsError("too many channels")
...     return [chunk.channels for chunk in chunks]
>>> fit("dense", 7, 1, 100, write)
[slice(0, 1, None), slice(1, 4, None), slice(4, 7, None)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, pairwise
from typing import TypeVar

from bnn.mapping.placement.chunk import Chunk
from pimsim.errors import OutOfRowsError

Plan = TypeVar("Plan")


def fit(
    layer: str,
    channels: int,
    places: int,
    data_rows: int,
    write: Callable[[list[Chunk]], Plan],
    rows: Callable[[Chunk], int] = lambda chunk: chunk.operands,
    count_rows: Callable[[Chunk], int] = lambda _: 1,
) -> Plan:
    """Return the plan that ``write`` makes for the fewest parts that it finds rows for.

    Args:
        layer: name of the layer, for the error.
        channels: input channels to be split.
        places: places of the patch to be split.
        data_rows: data rows of a subarray.
        write: makes a plan from what each part holds, or raises OutOfRowsError.
        rows: data rows that a part takes at least; gives the number of parts to begin at.
        count_rows: data rows that what a part counts takes in the first part.

    Raises OutOfRowsError when a single operand a part is still too much, or what so many parts
    count.
    """
    most = channels * places
    if most < 1:
        raise ValueError(f"`channels` and `places` must be positive, not {channels}, {places}")
    every = Chunk(slice(0, channels), slice(0, places))
    for parts in count(min(-(-rows(every) // data_rows), most)):
        crowded, tried = None, False
        for chunks in _divisions(channels, places, parts):
            if parts < most:  # what is too much anyway need not be written
                if max(map(rows, chunks)) > data_rows:
                    continue
                counts = sum(map(count_rows, chunks[1:]))
                if counts > data_rows:
                    crowded = OutOfRowsError(
                        f"layer {layer!r}, partial counts: {counts} data rows are needed at once, "
                        f"the subarray has {data_rows}"
                    )
                    continue
                if rows(chunks[0]) + counts > data_rows:
                    continue
            tried = True
            try:
                return write(chunks)
            except OutOfRowsError as error:
                if parts == most:
                    raise OutOfRowsError(f"layer {layer!r}, {error}") from error
        if crowded is not None and not tried:
            raise crowded
    raise AssertionError("the last part count has been written or refused")


def _divisions(channels: int, places: int, parts: int) -> Iterator[list[Chunk]]:
    """Ways to make so many parts: of whole patches, then of ever smaller pieces of them.

    >>> [[(c.channels, c.places) for c in way] for way in _divisions(2, 2, 4)]
    [[(slice(0, 1, None), slice(0, 1, None)), (slice(1, 2, None), slice(0, 1, None)), \
(slice(0, 1, None), slice(1, 2, None)), (slice(1, 2, None), slice(1, 2, None))]]
    """
    for across in range(min(channels, parts), 0, -1):
        down, rest = divmod(parts, across)
        if rest or down > places:
            continue
        whole = down == 1
        for first in _shares(*((channels, across) if whole else (places, down))):
            columns = _cut(channels, across, first if whole else channels // across)
            pieces = [slice(0, places)] if whole else _cut(places, down, first)
            yield [Chunk(column, piece) for piece in pieces for column in columns]


def _cut(total: int, parts: int, first: int) -> list[slice]:
    """So many for the first part, the others as evenly as possible."""
    rest = total - first
    edges = [0, *(first + rest * i // max(parts - 1, 1) for i in range(parts))]
    return [slice(a, b) for a, b in pairwise(edges)]


def _shares(total: int, parts: int) -> list[int]:
    """Sizes of the first part that are tried: as many as the others have, then fewer.

    >>> _shares(100, 4), _shares(5, 1)
    ([25, 12, 6, 3, 1], [5])
    """
    even = total // parts
    return [even] if parts == 1 else [even >> n for n in range(even.bit_length())]
