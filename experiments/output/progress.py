"""Progress on a terminal: a spinner, or bars. Without a terminal, nothing is shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from experiments.output.escaping import visible

Show = Callable[[str, int, int], None]
"""Called with the name of a task, how much of it is done, and how much there is."""

DELAY_S = 0.5
"""A spinner appears after this time without output."""


class _Spinner:
    """A spinner on a terminal; it hides while other text is written, and then comes back."""

    def __init__(self, text: str, stream: TextIO) -> None:
        self.text = text
        self._stream = stream
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._live: Any = None
        self._pauses = 0

    def arm(self) -> None:
        """Appear in a while."""
        with self._lock:
            if self._pauses or self._timer is not None:
                return
            self._timer = threading.Timer(DELAY_S, self._appear)
            self._timer.daemon = True
            self._timer.start()

    def _appear(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._timer is not None:
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
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
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

    A spinner is shown before the first bar.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), Remaining())
    with (
        paused(),
        Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown,
    ):
        tasks: dict[str, Any] = {"": shown.add_task("preparing", total=None)}

        def show(name: str, done: int, total: int) -> None:
            with suppress(KeyError):
                shown.remove_task(tasks.pop(""))
            if name not in tasks:
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
