"""Weights in rows: what the rows of a column hold, and how an operand bit is multiplied with them.

A digit that is never 0 has one row for each product, and XNOR multiplies. A digit that is 0
somewhere has two rows. They hold the product for an operand bit of 1 (1 if the digit is +1) and for
a bit of 0 (1 if the digit is -1); the bit selects one of them. That takes 7 commands, like an XNOR.
Two other ways would be worse: a row of signs and one of zeros takes the same rows and one AND more;
half the sum of two kernels of signs takes twice the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import ConstantRows, MappedStage, OperandRows, ReadBack
from bnn.mapped.placement.division import side_by_side
from bnn.mapped.placement.fan_in import Chunk, fit
from bnn.system.system import System
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.logic import SELECT, XNOR
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import RowProgram


class Product(NamedTuple):
    """An operand bit times a digit of its weight."""

    level: int
    """Exponent of what it counts for."""
    program: Program
    """Writes it to the symbol ``out``."""
    rows: dict[str, int]
    """Data rows of the other symbols."""
    anded: bool
    """Whether it is counted as an AND of its two rows, if any are."""
    complemented: bool
    """Whether these two hold complements."""


class Turned(NamedTuple):
    """Which operands of a chunk are complemented, together with their weights.

    About half of them are, because pairs of plain and of complemented ANDs take turns (see
    :mod:`pimsim.microprogram.and_count`). Only digits without zeros are complemented.
    """

    weights: NDArray[np.bool_]
    """``(taps, channels)``, taps being those that the chunk ever needs."""
    operands: NDArray[np.bool_]
    """``(places, channels)``."""

    @classmethod
    def of(cls, stage: Stage, chunk: Chunk) -> Turned:
        """Choose them.

        If each product has an operand of its own, every other pair of products is chosen. If an
        operand is used by several taps, as with pooling, channels are chosen; none if there is only
        one.
        """
        held, width = chunk.every_tap(stage.windows), chunk.width
        size = len(held) * width
        in_order = (np.arange(size) * 2 >= size).reshape(len(held), width)
        by_channel = np.broadcast_to(np.arange(width) * 2 >= max(width, 2), in_order.shape)
        places = chunk.operands // width
        for weights in (in_order, by_channel):
            operands = np.zeros((places, width), np.bool_)
            met = np.zeros(places, np.bool_)
            fits = True
            for offset in range(stage.windows.offsets):
                here = chunk.taps(stage.windows, offset)
                own = weights[np.searchsorted(held, here)]
                at = stage.windows.taps[offset, here] - chunk.places.start
                known = met[at]
                fits &= bool((operands[at][known] == own[known]).all())
                operands[at], met[at] = own, True
            if fits:
                break
        return cls(np.array(weights), operands)


Plan = tuple[RowProgram, ReadBack, "Residence"]
"""What is done and held in every column, and how it is read back."""


def fitted(
    stage: Stage,
    system: System,
    write: Callable[[list[Chunk]], Plan],
    width: Callable[[Chunk], int],
) -> Plan:
    """Plan a stage, its fan-in split over as few subarrays as hold it.

    Args:
        stage: the stage.
        system: whose banks compute.
        write: makes a plan of what each part holds, or raises OutOfRowsError.
        width: rows that the home needs for what a part has counted.

    Raises OutOfRowsError.
    """
    return fit(
        stage.name,
        stage.weights.shape[2],
        stage.windows.patch,
        system.data_rows,
        write,
        lambda chunk: chunk.operands * stage.planes + rows(stage, chunk),
        width,
    )


def placed(stage: Stage, system: System, images: int, plan: Plan) -> list[MappedStage]:
    """Lay a planned stage out side by side, for so many images.

    Raises OutOfSubarraysError where the weights do not fit the banks.
    """
    program, readback, held = plan
    parts = len(held.chunks)
    placement = side_by_side(stage, system, images, program, parts)
    # The lowest free row is always taken first.
    used = system.address_map.first_data + max(free.peak for free in held.free)
    return [MappedStage(stage, system, program, placement, readback, parts, used)]


def has_zeros(stage: Stage) -> list[bool]:
    """Per digit, whether it is 0 somewhere and so has two rows of weights a product."""
    return [bool((digit == 0).any()) for digit in stage.weights]


def rows(stage: Stage, chunk: Chunk) -> int:
    """Weight rows of a chunk, all digits together."""
    per_product = sum(1 + zeros for zeros in has_zeros(stage))
    return len(chunk.every_tap(stage.windows)) * chunk.width * per_product


def weights(stage: Stage, chunk: Chunk) -> NDArray[np.bool_]:
    """What the weight rows of a chunk hold for each output, ``(rows, outputs)``.

    Digit by digit, tap by tap, channel by channel: where it is +1 and, if it has zeros, all over
    again where it is -1. Taps are those that the chunk ever needs.
    """
    found, taps = [], chunk.every_tap(stage.windows)
    for digit, zeros in zip(stage.weights, has_zeros(stage), strict=True):
        some = digit[taps, chunk.channels].reshape(-1, stage.outputs)
        found += [some > 0, some < 0] if zeros else [some > 0]
    return np.concatenate(found)


def products(
    stage: Stage, offset: int, chunk: Chunk, first: int, turned: Turned | None = None
) -> Iterator[Product]:
    """Yield every product of a chunk at one place of the pooling window.

    Operands lie from data row 0 on, see :class:`~bnn.mapped.placement.fan_in.Chunk`; the rows of
    :func:`weights` from ``first`` on. ``turned`` says which hold complements.
    """
    width, held = chunk.width, chunk.every_tap(stage.windows)
    here = chunk.taps(stage.windows, offset)
    places = (stage.windows.taps[offset, here] - chunk.places.start).tolist()
    taps = list(zip(np.searchsorted(held, here).tolist(), places, strict=True))
    ands = turned is not None
    none = np.zeros((len(held), width), np.bool_)
    complements = (none if turned is None else turned.weights).tolist()
    for shift, zeros in zip(stage.shifts, has_zeros(stage), strict=True):
        for bit in range(stage.planes):
            for tap, place in taps:
                for channel in range(width):
                    operand = (place * width + channel) * stage.planes + bit
                    weight, other = first + tap * width + channel, complements[tap][channel]
                    if zeros:
                        either = [weight, weight + len(held) * width]
                        a, b = either[::-1] if other else either
                        rows = {"select": operand, "a": a, "b": b}
                        yield Product(bit + shift, SELECT, rows, False, False)
                    else:
                        rows = {"a": operand, "b": weight}
                        yield Product(bit + shift, XNOR, rows, ands, other)
        first += len(held) * width * (1 + zeros)


class Residence:
    """Rows of every subarray that shares a fan-in: operands from D0 on, and weights behind them.

    Args:
        stage: the stage.
        data_rows: of a subarray.
        chunks: what each holds, the channels being those of a group.
        turning: complement some, see :class:`Turned`.

    Raises OutOfRowsError if it is too much.
    """

    def __init__(
        self, stage: Stage, data_rows: int, chunks: Sequence[Chunk], *, turning: bool = False
    ) -> None:
        self.stage, self.chunks, self._turning = stage, chunks, turning
        self.free = [RowAllocator(data_rows) for _ in chunks]
        """Rows that are left, by part."""
        self.weights: list[range] = []
        """Rows of weights, by part."""
        for rows_left, chunk in zip(self.free, chunks, strict=True):
            count, more = chunk.operands * stage.planes, rows(stage, chunk)
            rows_left.take(count + more, "operands")
            self.weights.append(range(count, count + more))

    @cached_property
    def turned(self) -> list[Turned | None]:
        """By part, what is complemented, if anything is."""
        return [Turned.of(self.stage, one) if self._turning else None for one in self.chunks]

    def write(self, program: RowProgram) -> None:
        """Write the weights once, and the operands before each batch."""
        for part, (chunk, held) in enumerate(zip(self.chunks, self.weights, strict=True)):
            bits, turned = weights(self.stage, chunk), self.turned[part]
            if turned is not None:
                bits ^= self._complemented(turned)[:, None]
            program.enter("weights")
            program.write(held, part, ConstantRows(bits[:, :, None]))
            program.enter("inputs")
            operands = OperandRows(chunk, of_group=True)
            if turned is not None:
                operands = operands._replace(complemented=turned.operands)
            program.write(range(held.start), part, operands)

    def _complemented(self, turned: Turned) -> NDArray[np.bool_]:
        """Which rows of :func:`weights` hold complements."""
        own = turned.weights.reshape(-1)
        none = np.zeros(2 * len(own), np.bool_)
        return np.concatenate([none if zeros else own for zeros in has_zeros(self.stage)])


def constants(stage: Stage, offset: int) -> NDArray[np.int64]:
    """What sum = scale * count + constant adds, (outputs, positions): zero padding included.

    Zero padding is stored as -1, so a padded tap has contributed minus the sum of its weights.
    """
    constant = np.repeat(stage.offsets[:, None], stage.windows.positions, axis=1)
    if stage.zero_padding:
        constant += (stage.windows.padded(offset).astype(np.int64) @ stage.tap_sums).T
    return constant
