"""Dividing a stage among the fewest subarrays that hold it, and what each then holds.

Groups of channels are independent of one another. If they do not all fit, they become stages of
their own, in subarrays of their own as long as a bank has some.

Most fan-ins are cut only by channels. If the patch of a single channel is too large for a subarray,
as for a convolution of 11x11 taps on pixels of 8 bits, the patch is cut, too.

>>> from bnn.model.network import Conv2D, MaxPool2D
>>> from bnn.lowering.stage import windows
>>> conv = Conv2D("c", np.ones((3, 3, 2, 8), np.float32), None, "ste_sign", "ste_sign")
>>> laid = windows(conv, (6, 6, 2), MaxPool2D("p", (2, 2), (2, 2)))   # a patch of 4x4 pixels
>>> upper = Chunk(slice(0, 2), slice(0, 8))                           # two rows of them
>>> [upper.taps(laid, offset).tolist() for offset in range(4)]
[[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 1, 2]]
>>> upper.every_tap(laid).tolist(), upper.width, upper.operands
([0, 1, 2, 3, 4, 5], 2, 16)

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
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage, Windows
from pimsim.errors import OutOfRowsError

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Operands that a subarray holds, bit by bit, channel by channel, place by place.

    Bit b of channel c at place p, both counted from where the chunk begins, lies in row
    ``(p * width + c) * planes + b`` of those that hold operands.
    """

    channels: slice
    """Channels of a group, or all channels of the stage."""
    places: slice
    """Places of the patch."""

    @property
    def width(self) -> int:
        """Channels, each at every place."""
        width: int = self.channels.stop - self.channels.start
        return width

    @property
    def operands(self) -> int:
        """Operands of a column, channels times places."""
        count: int = self.places.stop - self.places.start
        return count * self.width

    def taps(self, windows: Windows, offset: int) -> Indices:
        """Kernel taps that read these places, at one place of the pooling window, in order."""
        places = windows.taps[offset]
        return np.flatnonzero((places >= self.places.start) & (places < self.places.stop))

    def every_tap(self, windows: Windows) -> Indices:
        """Kernel taps that read these places at any place of the pooling window, in order."""
        here = (windows.taps >= self.places.start) & (windows.taps < self.places.stop)
        return np.flatnonzero(here.any(axis=0))

    def highest(self, stage: Stage, channels: slice | None = None) -> int:
        """Largest count that any output can reach here, wherever in the pooling window.

        Args:
            stage: the stage.
            channels: of a group; those of the chunk if None.

        """
        some = self.channels if channels is None else channels
        sets = {tuple(self.taps(stage.windows, n)) for n in range(stage.windows.offsets)}
        return max(stage.highest(some, np.array(taps, np.intp)) for taps in sets)


def whole(stage: Stage) -> Chunk:
    """All channels, of all groups, and the whole patch."""
    return Chunk(slice(0, stage.windows.channels), slice(0, stage.windows.patch))


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
    for parts in count(fewest(channels, places, data_rows, rows)):
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


def fewest(channels: int, places: int, data_rows: int, rows: Callable[[Chunk], int]) -> int:
    """Return the number of parts that :func:`fit` begins at; for the arguments see there.

    >>> fewest(7, 1, 3, lambda chunk: chunk.operands)
    3
    """
    every = Chunk(slice(0, channels), slice(0, places))
    return min(-(-rows(every) // data_rows), channels * places)


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


class Piece(NamedTuple, Generic[Plan]):
    """Some groups of a stage, and which channels and outputs of the whole stage they are."""

    stage: Stage
    plan: Plan
    channels: slice
    outputs: slice


def divide(stage: Stage, data_rows: int, write: Callable[[Stage], Plan]) -> list[Piece[Plan]]:
    """Return the fewest pieces for which ``write`` finds rows, all groups spread evenly.

    Args:
        stage: the stage.
        data_rows: data rows of a subarray; gives the number of pieces to begin at.
        write: makes a plan of a stage, or raises OutOfRowsError.

    Raises OutOfRowsError when even a single group is too much.
    """
    rows = stage.windows.channels * stage.windows.patch * stage.planes
    count = min(-(-rows // max(data_rows, 1)), stage.groups)
    while True:
        edges = [stage.groups * i // count for i in range(count + 1)]
        try:
            return [_piece(stage, first, last, write) for first, last in pairwise(edges)]
        except OutOfRowsError:
            if count == stage.groups:
                raise
        count += 1


def _piece(stage: Stage, first: int, last: int, write: Callable[[Stage], Plan]) -> Piece[Plan]:
    width, each = stage.windows.channels // stage.groups, stage.outputs // stage.groups
    some = stage if last - first == stage.groups else stage.of_groups(first, last)
    channels, outputs = slice(first * width, last * width), slice(first * each, last * each)
    return Piece(some, write(some), channels, outputs)
