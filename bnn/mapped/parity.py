"""What the host knows of a count in advance: whether it is odd.

The lowest bit of a count is the parity of what was counted. If every weight is -1 or +1, every
operand is counted, complemented or not. So the parity is that of the operand rows (the same for all
outputs), plus a constant that follows from the weights. The host wrote the operands; one exclusive
or of all of them gives the right row of lowest bits: a checksum. An even number of errors in a
column is not detected, nor is an error in the higher bits or after the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from pimsim.errors import InputError

Bits = NDArray[np.uint8]

Flags = NDArray[Any]
"""Whether something is wrong; of a group of outputs a bit for each of them, in a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """A row whose content the host knows beforehand."""

    row: int
    """Data row of part 0 that holds the least bits of the products' count."""
    flips: Bits
    """``(outputs, positions)``: what it holds beyond the parity of the operands."""


def check(stage: Stage, row: int | None, inverted: NDArray[np.bool_], added: Bits) -> Check:
    """Return the checksum of a stage's counts.

    Args:
        stage: the stage.
        row: data row of the least bits of the products' count.
        inverted: ``(outputs,)`` whether it holds the complement.
        added: ``(positions, outputs)`` what a correction adds to these bits.

    Raises InputError where outputs have no common checksum: if some weights are 0.
    """
    lowest = least_digits(stage)
    if row is None:
        raise no_checksum(stage)
    odd = np.count_nonzero(lowest < 0, axis=(0, 1)) % 2
    flips = odd[:, None] ^ inverted[:, None] ^ added.T
    shape = (stage.outputs, stage.windows.positions)
    return Check(row, np.broadcast_to(flips, shape).astype(np.uint8))


def least_digits(stage: Stage) -> NDArray[np.int8]:
    """Digits of weight 1, ``(taps, channels, outputs)``; InputError if some are 0."""
    lowest = [number for number, shift in enumerate(stage.shifts) if shift == 0]
    if len(lowest) != 1 or not stage.weights[lowest].all():
        raise no_checksum(stage)
    found: NDArray[np.int8] = stage.weights[lowest[0]]
    return found


def no_checksum(stage: Stage) -> InputError:
    """Return what is raised for a stage without a common checksum."""
    return InputError(
        f"`retries` must be 0 for layer {stage.name!r}: a checksum needs weights of -1 and +1, "
        "and some are not"
    )


@dataclass(frozen=True, slots=True, eq=False)
class TreeCheck:
    """What the host knows of the numbers whose signs streams decide, modulo ``1 << level + 2``.

    The lowest bit of every operand counts ``1 << level``, as a digit of -1 or +1. Flipping a digit
    adds or subtracts twice that, which is the same modulo four times that. So only the parity of
    these bits matters.
    """

    stage: Stage
    """Whose windows and groups of channels operands have."""
    level: int
    least: NDArray[np.int64]
    """``(places, outputs, positions)``, or 1 position: the number where all operands are 0."""
    apart: bool
    """Whether places have outputs of their own, those of one after those of the other."""

    def wrong(
        self,
        numbers: NDArray[np.int64],
        outputs: Sequence[int],
        parities: Parities,
        positions: slice,
    ) -> NDArray[np.uint16]:
        """Columns (images, positions) that are wrong, of each output a bit.

        Args:
            numbers: ``(windows, outputs, images, positions)`` of a group, as they are.
            outputs: of the group.
            parities: of the operands; images for which there are none are left out.
            positions: those of the columns.

        """
        every, modulus = self.least.shape[1], 1 << self.level + 2
        first, own = divmod(np.array(outputs), every)
        flags: NDArray[np.uint16] | None = None
        for window, found in enumerate(numbers):
            place = int(first[0]) if self.apart else window
            parity = parities.of(place)[self.stage.group_of[own]][:, :, positions]
            least = self.least[place, own]
            least = least[:, None, positions] if least.shape[1] > 1 else least[:, None]
            expected = least + (parity.astype(np.int64) << self.level + 1)
            bad = (found[:, : parity.shape[1]] - expected) % modulus != 0
            bits = np.left_shift(bad, np.arange(len(own))[:, None, None]).sum(axis=0)
            some = bits.astype(np.uint16)
            flags = some if flags is None else flags | some
        if flags is None:
            raise ValueError("a stream must have windows")
        return flags


def tree_check(stage: Stage, least: NDArray[np.int64], *, apart: bool) -> TreeCheck:
    """Return what is known of streams' numbers.

    Args:
        stage: over all channels, with weights of 0 for those that an output does not read.
        least: see :attr:`TreeCheck.least`.
        apart: see :attr:`TreeCheck.apart`.

    """
    reads = np.count_nonzero((stage.weights != 0).any(axis=(0, 1)), axis=0)
    groups = stage.windows.channels // int(reads[0])
    return TreeCheck(replace(stage, groups=groups), int(stage.zero_padding), least, apart)


class Parities:
    """Parities of the operands of some images.

    Args:
        stage: the stage.
        operands: ``(images, pixels, channels)`` integers that the bits hold.

    """

    def __init__(self, stage: Stage, operands: NDArray[np.integer[Any]]) -> None:
        self._stage = stage
        images, pixels, _ = operands.shape
        least = (operands & 1).astype(np.uint8).reshape(images, pixels, stage.groups, -1)
        padded = np.full((images, 1, stage.groups), stage.pad & 1 & least.shape[3], np.uint8)
        every = np.bitwise_xor.reduce(least, axis=3)
        self._pixels = np.concatenate([every, padded], axis=1)  # so that pixel -1 is the padding
        self._known: dict[int, Bits] = {}

    def of(self, place: int) -> Bits:
        """``(groups, images, positions)`` parities at a place of the pooling window."""
        if place not in self._known:
            windows = self._stage.windows
            read = self._pixels[:, windows.pixels[:, windows.taps[place]]]
            parity: Bits = np.bitwise_xor.reduce(read, axis=2).transpose(2, 0, 1)
            self._known[place] = np.ascontiguousarray(parity)
        return self._known[place]

    def expected(
        self, check: Check, place: int, outputs: NDArray[np.intp], positions: NDArray[np.intp]
    ) -> Bits:
        """``(outputs, images, positions)``: what the row of a check must hold."""
        parity = self.of(place)[self._stage.group_of[outputs]][:, :, positions]
        expected: Bits = parity ^ check.flips[outputs[:, None], positions][:, None]
        return expected
