"""Faults applied to the commands of subarrays in lock-step, one command after the other.

A :class:`~pimsim.dram.array.subarray.Subarray` asks its :class:`Injector` at every activation what
the bitlines really settle on and what the cells really take. The injector knows where every lane is
(a :class:`~pimsim.dram.array.faults.Site`), which decides the static faults. It also knows what
each lane works on (:class:`Span`), which decides the noise.

>>> import numpy as np
>>> from pimsim.circuit.failure_tables.table import Entry, FailureTable
>>> from pimsim.dram.array.faults import Faults, Site
>>> from pimsim.dram.array.subarray import Subarray
>>> always = Entry(1, 1, 0, trials=1, wrong=1, bitlines=1, always_wrong=1)
>>> never = Entry(1, 0, 0, trials=1, wrong=0, bitlines=1, always_wrong=0)
>>> s = Subarray(columns=2)
>>> s.inject(Injector(Faults(FailureTable((always, never), {}), chip=0, noise=0), [Site(0, 0)], 2))
>>> s.write_bits(0, np.array([[0, 1]]))
>>> s.aap(s.data_address(0), s.data_address(1))    # a one is never read right
>>> s.read_bits(1), s.read_bits(0)                 # and what was read is restored
(array([[0, 0]], dtype=uint8), array([[0, 0]], dtype=uint8))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, at_least, ones_in, pack
from pimsim.dram.array.faults import Access, Faults, Job, Site, patterns
from pimsim.dram.array.row_storage import Address, Lanes
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.dram.disturbance.hammer import Loss, Neighbours


class Span(NamedTuple):
    """Columns of a lane that belong to a job."""

    job: Job
    column: int
    """First column of the lane."""
    first: int
    """Number of that first column among all columns of the job."""
    columns: int
    width: int
    """Columns of a block, see :func:`pimsim.dram.array.faults.block_width`."""


Events = dict[Access, int]
"""How many accesses of each kind a job has."""


@dataclass(slots=True)
class _Stream:
    """Noise of a lane for one kind of access."""

    event: list[int] = field(default_factory=list)
    column: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    draw: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    at: int = 0
    number: int = 0
    """Number of the access that comes next."""


class Injector:
    """Faults of ``lanes`` subarrays in lock-step.

    Args:
        faults: what goes wrong.
        sites: where each lane is.
        columns: bitlines of each lane.
        where: (lanes, columns) the physical column of each column; if None, columns 0, 1, 2, ...
        stage: number under which bits are counted that flip because of rows beside them.

    """

    def __init__(
        self,
        faults: Faults,
        sites: Sequence[Site],
        columns: int,
        where: NDArray[np.intp] | None = None,
        *,
        stage: int = 0,
    ) -> None:
        self._faults, self._sites, self._columns, self._where = faults, sites, columns, where
        self._stage, self._beside = stage, _beside(faults, len(sites))
        self._masks = cache(self._masks_of)
        self._streams: dict[Access, dict[int, _Stream]] = {}
        """By access and lane, where there is noise."""
        self.flips = 0
        """Accesses of a column that noise made wrong."""

    def begin(self, lanes: Sequence[int], spans: Sequence[Sequence[Span]], events: Events) -> None:
        """Let lanes begin with new jobs, which have ``events`` accesses of each kind."""
        kinds = [one for one in events if one.kind == "sense" or self._faults.drives]
        for lane, some in zip(lanes, spans, strict=True):
            for streams in self._streams.values():
                streams.pop(lane, None)
            for access in kinds:
                stream = self._stream(access, events[access], some)
                if stream.event:
                    self._streams.setdefault(access, {})[lane] = stream

    def sense(self, levels: Sequence[Words], value: Words, lanes: Lanes | None) -> Words:
        """Return what the bitlines settle on where ``value`` would be right.

        ``levels``, (lanes, words) each, are what each open cell would drive its bitline to.
        """
        if len(levels) % 2 == 0:
            raise InputError(
                "faults can be injected where an odd number of rows is sensed together, "
                f"not {len(levels)}"
            )
        access = Access("sense", len(levels))
        wrong = None
        for ones, mask in enumerate(self._masks(access)):
            if mask is not None:
                some = _holding(levels, ones) & (mask if lanes is None else mask[lanes])
                wrong = some if wrong is None else wrong | some
        return self._struck(access, levels, value, wrong, lanes)

    def drive(self, complements: Sequence[bool], value: Words, lanes: Lanes | None) -> list[Words]:
        """Return what each driven cell takes, as seen from the bitline.

        ``complements`` says of each wordline whether it is an n-wordline.
        """
        if not self._faults.drives:
            return [value] * len(complements)
        taken = []
        for complement in complements:
            access = Access("not" if complement else "copy", len(complements))
            zero, one = self._masks(access)
            wrong = None
            if zero is not None:
                wrong = ~value & (zero if lanes is None else zero[lanes])
            if one is not None:
                some = value & (one if lanes is None else one[lanes])
                wrong = some if wrong is None else wrong | some
            taken.append(self._struck(access, [value], value, wrong, lanes))
        return taken

    def opening(
        self, first: Address | None, second: Address | None, lanes: Lanes | None
    ) -> list[tuple[int, Loss]]:
        """Return what the row that is about to be opened has lost in each lane.

        Args:
            first: address that is opened; None if none is.
            second: address that is driven, in place of what it holds.
            lanes: those that take part.

        """
        if not self._beside:
            return []
        found = []
        own = np.arange(len(self._sites)) if lanes is None else lanes
        sides = [np.broadcast_to(-1 if one is None else one, own.shape) for one in (first, second)]
        for number, lane in enumerate(own.tolist()):
            command = np.array([[0, 0, sides[0][number], sides[1][number]]])
            found += [(lane, loss) for loss in self._beside[lane].take(command)]
        return found

    def without(self, held: Words, lane: int, loss: Loss) -> Words:
        """Return what a lane's row (words,) holds after a loss."""
        hammer, site = self._faults.hammer, self._sites[lane]
        if hammer is None:
            raise ValueError("faults must have a hammer where something is lost")
        where = np.arange(self._columns) if self._where is None else self._where[lane]
        share = hammer.share_of(loss, site)
        lost = hammer.lost(site, loss.place, share, int(where.max()) + 1)
        ones, zeros = (pack(one[where].astype(np.uint8)) for one in lost)
        found: Words = held & ~ones | zeros
        hammer.count(self._stage, Counter({loss.place: ones_in(held ^ found)}))
        return found

    # -- inside ------------------------------------------------------------------------------

    def _struck(
        self,
        access: Access,
        levels: Sequence[Words],
        value: Words,
        wrong: Words | None,
        lanes: Lanes | None,
    ) -> Words:
        """Return ``value`` with the columns flipped that are wrong or that noise strikes.

        How likely noise strikes a column depends on the ones among ``levels`` there. Where nothing
        is wrong, ``value`` itself is returned.
        """
        noise = self._noise(access, lanes)
        if noise:
            wrong = np.zeros_like(value) if wrong is None else wrong
            rates = self._faults.access_rates(access)
        for row, columns, draws in noise:
            assert wrong is not None
            at, bit = columns >> 6, (columns & 63).astype(np.uint64)
            ones = sum((level[row, at] >> bit & np.uint64(1)).astype(np.intp) for level in levels)
            still = wrong[row, at] >> bit & np.uint64(1) == 0
            hit = still & (draws < rates[ones])
            np.bitwise_xor.at(wrong[row], at[hit], np.uint64(1) << bit[hit])
            self.flips += int(hit.sum())
        return value if wrong is None else value ^ wrong

    def _masks_of(self, access: Access) -> list[Words | None]:
        """Columns that always get it wrong, (lanes, words) by pattern; None if there are none."""
        return [
            self._mask(access, ones) if rate > 0 else None
            for ones, rate in zip(patterns(access), self._faults.static_rates(access), strict=True)
        ]

    def _mask(self, access: Access, ones: int) -> Words:
        masks = []
        for lane, site in enumerate(self._sites):
            where = None if self._where is None else self._where[lane]
            last = self._columns if where is None else int(where.max()) + 1
            lean = self._faults.weak(site, last, access.kind)
            mask = self._faults.static_mask(access.kind, access.rows, ones, lean)
            masks.append(mask if where is None else mask[where])
        packed: Words = pack(np.array(masks, dtype=np.uint8))
        return packed

    def _stream(self, access: Access, events: int, spans: Sequence[Span]) -> _Stream:
        """Noise of all spans of a lane, in the order of the accesses."""
        found = []
        for span in spans:
            blocks = range(span.first // span.width, -(-(span.first + span.columns) // span.width))
            for block in blocks:
                draws = self._faults.draws(span.job, access, events, block, span.width)
                place = draws.column + (block * span.width - span.first)
                inside = (place >= 0) & (place < span.columns)
                found.append((draws.event[inside], place[inside] + span.column, draws.draw[inside]))
        if not found:
            return _Stream()
        event, column, draw = (np.concatenate(each) for each in zip(*found, strict=True))
        order = np.argsort(event, kind="stable")
        return _Stream(event[order].tolist(), column[order], draw[order])

    def _noise(
        self, access: Access, lanes: Lanes | None
    ) -> list[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
        """Noise of the current access: row among the lanes, columns and draws."""
        found: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]] = []
        streams = self._streams.get(access)
        if not streams:
            return found
        for row, lane in enumerate(range(len(self._sites)) if lanes is None else lanes.tolist()):
            stream = streams.get(lane)
            if stream is None:
                continue
            start, number = stream.at, stream.number
            stream.number += 1
            while stream.at < len(stream.event) and stream.event[stream.at] == number:
                stream.at += 1
            if stream.at > start:
                some = slice(start, stream.at)
                found.append((row, stream.column[some], stream.draw[some]))
        return found


def _beside(faults: Faults, lanes: int) -> list[Neighbours]:
    """One counter of neighbouring activations for each lane; none if these do no harm."""
    if faults.hammer is None:
        return []
    from pimsim.dram.disturbance.hammer import Neighbours

    return [Neighbours(faults.hammer) for _ in range(lanes)]


def _holding(levels: Sequence[Words], ones: int) -> Words:
    """Columns in which ``ones`` of the levels are ones."""
    if len(levels) == 1:
        return levels[0] if ones else ~levels[0]
    if len(levels) > 3:
        least = at_least(levels, ones) if ones else ~np.zeros_like(levels[0])
        return least & ~at_least(levels, ones + 1)
    first, second, third = levels
    odd = first ^ second ^ third
    most = first & second | first & third | second & third
    found: Words = (most if ones >= 2 else ~most) & (odd if ones in (1, 3) else ~odd)
    return found
