"""What a terminal shows while it waits, and that nothing else ever gets any of it."""

from __future__ import annotations

import io
import re
import sys
import threading
import time

import pytest
from rich.live import Live

from experiments import cli
from experiments.output import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _wait_for(terminal: _Terminal, text: str) -> None:
    until = time.monotonic() + 30
    while text not in terminal.getvalue():
        assert time.monotonic() < until, terminal.getvalue()
        time.sleep(0.01)


def _on_terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    found = _Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setattr(progress, "DELAY_S", 0.02)
    monkeypatch.setenv("TERM", "xterm")
    return found


def test_a_spinner_says_what_is_waited_for_and_hides_for_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _on_terminal(monkeypatch)
    with progress.waiting("loading"):
        _wait_for(terminal, "loading")
        progress.tell("compiling")
        _wait_for(terminal, "compiling")
        print("a result")
        assert "\x1b[?25h" in terminal.getvalue()
        progress.tell("drawing")
        _wait_for(terminal, "drawing")  # it is back
        print("said", file=sys.stderr)
    assert capsys.readouterr().out == "a result\n"
    text = terminal.getvalue()
    assert "said\n" in text
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l")  # the cursor is there again
    assert sys.stderr is terminal


def test_a_bar_has_the_terminal_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _on_terminal(monkeypatch)
    with progress.waiting("loading"):
        with progress.bars(quiet=False) as show:
            assert show is not None
            before = terminal.getvalue().count("loading")
            _wait_for(terminal, "preparing")
            time.sleep(0.2)
            assert terminal.getvalue().count("loading") == before
            progress.tell("compiling")
            _wait_for(terminal, "compiling")
            show("layers", 1, 2)
            _wait_for(terminal, "layers")
        progress.tell("drawing")
        _wait_for(terminal, "drawing")


def test_what_is_drawn_does_not_grow_with_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, drawn = _on_terminal(monkeypatch), list[None]()
    monkeypatch.setenv("LINES", "30")
    refresh = Live.refresh
    monkeypatch.setattr(Live, "refresh", lambda live: (drawn.append(None), refresh(live)))
    with progress.bars(quiet=False) as show:
        assert show is not None
        show("unfinished", 1, 2)
        for number in range(300):
            show(f"layer {number:03}", 1, 1)
    last = terminal.getvalue().rpartition("unfinished")[2]
    assert re.findall(r"layer (\d+)", last) == [
        str(n) for n in range(301 - progress.MOST_BARS, 300)
    ]
    assert len(drawn) < 100  # by time, not one for each


def test_bars_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _on_terminal(monkeypatch)
    monkeypatch.setenv("LINES", "4")
    with progress.bars(quiet=False) as show:
        assert show is not None
        for number in range(5):
            show(f"layer {number}", 1, 2)  # none is complete: the oldest go
        show("layer 3", 2, 2)
        show("layer 5", 1, 2)
    shown = re.findall(r"layer (\d)", terminal.getvalue())
    assert shown[-3:] == ["2", "4", "5"]


def test_lines_do_not_start_a_thread_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _on_terminal(monkeypatch)
    monkeypatch.setattr(progress, "DELAY_S", 60.0)
    started, timer = list[None](), threading.Timer
    monkeypatch.setattr(threading, "Timer", lambda *given: (started.append(None), timer(*given))[1])
    with progress.waiting("loading"):
        for number in range(1000):
            print(number)
    assert len(capsys.readouterr().out.split()) == 1000
    assert len(started) == 1


def test_a_command_shows_it_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _on_terminal(monkeypatch)

    def run(_: object) -> int:
        time.sleep(0.3)
        print("{}")
        return 0

    monkeypatch.setattr("experiments.commands.primitives.run", run)
    assert cli.main(["primitives", "--json"]) == 0
    assert capsys.readouterr().out == "{}\n"
    assert "working" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", piped := io.StringIO())
    assert cli.main(["primitives", "--json"]) == 0
    assert piped.getvalue() == ""


def test_an_error_comes_after_the_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _on_terminal(monkeypatch)

    def run(_: object) -> int:
        _wait_for(terminal, "working")
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.commands.primitives.run", run)
    assert cli.main(["primitives"]) == 130
    assert terminal.getvalue().endswith("pimsim: error: interrupted\n")
