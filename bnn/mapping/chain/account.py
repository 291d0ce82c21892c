"""Booking a chain: every command that it takes, stage by stage, for one batch after the other.

Nothing crosses the channel between the operands of the first stage and what the last one gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.account import book_items
from bnn.mapping.chain.layout import Layout
from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import rounds


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
