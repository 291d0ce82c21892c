"""Comparing the contents of DRAM rows with the integer reference, a few images at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.operand_analysis import OperandAnalysis
from bnn.lowering.stage import Stage
from bnn.model.geometry import OUTSIDE, Indices
from bnn.model.network import Network
from bnn.reference.decided import DecidedBits
from bnn.reference.packed import PackedSums, can_pack
from bnn.reference.row_checker import RowChecker
from bnn.values.bitstrings import BitStrings, Values, unpacked
from bnn.values.linear import LinearSums
from pimsim.bits import Words

_AT_A_TIME = 1 << 18
"""Sums that are computed and compared at a time: they stay in a processor's cache."""


class SumChecker:
    """Compares every sum of a stage in DRAM rows with that of the reference.

    Args:
        stage: the stage.
        fed: what its layer multiplies.
        operands: the stored operands, ``(images, pixels, channels)``, of the images that are
            checked; whether they are right is not checked here. threads: processors used, all if
            None. images: ``(checked,)`` which images are checked, in order; None: all. network: the
            layers, up to the logits; None: bits are decided when they are compared.

    """

    def __init__(
        self,
        stage: Stage,
        fed: OperandAnalysis,
        operands: BitStrings,
        threads: int | None = None,
        images: NDArray[np.intp] | None = None,
        network: Network | None = None,
    ) -> None:
        self._stage, self._fed, self._operands = stage, fed, operands
        self._threads = threads
        self.images = images
        """Those that are checked; wherever images are counted below, it is these alone."""
        self._packed: PackedSums | None = None
        self._rows: RowChecker | None = None
        if can_pack(stage.layer):
            self._packed = PackedSums(stage.layer, stage.shape, fed.encoding, fed.pad)
            if network is not None and stage.thresholds is not None:
                sums = operands.images * int(np.prod(network.shapes()[stage.index]))
                decided = DecidedBits(network, stage, fed, sums)
                self._rows = RowChecker(stage, fed, operands, decided.limits(), self._packed)
        self.compared = 0
        """Sums compared so far."""
        self.wrong = 0
        """How many of these sums, and of the bits, differed."""

    @property
    def layer(self) -> str:
        """Name of the layer whose sums they are."""
        return self._stage.layer.name

    def compare(
        self,
        images: slice,
        offset: int,
        outputs: slice,
        sums: NDArray[np.int64] | NDArray[np.int32],
        positions: slice | Indices = slice(None),
    ) -> None:
        """Check ``sums`` (outputs, images, positions) at one place of the pooling window."""
        where = self._stage.windows.outputs[offset, positions]
        inside = where >= 0
        places, every = where[inside], bool(inside.all())
        for some in _steps(images, max(len(places) * (outputs.stop - outputs.start), 1)):
            own = slice(some.start - images.start, some.stop - images.start)
            seen = sums[:, own] if every else sums[:, own][..., inside]
            self.wrong += int(np.count_nonzero(self.expected(some, outputs, places) != seen))
            self.compared += seen.size

    @property
    def reads_rows(self) -> bool:
        """Whether it compares sums where they stand."""
        return self._rows is not None

    def compare_rows(
        self,
        images: slice,
        outputs: slice,
        words: Words,
        sums: Sequence[LinearSums],
        positions: slice | Indices = slice(None),
    ) -> None:
        """Check sums that stand in rows, see :class:`bnn.mapped.mapped_stage.Checker`.

        The bits that these must decide are kept, for :meth:`decide`.
        """
        if self._rows is None:
            raise ValueError("sums in rows are compared of stages with bits alone")
        where = self._stage.windows.outputs[:, positions]
        if not isinstance(positions, slice):
            where[:, positions == OUTSIDE] = OUTSIDE
        places = np.arange(self._stage.windows.positions)[positions]
        compared, wrong = self._rows.compare(
            _slots(images, self.images), outputs, words, sums, (where, places), self._threads
        )
        self.compared += compared
        self.wrong += wrong

    def decide(self, network: Network, values: Values) -> None:
        """Compare bits ``(images, positions, outputs)`` with what the sums decide.

        Args:
            network: the layers, up to the logits.
            values: what a stage with thresholds gave.

        """
        strings = values if isinstance(values, BitStrings) else BitStrings.of(values)
        if self._rows is not None and self._rows.complete:
            right = self._rows.bits
            self.wrong += _different(strings.reshaped(right.pixels, right.channels), right)
            return
        stage, count = self._stage, self._operands.images
        shape = network.shapes()[stage.index]
        each = int(np.prod(shape))
        places, outputs = np.arange(each // shape[-1]), slice(0, shape[-1])
        decided = DecidedBits(network, stage, self._fed, each * count)
        for some in _steps(slice(0, count), each):
            bits = decided.of(self.expected(some, outputs, places))
            right = BitStrings.of(bits.transpose(1, 2, 0).view(np.uint8))
            own = strings.some(some)
            self.wrong += _different(own.reshaped(right.pixels, right.channels), right)

    def values(self, network: Network) -> Values:
        """Return what the stage must give of all images: bits, or sums without thresholds.

        Args:
            network: the layers, up to the logits.

        """
        stage, count = self._stage, self._operands.images
        shape = network.shapes()[stage.index]
        outputs, places = slice(0, shape[-1]), np.arange(int(np.prod(shape[:-1])))
        if stage.thresholds is None:
            places = stage.windows.outputs[0]
            return (
                self.expected(slice(0, count), outputs, places).transpose(1, 2, 0).astype(np.int64)
            )
        decided = DecidedBits(network, stage, self._fed, count * int(np.prod(shape)))
        found: BitStrings | None = None
        for some in _steps(slice(0, count), int(np.prod(shape))):
            bits = decided.of(self.expected(some, outputs, places))
            own = BitStrings.of(bits.transpose(1, 2, 0).view(np.uint8))
            if found is None:
                found = BitStrings.empty(count, own.pixels, own.channels)
            found.data[some] = own.data
        if found is None:
            raise ValueError("there must be images")
        return found

    def expected(self, images: slice, outputs: slice, places: Indices) -> NDArray[np.int32]:
        """Sums of some images, outputs and windows, ``(outputs, images, places)``."""
        operands, stage = self._operands.some(images), self._stage
        if self._packed is not None:
            return self._packed.sums(operands, outputs, places, threads=self._threads)
        stored = operands.integers().astype(np.int64)
        integers = self._fed.encoding.step * stored + self._fed.encoding.low
        laid = integers.reshape(operands.images, *stage.shape)
        found = reference.sums(stage.layer, laid, self._fed.pad)
        whole = found.reshape(operands.images, -1, found.shape[-1])
        return whole[:, places, outputs].transpose(2, 0, 1)


def _slots(images: slice, checked: NDArray[np.intp] | None) -> Indices:
    """Which each of some images is of those that are checked; -1: it is not."""
    if checked is None:
        return np.arange(images.start, images.stop)
    first, last = np.searchsorted(checked, [images.start, images.stop]).tolist()
    slots = np.full(images.stop - images.start, OUTSIDE, np.intp)
    slots[checked[first:last] - images.start] = np.arange(first, last)
    return slots


def _steps(images: slice, each: int) -> list[slice]:
    """Images in turn, so many at a time that their sums are not too many."""
    step = max(1, _AT_A_TIME // each)
    starts = range(images.start, images.stop, step)
    return [slice(start, min(start + step, images.stop)) for start in starts]


def _different(one: Values, other: Values) -> int:
    """How many values differ."""
    if isinstance(one, BitStrings) and isinstance(other, BitStrings):
        if np.array_equal(one.data, other.data):
            return 0
        return int(np.unpackbits(one.data ^ other.data).sum())
    return int(np.count_nonzero(unpacked(one) != unpacked(other)))
