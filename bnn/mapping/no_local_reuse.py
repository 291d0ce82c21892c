"""No local reuse: DRAM multiplies, the host counts.

Columns and weights are those of :mod:`bnn.mapping.weight_stationary`: an XNOR multiplies an
activation row with a weight row. But nothing is added up where it is; every row of products is read
over the channel, and the host counts its ones, compares and pools. What the channel carries is
booked; the host's counting is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.faulty_columns import FaultyColumns
from bnn.mapping.fetched import Fetched
from bnn.mapping.injected_rows import InjectedRows
from bnn.mapping.on_host import decide
from bnn.mapping.product_plan import ProductPlan, plan
from bnn.mapping.product_recipe import ProductRecipe
from bnn.mapping.resident import Batch, Loaded
from bnn.mapping.weight_books import usage
from bnn.mapping.weight_layout import Layout, lay_out
from bnn.mapping.weight_plan import constants
from bnn.mapping.work import Draft, Execute, Result, Usage, Work, run_compiled, run_faulty
from bnn.system.ledger import CommandLedger
from pimsim.bits import unpack
from pimsim.dram.commands import Kind

name: str = "no-local-reuse"
summary: str = "columns = (output, image or position); weights in rows; XNOR; the host counts"
popcount: str = "on the host, costed as traffic only"


def draft(stage: Stage, machine: CommandLedger, images: int, *, each: int = 1) -> Draft:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    machine.mitigation.refuse(name)
    layout = lay_out(stage, machine, images, plan(stage, machine.data_rows), each)
    return partial(_draft, layout)


def _draft(layout: Layout[ProductPlan], machine: CommandLedger) -> Usage:
    _book(layout, machine)
    return usage(layout, machine)


def prepare(stage: Stage, machine: CommandLedger, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    machine.mitigation.refuse(name)
    planned = plan(stage, machine.data_rows)
    layout = lay_out(stage, machine, images, planned)
    if not compiled:
        return partial(_execute, layout)
    if machine.faults is not None:
        recipe = ProductRecipe(stage, planned)
        faulty = FaultyColumns(stage, layout, recipe, machine.faults)
        return partial(_execute_faulty, layout, faulty)
    ready = Fetched(stage, planned, images)
    return partial(_execute_compiled, layout, ready, lambda: ready)


def _execute_compiled(
    layout: Layout[ProductPlan], ready: Fetched, looking: Callable[[], Fetched], work: Work
) -> Result:
    booking = partial(_book, layout, work.machine)
    values, book_s, check_s = run_compiled(work, booking, ready, looking)
    return usage(layout, work.machine).result(values, book_s, check_s)


def _execute_faulty(layout: Layout[ProductPlan], ready: FaultyColumns, work: Work) -> Result:
    values, flips, book_s = run_faulty(work, partial(_book, layout, work.machine), ready)
    return replace(usage(layout, work.machine).result(values, book_s), flips=flips)


def _execute(layout: Layout[ProductPlan], work: Work) -> Result:
    stage, machine, planned = work.stage, work.machine, layout.plan
    _book(layout, machine)
    bits = stage.thresholds is not None
    shape = (stage.outputs, work.images, stage.windows.positions)
    values = np.empty(shape, np.uint8) if bits else np.empty(shape, np.int64)
    total, done = sum(len(turn.batches) for turn in layout.turns), 0
    recipe = None if machine.faults is None else ProductRecipe(stage, planned).recipe
    flips = 0
    for number, turn in enumerate(layout.turns):
        loaded = Loaded(work, layout, turn)
        injected = None
        if machine.faults is not None and recipe is not None:
            first = number * len(loaded.parts)
            injected = InjectedRows(recipe, work, machine.faults, loaded, first)
        for images in turn.batches:
            batch = Batch(loaded, work, planned.chunks, images)
            if injected is not None:
                injected.begin(images)
            sums = []
            for offset in range(len(planned.offsets)):
                sums.append(_sums(stage, planned, loaded, batch, offset))
                batch.audit(offset, sums[-1])
            if bits:
                decided = [
                    decide(stage, own, block.outputs, block.positions)
                    for block, *own in zip(loaded.blocks[: len(images)], *sums, strict=True)
                ]
                batch.store(values, decided)
            else:
                batch.store(values, sums[0])
            if work.audit is not None:
                work.audit.forget()
            done += 1
            work.report(done, total)
        flips += 0 if injected is None else injected.flips
    return replace(usage(layout, machine).result(values.transpose(1, 2, 0)), flips=flips)


def _sums(
    stage: Stage, planned: ProductPlan, loaded: Loaded, batch: Batch, offset: int
) -> list[NDArray[np.int64]]:
    """Sums of every lane, from the products that are read out."""
    lanes = len(batch.output)
    totals = np.zeros((lanes, loaded.parts[0].columns), np.int64)
    for part, fetches in zip(loaded.parts, planned.offsets[offset], strict=True):
        for fetch in fetches:
            fetch.schedule.run(part, batch.output, batch.lanes)
            for row, level in zip(fetch.rows, fetch.levels, strict=True):
                words = part.read(row, None, batch.lanes)
                totals += unpack(words, part.columns).astype(np.int64) << level
    return batch.sums(totals, constants(stage, offset))


def _book(layout: Layout[ProductPlan], machine: CommandLedger) -> None:
    """Book what executing a layout takes: for each turn its weights, then batch after batch."""
    planned = layout.plan
    for number, turn in enumerate(layout.turns):
        columns = layout.columns(turn)
        first = number * len(planned.chunks)
        machine.enter("weights")
        for part, rows in enumerate(planned.weight_rows):
            machine.access(Kind.WR, rows, columns, range(turn.lanes), first + part)
        for images in turn.batches:
            banks = range(len(images))
            machine.enter("inputs")
            for part, operands in enumerate(planned.operand_rows):
                machine.access(Kind.WR, range(operands), columns, banks, first + part)
            machine.enter("compute")
            for parts in planned.offsets:
                for part, fetches in enumerate(parts):
                    for fetch in fetches:
                        machine.run(fetch.schedule, [0] * len(banks), banks, first + part)
                        machine.access(Kind.RD, fetch.rows, columns, banks, first + part)
