"""The books of the weight-stationary mapping: every command that executing a layout takes."""

from __future__ import annotations

from math import prod
from typing import TypeVar

from bnn.mapping.weight_layout import Layout, Resident
from bnn.mapping.weight_plan import WeightPlan
from bnn.mapping.work import Usage
from bnn.system.ledger import CommandLedger
from pimsim.dram.commands import Kind

_Plan = TypeVar("_Plan", bound=Resident)


def book(layout: Layout[WeightPlan], machine: CommandLedger) -> None:
    """Book a stage: for each turn its weights, and then batch after batch of images."""
    planned = layout.plan
    for number, turn in enumerate(layout.turns):
        columns, every = layout.columns(turn), range(turn.lanes)
        first = number * len(planned.chunks)
        machine.enter("weights")
        for part, rows in enumerate(planned.weight_rows):
            machine.access(Kind.WR, rows, columns, every, first + part)
        for flags in (planned.before, planned.after):
            if flags is not None:
                machine.access(Kind.WR, [flags[0]], columns, every, first)
        for steps in planned.offsets:
            machine.access(Kind.WR, steps.threshold_rows, columns, every, first)
        for batch in turn.batches:
            _book_batch(planned, columns, range(len(batch)), first, machine)


def usage(layout: Layout[_Plan], machine: CommandLedger) -> Usage:
    """How much of the DRAM a stage takes."""
    used = opened = subarrays = 0
    banks = max(turn.lanes for turn in layout.turns)
    for turn in layout.turns:
        subarrays += turn.lanes * len(layout.plan.chunks)
        for batch in turn.batches:
            opened += len(batch) * machine.columns
            for bank, images in enumerate(batch):
                used += prod(turn.block(bank).shape(images.stop - images.start))
    numbers = len(layout.turns) * len(layout.plan.chunks)
    return Usage(used, opened, subarrays, banks=banks, numbers=numbers)


def _book_batch(
    planned: WeightPlan, columns: int, banks: range, first: int, machine: CommandLedger
) -> None:
    output = [0] * len(banks)
    machine.enter("inputs")
    for part, rows in enumerate(planned.operand_rows):
        machine.access(Kind.WR, range(rows), columns, banks, first + part)
    machine.enter("compute")
    for steps in planned.offsets:
        for part, count in enumerate(steps.counts):
            machine.run(count, output, banks, first + part)
        pairs = zip(steps.moved[1:], steps.arrivals[1:], strict=True)
        for part, (moved, arrivals) in enumerate(pairs, start=1):
            for row, arrival in zip(moved, arrivals, strict=True):
                machine.access(Kind.RD, [row], columns, banks, first + part)
                machine.access(Kind.WR, [arrival], columns, banks, first)
        machine.run(steps.combine, output, banks, first)
        if planned.result is None:
            counts = [row for row in steps.total if row is not None]
            machine.access(Kind.RD, counts, columns, banks, first)
        else:
            machine.run(steps.decide, output, banks, first)
    if planned.result is not None:
        machine.run(planned.pool, output, banks, first)
        machine.access(Kind.RD, [planned.result], columns, banks, first)
