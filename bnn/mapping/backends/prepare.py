"""Making a mapped stage ready to be carried out, or to be booked alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from bnn.mapping.backends import account, reference
from bnn.mapping.backends.compiled.stage import CompiledStage
from bnn.mapping.backends.faulty.stage import faulty_stage
from bnn.mapping.backends.repeats import repeated
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.stage_inputs import Execute, Occupancy, Result, StageInputs
from bnn.system.ledger import CommandLedger
from bnn.values.bitstrings import unpacked
from pimsim.dram.array.faults import Faults

Book = Callable[[CommandLedger], None]

Draft = Callable[[CommandLedger], Occupancy]
"""Books every command that carrying a stage out takes; executes none."""


def prepare(mapped: Sequence[MappedStage], images: int, *, compiled: bool) -> Execute:
    """Make ready what carries a stage out.

    Args:
        mapped: the stage, or groups of its channels, which are computed one after the other.
        images: how many will come.
        compiled: compute with vector code, not row command by row command.

    Raises InputError if the failure table of the system's faults lacks what the commands need.
    """
    executes: list[Execute] = []
    for each in mapped:
        if not compiled:
            executes.append(partial(reference.execute, each))
        elif each.system.faults is not None:
            executes.append(faulty(each, each.system.faults))
        else:
            executes.append(vectorized(each, images, partial(account.book, each)))
    return executes[0] if len(mapped) == 1 else partial(_one_after_another, mapped, executes)


def booked(mapped: Sequence[MappedStage], ledger: CommandLedger) -> Occupancy:
    """Book what carrying a stage out takes."""
    used = Occupancy()
    for some in mapped:
        account.book(some, ledger)
        used += account.occupancy(some)
    return used


def vectorized(mapped: MappedStage, images: int, book: Book) -> Execute:
    """Make ready what computes a stage with vector code.

    Where sums are checked it is computed once more, every sum being looked at, so that what the
    looking takes does not count as executing.
    """
    ready = CompiledStage(mapped, images)

    def execute(work: StageInputs) -> Result:
        started = time.perf_counter()
        book(work.ledger)
        booked_s = time.perf_counter() - started
        values = ready.run(work.operands, threads=work.threads, report=work.report)
        executed = time.perf_counter()
        if work.checker is not None:
            looking = CompiledStage(mapped, images, looking=True)
            see = work.checker.seeing(mapped.first_output, mapped.stage.outputs)
            again = looking.run(
                work.operands, threads=work.threads, see=see, report=work.checker.report
            )
            work.checker.same(values, again)
        check_s = time.perf_counter() - executed
        return Result(values, account.occupancy(mapped), booked_s, check_s)

    return execute


def faulty(mapped: MappedStage, faults: Faults) -> Execute:
    """Make ready what computes a stage with commands that go wrong."""
    ready = faulty_stage(mapped, faults)

    def execute(work: StageInputs) -> Result:
        values, flips, repeats = ready.run(work)
        started = time.perf_counter()
        account.book(mapped, work.ledger, repeats=repeats)
        used = account.occupancy(mapped)
        booked_s = time.perf_counter() - started
        return Result(values, used, booked_s, flips=flips, repeated=repeated(repeats))

    return execute


def _one_after_another(
    mapped: Sequence[MappedStage], executes: Sequence[Execute], work: StageInputs
) -> Result:
    """Carry groups of channels out in order; what they give stands side by side."""
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
