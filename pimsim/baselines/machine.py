"""The machine that pimsim runs on, as far as a bandwidth measurement needs to know it.

Read from where Linux says it; other systems get what ``os`` knows, and assumptions that are stated
as such.
"""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pimsim.executors.compiled.run.processors import default_threads

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
