"""One sweep at a time in a folder, by a lock that ends with the process that holds it.

It is SQLite's own: an open transaction on a file beside the store, which the operating system lets
go of however the process ends. Readers of the store are not held up.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pimsim.errors import InputError

_BUSY = ("locked", "busy")


class Lock:
    """Holds a folder from entering to leaving."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Lock:
        """Take it; :class:`~pimsim.errors.InputError` if another process has it."""
        try:
            self._connection = sqlite3.connect(self.path, timeout=0.0, isolation_level=None)
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._close()
            if any(word in str(error) for word in _BUSY):
                raise InputError(
                    f"{str(self.path.parent)!r} must not be in use by another running sweep"
                ) from error
            raise InputError(
                f"`--out` must be a folder that can be written, not {str(self.path.parent)!r}: "
                f"{error}"
            ) from error
        return self

    def __exit__(self, *raised: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
