"""Compares sums in rows, a few images at a time, and keeps the bits that must follow from them.

The bits are computed from the reference's sums. They are kept as strings, position by position, and
later compared with the results of the stage. That also checks the code that turned rows into
strings.

>>> bits = np.zeros((2, 9), np.uint8)                       # of two outputs, nine columns
>>> bits[0, 3] = bits[1, 8] = 1
>>> rows = np.packbits(np.pad(bits, ((0, 0), (0, 23))), axis=1, bitorder="little")
>>> strings(rows)[:9, 0].tolist()
[0, 0, 0, 1, 0, 0, 0, 0, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.operand_analysis import OperandAnalysis
from bnn.lowering.stage import Stage
from bnn.model.geometry import OUTSIDE, Indices
from bnn.reference.decided import Limits
from bnn.reference.in_rows import Asked, Held, SumsInRows, in_bits
from bnn.reference.packed import PackedSums, turned
from bnn.values.bitstrings import BitStrings
from bnn.values.linear import LinearSums
from pimsim.bits import Words
from pimsim.executors.compiled.run.processors import spread

_BYTES = 1 << 18
"""Bytes of windows that are laid out at a time, so that they stay in a processor's cache."""
_BYTE = 8


class _Piece(NamedTuple):
    """Images that are compared at a time; some of them may not be checked."""

    begin: int
    """Place of the first among those whose columns there are."""
    own: slice
    """Which they are of those that are checked."""
    offsets: NDArray[np.intp]
    """``(checked,)`` how far behind the first each of these is."""

    @property
    def size(self) -> int:
        """Images, checked or not."""
        return int(self.offsets[-1]) + 1

    @property
    def flags(self) -> NDArray[np.bool_] | None:
        """``(images,)`` whether each is checked; None: all are."""
        if self.size == len(self.offsets):
            return None
        found = np.zeros(self.size, np.bool_)
        found[self.offsets] = True
        return found

    def operands(self, of: BitStrings) -> BitStrings:
        """Return operands of all images; an image that is not checked gets those of another."""
        if self.size == len(self.offsets):
            return of.some(self.own)
        before = np.searchsorted(self.offsets, np.arange(self.size), "right") - 1
        return of.chosen(self.own.start + before)


