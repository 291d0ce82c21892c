"""Sweeps that are killed at any moment go on, and end with the store of one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

Trials = dict[tuple[str, int], str]
Kept = Callable[[Path], Trials]
Start = Callable[..., "subprocess.Popen[str]"]
Running = tuple["subprocess.Popen[str]", Path]

SPEC = """\
name = "killed"
measure = "tra-failure"
[fixed]
samples = 200_000
[axes]
variation_percent = [5, 10, 15, 20]
cb_cs_ratio = [3, 5]
[stop]
trials = 16
least_trials = 2
width = 0.1
"""


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "killed.toml"
    path.write_text(SPEC, "utf-8")
    return path


@pytest.fixture(scope="module")
def whole(
    spec_file: Path, tmp_path_factory: pytest.TempPathFactory, start: Start, kept: Kept
) -> Trials:
    """The store of a sweep that nothing has happened to, with a single worker."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(spec_file, "--out", folder, "--workers", "1")
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    trials = kept(folder / "sweep.sqlite")
    numbers = {point: max(t for p, t in trials if p == point) + 1 for point, _ in trials}
    assert len(set(numbers.values())) > 2  # some points had enough early
    return trials


@pytest.fixture
def running(
    spec_file: Path, tmp_path: Path, start: Start, kept: Kept, eventually: Callable[..., None]
) -> Running:
    """A sweep of two workers, which has trials already, and its store."""
    process, store = (
        start(spec_file, "--out", tmp_path, "--workers", "2"),
        tmp_path / "sweep.sqlite",
    )
    eventually(lambda: kept(store))
    return process, store


@pytest.mark.slow
@pytest.mark.parametrize("group", [True, False], ids=["whole group", "parent alone"])
def test_killed_again_and_again_the_store_is_the_same(
    group: bool,
    spec_file: Path,
    whole: Trials,
    tmp_path: Path,
    start: Start,
    kept: Kept,
    eventually: Callable[..., None],
) -> None:
    """The first kills come in its midst: a worker is stopped, so that it cannot end before.

    The later ones come after a random time, at whatever it does then.
    """
    rng, store = random.Random(int(group)), tmp_path / "sweep.sqlite"
    seen: list[Trials] = [{}]
    for number in range(3):
        process = start(spec_file, "--out", tmp_path, "--workers", "2")
        held: list[int] = []
        if number < 2:
            eventually(lambda: _workers(process.pid))  # noqa: B023
            held = _workers(process.pid)[:1]
            os.kill(held[0], signal.SIGSTOP)
            more = len(kept(store)) + rng.randint(1, 8)
            eventually(lambda: len(kept(store)) >= more)  # noqa: B023
        else:
            time.sleep(rng.uniform(0.1, 1.2))
        with suppress(ProcessLookupError):  # a fast machine may be done already
            (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
        for worker in held:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
        process.communicate()
        seen.append(kept(store))
    assert 0 < len(seen[1]) < len(seen[2]) < len(whole)
    for before, after in pairwise(seen):
        assert before.items() <= after.items()  # nothing lost
    process = start(spec_file, "--out", tmp_path, "--workers", "2")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert f"written to {tmp_path}" in out
    assert kept(store) == whole  # nothing twice, nothing else
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["name"] == "killed"


@pytest.mark.slow
def test_a_worker_that_is_killed_midway_changes_nothing(
    running: Running, whole: Trials, kept: Kept, eventually: Callable[..., None]
) -> None:
    """It is stopped with a trial in hand first: the sweep cannot end before it is killed."""
    process, store = running
    victim = _workers(process.pid)[0]
    os.kill(victim, signal.SIGSTOP)
    seen = len(kept(store))
    eventually(lambda: len(kept(store)) >= seen + 3)
    assert process.poll() is None
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert kept(store) == whole


def test_an_interrupt_says_how_to_go_on(
    running: Running, spec_file: Path, whole: Trials, tmp_path: Path, kept: Kept
) -> None:
    """Ctrl-C reaches the whole group, as a terminal sends it."""
    process, store = running
    for worker in _workers(process.pid):  # so that it cannot end before
        os.kill(worker, signal.SIGSTOP)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    there = kept(store)
    assert process.returncode == 130
    assert out == ""
    assert err == (
        f"pimsim: interrupted: {len(there)} trials are kept; pimsim sweep {spec_file} "
        f"--out {tmp_path} goes on from there\n"
    )
    assert 0 < len(there) < len(whole)
    assert there.items() <= whole.items()
    assert not (tmp_path / "results.csv").exists()


def _workers(parent: int) -> list[int]:
    """The worker processes of a sweep: its children that are not multiprocessing's own helper."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(status[1]) == parent and b"spawn_main" in command:
            found.append(int(folder.name))
    return sorted(found)
