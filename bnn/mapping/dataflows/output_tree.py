"""Output tree: output-stationary, with one adder for many outputs.

Columns and operands are those of :mod:`bnn.mapping.dataflows.output_stationary`. But outputs go in
groups, each with a command stream of its own (:mod:`pimsim.microprogram.output_tree`): rows that
count with the same signs, or with all of them opposite, are added once for the whole group. No
count ever stands in rows; a bit is decided by carries. Which outputs share a group, and how many,
is chosen by what it costs.

A padded tap is stored as -1 and contributes minus its weights; rows that say which columns read
padding there are added with digits of these weights, as products are.

Stages without thresholds, and of several groups of channels, are those of output-stationary.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.mapping.backends import account
from bnn.mapping.dataflows import output_stationary
from bnn.mapping.dataflows.output_stationary.edges import Masks
from bnn.mapping.mapped_stage import ConstantRows, MappedStage, OperandRows, ReadBack, TreeSums
from bnn.mapping.placement.division import in_turn
from bnn.mapping.placement.fan_in import Chunk, fit
from bnn.system.ledger import ledger_alone
from bnn.system.system import System
from pimsim.dram.timeline.command_stream import Run
from pimsim.errors import OutOfRowsError, OutOfSubarraysError, PimsimError
from pimsim.executors.compiled.run.processors import default_threads
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.output_tree.group import FanIn, GroupPlan, plan
from pimsim.microprogram.output_tree.grouping import clustered, halved
from pimsim.microprogram.output_tree.stream import Stream, Window
from pimsim.microprogram.output_tree.tree import Tree, leaves
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.tape import runs, table

name: str = "output-tree"
summary: str = "output-stationary, an adder serving up to eight outputs at once"
popcount: str = "in DRAM"
rank: int = 3
lockstep: bool = False
"""Every bank has a command stream of its own."""
chosen_with_faults: bool = False
"""Accuracy decides there, and prices do not tell."""

_GROUPS = (8, 4, 2, 1)
"""Outputs of a group that are tried."""
at_best: tuple[str, int] = (output_stationary.name, _GROUPS[0])
"""A mapping that computes at most this many times longer: a group takes no less than one output
does there."""


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapping.mapped_stage.Mapping`."""
    system.mitigation.refuse(name)
    if instead(stage, system) is not None:
        return output_stationary.map_stage(stage, system, images)
    own = stage if stage.each == 1 else _typical(stage)
    copies = -(-stage.outputs * stage.each // own.outputs)
    layout, groups = _cheapest(own, system, images, copies)
    with ThreadPoolExecutor(default_threads()) as pool:
        streams = [one for some in pool.map(layout.streams, groups) for one in some] * copies
    return [layout.mapped(streams, len(streams), images)]


def instead(stage: Stage, system: System) -> str | None:
    """Name of the mapping that is taken for a stage which cannot be counted so."""
    fits = stage.thresholds is not None and stage.groups == 1
    if fits and stage.zero_padding:
        # a padded tap's weights must be odd together, or even, for all outputs
        fits = stage.planes == 1 and stage.scale == 2 and stage.shifts == (0,)
        fits = fits and bool(stage.weights.all())
    return None if fits else output_stationary.name


def _typical(stage: Stage) -> Stage:
    """A group of outputs with random weights, for a stage without any that is only booked."""
    outputs = min(_GROUPS[0], stage.each)
    rng = np.random.default_rng(0)
    weights = rng.choice(np.array([-1, 1], np.int8), (*stage.weights.shape[:3], outputs))
    zeros = np.zeros(outputs, np.int64)
    low = int(stage.offsets[0]) // stage.weights[..., 0].size  # all weights are +1
    return replace(
        stage,
        weights=weights,
        offsets=offsets(weights, stage.shifts, stage.planes, stage.scale, low),
        thresholds=Thresholds(zeros, zeros > 0),
        conjunction=zeros > 0,
        each=1,
    )


def _average(streams: list[Stream], system: System) -> list[Run]:
    """What a stream executes, of all parts together, on average."""
    total = sum(part.histogram for one in streams for part in one.tally.parts)
    each = -(-np.asarray(total) // len(streams))
    return list(runs(tuple(each.tolist()), system.address_map))


def _cheapest(
    stage: Stage, system: System, images: int, copies: int = 1
) -> tuple[_Layout, list[Tree]]:
    """Return the layout and the groups that a first stream promises least time and energy of.

    There are so many ``copies`` of all groups.
    """
    sizes = [clustered(stage.weights.reshape(-1, stage.outputs).T, _GROUPS[0])]
    while len(sizes) < len(_GROUPS):
        sizes.append(halved(sizes[-1]))
    best: tuple[float, _Layout, list[Tree]] | None = None
    refused: PimsimError | None = None
    seen = set[tuple[Way, int]]()
    for way in ways(stage, system):
        if best is not None and len(best[1].parts) == 1:
            break  # no digit is moved
        for most in range(len(_GROUPS)):
            try:
                layout = _divided(stage, system, sizes[most][0], way)
            except (OutOfRowsError, OutOfSubarraysError) as error:
                refused = refused or error
                continue
            if (way, len(layout.parts)) in seen:
                continue
            seen.add((way, len(layout.parts)))
            for groups in sizes[most:]:
                try:
                    sample = layout.stream(groups[0])
                except OutOfRowsError:
                    continue
                price = _price(layout.mapped([sample], len(groups) * copies, images))
                if best is None or price < best[0]:
                    best = price, layout, groups
    if best is None:
        raise refused or OutOfRowsError("groups of outputs need more rows")
    return best[1:]


class Way(NamedTuple):
    """How operands are divided among subarrays."""

    apart: bool
    """Whether places of a pooling window have subarrays of their own."""
    planes: int
    """Bits of an operand that stay together."""


def ways(stage: Stage, system: System) -> list[Way]:
    """Return the ways to be tried, in turn; places in banks of their own cannot be apart."""
    found = [Way(False, stage.planes)]
    if stage.windows.offsets > 1 and system.moves == "host":
        found.append(Way(True, stage.planes))
    if stage.planes > 1:
        found.append(Way(False, 1))
    return found


def _price(mapped: MappedStage) -> float:
    """Latency times energy, were all streams as the first one."""
    placement, nothing = mapped.placement, np.zeros(0, np.intp)
    turn = placement.turns[0]
    lanes = range(turn.lanes)
    slots = sum(max(block.size[0] for block in one.blocks) for one in placement.turns)
    latency_ps = energy_pj = 0.0
    for times, phase in ((len(placement.turns), "inputs"), (slots, "compute")):
        ledger = ledger_alone(mapped.system)
        ledger.enter(phase)
        if phase == "inputs":
            account.book_phase(mapped, phase, ledger, turn, lanes, nothing)
        else:
            account.book_streams(mapped, ledger, turn, lanes, [0] * turn.lanes)
        cost = ledger.cost_together([phase], refresh=mapped.system.options.refresh)
        latency_ps += times * cost.latency_ps
        energy_pj += times * cost.total_pj
    return latency_ps * energy_pj


def _divided(stage: Stage, system: System, group: Tree, way: Way) -> _Layout:
    """Divide the fan-in among as few subarrays as let such a group be planned."""
    windows = stage.windows

    def write(chunks: list[Chunk]) -> _Layout:
        layout = _Layout(stage, system, chunks, way)
        if len(layout.parts) > system.subarrays_per_bank:
            raise OutOfSubarraysError(
                f"operands of {stage.name!r} must fit the {system.subarrays_per_bank} subarrays of "
                f"a bank, not need {len(layout.parts)}"
            )
        layout.stream(group)
        return layout

    return fit(
        stage.name,
        windows.channels,
        windows.taps.shape[1] if way.apart else windows.patch,
        system.data_rows,
        write,
        lambda chunk: chunk.operands * way.planes,
        lambda chunk: min(len(leaves(group)), 2) * chunk.operands.bit_length(),
    )


@dataclass(frozen=True, slots=True)
class _Items:
    """Rows that count, each for all outputs."""

    signs: NDArray[np.int8]
    rows: NDArray[np.int64]
    weights: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Part:
    """Operands in a subarray, or some of their bits."""

    chunk: Chunk
    places: list[int]
    """Of the patch, in the order of their rows."""
    windows: range
    """Places of the pooling window that it counts for."""
    planes: range

    @property
    def rows(self) -> range:
        """Data rows of the operands."""
        return range(len(self.places) * self.chunk.width * len(self.planes))


class _Layout:
    """Where the rows of a stage lie, and what counts for an output.

    Operands are shared by all places of a pooling window, or each place has subarrays *apart*: it
    has all of its operands there then, and hands a bit on. Bits of an operand may be in different
    subarrays: those of the same weight are many then, and what they add up to takes fewer digits.

    Raises OutOfRowsError where operands and masks leave none.
    """

    def __init__(self, stage: Stage, system: System, chunks: list[Chunk], way: Way) -> None:
        self._stage, self._system, self._map = stage, system, system.address_map
        self._first = len(self._map.constants)
        every = range(stage.windows.offsets)
        planes = [range(first, first + way.planes) for first in range(0, stage.planes, way.planes)]
        if way.apart:
            self.parts = [
                _Part(chunk, taps[chunk.places].tolist(), range(place, place + 1), planes[0])
                for place, taps in enumerate(stage.windows.taps)
                for chunk in chunks
            ]
        else:
            self.parts = [
                _Part(chunk, list(range(chunk.places.start, chunk.places.stop)), every, some)
                for some in planes
                for chunk in chunks
            ]
        inside = stage.windows.outputs >= 0
        self._pooled = stage.windows.offsets > 1 or not bool(inside.all())
        self._where = [
            [number for number, part in enumerate(self.parts) if place in part.windows]
            for place in every
        ]
        """Parts of each place of the pooling window, its home first."""
        homes = [where[0] for where in self._where]
        self._masks: dict[int, Masks] = {}
        self._kept: list[int] = []
        self._decided: dict[int, list[int]] = {}
        self._free: list[NDArray[np.int64]] = []
        for number, part in enumerate(self.parts):
            rows = RowAllocator(system.data_rows)
            rows.hold(part.rows, "operands")
            if number in homes or not number:
                counted = part.windows if number in homes else ()
                self._masks[number] = Masks(stage, rows, counted, pooled=not number)
                self._take_bits(number, rows)
            left = rows.take(rows.left, "adding rows")
            self._free.append(np.array(left[::-1], np.int64) + self._first)
        self._turn, kappas, self.sums = _numbers(stage)
        self._windows = [
            ([self._items(part, place) for part in self._where[place]], kappas[place])
            for place in every
        ]

    def _take_bits(self, number: int, rows: RowAllocator) -> None:
        """Take rows for the bits of a group: those of all places together, and of one."""
        size = min(max(_GROUPS), self._stage.outputs)
        if not number:
            kept = rows.take(size if self._pooled else 1, "bits")
            self._kept = [self._first + row for row in kept]
        if self._stage.windows.offsets > 1:
            decided = rows.take(size, "bits")
            self._decided[number] = [self._first + row for row in decided]

    def mapped(self, streams: list[Stream], units: int, images: int) -> MappedStage:
        """Lay the stage out; where there are more ``units`` than streams, all are as these."""
        program, parts = RowProgram(1), len(self.parts)
        program.enter("inputs")
        for number, part in enumerate(self.parts):
            some = part.planes if len(part.planes) < self._stage.planes else None
            held = OperandRows(part.chunk, of_group=False, places=part.places, planes=some)
            program.write(part.rows, number, held)
        for number, masks in self._masks.items():
            for row, mask in masks.all():
                program.write([row], number, ConstantRows(mask[None, None]))
        placement = in_turn(
            self._stage, self._system, images, _average(streams, self._system),
            operand_rows=sum(len(part.rows) for part in self.parts),
            units=units,
        )  # fmt: skip
        return MappedStage(
            self._stage, self._system, program, placement, ReadBack(self._stage.scale, ()), parts,
            self._system.subarray_rows, parts, streams=streams, sums=self.sums,
        )  # fmt: skip

    def streams(self, tree: Tree) -> list[Stream]:
        """Plan a group; in halves if a part has too few rows for the whole."""
        try:
            return [self.stream(tree)]
        except OutOfRowsError:
            if isinstance(tree, int):
                raise
            return [one for half in tree for one in self.streams(half)]

    def stream(self, tree: Tree) -> Stream:
        """Plan a group; OutOfRowsError if a part has too few rows."""
        plans = []
        for place, (parts, kappas) in enumerate(self._windows):
            fan_in = [
                FanIn(some.signs, some.rows, some.weights, self._free[number])
                for some, number in zip(parts, self._where[place], strict=True)
            ]
            bits = self._decided[self._where[place][0]] if place else self._kept
            outs = np.resize(np.array(bits), max(_GROUPS))
            plans.append(plan(tree, fan_in, kappas, outs, self._map))
        if not self._pooled:
            found = [Window(plans[0], self._where[0])]
            return Stream(self._map, found, len(self.parts), bit=self._kept[0])
        found = [self._window(place, planned) for place, planned in enumerate(plans)]
        given = self._kept[: len(plans[0].outputs)]
        return Stream(self._map, found, len(self.parts), given)

    def _window(self, place: int, planned: GroupPlan) -> Window:
        """What is done at a place: neutral outside, its bits go with those before by AND or OR."""
        stage, where = self._stage, self._where[place]
        gates, here = table(self._map).gates, self._decided[0] if place else self._kept
        inside, words = stage.windows.outputs[place] >= 0, list[int]()
        for number, output in enumerate(planned.outputs):
            every, bit = bool(stage.conjunction[output]), here[number]
            if not inside.all():
                row = self._first + self._masks[0].row(~inside if every else inside)
                words += [gates + every, bit, row, bit]
            if place:
                kept = self._kept[number]
                words += [gates + (not every), kept, bit, kept]
        brought = list(zip(self._decided[where[0]], here, strict=True)) if where[0] else []
        return Window(planned, where, brought[: len(planned.outputs)], np.array(words, np.int32))

    def _items(self, number: int, place: int) -> _Items:
        """Operands of a part, and in the home masks of padding."""
        stage, part, chunk = self._stage, self.parts[number], self.parts[number].chunk
        row_of = {spot: row for row, spot in enumerate(part.places)}
        every = stage.windows.taps[place].tolist()
        taps = [tap for tap, spot in enumerate(every) if spot in row_of]
        spots = np.array([row_of[every[tap]] for tap in taps], np.int64)
        channels = np.arange(chunk.width)
        first = (spots[:, None] * chunk.width + channels).reshape(-1) * len(part.planes)
        lift = int(stage.zero_padding)
        signs, rows, weights = [], [], []
        for digit, shift in enumerate(stage.shifts):
            own = stage.weights[digit, taps, chunk.channels].reshape(-1, stage.outputs)
            for row, bit in enumerate(part.planes):
                signs.append(own * self._turn)
                rows.append(self._first + first + row)
                weights.append(np.full(len(first), bit + shift + lift))
        if number == self._where[place][0] and stage.zero_padding:
            for mask, digits in self._padding(number, place):
                signs += [digit[None] * self._turn for _, digit in digits]
                rows.append(np.full(len(digits), self._first + mask))
                weights.append(np.array([weight for weight, _ in digits]))
        return _Items(
            np.concatenate(signs).astype(np.int8),
            np.concatenate(rows).astype(np.int64),
            np.concatenate(weights).astype(np.int64),
        )

    def _padding(
        self, number: int, place: int
    ) -> list[tuple[int, list[tuple[int, NDArray[np.int8]]]]]:
        """Masks that say where a tap reads none of the image, and digits that they count with."""
        stage, found = self._stage, []
        padded = stage.windows.padded(place)
        for tap in np.flatnonzero(padded.any(axis=0)):
            # the row holds where it is not padded, so that its digit is minus that of the padding
            mask = self._masks[number].row(~padded[:, tap])
            found.append((mask, signed_digits(-stage.tap_sums[tap])))
        return found


def _numbers(stage: Stage) -> tuple[NDArray[np.int8], list[NDArray[np.int64]], TreeSums]:
    """Return the sign that outputs count with, their kappas at every place, and sums.

    A bit is whether what counts and kappa are above 0; a sum falls with its output's sign.
    """
    found = stage.thresholds
    if found is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    scaled = np.int64(1) << np.array(stage.shifts, np.int64)
    ones = np.tensordot(scaled, stage.weights.sum(axis=(1, 2), dtype=np.int64), axes=1)
    below = np.tensordot(scaled, (stage.weights < 0).sum(axis=(1, 2), dtype=np.int64), axes=1)
    base = stage.offsets + stage.scale * stage.largest * below
    turn: NDArray[np.int64] = np.where(found.falling, -1, 1).astype(np.int64)
    kappas: list[NDArray[np.int64]] = []
    if not stage.zero_padding:
        least = -((base - found.at) // stage.scale)
        reach = stage.highest() + stage.largest + 1
        least = np.clip(least, -reach, reach)
        same = turn * (1 + stage.largest * ones - 2 * least)
        kappas = [same] * stage.windows.offsets
        sums = TreeSums(stage.scale, stage.scale * least + base, turn)
        return turn.astype(np.int8), kappas, sums
    reach = 2 * stage.highest() + 2
    for place in range(stage.windows.offsets):
        padded = stage.windows.padded(place).any(axis=0)
        taken = stage.tap_sums[padded].sum(axis=0)
        at = np.clip(found.at, -reach, reach)
        kappas.append(turn * (2 * (ones + base) + taken - 2 * at + 1))
    return turn.astype(np.int8), kappas, TreeSums(1, np.clip(found.at, -reach, reach), turn)


def signed_digits(numbers: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int8]]]:
    """Write numbers that are all odd, or all even, with digits of -1 and +1.

    Even ones have two digits of weight 1, so that what is left can be halved to something odd.

    >>> [(weight, digits.tolist()) for weight, digits in signed_digits(np.array([3, -1]))]
    [(0, [1, 1]), (1, [1, -1])]
    >>> found = signed_digits(np.array([0, 2, -4, 6]))
    >>> sum((1 << weight) * digit.astype(int) for weight, digit in found).tolist()
    [0, 2, -4, 6]
    """
    found: list[tuple[int, NDArray[np.int8]]] = []
    first, left = 0, numbers
    if not (numbers % 2).any():
        same = numbers // 2 % 2 == 0  # two digits alike leave something odd
        toward = np.where(numbers < 0, -1, 1)
        second = np.where(same, toward, -toward)
        found = [(0, toward.astype(np.int8)), (0, second.astype(np.int8))]
        first, left = 1, (numbers - toward - second) // 2
    bits = max(1, int(np.abs(left).max()).bit_length())
    plain = (left + (1 << bits) - 1) // 2
    return found + [
        (first + bit, np.where(plain >> bit & 1, 1, -1).astype(np.int8)) for bit in range(bits)
    ]
