"""What the tests of sweeps share."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments import cli

ROOT = Path(__file__).parents[3]
Trials = dict[tuple[str, int], str]

SPEC = """\
name = "demo"
measure = "tra-failure"
[fixed]
samples = 300
[axes]
variation_percent = [10, 20]
cb_cs_ratio = [3, 5]
[stop]
trials = 3
"""


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """A small specification: four points, three trials each."""
    path = tmp_path / "demo.toml"
    path.write_text(SPEC, "utf-8")
    return path


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps draw no figures, which takes several times as long as a small sweep does."""
    monkeypatch.setattr("experiments.figures.sweep.draw", lambda *_: [])


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave an empty file for each figure: half of the time of tests that are not about them."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Path(path).write_bytes(b""))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of that specification by two workers: for all tests, to be copied."""
    folder, said = tmp_path_factory.mktemp("finished"), io.StringIO()
    (folder / "demo.toml").write_text(SPEC, "utf-8")
    argv = ["sweep", str(folder / "demo.toml"), "--out", str(folder / "out"), "--workers", "2"]
    with contextlib.redirect_stderr(said):
        assert cli.main(argv) == 0
    assert said.getvalue() == ""
    return folder / "out"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run ``pimsim sweep ...``, which must refuse with one line; what it says."""

    def run(*argv: str | Path) -> str:
        assert cli.main(["sweep", *map(str, argv)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert printed.err.startswith("pimsim: error: ")
        return printed.err.removeprefix("pimsim: error: ")[:-1]

    return run


@pytest.fixture(scope="session")
def kept() -> Callable[[Path], Trials]:
    """Read the trials of a store, by point and number; none if it is not there yet."""

    def read(path: Path) -> Trials:
        if not path.exists():
            return {}
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            rows = connection.execute("SELECT point, trial, counts FROM trial").fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return {}  # it is being made at this moment
            raise
        finally:
            connection.close()
        assert len({row[:2] for row in rows}) == len(rows)
        return {(point, trial): counts for point, trial, counts in rows}

    return read


# A shell has what runs in its background, as these tests may, ignore Ctrl-C.
_INTERRUPTIBLE = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from experiments.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``pimsim sweep ...`` as a process, the leader of a group of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(*argv: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _INTERRUPTIBLE, "sweep", *map(str, argv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:  # of a test that failed
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait until something is so; the limit is only there for what never comes."""

    def wait(what: Callable[[], object], *, within_s: float = 120.0) -> None:
        end = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.02)  # to look takes time of the processor, too

    return wait
