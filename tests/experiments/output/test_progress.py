"""What a terminal shows while it waits, and that nothing else ever gets any of it."""

from __future__ import annotations

import io
import sys
import time

import pytest

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
