"""How fast compiled schedules run: ``pytest -s tests/benchmarks/bench_compiled.py``.

Off by default: pytest collects ``test_*.py`` only, and a busy machine would make it fail. Every
rate stands beside others measured in the same run, which take turns with it: the reference
executor, packed numpy, loops written by hand in C (where there is gcc), and what the machine's
arithmetic and memory allow.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pimsim.bits import unpack
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, compiler
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Layout, Tiles
from pimsim.microprogram import bitsets
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter, Row
from pimsim.microprogram.logic import XNOR
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

D = ambit().first_data
TURNS = 7
QUICK_S = 0.05
PIECES = 8
Job = Callable[[], object]


Seconds = tuple[float, float]
"""Wall time, and processor time of all threads."""


def timed(job: Job) -> Seconds:
    """How long a job takes."""
    wall, processor = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - wall, time.process_time() - processor


def best(jobs: dict[str, Job]) -> dict[str, Seconds]:
    """Least times of each job, the jobs taking turns.

    A quick job is run once more before, so that it finds in the caches what it leaves there, and
    not what the job before it has left.
    """
    found: dict[str, list[Seconds]] = {name: [] for name in jobs}
    for _ in range(TURNS):
        for name, job in jobs.items():
            if not found[name] or min(found[name])[0] < QUICK_S:
                job()
            found[name].append(timed(job))
    return {
        name: (min(wall for wall, _ in each), min(processor for _, processor in each))
        for name, each in found.items()
    }


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


def folded(weights: NDArray[np.int8]) -> tuple[Schedule, list[Row]]:
    """Counting products of rows D0, D1, ... with ``weights`` (inputs, outputs), +1 first."""
    inputs, outputs = weights.shape
    schedule, rows = Schedule(outputs), RowAllocator(1006)
    rows.take(inputs, "operands")
    counter = Counter(schedule, rows, inputs)
    order = np.argsort(weights < 0, axis=0, kind="stable")
    flipped = np.take_along_axis(weights < 0, order, axis=0)
    for row, inverted in zip(order + D, flipped, strict=True):
        counter.add(0, row, inverted, owned=False)
    return schedule, counter.finish()


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


def both_as_rows(inputs: int) -> tuple[Schedule, list[Row], int]:
    """XNOR of rows D0 ... with as many behind them, and the count; also the rows needed."""
    schedule, rows = Schedule(1), RowAllocator(4 * inputs)
    rows.take(2 * inputs, "operands")
    counter = Counter(schedule, rows, inputs)
    for i in range(inputs):
        (product,) = rows.take(1, "products")
        schedule.append((XNOR,), None, a=D + i, b=D + inputs + i, out=D + product)
        counter.add(0, D + product, False, owned=True)
    return schedule, counter.finish(), rows.peak


def calls_and_kernels(compiled: Compiled) -> str:
    bodies = [body for sort in compiled.sorts for body in sort.bodies]
    return f"{len(bodies)} calls of {len(set(bodies))} kernels"


def recipe_of(schedule: Schedule, total: list[Row]) -> RowProgram:
    recipe = RowProgram(schedule.outputs)
    recipe.run(schedule)
    for row in total:
        recipe.read(int(np.max(row.address)) - D)
    return recipe


def filled(columns: int, rows: int, written: int, **more: Any) -> Tiles:
    """Tiles whose first data rows are random."""
    tiles = Tiles(columns, rows + D, **more)
    rng = np.random.default_rng(1)
    for part in range(tiles.layout.parts):
        first = tiles.layout.row(0, part)
        shape = tiles.data[:, first : first + written].shape
        tiles.data[:, first : first + written] = rng.integers(0, 2**63, shape, dtype=np.uint64)
        tiles.written[first : first + written] = True
    return tiles


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The C loops, or None."""
    if shutil.which("gcc") is None:
        return None
    target = tmp_path_factory.mktemp("c") / "by_hand.so"
    source = Path(__file__).with_name("compiled_by_hand.c")
    command = ["gcc", "-O3", "-march=native", "-mprefer-vector-width=512", "-shared", "-fPIC"]
    subprocess.run([*command, str(source), "-o", str(target)], check=True)
    library = ctypes.CDLL(str(target))
    p, s, i = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.folded_tiles.argtypes = [p, s, s, s, s, p, i, i, i, p]
    library.xnor_tiles.argtypes = [p, s, s, s, s, i, i, p]
    library.stream.argtypes = [p, s]
    library.stream.restype = ctypes.c_uint64
    return library


