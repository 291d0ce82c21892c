"""Bulk bitwise operations on the machine that pimsim runs on, timed.

Arrays together should be several times the last-level cache, so that every operand comes from
memory and every result goes there; they are no larger than :data:`TOTAL_BYTES` unless more is asked
for, and how many caches that is stands beside every rate. Each loop runs several times; the best
counts, and the spread to the worst is kept. Operations are measured with numpy on one thread and
with compiled loops on all, and the faster one is the machine's.

Properties of the machine are read from Linux; on other systems they come from ``os``, and from
assumptions that are stated.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError
from pimsim.executors.compiled.run.processors import default_threads

CACHES = 4
"""If all arrays together have this many times the size of the last-level cache, none stays in
it."""
ARRAYS = 3
"""Two operands and a result."""
TOTAL_BYTES = 64 * 2**20
"""Size of all arrays together, unless another is asked for: with it, a process stays below 200 MiB
wherever it runs."""
REPEATS = 5
"""Timed runs of each loop, after one that is not timed."""
_OPERANDS = {"not": (1, 1), "and": (2, 1), "xnor": (2, 1), "popcount": (1, 0),
             "xnor-popcount": (2, 0)}  # fmt: skip
"""Arrays that an operation reads and writes."""
OPERATIONS = tuple(_OPERANDS)
"""What is measured: bitwise operations, a count of ones, and XNOR with the count of its ones, which
is a dot product of signs."""

ASSUMED_CACHE_BYTES = 64 * 2**20
"""Last-level cache where the system does not say; assumed, more than most desktop parts have."""
ASSUMED_FREE_BYTES = 2**30
"""Free memory where the system does not say; assumed."""
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor and memory."""

    model: str
    """Model name of the processor."""
    threads: int
    """Hardware threads that this process may use."""
    cache_bytes: int
    """Largest cache, that of the last level."""
    cache_source: str
    """Where ``cache_bytes`` comes from."""
    free_bytes: int
    """Memory that this process may still take."""


def this_machine(root: Path = Path("/")) -> Machine:
    """Return the machine that this process runs on; ``root`` is where ``/proc`` and ``/sys`` are.

    >>> here = this_machine()
    >>> here.threads >= 1 and here.cache_bytes > 0 and here.free_bytes > 0
    True
    """
    cache_bytes = _cache_bytes(root / "sys/devices/system/cpu/cpu0/cache")
    return Machine(
        model=_model(root / "proc/cpuinfo"),
        threads=default_threads(),
        cache_bytes=cache_bytes or ASSUMED_CACHE_BYTES,
        cache_source="the system" if cache_bytes else "assumed",
        free_bytes=_free_bytes(root),
    )


