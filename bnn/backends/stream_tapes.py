"""The streams of a stage as tapes, with all that is needed to run them and to read sums back.

Tapes can be kept for later processes, which then need no streams: see :func:`packed`. They are
numbers alone, which whoever runs them looks through first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import MappedStage
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram.output_tree.stream import Digit, Stream


class Numbers(NamedTuple):
    """Numbers of the leaves of all streams at a place of the pooling window, two a leaf."""

    rows: NDArray[np.intp]
    """``(numbers, weights)`` of those read; -1: none."""
    inverted: NDArray[np.bool_]
    constant: NDArray[np.int64]
    pairs: NDArray[np.intp]
    """``(outputs,)`` leaf of each output of the stage."""
    signs: NDArray[np.int64]
    """``(outputs,)`` with which the second number counts."""
    lasts: NDArray[np.int64]
    """``(outputs,)`` what is added."""


class StreamTapes(NamedTuple):
    """Tapes of all streams of a stage, in order."""

    words: NDArray[Any]
    """Their records, uint16 or uint32, one tape after the other."""
    sizes: NDArray[np.int64]
    """``(tapes,)`` words of each."""
    slots: NDArray[np.int64]
    """``(tapes,)`` rows that each reads out."""
    given: NDArray[np.intp]
    """``(outputs,)`` row read with the bit of each output, where there are bits."""
    gives_sums: bool
    """Whether digits are read out for whoever reads them to add up, and there are no bits."""
    given_by: int
    """Window whose sums are given, where there are no bits."""
    windows: int
    """Windows whose sums can be seen: the first ones; 0 if digits are not looked at."""
    numbers: Mapping[int, Numbers]
    """By window, see :attr:`pimsim.microprogram.output_tree.stream.Stream.counted`."""

    @property
    def each(self) -> list[NDArray[Any]]:
        """The tapes."""
        return np.split(self.words, np.cumsum(self.sizes)[:-1])


Make: TypeAlias = Callable[[], StreamTapes]
Find: TypeAlias = Callable[[str, Make], StreamTapes]
"""Finds the tapes of a stage, by its name, or makes them."""


def made(_: str, make: Make) -> StreamTapes:
    """Make tapes, and keep nothing."""
    return make()


def write(mapped: MappedStage, layout: Layout, *, looking: bool) -> StreamTapes:
    """Write the tapes of a mapped stage.

    Args:
        mapped: a stage that has streams; else it raises ValueError.
        layout: of the subarrays that they will run in.
        looking: read every digit out, for sums to be checked.

    """
    streams = mapped.streams
    if streams is None:
        raise ValueError(f"stage {mapped.stage.name!r} must have streams")
    kind = np.uint16 if layout.places < 1 << 16 else np.uint32
    tapes = [one.tape(layout.stride, looking=looking).astype(kind) for one in streams]
    given, seen, slots = _slots(streams, mapped.stage.outputs, looking=looking)
    first = streams[0]
    windows, given_by = len(first.windows) if looking else 0, len(first.counted) - 1
    needed = {*range(windows), *([given_by] if first.gives_sums else [])}
    return StreamTapes(
        np.concatenate(tapes),
        np.array([len(one) for one in tapes], np.int64),
        np.array(slots, np.int64),
        given,
        first.gives_sums,
        given_by,
        windows,
        {one: _numbers(streams, seen, mapped.stage.outputs, one) for one in sorted(needed)},
    )


def _slots(
    streams: Sequence[Stream], outputs: int, *, looking: bool
) -> tuple[NDArray[np.intp], dict[tuple[int, Digit], int], list[int]]:
    """Row read for each output, and for each digit of each stream; rows of each stream."""
    given = np.zeros(outputs, np.intp)
    seen: dict[tuple[int, Digit], int] = {}
    sizes: list[int] = []
    for number, stream in enumerate(streams):
        read, first = stream.read(looking=looking), sum(sizes)
        for row, deed in enumerate(read, first):
            if deed.digit is not None:
                seen[number, deed.digit] = row
            else:
                given[stream.outputs[deed.given]] = row
        sizes.append(len(read))
    return given, seen, sizes


def _numbers(
    streams: Sequence[Stream], seen: Mapping[tuple[int, Digit], int], outputs: int, window: int
) -> Numbers:
    """Where the numbers of all leaves are found, of a window that is counted."""
    from pimsim.microprogram.output_tree.adding import NOTHING

    pairs, signs, lasts = (np.zeros(outputs, np.int64) for _ in range(3))
    digits = np.concatenate([one.counted[window].plan.digits for one in streams])
    used = (digits != NOTHING).any(axis=(0, 1))
    rows = np.full((*digits.shape[:2], int(used.sum())), -1, np.intp)
    leaf = 0
    for number, stream in enumerate(streams):
        planned = stream.counted[window].plan
        for own, ends in enumerate(planned.leaves):
            for second, output in enumerate(ends):
                pairs[output], signs[output] = leaf, 1 - 2 * second
                lasts[output] = planned.lasts[own, second]
            for column, weight in np.argwhere(planned.digits[own] >= 0).tolist():
                rows[leaf, column, weight] = seen[number, Digit(window, own, column, weight)]
            leaf += 1
    digits = digits[:, :, : rows.shape[2]]
    weights = np.int64(1) << np.arange(rows.shape[2])
    # digits are 2 y - 1 of a row's bit y; those without a row are the same everywhere
    constant = -np.where(digits != NOTHING, weights, 0).sum(axis=2)
    constant += np.where(digits == -2, 2 * weights, 0).sum(axis=2)
    inverted = (digits >= 0) & (digits & 1 == 1)
    return Numbers(
        rows.reshape(-1, rows.shape[2]),
        inverted.reshape(-1, rows.shape[2]),
        constant.reshape(-1),
        pairs,
        signs,
        lasts,
    )


# -- in records ------------------------------------------------------------------------------------


def size_bytes(tapes: StreamTapes) -> int:
    """Bytes of a record of tapes, about."""
    every = [one for some in tapes.numbers.values() for one in some]
    return tapes.words.nbytes + 8 * sum(one.size for one in (*every, tapes.given, tapes.slots))


def packed(every: Mapping[str, StreamTapes]) -> dict[str, Any]:
    """Return the tapes of stages, by name, as a value of :class:`pimsim.kept.Shelf`."""
    return {
        name: {
            **one._asdict(),
            "given": one.given.astype(np.int64),
            "numbers": [
                [window, *(each.astype(np.int64) for each in some)]
                for window, some in one.numbers.items()
            ],
        }
        for name, one in every.items()
    }


def unpacked(value: Any) -> dict[str, StreamTapes]:
    """Return what :func:`packed` was given.

    Raises ValueError, or a similar error, if it was not.
    """
    found = {}
    for name, one in value.items():
        numbers = {}
        for window, rows, inverted, *rest in one["numbers"]:
            own = Numbers(rows.astype(np.intp), inverted.astype(np.bool_), *rest)
            numbers[window] = own
        tapes = StreamTapes(**{**one, "given": one["given"].astype(np.intp), "numbers": numbers})
        read = int(tapes.slots.sum())
        whole = len(tapes.slots) == len(tapes.sizes) and tapes.sizes.sum() == len(tapes.words)
        rows_read = [(tapes.given, 0), *((some.rows, -1) for some in numbers.values())]
        if not whole or any(
            some.min(initial=least) < least or some.max(initial=-1) >= read
            for some, least in rows_read
        ):
            raise ValueError("tapes of a record must be whole, and rows read be among their slots")
        found[name] = tapes
    return found
