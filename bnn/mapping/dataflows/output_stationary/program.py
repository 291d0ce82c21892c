"""The row program of a plan: what a subarray does for an output, and how it is read back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapping.dataflows.output_stationary.steps import OffsetPlan, OutputPlan
from bnn.mapping.mapped_stage import ConstantRows, Count, OperandRows, ReadBack
from bnn.mapping.parity import Check
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule


def row_program(
    stage: Stage, planned: OutputPlan, *, stays: bool = False, place: Schedule | None = None
) -> tuple[RowProgram, ReadBack]:
    """Write the row program of a plan.

    Args:
        stage: the stage.
        planned: its plan.
        stays: the output's bit is not read out: what comes next finds it in its row.
        place: brings it to another row, too.

    """
    program = RowProgram(stage.outputs)
    program.enter("inputs")
    for part, chunk in enumerate(planned.chunks):
        rows = range(planned.first_row, planned.first_row + chunk.operands * stage.planes)
        program.write(rows, part, OperandRows(chunk, of_group=False))
    for home in planned.homes:
        for row, mask in planned.masks:
            program.write([row], home, ConstantRows(mask[None, None]))
    program.enter("compute")
    counts: list[Count] = []
    checks: list[tuple[int, int, Check]] = []
    for steps in planned.offsets:
        for part, schedule in enumerate(steps.counts, start=steps.home):
            program.run(schedule, part)
        for part, moved, arrivals in steps.parts():
            for row, arrival in zip(moved, arrivals, strict=True):
                program.move(row, part, arrival, steps.home)
        program.run(steps.combine, steps.home)
        if steps.check is not None:
            number = program.read(steps.check.row, steps.home)
            checks.append((number, steps.place, steps.check))
        voted = bool(steps.vote.steps)
        if voted or steps.reads is None:
            counts.append(_seen(program, steps, steps.total, steps.home, given=False))
        program.run(steps.decide, steps.home)
        for row, arrival in steps.results:
            program.move(row, steps.home, arrival, planned.voter)
        program.run(steps.vote, planned.voter)
        if steps.reads is not None:
            given = _seen(program, steps, steps.reads, planned.voter, given=True, seen=not voted)
            counts.append(given)
    program.run(planned.pool, planned.voter)
    result = None
    if planned.result is not None and stays:
        result = program.look(planned.result, planned.voter, always=True)
    elif planned.result is not None:
        result = program.read(planned.result, planned.voter)
    if place is not None:
        program.run(place, planned.voter)
    return program, ReadBack(planned.scale, counts, result, checks)


def _seen(
    program: RowProgram,
    steps: OffsetPlan,
    rows: Sequence[int | None],
    part: int,
    *,
    given: bool,
    seen: bool = True,
) -> Count:
    """Read a count that the stage gives, or look at one."""
    see = program.read if given else program.look
    bits = [(level, see(row, part)) for level, row in enumerate(rows) if row is not None]
    constant = steps.offsets[:, None].astype(np.int64)
    return Count(steps.place, bits, len(rows), constant, steps.inverted, seen, given)
