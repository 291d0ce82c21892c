"""Output-stationary: columns are images or positions, weights are in the command stream.

Activations lie in rows, one bit of one input channel a row. A subarray computes one output after
the other. The count of an output stays where it is, while the command stream goes over the input
rows. The weight decides whether the adder takes a row or its complement: no XNOR is executed, and
no weight is stored. Outputs (or, with many columns, tiles of columns) are spread over the banks.

A fan-in that does not fit one subarray is split over several; their partial counts are moved into
the first one (through the host, or from bank to bank) and added there. Groups of channels that do
not fit together are computed one after the other, each in subarrays of its own while there are.

Read :mod:`~bnn.mapping.dataflows.output_stationary.planner` first. It asks
:mod:`~bnn.mapping.dataflows.output_stationary.operand_order` in which order operands are taken in,
:mod:`~bnn.mapping.dataflows.output_stationary.edges` what padding adds, and
:mod:`~bnn.mapping.dataflows.output_stationary.thresholding` how counts become bits. None of them
knows of images, or of what carries the program out.
"""

from __future__ import annotations

from functools import partial

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.division import in_turn
from bnn.mapped.placement.fan_in import Piece, divide
from bnn.mapped.placement.spent import steps
from bnn.mapping.dataflows.output_stationary.planner import OutputPlan, plan
from bnn.system.screening import usable
from bnn.system.system import System
from pimsim.errors import OutOfSubarraysError

name: str = "output-stationary"
summary: str = "columns = images or positions; weights folded into the adders; counts stay put"
popcount: str = "in DRAM"
rank: int = 0


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapped.mapped_stage.Mapping`."""
    return [_mapped(piece, first, system, images) for piece, first in _divided(stage, system)]


def _mapped(piece: Piece[OutputPlan], first: int, system: System, images: int) -> MappedStage:
    """Lay a piece out in subarrays from number ``first`` on."""
    stage, planned = piece.stage, piece.plan
    set_size = len(planned.chunks)
    placement = in_turn(
        stage,
        system,
        images,
        planned.program,
        computing=partial(steps, planned.program),
        first=first,
        where=usable(planned.parts, set_size, system, first),
    )
    return MappedStage(
        stage,
        system,
        planned.program,
        placement,
        planned.readback,
        planned.parts,
        system.subarray_rows,
        set_size,
        piece.channels,
        piece.outputs.start,
    )


def _divided(stage: Stage, system: System) -> list[tuple[Piece[OutputPlan], int]]:
    """Pieces of a stage, and the first subarray that each uses in every bank.

    When a piece is computed, the rows of the one before are not needed any more. So if a bank has
    no subarrays left, the next piece begins with the first subarray again.

    Raises OutOfSubarraysError if a bank has too few for a piece.
    """
    most, first, found = system.subarrays_per_bank, 0, []
    for piece in divide(stage, system.data_rows, partial(plan, system=system)):
        parts = piece.plan.parts
        if parts > most:
            raise OutOfSubarraysError(
                f"operands of {stage.name!r} must fit the {most} subarrays of a bank, "
                f"not need {parts}"
            )
        first = first if first + parts <= most else 0
        found.append((piece, first))
        first += parts
    return found
