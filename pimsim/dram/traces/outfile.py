"""A file that appears when it is complete."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from pimsim.errors import InputError

_BUFFER_BYTES = 1 << 18


class OutFile:
    """Text written beside its place, in a hidden folder, and moved there by :meth:`commit`.

    A file whose name ends in ``.gz`` is compressed; the same text always makes the same bytes.
    Raises :class:`~pimsim.errors.InputError` if the place cannot be written, at once or later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve()
        folder = self._target.parent
        if not folder.is_dir():
            raise self._refusal(f"there is no folder {str(folder)!r}")
        if self._target.exists() and not self._target.is_file():
            raise self._refusal("it is not a regular file")
        with self._refusing():
            self._staging = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
        self._layers = ExitStack()
        try:
            with self._refusing():
                self._file = self._open()
        except InputError:
            self.discard()
            raise

    def _open(self) -> IO[bytes]:
        enter = self._layers.enter_context
        binary: Any = enter(
            open(self._staging / self._target.name, "wb", buffering=_BUFFER_BYTES)  # noqa: SIM115
        )
        if self._target.suffix == ".gz":
            binary = enter(gzip.GzipFile("", "wb", compresslevel=6, fileobj=binary, mtime=0))
        opened: IO[bytes] = binary
        return opened

    def write(self, text: bytes | memoryview) -> None:
        """Append ``text``, which is not kept."""
        with self._refusing():
            self._file.write(text)

    def close(self) -> None:
        """Finish the text; nothing can be written any more."""
        with self._refusing():
            self._layers.close()

    def commit(self) -> None:
        """Move the finished file to its place."""
        self.close()
        with self._refusing():
            os.replace(self._staging / self._target.name, self._target)
        self.discard()

    def discard(self) -> None:
        """Leave what was there before."""
        with suppress(InputError):
            self.close()
        shutil.rmtree(self._staging, ignore_errors=True)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refusal(error.strerror) from error

    def _refusal(self, why: str | None) -> InputError:
        return InputError(f"trace {str(self.path)!r} cannot be written: {why}")