def arithmetic_bound() -> Callable[[int], None]:
    """Functions of three values in registers, as many at once as there are registers."""
    code = Emit("pimsim_bench_functions", "times *memory")
    if compiler().ternary:
        code.declare(
            "<8 x i64> @llvm.x86.avx512.pternlog.q.512(<8 x i64>, <8 x i64>, <8 x i64>, i32 immarg)"
        )
    tables = (0b1001_0110, 0b1110_1000)
    places = [code.slot(VECTOR, 64) for _ in range(16)]
    for n, place in enumerate(places):
        code.do(f"store {VECTOR} {code.get(VECTOR, '%memory', n)}, ptr {place}")
    with code.loop("%times"):
        values = [code.put(f"load {VECTOR}, ptr {place}") for place in places]
        for step in range(4):
            values = [
                _three(code, values, n, tables[step % 2])
                if compiler().ternary
                else code.put(f"xor {VECTOR} {values[n]}, {values[(n + 5) % 16]}")
                for n in range(16)
            ]
        for value, place in zip(values, places, strict=True):
            code.do(f"store {VECTOR} {value}, ptr {place}")
    for n, place in enumerate(places):
        value = code.put(f"load {VECTOR}, ptr {place}")
        code.do(f"store {VECTOR} {value}, ptr {code.at(VECTOR, '%memory', n)}, align 1")
    function = code.function()
    memory = np.arange(128, dtype=np.uint64)
    return lambda times: function(times, memory.ctypes.data)


def _three(code: Emit, values: list[str], n: int, table: int) -> str:
    operands = ", ".join(f"{VECTOR} {values[(n + k) % 16]}" for k in (0, 5, 9))
    name = "@llvm.x86.avx512.pternlog.q.512"
    return code.put(f"call {VECTOR} {name}({operands}, i32 {table})")


# -- benchmarks ----------------------------------------------------------------------------------


