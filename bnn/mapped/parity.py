"""What the host knows of a count beforehand: whether it is odd.

The least bit of a count is the parity of what was counted. Where every weight is -1 or +1 each
operand counts, complemented or not, so that the parity is that of the operands' rows (the same for
all outputs) and a constant of the output's weights. The host, which wrote the operands, needs one
exclusive or of all of them to know what the row of least bits must be: a checksum. An even number
of errors in a column goes unseen, and so does one in the higher bits or behind the count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from pimsim.errors import InputError

Bits = NDArray[np.uint8]


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
    lowest = [number for number, shift in enumerate(stage.shifts) if shift == 0]
    if len(lowest) != 1 or not stage.weights[lowest].all() or row is None:
        raise InputError(
            f"`retries` must be 0 for layer {stage.name!r}: a checksum needs weights of -1 and +1, "
            "and some are not"
        )
    odd = np.count_nonzero(stage.weights[lowest[0]] < 0, axis=(0, 1)) % 2
    flips = odd[:, None] ^ inverted[:, None] ^ added.T
    shape = (stage.outputs, stage.windows.positions)
    return Check(row, np.broadcast_to(flips, shape).astype(np.uint8))


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
