"""Output-stationary: columns are images or positions, weights are in the command stream.

Activations lie in rows, one bit of one input channel a row. A subarray computes one output after
the other: the count of an output stays where it is while the command stream walks over the input
rows, and the weight decides whether the adder takes a row or its complement. No XNOR is executed,
no weight is stored. Outputs (or, with many columns, tiles of columns) are spread over the banks.

A fan-in that does not fit one subarray is split over several; their partial counts are moved into
the first one (through the host, or from bank to bank) and added there. Groups of channels that do
not fit together are computed one after the other, each in subarrays of its own while there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapping.faulty_outputs import FaultyOutputs
from bnn.mapping.output_books import book, usage
from bnn.mapping.output_execution import execute
from bnn.mapping.output_plan import plan
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.outputs import Outputs
from bnn.mapping.pieces import Piece, divide, one_after_another
from bnn.mapping.repeats import repeated
from bnn.mapping.screening import usable
from bnn.mapping.spread import Spread, spread
from bnn.mapping.work import Draft, Execute, Result, Usage, Work, run_compiled
from bnn.system.ledger import CommandLedger
from pimsim.errors import OutOfSubarraysError

_Number = TypeVar("_Number", bound=np.generic)

name: str = "output-stationary"
summary: str = "columns = images or positions; weights folded into the adders; counts stay put"
popcount: str = "in DRAM"


def draft(stage: Stage, machine: CommandLedger, images: int, *, each: int = 1) -> Draft:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    laid = []
    for piece, first in _divided(stage, machine):
        where = usable(piece.plan, machine, first)
        placed = spread(piece.stage, machine, images, piece.plan, each, where)
        laid.append((piece.plan, placed, piece.stage, first))
    return partial(_book, laid, each)


def _divided(stage: Stage, machine: CommandLedger) -> list[tuple[Piece[OutputPlan], int]]:
    """Pieces of a stage, and the first subarray of every bank that each lies in.

    What a piece leaves behind is not needed any more when the next is computed, which may so begin
    with the first subarray again.

    Raises OutOfSubarraysError if a bank has too few for a piece.
    """
    most, first, found = machine.standard.subarrays_per_bank, 0, []
    for piece in divide(stage, machine.data_rows, _planning(machine)):
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


def _planning(machine: CommandLedger) -> Callable[[Stage], OutputPlan]:
    """What plans a stage for a machine."""
    chosen = machine.mitigation
    return partial(plan, data_rows=machine.data_rows, tmr=chosen.tmr, checked=chosen.retries > 0)


def _book(
    pieces: list[tuple[OutputPlan, Spread, Stage, int]], each: int, machine: CommandLedger
) -> Usage:
    used = Usage()
    for planned, placed, stage, first in pieces:
        book(planned, placed, stage, machine, first, each)
        used += usage(planned, placed, machine, first)
    return used


def prepare(stage: Stage, machine: CommandLedger, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    divided = _divided(stage, machine)
    executes = [
        _prepare(piece.stage, piece.plan, machine, images, first, compiled=compiled)
        for piece, first in divided
    ]
    return one_after_another([piece for piece, _ in divided], executes)


def _prepare(
    stage: Stage,
    planned: OutputPlan,
    machine: CommandLedger,
    images: int,
    first: int,
    *,
    compiled: bool,
) -> Execute:
    """Lay a piece out in subarrays from number ``first`` on."""
    placed = spread(stage, machine, images, planned, where=usable(planned, machine, first))
    if not compiled:
        return partial(execute, planned, placed, first)
    if machine.faults is not None:
        faulty = FaultyOutputs(stage, planned, placed, machine, first, machine.faults)
        return partial(_execute_faulty, planned, placed, first, faulty)
    rows = machine.standard.rows_per_subarray
    make = partial(Outputs, stage, planned, rows, images)
    return partial(
        _execute_compiled, planned, placed, first, make(look=False), partial(make, look=True)
    )


def _execute_compiled(
    planned: OutputPlan,
    placed: Spread,
    first: int,
    ready: Outputs,
    looking: Callable[[], Outputs],
    work: Work,
) -> Result:
    booking = partial(book, planned, placed, work.stage, work.machine, first)
    values, book_s, check_s = run_compiled(work, booking, ready, looking)
    return usage(planned, placed, work.machine, first).result(values, book_s, check_s)


def _execute_faulty(
    planned: OutputPlan, placed: Spread, first: int, ready: FaultyOutputs, work: Work
) -> Result:
    values, flips, repeats = ready.run(work)
    started = time.perf_counter()
    book(planned, placed, work.stage, work.machine, first, repeats=repeats)
    result = usage(planned, placed, work.machine, first).result(
        values, time.perf_counter() - started
    )
    return replace(result, flips=flips, repeated=repeated(repeats))
