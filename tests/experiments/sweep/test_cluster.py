"""Sweeps on a real Dask cluster: a scheduler and two worker processes of this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments import cli
from pimsim.errors import InputError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="distributed is not installed"
)

ROOT = Path(__file__).parents[3]
Trials = dict[tuple[str, int], str]
Kept = Callable[[Path], Trials]
Start = Callable[..., "subprocess.Popen[str]"]

SPEC = """\
name = "cluster"
measure = "tra-failure"
[fixed]
samples = 300_000
[axes]
variation_percent = [10, 15, 20]
[stop]
trials = 24
least_trials = 4
width = 0.2
"""


@dataclass
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, eventually: Callable[..., None]
) -> Iterator[Cluster]:
    """One for all tests, which leave it a worker fewer, and the last no scheduler."""
    folder = tmp_path_factory.mktemp("cluster")
    contact = folder / "scheduler.json"

    def launch(kind: str, *argv: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable, "-m", f"distributed.cli.dask_{kind}", *argv,
                "--scheduler-file", str(contact), "--no-dashboard",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )  # fmt: skip

    scheduler = launch("scheduler", "--host", "127.0.0.1", "--port", "0")
    workers: list[subprocess.Popen[bytes]] = []
    try:
        eventually(lambda: contact.exists() and contact.read_text())
        address = json.loads(contact.read_text())["address"]
        workers += [
            launch("worker", "--nthreads", "1", "--no-nanny", "--name", f"w{number}")
            for number in range(2)
        ]
        _wait_for("there", address)
        yield Cluster(address, scheduler, workers)
    finally:
        Cluster("", scheduler, workers).stop()


ASK = """\
import sys, time
import distributed
with distributed.Client(sys.argv[1], timeout=120) as client:
    client.wait_for_workers(2, timeout=120)
    workers = client.scheduler_info()["workers"]
    (address,) = (one for one, about in workers.items() if about["name"] == "w0")
    end = time.monotonic() + 60
    while sys.argv[2] == "busy" and not client.processing()[address]:
        assert time.monotonic() < end, "it never had a task"
        time.sleep(0.01)
"""


def _wait_for(what: str, address: str) -> None:
    """Wait until both workers are ``there``, or w0 is ``busy``.

    In a process of its own: what a client leaves behind is no concern of the tests.
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", ASK, address, what], check=True)


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.toml"
    path.write_text(SPEC, "utf-8")
    return path


@pytest.mark.slow
def test_workers_without_pimsim_are_one_line(cluster: Cluster) -> None:
    """As far as a worker can tell: it is asked for a module that it does not have."""
    from experiments.sweep.workers.cluster import DaskPool

    def work(task: int) -> int:
        return task

    work.__module__ = "experiments.sweep.of_the_future"
    with (
        pytest.raises(InputError, match=r"must have pimsim; tcp.*: No module named"),
        DaskPool(work, cluster.address, print),
    ):
        pass


@pytest.mark.slow
def test_a_cluster_gives_the_same_store_with_a_worker_killed_midway(
    cluster: Cluster,
    spec_file: Path,
    tmp_path: Path,
    start: Start,
    kept: Kept,
    eventually: Callable[..., None],
) -> None:
    """The worker is stopped with trials in hand first: the sweep cannot end before it is killed."""
    here = [str(spec_file), "--out", str(tmp_path / "here"), "--workers", "2"]
    assert cli.main(["sweep", *here]) == 0

    store = tmp_path / "there" / "sweep.sqlite"
    there = start(spec_file, "--out", tmp_path / "there", "--cluster", cluster.address)
    eventually(lambda: kept(store) or there.poll() is not None)
    victim = cluster.workers[0]
    os.kill(victim.pid, signal.SIGSTOP)
    _wait_for("busy", cluster.address)
    assert there.poll() is None
    os.kill(victim.pid, signal.SIGKILL)
    _, err = there.communicate()
    assert (there.returncode, err) == (0, "")
    assert kept(store) == kept(tmp_path / "here" / "sweep.sqlite")
    for name in ("results.csv", "results.json"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


@pytest.mark.slow
def test_a_cluster_that_goes_away_is_one_line(
    cluster: Cluster,
    spec_file: Path,
    tmp_path: Path,
    start: Start,
    kept: Kept,
    eventually: Callable[..., None],
) -> None:
    store = tmp_path / "out" / "sweep.sqlite"
    process = start(spec_file, "--out", tmp_path / "out", "--cluster", cluster.address)
    eventually(lambda: kept(store) or process.poll() is not None)
    for worker in cluster.workers:
        os.kill(worker.pid, signal.SIGSTOP)  # so that it cannot end before
    cluster.scheduler.kill()
    out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    assert err == (
        f"pimsim: error: the cluster at {cluster.address} does not answer any more; what came "
        "back is kept, and the same command goes on from there\n"
    )
    assert kept(store)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://127.0.0.1:9", "nobody answered within 5 s"),
        ("local", "missing port number"),
        ("abc://127.0.0.1:9", "unknown address scheme 'abc'"),
    ],
)
@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line(
    address: str, why: str, spec_file: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    started = time.monotonic()
    said = refused(spec_file, "--out", tmp_path / "out", "--cluster", address)
    assert said.startswith("`--cluster` must be the address of a running Dask scheduler, such as")
    assert f"not {address!r}: {why}" in said
    assert not (tmp_path / "out").exists()
    assert time.monotonic() - started < 60


def test_without_the_extra_it_says_what_to_install(
    spec_file: Path, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = refused(spec_file, "--out", tmp_path / "out", "--cluster", "tcp://127.0.0.1:9")
    assert said == "`--cluster` needs the extra cluster: pip install 'pimsim[cluster]'"
