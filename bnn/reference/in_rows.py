"""Sums of a layer compared with rows of bits, without turning rows into arrays of numbers.

A sum of the reference and the one in rows meet only in registers of the processor, see
:mod:`bnn.reference.row_kernel`. The reference counts as in :mod:`bnn.reference.packed`. If operands
are wide and few are added up, it multiplies bytes instead.

>>> from bnn.model.network import Dense
>>> from bnn.model.operand_encoding import BIPOLAR
>>> layer = Dense("d", np.float32([[0.3], [-0.2], [0.1]]), None, "ste_sign", "ste_sign")
>>> own = SumsInRows(PackedSums(layer, (3,), BIPOLAR, pad=0), layer, BIPOLAR, pad=0)
>>> operands = BitStrings.of(np.array([[[1, 1, 1]], [[0, 1, 1]]]))            # sums of 1 and -1
>>> held = LinearSums.alone(np.array([[0]]), np.array([[2]]), np.array([-1]))
>>> words = np.array([[0b01]], np.uint64)                                     # as it must be
>>> asked = own.asked(slice(0, 1), np.array([[0]]), np.array([1]), [held])    # is it 1 or more?
>>> bits = Decided(BitStrings.empty(2, 1, 1), np.array([0]), np.zeros((1, 2), np.bool_))
>>> own.compare(operands, asked, words, np.arange(2), bits), bits.strings.data.reshape(-1).tolist()
(0, [1, 0])
>>> own.compare(operands, asked, words ^ np.uint64(2), np.arange(2))          # one is another
1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import OUTSIDE, Indices
from bnn.model.layers.product import Product, integer_kernel
from bnn.model.operand_encoding import OperandEncoding
from bnn.reference import row_kernel
from bnn.reference.held_numbers import Numbers, Teams
from bnn.reference.kernel_part import BLOCKS, COLUMNS, PLANES, Kind, places_of_columns
from bnn.reference.packed import PackedSums
from bnn.values.bitstrings import BitStrings
from bnn.values.linear import LinearSums
from pimsim.bits import Words
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.write_bits import SLACK_BYTES

_BYTE = 8
_LINE = COLUMNS * BLOCKS
_SHORT = (1 << 15) - 1
"""Sums below it are compared in 16 bits."""
_MOST = (1 << 31) - 1
_CHEAP = 4
"""How much longer counting a word of a plane takes than adding up a product."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is compared: outputs two by two, such that the sums of two use the same numbers."""

    kind: Kind
    windows: Indices
    """``(places, columns)`` of the layer, -1 where a column holds nothing."""
    outputs: slice
    digits: NDArray[np.int64]
    """``(rounds * places, pairs, 2, planes)`` rows of digits."""
    params: NDArray[np.uint32]
    """``(rounds * places, pairs, PARAMETERS)``, see :data:`bnn.reference.kernel_part.SIDE`."""
    weights: tuple[NDArray[Any], NDArray[Any]]
    """Signs and flags of weights that are not 0, or weights as bytes."""
    pads: NDArray[Any]
    """What padding adds, see :meth:`bnn.reference.packed.PackedSums.pads`; or nothing."""


class Decided(NamedTuple):
    """Where the bits go that sums decide."""

    strings: BitStrings
    """Of all images that are checked; bits are added to those that there are."""
    positions: Indices
    """``(columns,)`` which each gives; -1: none."""
    ways: NDArray[np.bool_]
    """``(outputs, 2)`` whether the least sum of a window decides, and whether bits are turned."""


