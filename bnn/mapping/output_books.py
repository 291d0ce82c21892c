"""The books of the output-stationary mapping: every command that executing a plan takes, in order.

Outputs that the same banks compute one after the other take the same commands, so they are worked
out for one of them and booked as often as there are outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.moving import move_rows
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.repeats import Repeats
from bnn.mapping.screening import book_tests
from bnn.mapping.spread import Spread
from bnn.mapping.work import Usage
from bnn.system.ledger import CommandLedger
from pimsim.dram.commands import Kind


def book(
    planned: OutputPlan,
    placed: Spread,
    stage: Stage,
    machine: CommandLedger,
    first: int,
    each: int = 1,
    repeats: Repeats | None = None,
) -> None:
    """Book a stage in subarrays from ``first`` on.

    Args:
        planned: its plan.
        placed: where its tiles and outputs go.
        stage: the stage.
        machine: whose books.
        first: subarray of each bank that holds the first part of the fan-in.
        each: outputs that every output of the plan stands for.
        repeats: what was computed again; nothing if None.

    """
    book_tests(machine, first, planned.parts)
    for number, batch in enumerate(placed.batches):
        _book_inputs(planned, placed, stage, machine, first, range(len(batch.tiles)))
        machine.enter("compute")
        slots = (placed.slot(batch, slot) for slot in range(placed.outputs_per_group))
        for banks, alike in groupby(slots, key=lambda lanes_outputs: lanes_outputs[0].tolist()):
            if banks:
                outputs = np.stack([some for _, some in alike]) // each
                machine.repeat(outputs, partial(_book_output, planned, placed.span, banks,
                                                machine, first))  # fmt: skip
        for repeat in (repeats or {}).get(number, ()):
            _book_inputs(planned, placed, stage, machine, first, repeat.lanes)
            machine.enter("compute")
            for lanes, outputs in repeat.slots():
                banks = [repeat.lanes[lane] for lane in lanes]
                _book_output(planned, placed.span, banks, machine, first, outputs)


def usage(planned: OutputPlan, placed: Spread, machine: CommandLedger, first: int) -> Usage:
    """How much of the DRAM a stage takes, in subarrays from ``first`` on."""
    tiles = [tile for batch in placed.batches for tile in batch.tiles]
    used = sum(tile.columns for tile in tiles)
    capacity = machine.columns if placed.where is None else placed.where.shape[1]
    opened = len(tiles) * machine.columns
    lanes = max(len(batch.tiles) for batch in placed.batches)
    parts = range(planned.parts)
    banks = {bank for part in parts for bank in planned.banks(machine, part, range(lanes))}
    numbers = first + planned.parts
    return Usage(used, opened, lanes * planned.parts, capacity, len(banks), numbers)


def _book_inputs(
    planned: OutputPlan,
    placed: Spread,
    stage: Stage,
    machine: CommandLedger,
    first: int,
    banks: Sequence[int],
) -> None:
    """Book writing the operands and masks of a tile a bank."""
    machine.enter("inputs")
    for part, chunk in enumerate(planned.chunks):
        first_row = planned.first_row
        rows = range(first_row, first_row + chunk.operands * stage.planes)
        banks_of_part = planned.banks(machine, part, banks)
        machine.access(Kind.WR, rows, placed.span, banks_of_part, first + part)
    masks = [row for row, _ in planned.masks]
    for home in planned.homes:
        homes = planned.banks(machine, home, banks)
        machine.access(Kind.WR, masks, placed.span, homes, first + home)


def _book_output(
    planned: OutputPlan,
    columns: int,
    banks: list[int],
    machine: CommandLedger,
    first: int,
    outputs: NDArray[np.intp],
) -> None:
    """Book one output a bank."""
    voter = planned.banks(machine, planned.voter, banks), first + planned.voter
    for steps in planned.offsets:
        for part, count in enumerate(steps.counts, start=steps.home):
            machine.run(count, outputs, planned.banks(machine, part, banks), first + part)
        home = planned.banks(machine, steps.home, banks), first + steps.home
        for part, moved, arrivals in steps.parts():
            there = planned.banks(machine, part, banks), first + part
            move_rows(machine, list(zip(moved, arrivals, strict=True)), columns, there, home)
        machine.run(steps.combine, outputs, *home)
        if steps.check is not None:
            machine.access(Kind.RD, [steps.check.row], columns, *home)
        machine.run(steps.decide, outputs, *home)
        move_rows(machine, steps.results, columns, home, voter)
        machine.run(steps.vote, outputs, *voter)
        if steps.reads is not None:
            counts = [row for row in steps.reads if row is not None]
            machine.access(Kind.RD, counts, columns, *voter)
    if planned.result is not None:
        machine.run(planned.pool, outputs, *voter)
        machine.access(Kind.RD, [planned.result], columns, *voter)
