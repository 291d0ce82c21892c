"""Booking a mapped stage: every command that carrying it out takes, in order.

Outputs that the same banks compute one after the other take the same commands, so they are worked
out for one of them and booked as often as there are outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.retries import Repeats
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.placement.placement import Turn
from bnn.mapping.stage_inputs import Occupancy
from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import move_rows
from bnn.system.screening import book_tests
from pimsim.dram.commands import Kind
from pimsim.microprogram.row_program import Item, Move, Read, Run, Write


def book(mapped: MappedStage, ledger: CommandLedger, repeats: Repeats | None = None) -> None:
    """Book a stage: for each turn what stays in its rows, and then batch after batch of images.

    Args:
        mapped: the stage.
        ledger: whose books.
        repeats: what was computed again, by number of the turn; nothing if None.

    """
    placement, phases = mapped.placement, mapped.program.phases

    def walk(phase: str, turn: Turn, banks: list[int], outputs: NDArray[np.intp]) -> None:
        where = {
            part: (mapped.banks(part, banks), turn.first + part) for part in range(mapped.parts)
        }
        book_items(phases[phase], ledger, placement.span(turn), where, outputs)

    def write(phase: str, turn: Turn, banks: list[int]) -> None:
        if phases[phase]:
            ledger.enter(phase)
            walk(phase, turn, banks, np.zeros(len(banks), np.intp))

    book_tests(ledger, placement.turns[0].first, mapped.parts)
    for number, turn in enumerate(placement.turns):
        write("weights", turn, list(range(turn.lanes)))
        for images in turn.batches:
            write("inputs", turn, list(range(len(images))))
            ledger.enter("compute")
            slots = placement.slots(turn, len(images))
            for banks, alike in groupby(slots, key=lambda slot: slot[0].tolist()):
                outputs = np.stack([some for _, some in alike]) // mapped.stage.each
                ledger.repeat(outputs, partial(walk, "compute", turn, banks))
        for repeat in (repeats or {}).get(number, ()):
            write("inputs", turn, repeat.lanes)
            ledger.enter("compute")
            for lanes, outputs in repeat.slots():
                walk("compute", turn, [repeat.lanes[lane] for lane in lanes], outputs)


def book_items(
    items: Iterable[Item],
    ledger: CommandLedger,
    columns: int,
    where: Mapping[int, tuple[Sequence[int], int]],
    outputs: NDArray[np.intp],
) -> None:
    """Book items of a row program.

    Args:
        items: in order.
        ledger: whose books.
        columns: of every row that goes over the channel.
        where: banks of each part, and which subarray of each.
        outputs: (banks,) what each computes, or (times, banks) of outputs that take the same
            commands.

    """
    for item in items:
        match item:
            case Write(rows, part):
                ledger.access(Kind.WR, rows, columns, *where[part])
            case Run(schedule, part):
                ledger.run(schedule, outputs, *where[part])
            case Move(row, part, to_row, to_part):
                move_rows(ledger, [(row, to_row)], columns, where[part], where[to_part])
            case Read(row, part):
                ledger.access(Kind.RD, [row], columns, *where[part])


def occupancy(mapped: MappedStage) -> Occupancy:
    """How much of the DRAM a stage takes."""
    placement, used, opened = mapped.placement, 0, 0
    lanes: dict[int, int] = {}
    for turn in placement.turns:
        lanes[turn.first] = max(lanes.get(turn.first, 0), turn.lanes)
        for batch in turn.batches:
            opened += len(batch) * mapped.system.columns
            for lane, images in enumerate(batch):
                used += placement.columns(turn.block(lane), images)
    every = range(max(lanes.values()))
    banks = {bank for part in range(mapped.parts) for bank in mapped.banks(part, every)}
    return Occupancy(
        used,
        opened,
        sum(lanes.values()) * mapped.parts,
        placement.capacity,
        len(banks),
        max(lanes) + mapped.parts,
    )
