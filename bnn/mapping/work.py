"""What a mapping is given and what it gives back: the seam between networks and dataflows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.stage import Stage
from bnn.mapping.tiles import Tile
from bnn.reference import Operands
from bnn.system.ledger import CommandLedger
from bnn.values.bitstrings import BitStrings, Values, unpacked
from bnn.values.encoding import Integers
from pimsim.bits import Words, pack

_AT_A_TIME = 1 << 18
"""Sums that are compared at a time: they stay in a processor's cache."""


See = Callable[[slice, int, NDArray[np.int32]], None]
"""Called with images, the place of the pooling window and sums (outputs, images, positions)."""


class Compiled(Protocol):
    """A stage's plan as vector code."""

    def run(
        self,
        operands: Integers | BitStrings,
        *,
        threads: int | None = None,
        see: See | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> Values:
        """Values of all images, the operands being (images, pixels, channels)."""
        ...


class SumChecker:
    """Compares every sum that stands in DRAM rows with the independent integer reference."""

    def __init__(
        self,
        stage: Stage,
        operands: Operands,
        progress: Callable[[int, int], None] | None = None,
        pad: int | None = None,
    ) -> None:
        """Begin.

        Args:
            stage: the stage.
            operands: the integers that its layer multiplies, as the reference has them.
            progress: called with how much is done, and how much there is.
            pad: the integer in the padding; if None the layer's ``pad_values``, or what is stored
                for it where operands are encoded inputs.

        """
        self._stage, self._pad = stage, pad
        self._progress = progress
        self._operands = operands
        self._cache: dict[tuple[int, int], NDArray[np.int32]] = {}
        self.compared = 0
        """Sums compared so far."""
        self.wrong = 0
        """Of these, how many differed."""

    def compare(
        self,
        images: slice,
        offset: int,
        outputs: slice,
        sums: NDArray[np.int64] | NDArray[np.int32],
        positions: slice = slice(None),
    ) -> None:
        """Check ``sums`` (outputs, images, positions) at one place of the pooling window."""
        where = self._stage.windows.outputs[offset, positions]
        inside = where >= 0
        expected, places = self._expected(images), where[inside]
        step = max(1, _AT_A_TIME // max(sums[:, :1].size, 1))
        for start in range(0, len(expected), step):
            some = slice(start, start + step)
            right = expected[some, :, outputs][:, places].transpose(2, 0, 1)
            self.wrong += int(np.count_nonzero(right != sums[:, some][..., inside]))
            self.compared += right.size

    def repeat(
        self,
        values: Values,
        looking: Compiled,
        operands: Integers | BitStrings,
        threads: int | None,
        first_output: int = 0,
    ) -> None:
        """Compute once more with every sum looked at: all right, and the same values again.

        The values are those of outputs from ``first_output`` on.
        """
        outputs = slice(first_output, first_output + values.shape[2])

        def see(images: slice, offset: int, sums: NDArray[np.int32]) -> None:
            if self._cache and (images.start, images.stop) not in self._cache:
                self.forget()
            self.compare(images, offset, outputs, sums)

        again = looking.run(operands, threads=threads, see=see, report=self._progress)
        self.wrong += int(np.count_nonzero(unpacked(again) != unpacked(values)))
        self.forget()

    def forget(self) -> None:
        """Drop reference sums that are no longer needed."""
        self._cache.clear()

    def _expected(self, images: slice) -> NDArray[np.int32]:
        """Reference sums of some images, (images, positions of the layer, outputs)."""
        key = (images.start, images.stop)
        if key not in self._cache:
            pad = self._stage.pad if self._pad is None and self._stage.encoded else self._pad
            found = reference.sums(self._stage.layer, self._operands[images], pad)
            self._cache[key] = found.reshape(len(found), -1, self._stage.outputs)
        return self._cache[key]


@dataclass(frozen=True, eq=False)
class Work:
    """A stage and the operands that it is fed with."""

    stage: Stage
    operands: Integers | BitStrings
    """``(images, pixels, channels)`` integers that the bits hold."""
    machine: CommandLedger
    threads: int | None = None
    """Processors that the compiled executor uses, all if None."""
    audit: SumChecker | None = None
    progress: Callable[[int, int], None] | None = None
    """Called with how much is done and how much there is."""
    first_output: int = 0
    """What output 0 of ``stage`` is in the stage that ``audit`` knows; others follow it."""

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.operands)

    @cached_property
    def integers(self) -> Integers:
        """The operands, unpacked."""
        return unpacked(self.operands)

    def report(self, done: int, total: int) -> None:
        """Tell how far the work is."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of the DRAM a stage takes."""

    columns_used: int = 0
    """Columns that held data, over all row activations of a pass."""
    columns_opened: int = 0
    """Columns that the same activations opened."""
    subarrays: int = 0
    """Subarrays that held operands, of all banks together."""
    capacity: int | None = None
    """Columns of a row that may hold data, the fewest anywhere; None if nothing is said of it."""
    banks: int = 0
    """Banks that held operands."""
    numbers: int = 0
    """Subarrays of a bank, from the first on, among which those are."""

    def __add__(self, other: Usage) -> Usage:
        banks, numbers = max(self.banks, other.banks), max(self.numbers, other.numbers)
        return Usage(
            self.columns_used + other.columns_used,
            self.columns_opened + other.columns_opened,
            min(self.subarrays + other.subarrays, banks * numbers),  # they may be the same
            fewest([self.capacity, other.capacity]),
            banks,
            numbers,
        )

    def result(self, values: Values, book_s: float = 0.0, check_s: float = 0.0) -> Result:
        """What a mapping computed while it took that."""
        return Result(
            values,
            self.columns_used,
            self.columns_opened,
            self.subarrays,
            book_s,
            check_s,
            capacity=self.capacity,
            banks=self.banks,
            numbers=self.numbers,
        )


def fewest(capacities: Iterable[int | None]) -> int | None:
    """The smallest of those that are known."""
    return min((each for each in capacities if each is not None), default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a mapping computed."""

    values: Values
    columns_used: int
    """Columns that held data, over all row activations of a pass."""
    columns_opened: int
    """Columns that the same activations opened."""
    subarrays: int
    """Subarrays that held operands, of all banks together."""
    book_s: float = 0.0
    """Wall time of scheduling the commands."""
    check_s: float = 0.0
    """Wall time of computing once more, with every sum looked at."""
    flips: int = 0
    """How often noise made a column wrong that would not always be; what is computed again for its
    checksum aside, as executors compute more columns then than are looked at."""
    repeated: int = 0
    """Outputs of a tile that were computed again, each time counted."""
    capacity: int | None = None
    """Columns of a row that may hold data, the fewest anywhere; None if nothing is said of it."""
    banks: int = 0
    """Banks that held operands."""
    numbers: int = 0
    """Subarrays of a bank, from the first on, among which those that held operands are."""

    @property
    def usage(self) -> Usage:
        """How much of the DRAM it took."""
        return Usage(
            self.columns_used,
            self.columns_opened,
            self.subarrays,
            self.capacity,
            self.banks,
            self.numbers,
        )


Execute = Callable[[Work], Result]
"""Carries out the stage in subarrays of ``work.machine`` and books every command."""


Draft = Callable[[CommandLedger], Usage]
"""Books every command that executing a stage takes; executes none."""


class Mapping(Protocol):
    """A dataflow: where operands live in DRAM and how the products are counted there."""

    name: str
    summary: str
    popcount: str
    """Where ones are counted, for reports."""

    def prepare(
        self, stage: Stage, machine: CommandLedger, images: int, *, compiled: bool
    ) -> Execute:
        """Lay the stage out for so many images, write its schedules and compile them if asked.

        Nothing is executed. Raises InputError or OutOfRowsError when the DRAM is too small.
        """
        ...

    def draft(self, stage: Stage, machine: CommandLedger, images: int, *, each: int = 1) -> Draft:
        """Lay the stage out as :meth:`prepare` does, for booking alone.

        All outputs of a group take the same commands. So a stage may be given with the weights of
        few outputs, of which every one stands for ``each``.
        """
        ...


class Faulty(Protocol):
    """A stage's plan, ready to be carried out with faults."""

    def run(self, work: Work) -> tuple[Values, int]:
        """Values of all images, (images, positions, outputs), and how often noise struck."""
        ...


def run_faulty(work: Work, book: Callable[[], None], ready: Faulty) -> tuple[Values, int, float]:
    """Book a stage and compute it with faults; return values, flips, wall time of booking."""
    started = time.perf_counter()
    book()
    booked = time.perf_counter()
    values, flips = ready.run(work)
    return values, flips, booked - started


def run_compiled(
    work: Work, book: Callable[[], None], ready: Compiled, looking: Callable[[], Compiled]
) -> tuple[Values, float, float]:
    """Book a stage and compute it with vector code; return values, and two wall times.

    With an audit it is computed once more, ``looking`` at every sum, so that what the looking
    takes does not count as executing. The times are those of booking and of that.
    """
    started = time.perf_counter()
    book()
    booked = time.perf_counter()
    values = ready.run(work.operands, threads=work.threads, report=work.report)
    executed = time.perf_counter()
    if work.audit is not None:
        work.audit.repeat(values, looking(), work.operands, work.threads, work.first_output)
    return values, booked - started, time.perf_counter() - executed


def operand_rows(work: Work, tile: Tile, place: int, channels: slice) -> Integers:
    """Operands at one place of the patch, ``(channels, columns of the tile)``."""
    stage = work.stage
    pixels = stage.windows.pixels[tile.positions, place]
    values = work.integers[tile.images][:, pixels, channels]
    values[:, pixels < 0] = stage.pad
    return np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)


def plane(values: NDArray[np.integer[Any]], bit: int) -> Words:
    """One bit-plane of integers ``(..., columns)``, packed."""
    return pack((values >> bit) & 1)
