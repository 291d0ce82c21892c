"""What rows that a stream gives, or lets be seen, stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import MappedStage
from pimsim.bits import Words, unpack
from pimsim.microprogram.output_tree.stream import Stream


class StreamRows:
    """Rows of some columns, in the order in which a stream has them read or looked at.

    Args:
        mapped: the stage.
        stream: of a group of its outputs.
        rows: ``(words,)`` each.
        shape: of the columns: outputs, which are 1, images and positions.

    """

    def __init__(
        self,
        mapped: MappedStage,
        stream: Stream,
        rows: Sequence[Words],
        shape: tuple[int, int, int],
    ) -> None:
        self._mapped, self._stream, self._shape = mapped, stream, shape[1:]
        size = int(np.prod(shape))
        self._digits = stream.digits()
        deeds = [deed for deed in stream.deeds(looking=True) if deed.digit or deed.given >= 0]
        self._rows: dict[object, NDArray[np.uint8]] = {
            deed.digit or deed.given: unpack(words[None], size)[0]
            for deed, words in zip(deeds, rows, strict=True)
        }

    def given(self) -> Sequence[NDArray[np.integer[Any]]]:
        """Bits, or sums, of each output of the group: (images, positions)."""
        if self._stream.gives_sums:
            return list(self.sums()[-1])
        every = range(len(self._stream.outputs))
        return [self._rows[number].reshape(self._shape) for number in every]

    def sums(self) -> NDArray[np.int64]:
        """Sums at each place of the pooling window: (places, outputs, images, positions)."""
        if self._mapped.sums is None:
            raise ValueError("a stream must have sums")
        size = int(np.prod(self._shape))
        seen = [self._rows[digit] for digit in self._digits]
        rows = np.array(seen, np.int64).reshape(len(seen), size)
        numbers = self._stream.sums(rows, self._digits)
        sums = self._mapped.sums.of(numbers, self._stream.outputs)
        return sums.reshape(*sums.shape[:2], *self._shape)