def _model(cpuinfo: Path) -> str:
    with suppress(OSError):
        for line in cpuinfo.read_text("utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _cache_bytes(folder: Path) -> int:
    """Size of the largest cache; 0 if the system does not say."""
    sizes = [0]
    for file in folder.glob("index*/size"):
        with suppress(OSError, ValueError, KeyError):
            text = file.read_text("utf-8").strip()
            sizes.append(int(text[:-1]) * _UNITS[text[-1]])
    return max(sizes)


def _free_bytes(root: Path) -> int:
    """Available memory, or what is left of a control group's limit if that is less."""
    limits = []
    with suppress(OSError, ValueError):
        for line in (root / "proc/meminfo").read_text("utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                limits.append(int(line.split()[1]) * 1024)
    group = root / "sys/fs/cgroup"
    with suppress(OSError, ValueError):
        limit = int((group / "memory.max").read_text("utf-8"))
        limits.append(max(limit - int((group / "memory.current").read_text("utf-8")), 0))
    return min(limits, default=ASSUMED_FREE_BYTES)


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """One operation, timed."""

    operation: str
    library: str
    """``numpy`` or ``compiled``."""
    threads: int
    inputs: int
    """Arrays read."""
    outputs: int
    """Arrays written: 1, or 0 where the result is one number."""
    array_bytes: int
    """Size of one array."""
    seconds: tuple[float, ...]
    """Wall time of each run."""

    @property
    def best_s(self) -> float:
        """The shortest run."""
        return min(self.seconds)

    @property
    def spread_percent(self) -> float:
        """How much longer than the shortest run the longest took."""
        return 100 * (max(self.seconds) / self.best_s - 1)

    @property
    def output_gb_per_s(self) -> float | None:
        """Result, in 1e9 bytes a second; None where it is one number."""
        return self.array_bytes / self.best_s / 1e9 if self.outputs else None

    @property
    def moved_gb_per_s(self) -> float:
        """Operands and result, in 1e9 bytes a second."""
        return (self.inputs + self.outputs) * self.array_bytes / self.best_s / 1e9

    @property
    def binary_ops_per_s(self) -> float:
        """Results of single bits (bits counted, products summed) a second."""
        return 8 * self.array_bytes / self.best_s


@dataclass(frozen=True, slots=True)
class Measurement:
    """Rates of a machine."""

    machine: Machine
    total_bytes: int
    """All arrays together."""
    rates: tuple[MeasuredRate, ...]
    """Every operation with every library that has it."""

    @property
    def caches(self) -> float:
        """Size of all arrays in last-level caches; below ``CACHES`` they are partly found there."""
        return self.total_bytes / self.machine.cache_bytes

    def best(self) -> dict[str, MeasuredRate]:
        """Return the faster rate of each operation."""
        best: dict[str, MeasuredRate] = {}
        for rate in sorted(self.rates, key=lambda rate: rate.best_s):
            best.setdefault(rate.operation, rate)
        return {operation: best[operation] for operation in OPERATIONS if operation in best}


def default_bytes(machine: Machine) -> int:
    """Size of all arrays together: :data:`TOTAL_BYTES`, but at most half of the free memory.

    >>> [default_bytes(Machine("", 4, 2**25, "", free)) // 2**20 for free in (2**34, 2**26)]
    [64, 32]
    """
    return min(TOTAL_BYTES, machine.free_bytes // 2)


def measure(
    total_bytes: int | None = None,
    repeats: int = REPEATS,
    machine: Machine | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Measurement:
    """Time every operation; takes about a second.

    Raises :class:`~pimsim.errors.InputError` if the arrays would not fit in the free memory, or
    for a size that is not positive.
    """
    machine = machine or this_machine()
    total_bytes = default_bytes(machine) if total_bytes is None else total_bytes
    words = total_bytes // (8 * ARRAYS)
    if type(total_bytes) is not int or words <= 0:
        raise InputError(f"`total_bytes` must be an integer of at least 24, not {total_bytes!r}")
    if total_bytes > machine.free_bytes:
        raise InputError(
            f"`total_bytes` must be at most the free memory, {machine.free_bytes}, "
            f"not {total_bytes}"
        )

    from pimsim.baselines.kernels import COMPILED, NUMPY

    a, b, result = (_filled(words, seed) for seed in range(ARRAYS))
    rates = []
    for library, kernels, used in (("numpy", NUMPY, 1), ("compiled", COMPILED, default_threads())):
        for operation, kernel in kernels.items():
            seconds = []
            for _ in range(repeats + 1):
                start = clock()
                kernel(a, b, result)
                seconds.append(clock() - start)
            of = operation, library, used, *_OPERANDS[operation], 8 * words
            rates.append(MeasuredRate(*of, tuple(seconds[1:])))
    return Measurement(machine, 8 * words * ARRAYS, tuple(rates))


def _filled(words: int, seed: int) -> NDArray[np.uint64]:
    """Random words; every page is written, since pages never written share one of zeros."""
    array = np.empty(words, dtype=np.uint64)
    block = np.random.default_rng(seed).integers(2**64, size=min(words, 2**17), dtype=np.uint64)
    for start in range(0, words, len(block)):
        part = array[start : start + len(block)]
        part[:] = block[: len(part)]
    return array
