"""Writing results so that a reader finds all of them or none.

Files are made in a hidden folder beside their place and moved there when all are complete; an
interrupted run leaves what was there before.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder, OutDir(Path(folder) / "new") as out:
...     _ = (out.staging / "a.txt").write_text("done")
...     out.commit()
...     sorted(path.name for path in out.path.iterdir() if not path.name.startswith("."))
['a.txt']
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from pimsim.errors import InputError


class OutDir:
    """A folder for results; entering it makes sure, before any work, that it can be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.staging = path
        self._made: list[Path] = []

    def __enter__(self) -> OutDir:
        try:
            self._made = [one for one in (self.path, *self.path.parents) if not one.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self.staging = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.path))
        except OSError as error:
            raise InputError(
                f"`--out` must be a folder that can be written, not {str(self.path)!r}: "
                f"{error.strerror}"
            ) from error
        return self

    def commit(self, last: str | None = None) -> None:
        """Move every finished file to its place, ``last`` (the one that says all is there) last.

        An older ``last`` is removed first: it never stands beside files that are not its own.
        """
        if last is not None:
            (self.path / last).unlink(missing_ok=True)
        files = sorted(self.staging.iterdir(), key=lambda path: (path.name == last, path.name))
        for file in files:
            os.replace(file, self.path / file.name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        with suppress(OSError):  # not empty: it was not made in vain
            for folder in self._made:
                folder.rmdir()


def replace_text(path: Path, text: str) -> None:
    """Write a file again, so that a reader finds the old text or the new one.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     replace_text(path, "one")
    ...     replace_text(path, "two")
    ...     path.read_text(), len(list(path.parent.iterdir()))
    ('two', 1)
    """
    unfinished = path.with_name(f".unfinished-{path.name}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
