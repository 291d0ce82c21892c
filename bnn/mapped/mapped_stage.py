"""What a mapping returns: where columns lie, what runs on them, and how results are read back.

The backends carry out or book a mapped stage without knowing which mapping made it. Their inputs
and results are defined here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.parity import Check, TreeCheck
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.placement import Placement
from bnn.model.geometry import Indices
from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import part_banks
from bnn.system.system import Occupancy, System
from bnn.values.bitstrings import BitStrings, Pictures, Values, unpacked
from bnn.values.encoding import Integers
from bnn.values.linear import LinearSums
from pimsim.bits import Words
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.row_program import RowProgram


class OperandRows(NamedTuple):
    """What written rows hold: operands of every column, as a chunk has them."""

    chunk: Chunk
    of_group: bool
    """Whether its channels are those of a group, each column's being that of its output."""
    places: Sequence[int] | None = None
    """Places of the patch, those of the chunk if None."""
    planes: range | None = None
    """Bits of an operand, all if None."""
    complemented: NDArray[np.bool_] | None = None
    """``(places, channels)`` operands whose bits are written complemented; None: none are."""

    @property
    def patch(self) -> Sequence[int]:
        """Places of the patch, in the order of their rows."""
        own = self.chunk.places
        return range(own.start, own.stop) if self.places is None else self.places


class SumRows(NamedTuple):
    """What written rows hold: the digits, lowest first, of a multiple of a sum of operands.

    The sum is over all operands that the column's output reads at one place of the pooling window,
    padding included. The host, which writes the operands, knows it.
    """

    place: int
    """Place of the pooling window."""
    factor: int
    """What the sum is multiplied with."""


class ConstantRows(NamedTuple):
    """What written rows hold: bits that are the same for all images."""

    bits: NDArray[np.bool_]
    """``(rows, outputs, positions)``; 1 output or position where all have the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """A count that is read out, or looked at to be checked."""

    place: int
    """Place of the pooling window."""
    bits: Sequence[tuple[int, int]]
    """Exponents, and numbers of rows that the program reads or looks at; others are always 0."""
    levels: int
    """Exponents that there are."""
    constant: NDArray[np.int64]
    """``(outputs, positions)``, or 1 position: sum = scale * count + constant."""
    inverted: NDArray[np.bool_] | None = None
    """``(levels, outputs)`` rows that hold the complement, 1 output where all have the same; None:
    none does."""
    seen: bool = True
    """Whether the sum is to be checked."""
    given: bool = True
    """Whether the stage needs it."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadBack:
    """What is made of the rows that a program reads."""

    scale: int
    """What a count's unit is worth."""
    counts: Sequence[Count]
    result: int | None = None
    """Number of the row with the output's bit; None where the host has sums."""
    checks: Sequence[tuple[int, int, Check]] = ()
    """Numbers of rows that the host knows beforehand, place of the pooling window, and content."""
    on_host: bool = False
    """Whether a count's rows are products, several to an exponent, which the host adds up."""


