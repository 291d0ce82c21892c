"""Writing results so that a reader finds all of them or none.

Files are written into a hidden folder beside the target, and moved when all are complete. An
interrupted run leaves the old files.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as parent:
...     with filled(Path(parent) / "new") as folder:
...         _ = (folder / "a.txt").write_text("done")
...     sorted(str(path.relative_to(parent)) for path in Path(parent).rglob("*"))
['new', 'new/a.txt']
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from pimsim.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What a file that does not grow any more fails with: of a full disk, a quota, a limit."""


@contextmanager
def filled(path: Path, last: str | None = None) -> Iterator[Path]:
    """Yield a folder for results; they are moved into ``path`` if the block ends without an error.

    First it is checked that ``path`` can be written. The file ``last`` marks a complete result: it
    is moved last, and an older one is removed first, so it never stands beside files of another
    result.
    """
    try:
        made = [one for one in (path, *path.parents) if not one.exists()]
        path.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=path))
    except OSError as error:
        raise refused(path, error) from error
    try:
        yield staging
        if last is not None:
            (path / last).unlink(missing_ok=True)
        for file in sorted(staging.iterdir(), key=lambda one: (one.name == last, one.name)):
            os.replace(file, path / file.name)
    except OSError as error:
        if error.errno in _FULL and error.filename is None:  # a write names no file
            raise refused(path, error) from error
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # not empty: it was not made in vain
            for folder in made:
                folder.rmdir()


def asked(path: Path | None, last: str | None = None) -> AbstractContextManager[Path | None]:
    """Yield the folder of :func:`filled` for ``--out``; None if ``--out`` is not given."""
    return nullcontext() if path is None else filled(path, last)


def told(path: Path | None, folder: Path | None) -> str:
    """Return the line that lists the files written into ``--out``; '' if it is not given.

    Args:
        path: value of ``--out``.
        folder: the folder of :func:`filled`, with all results in it.

    >>> with tempfile.TemporaryDirectory() as made:
    ...     _ = (Path(made) / "b.png").write_text(""), (Path(made) / "a.csv").write_text("")
    ...     told(Path("out"), Path(made))
    'written to out: a.csv, b.png'
    """
    if path is None or folder is None:
        return ""
    return f"written to {path}: {', '.join(sorted(one.name for one in folder.iterdir()))}"


def refused(path: Path, error: OSError) -> InputError:
    """Return the error for a folder `--out` that cannot be written."""
    return InputError(
        f"`--out` must be a folder that can be written, not {str(path)!r}: {error.strerror}"
    )


def replace_text(path: Path, text: str, newline: str | None = None) -> None:
    """Write a file again, so that a reader finds the old text or the new one.

    Args:
        path: the file.
        text: what it then holds.
        newline: as of :func:`open`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     replace_text(path, "one")
    ...     replace_text(path, "two")
    ...     path.read_text(), len(list(path.parent.iterdir()))
    ('two', 1)
    """
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline=newline)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new file that replaces ``path`` if the block ends without an error.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.bin"
    ...     with replacing(path) as unfinished:
    ...         _ = unfinished.write_bytes(b"12")
    ...         there = path.exists()
    ...     there, path.read_bytes(), unfinished.exists()
    (False, b'12', False)
    """
    unfinished = path.with_name(f".unfinished-{path.name}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
