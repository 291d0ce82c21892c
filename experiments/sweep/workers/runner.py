"""Runs the trials of a sweep that are not in its store yet.

The workers of a pool carry out trials. Only the process that runs this module writes them to the
store, at the latest when a tenth of a second of work has come together. Which trials are run
depends only on their counts, never on the order in which they finish: see
:class:`experiments.sweep.spec.Stop`.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache

from experiments.sweep.measures.field import Stamp
from experiments.sweep.measures.fields import stamps_of
from experiments.sweep.measures.measure import Counts, Estimator, load_measure
from experiments.sweep.points import Keys, SweepPoint, content_of, where
from experiments.sweep.results import Value
from experiments.sweep.spec import Spec, Stop
from experiments.sweep.workers.pool import Pool
from experiments.sweep.workers.store import Kept, Store
from pimsim.errors import InputError, PimsimError

GROUP_S = 0.1
"""Most work that is lost if the process is killed. Quick trials are written together, because each
write waits for the disk."""


@dataclass(frozen=True, slots=True)
class Task:
    """A trial to run."""

    measure: str
    values: tuple[tuple[str, Value], ...]
    """Every field that is set, sorted."""
    trial: int
    seed: int
    key: str
    """Key of the point, as the sending process computed it."""
    where: str
    """The point in words."""


@dataclass(frozen=True, slots=True)
class Done:
    """A trial that has been run."""

    counts: Mapping[str, int]
    wall_s: float


def carry_out(task: Task) -> Done:
    """Make a trial.

    Raises :class:`~pimsim.errors.InputError` if it cannot be run, and if it would be another trial
    than the one asked for: because this machine has another version of pimsim, or other files.
    """
    if _key(task.measure, task.values, task.seed, stamps_of(dict(task.values))) != task.key:
        raise InputError(
            "workers must have the same pimsim and the same files as the sweep, and one has others"
        )
    started = time.perf_counter()
    try:
        counts = load_measure(task.measure).run(dict(task.values), task.trial, task.seed)
    except PimsimError as error:
        raise InputError(f"{error} (trial {task.trial} at {task.where})") from error
    return Done(dict(counts), time.perf_counter() - started)


@lru_cache(maxsize=1024)
def _key(
    measure: str,
    values: tuple[tuple[str, Value], ...],
    seed: int,
    stamps: tuple[Stamp, ...],
) -> str:
    return _KEYS.of(content_of(load_measure(measure), dict(values), seed))


_KEYS = Keys()


def run(
    spec: Spec,
    points: Sequence[SweepPoint],
    store: Store,
    pool: Pool[Task, Done],
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Run every trial that the rules of ``spec`` ask for and ``store`` lacks."""
    ways = [Way(spec.stop, spec.estimator, store.trials(point.key)) for point in points]
    ready: list[tuple[int, int, int]] = []  # round, point, trial: all points advance together
    waiting: dict[Task, int] = {}

    def deal(index: int) -> None:
        for trial in ways[index].next_round():
            heapq.heappush(ready, (ways[index].round, index, trial))

    done, most = sum(way.done for way in ways), sum(way.most for way in ways)

    def tell() -> None:
        if progress is not None:
            progress("trials", done, most)

    for index in range(len(points)):
        most -= ways[index].most
        deal(index)
        most += ways[index].most
    tell()
    with closing(_Fresh(store)) as fresh:
        while ready or waiting:
            for _ in range(min(len(ready), pool.room)):
                _, index, trial = heapq.heappop(ready)
                point = points[index]
                values = tuple(sorted(point.values.items()))
                task = Task(
                    spec.measure.name, values, trial, spec.seed, point.key, where(point.place)
                )
                waiting[task] = index
                pool.submit(task)
            for task, made in pool.finished():
                index = waiting.pop(task)
                way, point = ways[index], points[index]
                fresh.add((point.key, point.content, task.trial, made.counts, made.wall_s))
                done, most = done - way.done, most - way.most
                way.take(task.trial, made.counts)
                deal(index)
                done, most = done + way.done, most + way.most
            tell()


class _Fresh:
    """Trials that have come back and are not written yet."""

    def __init__(self, store: Store) -> None:
        self._store, self._trials = store, list[Kept]()
        self._work_s, self._since_s = 0.0, 0.0

    def add(self, trial: Kept) -> None:
        """Take a trial; write all if they are :data:`GROUP_S` of work, or the oldest is as old."""
        if not self._trials:
            self._work_s, self._since_s = 0.0, time.monotonic()
        self._trials.append(trial)
        self._work_s += trial[-1]
        if max(self._work_s, time.monotonic() - self._since_s) >= GROUP_S:
            self.close()

    def close(self) -> None:
        """Write the trials that are left."""
        trials, self._trials = self._trials, []
        if trials:
            self._store.add_all(trials)


class Way:
    """Progress of a point, round by round."""

    def __init__(self, stop: Stop, estimator: Estimator, kept: dict[int, Counts]) -> None:
        self.round = -1
        self._stop, self._estimator, self._kept = stop, estimator, dict(kept)
        self._rounds: Iterator[int] = stop.rounds()
        self._wanted = 0
        self._over = False

    @property
    def done(self) -> int:
        """Trials so far."""
        return len(self._kept)

    @property
    def most(self) -> int:
        """Most trials that there will be."""
        return self.done if self._over else max(self._stop.trials, self.done)

    def take(self, trial: int, counts: Counts) -> None:
        """Take the counts of a finished trial."""
        self._kept[trial] = counts

    def next_round(self) -> list[int]:
        """Return the trials of the next round; none if a round is running, or all are done."""
        while not self._over and all(trial in self._kept for trial in range(self._wanted)):
            if self._wanted and self._enough():
                self._over = True
                break
            following = next(self._rounds, None)
            if following is None:
                self._over = True
                break
            first, self._wanted = self._wanted, following
            self.round += 1
            missing = [trial for trial in range(first, following) if trial not in self._kept]
            if missing:
                return missing
        return []

    def _enough(self) -> bool:
        if not self._stop.looks:
            return False
        counts = [self._kept[trial] for trial in range(self._wanted)]
        scale = self._estimator.quantity.scale
        return self._stop.enough(*self._estimator(counts, self._stop.level), scale=scale)
