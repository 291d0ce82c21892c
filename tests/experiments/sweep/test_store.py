"""The store: what is no store stays as it is, and what goes wrong leaves one intact."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import cli
from experiments.sweep.session import locked
from experiments.sweep.workers.store import VERSION, Owner, Store, StoreError
from pimsim.errors import InputError

pytestmark = pytest.mark.usefixtures("undrawn")

OWNER = Owner("demo", "tra-failure", 1)
COUNTS = {"failed": 1, "samples": 10}


def _filled(path: Path, trials: int = 3) -> Path:
    with Store.open(path, OWNER) as store:
        for trial in range(trials):
            store.add("a", {"x": 1}, trial, COUNTS, 0.5)
    return path


def test_a_trial_is_kept_once(tmp_path: Path) -> None:
    path = _filled(tmp_path / "sweep.sqlite")
    with Store.open(path, OWNER) as store:
        store.add("a", {"x": 1}, 1, {"failed": 9, "samples": 10}, 0.5)
        assert store.trials("a") == dict.fromkeys(range(3), COUNTS)
        assert store.trials("b") == {}


def test_an_empty_file_is_a_store_that_was_never_finished(tmp_path: Path) -> None:
    path = tmp_path / "sweep.sqlite"
    path.touch()
    _filled(path)


def _text(path: Path) -> None:
    path.write_text("not a database at all, but long enough to have a header. " * 3)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()


def _other_version(path: Path) -> None:
    _filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()


def _other_spec(path: Path) -> None:
    with Store.open(path, Owner("another", "tra-failure", 1)):
        pass


def _other_seed(path: Path) -> None:
    with Store.open(path, Owner("demo", "tra-failure", 2)):
        pass


def _other_measure(path: Path) -> None:
    with Store.open(path, Owner("demo", "accuracy", 1)):
        pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_text, "must be the store of a sweep, and is some other file"),
        (_foreign, "must be the store of a sweep, and is some other file"),
        (_other_version, f"must be a store of version {VERSION}, as this pimsim keeps them, not 3"),
        (_other_spec, "must be of a sweep with `name` 'demo', not 'another': give another --out"),
        (_other_seed, "must be of a sweep with `seed` 1, not 2"),
        (_other_measure, "must be of a sweep with `measure` 'tra-failure', not 'accuracy'"),
    ],
)
@pytest.mark.parametrize("option", ["--workers=1", "--draw"])
def test_what_is_not_its_store_is_refused_and_left_as_it_is(
    make: Callable[[Path], None],
    message: str,
    option: str,
    tmp_path: Path,
    spec_file: Path,
    refused: Callable[..., str],
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "sweep.sqlite"
    make(path)
    before = path.read_bytes()
    assert message in refused(spec_file, "--out", folder, option)
    assert path.read_bytes() == before
    assert set(os.listdir(folder)) <= {"sweep.sqlite", "sweep.lock"}


def test_a_store_that_is_not_there_cannot_be_drawn(
    tmp_path: Path, spec_file: Path, refused: Callable[..., str]
) -> None:
    assert "must be the store of a sweep, and is not there" in refused(
        spec_file, "--out", tmp_path / "none", "--draw"
    )
    assert not (tmp_path / "none").exists()


def test_a_damaged_store_is_one_line(
    tmp_path: Path, spec_file: Path, refused: Callable[..., str]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = _filled(folder / "sweep.sqlite", trials=200)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    assert "cannot be used: " in refused(spec_file, "--out", folder, "--workers", "1")


def _fill(store: Store, trials: int) -> None:
    for trial in range(trials):
        store.add("full", {"x": 1}, trial, COUNTS, 0.5)


def test_a_full_disk_keeps_what_came_before(tmp_path: Path) -> None:
    """SQLite's own limit of pages gives the very error of a full disk."""
    path = _filled(tmp_path / "sweep.sqlite")
    with Store.open(path, OWNER) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall()
        with pytest.raises(StoreError, match=r"database or disk is full; the trials that it ho"):
            _fill(store, 10_000)
        kept = store.trials("full")
    assert list(kept) == list(range(len(kept)))
    with Store.open(path, OWNER) as store:
        assert len(store.trials("a")) == 3
        assert store.trials("full") == kept
        store.add("full", {"x": 1}, len(kept), COUNTS, 0.5)  # there is room again


LIMITED = """\
import resource, signal, sys
from experiments import cli
from experiments.sweep.workers import runner
runner.GROUP_S = 0.0
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_a_system_that_refuses_to_write_is_one_line(
    tmp_path: Path,
    spec_file: Path,
    kept: Callable[[Path], dict[tuple[str, int], str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Files of this process may not grow beyond a size: the operating system itself says no.

    Each trial is written by itself, so that some are there by then.
    """
    folder = tmp_path / "out"
    argv = ["sweep", str(spec_file), "--out", str(folder), "--workers", "1"]

    def run(size: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", LIMITED, str(size), *argv],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[3],
            # Or Python would keep compiled modules that end at the limit, for others to stumble on.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    some = run(35_000)
    assert some.returncode == 2, some.stderr
    assert some.stderr.count("\n") == 1
    assert "cannot be used: " in some.stderr
    there = kept(folder / "sweep.sqlite")
    assert 0 < len(there) < 12
    assert cli.main(argv) == 0  # which goes on, without a limit
    assert capsys.readouterr().err == ""
    assert there.items() <= kept(folder / "sweep.sqlite").items()
    assert len(kept(folder / "sweep.sqlite")) == 12


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, spec_file: Path, refused: Callable[..., str]
) -> None:
    """As anybody: a folder under a file. (Permissions do not stop the superuser.)"""
    (tmp_path / "file").touch()
    assert "must be a folder that can be written" in refused(
        spec_file, "--out", tmp_path / "file" / "out"
    )
    if os.geteuid():
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        assert "must be a folder that can be written" in refused(spec_file, "--out", closed)


def test_a_store_that_is_read_only_is_one_line(tmp_path: Path) -> None:
    path = _filled(tmp_path / "sweep.sqlite")
    with Store.open(path, OWNER) as store:
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="readonly"):
            store.add("a", {}, 7, COUNTS, 0.5)
        assert 7 not in store.trials("a")


def test_one_sweep_at_a_time(tmp_path: Path, spec_file: Path, refused: Callable[..., str]) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with locked(folder / "sweep.lock"):
        said = refused(spec_file, "--out", folder, "--workers", "1")
        assert said == f"{str(folder)!r} must not be in use by another running sweep"
        assert not (folder / "sweep.sqlite").exists()
    with locked(folder / "sweep.lock"):
        pass


HOLDER = """\
import sys, time
from pathlib import Path
from experiments.sweep.session import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "sweep.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another running sweep"), locked(path):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with locked(path):
        pass
