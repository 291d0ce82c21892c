"""Where the rows of a stage lie under the output tree, and the streams of its groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.blocks import in_columns
from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import ConstantRows, MappedStage, OperandRows, ReadBack
from bnn.mapped.parity import TreeCheck, tree_check
from bnn.mapped.placement.division import in_turn
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.placement import Placement
from bnn.mapped.placement.spent import Step
from bnn.mapping.dataflows.output_stationary.edges import Masks
from bnn.mapping.dataflows.output_tree.items import Items
from bnn.mapping.dataflows.output_tree.lockstep import computing
from bnn.mapping.dataflows.output_tree.numbers import has_zeros, numbers, signed_digits
from bnn.mapping.dataflows.output_tree.parts import Beside, Counted, Part, counted, taps_of
from bnn.mapping.dataflows.output_tree.voting import Voting, subarrays
from bnn.system.screening import usable
from bnn.system.system import System
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.output_tree import group, known
from pimsim.microprogram.output_tree.group import FanIn, GroupPlan
from pimsim.microprogram.output_tree.renaming import numbered, renamed
from pimsim.microprogram.output_tree.stream import Stream, Window
from pimsim.microprogram.output_tree.tree import Tree, leaves
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.tape import AdderTape, table

Planner = Callable[..., GroupPlan]
"""Plans a group, as :func:`pimsim.microprogram.output_tree.group.plan` does."""

MOST = 8
"""Outputs of a group, at most."""


class Way(NamedTuple):
    """How operands are divided among subarrays."""

    apart: bool
    """Whether places of a pooling window have subarrays of their own."""
    planes: int
    """Bits of an operand that stay together."""
    block: tuple[int, ...] = ()
    """Positions, along each axis, that share a column, which computes them one after the other;
    empty: each position has a column of its own."""


class Layout:
    """Where the rows of a stage lie, and what counts for an output.

    Either all places of a pooling window share their operands; or each place has subarrays of its
    own (*apart*), with all of its operands, and hands a bit on. The bits of an operand may lie in
    different subarrays: a subarray then has many bits of the same weight, and their sum has fewer
    digits.

    A stage in blocks (see :mod:`bnn.lowering.blocks`) is also counted place by place, each with a
    stream of its own; but the bits of places are not combined.

    A stage of a chain may share its subarray with the next, ``beside`` it.

    Raises OutOfRowsError if operands and masks leave no free row.
    """

    def __init__(
        self,
        stage: Stage,
        system: System,
        chunks: list[Chunk],
        way: Way,
        beside: Beside | None = None,
    ) -> None:
        self.stage = self._stage = stage
        self.system, self._map = system, system.address_map
        self.chunks, self.way, self._beside = chunks, way, beside
        self._stays = beside is not None and beside.stays
        """Whether bits stay in their rows."""
        self.columns = stage.windows.positions
        """Columns of an image."""
        self._blocked = bool(way.block)
        self._first = len(self._map.constants)
        every = range(stage.windows.offsets)
        planes = [range(first, first + way.planes) for first in range(0, stage.planes, way.planes)]
        if way.apart:
            self.parts = [
                Part(chunk, taps[chunk.places].tolist(), range(place, place + 1), planes[0])
                for place, taps in enumerate(stage.windows.taps)
                for chunk in chunks
            ]
        else:
            self.parts = [
                Part(
                    chunk,
                    list(range(chunk.places.start, chunk.places.stop)),
                    every,
                    some,
                    beside.first_row if beside else 0,
                )
                for some in planes
                for chunk in chunks
            ]
        inside = stage.windows.outputs >= 0
        self._decides = stage.thresholds is not None
        self._voting = Voting(system, len(self.parts), self._first)
        self.subarrays = self._voting.subarrays
        """Subarrays: those of all parts, in each set, and one that votes on the results of sets."""
        pooled = stage.windows.offsets > 1 or not bool(inside.all())
        self._pooled = pooled and not self._blocked
        self.each = len(every) if self._blocked else 1
        """Streams of a group."""
        self._where = [
            [number for number, part in enumerate(self.parts) if place in part.windows]
            for place in every
        ]
        """Parts of each place of the pooling window, its home first."""
        homes = [where[0] for where in self._where]
        self._counted: dict[Hashable, Counted] = {}
        """What parts count, by what that depends on."""
        self._masks: dict[int, Masks] = {}
        self._kept: list[int] = []
        """Rows for the bits of a group, if these are needed together."""
        self._decided: dict[int, list[int]] = {}
        self._free: list[NDArray[np.int64]] = []
        self._data_rows = system.data_rows
        for number, part in enumerate(self.parts):
            rows = RowAllocator(self._data_rows)
            rows.hold(part.rows, "operands")
            if beside is not None:
                rows.hold(beside.coming, "operands of the next stage")
            if number in homes or not number:
                counted = part.windows if number in homes else ()
                brought = not number and not self._blocked
                self._masks[number] = Masks(stage, rows, counted, pooled=brought)
                self._take_bits(number, rows)
            left = rows.take(rows.left, "adding rows")
            self._free.append(np.array(left[::-1], np.int64) + self._first)
        self._turn, self._kappas, self.sums = numbers(stage)
        self._checks: TreeCheck | None = None
        if system.mitigation.retries:
            self._checks = self._known(self._kappas)

    @cached_property
    def _windows(self) -> list[tuple[list[Items], NDArray[np.int64]]]:
        """What the parts of each place count, its home first, and kappas."""
        return [
            ([self._items(part, place) for part in where], kappas)
            for place, (where, kappas) in enumerate(zip(self._where, self._kappas, strict=True))
        ]

    @cached_property
    def _like(self) -> list[int]:
        """For each place, the first one that differs from it only in which rows it uses."""
        every = range(len(self._where))
        return [next(place for place in every if self._alike(place, own)) for own in every]

    def _alike(self, one: int, other: int) -> bool:
        """Whether plans of two places differ only in which rows they use."""
        if one == other:
            return True
        (first, kappas), (second, others) = self._windows[one], self._windows[other]
        where = [[self._free[part] for part in self._where[place]] for place in (one, other)]
        return (
            len(first) == len(second)
            and np.array_equal(kappas, others)
            and all(map(np.array_equal, *where))
            and all(own.alike(also) for own, also in zip(first, second, strict=True))
        )

    def _take_bits(self, number: int, rows: RowAllocator) -> None:
        """Take rows for the bits of a group: those of all places together, and of one."""
        most = self._beside.most if self._beside is not None and self._stays else MOST
        size = min(most, self._stage.outputs)
        if not number and self._decides and not (self._beside and self._beside.coming):
            held = self._pooled or self._voting.votes
            wanted = size if held or self._stays else min(2, size)
            kept = rows.take(wanted, "bits")
            self._kept = [self._first + row for row in kept]
            self._voting.keep(self._kept, rows)
        if self._stage.windows.offsets > 1 and not self._blocked:
            decided = rows.take(size, "bits")
            self._decided[number] = [self._first + row for row in decided]

    def mapped(
        self,
        streams: Sequence[Stream],
        units: int,
        images: int,
        first: int = 0,
        taken: Callable[[int], list[Step]] | None = None,
    ) -> MappedStage:
        """Lay the stage out, from subarray ``first`` of each bank on.

        If there are more ``units`` than streams, the others are taken to be like these. ``taken``
        is what they take, see :func:`computing`, if that is known.
        """
        program = self.writing()
        placement = in_turn(
            self._seen, self.system, images, program,
            computing=taken or computing(streams, units), units=units, first=first,
            where=usable(self.subarrays, len(self.parts), self.system, first),
        )  # fmt: skip
        return self.placed(streams, program, placement)

    def writing(self) -> RowProgram:
        """What is written: operands, and masks of padding."""
        program, parts = RowProgram(1), len(self.parts)
        program.enter("inputs")
        for number in range(self._voting.sets * parts):
            part = self.parts[number % parts]
            some = part.planes if len(part.planes) < self._stage.planes else None
            held = OperandRows(part.chunk, of_group=False, places=part.places, planes=some)
            program.write(part.rows, number, held)
        for one, (number, masks) in product(range(self._voting.sets), self._masks.items()):
            for row, mask in masks.all():
                program.write([row], one * parts + number, ConstantRows(mask[None, None]))
        return program

    def placed(
        self,
        streams: Sequence[Stream],
        program: RowProgram,
        placement: Placement,
        homes: Sequence[int] | None = None,
    ) -> MappedStage:
        """Return the stage as it lies where a placement says; for ``homes`` see there."""
        stage = self._seen
        return MappedStage(
            stage, self.system, program, placement, ReadBack(stage.scale, ()), self.subarrays,
            self.system.subarray_rows, len(self.parts), homes=homes, streams=streams,
            sums=self.sums.of_each(self.each), checks=self._checks,
            blocks=self._stage.windows.outputs if self._blocked else None,
        )  # fmt: skip

    @cached_property
    def _seen(self) -> Stage:
        """The stage as its columns are."""
        return in_columns(self._stage) if self._blocked else self._stage

    def streams(self, tree: Tree) -> list[Stream]:
        """Plan a group; in halves if a part has too few rows for the whole."""
        try:
            return self.whole(tree)
        except OutOfRowsError:
            if isinstance(tree, int):
                raise
            return [one for half in tree for one in self.streams(half)]

    def sample(self, tree: Tree) -> Stream:
        """Plan a group, and give its first stream.

        Raises OutOfRowsError if a part has too few rows.
        """
        if not self._blocked:
            return self.whole(tree)[0]
        plans = [self._plan(tree, place) for place in sorted(set(self._like))]
        return self._alone(plans[0], 0)

    def whole(self, tree: Tree) -> list[Stream]:
        """Plan a group: a stream, or one for each place of a block.

        Raises OutOfRowsError if a part has too few rows.
        """
        plans: list[GroupPlan] = []
        for place, like in enumerate(self._like):
            if like < place:
                plans.append(renamed(plans[like], self._rows_of(like, place), self._map))
            else:
                plans.append(self._plan(tree, place))
        if not self._pooled:
            return [self._alone(planned, place) for place, planned in enumerate(plans)]
        found = [self._window(place, planned) for place, planned in enumerate(plans)]
        return [self._stream(found, self._kept[: len(plans[0].outputs)])]

    def _known(self, kappas: list[NDArray[np.int64]]) -> TreeCheck:
        """What the host knows of the numbers whose signs decide the outputs."""
        content = {
            number: {self._first + row: mask for row, mask in masks.all()}
            for number, masks in self._masks.items()
        }
        least = []
        for (items, _), where, kappa in zip(self._windows, self._where, kappas, strict=True):
            found = np.tile(kappa[:, None], self.columns)
            for number, some in zip(where, items, strict=True):
                found += some.least(content.get(number, {}), self.columns)
            least.append(found)
        return tree_check(self._stage, np.array(least), apart=self._blocked)

    @property
    def counted(self) -> int:
        """Rows that an output adds up at the first place."""
        return sum(len(some.rows) for some in self._windows[0][0])

    def commands(self, tree: Tree) -> int:
        """Row commands that a group takes at the first place.

        Raises OutOfRowsError if a part has too few rows.
        """
        planned = self._plan(tree, 0, group.plan)  # most are asked for once
        tapes = [AdderTape(words, self._map) for words in planned.tapes]
        every = [run for tape in tapes for run in tape.runs]
        return sum(run.times * times for run in every for _, times in run.cycle)

    def _alone(self, planned: GroupPlan, place: int) -> Stream:
        """Stream of a place; its outputs are numbered behind those of places before."""
        window = Window(numbered(planned, place * self._stage.outputs), self._where[place])
        outs = self._outs(place, planned.outputs) if self._stays else None
        given = None if outs is None else outs[: len(planned.outputs)].tolist()
        return self._stream([window], given)

    def _stream(self, windows: list[Window], given: list[int] | None) -> Stream:
        """Stream of a group, its bits in some rows, or each as it is decided."""
        if self._voting.votes:
            free = self._free[windows[0].parts[0]]
            return self._voting.stream(windows, free, self._map)
        level = -1 if self._checks is None else self._checks.level
        return Stream(
            self._map, windows, self.subarrays, given, self._kept, checked=level, stays=self._stays
        )

    def _plan(self, tree: Tree, place: int, plan: Planner = known.plan) -> GroupPlan:
        """Plan a group at a place; rows for two times all digits stay free, if these are voted."""
        parts, kappas = self._windows[place]
        held, order = 0, leaves(tree)
        while True:
            fan_in = [
                FanIn(*some.of(order), self._free[number][0 if rest else held :])
                for rest, (some, number) in enumerate(zip(parts, self._where[place], strict=True))
            ]
            planned = plan(tree, fan_in, kappas, self._outs(place, leaves(tree)), self._map)
            needed = self._voting.rows_of_digits(planned)
            if needed <= held:
                return planned
            held = needed

    def _outs(self, place: int, outputs: Sequence[int] = ()) -> NDArray[np.int64] | None:
        """Rows of the bits of some outputs that are decided at a place."""
        if not self._decides:
            return None
        if self._beside is not None and self._beside.coming:
            return self._first + self._beside.coming.start + np.array(outputs, np.int64)
        own = place and not self._blocked
        bits = self._decided[self._where[place][0]] if own else self._kept
        return np.resize(np.array(bits), MOST)

    def _rows_of(self, one: int, other: int) -> list[NDArray[np.int64]]:
        """For each part of a place, the rows of another place that replace its rows."""
        found = []
        for part, also in zip(self._windows[one][0], self._windows[other][0], strict=True):
            rows = np.arange(self._first + self._data_rows)
            rows[part.rows] = also.rows
            found.append(rows)
        outs = self._outs(one)
        if outs is not None:
            found[0][outs] = self._outs(other)
        return found

    def _window(self, place: int, planned: GroupPlan) -> Window:
        """What is done at a place: set bits outside the image, and combine with earlier places."""
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

    def _items(self, number: int, place: int) -> Items:
        """Operands of a part, and in the home masks of padding."""
        stage, part = self._stage, self.parts[number]
        taps, found = taps_of(stage, part, place)
        rows, channels = self._first + found, part.chunk.channels
        key = taps, channels.start, channels.stop, part.planes
        if key not in self._counted:
            self._counted[key] = counted(stage, part, taps, self._turn)
        signs, weights = self._counted[key]
        padded = number == self._where[place][0] and stage.zero_padding
        if padded:
            every, more, worth = [signs], [rows], [weights]
            for mask, digits in self._padding(number, place):
                every += [digit[None] * self._turn for _, digit in digits]
                more.append(np.full(len(digits), self._first + mask))
                worth.append(np.array([weight for weight, _ in digits]))
            signs = np.concatenate(every).astype(np.int8, copy=False)
            rows, weights = np.concatenate(more), np.concatenate(worth)
        return Items(
            signs,
            rows.astype(np.int64, copy=False),
            weights.astype(np.int64, copy=False),
            not padded and not has_zeros(stage),
        )

    def _padding(
        self, number: int, place: int
    ) -> list[tuple[int, list[tuple[int, NDArray[np.int8]]]]]:
        """Masks that say where a tap reads none of the image, and digits that they count with."""
        stage, found = self._stage, []
        padded, tap_sums = stage.windows.padded(place), stage.tap_sums
        for tap in np.flatnonzero(padded.any(axis=0)):
            # the row says where it is not padded, so its digit is minus that of the padding
            mask = self._masks[number].row(~padded[:, tap])
            found.append((mask, signed_digits(-tap_sums[tap])))
        return found


def subarrays_of(stage: Stage, system: System, chunks: int, way: Way) -> int:
    """Return how many subarrays of a bank a layout takes that divides a patch into so many."""
    return subarrays(system, chunks * (stage.windows.offsets if way.apart else _shares(stage, way)))


def _shares(stage: Stage, way: Way) -> int:
    """Parts that an operand's bits are in."""
    return -(-stage.planes // way.planes)
