"""Stages of a chain under the output tree: a group of outputs after the other.

The bits of a group are decided by carries, and written to rows that are reserved for them. If the
next stage lies in the same subarray, these are the rows of its operands, so nothing has to be
copied.

Whether groups have room, and into how many streams they are divided, is remembered like their
division. Where it is known, streams are made only when someone wants to see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.fan_in import Chunk, whole
from bnn.mapped.placement.placement import Placement
from bnn.mapping.chain.laid import Bit, Draft, Laid
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.dataflows.output_tree.division import cheapest, content, exchanged
from bnn.mapping.dataflows.output_tree.layout import Layout
from bnn.mapping.dataflows.output_tree.parts import Beside
from bnn.system.system import System
from pimsim.errors import OutOfRowsError
from pimsim.kept import digest
from pimsim.microprogram.output_tree.grouping import halved
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.output_tree.tree import Tree, leaves
from pimsim.remembered import Later

_KNOWN_BYTES = 100
"""Memory of what is remembered of a stage, about."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Lays stages out, see :class:`bnn.mapping.chain.laid.Planner`.

    Groups are those that would be chosen for a stage outside a chain.
    """

    stages: Sequence[Stage]
    system: System
    images: int
    _chosen: dict[int, tuple[Layout, list[Tree], str]] = field(default_factory=dict)

    def alone(self, number: int) -> Draft:
        """Split the fan-in over subarrays as outside a chain."""
        stage, (chosen, groups, key) = self._stage(number), self._choice(number)
        if number == len(self.stages) - 1:
            return _Draft(stage, chosen, groups, Beside(stays=False), key)

        @cache
        def laid(most: int) -> Layout:
            return self._shared(number, Beside(most=most))

        def fitting() -> tuple[Any, int]:
            some = groups
            while True:
                most = _largest(some)
                try:
                    laid(most).sample(some[0])
                except OutOfRowsError:
                    if most == 1:
                        raise
                    some = halved(some)
                else:
                    return most, _KNOWN_BYTES

        most = division.DIVISIONS.of(digest("alone", key), fitting)
        while _largest(groups) > most:
            groups = halved(groups)
        return _Draft(stage, laid(most), groups, Beside(most=most), key)

    def beside(self, number: int, own: range, coming: range) -> Draft:
        """Lay the operands of this stage and of the next into one subarray.

        Raises OutOfRowsError also where groups would have to be smaller for it.
        """
        stage, (chosen, groups, key) = self._stage(number), self._choice(number)
        if chosen.subarrays > 1 or stage.windows.offsets > 1:
            raise OutOfRowsError(f"operands of {stage.name!r} must have a subarray of their own")
        shared = Beside(own.start, coming, number < len(self.stages) - 1)
        made = cache(lambda: self._shared(number, shared, [whole(stage)]))

        def refused() -> tuple[Any, int]:
            try:
                made().sample(groups[0])
            except OutOfRowsError as error:
                return str(error), _KNOWN_BYTES
            return "", _KNOWN_BYTES

        if why := division.DIVISIONS.of(digest("beside", key, shared), refused):
            raise OutOfRowsError(why)
        return _Draft(stage, made(), groups, shared, key)

    def _shared(self, number: int, shared: Beside, chunks: list[Chunk] | None = None) -> Layout:
        """The layout of a stage that shares its subarray, divided as outside a chain if None."""
        chosen = self._choice(number)[0]
        some = chosen.chunks if chunks is None else chunks
        return Layout(self._stage(number), self.system, some, chosen.way, beside=shared)

    def _stage(self, number: int) -> Stage:
        """A stage, no positions of which share a column: without sides there are no blocks."""
        stage = self.stages[number]
        return replace(stage, windows=replace(stage.windows, sides=()))

    def _choice(self, number: int) -> tuple[Layout, list[Tree], str]:
        """How a stage is divided, which outputs share a group, and a name for both."""
        if number not in self._chosen:
            stage, system = self._stage(number), self.system
            _, layout, groups = cheapest(stage, system, self.images)
            key = digest("chained", content(stage), replace(system, counter=None), self.images)
            self._chosen[number] = layout, exchanged(layout, groups), key
        return self._chosen[number]


def _largest(groups: Sequence[Tree]) -> int:
    """Outputs of the largest group."""
    return max(len(leaves(group)) for group in groups)


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    stage: Stage
    layout: Layout
    groups: list[Tree]
    shared: Beside
    key: str
    """Says all that stage and groups depend on."""

    @property
    def parts(self) -> int:
        """Subarrays."""
        return self.layout.subarrays

    def laid(self) -> Laid:
        """Plan all groups, or where it is known how many streams that gives, when they are used."""

        @cache
        def streams() -> list[Stream]:
            return [one for group in self.groups for one in self.layout.streams(group)]

        def units() -> list[list[Bit]]:
            first = len(self.layout.system.address_map.constants)
            return [
                [
                    Bit(output, row - first)
                    for output, row in zip(one.outputs, one.given, strict=True)
                ]
                if one.stays and one.given is not None
                else []
                for one in streams()
            ]

        def counted() -> tuple[Any, int]:
            return len(streams()), _KNOWN_BYTES

        def placed(placement: Placement, homes: Sequence[int]) -> MappedStage:
            return layout.placed(Later(count, streams), layout.writing(), placement, homes)

        layout, count = (
            self.layout,
            division.DIVISIONS.of(digest("streams", self.key, self.shared), counted),
        )
        return Laid(
            self.stage,
            layout.chunks,
            self.parts,
            self.shared.first_row,
            Later(count, units),
            placed,
        )
