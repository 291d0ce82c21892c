"""Progress on a terminal: a spinner, or bars. Without a terminal, nothing is shown."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from experiments.output.escaping import visible

Show = Callable[[str, int, int], None]
"""Called with the name of a task, how much of it is done, and how much there is."""

DELAY_S = 0.5
"""A spinner appears after this time without output."""
MOST_BARS = 10
"""Bars that are shown at once: what is drawn must not grow with the tasks of a command."""


class _Spinner:
    """A spinner on a terminal; it hides while other text is written, and then comes back."""

    def __init__(self, text: str, stream: TextIO) -> None:
        self.text = text
        self._stream = stream
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._due_s: float | None = None  # when to appear, by time.monotonic
        self._live: Any = None
        self._pauses = 0

    def arm(self) -> None:
        """Appear in a while."""
        with self._lock:
            if self._pauses or self._due_s is not None:
                return
            self._due_s = time.monotonic() + DELAY_S
            if self._timer is None:  # else that one waits on: lines must not start a thread each
                self._wait(DELAY_S)

    def _wait(self, time_s: float) -> None:
        self._timer = threading.Timer(time_s, self._appear)
        self._timer.daemon = True
        self._timer.start()

    def _appear(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            self._timer = None
            left_s = None if self._due_s is None else self._due_s - time.monotonic()
            if left_s is not None and left_s > 0:
                self._wait(left_s)
            elif left_s is not None:
                self._live = Live(
                    self._turning(),
                    console=Console(file=self._stream),
                    refresh_per_second=12.5,
                    transient=True,
                    redirect_stdout=False,  # it would send what is printed to this stream
                    redirect_stderr=False,
                )
                self._live.start()

    def _turning(self) -> Any:
        from rich.spinner import Spinner

        return Spinner("dots", self.text)

    def tell(self, text: str) -> None:
        """Set the text beside the spinner."""
        with self._lock:
            self.text = text
            if self._live is not None:
                self._live.update(self._turning())

    def hide(self) -> None:
        """Disappear, and do not come back before :meth:`arm`."""
        with self._lock:
            self._due_s = None
            if self._live is not None:
                self._live.stop()
                self._live = None

    def pause(self, by: int) -> None:
        """Add ``by`` to the number of pauses; the spinner is shown only when there is none."""
        with self._lock:
            self._pauses += by
            self.hide()
            self.arm()


class _Output:
    """A stream before which the spinner steps back."""

    def __init__(self, stream: TextIO, spinner: _Spinner) -> None:
        self._stream, self._spinner = stream, spinner

    def write(self, text: str) -> int:
        self._spinner.hide()
        written = self._stream.write(text)
        if text.endswith("\n"):
            self._spinner.arm()
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_spinners: list[_Spinner] = []
"""The spinner of the running command, if there is one."""
_names: list[Callable[[str], None]] = []
"""Set the text of the spinner before the first bar."""


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a spinner on stderr, if that is a terminal, while nothing else is shown there."""
    streams = sys.stdout, sys.stderr
    if not sys.stderr.isatty():
        yield
        return
    spinner = _Spinner(text, sys.stderr)
    _spinners.append(spinner)
    sys.stdout, sys.stderr = (_Output(one, spinner) for one in streams)
    spinner.arm()
    try:
        yield
    finally:
        _spinners.remove(spinner)
        spinner.pause(1)
        sys.stdout, sys.stderr = streams


def tell(text: str) -> None:
    """Say beside the spinner, or before the first bar, what is being waited for."""
    for spinner in _spinners:
        spinner.tell(text)
    for name in _names:
        name(text)


@contextmanager
def paused() -> Iterator[None]:
    """Hide the spinner while something else moves on the terminal."""
    for spinner in _spinners:
        spinner.pause(1)
    try:
        yield
    finally:
        for spinner in _spinners:
            spinner.pause(-1)


@contextmanager
def bars(*, quiet: bool) -> Iterator[Show | None]:
    """Yield a function that shows a bar for each name on stderr; None if there is no terminal.

    A spinner is shown before the first bar. Beyond :data:`MOST_BARS`, or what the terminal has room
    for, a new bar takes the place of one that is complete, or else of the oldest.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    class Bars(Progress):
        def refresh(self) -> None:
            """Leave drawing to the thread that does so several times a second."""

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), Remaining())
    with (
        paused(),
        Bars(*columns, console=console, transient=True, redirect_stdout=False) as shown,
    ):
        tasks: dict[str, Any] = {"": shown.add_task("preparing", total=None)}
        most = max(1, min(MOST_BARS, console.height - 1))

        def show(name: str, done: int, total: int) -> None:
            with suppress(KeyError):
                shown.remove_task(tasks.pop(""))
            if name not in tasks:
                while len(tasks) >= most:
                    held = {each.id: each.finished for each in shown.tasks}
                    complete = (each for each in tasks if held[tasks[each]])
                    shown.remove_task(tasks.pop(next(complete, next(iter(tasks)))))
                tasks[name] = shown.add_task(visible(name), total=total)
            shown.update(tasks[name], completed=done, total=total)

        def name_anew(text: str) -> None:
            if "" in tasks:
                shown.update(tasks[""], description=text)

        _names.append(name_anew)
        try:
            yield show
        finally:
            _names.remove(name_anew)
