"""Kernels to be timed, their rivals, and what the machine's arithmetic and memory allow.

Loops written by hand are those of ``compiled_by_hand.c`` (where there is gcc). Jobs that stand
beside each other take turns.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import ambit
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, compiler
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.lower.symbolic import PlaceKind
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.tape.run import run_tapes
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


# -- things to run --


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


def by_hand(folder: Path) -> Any:
    """The C loops, or None where there is no gcc; their library is written into a folder."""
    if shutil.which("gcc") is None:
        return None
    target = folder / "by_hand.so"
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


@dataclass(frozen=True)
class Jobs:
    """Jobs that do the same, by name, and what they need."""

    jobs: dict[str, Job]
    amount: int
    """Products of each."""
    schedule: Schedule
    total: list[Row]
    tiles: Tiles
    compiled: Compiled
    made: str
    """How long it took to get there, in words."""


CACHED = "cache bound, 1 thread"
ONE, ALL, BOUND, BY_HAND = (
    "compiled, 1 thread", "compiled, all threads", "arithmetic bound, 1 thread",
    "by hand in C, 1 thread",
)  # fmt: skip


def calls_and_kernels(compiled: Compiled) -> str:
    """How much there is to be called."""
    bodies = [body for sort in compiled.sorts for body in sort.bodies]
    return f"{len(bodies)} calls of {len(set(bodies))} kernels"


def folded_jobs(library: Any, weights: NDArray[np.int8], columns: int) -> Jobs:
    """Products of rows with weights in the commands, counted for every output."""
    inputs, outputs = weights.shape
    start = time.perf_counter()
    schedule, total = folded(weights)
    written = time.perf_counter()
    tiles = filled(columns, 1006, inputs)
    compiled = compile_program(recipe_of(schedule, total), tiles.layout)
    traced = time.perf_counter()
    prepare(compiled, tiles)
    ready = time.perf_counter()
    every, alu, amount = np.arange(outputs), arithmetic_bound(), inputs * outputs * columns
    # Two functions an adder, about one adder a product, 512 columns a vector.
    functions = 2 * amount // 512
    jobs: dict[str, Job] = {
        ONE: lambda: run(compiled, tiles, every, threads=1),
        ALL: lambda: run(compiled, tiles, every),
        BOUND: lambda: alu(functions // 64),
    }
    if library is not None:
        masks = np.where(weights.T < 0, -1, 0).astype(np.int64).copy()
        out = _aligned(tiles.tiles * outputs * 10 * tiles.tile_words * 8)
        jobs[BY_HAND] = lambda: library.folded_tiles(
            tiles.data.ctypes.data, tiles.tiles, tiles.layout.places * tiles.tile_words,
            tiles.tile_words, tiles.layout.row(0), masks.ctypes.data, outputs, inputs, 6,
            out.ctypes.data,
        )  # fmt: skip
    made = (
        f"schedule {written - start:.3f} s, trace {traced - written:.3f} s, "
        f"machine code {ready - traced:.3f} s: {calls_and_kernels(compiled)}"
    )
    return Jobs(jobs, amount, schedule, total, tiles, compiled, made)


def rows_jobs(library: Any, inputs: int, columns: int) -> Jobs:
    """XNOR of rows with as many rows, counted."""
    schedule, total, rows = both_as_rows(inputs)
    tiles = filled(columns, rows, 2 * inputs)
    compiled = compile_program(recipe_of(schedule, total), tiles.layout)
    start = time.perf_counter()
    prepare(compiled, tiles)
    made = f"machine code {time.perf_counter() - start:.3f} s: {calls_and_kernels(compiled)}"
    one = np.array([0])
    jobs: dict[str, Job] = {
        ALL: lambda: run(compiled, tiles, one),
        ONE: lambda: run(compiled, tiles, one, threads=1),
    }
    if library is not None:
        out, words = _aligned(tiles.words * 12 * 8), inputs * columns // 32
        jobs[BY_HAND] = lambda: library.xnor_tiles(
            tiles.data.ctypes.data, tiles.tiles, tiles.layout.places * tiles.tile_words,
            tiles.tile_words, tiles.layout.row(0), inputs, 7, out.ctypes.data,
        )  # fmt: skip
        jobs["memory bound, 1 thread"] = lambda: library.stream(tiles.data.ctypes.data, words)

        def stream(begin: int, end: int) -> None:
            first, last = (words * part // PIECES for part in (begin, end))
            library.stream(tiles.data.ctypes.data + 8 * first, last - first)

        jobs["memory bound, all threads"] = lambda: spread(stream, PIECES, None)
    return Jobs(jobs, inputs * columns, schedule, total, tiles, compiled, made)


def tape_jobs(library: Any) -> tuple[dict[str, Job], int]:
    """The output trees of the second layer of mnist-mlp on 10,000 columns, and their products.

    Their bounds are as many functions of three values as their records hold, all in registers; and
    (where there is gcc) as many reads of rows, from the cache that a tile's rows fit into.
    """
    from bnn import zoo
    from bnn.backends.streamed import StreamedStage
    from bnn.larq import model_file
    from bnn.run.plan import plan
    from bnn.system.system import System
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import load

    network = model_file.read_model(zoo.locate("mnist-mlp"))
    system, columns = System(load("ddr3-1600-8-8-8"), ModelOptions()), 10_000
    planned = plan(network, None, columns, system, "output-tree", chain="never")
    stage, ledger = next(iter(planned.apart()))
    (mapped,) = planned.mapped(stage, ledger)
    streamed = StreamedStage(mapped, columns)
    tapes, tiles = streamed.tapes, streamed._tiles
    networks = [function.network for function in tapes.functions]
    sizes = [*(len(one.nodes) for one in networks), 0, 0]
    reads = [*(sum(kind == PlaceKind.ROW for kind, _ in one.inputs) for one in networks), 1, 1]
    symbols = [*(function.symbols for function in tapes.functions), 2, 2]
    functions = rows = 0
    for number in range(len(tapes.slots)):
        tape, at = tapes.tape(number).tolist(), 0
        while at < len(tape):
            functions, rows = functions + sizes[tape[at]], rows + reads[tape[at]]
            at += 1 + symbols[tape[at]]
    vectors, alu = functions * (tiles.words // 8), arithmetic_bound()
    jobs: dict[str, Job] = {
        ONE: lambda: run_tapes(tapes, tiles, into=streamed._read, threads=1),
        ALL: lambda: run_tapes(tapes, tiles, into=streamed._read),
        BOUND: lambda: alu(vectors // 64),
    }
    if library is not None:
        tile = tiles.layout.places * tiles.tile_words

        def read() -> None:
            for first in range(tiles.tiles):
                for _ in range(rows // tiles.layout.places):
                    library.stream(tiles.data.ctypes.data + 8 * first * tile, tile)

        jobs[CACHED] = read
    return jobs, stage.weights[0].size * streamed.images


def _aligned(size: int) -> NDArray[np.uint8]:
    """Memory that begins with a line of the caches."""
    spare = np.empty(size + 64, np.uint8)
    start = -spare.ctypes.data % 64
    return spare[start : start + size]


# -- rates for rows of the table ---------------------------------------------------------------

FOLDED, ROWS = (784, 512, 10_240), (1024, 65_536)
"""Inputs, outputs and columns; inputs and columns."""


def random_weights(inputs: int, outputs: int) -> NDArray[np.int8]:
    """Weights of -1 and +1."""
    return (np.random.default_rng(0).integers(0, 2, (inputs, outputs)) * 2 - 1).astype(np.int8)


def tape_rates() -> dict[str, float]:
    """10^12 products a second of wall time, by job, and of the bounds the one that is met first."""
    with tempfile.TemporaryDirectory() as folder:
        rates = _rates(*tape_jobs(by_hand(Path(folder))))
    bounds = (rates[name] for name in rates if "bound" in name)
    return rates | {"T MAC/s, lower bound, 1 thread": min(bounds)}


def folded_rates() -> dict[str, float]:
    """10^12 products a second of wall time, by job."""
    inputs, outputs, columns = FOLDED
    with tempfile.TemporaryDirectory() as folder:
        these = folded_jobs(by_hand(Path(folder)), random_weights(inputs, outputs), columns)
        return _rates(these.jobs, these.amount)


def rows_rates() -> dict[str, float]:
    """10^12 products a second of wall time, by job."""
    with tempfile.TemporaryDirectory() as folder:
        these = rows_jobs(by_hand(Path(folder)), *ROWS)
        return _rates(these.jobs, these.amount)


def _rates(jobs: dict[str, Job], amount: int) -> dict[str, float]:
    return {
        f"T MAC/s, {name.removeprefix('compiled, ')}": amount / wall / 1e12
        for name, (wall, _) in best(jobs).items()
    }
