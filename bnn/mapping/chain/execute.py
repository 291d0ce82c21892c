"""Carrying out a chain, stage by stage.

The first stage books the whole chain, for a batch of images runs through all stages before the next
one is written. Literally executed, the subarrays of every batch are kept until the next stage takes
its operands out of them; none is written again. Compiled, each stage computes what its rows would
hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.account import occupancy
from bnn.mapping.backends.prepare import vectorized
from bnn.mapping.backends.reference import LiteralLanes, empty_values
from bnn.mapping.chain.account import book
from bnn.mapping.chain.layout import Layout
from bnn.mapping.stage_inputs import Execute, Result, StageInputs
from bnn.system.ledger import CommandLedger
from pimsim.dram.array.subarray import Subarray


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
    steps = range(len(layout.steps))
    executes: list[Execute] = [partial(_execute, layout, step, resident) for step in steps]

    def first(work: StageInputs) -> Result:
        book_whole(work.ledger)
        return _execute(layout, 0, resident, work)

    return [first, *executes[1:]]


def _execute(
    layout: Layout, step: int, resident: list[list[Subarray] | None], work: StageInputs
) -> Result:
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
