"""Workers of a Dask cluster, in place of processes of this machine.

Tasks and results are the same; only the workers differ. The store stays with the sweep. Workers
need pimsim, and the files that a specification names, at the same paths.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic

from experiments.sweep.workers.pool import R, T
from pimsim.errors import InputError, PimsimError

CONNECT_S = 5.0
"""How long a cluster may take to answer."""
_LOOK_S = 2.0
"""Time between checks that the cluster still answers."""
_AHEAD = 3
"""Tasks for each thread of a worker: the running one, and others that wait."""
_LEAST_ROOM = 8


class ClusterError(PimsimError):
    """The cluster no longer carries out its tasks."""


class DaskPool(Generic[T, R]):
    """A cluster that carries out ``work``; see :class:`experiments.sweep.workers.pool.Pool`.

    Raises :class:`~pimsim.errors.InputError` if the extra is not installed, no scheduler answers
    at ``address``, or a worker that is there has no pimsim.
    """

    def __init__(self, work: Callable[[T], R], address: str, tell: Callable[[str], None]) -> None:
        self._work, self._address, self._tell = work, address, tell
        self._client = _connected(address)
        self._tasks: dict[Any, T] = {}
        self._ready: queue.Queue[Any] = queue.Queue()
        self._told = False

    def __enter__(self) -> DaskPool[T, R]:
        # A worker that cannot read its task ends without a message.
        code = f"__import__({self._work.__module__!r}) and None"
        answers = self._client.run(eval, code, on_error="return")
        for worker, problem in answers.items():
            if problem is not None:
                self._client.close(timeout=CONNECT_S)
                raise InputError(
                    f"workers of `--cluster` must have pimsim; {worker} says: {problem}"
                )
        return self

    def __exit__(self, *raised: object) -> None:
        with suppress(Exception):  # it may be gone
            if self._tasks:
                self._client.cancel(list(self._tasks), force=True)
            self._client.close(timeout=CONNECT_S)

    @property
    def room(self) -> int:
        """How many more tasks it can take now; workers may come and go."""
        return max(_AHEAD * self._threads(), _LEAST_ROOM) - len(self._tasks)

    def submit(self, task: T) -> None:
        """Hand a task to the scheduler, which gives the tasks of a dead worker to others."""
        future = self._client.submit(self._work, task, pure=False)
        self._tasks[future] = task
        future.add_done_callback(self._ready.put)

    def finished(self) -> list[tuple[T, R]]:
        """Wait for at least one task; return those that are finished, with their results.

        Raises what a task raised, and :class:`ClusterError` if the cluster has gone, or gives up
        a task that its workers die of.
        """
        ready = [self._next()]
        while not self._ready.empty():
            ready.append(self._ready.get())
        return [(self._tasks.pop(future), self._result(future)) for future in ready]

    def _next(self) -> Any:
        while True:
            try:
                return self._ready.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._client.status != "running":
                    raise self._gone() from None
                self._threads()

    def _threads(self) -> int:
        """Threads of all workers; the first time that there are none, a message is printed."""
        try:
            threads = int(sum(self._client.nthreads().values()))
        except (OSError, ValueError, RuntimeError) as error:  # a client that has been closed, too
            raise self._gone() from error
        if not threads and not self._told:
            self._tell(f"no workers at {self._address}: waiting for one")
        self._told = not threads
        return threads

    def _result(self, future: Any) -> R:
        import distributed

        try:
            result: R = future.result()
        except distributed.KilledWorker as error:
            raise ClusterError(
                f"workers at {self._address} died again and again of the same trial: have they "
                "enough memory?"
            ) from error
        except (distributed.CancelledError, OSError) as error:
            raise self._gone() from error
        return result

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the cluster at {self._address} does not answer any more; what came back is kept, and "
            "the same command goes on from there"
        )


def _connected(address: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(
            "`--cluster` needs the extra cluster: pip install 'pimsim[cluster]'"
        ) from None
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":  # one line is enough, and ours
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    reason = asyncio.run(_why_not(address))
    if reason:
        raise InputError(
            "`--cluster` must be the address of a running Dask scheduler, such as "
            f"tcp://10.0.0.1:8786, not {address!r}: {reason}"
        )
    connect: Any = distributed.Client  # which has no types
    return connect(address, timeout=CONNECT_S, set_as_default=False)


async def _why_not(address: str) -> str | None:
    """Check what answers, because a Dask client would wait for an answer without end."""
    from distributed import core

    ask: Any = core.rpc
    try:
        async with ask(address) as there:
            identity = await asyncio.wait_for(there.identity(), CONNECT_S)
    except (OSError, TimeoutError):
        return f"nobody answered within {CONNECT_S:g} s"
    except ValueError as error:  # an address that is none
        return " ".join(str(error).split())
    except Exception:  # something answered, in whatever language
        return "what answered is no Dask scheduler"
    kind = identity.get("type")
    return None if kind == "Scheduler" else f"what answered is a {kind}"
