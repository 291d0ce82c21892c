"""Writing one trace: its files, which appear when they are complete, its limit, and remarks.

>>> from pimsim.dram.standard.standard import load
>>> Trace("perfeto", Path("x"), load("ddr3-1600-8-8-8"), ModelOptions())
Traceback (most recent call last):
...
pimsim.errors.InputError: unknown trace format 'perfeto'; did you mean `perfetto`?
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pimsim.documents import nearest
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.commandtrace import (
    CommandTrace,
    Dialect,
    DRAMPower,
    DRAMsim3,
    DRAMsim3Requests,
    Ramulator,
    RamulatorRequests,
)
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.perfetto import Perfetto
from pimsim.errors import DramError, InputError, require_positive

DEFAULT_LIMIT = 1_000_000
"""Commands that a trace holds unless told otherwise."""


FORMATS: Mapping[str, type[Dialect | Perfetto]] = {
    "perfetto": Perfetto,
    "drampower": DRAMPower,
    "ramulator": Ramulator,
    "ramulator-rw": RamulatorRequests,
    "dramsim3": DRAMsim3,
    "dramsim3-rw": DRAMsim3Requests,
}
"""What writes each format; a new one is one class and one entry."""


class Trace:
    """Commands on their way to a file, which appears when the ``with`` block ends well.

    After ``limit`` commands the rest is counted and dropped. A dialect holds one channel a file:
    there is a file for each channel that has commands, ``.chN`` after the name, if the standard
    has several. Raises :class:`~pimsim.errors.InputError` for an unknown format or a limit that is
    not positive, on entering if the file cannot be written, and from any method when the disk is
    full.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        standard: Standard,
        options: ModelOptions,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        if name not in FORMATS:
            raise InputError(f"unknown trace format {name!r}{nearest(name, tuple(FORMATS))}")
        require_positive(limit=limit)
        self._form, self._standard, self._options, self._limit = (
            FORMATS[name], standard, options, limit,
        )  # fmt: skip
        self.path = path
        self.remarks: list[str] = []
        """What to tell the user, a line each; complete after the ``with`` block."""
        self._several = issubclass(self._form, Dialect) and standard.channels > 1
        self._banks = standard.all_banks
        self._banks_per_channel = standard.ranks * standard.banks
        self._files: dict[int, tuple[OutFile, CommandTrace | Perfetto]] = {}
        self._last_ps: dict[int, int] = {}
        self._finished = False
        self.commands = 0
        """Commands that there were, those beyond the limit included."""

    @property
    def full(self) -> bool:
        """Whether the limit is reached: what comes now is only counted."""
        return self.commands >= self._limit

    def __enter__(self) -> Trace:
        self._open(0)
        return self

    def add(self, event: Event) -> None:
        """Write one command; those of a channel come in order of time, REFs excepted.

        Raises :class:`~pimsim.errors.DramError` for one out of order or of a bank that is not
        there.
        """
        self.commands += 1
        if self.commands > self._limit:
            self._finish()
            return
        if not 0 <= event.bank < self._banks:
            raise DramError(f"trace: bank must be 0 to {self._banks - 1}, not {event.bank}")
        channel = event.bank // self._banks_per_channel
        if event.kind is not Kind.REF:
            last_ps = self._last_ps.get(channel, 0)
            if event.at_ps < last_ps:
                raise DramError(
                    "trace: commands of a channel must come in order of time, not "
                    f"{event.kind.name} at {event.at_ps} ps after one at {last_ps} ps"
                )
            self._last_ps[channel] = event.at_ps
        file = channel if self._several else 0
        if file not in self._files:
            self._open(file)
        self._files[file][1].add(event)

    def skip(self, commands: int) -> None:
        """Count commands that are not handed over because the trace is full."""
        self.commands += commands

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
                for file, _ in self._files.values():
                    file.commit()
        finally:
            for file, _ in self._files.values():
                file.discard()
        if kind is None and self.commands > self._limit:
            self.remarks.insert(
                0,
                f"trace {str(self.path)!r} stopped after {self._limit:,} of "
                f"{self.commands:,} commands",
            )

    def _open(self, channel: int) -> None:
        path = self.path
        if self._several:
            packed = ".gz" if path.suffix == ".gz" else ""
            path = path.with_name(f"{path.name.removesuffix(packed)}.ch{channel}{packed}")
        file = OutFile(path)
        try:
            made = (file.write, self._standard, self._options)
            writer = (
                CommandTrace(self._form, *made)
                if issubclass(self._form, Dialect)
                else self._form(*made)
            )
        except BaseException:
            file.discard()
            raise
        self._files[channel] = file, writer

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        for file, writer in self._files.values():
            found = [f"trace {str(file.path)!r}: {remark}" for remark in writer.finish()]
            self.remarks.extend(found)
            file.close()


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
        self._layers = ExitStack()
        try:
            with self._refusing():
                self._text = self._open()
        except InputError:
            self.discard()
            raise

    def _open(self) -> IO[str]:
        enter = self._layers.enter_context
        binary: Any = enter(
            open(self._staging / self._target.name, "wb", buffering=_BUFFER_BYTES)  # noqa: SIM115
        )
        if self._target.suffix == ".gz":
            binary = enter(gzip.GzipFile("", "wb", compresslevel=6, fileobj=binary, mtime=0))
        return enter(io.TextIOWrapper(binary, encoding="ascii", newline="\n"))

    def write(self, text: str) -> None:
        """Append ``text``."""
        try:  # without _refusing, which would take longer than the line
            self._text.write(text)
        except OSError as error:
            raise self._refusal(error.strerror) from error

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
