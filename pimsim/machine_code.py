"""Machine code that outlives a process, wherever there is a place for it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])


def kept(function: F, **others: Any) -> F:
    """Return a function compiled for all processors, its machine code kept for later processes.

    It is kept beside the module, or in the home folder; where neither can be written to, in a
    folder of the user's own among temporary files; and if that fails too, not at all. ``others``
    are further options of numba.
    """
    options: dict[str, Any] = {"parallel": True, "error_model": "numpy", **others}
    try:
        return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # "no locator available"
        folder = _own_folder()
    if folder is None:
        return njit(**options)(function)  # type: ignore[no-any-return]
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
    try:
        return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return njit(**options)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]


def _own_folder() -> Path | None:
    """A folder that nobody else can write to (it holds what is executed); None if there is none."""
    try:
        path = Path(tempfile.gettempdir()) / f"pimsim-{os.getuid()}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except (AttributeError, OSError):  # no users, or nowhere to write
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return path if own and not stat.S_IMODE(found.st_mode) & 0o077 else None
