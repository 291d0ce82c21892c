"""Output tree: output-stationary, with one adder for many outputs.

Columns and operands are those of :mod:`bnn.mapping.dataflows.output_stationary`. But outputs go in
groups, each with a command stream of its own (:mod:`pimsim.microprogram.output_tree`): rows that
count with the same signs, or with all of them opposite, are added once for the whole group. No
count ever stands in rows; a bit is decided by carries. Which outputs share a group, and how many,
is chosen by what it costs.

A padded tap is stored as -1 and contributes minus its weights; rows that say which columns read
padding there are added with digits of these weights, as products are.

Stages without thresholds, of several groups of channels, and whatever goes wrong, are those of
output-stationary.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.dataflows import output_stationary
from bnn.mapping.dataflows.output_stationary.edges import Masks
from bnn.mapping.mapped_stage import ConstantRows, MappedStage, OperandRows, ReadBack, TreeSums
from bnn.mapping.placement.division import in_turn
from bnn.mapping.placement.fan_in import Chunk, fit
from bnn.system.system import System
from pimsim.dram.timeline.command_stream import Run
from pimsim.errors import OutOfRowsError, OutOfSubarraysError
from pimsim.executors.compiled.run.processors import default_threads
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.output_tree.group import FanIn, plan
from pimsim.microprogram.output_tree.grouping import clustered, halved
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.output_tree.tree import Tree
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.tape import runs, table

name: str = "output-tree"
summary: str = "output-stationary, an adder serving up to eight outputs at once"
popcount: str = "in DRAM"
rank: int = 3
lockstep: bool = False
"""Every bank has a command stream of its own."""

_GROUPS = (8, 4, 2, 1)
"""Outputs of a group that are tried."""
at_best: tuple[str, int] = (output_stationary.name, _GROUPS[0])
"""A mapping that computes at most this many times longer: a group takes no less than one output
does there."""
_FEWEST = 4
"""Outputs of a group for which a fan-in is divided further rather than have fewer."""


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapping.mapped_stage.Mapping`."""
    system.mitigation.refuse(name)
    if instead(stage, system) is not None:
        return output_stationary.map_stage(stage, system, images)
    streams, layout = _divided(stage, system)
    parts = len(layout.chunks)
    program = RowProgram(1)
    program.enter("inputs")
    for part, chunk in enumerate(layout.chunks):
        program.write(layout.operand_rows(chunk), part, OperandRows(chunk, of_group=False))
    for row, mask in layout.masks.all():
        program.write([row], 0, ConstantRows(mask[None, None]))
    placement = in_turn(
        stage, system, images, _average(streams, system),
        operand_rows=sum(chunk.operands for chunk in layout.chunks) * stage.planes,
        units=len(streams),
    )  # fmt: skip
    return [
        MappedStage(
            stage, system, program, placement, ReadBack(stage.scale, ()), parts,
            system.subarray_rows, parts, streams=streams, sums=layout.sums,
        )
    ]  # fmt: skip


def instead(stage: Stage, system: System) -> str | None:
    """Name of the mapping that is taken for a stage which cannot be counted so."""
    fits = stage.thresholds is not None and stage.groups == 1 and stage.each == 1
    if fits and stage.zero_padding:
        # a padded tap's weights must be odd together, or even, for all outputs
        fits = stage.planes == 1 and stage.scale == 2 and stage.shifts == (0,)
        fits = fits and bool(stage.weights.all())
    return None if fits and system.faults is None else output_stationary.name


