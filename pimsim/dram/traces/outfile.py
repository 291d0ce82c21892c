"""A text file that appears under its name when it is complete, and not before."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pimsim.errors import InputError

_BUFFER_BYTES = 1 << 18


class OutFile:
    """Text written beside its place, in a hidden folder, and moved there by :meth:`commit`.

    A name that ends in ``.gz`` is compressed; the same text makes the same bytes at any time.
    Raises :class:`~pimsim.errors.InputError` for a place that cannot be written, now or later.
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
        self._layers: list[IO[bytes]] = []
        self._text: io.TextIOWrapper | None = None
        try:
            self._open()
        except OSError as error:
            self.discard()
            raise self._refusal(error.strerror) from error

    def _open(self) -> None:
        raw = open(self._staging / self._target.name, "wb", buffering=_BUFFER_BYTES)  # noqa: SIM115
        self._layers = [raw]
        binary: IO[bytes] = raw
        if self._target.suffix == ".gz":
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
            self._layers.insert(0, packed)  # type: ignore[arg-type]
            binary = packed  # type: ignore[assignment]
        self._text = io.TextIOWrapper(binary, encoding="ascii", newline="\n")

    def write(self, text: str) -> None:
        """Append ``text``."""
        assert self._text is not None
        try:  # without _refusing, which would take longer than the line
            self._text.write(text)
        except OSError as error:
            raise self._refusal(error.strerror) from error

    def close(self) -> None:
        """Finish the text; nothing can be written any more."""
        text, self._text = self._text, None
        with self._refusing():
            if text is not None:
                text.close()
            for layer in self._layers:
                layer.close()

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
        for layer in self._layers:  # a full disk lets no buffer be flushed: drop it
            with suppress(OSError):
                layer.close()
        shutil.rmtree(self._staging, ignore_errors=True)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refusal(error.strerror) from error

    def _refusal(self, why: str | None) -> InputError:
        return InputError(f"trace {str(self.path)!r} cannot be written: {why}")
