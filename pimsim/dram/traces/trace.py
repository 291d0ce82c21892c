"""Writing one trace: its files, its limit, and what to tell the user.

>>> from pimsim.dram.standard.standard import load
>>> open_trace("perfeto", Path("x"), load("ddr3-1600-8-8-8"), ModelOptions())
Traceback (most recent call last):
...
pimsim.errors.InputError: unknown trace format 'perfeto'; did you mean `perfetto`?
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from pimsim.documents import nearest
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.formats import FORMATS, Format, Writer
from pimsim.dram.traces.outfile import OutFile
from pimsim.errors import DramError, InputError, require_positive

DEFAULT_LIMIT = 1_000_000
"""Commands that a trace holds unless told otherwise."""


def open_trace(
    name: str,
    path: Path,
    standard: Standard,
    options: ModelOptions,
    limit: int = DEFAULT_LIMIT,
) -> Trace:
    """Return a trace, to be entered with ``with``.

    Raises :class:`~pimsim.errors.InputError` for an unknown format or a limit that is not
    positive.
    """
    if name not in FORMATS:
        raise InputError(f"unknown trace format {name!r}{nearest(name, tuple(FORMATS))}")
    require_positive(limit=limit)
    return Trace(FORMATS[name], path, standard, options, limit)


class Trace:
    """Commands on their way to a file, which appears when the ``with`` block ends well.

    After ``limit`` commands the rest is counted and dropped. A format that holds one channel a
    file gets a file for each channel that has commands, ``.chN`` after the name, if the standard
    has several. Raises :class:`~pimsim.errors.InputError` on entering if the file cannot be
    written, and from any method when the disk is full.
    """

    def __init__(
        self, form: Format, path: Path, standard: Standard, options: ModelOptions, limit: int
    ) -> None:
        self.path = path
        self.remarks: list[str] = []
        """What to tell the user, a line each; complete after the ``with`` block."""
        self._form, self._standard, self._options, self._limit = form, standard, options, limit
        self._several = form.one_channel and standard.channels > 1
        self._banks = standard.all_banks
        self._banks_per_channel = standard.ranks * standard.banks
        self._files: dict[int, tuple[OutFile, Writer]] = {}
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
            writer = self._form.make(file.write, self._standard, self._options)
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