def _average(streams: list[Stream], system: System) -> list[Run]:
    """What a stream executes, of all parts together, on average."""
    total = sum(part.histogram for one in streams for part in one.tally.parts)
    each = -(-np.asarray(total) // len(streams))
    return list(runs(tuple(each.tolist()), system.address_map))


def _divided(stage: Stage, system: System) -> tuple[list[Stream], _Layout]:
    """Divide the fan-in among as few subarrays as let groups be large, and plan every group."""
    most = clustered(stage.weights.reshape(-1, stage.outputs).T, _GROUPS[0])

    def write(fewest: int, chunks: list[Chunk]) -> tuple[list[Stream], _Layout]:
        if len(chunks) > system.subarrays_per_bank:
            raise OutOfSubarraysError(
                f"operands of {stage.name!r} must fit the {system.subarrays_per_bank} subarrays of "
                f"a bank, not need {len(chunks)}"
            )
        layout = _Layout(stage, system, chunks)
        groups = most
        best: tuple[float, list[Tree]] | None = None
        refused: OutOfRowsError | None = None
        for size in _GROUPS:
            if size < fewest and best is None and size < stage.outputs:
                break
            try:
                some = layout.stream(groups[0])
            except OutOfRowsError as error:
                refused = error
            else:
                spent = sum(int(one.histogram @ layout.prices) for one in some.tally.parts)
                if best is None or spent / len(some.outputs) < best[0]:
                    best = spent / len(some.outputs), groups
            groups = halved(groups)
        if best is None:
            raise refused or OutOfRowsError("groups of outputs need more rows")
        with ThreadPoolExecutor(default_threads()) as pool:
            return [one for some in pool.map(layout.streams, best[1]) for one in some], layout

    def divide(fewest: int) -> tuple[list[Stream], _Layout]:
        return fit(
            stage.name,
            stage.windows.channels,
            stage.windows.patch,
            system.data_rows,
            partial(write, fewest),
            lambda chunk: chunk.operands * stage.planes,
            lambda chunk: min(fewest, 2) * chunk.highest(stage).bit_length(),
        )

    try:
        return divide(_FEWEST)
    except OutOfRowsError:
        return divide(1)


@dataclass(frozen=True, slots=True)
class _Items:
    """Rows that count, each for all outputs."""

    signs: NDArray[np.int8]
    rows: NDArray[np.int64]
    weights: NDArray[np.int64]


class _Layout:
    """Where the rows of a stage lie, and what counts for an output.

    Raises OutOfRowsError where operands and masks leave none.
    """

    def __init__(self, stage: Stage, system: System, chunks: list[Chunk]) -> None:
        self._stage, self.chunks, self._map = stage, chunks, system.address_map
        self._first = len(self._map.constants)
        self._rows = [RowAllocator(system.data_rows) for _ in chunks]
        for rows, chunk in zip(self._rows, chunks, strict=True):
            rows.hold(self.operand_rows(chunk), "operands")
        self.masks = Masks(stage, self._rows[0])
        places = stage.windows.offsets
        kept = min(max(_GROUPS), stage.outputs) * places if places > 1 else 1
        self._kept = [self._first + row for row in self._rows[0].take(kept, "bits")]
        self._free = []
        for rows in self._rows:
            left = rows.take(rows.left, "adding rows")
            self._free.append(np.array(left[::-1], np.int64) + self._first)
        self._turn, kappas, self.sums = _numbers(stage)
        self._windows = [
            ([self._items(part, place) for part in range(len(chunks))], kappas[place])
            for place in range(places)
        ]
        templates = table(self._map).templates
        self.prices = np.array([one.program.activations for one in templates], np.int64)

    def operand_rows(self, chunk: Chunk) -> range:
        """Data rows of a chunk's operands."""
        return range(chunk.operands * self._stage.planes)

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
        stage, places, plans = self._stage, self._stage.windows.offsets, []
        for place, (parts, kappas) in enumerate(self._windows):
            fan_in = [
                FanIn(some.signs, some.rows, some.weights, free)
                for some, free in zip(parts, self._free, strict=True)
            ]
            outs = np.full(max(_GROUPS), self._kept[0])
            if places > 1:
                outs = np.array(self._kept[place::places])
            plans.append(plan(tree, fan_in, kappas, outs, self._map))
        if places == 1 and bool((stage.windows.outputs >= 0).all()):
            return Stream(self._map, plans, bit=self._kept[0])
        order = plans[0].outputs
        given = [self._kept[number * places] for number in range(len(order))]
        return Stream(self._map, plans, given, tail=self._tail(order))

    def _tail(self, outputs: list[int]) -> NDArray[np.int32]:
        """Records from the bits of all places to one: neutral ones outside, then AND or OR."""
        stage, gates = self._stage, table(self._map).gates
        places, words = stage.windows.offsets, list[int]()
        for number, output in enumerate(outputs):
            every = bool(stage.conjunction[output])
            bits = self._kept[number * places : (number + 1) * places]
            for place, bit in enumerate(bits):
                inside = stage.windows.outputs[place] >= 0
                if not inside.all():
                    row = self._first + self.masks.row(~inside if every else inside)
                    words += [gates + every, bit, row, bit]
            for bit in bits[1:]:
                words += [gates + (not every), bits[0], bit, bits[0]]
        return np.array(words, np.int32)

    def _items(self, part: int, place: int) -> _Items:
        """Operands of a part, and in the home masks of padding."""
        stage, chunk = self._stage, self.chunks[part]
        taps = chunk.taps(stage.windows, place)
        channels = np.arange(chunk.width)
        spots = stage.windows.taps[place, taps] - chunk.places.start
        first = (spots[:, None] * chunk.width + channels).reshape(-1) * stage.planes + self._first
        lift = int(stage.zero_padding)
        signs, rows, weights = [], [], []
        for digit, shift in enumerate(stage.shifts):
            own = stage.weights[digit, taps, chunk.channels].reshape(-1, stage.outputs)
            for bit in range(stage.planes):
                signs.append(own * self._turn)
                rows.append(first + bit)
                weights.append(np.full(len(first), bit + shift + lift))
        if part == 0 and stage.zero_padding:
            for mask, digits in self._padding(place):
                signs += [digit[None] * self._turn for _, digit in digits]
                rows.append(np.full(len(digits), self._first + mask))
                weights.append(np.array([weight for weight, _ in digits]))
        return _Items(
            np.concatenate(signs).astype(np.int8),
            np.concatenate(rows).astype(np.int64),
            np.concatenate(weights).astype(np.int64),
        )

    def _padding(self, place: int) -> list[tuple[int, list[tuple[int, NDArray[np.int8]]]]]:
        """Masks that say where a tap reads none of the image, and digits that they count with."""
        stage, found = self._stage, []
        padded = stage.windows.padded(place)
        for tap in np.flatnonzero(padded.any(axis=0)):
            # the row holds where it is not padded, so that its digit is minus that of the padding
            found.append((self.masks.row(~padded[:, tap]), signed_digits(-stage.tap_sums[tap])))
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
