"""Everything that subarrays do for a group of outputs: a command stream of its own.

A group is counted at every place of a pooling window; bits of several places are then brought
together by AND and OR. What is done is told once, as *deeds* in order, and walked as a row program
or as one tape of all parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.output_tree.group import GroupPlan, pieces
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.tape import AdderTape, counted, placed, sizes


class Digit(NamedTuple):
    """A digit of a leaf that stands in a row of the home."""

    window: int
    """Place of the pooling window."""
    leaf: int
    column: int
    weight: int


class Deed(NamedTuple):
    """Records of a part, a row that is moved, a digit to be seen, or a bit that is given."""

    part: int = 0
    words: NDArray[np.int32] | None = None
    place: int = -1
    to_place: int = -1
    """Of a row that is moved."""
    to_part: int = 0
    digit: Digit | None = None
    given: int = -1
    """Number in the group of the output whose bit it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What a stream takes, added up."""

    parts: list[AdderTape]
    """Of each part."""
    moved: dict[tuple[int, int], int]
    """Rows that go from one part to another, digits first."""
    reads: int


class Window(NamedTuple):
    """What is done at a place of the pooling window."""

    plan: GroupPlan
    parts: Sequence[int]
    """Where the plan's parts are, its home first."""
    brought: Sequence[tuple[int, int]] = ()
    """Rows of bits in its home, and where they go in part 0."""
    tail: NDArray[np.int32] = np.zeros(0, np.int32)
    """Records of part 0 that then bring the bits together with those of places before."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Deeds for a group of outputs."""

    address_map: AddressMap
    windows: Sequence[Window]
    """For each place of the pooling window."""
    parts: int
    """How many there are."""
    given: Sequence[int] | None = None
    """Row of part 0 where each output's bit stands at the end; None: bits are given one by one, as
    they are decided, in the rows ``bits`` in turn."""
    bits: Sequence[int] = ()

    @property
    def gives_sums(self) -> bool:
        """Whether digits are read out, for whoever reads them to add up, and there are no bits."""
        return not self.windows[0].plan.decides

    @property
    def outputs(self) -> list[int]:
        """Outputs of the group."""
        return self.windows[0].plan.outputs

    def deeds(self, *, looking: bool) -> Iterator[Deed]:
        """Yield what is done, in order; ``looking``: digits are seen, as they are to give sums."""
        for number, window in enumerate(self.windows):
            parts, home = window.parts, window.parts[0]
            for piece in pieces(window.plan):
                if piece.moved is not None:
                    source, place, to_place = parts[piece.moved.part], *piece.moved[2:]
                    yield Deed(source, place=place, to_place=to_place, to_part=home)
                elif piece.settled >= 0:
                    if looking or self.gives_sums:
                        yield from self._seen(number, piece.settled)
                elif piece.decided >= 0:
                    if self.given is None:
                        place = self.bits[piece.decided % len(self.bits)]
                        yield Deed(place=place, given=piece.decided)
                elif piece.records.stop > piece.records.start:
                    yield Deed(parts[piece.part], window.plan.tapes[piece.part][piece.records])
            for place, to_place in window.brought:
                yield Deed(home, place=place, to_place=to_place)
            if len(window.tail):
                yield Deed(0, window.tail)
        for number, place in enumerate(self.given or ()):
            yield Deed(place=place, given=number)

    def _seen(self, window: int, leaf: int) -> Iterator[Deed]:
        digits, home = self.windows[window].plan.digits[leaf], self.windows[window].parts[0]
        for column in range(2):
            for weight in range(digits.shape[1]):
                item = int(digits[column, weight])
                if item >= 0:
                    yield Deed(home, place=item >> 1, digit=Digit(window, leaf, column, weight))

    def digits(self) -> list[Digit]:
        """Digits that are seen, in order."""
        return [deed.digit for deed in self.deeds(looking=True) if deed.digit is not None]

    @cached_property
    def delivered(self) -> list[int]:
        """Outputs in the order in which their bits are read out."""
        deeds = self.deeds(looking=False)
        return [self.outputs[deed.given] for deed in deeds if deed.given >= 0]

    @cached_property
    def program(self) -> RowProgram:
        """The deeds as a row program; the number of what is read or looked at counts up."""
        found, first = RowProgram(1), len(self.address_map.constants)
        for deed in self.deeds(looking=True):
            if deed.words is not None:
                found.run(AdderTape(deed.words, self.address_map), deed.part)
            elif deed.to_place >= 0:
                found.move(deed.place - first, deed.part, deed.to_place - first, deed.to_part)
            elif deed.digit is not None and not self.gives_sums:
                found.look(deed.place - first, deed.part)
            else:
                found.read(deed.place - first, deed.part)
        return found

    def tape(self, stride: int, *, looking: bool = False) -> NDArray[np.int32]:
        """Records of all parts, ``stride`` places each, with two codes more: read, and move."""
        read = len(sizes(self.address_map))
        found = [np.zeros(0, np.int32)]
        slot = 0
        for deed in self.deeds(looking=looking):
            if deed.words is not None:
                found.append(placed(deed.words, deed.part * stride, self.address_map))
            elif deed.to_place >= 0:
                places = (deed.part * stride + deed.place, deed.to_part * stride + deed.to_place)
                found.append(np.array([read + 1, *places], np.int32))
            else:
                place = deed.part * stride + deed.place
                found.append(np.array([read, place, slot], np.int32))
                slot += 1
        return np.concatenate(found)

    def tape_of(self, part: int) -> AdderTape:
        """Return the records of one part, in order."""
        own = [np.zeros(0, np.int32)]
        for deed in self.deeds(looking=False):
            if deed.words is not None and deed.part == part:
                own.append(deed.words)
        return AdderTape(np.concatenate(own), self.address_map)

    @cached_property
    def tally(self) -> Tally:
        """What is done, added up."""
        size = len(sizes(self.address_map))
        total = np.zeros((self.parts, size), np.int64)
        digits, bits = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
        for planned, where, brought, tail in self.windows:
            for part, words in zip(where, planned.tapes, strict=True):
                total[part] += counted(words, self.address_map)
            digits.update((where[one.part], where[0]) for one in planned.brought)
            bits.update((where[0], 0) for _ in brought)
            total[0] += counted(tail, self.address_map)
        moved = {**digits, **bits}
        parts = [AdderTape.total(each, self.address_map) for each in total]
        reads = len(self.digits()) if self.gives_sums else len(self.outputs)
        return Tally(parts, moved, reads)

    def sums(self, rows: NDArray[np.int64], digits: Sequence[Digit]) -> NDArray[np.int64]:
        """Return T of every output and place: the number whose sign is the bit.

        Args:
            rows: ``(digits, columns)`` bits of the rows that were seen.
            digits: which they are, see :meth:`digits`.

        Returns:
            ``(places, outputs of the group, columns)``.

        """
        from pimsim.microprogram.output_tree.adding import NOTHING

        place_of = {output: place for place, output in enumerate(self.outputs)}
        columns = rows.shape[1]
        found = np.zeros((len(self.windows), len(self.outputs), columns), np.int64)
        for window, (planned, *_) in enumerate(self.windows):
            numbers = np.zeros((len(planned.leaves), 2, columns), np.int64)
            for leaf, column, weight in np.argwhere(planned.digits != NOTHING).tolist():
                item = int(planned.digits[leaf, column, weight])
                if item < 0:
                    numbers[leaf, column] += (1 - 2 * (item & 1)) << weight
            for bits, digit in zip(rows, digits, strict=True):
                if digit.window == window:
                    item = int(planned.digits[digit.leaf, digit.column, digit.weight])
                    sign = (1 - 2 * (item & 1)) << digit.weight
                    numbers[digit.leaf, digit.column] += sign * (2 * bits - 1)
            for leaf, outputs in enumerate(planned.leaves):
                for number, output in enumerate(outputs):
                    second = -numbers[leaf, 1] if number else numbers[leaf, 1]
                    last = int(planned.lasts[leaf, number])
                    found[window, place_of[output]] = numbers[leaf, 0] + second + last
        return found