class TreeSums(NamedTuple):
    """How the sum of a stage follows from T, the number whose sign gives the bit in a stream.

    Sum = scale * (turn * T - 1) / 2 + constant.
    """

    scale: int
    constant: NDArray[np.int64]
    """``(outputs,)``."""
    turn: NDArray[np.int64]
    """``(outputs,)`` -1 or +1."""

    def of_each(self, places: int) -> TreeSums:
        """Return the sums of the same outputs at each of some places."""
        return TreeSums(self.scale, np.tile(self.constant, places), np.tile(self.turn, places))

    def of(self, numbers: NDArray[np.int64], outputs: Sequence[int]) -> NDArray[np.int64]:
        """Return the sums of some outputs, (..., outputs, columns), from numbers of that shape."""
        own = list(outputs)
        turned = self.turn[own, None] * numbers
        return self.scale * ((turned - 1) // 2) + self.constant[own, None]

    def of_pairs(
        self,
        numbers: NDArray[np.int32],
        pairs: NDArray[np.intp],
        signs: NDArray[np.int64],
        lasts: NDArray[np.int64],
    ) -> NDArray[np.int32]:
        """Return the sums of all outputs, (outputs, columns), where T = one +- other + last.

        Args:
            numbers: ``(pairs, 2, columns)``, the one and the other.
            pairs: ``(outputs,)`` which are an output's.
            signs: ``(outputs,)`` with which the other counts.
            lasts: ``(outputs,)`` what is added.
        """
        factors = self.scale * self.turn
        summands = factors * lasts + 2 * self.constant - self.scale
        most = max(abs(int(numbers.min(initial=0))), int(numbers.max(initial=0)))
        reach = 2 * most * int(np.abs(factors).max()) + int(np.abs(summands).max())
        wide = np.int32 if reach < 1 << 31 else np.int64
        found = np.empty((len(pairs), numbers.shape[2]), np.int32)
        for output, pair in enumerate(pairs.tolist()):  # one at a time stays in a cache
            one, other = numbers[pair].astype(wide, copy=False)
            both = one + other if signs[output] > 0 else one - other
            both *= factors[output]
            both += summands[output]
            both >>= 1
            found[output] = both
        return found


@dataclass(frozen=True, slots=True, eq=False)
class MappedStage:
    """A stage, or some groups of its channels, laid out in subarrays."""

    stage: Stage
    system: System
    program: RowProgram
    """For every output of the stage, or where outputs lie side by side for all at once."""
    placement: Placement
    readback: ReadBack
    parts: int
    """Subarrays that share the fan-in of a column, all sets of them together."""
    rows: int
    """Row addresses of a subarray that may be used."""
    set_size: int | None = None
    """Parts of a set, whose counts are added up in its first; None: all are in one bank."""
    channels: slice = field(default_factory=lambda: slice(None))
    """Channels of the whole stage that it reads."""
    first_output: int = 0
    """Output of the whole stage that its output 0 is; in blocks so many times the places."""
    homes: Sequence[int] | None = None
    """Banks of part 0 by lane; None: lane i is in bank i."""
    streams: Sequence[Stream] | None = None
    """What is done for each group of outputs; None: the program is for every output."""
    sums: TreeSums | None = None
    """Sums of streams."""
    checks: TreeCheck | None = None
    """What is known of the numbers that streams decide by, where it is compared."""
    blocks: Indices | None = None
    """``(places, columns)`` position of the stage that was given to be mapped which a column
    computes as its outputs of a place, see :func:`bnn.lowering.blocks.in_columns`; -1: none. None:
    its columns are those of the stage."""

    @property
    def operands_of(self) -> Stage:
        """The stage whose windows parities of operands are of."""
        return self.stage if self.checks is None else self.checks.stage

    def banks(self, part: int, lanes: Sequence[int]) -> list[int]:
        """Banks in which a part of some lanes is."""
        banks = list(lanes) if self.homes is None else [self.homes[lane] for lane in lanes]
        if self.set_size is None:
            return banks
        repetition, own = divmod(part, self.set_size)
        return part_banks(self.system, own, banks, repetition)


class Mapping(Protocol):
    """A dataflow: where operands live in DRAM and how the products are counted there.

    It may also have:

    - ``chosen_with_faults``: False if it must be asked for by name where commands go wrong;
    - ``at_best(stage)``: the name of another mapping, how many times faster than that one this one
      can be at best, and which share of the other's operands it must write. It is not laid out if
      even this would lose;
    - ``sums``: what the host has to do with sums that are read, for reports;
    - ``version``: 1 by default; goes up with every change after which the same stage has another
      cost or other faults.
    """

    name: str
    summary: str
    popcount: str
    """Where ones are counted, for reports."""
    rank: int
    """Place among all mappings, the default first."""

    def map_stage(self, stage: Stage, system: System, images: int) -> list[MappedStage]:
        """Lay a stage out for so many images: whole, or groups of its channels one by one.

        Raises InputError or OutOfRowsError when the DRAM is too small.
        """
        ...


class Checker(Protocol):
    """Gets every sum in rows, see :class:`bnn.reference.checker.SumChecker`."""

    @property
    def images(self) -> NDArray[np.intp] | None:
        """``(checked,)`` images that are checked, in order; None: all are.

        Wherever images are counted below, it is these alone.
        """

    def compare(
        self,
        images: slice,
        offset: int,
        outputs: slice,
        sums: NDArray[np.int64] | NDArray[np.int32],
        positions: slice | Indices = ...,
    ) -> None:
        """Check ``sums`` (outputs, images, positions) at one place of the pooling window."""

    @property
    def reads_rows(self) -> bool:
        """Whether it compares sums as rows of bits, without turning them into numbers."""

    def compare_rows(
        self,
        images: slice,
        outputs: slice,
        words: Words,
        sums: Sequence[LinearSums],
        positions: slice | Indices = ...,
    ) -> None:
        """Check the sums of rows ``(rows, words)`` at all places of the pooling window, in order.

        Columns are those of all ``images``, checked or not, position by position; positions of -1
        hold nothing. ``sums`` may go through the places several times over.
        """


def those_checked(
    checker: Checker, images: slice, sums: NDArray[Any]
) -> tuple[slice, NDArray[Any]]:
    """What a checker is to be shown of ``sums`` (outputs, images, ...) of a run's ``images``.

    Returns which of the images that are checked they are, and their sums.
    """
    every = checker.images
    if every is None:
        return images, sums
    first, last = np.searchsorted(every, [images.start, images.stop]).tolist()
    return slice(first, last), sums[:, every[first:last] - images.start]


@dataclass(frozen=True, eq=False)
class StageInputs:
    """The operands of a stage, and who wants to know of its progress and its sums."""

    operands: Integers | BitStrings | Pictures
    """``(images, pixels, channels)`` integers that the bits hold."""
    ledger: CommandLedger
    """Books every command."""
    threads: int | None = None
    """Processors that the compiled executor uses, all if None."""
    checker: Checker | None = None
    progress: Callable[[int, int], None] | None = None
    """Called with how much is done and how much there is."""

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.operands)

    @cached_property
    def integers(self) -> Integers:
        """The operands, unpacked: (images, pixels, channels)."""
        return unpacked(self.operands)

    def report(self, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` is done."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a stage gave."""

    values: Values
    """``(images, positions, outputs)``: bits, or sums without thresholds."""
    occupancy: Occupancy
    book_s: float = 0.0
    """Wall time of scheduling the commands."""
    check_s: float = 0.0
    """Wall time of reading sums out of rows that were looked at, and of comparing them."""
    flips: int = 0
    """How often noise made a column wrong that is not always wrong. Retries are not counted,
    because executors then compute more columns than are used."""
    repeated: int = 0
    """Outputs of a tile that were computed again, each time counted."""


Execute = Callable[[StageInputs], Result]
"""Carries a stage out in subarrays and books every command."""
