"""Booking a chain, and carrying it out, stage by stage.

Every command is booked, for one batch of images after the other: a batch runs through all stages
before the next one is written. Nothing crosses the channel between the operands of the first stage
and what the last one gives. The first stage books the whole chain.

Literally executed, the subarrays of every batch are kept until the next stage takes its operands
out of them; none is written again. Compiled, each stage computes what its rows would hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.account import book_items, occupancy
from bnn.mapping.backends.prepare import Book, vectorized
from bnn.mapping.backends.reference import LiteralLanes, empty_values
from bnn.mapping.chain.layout import Layout
from bnn.mapping.stage_inputs import Execute, Result, StageInputs
from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import rounds
from pimsim.dram.array.subarray import Subarray


def book(layout: Layout, ledgers: Sequence[CommandLedger]) -> None:
    """Book a chain in the books of its stages, whose partial counts go from bank to bank then."""
    for ledger in ledgers:
        ledger.system = replace(ledger.system, moves="psm")
    for turn in range(len(layout.turns(0))):
        book_inputs(layout, turn, ledgers[0])
        for step, ledger in enumerate(ledgers):
            ledger.enter("compute")
            slots = layout.slots(step, turn)
            for _, alike in groupby(slots, key=lambda slot: _likeness(layout, step, *slot)):
                same = list(alike)
                outputs = np.stack([some for _, some in same])
                ledger.repeat(outputs, partial(book_slot, layout, step, same[0][0], ledger))
            ledger.finish()


def book_inputs(layout: Layout, turn: int, ledger: CommandLedger) -> None:
    """Book the writing of the first stage's operands."""
    ledger.enter("inputs")
    own = layout.turns(0)[turn]
    items, lanes = layout.mapped[0].program.phases["inputs"], range(own.lanes)
    book_items(items, ledger, own.columns, layout.where(0, lanes), np.zeros(0, np.intp))


def book_slot(
    layout: Layout,
    step: int,
    lanes: Sequence[int],
    ledger: CommandLedger,
    outputs: NDArray[np.intp],
) -> None:
    """Book one output a lane, and what brings it to the next stage.

    ``outputs`` is (lanes,), or (times, lanes) of outputs that take the same commands.
    """
    columns = layout.turns(step)[0].columns
    items = layout.mapped[step].program.items
    book_items(items, ledger, columns, layout.where(step, lanes), outputs)
    if step == layout.last:
        return
    for wave in layout.hand_on(step, lanes, outputs.reshape(-1, len(lanes))[0].tolist()):
        for together in rounds((layout.at(one), layout.at(two)) for one, two in wave):
            ledger.copy(together, columns)


def _likeness(
    layout: Layout, step: int, lanes: list[int], outputs: NDArray[np.intp]
) -> tuple[list[int], list[int]]:
    """Equal for slots that take the same commands in the same banks."""
    if step == layout.last:
        return lanes, []
    return lanes, [layout.steps[step + 1].target(output)[0] for output in outputs.tolist()]


def prepare(
    layout: Layout, ledgers: Sequence[CommandLedger], images: int, *, compiled: bool
) -> list[Execute]:
    """Return what carries out each stage; they are to be called in order.

    Args:
        layout: where the chain lies.
        ledgers: the books of its stages.
        images: how many.
        compiled: compute with vector code.

    """

    def book_whole(ledger: CommandLedger) -> None:
        if ledger is ledgers[0]:
            book(layout, ledgers)

    if compiled:
        return [vectorized(mapped, images, book_whole) for mapped in layout.mapped]
    resident: list[list[Subarray] | None] = [None] * len(layout.turns(0))
    return [
        partial(_execute, layout, step, resident, book_whole) for step in range(len(layout.steps))
    ]


def _execute(
    layout: Layout,
    step: int,
    resident: list[list[Subarray] | None],
    book_whole: Book,
    work: StageInputs,
) -> Result:
    book_whole(work.ledger)
    this, mapped, last = layout.steps[step], layout.mapped[step], step == layout.last
    values, turns = empty_values(mapped, work.images), layout.turns(step)
    total, done = len(turns) * layout.size(step), 0
    for number, turn in enumerate(turns):
        own = LiteralLanes(mapped, work, turn, range(turn.lanes), parts=resident[number])
        own.load(turn.batches[0], write=step == 0)
        after = own.parts
        if not last and not this.placed:
            after = [
                layout.system.subarrays(turn.columns, turn.lanes)
                for _ in range(layout.mapped[step + 1].parts)
            ]
        for lanes, outputs in layout.slots(step, number):
            if lanes:
                own.run(values, np.array(lanes, np.intp), outputs)
                if not last:
                    _hand_on(layout, step, own.parts, after, (lanes, outputs))
            done += 1
            work.report(done, total)
        resident[number] = after
        if work.checker is not None:
            work.checker.forget()
    return Result(values.transpose(1, 2, 0), occupancy(mapped))


def _hand_on(
    layout: Layout,
    step: int,
    parts: Sequence[Subarray],
    after: Sequence[Subarray],
    computed: tuple[Sequence[int], NDArray[np.intp]],
) -> None:
    """Bring results (lanes and their outputs) to the next stage, in every lane that wants them."""
    for wave in layout.hand_on(step, computed[0], computed[1].tolist()):
        for source, target in wave:
            origin = (parts if source.step == step else after)[source.part]
            goal = (parts if target.step == step else after)[target.part]
            words = origin.send(source.row, None, np.array([source.lane]))
            goal.receive(target.row, words, np.array([target.lane]))