def _pieces(places: NDArray[np.intp], first: int, most: int) -> list[_Piece]:
    """Pieces of at most so many images, which begin with one that is checked, and end with one.

    Where the next that is checked is far away, those in between are skipped.

    >>> [(one.begin, one.own.stop, one.size) for one in _pieces(np.array([1, 2, 4, 40]), 0, 8)]
    [(1, 3, 4), (40, 4, 1)]
    """
    found: list[_Piece] = []
    start = 0
    while start < len(places):
        stop = int(np.searchsorted(places, places[start] + most))
        far = np.flatnonzero(np.diff(places[start:stop]) > max(1, most // 4))
        stop = start + int(far[0]) + 1 if len(far) else stop
        own = places[start:stop] - places[start]
        found.append(_Piece(int(places[start]), slice(first + start, first + stop), own))
        start = stop
    return found


class _Last(NamedTuple):
    """What was asked last."""

    outputs: slice
    windows: Indices
    sums: Sequence[LinearSums]
    asked: list[Asked]


class RowChecker:
    """Compares the sums of a stage with bits, where they stand.

    Args:
        stage: the stage.
        fed: what its layer multiplies.
        operands: what is stored of the operands, of the images that are checked.
        limits: what decides bits; None: they are not decided here.
        packed: the layer's sums.

    """

    def __init__(
        self,
        stage: Stage,
        fed: OperandAnalysis,
        operands: BitStrings,
        limits: Limits | None,
        packed: PackedSums,
    ) -> None:
        self._stage, self._operands = stage, operands
        self._sums = SumsInRows(packed, stage.layer, fed.encoding, fed.pad)
        together = np.sort(stage.windows.outputs.T, axis=1)
        alike = limits is not None and np.array_equal(together, limits.windows)
        self._limits = limits if alike else None
        count, positions = operands.images, stage.windows.positions
        self.bits = BitStrings.empty(count if alike else 0, positions, stage.layer.outputs)
        """That must be given, ``(images, positions, outputs)``."""
        self._missing = count * positions * stage.layer.outputs
        self._last: _Last | None = None

    @property
    def complete(self) -> bool:
        """Whether all bits are known."""
        return self._limits is not None and self._missing == 0

    def compare(
        self,
        images: tuple[NDArray[np.intp], int],
        outputs: slice,
        words: Words,
        sums: Sequence[LinearSums],
        where: tuple[Indices, Indices],
        threads: int | None,
    ) -> tuple[int, int]:
        """Compare sums; returns how many were, and how many are wrong.

        Args:
            images: places of those that are checked among those whose columns there are, and which
                the first is of all that are checked.
            outputs: which.
            words: rows, ``(rows, words)``, with eight bytes behind the last.
            sums: for each place of the pooling window, perhaps several times over.
            where: the layer's window of each place and column, ``(places, columns)``, -1 if it is
                none, and the position that each column of an image gives.
            threads: processors used, all if None.

        """
        windows, _ = where
        columns = windows.shape[1]
        whole = _BYTE // gcd(_BYTE, columns)  # images whose columns fill whole bytes
        step = whole * max(1, _BYTES // (whole * columns * self._sums.column_bytes()))
        pieces = _pieces(*images, step)
        wrong = [0] * len(pieces)
        limits, count = self._limits, outputs.stop - outputs.start
        at = np.zeros(count, np.int64) if limits is None else limits.at[outputs]
        asked = self._asked(outputs, windows, at, sums)

        def some(begin: int, end: int) -> None:
            for number in range(begin, end):
                piece, found = pieces[number], []
                operands, flags = piece.operands(self._operands), piece.flags
                laid: dict[bytes, NDArray[np.int16]] = {}
                for one in asked:
                    rows = Held(words, piece.begin * columns, flags)
                    different, raised = self._sums.compare(operands, one, rows, laid)
                    wrong[number] += different
                    found.append(raised)
                if limits is not None:
                    self._keep(piece, outputs, found[: len(windows)], where)

        if pieces:
            spread(some, len(pieces), threads)
        checked = len(images[0])
        inside = [int((one != OUTSIDE).sum()) for one in windows]
        self._missing -= checked * count * int((windows != OUTSIDE).any(axis=0).sum())
        rounds = len(sums) // len(windows)
        return rounds * checked * count * sum(inside), sum(wrong)

    def _asked(
        self,
        outputs: slice,
        windows: Indices,
        limits: NDArray[np.int64],
        sums: Sequence[LinearSums],
    ) -> list[Asked]:
        """What is asked of sums; the same as of the images before, as a rule."""
        last = self._last
        if last is None or not (
            last.sums is sums and last.outputs == outputs and np.array_equal(last.windows, windows)
        ):
            asked = [
                self._sums.asked(outputs, windows[one % len(windows)], limits, held)
                for one, held in enumerate(sums)
            ]
            last = self._last = _Last(outputs, windows, sums, asked)
        return last.asked

    def _keep(
        self,
        piece: _Piece,
        outputs: slice,
        raised: Sequence[NDArray[np.uint32]],
        where: tuple[Indices, Indices],
    ) -> None:
        """Keep the bits that sums decide, those of each window together."""
        limits, (windows, positions) = self._limits, where
        assert limits is not None
        every, size = ~np.uint32(0), piece.size
        # the smallest sum reaches a limit where no sum misses it
        turn = np.where(limits.least[outputs, None], every, np.uint32(0))
        whole = np.zeros_like(raised[0])
        for one, own in zip(windows, raised, strict=True):
            own ^= turn
            if (one == OUTSIDE).any():
                own &= in_bits(one != OUTSIDE, size, own.shape[1])
            whole |= own
        whole ^= turn ^ np.where(limits.turned[outputs, None], every, np.uint32(0))
        columns = size * len(positions)
        first, skipped = divmod(outputs.start, _BYTE)
        rows = np.pad(whole.view(np.uint8), ((skipped, 0), (0, 0)))
        found = strings(rows)[:columns].reshape(size, len(positions), -1)
        given = (windows != OUTSIDE).any(axis=0)
        into = self.bits.data[piece.own, :, first : first + found.shape[2]]
        if piece.flags is None and into.shape == found.shape and given.all():
            if len(positions) == into.shape[1] and bool((np.diff(positions) == 1).all()):
                into |= found
            else:
                into[:, positions] |= found
        else:
            into[:, positions[given]] |= found[piece.offsets][:, given]


def strings(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn bits of columns, ``(rows, columns / 8)``, into strings ``(columns, rows / 8)``.

    Behind the last row all are 0.
    """
    count, width = rows.shape
    groups = -(-count // _BYTE)
    whole = np.zeros((groups, _BYTE, width), np.uint8)
    whole.reshape(-1, width)[:count] = rows
    words = np.ascontiguousarray(whole.transpose(0, 2, 1)).view("<u8")[..., 0]
    found = turned(words).view(np.uint8).reshape(groups, width, _BYTE)
    return found.transpose(1, 2, 0).reshape(width * _BYTE, groups)
