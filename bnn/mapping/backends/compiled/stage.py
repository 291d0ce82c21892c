"""All columns of a mapped stage at once, through a compiled row program: the values alone.

Columns do not see each other, so it makes no difference here which of them share a DRAM row, and in
which order they are computed. A few images at a time are taken, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.compiled.in_turn import InTurn
from bnn.mapping.backends.compiled.side_by_side import SideBySide
from bnn.mapping.host_popcount import decide
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.readback import Reader
from bnn.values.bitstrings import BitStrings, Values
from bnn.values.encoding import Integers
from pimsim.bits import Words
from pimsim.executors.compiled.lower.compile import Compiled
from pimsim.executors.compiled.run.read_rows import strings, sums

See = Callable[[slice, int, NDArray[np.int32]], None]
"""Called with images, the place of the pooling window and sums (outputs, images, positions)."""


class Columns(Protocol):
    """Rows of a few images at a time, and the compiled program that runs on them."""

    compiled: Compiled
    images: int
    """Images that are run at a time."""

    def run(
        self, operands: Integers | BitStrings, threads: int | None
    ) -> Iterator[tuple[slice, Words]]:
        """Run the program on operands (images, pixels, channels), a few images at a time.

        Yields the images, and the rows read out of their columns, (outputs, slots, words), which
        are overwritten by what follows.
        """
        ...


class CompiledStage:
    """A mapped stage, compiled for all of its columns.

    Args:
        mapped: the stage.
        images: images that will be run, so that no more columns are made than they need.
        looking: read every sum out, for :meth:`run` to show them.

    """

    def __init__(self, mapped: MappedStage, images: int, *, looking: bool = False) -> None:
        self._mapped = mapped
        program, slots = mapped.program.delivered(looking=looking)
        self._reader = Reader(mapped, slots)
        self._counts = [
            count
            for count in mapped.readback.counts
            if self._reader.held(count) and (looking or count.given or mapped.readback.on_host)
        ]
        make = SideBySide if mapped.placement.side_by_side else InTurn
        kept = len(self._counts) if mapped.readback.on_host else min(len(self._counts), 1)
        self.columns: Columns = make(mapped, program, images, sums=kept)
        self._warm()

    @property
    def images(self) -> int:
        """Images that are run at a time."""
        return self.columns.images

    def _warm(self) -> None:
        """Have the code that reads back made now."""
        stage, words = self._mapped.stage, 8
        zero = np.zeros((stage.outputs, words), np.uint64)
        strings(zero, 1, np.zeros((1, -(-stage.outputs // 8)), np.uint8))
        for levels in {count.levels for count in self._counts if count.bits}:
            many = np.zeros((1, levels, words), np.uint64)
            sums(many, 1, np.zeros((1, levels), np.bool_), 1, np.zeros(1, np.int64))

    def run(
        self,
        operands: Integers | BitStrings,
        *,
        threads: int | None = None,
        see: See | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> Values:
        """Values of all images, (images, positions, outputs): bits, or sums without thresholds.

        Args:
            operands: (images, pixels, channels).
            threads: processors used, all if None.
            see: is shown every sum that is to be checked; needs ``looking``.
            report: called with how many images are done, and how many there are.

        """
        stage, back, count = self._mapped.stage, self._mapped.readback, len(operands)
        positions, result = stage.windows.positions, back.result
        bits = stage.thresholds is not None
        values = BitStrings.empty(count, positions, stage.outputs)
        wide = np.empty(0 if bits else values.shape, np.int64)
        for some, found in self.columns.run(operands, threads):
            size, seen = some.stop - some.start, []
            for each in self._counts:
                own = self._reader.sums(each, found, size, threads)
                if see is not None and each.seen:
                    see(some, each.place, own)
                if each.given:
                    seen.append(own)
            into = values.data[some].reshape(size * positions, -1)
            if result is not None:
                slot = self._reader.slots[result]
                strings(found[:, slot], size * positions, into, threads=threads)
            elif bits:
                decided = decide(stage, seen).reshape(stage.outputs, -1).T
                into[:] = np.packbits(decided, axis=1, bitorder="little")
            else:
                wide[some] = seen[-1].transpose(1, 2, 0)
            if report is not None:
                report(some.stop, count)
        return values if bits else wide
