"""Stages whose columns compute blocks of positions: sums and values in the order of positions.

In such a stage, each place of a block has outputs of its own, and backends compute these outputs.
This module puts their results into the order of positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import Checker, Execute, Result, StageInputs
from bnn.mapped.placement.placement import cut
from bnn.model.geometry import Indices
from bnn.values.bitstrings import BitStrings, Values
from bnn.values.linear import LinearSums
from pimsim.bits import Words

_BYTE = 8
_AT_A_TIME = 1 << 26
"""Bits that are unpacked at a time, about."""


class BlockChecker:
    """Puts sums of blocks into the order of positions, and passes them to a checker.

    Args:
        checker: of the stage as it was given to be mapped.
        blocks: see :attr:`bnn.mapped.mapped_stage.MappedStage.blocks`.
        outputs: of a position.
        first_output: number that the first output of all places has outside.

    """

    def __init__(
        self, checker: Checker, blocks: Indices, outputs: int, first_output: int = 0
    ) -> None:
        self._checker, self._blocks, self._outputs = checker, blocks, outputs
        self._first = first_output

    @property
    def images(self) -> NDArray[np.intp] | None:
        """Images that are checked."""
        return self._checker.images

    def compare(
        self,
        images: slice,
        offset: int,
        outputs: slice,
        sums: NDArray[np.int64] | NDArray[np.int32],
        positions: slice | Indices = slice(None),
    ) -> None:
        """Check sums (outputs, images, columns), those of some columns; ``offset`` is 0."""
        for place, computed in enumerate(self._blocks[:, positions]):
            shared = self._shared(place, outputs)
            if shared is not None:
                (own_sums, own), inside = shared, computed >= 0
                some = sums[own_sums]
                seen = some if inside.all() else some[..., inside]
                self._checker.compare(images, offset, own, seen, computed[inside])

    @property
    def reads_rows(self) -> bool:
        """Whether sums are compared where they stand."""
        return self._checker.reads_rows

    def compare_rows(
        self,
        images: slice,
        outputs: slice,
        words: Words,
        sums: Sequence[LinearSums],
        positions: slice | Indices = slice(None),
    ) -> None:
        """Check sums that stand in rows, those of a place of the block after the other."""
        for place, computed in enumerate(self._blocks[:, positions]):
            shared = self._shared(place, outputs)
            if shared is not None:
                some, own = shared
                held = [one.some(some) for one in sums]
                self._checker.compare_rows(images, own, words, held, computed)

    def _shared(self, place: int, outputs: slice) -> tuple[slice, slice] | None:
        """Which of some ``outputs`` belong to a place, and their numbers there."""
        before = self._first // len(self._blocks)
        first = self._first + place * self._outputs
        start, stop = max(outputs.start, first), min(outputs.stop, first + self._outputs)
        if start >= stop:
            return None
        some = slice(start - outputs.start, stop - outputs.start)
        return some, slice(before + start - first, before + stop - first)


def of_positions(
    execute: Execute, blocks: Indices, outputs: int, first_output: int = 0, *, ordered: bool = False
) -> Execute:
    """Wrap what carries out a stage in blocks, so that it gives values position by position.

    If its values are ``ordered`` already, only sums that are checked are put in order.
    """

    def carry_out(work: StageInputs) -> Result:
        if work.checker is not None:
            seen = BlockChecker(work.checker, blocks, outputs, first_output)
            work = replace(work, checker=seen)
        result = execute(work)
        return result if ordered else replace(result, values=in_order(result.values, blocks))

    return carry_out


def in_order(values: Values, blocks: Indices, into: BitStrings | None = None) -> Values:
    """Values (images, positions, outputs), given as (images, columns, places * outputs).

    Strings go ``into`` others, or new ones if there are none.

    >>> blocks = np.array([[2, 0], [-1, 1]])             # of two columns, two places each
    >>> in_order(np.array([[[12, 9, ], [10, 11]]]), blocks).tolist()
    [[[10], [11], [12]]]
    """
    computed = blocks.T.reshape(-1)
    order = np.flatnonzero(computed >= 0)
    order = order[np.argsort(computed[order])]
    if not isinstance(values, BitStrings):
        return values.reshape(len(values), len(computed), -1)[:, order]
    outputs = values.channels // len(blocks)
    made = BitStrings.unset(values.images, len(order), outputs) if into is None else into
    if outputs % _BYTE == 0:
        each = values.data.reshape(values.images, len(computed), -1)
        np.take(each, order, axis=1, out=made.data, mode="clip")
        return made
    for some in cut(values.images, max(1, _AT_A_TIME // (len(computed) * outputs))):
        bits = values.some(some).integers().reshape(some.stop - some.start, len(computed), -1)
        made.data[some] = np.packbits(bits[:, order], axis=2, bitorder="little")
    return made
