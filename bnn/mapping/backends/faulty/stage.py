"""A mapped stage in which commands go wrong, through the literal interpreter."""

from __future__ import annotations

from typing import Protocol

from bnn.mapping.backends.faulty.in_turn import FaultyInTurn
from bnn.mapping.backends.faulty.side_by_side import FaultySideBySide
from bnn.mapping.backends.repeats import Repeats
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.stage_inputs import StageInputs
from bnn.values.bitstrings import Values
from pimsim.dram.array.faults import Faults


class FaultyStage(Protocol):
    """A mapped stage, ready to be carried out with faults."""

    def run(self, work: StageInputs) -> tuple[Values, int, Repeats]:
        """Values of all images, how often noise struck, and what was computed again.

        The values are (images, positions, outputs).
        """
        ...


def faulty_stage(mapped: MappedStage, faults: Faults) -> FaultyStage:
    """Make a stage ready; InputError if the failure table lacks what its commands need."""
    if mapped.placement.side_by_side:
        return FaultySideBySide(mapped, faults)
    return FaultyInTurn(mapped, faults)
