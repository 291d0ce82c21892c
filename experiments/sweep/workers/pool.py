"""Worker processes of this machine.

Each worker has its own pipe. If it dies (killed, out of memory), its pipe ends, and its task is
given to another worker. If the parent dies, all workers end at once. Workers can be stopped in the
middle of a trial. (A pool of ``concurrent.futures`` can do neither: it breaks if one worker dies,
and waits for running tasks.)

>>> with LocalPool(abs, workers=1) as pool:
...     pool.submit(-3)
...     pool.finished()
[(-3, 3)]
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, Protocol, Self, TypeVar, cast

from pimsim.errors import PimsimError, lacks_memory
from pimsim.processes import without_main

T = TypeVar("T")
R = TypeVar("R")

DEATHS = 3
"""A task is given up after this many workers have died of it."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class WorkerError(PimsimError):
    """A task that cannot be carried out: workers die of it."""


class Pool(Protocol[T, R]):
    """Carries out tasks, in any order."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *raised: object) -> None:
        """End at once; unfinished tasks are dropped."""

    @property
    def room(self) -> int:
        """How many more tasks it can take now."""

    def submit(self, task: T) -> None:
        """Take a task, if there is room."""

    def finished(self) -> list[tuple[T, R]]:
        """Wait for at least one task; return those that are finished, with their results.

        Raises what a task raised.
        """


class InProcess(Pool[T, R]):
    """The calling process, one task after the other; see :class:`Pool`.

    >>> with InProcess(abs) as pool:
    ...     pool.submit(-3)
    ...     pool.room, pool.finished()
    (0, [(-3, 3)])
    """

    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work
        self._waiting: list[T] = []

    def __exit__(self, *raised: object) -> None:
        self._waiting.clear()

    @property
    def room(self) -> int:
        """How many more tasks it can take now."""
        return 1 - len(self._waiting)

    def submit(self, task: T) -> None:
        """Take a task, if there is room."""
        self._waiting.append(task)

    def finished(self) -> list[tuple[T, R]]:
        """Carry out what was submitted; raises what that raised."""
        done = [(task, self._work(task)) for task in self._waiting]
        self._waiting.clear()
        return done


class LocalPool(Pool[T, R]):
    """Processes that carry out ``work`` (a function of a module); see :class:`Pool`."""

    def __init__(self, work: Callable[[T], R], workers: int) -> None:
        self._work, self._workers = work, workers
        self._idle: list[_Worker[T]] = []
        self._busy: dict[Connection, _Worker[T]] = {}
        self._deaths: dict[T, int] = {}

    def __exit__(self, *raised: object) -> None:
        for worker in (*self._idle, *self._busy.values()):
            worker.stop()

    @property
    def room(self) -> int:
        """How many more tasks it can take now."""
        return self._workers - len(self._busy)

    def submit(self, task: T) -> None:
        """Give a task to a worker that has none, a new one if need be."""
        worker = self._idle.pop() if self._idle else _Worker(self._work)
        worker.task = task
        self._busy[worker.connection] = worker
        with suppress(OSError):  # it died while it had nothing to do: its pipe tells
            worker.connection.send(task)

    def finished(self) -> list[tuple[T, R]]:
        """Wait for at least one task; return those that are finished, with results.

        Raises what a task raised, and :class:`WorkerError` for one that its workers die of.
        """
        found: list[tuple[T, R]] = []
        while not found:
            for ready in wait(list(self._busy)):
                worker = self._busy.pop(cast(Connection, ready))
                try:
                    result, error = worker.connection.recv()
                except (EOFError, OSError):
                    self._replace(worker)
                    continue
                self._idle.append(worker)
                if error is not None:
                    raise error
                found.append((worker.task, result))
        return found

    def _replace(self, worker: _Worker[T]) -> None:
        """Give the task of a dead worker to another."""
        worker.stop()
        task, code = worker.task, worker.process.exitcode
        self._deaths[task] = self._deaths.get(task, 0) + 1
        if self._deaths[task] >= DEATHS:
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            raise WorkerError(
                f"a worker process died ({how}) {DEATHS} times of the same trial: is there enough "
                "memory for so many workers?"
            )
        self.submit(task)


class _Worker(Generic[T]):
    """A process and the pipe to it."""

    def __init__(self, work: Callable[[T], object]) -> None:
        context = multiprocessing.get_context("spawn")
        self.task: T
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_serve, args=(theirs, work), daemon=True, name="pimsim-sweep-worker"
        )
        with _without_interrupts(), without_main():
            self.process.start()
        theirs.close()  # so that the end of the process ends the pipe

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, work: Callable[[T], object]) -> None:
    """What a worker process does: carry out tasks until the pipe ends."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # only processes run in parallel
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            try:
                answer: tuple[object, Exception | None] = (work(task), None)
            except PimsimError as error:
                answer = (None, error)
            except Exception as error:  # the parent reports any error
                if lacks_memory(error):  # only its text, because it may hold an array
                    answer = (None, MemoryError(f"in a worker process: {error}".rstrip(": ")))
                else:
                    text = f"in a worker process:\n{traceback.format_exc()}"
                    answer = (None, RuntimeError(text))
            connection.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; only the parent must handle it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where processes have groups of their own
        yield
        return
    resource_tracker.ensure_running()  # which would unblock it again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
