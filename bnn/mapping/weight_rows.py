"""Weights in rows: what the rows of a column hold, and how an operand bit is multiplied with them.

A digit that is nowhere 0 has one row a product, and XNOR multiplies. A digit that is 0 somewhere
has two, which say what a product is where the operand's bit is 1 (whether the digit is +1) and
where it is 0 (whether the digit is -1); the bit selects one of them. That takes the 7 commands of
an XNOR. A row of signs and one of zeros would take as many rows and an AND more, half the sum of
two kernels of signs twice the commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.chunk import Chunk
from pimsim.microprogram.logic import SELECT, XNOR
from pimsim.microprogram.program import Program


class Product(NamedTuple):
    """An operand bit times a digit of its weight."""

    level: int
    """Exponent of what it counts for."""
    program: Program
    """Writes it to the symbol ``out``."""
    rows: dict[str, int]
    """Data rows of the other symbols."""


def has_zeros(stage: Stage) -> list[bool]:
    """Per digit, whether it is 0 somewhere and so has two rows of weights a product."""
    return [bool((digit == 0).any()) for digit in stage.weights]


def rows_per_product(stage: Stage) -> int:
    """Weight rows of one product, all digits together."""
    return sum(1 + zeros for zeros in has_zeros(stage))


def rows(stage: Stage, chunk: Chunk) -> int:
    """Weight rows of a chunk, all digits together."""
    return len(chunk.every_tap(stage.windows)) * chunk.width * rows_per_product(stage)


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


def products(stage: Stage, offset: int, chunk: Chunk, first: int) -> Iterator[Product]:
    """Yield every product of a chunk at one place of the pooling window.

    Operands lie from data row 0 on, see :class:`~bnn.mapping.chunk.Chunk`; the rows of
    :func:`weights` from ``first`` on.
    """
    width, held = chunk.width, chunk.every_tap(stage.windows)
    here = chunk.taps(stage.windows, offset)
    places = (stage.windows.taps[offset, here] - chunk.places.start).tolist()
    taps = list(zip(np.searchsorted(held, here).tolist(), places, strict=True))
    for shift, zeros in zip(stage.shifts, has_zeros(stage), strict=True):
        for bit in range(stage.planes):
            for tap, place in taps:
                for channel in range(width):
                    operand = (place * width + channel) * stage.planes + bit
                    weight = first + tap * width + channel
                    if zeros:
                        rows = {"select": operand, "a": weight, "b": weight + len(held) * width}
                        yield Product(bit + shift, SELECT, rows)
                    else:
                        yield Product(bit + shift, XNOR, {"a": operand, "b": weight})
        first += len(held) * width * (1 + zeros)
