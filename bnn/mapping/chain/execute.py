"""Booking a chain, and carrying it out, stage by stage.

Every command is booked, for one batch of images after the other: a batch runs through all stages
before the next one is written. Nothing crosses the channel between the operands of the first stage
and what the last one gives. The first stage books the whole chain.

The reference executor keeps the subarrays of every batch until the next stage has read its operands
there; these are not written again. With compiled code, each stage computes what its rows would
hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnn.backends.account import book_phase, book_streams
from bnn.backends.prepare import executing, vectorized
from bnn.backends.retries import Carried, Repeats
from bnn.backends.stream_tapes import Find, made
from bnn.backends.stream_trace import record
from bnn.mapped.mapped_stage import Execute, StageInputs
from bnn.mapping.chain.layout import Layout, Wave
from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import rounds
from pimsim.dram.array.row_storage import Lanes
from pimsim.microprogram.schedule import gc_paused

if TYPE_CHECKING:
    from bnn.backends.reference import HandOn, Parts


@gc_paused()
def book(layout: Layout, ledgers: Sequence[CommandLedger]) -> None:
    """Book a chain in the books of its stages, whose partial counts go from bank to bank then."""
    for ledger in ledgers:
        ledger.system = replace(ledger.system, moves="psm")
    if ledgers[0].settled:
        return
    for turn in range(len(layout.turns(0))):
        book_inputs(layout, turn, ledgers[0])
        for step, ledger in enumerate(ledgers):
            ledger.enter("compute")
            slots = layout.slots(step, turn)
            if layout.mapped[step].streams is not None:
                for lanes, units in slots:
                    book_slot(layout, step, lanes, ledger, units)
                ledger.finish()
                continue
            for _, alike in groupby(slots, key=lambda slot: _likeness(layout, step, *slot)):
                same = list(alike)
                outputs = np.stack([some for _, some in same])
                ledger.repeat(outputs, partial(book_slot, layout, step, same[0][0], ledger))
            ledger.finish()


def book_inputs(layout: Layout, turn: int, ledger: CommandLedger) -> None:
    """Book the writing of the first stage's operands."""
    ledger.enter("inputs")
    own = layout.turns(0)[turn]
    nothing = np.zeros(0, np.intp)
    book_phase(layout.mapped[0], "inputs", ledger, own, range(own.lanes), nothing)


def book_slot(
    layout: Layout,
    step: int,
    lanes: Sequence[int],
    ledger: CommandLedger,
    units: NDArray[np.intp],
) -> None:
    """Book one unit a lane, and what brings its bits to the next stage.

    ``units`` is (lanes,), or (times, lanes) of outputs that take the same commands.
    """
    turn, mapped = layout.turns(step)[0], layout.mapped[step]
    if mapped.streams is None:
        book_phase(mapped, "compute", ledger, turn, lanes, units)
    else:
        some = mapped, turn, lanes, units.tolist()
        ledger.told_apart(partial(book_streams, mapped, ledger, *some[1:]), partial(record, *some))
    if step == layout.last:
        return
    waves = layout.hand_on(step, lanes, units.reshape(-1, len(lanes))[0].tolist())
    for _, alike in groupby(waves, key=_ends):
        same = list(alike)

        def copy(some: NDArray[np.intp], same: list[list[Wave]] = same) -> None:
            for wave in same[int(some.flat[0])]:
                for together in rounds((layout.at(one), layout.at(two)) for one, two in wave):
                    ledger.copy(together, turn.columns)

        numbers = np.arange(len(same))[:, None]
        if mapped.streams is not None and ledger.system.counter is None and len(same) > 1:
            ledger.repeat(numbers, copy)
        else:  # which is repeated as a whole, or each row is counted
            for number in numbers:
                copy(number)


def _ends(waves: list[Wave]) -> list[list[tuple[int, ...]]]:
    """Equal for copies of bits that go on in the same banks, in the same order."""
    return [
        [(one.step, one.part, one.lane, two.step, two.part, two.lane) for one, two in wave]
        for wave in waves
    ]


def _likeness(
    layout: Layout, step: int, lanes: list[int], outputs: NDArray[np.intp]
) -> tuple[list[int], list[int]]:
    """Equal for slots that take the same commands in the same banks."""
    if step == layout.last:
        return lanes, []
    return lanes, [layout.steps[step + 1].target(output)[0] for output in outputs.tolist()]


def prepare(
    layout: Layout,
    ledgers: Sequence[CommandLedger],
    images: int,
    *,
    compiled: bool,
    looking: bool = True,
    find: Find = made,
) -> list[Execute]:
    """Return what carries out each stage; they are to be called in order.

    Args:
        layout: where the chain lies.
        ledgers: the books of its stages.
        images: how many.
        compiled: compute with vector code.
        looking: whether sums may be checked.
        find: finds tapes of streams, or has them written.

    """

    def book_whole(ledger: CommandLedger, _: Repeats) -> None:
        if ledger is ledgers[0]:
            book(layout, ledgers)

    if compiled:
        return [
            vectorized(one, images, book_whole, looking=looking, find=find) for one in layout.mapped
        ]
    resident: list[Parts | None] = [None] * len(layout.turns(0))
    return [
        executing(mapped, partial(_execute, layout, step, resident), book_whole)
        for step, mapped in enumerate(layout.mapped)
    ]


def _execute(layout: Layout, step: int, resident: list[Parts | None], work: StageInputs) -> Carried:
    """Carry a stage out in the subarrays that hold its operands; then they hold the next one's."""
    from bnn.backends import reference

    def prepared(number: int) -> tuple[Parts | None, HandOn | None]:
        held, turn = resident[number], layout.turns(step)[number]
        if step == layout.last:
            return held, None
        after: Parts | None = None
        if not layout.steps[step].placed:
            after = [
                layout.system.subarrays(turn.columns, turn.lanes)
                for _ in range(layout.mapped[step + 1].parts)
            ]

        def hand_on(parts: Parts, lanes: Lanes, units: NDArray[np.intp]) -> None:
            resident[number] = goals = parts if after is None else after
            bits = layout.hand_on(step, lanes.tolist(), units.tolist())
            for wave in (wave for waves in bits for wave in waves):
                for source, target in wave:
                    origin = (parts if source.step == step else goals)[source.part]
                    goal = (parts if target.step == step else goals)[target.part]
                    words = origin.send(source.row, None, np.array([source.lane]))
                    goal.receive(target.row, words, np.array([target.lane]))

        return held, hand_on

    return reference.execute(layout.mapped[step], work, prepared)
