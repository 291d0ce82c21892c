"""Machine code that outlives a process, wherever there is a place for it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

COMPILING = "compiling; the machine code is kept, so that this is waited for once"
COMPILED = "working"

tells: list[Callable[[str], None]] = []
"""Called with what is being waited for, when a function that no process has kept is compiled."""


def kept(function: F, **others: Any) -> F:
    """Return a function compiled for all processors, its machine code kept for later processes.

    It is kept beside the module, or in the home folder; where neither can be written to, in a
    folder of the user's own among temporary files; and if that fails too, not at all. ``others``
    are further options of numba.
    """
    from numba import config, njit

    listen()
    options: dict[str, Any] = {"parallel": True, "error_model": "numpy", **others}
    try:
        return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # "no locator available"
        folder = own_folder()
    if folder is None:
        return njit(**options)(function)  # type: ignore[no-any-return]
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
    try:
        return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return njit(**options)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]


def for_any_number(compiled: F) -> F:
    """Have a function that others call compiled once for all numbers of a type.

    Numba compiles it for each constant that it is called with, and for the first value of each
    variable that is passed in a loop, before it finds that the variable changes.

    Args:
        compiled: what numba's decorator returned; it is changed.

    """
    from numba.core import types

    unliteral: Callable[[Any], Any] = types.unliteral
    dispatcher: Any = compiled
    found = dispatcher.get_call_template

    def get_call_template(args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
        return found([*map(unliteral, args)], {key: unliteral(kws[key]) for key in kws})

    dispatcher.get_call_template = get_call_template
    return compiled


@cache
def listen() -> None:
    """Have numba say when it compiles, which it does not where machine code has been kept."""
    from numba.core import event

    class Compiling(event.Listener):
        """Tells that something is being compiled, and afterwards that it is not."""

        depth = 0  # what a function calls is compiled while it is

        def on_start(self, _: Any) -> None:
            self.depth += 1
            self._tell(COMPILING)

        def on_end(self, _: Any) -> None:
            self.depth -= 1
            if not self.depth:
                self._tell(COMPILED)

        def _tell(self, text: str) -> None:
            for tell in tells:
                tell(text)

    event.register("numba:compile", Compiling())  # type: ignore[no-untyped-call]


def own_folder() -> Path | None:
    """A folder that nobody else can write to (it holds what is executed); None if there is none."""
    try:
        path = Path(tempfile.gettempdir()) / f"pimsim-{os.getuid()}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except (AttributeError, OSError):  # no users, or nowhere to write
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return path if own and not stat.S_IMODE(found.st_mode) & 0o077 else None
