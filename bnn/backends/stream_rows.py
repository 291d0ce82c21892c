"""What the rows stand for that a stream reads or looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.parity import Flags, Parities
from pimsim.bits import Words, unpack
from pimsim.microprogram.output_tree.stream import Digit, Stream


class StreamRows:
    """Rows of some columns, in the order in which a stream reads or looks at them.

    Args:
        mapped: the stage.
        stream: of a group of its outputs.
        rows: ``(n, words)``.
        shape: of the columns: outputs, which are 1, images and positions.
        looking: whether rows that are only looked at are among them.

    """

    def __init__(
        self,
        mapped: MappedStage,
        stream: Stream,
        rows: Words,
        shape: tuple[int, int, int],
        *,
        looking: bool,
    ) -> None:
        self._mapped, self._stream, self._shape = mapped, stream, shape[1:]
        deeds = stream.read(looking=looking)
        bits = unpack(rows, int(np.prod(shape)))
        self._bits = {deed.given: own for deed, own in zip(deeds, bits, strict=True)}
        self._digits: dict[Digit, NDArray[np.uint8]] = {
            deed.digit: own for deed, own in zip(deeds, bits, strict=True) if deed.digit is not None
        }

    def given(self) -> Sequence[NDArray[np.integer[Any]]]:
        """Bits, or sums, of each output of the group: (images, positions)."""
        if self._stream.gives_sums:
            return list(self._sums([len(self._stream.counted) - 1])[0])
        every = range(len(self._stream.outputs))
        return [self._bits[number].reshape(self._shape) for number in every]

    def sums(self) -> NDArray[np.int64]:
        """Sums that can be checked, (places, outputs, images, positions).

        Places that are computed several times come as often.
        """
        return self._sums(range(len(self._stream.windows)))

    def wrong(self, parities: Parities, positions: slice) -> Flags:
        """Columns (images, positions) in which numbers are wrong: a bit for each output.

        Args:
            parities: of the operands; images for which there are none are left out.
            positions: of the stage, those of the columns.

        """
        check, stream = self._mapped.checks, self._stream
        if check is None:
            return np.zeros((1, 1), np.uint16)
        numbers = self._numbers(range(len(stream.windows)), check.level)
        for window, own in enumerate(stream.windows):
            held = own.plan.digits[:, :, check.level + 1] >= 0
            for leaf, outputs in enumerate(own.plan.leaves):
                places = [stream.outputs.index(output) for output in outputs]
                numbers[window, places] += int(held[leaf].sum()) << check.level + 1
        return check.wrong(numbers, stream.outputs, parities, positions)

    def _sums(self, windows: Sequence[int]) -> NDArray[np.int64]:
        if self._mapped.sums is None:
            raise ValueError("a stream must have sums")
        numbers = self._numbers(windows)
        sums = self._mapped.sums.of(numbers.reshape(*numbers.shape[:2], -1), self._stream.outputs)
        return sums.reshape(numbers.shape)

    def _numbers(self, windows: Sequence[int], highest: int | None = None) -> NDArray[np.int64]:
        """Numbers (windows, outputs, images, positions), of digits up to a weight alone."""
        seen = [one for one in self._digits if highest is None or one.weight <= highest]
        size = int(np.prod(self._shape))
        rows = np.array([self._digits[one] for one in seen], np.int64).reshape(len(seen), size)
        found = self._stream.sums(rows, seen, windows)
        return found.reshape(*found.shape[:2], *self._shape)
