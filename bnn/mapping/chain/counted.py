"""Stages of a chain under output-stationary: an output after the other, its bit in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import Placement
from bnn.mapping.chain.laid import Bit, Draft, Laid
from bnn.mapping.dataflows.output_stationary.planner import OutputPlan, plan
from bnn.system.system import System
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Counted:
    """Lays stages out, see :class:`bnn.mapping.chain.laid.Planner`."""

    stages: Sequence[Stage]
    system: System
    images: int

    def alone(self, number: int) -> Draft:
        """Split the fan-in over as few subarrays as hold it."""
        stays = number < len(self.stages) - 1
        planned = plan(self.stages[number], self.system, stays=stays)
        return _Draft(self.stages[number], self.system, planned, range(0))

    def beside(self, number: int, own: range, coming: range) -> Draft:
        """Lay the operands of this stage and of the next into one subarray.

        Raises OutOfRowsError for a stage that is pooled, too.
        """
        stage, stays = self.stages[number], number < len(self.stages) - 1
        if stage.windows.offsets > 1:
            raise OutOfRowsError(f"operands of {stage.name!r} must have a subarray of their own")
        planned = plan(stage, self.system, first_row=own.start, held=coming, stays=stays)
        return _Draft(stage, self.system, planned, coming)


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    stage: Stage
    system: System
    plan: OutputPlan
    coming: range

    @property
    def parts(self) -> int:
        """Subarrays."""
        return len(self.plan.chunks)

    def laid(self) -> Laid:
        """Let the program copy a bit among the operands of the next stage, if they are here."""
        plan, stage, system = self.plan, self.stage, self.system
        units: list[list[Bit]] = [[] for _ in range(stage.outputs)]
        if plan.result is not None:
            rows: Sequence[int] = self.coming or [plan.result] * stage.outputs
            units = [[Bit(output, row)] for output, row in enumerate(rows)]
            if self.coming:
                base = system.address_map.first_data
                place = Schedule(stage.outputs, system.address_map)
                out = base + np.array(self.coming)
                place.append((COPY,), None, a=base + plan.result, out=out)
                plan.program.run(place)
        return Laid(stage, plan.chunks, self.parts, plan.first_row, units, self._placed)

    def _placed(self, placement: Placement, homes: Sequence[int]) -> MappedStage:
        system, plan, parts = self.system, self.plan, self.parts
        return MappedStage(
            self.stage, system, plan.program, placement, plan.readback, parts,
            system.subarray_rows, parts, homes=homes,
        )  # fmt: skip
