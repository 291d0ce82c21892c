"""Files that fields name: what they hold decides, not where they are.

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "a.json"
>>> _ = path.write_text("{}")
>>> digest(path)[:8], digest(path) == digest(path)
('44136fa3', True)
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from pimsim.errors import unreadable

Stamp = tuple[int, int]
"""By which a change of a file is noticed: size, and time of the last change."""

_AT_ONCE = 1 << 20


def stamp(path: Path) -> Stamp:
    """Return the stamp of a file.

    Raises :class:`~pimsim.errors.InputError` if it is not there.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises :class:`~pimsim.errors.InputError` if it cannot be read.
    """
    return _digest(path, stamp(path))


@lru_cache(maxsize=256)
def _digest(path: Path, _stamp: Stamp) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_AT_ONCE):
                found.update(piece)
    except OSError as error:
        raise unreadable(path, error) from error
    return found.hexdigest()
