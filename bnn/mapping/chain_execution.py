"""Carrying out a chain, stage by stage.

The first stage books the whole chain, for a batch of images runs through all stages before the next
one is written. Literally executed, the subarrays of every batch are kept until the next stage takes
its operands out of them; none is written again. Compiled, each stage computes what its rows would
hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bnn.mapping.chain_books import book, usage
from bnn.mapping.chain_layout import Layout
from bnn.mapping.output_execution import Output, load
from bnn.mapping.outputs import Outputs
from bnn.mapping.tiles import Tile
from bnn.mapping.work import Execute, Result, Work, run_compiled
from bnn.system.ledger import CommandLedger
from pimsim.dram.array.subarray import Subarray


def prepare(
    layout: Layout, machines: Sequence[CommandLedger], images: int, *, compiled: bool
) -> list[Execute]:
    """Return what carries out each stage; they are to be called in order.

    Args:
        layout: where the chain lies.
        machines: the books of its stages.
        images: how many.
        compiled: compute with vector code.

    """
    start = partial(book, layout, machines)
    steps = range(len(layout.steps))
    if compiled:
        return [_compiled(layout, step, start, machines[step], images) for step in steps]
    resident: list[list[Subarray]] = []
    return [partial(_execute, layout, step, start, resident) for step in steps]


def _compiled(
    layout: Layout, step: int, start: Callable[[], None], machine: CommandLedger, images: int
) -> Execute:
    this, rows = layout.steps[step], machine.standard.rows_per_subarray
    make = partial(Outputs, this.stage, this.plan, rows, images)
    return partial(
        _execute_compiled, layout, step, start, make(look=False), partial(make, look=True)
    )


def _execute_compiled(
    layout: Layout,
    step: int,
    start: Callable[[], None],
    ready: Outputs,
    looking: Callable[[], Outputs],
    work: Work,
) -> Result:
    booking = start if step == 0 else _nothing
    values, book_s, check_s = run_compiled(work, booking, ready, looking)
    return usage(layout, step).result(values, book_s, check_s)


def _nothing() -> None:
    """Everything was booked with the first stage."""


def _execute(
    layout: Layout,
    step: int,
    start: Callable[[], None],
    resident: list[list[Subarray]],
    work: Work,
) -> Result:
    if step == 0:
        start()
    this, last = layout.steps[step], step == layout.last
    bits = this.stage.thresholds is not None
    shape = (this.stage.outputs, work.images, 1)
    values = np.empty(shape, np.uint8) if bits else np.empty(shape, np.int64)
    total, done = len(layout.batches) * layout.size(step), 0
    for number, batch in enumerate(layout.batches):
        tiles = [tile for tile in batch for _ in range(layout.team)]
        if step == 0:
            parts = _subarrays(layout, step, tiles, work.machine)
            load(work, this.plan, parts, tiles)
            resident.append(parts)
        parts = resident[number]
        if not last and this.place is None:
            resident[number] = _subarrays(layout, step + 1, tiles, work.machine)
        for lanes, outputs in layout.slots(step, batch):
            if lanes:
                active = np.array(lanes, np.intp)
                output = Output(work, this.plan, parts, tiles, active, outputs)
                output.run(values, read=last)
                if not last:
                    _hand_on(layout, step, parts, resident[number], lanes, outputs)
            done += 1
            work.report(done, total)
        if work.audit is not None:
            work.audit.forget()
    return usage(layout, step).result(values.transpose(1, 2, 0))


def _subarrays(
    layout: Layout, step: int, tiles: Sequence[Tile], machine: CommandLedger
) -> list[Subarray]:
    return [machine.subarrays(layout.columns, len(tiles)) for _ in range(layout.steps[step].parts)]


def _hand_on(
    layout: Layout,
    step: int,
    parts: Sequence[Subarray],
    after: Sequence[Subarray],
    lanes: Sequence[int],
    outputs: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
) -> None:
    """Bring results to the rows of the next stage, in every lane that wants them."""
    place = layout.steps[step].place
    if place is not None:
        some = None if len(lanes) == parts[0].lanes else np.array(lanes, np.intp)
        place.run(parts[0], outputs, some)
    for wave in layout.hand_on(step, lanes, outputs.tolist()):
        for source, target in wave:
            origin = (parts if source.step == step else after)[source.part]
            goal = (parts if target.step == step else after)[target.part]
            words = origin.send(source.row, None, np.array([source.lane]))
            goal.receive(target.row, words, np.array([target.lane]))
