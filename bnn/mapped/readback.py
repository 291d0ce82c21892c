"""What the host does with rows that have been read out: it counts, compares and pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import Count, MappedStage
from bnn.mapped.parity import Parities
from bnn.values.linear import LinearSums
from pimsim.bits import Words, count_ones, unpack
from pimsim.executors.compiled.run.read_rows import strings
from pimsim.executors.compiled.run.read_rows import sums as numbers


class ReadOut(NamedTuple):
    """Rows read out of some columns, and what these stand for."""

    rows: Words
    """``(n, slots, words)``: of one output after the other, or of all that lie side by side."""
    shape: tuple[int, ...]
    """Shape of all columns: those of the first of ``n``, then of the next, and so on."""
    output: NDArray[np.intp]
    """Output of each column, and position: they broadcast to the shape."""
    position: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Turns rows that have been read out into sums and bits."""

    mapped: MappedStage
    slots: Mapping[int, int]
    """Which of the rows each is that the program reads or looks at, by its number."""

    def held(self, count: Count) -> bool:
        """Whether the rows of a count were read."""
        return all(number in self.slots for _, number in count.bits)

    def given(self, read: ReadOut) -> NDArray[np.integer[Any]]:
        """What the stage gives, (columns, n): bits, or sums where it has no thresholds."""
        back, size = self.mapped.readback, int(np.prod(read.shape)) // len(read.rows)
        if back.result is not None:
            rows = read.rows[:, self.slots[back.result]]
            if len(rows) == 1:
                return unpack(rows, size).T
            packed = np.empty((size, -(-len(rows) // 8)), np.uint8)
            strings(rows, size, packed, threads=1)
            return np.unpackbits(packed, axis=1, count=len(rows), bitorder="little")
        found = [self.sums(count, read, threads=1) for count in back.counts if count.given]
        if self.mapped.stage.thresholds is None:
            return found[-1].reshape(-1, size).T
        return decide(self.mapped.stage, found, read.output, read.position).reshape(-1, size).T

    def wrong(self, read: ReadOut, parities: Parities) -> NDArray[np.bool_]:
        """Columns (outputs, images, positions) in which a row is not what it must be.

        Args:
            read: of outputs that come in turn; images for which there are no parities are left out.
            parities: of the operands.

        """
        wrong: NDArray[np.bool_] = np.zeros((len(read.rows), 1, 1), np.bool_)
        size = int(np.prod(read.shape)) // len(read.rows)
        for number, place, check in self.mapped.readback.checks:
            expected = parities.expected(check, place, read.output.reshape(-1), read.position)
            found = unpack(read.rows[:, self.slots[number]], size).reshape(read.shape)
            wrong = wrong | (found[:, : expected.shape[1]] != expected)
        return wrong

    def sums(self, count: Count, read: ReadOut, threads: int | None = None) -> NDArray[np.int32]:
        """Sums of columns as the reference has them."""
        wide = count.constant.shape[1] > 1
        constant = count.constant[read.output, read.position if wide else 0]
        if not count.bits:  # all weights are 0
            return np.broadcast_to(constant.astype(np.int32), read.shape)
        words = self._binary(count, read.rows)
        inverted = np.zeros(words.shape[:2], np.bool_)
        if count.inverted is not None:
            same_for_all = count.inverted.shape[1] == 1
            own = count.inverted if same_for_all else count.inverted[:, read.output.reshape(-1)]
            inverted[:] = own.T
        same = constant.reshape(-1) if constant.size == len(read.rows) else None
        total = numbers(
            words,
            int(np.prod(read.shape)) // len(read.rows),
            inverted,
            self.mapped.readback.scale,
            same,
            threads=threads,
        ).reshape(read.shape)
        if same is None:
            total += constant.astype(np.int32)
        return total

    def linear(self, count: Count, slots: int) -> LinearSums | None:
        """How rows hold the sums of a count, all slots of an output after those of another.

        None where positions differ, or where the host counts.
        """
        if self.mapped.readback.on_host or count.constant.shape[1] > 1:
            return None
        outputs, scale = len(count.constant), self.mapped.readback.scale
        constants = count.constant[:, 0].astype(np.int64)
        if not count.bits:  # all weights are 0
            nothing = np.zeros((outputs, 1), np.int64)
            return LinearSums.alone(nothing, nothing, constants)
        weights = scale * (np.int64(1) << np.arange(count.levels))
        inverted = np.zeros((count.levels, outputs), np.bool_)
        if count.inverted is not None:
            inverted[:] = count.inverted
        constants = constants + weights @ inverted
        exponents = [exponent for exponent, _ in count.bits]
        own = np.array([self.slots[number] for _, number in count.bits])
        rows = np.arange(outputs)[:, None] * slots + own
        factors = np.where(inverted[exponents].T, -weights[exponents], weights[exponents])
        return LinearSums.alone(rows, factors, constants)

    def _binary(self, count: Count, rows: Words) -> Words:
        """Rows of a count, the least significant first, (n, levels, words)."""
        slots = [self.slots[number] for _, number in count.bits]
        exponents = [exponent for exponent, _ in count.bits]
        if self.mapped.readback.on_host:
            return count_ones(rows[:, slots[0] : slots[-1] + 1], exponents)
        if len(slots) == count.levels and slots == list(range(slots[0], slots[0] + len(slots))):
            return rows[:, slots[0] : slots[0] + len(slots)]
        words = np.zeros((len(rows), count.levels, rows.shape[2]), np.uint64)
        words[:, exponents] = rows[:, slots]  # the rest is always 0 (or, inverted, always 1)
        return words


def decide(
    stage: Stage,
    sums: Sequence[NDArray[np.integer[Any]]],
    outputs: NDArray[np.intp],
    positions: NDArray[np.intp],
) -> NDArray[np.uint8]:
    """Compare sums with a stage's thresholds, and pool the bits.

    Args:
        stage: the stage.
        sums: those of columns, of any shape, for each place of the pooling window.
        outputs: output of each column; broadcasts to that shape.
        positions: position of each column, likewise.

    Returns:
        bits, of the same shape.

    """
    found = stage.thresholds
    if found is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    own = Thresholds(found.at[outputs], found.falling[outputs])
    every = stage.conjunction[outputs]
    result = np.broadcast_to(every, sums[0].shape)
    for offset, some in enumerate(sums):
        inside = stage.windows.outputs[offset, positions] >= 0
        bits = np.where(inside, own.bits(some), every)
        result = np.where(every, result & bits, result | bits)
    return result.astype(np.uint8)
