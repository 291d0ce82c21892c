"""Everything that subarrays do for a group of outputs: a command stream of its own.

A group is counted at every place of a pooling window; the bits of all places are then combined by
AND or OR. All of that may be done three times, followed by a vote on the results. The stream is
described once, as a list of *deeds*, and used either as a row program or as one tape of all parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.output_tree.group import GroupPlan, pieces
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.tape import AdderTape, counted, counted_each, shift_rows, sizes, table


class Digit(NamedTuple):
    """A digit of a leaf, in a row of the home."""

    window: int
    """Place of the pooling window."""
    leaf: int
    column: int
    weight: int


class Deed(NamedTuple):
    """One of: records of a part, a row that is moved, a digit that is read, a bit that is given."""

    part: int = 0
    words: NDArray[np.int32] | None = None
    place: int = -1
    to_place: int = -1
    """Place to which a row is moved."""
    to_part: int = 0
    digit: Digit | None = None
    looked: bool = False
    """Whether a digit, or a bit that stays in DRAM, is only looked at, which takes no command."""
    given: int = -1
    """Number in the group of the output whose bit it is."""
    moves: NDArray[np.int64] | None = None
    """``(n, 2)`` places that rows are moved from and to, if several are moved together."""

    @property
    def read(self) -> bool:
        """Whether a row is read, or looked at."""
        return self.words is None and self.to_place < 0 and self.moves is None


@dataclass(frozen=True, eq=False)
class Tally:
    """The totals of a stream."""

    parts: list[AdderTape]
    """The tape of each part."""
    moved: dict[tuple[int, int], int]
    """Rows that go from one part to another, digits first."""
    reads: int
    gives: int
    """Part that they are read of."""

    @cached_property
    def content(self) -> Hashable:
        """Equal for streams that take the same commands."""
        records = tuple(part.histogram.tobytes() for part in self.parts)
        return records, tuple(self.moved.items()), self.reads, self.gives


class Votes(NamedTuple):
    """How a vote on three computations is taken."""

    part: int
    """The part that votes: the only home, or a part that counts nothing itself."""
    rows: Sequence[Sequence[int]]
    """Rows in that part with the results of each repetition: bits of outputs, or digits in order.
    The result of the vote overwrites those of the first. If the home votes, the digits of the third
    repetition need no rows."""
    brought: Sequence[Sequence[tuple[int, int]]] = ()
    """For each repetition and every bit, its home and the row there, if another part votes."""


class Window(NamedTuple):
    """What is done at one place of the pooling window."""

    plan: GroupPlan
    parts: Sequence[int]
    """Where the plan's parts are, its home first."""
    brought: Sequence[tuple[int, int]] = ()
    """Rows of bits in its home, and where they go in part 0."""
    tail: NDArray[np.int32] = np.zeros(0, np.int32)
    """Records of the part ``into`` that combine the bits with those of earlier places.
    """
    into: int = 0
    """Part that the bits of its home are moved to: the first of those that compute the same."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Deeds for a group of outputs."""

    address_map: AddressMap
    windows: Sequence[Window]
    """One for each place of the pooling window; with votes, three times as many."""
    parts: int
    """How many there are."""
    given: Sequence[int] | None = None
    """Row of part 0 with the final bit of each output; None: bits are given one by one when they
    are decided, in the rows ``bits``, which take turns."""
    bits: Sequence[int] = ()
    votes: Votes | None = None
    checked: int = -1
    """Digits of weights up to this exponent are read, for a check against what they must be; -1:
    none are."""
    stays: bool = False
    """Whether bits stay in the rows ``given`` for the next stage, and are not read."""

    @property
    def places(self) -> int:
        """Places of the pooling window."""
        return len(self.windows) // (1 if self.votes is None else 3)

    @property
    def counted(self) -> Sequence[Window]:
        """Windows whose sums are known: all, and once more those whose digits are voted on."""
        voted = self.votes is not None and self.gives_sums
        return [*self.windows, *(self.windows[: self.places] if voted else ())]

    @property
    def gives_sums(self) -> bool:
        """Whether digits are read out, for whoever reads them to add up, and there are no bits."""
        return not self.windows[0].plan.decides

    @property
    def outputs(self) -> list[int]:
        """Outputs of the group."""
        return self.windows[0].plan.outputs

    def deeds(self, *, looking: bool, together: bool = False) -> Iterator[Deed]:
        """Yield what is done, in order.

        Args:
            looking: digits are looked at as well, so that sums can be computed.
            together: rows that are moved in succession from one part to another are one deed.

        """
        votes = self.votes
        for number, window in enumerate(self.windows):
            parts, home = window.parts, window.parts[0]
            for piece in pieces(window.plan):
                if piece.moved is not None and together:
                    yield Deed(parts[piece.part], to_part=home, moves=piece.moved)
                elif piece.moved is not None:
                    for place, to_place in piece.moved.tolist():
                        yield Deed(parts[piece.part], None, place, to_place, home)
                elif piece.settled >= 0:
                    yield from self._seen(number, piece.settled, looking=looking)
                    if votes is not None and self.gives_sums:
                        yield from self._kept(votes, number, piece.settled)
                elif piece.decided >= 0:
                    if self.given is None and votes is None:
                        place = self.bits[piece.decided % len(self.bits)]
                        yield Deed(place=place, given=piece.decided)
                elif piece.records.stop > piece.records.start:
                    yield Deed(parts[piece.part], window.plan.tapes[piece.part][piece.records])
            for place, to_place in window.brought:
                yield Deed(home, place=place, to_place=to_place, to_part=window.into)
            if len(window.tail):
                yield Deed(window.into, window.tail)
            repetition, place = divmod(number + 1, self.places)
            if votes is not None and votes.brought and not place:
                pairs = zip(votes.brought[repetition - 1], votes.rows[repetition - 1], strict=True)
                for (part, place), to_place in pairs:
                    yield Deed(part, place=place, to_place=to_place, to_part=votes.part)
        for number, place in enumerate(self.given or ()):
            yield Deed(place=place, given=number, looked=self.stays)
        if votes is not None:
            yield from self._voted(votes)

    def _seen(self, window: int, leaf: int, *, looking: bool) -> Iterator[Deed]:
        """Digits of a leaf that are read, or looked at."""
        digits, home = self.windows[window].plan.digits[leaf], self.windows[window].parts[0]
        every = self.gives_sums and self.votes is None
        for column, weight in np.argwhere(digits >= 0).tolist():
            looked = not every and weight > self.checked
            if looking or not looked:
                place, digit = int(digits[column, weight]) >> 1, Digit(window, leaf, column, weight)
                yield Deed(home, place=place, digit=digit, looked=looked)

    def _standing(self, place: int) -> list[Digit]:
        """Digits at a place of the window that are in rows, in order."""
        where = np.argwhere(self.windows[place].plan.digits >= 0).tolist()
        return [Digit(place, *some) for some in where]

    def _kept(self, votes: Votes, window: int, leaf: int) -> Iterator[Deed]:
        """Keep the digits of a leaf until they are voted; the home votes those of the third."""
        repetition, place = divmod(window, self.places)
        planned, home = self.windows[window].plan, self.windows[window].parts[0]
        before = sum(len(self._standing(one)) for one in range(place))
        for number, digit in enumerate(self._standing(place), before):
            if digit.leaf != leaf:
                continue
            row = int(planned.digits[digit[1:]]) >> 1
            own = [rows[number] for rows in votes.rows]
            if votes.part != home:
                yield Deed(home, place=row, to_place=own[repetition], to_part=votes.part)
            elif repetition < len(own):
                yield Deed(home, self._records(table(self.address_map).copy, row, own[repetition]))
            else:
                vote = table(self.address_map).vote
                yield Deed(home, self._records(vote, *own, row, own[0]))
                voted = digit._replace(window=len(self.windows) + place)
                yield Deed(home, place=own[0], digit=voted)

    def _voted(self, votes: Votes) -> Iterator[Deed]:
        """Vote what three repetitions gave, and read it; nothing is left where homes have done."""
        if self.gives_sums and len(votes.rows) < 3:
            return
        code = table(self.address_map).vote
        records = [self._records(code, *own, own[0]) for own in zip(*votes.rows, strict=True)]
        yield Deed(votes.part, np.concatenate([np.zeros(0, np.int32), *records]))
        if not self.gives_sums:
            for number, place in enumerate(votes.rows[0]):
                yield Deed(votes.part, place=place, given=number)
            return
        digits = [digit for place in range(self.places) for digit in self._standing(place)]
        for digit, place in zip(digits, votes.rows[0], strict=True):
            voted = digit._replace(window=len(self.windows) + digit.window)
            yield Deed(votes.part, place=place, digit=voted)

    @staticmethod
    def _records(code: int, *rows: int) -> NDArray[np.int32]:
        return np.array([code, *rows], np.int32)

    def read(self, *, looking: bool) -> list[Deed]:
        """What is read, or looked at, in order."""
        if looking not in self._read:
            self._read[looking] = [
                deed for deed in self.deeds(looking=looking, together=True) if deed.read
            ]
        return self._read[looking]

    @cached_property
    def _read(self) -> dict[bool, list[Deed]]:
        return {}

    @cached_property
    def program(self) -> RowProgram:
        """The deeds as a row program; rows that are read or looked at are numbered in order."""
        found, first = RowProgram(1), len(self.address_map.constants)
        for deed in self.deeds(looking=True):
            if deed.words is not None:
                found.run(AdderTape(deed.words, self.address_map), deed.part)
            elif deed.to_place >= 0:
                found.move(deed.place - first, deed.part, deed.to_place - first, deed.to_part)
            elif deed.looked:
                found.look(deed.place - first, deed.part, always=self.stays and deed.given >= 0)
            else:
                found.read(deed.place - first, deed.part)
        return found

    def tape(self, stride: int, *, looking: bool = False) -> NDArray[np.int32]:
        """Records of all parts, ``stride`` places each, with two codes more: read, and move."""
        read = len(sizes(self.address_map))
        found: list[NDArray[np.int32]] = []
        few: list[int] = []
        spans: list[tuple[int, int, int]] = []
        seen: list[Deed] = []
        at = 0

        def put(records: NDArray[np.int32], shift: int = 0) -> None:
            nonlocal at
            if shift:
                spans.append((at, at + len(records), shift))
            found.append(records)
            at += len(records)

        for deed in self.deeds(looking=looking, together=True):
            if few and (deed.words is not None or deed.moves is not None):
                put(np.array(few, np.int32))
                few.clear()
            if deed.words is not None:
                put(deed.words, deed.part * stride)
                continue
            if deed.moves is not None:
                records = np.full((len(deed.moves), 3), read + 1, np.int32)
                records[:, 1] = deed.moves[:, 0] + deed.part * stride
                records[:, 2] = deed.moves[:, 1] + deed.to_part * stride
                put(records.reshape(-1))
                continue
            where = deed.part * stride + deed.place
            if deed.to_place >= 0:
                few += (read + 1, where, deed.to_part * stride + deed.to_place)
            else:
                few += (read, where, len(seen))
                seen.append(deed)
        self._read[looking] = seen
        whole: NDArray[np.int32] = np.concatenate([*found, np.array(few, np.int32)])
        shift_rows(whole, np.array(spans, np.int64).reshape(-1, 3), self.address_map)
        return whole

    def tape_of(self, part: int) -> AdderTape:
        """Return the records of one part, in order."""
        own = [np.zeros(0, np.int32)]
        for deed in self.deeds(looking=False):
            if deed.words is not None and deed.part == part:
                own.append(deed.words)
        return AdderTape(np.concatenate(own), self.address_map)

    @cached_property
    def tally(self) -> Tally:
        """The totals of all deeds."""
        size = len(sizes(self.address_map))
        total = np.zeros((self.parts, size), np.int64)
        digits, bits = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
        for planned, where, brought, tail, into in self.windows:
            each = counted_each(planned.tapes, self.address_map)
            for part, own in zip(where, each, strict=True):
                total[part] += own
            for part in planned.brought[:, 1].tolist():
                digits[where[part], where[0]] += 1
            bits.update((where[0], into) for _ in brought)
            total[into] += counted(tail, self.address_map)
        moved = {**digits, **bits}
        reads, gives = 0 if self.stays else len(self.outputs), 0
        if self.gives_sums:
            reads = sum(len(self._standing(place)) for place in range(self.places))
        elif self.checked >= 0:
            some = [window.plan.digits[:, :, : self.checked + 1] for window in self.windows]
            reads += sum(int((digits >= 0).sum()) for digits in some)
        if self.votes is not None:
            gives, every = self.votes.part, table(self.address_map)
            total[gives, every.vote] += reads
            for window in self.windows[:: self.places]:
                if gives != window.into:
                    moved[window.into, gives] = reads
            if len(self.votes.rows) < 3:
                total[gives, every.copy] += 2 * reads
        parts = [AdderTape.total(each, self.address_map) for each in total]
        return Tally(parts, moved, reads, gives)

    def sums(
        self, rows: NDArray[np.int64], digits: Sequence[Digit], windows: Sequence[int]
    ) -> NDArray[np.int64]:
        """Return T of every output: the number whose sign is the bit.

        Args:
            rows: ``(digits, columns)`` bits of the rows that were seen.
            digits: which they are.
            windows: for which of those that are :attr:`counted`.

        Returns:
            ``(windows, outputs of the group, columns)``.

        """
        from pimsim.microprogram.output_tree.adding import NOTHING

        place_of = {output: place for place, output in enumerate(self.outputs)}
        columns = rows.shape[1]
        found = np.zeros((len(windows), len(self.outputs), columns), np.int64)
        for own, window in zip(found, windows, strict=True):
            planned = self.counted[window].plan
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
                    own[place_of[output]] = numbers[leaf, 0] + second + last
        return found
