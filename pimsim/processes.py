"""Starting child processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import ModuleType

_LOCK = Lock()


@contextmanager
def without_main() -> Iterator[None]:
    """Within the block, started processes do not import the program that starts them.

    Python begins a process anew (``spawn``) by importing the main module of its parent. A script
    that is not guarded by ``if __name__ == "__main__":`` would then run once more in each of them.
    Functions and objects that they are given must not be defined in that module.

    >>> with without_main():
    ...     hasattr(sys.modules["__main__"], "__file__")
    False
    """
    with _LOCK:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
