"""Worker processes: they die and are replaced, they raise, they end with their parent."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.sweep import points
from experiments.sweep.measures import measure
from experiments.sweep.points import content_of, key_of
from experiments.sweep.workers import pool as pool_module
from experiments.sweep.workers.pool import DEATHS, LocalPool, WorkerError
from experiments.sweep.workers.runner import Task, carry_out
from pimsim.errors import InputError


def test_every_task_is_done_once_by_as_many_workers_as_there_are() -> None:
    done = []
    with LocalPool(abs, workers=2) as pool:
        left = list(range(-9, 0))
        while left or pool.room < 2:
            for _ in range(min(len(left), pool.room)):
                pool.submit(left.pop())
            done += pool.finished()
    assert sorted(done) == [(-n, n) for n in range(9, 0, -1)]


def test_a_task_that_kills_its_workers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    worker = pool_module._Worker
    monkeypatch.setattr(
        pool_module, "_Worker", lambda work: (started.append(work), worker(work))[1]
    )
    with LocalPool(signal.raise_signal, workers=1) as pool:
        pool.submit(signal.SIGKILL)
        with pytest.raises(WorkerError, match=rf"died \(signal 9\) {DEATHS} times of the same"):
            pool.finished()
    assert len(started) == DEATHS


def test_what_a_task_raises_reaches_the_parent() -> None:
    with LocalPool(operator.inv, workers=1) as pool:
        pool.submit("text")  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match=r"in a worker process:\n(.|\n)*TypeError: bad op"):
            pool.finished()
    with LocalPool(carry_out, workers=1) as pool:
        pool.submit(
            Task("tra-failure", (("preset", "no"), ("variation_percent", 1.0)), 0, 1, "k", "x")
        )
        with pytest.raises(InputError, match="`preset` must be one of"):
            pool.finished()


def _takes_too_much(task: int) -> int:
    return len(bytearray(task))


def test_a_lack_of_memory_reaches_the_parent_as_that() -> None:
    with LocalPool(_takes_too_much, workers=1) as pool:
        pool.submit(2**62)
        with pytest.raises(MemoryError, match=r"^in a worker process$"):
            pool.finished()


def test_a_trial_that_cannot_be_made_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError("too large")

    loaded = measure.load_measure("cost")
    values = points.complete(loaded, {"network": "lenet5"}, Path())
    key = key_of(content_of(loaded, values, 1))
    monkeypatch.setattr("bnn.run.estimate.of_table", refuse)
    with pytest.raises(InputError) as caught:
        carry_out(Task("cost", tuple(sorted(values.items())), 4, 1, key, "banks 8"))
    assert str(caught.value) == "too large (trial 4 at banks 8)"


def test_a_worker_with_other_files_or_another_pimsim_is_found_out() -> None:
    values = {
        "variation_percent": 10.0, "preset": "rambus55", "process": "ambit-like",
        "inputs": 3, "criterion": "either", "path": "decision", "samples": 10,
    }  # fmt: skip
    with pytest.raises(InputError, match="workers must have the same pimsim and the same files"):
        carry_out(Task("tra-failure", tuple(sorted(values.items())), 0, 1, "not its key", "x"))


def test_a_worker_that_is_killed_is_replaced() -> None:
    """Stopped first, so that it is killed in the middle of its task for certain."""
    with LocalPool(time.sleep, workers=2) as pool:
        pool.submit(0.01)
        (worker,) = pool._busy.values()
        pid = worker.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        pool.submit(0.02)
        assert [task for task, _ in pool.finished()] == [0.02]
        os.kill(pid, signal.SIGKILL)
        assert [task for task, _ in pool.finished()] == [0.01]
        assert not _alive(pid)


def test_leaving_stops_workers_in_the_middle_of_a_task() -> None:
    with LocalPool(time.sleep, workers=2) as pool:
        pool.submit(600.0)
        pool.submit(601.0)
        pids = [worker.process.pid for worker in pool._busy.values()]
    assert not any(_alive(pid) for pid in pids if pid is not None)


PARENT = """\
import time
from experiments.sweep.workers.pool import LocalPool
with LocalPool(time.sleep, workers=2) as pool:
    pool.submit(600.0)
    pool.submit(601.0)
    print(*(worker.process.pid for worker in pool._busy.values()), flush=True)
    pool.finished()
"""


def _blocked(pid: int) -> int:
    """The signals that a process has blocked, as bits."""
    status = Path(f"/proc/{pid}/status").read_text()
    (blocked,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return int(blocked, 16)


def test_workers_heed_the_parent_not_the_terminal(eventually: Callable[..., None]) -> None:
    """They end with a parent that is killed; Ctrl-C is for the parent alone.

    In a process of its own: the first worker of a process is the one that is special.
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(_alive(pid) for pid in pids)
    assert all(_blocked(pid) >> (signal.SIGINT - 1) & 1 for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not any(_alive(pid) for pid in pids))


def _alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
