"""What the tests of ``pimsim run`` share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from experiments import cli
from experiments.options import subcommands
from tests.browser_fixtures import _browser, browser_page

__all__ = ["_browser", "browser_page"]

Report = dict[str, Any]


def _no_constant(name: str) -> NoReturn:
    raise AssertionError(f"JSON has no {name}")


@pytest.fixture(autouse=True)
def _as_wide_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables do not depend on the terminal that tests are run in."""
    monkeypatch.setenv("COLUMNS", "120")


def _runs(commands: Sequence[subcommands.Command]) -> Iterator[Any]:
    """What each command calls, those of groups among them."""
    for command in commands:
        yield command.run
        yield from _runs(getattr(command, "commands", ()))


@pytest.fixture(scope="session", autouse=True)
def _one_parser() -> Iterator[None]:
    """A parser of all commands is made once: it keeps nothing of what it has parsed."""
    make, known = cli.build_parser, dict[tuple[Any, ...], argparse.ArgumentParser]()

    def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
        del words
        calls = tuple(_runs(cli.COMMANDS))  # which a test may replace
        if calls not in known:
            known[calls] = make()
        return known[calls]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "build_parser", build_parser)
        yield


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Report]:
    """Read a report, strictly: NaN and infinity are no JSON."""

    def parsed(text: str) -> Report:
        loaded: Report = json.loads(text, parse_constant=_no_constant)
        return loaded

    return parsed


@pytest.fixture
def pimsim(
    capsys: pytest.CaptureFixture[str], parse: Callable[[str], Report]
) -> Callable[..., Report]:
    """Run ``pimsim run ... --json``; the report, which is all that was printed."""

    def run(*argv: str | Path) -> Report:
        assert cli.main(["run", *map(str, argv), "--json"]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return parse(printed.out)

    return run


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no figures, which would take longer than small networks do."""
    from experiments.figures import run as figures

    monkeypatch.setattr(figures, "draw", lambda report, folder: ())


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run ``pimsim run ...``, which must refuse with one line; the line, without its end."""

    def refused(*argv: str | Path) -> str:
        assert cli.main(["run", *map(str, argv)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert printed.err.endswith("\n")
        return printed.err[:-1]

    return refused
