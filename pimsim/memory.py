"""Checks the free memory before large arrays are made, and refuses what does not fit.

An operating system often grants an array that is too large, and kills the process when it is
filled.

>>> require(1 << 20, "a few images")
>>> require(1 << 60, "many images")  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
pimsim.errors.InputError: many images need 1073741824.0 GiB of memory, but ... are free
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pimsim.errors import InputError

ASKED_BYTES = 16 << 20
"""Size from which free memory is checked; smaller arrays are just made."""

LIBRARIES_MIB = {"none": (0, 0), "numpy": (128, 40), "all": (384, 224)}
"""Address space that libraries and their threads take, and more for each processor but one.

The most that pimsim's commands took on Linux with one and two processors, rounded up: with NumPy
alone, and with SciPy and LLVM. Some libraries end the process, or wait for ever, where it is less.
"""
COMPILER_MIB = 512
"""Address space that compiling by numba takes beyond that, measured in the same way."""

MACHINE_CODE_MIB = 32
"""Address space that must be left where LLVM makes or loads a function.

It takes a few MiB at a time, and ends the process where it gets none.
"""


def require_libraries(which: str) -> None:
    """Raise :class:`~pimsim.errors.InputError` if libraries would not fit the address space.

    Only a limit (``ulimit -v``) can lead to that; they are to be loaded afterwards.

    Args:
        which: a key of :data:`LIBRARIES_MIB`.

    """
    first_mib, further_mib = LIBRARIES_MIB[which]
    _require_space(first_mib + further_mib * (_processors() - 1), "the libraries of pimsim")


def require_compiler() -> None:
    """Raise :class:`~pimsim.errors.InputError` if compiling would not fit the address space."""
    _require_space(COMPILER_MIB, "functions that are compiled")


def require_machine_code() -> None:
    """Raise :class:`~pimsim.errors.InputError` if LLVM might find the address space full."""
    _require_space(MACHINE_CODE_MIB, "functions of machine code")


def _require_space(size_mib: int, what: str) -> None:
    free = _of_address_space_bytes(Path("/"))
    if free is not None and size_mib << 20 > free:
        raise InputError(
            f"{what} need {_text(size_mib << 20)} of address space, but `ulimit -v` leaves "
            f"{_text(free)}"
        )


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory available without swapping; None if the platform does not say.

    Limits of a control group or of the address space (``ulimit -v``) are respected.

    Args:
        root: folder that contains ``/proc`` and ``/sys``.

    """
    found = [_free_bytes(root), _of_group_bytes(root), _of_address_space_bytes(root)]
    return min((each for each in found if each is not None), default=None)


def require(size_bytes: int, what: str) -> None:
    """Raise :class:`~pimsim.errors.InputError` unless so much memory is available.

    Args:
        size_bytes: memory that is needed.
        what: its purpose, as a plural noun.

    """
    free = available_bytes() if size_bytes >= ASKED_BYTES else None
    if free is not None and size_bytes > free:
        raise InputError(f"{what} need {_text(size_bytes)} of memory, but {_text(free)} are free")


def _text(size_bytes: int) -> str:
    if size_bytes < 1 << 30:
        return f"{size_bytes / 2**20:.1f} MiB"
    return f"{size_bytes / 2**30:.1f} GiB"


def _free_bytes(root: Path) -> int | None:
    with suppress(OSError, ValueError):
        for line in (root / "proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_group_bytes(root: Path) -> int | None:
    group = root / "sys/fs/cgroup"
    with suppress(OSError, ValueError):
        limit = int((group / "memory.max").read_text("ascii"))
        used = int((group / "memory.current").read_text("ascii"))
        for line in (group / "memory.stat").read_text("ascii").splitlines():
            name, number = line.split()
            if name in ("active_file", "inactive_file"):  # which is given back
                used -= int(number)
        return max(limit - used, 0)
    return None


def _of_address_space_bytes(root: Path) -> int | None:
    with suppress(OSError, ValueError, ImportError):
        import resource  # not everywhere

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int((root / "proc/self/statm").read_text("ascii").split()[0])
            return max(limit - pages * os.sysconf("SC_PAGE_SIZE"), 0)
    return None
