"""How fast compiled schedules run: ``pytest -s tests/benchmarks/bench_compiled.py``.

Off by default: pytest collects ``test_*.py`` only, and a busy machine would make it fail. Every
rate stands beside others measured in the same run, which take turns with it: the reference
executor, packed numpy, loops written by hand in C (where there is gcc), and what the machine's
arithmetic and memory allow.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pimsim.bits import unpack
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram import bitsets
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

from . import kernels
from .kernels import ALL, FOLDED, ONE, ROWS, D, Job, Seconds, best, calls_and_kernels, filled, timed


def scaled(job: Job, factor: float) -> Seconds:
    """What ``factor`` times the job would take."""
    wall, processor = timed(job)
    return wall * factor, processor * factor


def show(page: Any, title: str, unit: str, amount: float, times: dict[str, Seconds]) -> None:
    """Print rates by wall time, and by the processor time that a busy machine leaves as it is."""
    first = next(iter(times.values()))
    page.table(
        title,
        ["", f"T {unit}/s", "a processor second", "its ratio to the first line"],
        [
            [
                name,
                f"{amount / wall / 1e12:.4f}",
                f"{amount / processor / 1e12:.4f}",
                f"{first[1] / processor:.4f}",
            ]
            for name, (wall, processor) in times.items()
        ],
    )


# -- things to run -------------------------------------------------------------------------------


def divided(weights: NDArray[np.int8], planes: int, parts: int) -> RowProgram:
    """Counting products of ``planes`` bits each, the inputs divided evenly among parts."""
    inputs, outputs = weights.shape
    width, recipe = inputs // parts, RowProgram(outputs)
    highest = width * (2**planes - 1)
    rows = [RowAllocator(1006) for _ in range(parts)]
    for each in rows:
        each.take(width * planes, "operands")
    arrivals = [rows[0].take(highest.bit_length(), "partial counts") for _ in range(1, parts)]
    combine, moves = Schedule(outputs), []
    total = Counter(combine, rows[0], parts * highest)
    for part in range(parts):
        negative = weights[part * width : (part + 1) * width] < 0
        order = np.argsort(negative, axis=0, kind="stable")
        flipped = [bitsets.number(f) for f in np.take_along_axis(negative, order, axis=0)]
        counter = Counter(Schedule(outputs), rows[part], highest)
        for bit in range(planes):
            counter.add_all(bit, (order * planes + (D + bit)).astype(np.int32), flipped)
        partial = counter.finish()
        recipe.run(counter.schedule, part)
        for level, row in enumerate(partial):
            if part:
                place = arrivals[part - 1][level]
                moves.append((int(np.max(row.address)) - D, part, place))
                total.add(level, D + place, row.inverted, owned=False)
            else:
                total.add(level, row.address, row.inverted, owned=row.owned)
        if part:
            counter.release(partial)
    for move in moves:
        recipe.move(*move)
    found = total.finish()
    recipe.run(combine)
    for row in found:
        recipe.read(int(np.max(row.address)) - D)
    return recipe


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The C loops, or None."""
    return kernels.by_hand(tmp_path_factory.mktemp("c"))


# -- benchmarks ----------------------------------------------------------------------------------


def test_folded_weights(library: Any, page: Any) -> None:
    """Products a second on one thread and on all."""
    inputs, outputs, columns = FOLDED
    weights = kernels.random_weights(inputs, outputs)
    these = kernels.folded_jobs(library, weights, columns)
    print("\n" + these.made)
    schedule, tiles, times = these.schedule, these.tiles, best(these.jobs)
    few = 2  # outputs that the reference is asked for
    subarray = Subarray(columns, rows=1024)
    for row in range(inputs):
        subarray.write(row, tiles.load(row)[None])
    times["reference executor"] = scaled(
        lambda: [schedule.run(subarray, np.array([output])) for output in range(few)],
        outputs / few,
    )
    rows = tiles.data[:, tiles.layout.row(0) :][:, :inputs].transpose(1, 0, 2).copy()
    rows = rows.reshape(inputs, -1)
    masks_of = np.where(weights < 0, np.uint64(2**64 - 1), np.uint64(0))
    times["packed numpy"] = scaled(
        lambda: [count_numpy(rows ^ masks_of[:, output, None]) for output in range(few)],
        outputs / few,
    )
    title = f"folded weights, {inputs} x {outputs} x {columns}"
    show(page, title, "MAC", these.amount, times)
    found = run(these.compiled, tiles, np.array([few - 1]))
    for bit, row in enumerate(these.total):
        np.testing.assert_array_equal(
            unpack(found[:, bit], columns),
            unpack(subarray.peek(int(np.max(row.address)) - D), columns),
        )


def test_fan_in_over_eight_subarrays(page: Any) -> None:
    """784 inputs of 8 bits, 512 outputs, 10,000 columns: bit products a second."""
    inputs, planes, outputs, columns, parts = 784, 8, 512, 10_000, 8
    weights = kernels.random_weights(inputs, outputs)
    recipe = divided(weights, planes, parts)
    compiled = compile_program(recipe, Layout(1006 + D, parts))
    together = compiled.rows_together
    operands = inputs // parts * planes
    tiles = filled(columns, 1006, operands, parts=parts, together=together)
    start = time.perf_counter()
    prepare(compiled, tiles)
    print(
        f"\nmachine code {time.perf_counter() - start:.3f} s: {calls_and_kernels(compiled)}, "
        f"{tiles.tiles} tiles of {tiles.tile_words} words"
    )
    every = np.arange(outputs)
    one_by_one = [np.array([output]) for output in range(outputs)]
    jobs: dict[str, Job] = {
        ONE: lambda: run(compiled, tiles, every, threads=1),
        ALL: lambda: run(compiled, tiles, every),
        "outputs one by one, 1 thread": lambda: [
            run(compiled, tiles, each, threads=1) for each in one_by_one
        ],
    }
    amount = inputs * planes * outputs * columns
    title = f"fan-in over {parts} subarrays, {inputs} x {planes} bits x {outputs} x {columns}"
    show(page, title, "bit products", amount, best(jobs))


def count_numpy(rows: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Carry-save adders over all rows of a level at once."""
    levels: list[NDArray[np.uint64]] = []
    while len(rows):
        carries = []
        while len(rows) > 2:
            third = len(rows) // 3
            a, b, c = rows[:third], rows[third : 2 * third], rows[2 * third : 3 * third]
            differ = a ^ b
            carries.append((a & b) | (differ & c))
            rows = np.concatenate([differ ^ c, rows[3 * third :]])
        if len(rows) == 2:
            carries.append((rows[0] & rows[1])[None])
            rows = (rows[0] ^ rows[1])[None]
        levels.append(rows[0])
        rows = np.concatenate(carries) if carries else rows[:0]
    return levels


def test_both_operands_as_rows(library: Any, page: Any) -> None:
    """XNOR and count: products a second."""
    inputs, columns = ROWS
    these = kernels.rows_jobs(library, inputs, columns)
    print("\n" + these.made)
    schedule, tiles, times = these.schedule, these.tiles, best(these.jobs)
    subarray = Subarray(columns, rows=tiles.layout.rows)
    for row in range(2 * inputs):
        subarray.write(row, tiles.load(row)[None])
    times["reference executor"] = timed(lambda: schedule.run(subarray, np.array([0])))
    packed = np.stack([tiles.load(row) for row in range(2 * inputs)])
    times["packed numpy"] = timed(lambda: count_numpy(~(packed[:inputs] ^ packed[inputs:])))
    show(page, f"both operands as rows, {inputs} x {columns}", "MAC", these.amount, times)