class SumsInRows:
    """Sums of a layer (see :func:`bnn.reference.packed.can_pack`), compared with rows.

    Args:
        packed: the layer's sums.
        layer: the layer.
        encoding: of its operands.
        pad: integer operand where a window reads no pixel.

    """

    def __init__(
        self, packed: PackedSums, layer: Product, encoding: OperandEncoding, pad: int
    ) -> None:
        self._packed, self._encoding = packed, encoding
        matrix = layer.matrix(integer_kernel(layer)).astype(np.int64)
        size = len(matrix) * matrix.shape[1]
        self._flat = matrix.reshape(size, -1).T
        largest = max(abs(encoding.low), abs(encoding.high), abs(pad))
        short = size * largest < _SHORT
        counted = packed.words * COLUMNS * ((1 << encoding.planes) - 1)
        self._short = short and counted < 1 << 16
        """Whether sums that are counted, and counts, are short."""
        cheap = size < _CHEAP * encoding.planes * packed.words
        self._cheap = short and cheap and encoding.planes <= _BYTE
        """Whether adding up products of bytes takes less than counting bits."""

    def asked(
        self,
        outputs: slice,
        windows: Indices,
        limits: NDArray[np.int64],
        sums: Sequence[LinearSums],
    ) -> Asked:
        """Make ready what is to be compared, and the machine code for it.

        Args:
            outputs: which.
            windows: ``(places, columns)`` of the layer, -1 where a column holds nothing.
            limits: ``(outputs,)`` what the sums of each output are compared with.
            sums: how rows hold them, of all places, perhaps several times over.

        """
        reach = max(each.reach for each in sums)
        if reach > _MOST:
            raise ValueError(f"sums in rows must stay below 2**31, not reach {reach}")
        packed, planes = self._packed, self._encoding.planes
        own = np.arange(outputs.start, outputs.stop)
        numbers = [Numbers.of(each) for each in sums]
        levels = max(each.levels for each in numbers)
        fits = reach < _SHORT and levels <= _SHORT.bit_length()
        added = fits and self._cheap
        signs, used, offsets = packed.signs(own)
        weights: tuple[NDArray[Any], NDArray[Any]] = signs, used
        if added:
            offsets = self._encoding.low * self._flat[own].sum(axis=1)
        kind = Kind(
            added,
            wide=not added and not (fits and self._short),
            groups=max(1, -(-levels // PLANES)),
            sparse=packed.sparse and not added,
            padded=packed.pads(own[:1], np.zeros(1, np.intp), 1) is not None,
            element=1 if planes == 1 and not added else _BYTE if planes <= _BYTE else 2 * _BYTE,
        )
        if added:
            weights = (_in_pairs(self._flat[own]),) * 2
        teams = [Teams.of(each, held) for each, held in zip(sums, numbers, strict=True)]
        pairs = max(len(each.members) for each in teams)
        most = (1 << kind.bits - 1) - 1
        limits = np.clip(limits, -most, most)
        row_kernel.compared(kind)
        return Asked(
            kind,
            np.ascontiguousarray(windows, np.int64),
            outputs,
            np.stack(
                [
                    each.digits(pairs, held, kind.groups * PLANES)
                    for each, held in zip(teams, numbers, strict=True)
                ]
            ),
            np.stack([each.params(pairs, kind, limits, offsets) for each in teams]),
            weights,
            self._pads(kind, windows, own, teams, pairs),
        )

    def _pads(
        self,
        kind: Kind,
        windows: Indices,
        own: NDArray[np.intp],
        teams: Sequence[Teams],
        pairs: int,
    ) -> NDArray[Any]:
        """What padding adds to both outputs of each pair, column by column."""
        if not kind.padded:
            return np.zeros((1, 1), np.int32)
        found = []
        for place, each in enumerate(teams):
            members = np.zeros((pairs, 2), np.intp)
            members[: len(each.members)] = np.maximum(each.members, 0)
            which = own[members.reshape(-1)]
            found.append(self._packed.pads(which, windows[place % len(windows)], COLUMNS))
        return np.concatenate([each for each in found if each is not None]).astype(
            f"i{kind.bits // _BYTE}"
        )

    def compare(
        self,
        operands: BitStrings,
        asked: Asked,
        words: Words,
        slots: Indices,
        decided: Decided | None = None,
        threads: int | None = None,
    ) -> int:
        """Compare all windows of some images with rows; returns how many sums differ.

        Args:
            operands: what is stored of the operands, ``(images, pixels, channels)``.
            asked: what is compared.
            words: the rows, ``(rows, words)``, the words of a row side by side.
            slots: ``(images,)`` which of the operands are those of each image whose columns there
                are, in order; -1: none, its sums are not compared.
            decided: where the bits go that follow; None: nowhere.
            threads: processors used, all if None.

        """
        items = -(-len(slots) * asked.windows.shape[1] // _LINE)
        wrong = np.zeros(items, np.int64)
        if (slots >= 0).any():
            work = _Work(self._packed, self._encoding, asked, operands, words, decided)
            spread(partial(work.carry_out, slots, wrong), items, threads)
        return int(wrong.sum())


class _Work:
    """What the machine code is given, and is the same for all columns."""

    def __init__(
        self,
        packed: PackedSums,
        encoding: OperandEncoding,
        asked: Asked,
        operands: BitStrings,
        words: Words,
        decided: Decided | None,
    ) -> None:
        kind, self._asked, self._operands = asked.kind, asked, operands
        self._code, self._step = row_kernel.compared(kind), encoding.step
        reads, runs = _in_runs(packed.reads, operands.pixels)
        self._taps = reads.shape[1]
        self._pixel_bytes = operands.channels * kind.element // _BYTE
        if kind.element == 1:
            self._pixel_bytes = operands.pixel_bytes
        self._tap_bytes = runs * self._pixel_bytes
        self._planes, self._words = encoding.planes, packed.words
        if kind.added:
            self._planes, self._words = 1, -(-packed.reads.shape[1] * operands.channels // 2)
        offsets = np.where(reads == operands.pixels, OUTSIDE, reads * self._pixel_bytes)
        self._offsets = np.ascontiguousarray(offsets, np.int64)
        self._nothing = np.zeros(self._tap_bytes + SLACK_BYTES, np.uint8)
        # the rows of a pair behind the last are fetched as well: again those of the first
        every = np.concatenate([asked.digits.reshape(-1), asked.digits[0, 0].reshape(-1)])
        if words.shape[1] % BLOCKS:  # whole lines are read
            words = np.pad(words, ((0, 0), (0, -words.shape[1] % BLOCKS)))
        self._rows, self._digits = words, every * words.strides[0]
        self._lanes = np.array(places_of_columns(kind))
        outputs = asked.outputs.stop - asked.outputs.start
        self._turn = np.zeros((outputs + 1, 2), np.int64)  # the last: of no output
        self._positions = np.full(asked.windows.shape[1], OUTSIDE, np.int64)
        self._order = np.zeros(0, np.int64)
        self._strings = None if decided is None else decided.strings
        if decided is not None:
            least, turned = decided.ways.T
            self._turn[:-1] = -np.stack([least, least ^ turned], axis=1).astype(np.int64)
            given = (asked.windows != OUTSIDE).any(axis=0)
            self._positions = np.where(given, decided.positions, OUTSIDE).astype(np.int64)
            before = asked.outputs.start % _BYTE
            self._order = np.full(-(-(before + outputs) // _BYTE) * _BYTE, outputs)
            self._order[before : before + outputs] = np.arange(outputs)

    def carry_out(self, slots: Indices, wrong: NDArray[np.int64], begin: int, end: int) -> None:
        """Compare the columns of some lines, and say how many sums of each are wrong."""
        asked, width = self._asked, self._asked.windows.shape[1]
        of = slots[begin * _LINE // width : -(-end * _LINE // width)]
        own = of[of >= 0]
        if not len(own):
            return
        first = int(own[0])
        source = self._source(slice(first, int(own[-1]) + 1))
        which = np.where(slots < first, OUTSIDE, slots - first).astype(np.int64)
        groups, into = len(self._order) // _BYTE, (0, 0, 0)
        if self._strings is not None:
            strings = self._strings
            start = first * strings.image_bytes + asked.outputs.start // _BYTE
            into = strings.memory.ctypes.data + start, strings.image_bytes, strings.pixel_bytes
        patches, side, *others = self._memory(groups)
        self._code(
            begin, end,
            source.ctypes.data, self._operands.pixels * self._pixel_bytes,
            self._offsets.ctypes.data, self._taps, self._tap_bytes, self._nothing.ctypes.data,
            *(one.ctypes.data for one in asked.weights), self._planes, self._words, self._step,
            which.ctypes.data, asked.windows.ctypes.data, len(asked.windows), width,
            width * len(slots), self._positions.ctypes.data,
            self._rows.ctypes.data, self._digits.ctypes.data, asked.params.ctypes.data,
            asked.pads.ctypes.data, asked.pads.shape[1], len(asked.digits) // len(asked.windows),
            asked.digits.shape[1], len(self._turn), self._turn.ctypes.data,
            self._order.ctypes.data, groups, *into, wrong.ctypes.data,
            patches.ctypes.data, side.ctypes.data, side.shape[1],
            *(one.ctypes.data for one in others),
        )  # fmt: skip

    def _source(self, images: slice) -> NDArray[Any]:
        """Operands of some images as the kernel reads them, with bytes to spare."""
        operands = self._operands.some(images)
        if self._asked.kind.element == 1 or operands.planes == _BYTE:
            return operands.memory
        whole = operands.integers()
        made = np.empty(whole.nbytes + SLACK_BYTES, np.uint8)
        made[: whole.nbytes].view(whole.dtype)[:] = whole.reshape(-1)
        return made

    def _memory(self, groups: int) -> list[NDArray[Any]]:
        """Memory of a thread: operands, those of 64 columns, lanes, bits, strings and digits."""
        kind, rows = self._asked.kind, self._planes * self._words
        each = 2 if kind.added else 8
        column = self._words * (kind.element if not kind.added else 1) * 8 + 2 * SLACK_BYTES
        return [
            np.empty(rows * _LINE * each, np.uint8),
            np.zeros((COLUMNS, column + self._taps * self._tap_bytes), np.uint8),
            self._lanes,
            np.zeros((2 + COLUMNS // _BYTE) * BLOCKS, np.int64),
            np.empty((len(self._turn), BLOCKS), np.int64),
            np.empty((groups, _LINE), np.uint8),
            np.empty((2 * kind.groups, _LINE), np.uint8),
        ]


def _in_pairs(weights: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Weights ``(outputs, operands)`` as bytes, two side by side, twice over in 32 bits.

    >>> [hex(each) for each in _in_pairs(np.array([[1, -1, 1]]))[0].tolist()]
    ['0xff01ff01', '0x10001']
    """
    pairs = np.zeros((len(weights), -(-weights.shape[1] // 2), 2), np.int8)
    pairs.reshape(len(weights), -1)[:, : weights.shape[1]] = weights
    return np.repeat(pairs.view(np.uint16), 2, axis=2).view(np.uint32)[..., 0]


def _in_runs(reads: Indices, pixels: int) -> tuple[Indices, int]:
    """Pixels that begin runs which all windows read, and how long each run is.

    Args:
        reads: ``(windows, taps)`` pixels.
        pixels: how many there are; this one is none.

    >>> _in_runs(np.array([[0, 1, 4, 5], [2, 3, 6, 7]]), 8)
    (array([[0, 4],
           [2, 6]]), 2)
    """
    taps = reads.shape[1]
    if (reads == pixels).any():
        return reads, 1
    for length in range(taps, 1, -1):
        if taps % length == 0:
            apart = reads.reshape(len(reads), -1, length)
            if (np.diff(apart, axis=2) == 1).all():
                return np.ascontiguousarray(apart[..., 0]), length
    return reads, 1