def test_folded_weights(by_hand: Any, page: Any) -> None:
    """784 inputs, 512 outputs, 10,240 columns: products a second on one thread and on all."""
    inputs, outputs, columns = 784, 512, 10_240
    weights = (np.random.default_rng(0).integers(0, 2, (inputs, outputs)) * 2 - 1).astype(np.int8)
    start = time.perf_counter()
    schedule, total = folded(weights)
    written = time.perf_counter()
    recipe = recipe_of(schedule, total)
    tiles = filled(columns, 1006, inputs)
    compiled = compile_program(recipe, tiles.layout)
    traced = time.perf_counter()
    prepare(compiled, tiles)
    ready = time.perf_counter()
    print(
        f"\nschedule {written - start:.3f} s, trace {traced - written:.3f} s, "
        f"machine code {ready - traced:.3f} s: {calls_and_kernels(compiled)}"
    )
    every = np.arange(outputs)
    alu = arithmetic_bound()
    amount = inputs * outputs * columns
    # Two functions an adder, about one adder a product, 512 columns a vector.
    functions = 2 * amount // 512
    jobs: dict[str, Job] = {
        "compiled, 1 thread": lambda: run(compiled, tiles, every, threads=1),
        "compiled, all threads": lambda: run(compiled, tiles, every),
        "arithmetic bound, 1 thread": lambda: alu(functions // 64),
    }
    if by_hand is not None:
        masks = np.where(weights.T < 0, -1, 0).astype(np.int64).copy()
        result = np.empty((tiles.tiles, outputs, 10, tiles.tile_words), np.uint64)
        spare = np.empty(result.nbytes + 64, np.uint8)
        out = spare.ctypes.data + -spare.ctypes.data % 64
        jobs["by hand in C, 1 thread"] = lambda: by_hand.folded_tiles(
            tiles.data.ctypes.data, tiles.tiles, tiles.layout.places * tiles.tile_words,
            tiles.tile_words, tiles.layout.row(0), masks.ctypes.data, outputs, inputs, 6, out,
        )  # fmt: skip
    times = best(jobs)
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
    show(page, f"folded weights, {inputs} x {outputs} x {columns}", "MAC", amount, times)
    found = run(compiled, tiles, np.array([few - 1]))
    for bit, row in enumerate(total):
        np.testing.assert_array_equal(
            unpack(found[:, bit], columns),
            unpack(subarray.peek(int(np.max(row.address)) - D), columns),
        )


def test_fan_in_over_eight_subarrays(page: Any) -> None:
    """784 inputs of 8 bits, 512 outputs, 10,000 columns: bit products a second."""
    inputs, planes, outputs, columns, parts = 784, 8, 512, 10_000, 8
    weights = (np.random.default_rng(0).integers(0, 2, (inputs, outputs)) * 2 - 1).astype(np.int8)
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
        "compiled, 1 thread": lambda: run(compiled, tiles, every, threads=1),
        "compiled, all threads": lambda: run(compiled, tiles, every),
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


def test_both_operands_as_rows(by_hand: Any, page: Any) -> None:
    """XNOR and count of 1,024 inputs over 65,536 columns: products a second."""
    inputs, columns = 1024, 65_536
    schedule, total, rows = both_as_rows(inputs)
    recipe = recipe_of(schedule, total)
    tiles = filled(columns, rows, 2 * inputs)
    compiled = compile_program(recipe, tiles.layout)
    start = time.perf_counter()
    prepare(compiled, tiles)
    print(f"\nmachine code {time.perf_counter() - start:.3f} s: {calls_and_kernels(compiled)}")
    one = np.array([0])
    amount = inputs * columns
    jobs: dict[str, Job] = {
        "compiled, all threads": lambda: run(compiled, tiles, one),
        "compiled, 1 thread": lambda: run(compiled, tiles, one, threads=1),
    }
    if by_hand is not None:
        spare = np.empty(tiles.words * 12 * 8 + 64, np.uint8)
        out = spare.ctypes.data + -spare.ctypes.data % 64
        jobs["by hand in C, 1 thread"] = lambda: by_hand.xnor_tiles(
            tiles.data.ctypes.data, tiles.tiles, tiles.layout.places * tiles.tile_words,
            tiles.tile_words, tiles.layout.row(0), inputs, 7, out,
        )  # fmt: skip
        words = inputs * columns // 32
        jobs["memory bound, 1 thread"] = lambda: by_hand.stream(tiles.data.ctypes.data, words)

        def stream(begin: int, end: int) -> None:
            first, last = (words * part // PIECES for part in (begin, end))
            by_hand.stream(tiles.data.ctypes.data + 8 * first, last - first)

        jobs["memory bound, all threads"] = lambda: spread(stream, PIECES, None)
    times = best(jobs)
    subarray = Subarray(columns, rows=rows + D)
    for row in range(2 * inputs):
        subarray.write(row, tiles.load(row)[None])
    times["reference executor"] = timed(lambda: schedule.run(subarray, one))
    packed = np.stack([tiles.load(row) for row in range(2 * inputs)])
    times["packed numpy"] = timed(lambda: count_numpy(~(packed[:inputs] ^ packed[inputs:])))
    show(page, f"both operands as rows, {inputs} x {columns}", "MAC", amount, times)
