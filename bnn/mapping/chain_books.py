"""The books of a chain: every command that it takes, stage by stage, for one batch after the other.

Nothing crosses the channel between the operands of the first stage and what the last one gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.chain_layout import Layout
from bnn.mapping.moving import gather_counts, part_banks, rounds
from bnn.mapping.tiles import Tile
from bnn.mapping.work import Usage
from bnn.system.ledger import CommandLedger
from pimsim.dram.commands import Kind


def book(layout: Layout, machines: Sequence[CommandLedger]) -> None:
    """Book a chain in the books of its stages, whose partial counts go from bank to bank then."""
    for machine in machines:
        machine.system = replace(machine.system, moves="psm")
    for tiles in layout.batches:
        book_inputs(layout, tiles, machines[0])
        for step, machine in enumerate(machines):
            machine.enter("compute")
            slots = layout.slots(step, tiles)
            for _, alike in groupby(slots, key=lambda slot: _likeness(layout, step, *slot)):
                same = list(alike)
                outputs = np.stack([some for _, some in same])
                machine.repeat(outputs, partial(book_slot, layout, step, same[0][0], machine))
            machine.finish()


def book_inputs(layout: Layout, tiles: Sequence[Tile], machine: CommandLedger) -> None:
    """Book the writing of the first stage's operands."""
    machine.enter("inputs")
    step = layout.steps[0]
    homes = layout.homes(0, range(len(tiles) * layout.team))
    for part, chunk in enumerate(step.plan.chunks):
        first = step.plan.first_row
        rows = range(first, first + chunk.operands * step.stage.planes)
        banks = part_banks(machine, part, homes)
        machine.access(Kind.WR, rows, layout.columns, banks, step.first + part)


def book_slot(
    layout: Layout,
    step: int,
    lanes: Sequence[int],
    machine: CommandLedger,
    outputs: NDArray[np.intp],
) -> None:
    """Book one output a lane, and what brings it to the next stage.

    ``outputs`` is (lanes,), or (times, lanes) of outputs that take the same commands.
    """
    this, homes = layout.steps[step], layout.homes(step, lanes)
    (steps,) = this.plan.offsets
    for part, count in enumerate(steps.counts):
        machine.run(count, outputs, part_banks(machine, part, homes), this.first + part)
    pairs = zip(steps.moved[1:], steps.arrivals[1:], strict=True)
    for part, (moved, arrivals) in enumerate(pairs, start=1):
        gather_counts(machine, moved, arrivals, layout.columns, homes, part, this.first)
    machine.run(steps.combine, outputs, homes, this.first)
    if this.plan.result is None:
        counts = [row for row in steps.total if row is not None]
        machine.access(Kind.RD, counts, layout.columns, homes, this.first)
        return
    machine.run(steps.decide, outputs, homes, this.first)
    machine.run(this.plan.pool, outputs, homes, this.first)
    if step == layout.last:
        machine.access(Kind.RD, [this.plan.result], layout.columns, homes, this.first)
        return
    if this.place is not None:
        machine.run(this.place, outputs, homes, this.first)
    for wave in layout.hand_on(step, lanes, outputs.reshape(-1, len(lanes))[0].tolist()):
        for together in rounds((layout.at(one), layout.at(two)) for one, two in wave):
            machine.copy(together, layout.columns)


def usage(layout: Layout, step: int) -> Usage:
    """How much of the DRAM a stage takes."""
    tiles = [tile for batch in layout.batches for tile in batch for _ in range(layout.team)]
    used = sum(tile.columns for tile in tiles)
    opened = len(tiles) * layout.machine.columns
    this, lanes = layout.steps[step], max(map(len, layout.batches)) * layout.team
    homes = layout.homes(step, range(lanes))
    parts = (part_banks(layout.machine, part, homes) for part in range(this.parts))
    banks = {bank for some in parts for bank in some}
    numbers = this.first + this.parts
    return Usage(used, opened, lanes * this.parts, banks=len(banks), numbers=numbers)


def _likeness(
    layout: Layout, step: int, lanes: list[int], outputs: NDArray[np.intp]
) -> tuple[list[int], list[int]]:
    """Equal for slots that take the same commands in the same banks."""
    if step == layout.last:
        return lanes, []
    return lanes, [layout.steps[step + 1].target(output)[0] for output in outputs.tolist()]
