"""Counting products of operands and weights that lie in rows: by ANDs, or by XNORs.

Let x be a bit of an operand, and let w be 1 if its weight is +1, and 0 if it is -1. A product adds
x XNOR w to the count, which equals 2 (x AND w) - x, plus 1 if the weight is -1. So

    count = 2 ones(x AND w) - ones(x) + the number of weights that are -1,

each bit times its weight in the count. The last term is known when weights are laid out. The host
writes the operands and knows ones(x); it writes the digits of that number to rows of the home, and
these are subtracted as rows of complements. Two ANDs and their adder take fewer commands than a
single XNOR and its adder (:mod:`pimsim.microprogram.and_count`).

For a digit that is 0 somewhere, ANDs would be needed twice, which takes more than a selection (see
:mod:`bnn.mapping.dataflows.resident_weights`) and its adder. So such a digit is always selected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import SumRows
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.spent import Need, need_of
from bnn.mapping.dataflows.adders import adder_need
from bnn.mapping.dataflows.resident_weights import Residence, has_zeros, products
from bnn.system.system import System
from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.accumulation import Item
from pimsim.microprogram.and_count import counts_ands
from pimsim.microprogram.logic import XNOR
from pimsim.microprogram.product_counter import ProductCounter, is_zero
from pimsim.microprogram.row_program import RowProgram

_INT32 = 1 << 31


def can_and(stage: Stage, address_map: AddressMap) -> bool:
    """Whether ANDs may be counted.

    Some digit must have no zeros, the map must have the commands, and the constants must leave sums
    small enough.
    """
    if all(has_zeros(stage)) or not counts_ands(address_map):
        return False
    return stage.scale * 4 * stage.fan_in * stage.largest * sum(_worths(stage)) < _INT32


def xnors_need(stage: Stage, system: System) -> Need | None:
    """What counting XNORs needs in each bank, at least, in however many parts.

    An adder takes three rows and leaves two. So it takes one adder for each product, but for those
    rows that are left: the digits of the count. No carry is dropped, as every product can be a 1.
    Not known (None) where a digit is 0 somewhere, whose products are selected.
    """
    if any(has_zeros(stage)):
        return None
    products = stage.weights[..., 0].size * stage.planes
    adders = max(0, products - max(stage.highest(), 1).bit_length())
    product = need_of(system, XNOR.on(system.address_map).cycle)
    needed = product.times(products).plus(adder_need(system).times(adders))
    return needed.times(stage.windows.offsets)


def least_moved(stage: Stage, data_rows: int) -> int:
    """How many digits of partial counts are moved at least, all places of a window together.

    A part that counts n products gives all binary digits of n. It has a row of weights for each of
    them, and an operand. Not known (0) for operands of several bits, and weights of several digits.
    """
    if stage.planes * len(stage.weights) > 1:
        return 0
    products, most = stage.weights[..., 0].size, data_rows // 2
    largest = [(1 << bits) - 1 for bits in range(1, most.bit_length())]
    rate = min((Fraction(n.bit_length(), n) for n in (*largest, most) if n), default=0)
    return math.ceil(max(0, products - most) * rate) * stage.windows.offsets


def _worths(stage: Stage) -> list[int]:
    """What a bit of the lowest plane counts for, by digit."""
    return [1 << shift for shift in stage.shifts]


class Widths:
    """Bits of what parts of a stage count, whichever weights are -1; each is worked out once.

    Args:
        stage: the stage.
        ands: count ANDs where a digit has no zeros, and not XNORs.

    """

    def __init__(self, stage: Stage, *, ands: bool) -> None:
        self.stage = stage
        self.anded = [ands and not zeros for zeros in has_zeros(stage)]
        """Per digit of a weight, whether its products are ANDs."""
        self._known: dict[tuple[int, int, int, int], int] = {}

    def of(self, chunk: Chunk) -> int:
        """Return those of a part, at least 1."""
        channels, places = chunk.channels, chunk.places
        key = channels.start, channels.stop, places.start, places.stop
        if key not in self._known:
            self._known[key] = self._most(chunk).bit_length()
        return self._known[key]

    def _most(self, chunk: Chunk) -> int:
        """Largest number that a part counts; not 0."""
        stage, most = self.stage, 1
        for place in range(stage.windows.offsets):
            taps, reach = chunk.taps(stage.windows, place), np.zeros(stage.outputs, np.int64)
            for digit, worth, anded in zip(stage.weights, _worths(stage), self.anded, strict=True):
                some = np.count_nonzero(digit[taps, chunk.channels], axis=(0, 1))
                reach += worth * (1 + anded) * some
            most = max(most, int(reach.max()) * stage.largest)
        return most


class ResidentCounter:
    """Writes what counts the products of a stage, whose operands and weights lie in rows.

    Args:
        stage: the stage.
        system: whose subarrays hold it.
        chunks: what each part holds, the home first.
        widths: of what parts count, and whether ANDs are.

    Raises OutOfRowsError if the rows do not hold that.
    """

    def __init__(
        self, stage: Stage, system: System, chunks: Sequence[Chunk], widths: Widths
    ) -> None:
        self._stage, self.address_map = stage, system.address_map
        self._first = system.address_map.first_data
        self._anded = widths.anded
        self.held = Residence(stage, system.data_rows, chunks, turning=any(self._anded))
        home = self.held.free[0]
        self._widths = [widths.of(chunk) for chunk in chunks]
        self._arrivals = [[], *(home.take(width, "partial counts") for width in self._widths[1:])]
        own = [worth for worth, anded in zip(_worths(stage), self._anded, strict=True) if anded]
        self._level = min(own, default=1).bit_length() - 1
        """Exponent of the lowest digit of what is taken away."""
        self._factor = sum(own) >> self._level
        digits = (stage.fan_in * stage.largest * self._factor).bit_length()
        places = range(stage.windows.offsets) if own else ()
        self._sums = [home.take(digits, "sums of operands") for _ in places]
        negative = np.zeros(stage.outputs, np.int64)
        for digit, worth, anded in zip(stage.weights, _worths(stage), self._anded, strict=True):
            negative += worth * anded * (digit < 0).sum(axis=(0, 1))
        added = ((1 << digits) - 1) << self._level if own else 0
        self.excess: NDArray[np.int64] = added - stage.largest * negative
        """``(outputs,)`` by how much the counted number exceeds the count of the stage."""
        self.highest = stage.highest() + added
        """What is counted does not exceed this, whichever weights are -1."""

    def write(self, program: RowProgram) -> None:
        """Write the sums of operands before each batch."""
        program.enter("inputs")
        for place, rows in enumerate(self._sums):
            program.write(rows, 0, SumRows(place, self._factor))

    def count(self, program: RowProgram, place: int) -> tuple[ProductCounter, list[Item]]:
        """Add to a program what counts at a place of the pooling window.

        Returns:
            the counter of the home, which holds the rows, and the digits.

        """
        home = ProductCounter(
            self.held.free[0], max(self.highest, 1).bit_length(), self.address_map
        )
        for part in range(1, len(self.held.chunks)):
            counter = ProductCounter(self.held.free[part], self._widths[part], self.address_map)
            self._add_products(counter, part, place)
            digits = counter.finish()
            program.run(counter.taken(), part)
            for level, (digit, row) in enumerate(zip(digits, self._arrivals[part], strict=True)):
                if not is_zero(digit):
                    program.move(digit.row - self._first, part, row)
                    home.add(level, digit._replace(row=self._first + row))
            counter.release(digits)
        if self._sums:
            for level, row in enumerate(self._sums[place], start=self._level):
                home.add(level, Item(self._first + row, True))
        self._add_products(home, 0, place)
        found = home.finish()
        program.run(home.taken())
        return home, found

    def _add_products(self, counter: ProductCounter, part: int, place: int) -> None:
        """Have a part's products counted."""
        first, turned = self._first, self.held.turned[part]
        where = self.held.weights[part].start
        ands: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
        for product in products(self._stage, place, self.held.chunks[part], where, turned):
            rows = [first + product.rows[name] for name in product.program.inputs]
            if product.anded:
                kinds = ands.setdefault(product.level + 1, ([], []))
                kinds[product.complemented].append((rows[0], rows[1]))
            else:
                counter.add_product(product.level, product.program, *rows)
        for level, (plain, complemented) in sorted(ands.items()):
            counter.add_ands(level, plain, complemented)
