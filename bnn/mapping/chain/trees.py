"""Stages of a chain under the output tree: a group of outputs after the other.

The bits of a group are decided by carries, and written to rows that are reserved for them. If the
next stage lies in the same subarray, these are the rows of its operands, so nothing has to be
copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.fan_in import whole
from bnn.mapped.placement.placement import Placement
from bnn.mapping.chain.laid import Bit, Draft, Laid
from bnn.mapping.dataflows.output_tree.division import cheapest, exchanged
from bnn.mapping.dataflows.output_tree.layout import Layout
from bnn.mapping.dataflows.output_tree.parts import Beside
from bnn.system.system import System
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.output_tree.grouping import halved
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.output_tree.tree import Tree, leaves


@dataclass(frozen=True, slots=True)
class Trees:
    """Lays stages out, see :class:`bnn.mapping.chain.laid.Planner`.

    Groups are those that would be chosen for a stage outside a chain.
    """

    stages: Sequence[Stage]
    system: System
    images: int
    _chosen: dict[int, tuple[Layout, list[Tree]]] = field(default_factory=dict)

    def alone(self, number: int) -> Draft:
        """Split the fan-in over subarrays as outside a chain."""
        stage, (chosen, groups) = self._stage(number), self._choice(number)
        if number == len(self.stages) - 1:
            return _Draft(stage, chosen, groups, Beside(stays=False))
        while True:
            most = max(len(leaves(group)) for group in groups)
            shared = Beside(most=most)
            try:
                layout = Layout(stage, self.system, chosen.chunks, chosen.way, beside=shared)
                layout.sample(groups[0])
            except OutOfRowsError:
                if most == 1:
                    raise
                groups = halved(groups)
            else:
                return _Draft(stage, layout, groups, shared)

    def beside(self, number: int, own: range, coming: range) -> Draft:
        """Lay the operands of this stage and of the next into one subarray.

        Raises OutOfRowsError also where groups would have to be smaller for it.
        """
        stage, (chosen, groups) = self._stage(number), self._choice(number)
        if chosen.subarrays > 1 or stage.windows.offsets > 1:
            raise OutOfRowsError(f"operands of {stage.name!r} must have a subarray of their own")
        shared = Beside(own.start, coming, number < len(self.stages) - 1)
        layout = Layout(stage, self.system, [whole(stage)], chosen.way, beside=shared)
        layout.sample(groups[0])
        return _Draft(stage, layout, groups, shared)

    def _stage(self, number: int) -> Stage:
        """A stage, no positions of which share a column: without sides there are no blocks."""
        stage = self.stages[number]
        return replace(stage, windows=replace(stage.windows, sides=()))

    def _choice(self, number: int) -> tuple[Layout, list[Tree]]:
        """How a stage is divided, and which outputs share a group."""
        if number not in self._chosen:
            _, layout, groups = cheapest(self._stage(number), self.system, self.images)
            self._chosen[number] = layout, exchanged(layout, groups)
        return self._chosen[number]


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    stage: Stage
    layout: Layout
    groups: list[Tree]
    shared: Beside

    @property
    def parts(self) -> int:
        """Subarrays."""
        return self.layout.subarrays

    def laid(self) -> Laid:
        """Plan all groups."""
        streams = [one for group in self.groups for one in self.layout.streams(group)]
        first = len(self.layout.system.address_map.constants)
        units = [
            [Bit(output, row - first) for output, row in zip(one.outputs, one.given, strict=True)]
            if one.stays and one.given is not None
            else []
            for one in streams
        ]
        return Laid(
            self.stage,
            self.layout.chunks,
            self.parts,
            self.shared.first_row,
            units,
            partial(self._placed, streams),
        )

    def _placed(
        self, streams: list[Stream], placement: Placement, homes: Sequence[int]
    ) -> MappedStage:
        return self.layout.placed(streams, self.layout.writing(), placement, homes)
