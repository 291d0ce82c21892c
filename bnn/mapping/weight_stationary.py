"""Weight-stationary: weights lie in rows, columns are (output, image or position) pairs.

The textbook mapping: the weight of every input to the column's output lies in one row of that
column, the activation in another; XNOR multiplies, a full-adder tree counts, and the count is
compared with a threshold that lies in rows too. Weights stay in the subarrays while images stream
through, but each activation is written once for every output that reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.blocks import Blocks
from bnn.mapping.faulty_columns import FaultyColumns
from bnn.mapping.injected_rows import InjectedRows
from bnn.mapping.resident import Batch, Loaded
from bnn.mapping.weight_books import book, usage
from bnn.mapping.weight_layout import Layout, lay_out
from bnn.mapping.weight_plan import OffsetSteps, WeightPlan, constants, limits, plan
from bnn.mapping.weight_recipe import WeightRecipe
from bnn.mapping.work import (
    Draft,
    Execute,
    Result,
    Usage,
    Work,
    plane,
    run_compiled,
    run_faulty,
)
from bnn.system.ledger import CommandLedger
from pimsim.bits import unpack
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError

name: str = "weight-stationary"
summary: str = "columns = (output, image or position); weights in rows; XNOR, then popcount"
popcount: str = "in DRAM"


def draft(stage: Stage, machine: CommandLedger, images: int, *, each: int = 1) -> Draft:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    _require_host(machine)
    machine.mitigation.refuse(name)
    layout = lay_out(stage, machine, images, plan(stage, machine.data_rows), each)
    return partial(_book, layout)


def _book(layout: Layout[WeightPlan], machine: CommandLedger) -> Usage:
    book(layout, machine)
    return usage(layout, machine)


def prepare(stage: Stage, machine: CommandLedger, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    _require_host(machine)
    machine.mitigation.refuse(name)
    planned = plan(stage, machine.data_rows)
    layout = lay_out(stage, machine, images, planned)
    if not compiled:
        return partial(_execute, layout)
    if machine.faults is not None:
        recipe = WeightRecipe(stage, planned)
        faulty = FaultyColumns(stage, layout, recipe, machine.faults)
        return partial(_execute_faulty, layout, faulty)
    make = partial(Blocks, stage, planned, images)
    return partial(_execute_compiled, layout, make(look=False), partial(make, look=True))


def _require_host(machine: CommandLedger) -> None:
    """All parts of a fan-in lie in one bank here: from bank to bank there is nothing to move."""
    if machine.moves != "host":
        raise InputError(f"`moves` must be host for {name}, not {machine.moves!r}")


def _execute_compiled(
    layout: Layout[WeightPlan], ready: Blocks, looking: Callable[[], Blocks], work: Work
) -> Result:
    booking = partial(book, layout, work.machine)
    values, book_s, check_s = run_compiled(work, booking, ready, looking)
    return usage(layout, work.machine).result(values, book_s, check_s)


def _execute_faulty(layout: Layout[WeightPlan], ready: FaultyColumns, work: Work) -> Result:
    values, flips, book_s = run_faulty(work, partial(book, layout, work.machine), ready)
    return replace(usage(layout, work.machine).result(values, book_s), flips=flips)


def _execute(layout: Layout[WeightPlan], work: Work) -> Result:
    stage, machine = work.stage, work.machine
    book(layout, machine)
    shape = (stage.outputs, work.images, stage.windows.positions)
    sums = stage.thresholds is None
    values = np.empty(shape, np.int64) if sums else np.empty(shape, np.uint8)
    total, done = sum(len(turn.batches) for turn in layout.turns), 0
    recipe = None if machine.faults is None else WeightRecipe(stage, layout.plan).recipe
    flips = 0
    for number, turn in enumerate(layout.turns):
        loaded = Loaded(work, layout, turn)
        _load_constants(layout.plan, loaded)
        injected = None
        if machine.faults is not None and recipe is not None:
            first = number * len(loaded.parts)
            injected = InjectedRows(recipe, work, machine.faults, loaded, first)
        for images in turn.batches:
            batch = Batch(loaded, work, layout.plan.chunks, images)
            if injected is not None:
                injected.begin(images)
            _run(work, layout.plan, loaded.parts, batch, values)
            done += 1
            work.report(done, total)
        flips += 0 if injected is None else injected.flips
    return replace(usage(layout, machine).result(values.transpose(1, 2, 0)), flips=flips)


def _run(
    work: Work,
    planned: WeightPlan,
    parts: list[Subarray],
    batch: Batch,
    values: NDArray[np.uint8] | NDArray[np.int64],
) -> None:
    """Compute, and store into ``values`` (outputs, images, positions)."""
    home, lanes = parts[0], batch.lanes
    for offset, steps in enumerate(planned.offsets):
        for part, count in zip(parts, steps.counts, strict=True):
            count.run(part, batch.output, lanes)
        for part, moved, arrivals in zip(
            parts[1:], steps.moved[1:], steps.arrivals[1:], strict=True
        ):
            for row, arrival in zip(moved, arrivals, strict=True):
                home.write(arrival, part.read(row, None, lanes), None, lanes)
        steps.combine.run(home, batch.output, lanes)
        constant = constants(work.stage, offset)
        if work.audit is not None:
            counted = _count(steps, home, lanes, read=False)
            batch.audit(offset, batch.sums(counted, constant))
        if planned.result is None:
            batch.store(values, batch.sums(_count(steps, home, lanes, read=True), constant))
        else:
            steps.decide.run(home, batch.output, lanes)
    if planned.result is not None:
        planned.pool.run(home, batch.output, lanes)
        bits = unpack(home.read(planned.result, None, lanes), home.columns)
        batch.store(values, [batch.own(lane, bits[lane]) for lane in range(len(bits))])
    if work.audit is not None:
        work.audit.forget()


def _count(
    steps: OffsetSteps, home: Subarray, lanes: Lanes | None, *, read: bool
) -> NDArray[np.int64]:
    """Counts of all columns (lanes, columns), read out or looked at."""
    totals = np.zeros((home.lanes if lanes is None else len(lanes), home.columns), dtype=np.int64)
    for level, row in enumerate(steps.total):
        if row is not None:
            words = home.read(row, None, lanes) if read else home.peek(row, lanes)
            totals += unpack(words, home.columns).astype(np.int64) << level
    return totals


def _load_constants(planned: WeightPlan, loaded: Loaded) -> None:
    """Write thresholds and complements of every lane's block."""
    home = loaded.parts[0]
    for flags in (planned.before, planned.after):
        if flags is not None:
            loaded.write(home, *flags)
    for offset, steps in enumerate(planned.offsets):
        if steps.threshold_rows:
            least = limits(loaded.stage, planned, offset)
            held = np.zeros((len(loaded.blocks), home.columns), np.int64)
            for lane, block in enumerate(loaded.blocks):
                some = least[block.outputs, None, block.positions]
                own = np.repeat(some, loaded.images, axis=1).reshape(-1)
                held[lane, : own.size] = own
            for bit, row_number in enumerate(steps.threshold_rows):
                home.write(row_number, plane(held, bit))
