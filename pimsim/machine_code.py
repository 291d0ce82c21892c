"""Compiling by numba: what is told about it, and where machine code may be stored."""

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
"""Called with a message when a function is compiled for which no machine code is stored."""


def for_any_number(compiled: F) -> F:
    """Make numba compile a called function once for all numbers of a type.

    Otherwise numba compiles it for each constant that it is called with, and for the first value of
    each variable in a loop, before it finds that the variable changes.

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
    """Make numba report when it compiles, which is only if no machine code is stored."""
    from numba.core import event

    class Compiling(event.Listener):
        """Reports when compiling begins, and when it ends."""

        depth = 0  # functions that it calls are compiled within

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
    """A folder for executable code that nobody else can write to; None if there is none."""
    try:
        path = Path(tempfile.gettempdir()) / f"pimsim-{os.getuid()}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except (AttributeError, OSError):  # no users, or nowhere to write
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return path if own and not stat.S_IMODE(found.st_mode) & 0o077 else None
