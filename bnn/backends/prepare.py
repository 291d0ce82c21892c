"""Preparing a mapped stage, to carry it out or only to book it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bnn.backends import account
from bnn.backends.blocks import of_positions
from bnn.backends.retries import Carried, Repeats, repeated
from bnn.backends.stream_tapes import Find, made
from bnn.backends.streamed import StreamedStage
from bnn.mapped.mapped_stage import Execute, MappedStage, Result, StageInputs
from bnn.system.ledger import CommandLedger
from bnn.system.system import Occupancy
from bnn.values.bitstrings import unpacked

if TYPE_CHECKING:
    from bnn.backends.compiled import CompiledStage

Book = Callable[[CommandLedger, Repeats], None]
"""Books a stage that was carried out, and what of it was computed again."""

Draft = Callable[[CommandLedger], Occupancy]
"""Books every command that carrying a stage out takes; executes none."""


def prepare(
    mapped: Sequence[MappedStage],
    images: int,
    *,
    compiled: bool,
    looking: bool = True,
    find: Find = made,
) -> Execute:
    """Prepare a stage, and return the function that carries it out.

    Args:
        mapped: the stage, or groups of its channels, which are computed one after the other.
        images: how many will come.
        compiled: compute with vector code, not row command by row command.
        looking: whether sums may be checked.
        find: finds tapes of streams, or has them written.

    Raises InputError if the failure table of the system's faults lacks what the commands need.
    """
    executes: list[Execute] = []
    for each in mapped:
        book = partial(account.book, each)
        ordered = False
        if not compiled:
            from bnn.backends import reference

            execute = executing(each, partial(reference.execute, each), book)
        elif each.system.faults is not None:
            from bnn.backends.faulty import FaultyStage

            execute = executing(each, FaultyStage(each, each.system.faults).run, book)
        else:
            execute, ordered = (
                vectorized(each, images, book, looking=looking, find=find),
                each.streams is not None,
            )
        if each.blocks is not None:
            outputs = each.stage.outputs // len(each.blocks)
            execute = of_positions(
                execute, each.blocks, outputs, each.first_output, ordered=ordered
            )
        executes.append(execute)
    return executes[0] if len(mapped) == 1 else partial(_one_after_another, mapped, executes)


def booked(mapped: Sequence[MappedStage], ledger: CommandLedger) -> Occupancy:
    """Book what carrying a stage out takes."""
    used = Occupancy()
    for some in mapped:
        account.book(some, ledger)
        used += account.occupancy(some)
    return used


def vectorized(
    mapped: MappedStage, images: int, book: Book, *, looking: bool = True, find: Find = made
) -> Execute:
    """Make ready what computes a stage with vector code.

    Args:
        mapped: the stage.
        images: how many will come.
        book: books it.
        looking: have every sum looked at, for a checker to be shown those of what is executed.
        find: finds tapes of streams, or has them written.

    """
    ready: CompiledStage | StreamedStage
    if mapped.streams is not None:
        ready = StreamedStage(mapped, images, looking=looking, find=find)
    else:
        from bnn.backends import compiled

        ready = compiled.CompiledStage(mapped, images, looking=looking)

    def carry_out(work: StageInputs) -> Carried:
        if work.checker is not None and not looking:
            raise ValueError(f"sums of stage {mapped.stage.name!r} must be looked at to be checked")
        values = ready.run(
            work.operands, threads=work.threads, checker=work.checker, report=work.report
        )
        return values, 0, {}

    plain = executing(mapped, carry_out, book)

    def execute(work: StageInputs) -> Result:
        result = plain(work)
        return replace(result, check_s=ready.check_s)

    return execute


def executing(
    mapped: MappedStage, carry_out: Callable[[StageInputs], Carried], book: Book
) -> Execute:
    """A function that carries a stage out, books it, and says how much of the DRAM it takes."""

    def execute(work: StageInputs) -> Result:
        values, flips, repeats = carry_out(work)
        started = time.perf_counter()
        book(work.ledger, repeats)
        booked_s = time.perf_counter() - started
        used = account.occupancy(mapped)
        return Result(values, used, booked_s, flips=flips, repeated=repeated(repeats))

    return execute


def _one_after_another(
    mapped: Sequence[MappedStage], executes: Sequence[Execute], work: StageInputs
) -> Result:
    """Carry groups of channels out in order, and join their results side by side."""
    results = []
    for number, (each, execute) in enumerate(zip(mapped, executes, strict=True)):

        def report(done: int, total: int, number: int = number) -> None:
            work.report(number * total + done, len(mapped) * total)

        operands = np.ascontiguousarray(work.integers[:, :, each.channels])
        results.append(execute(replace(work, operands=operands, progress=report)))
    return Result(
        np.concatenate([unpacked(result.values) for result in results], axis=2),
        sum((result.occupancy for result in results), Occupancy()),
        sum(result.book_s for result in results),
        sum(result.check_s for result in results),
        sum(result.flips for result in results),
        sum(result.repeated for result in results),
    )
