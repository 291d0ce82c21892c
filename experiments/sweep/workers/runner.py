"""Making the trials of a sweep that are not in its store yet.

Trials are dealt to a pool and kept by the one process that runs this, each as soon as it comes
back. Which trials are made depends on what they count alone, never on who was first: see
:mod:`experiments.sweep.stop`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from experiments.sweep.estimates import Counts
from experiments.sweep.measures.measure import Estimator
from experiments.sweep.points import SweepPoint
from experiments.sweep.spec import Spec
from experiments.sweep.stop import Stop
from experiments.sweep.workers.pool import Pool
from experiments.sweep.workers.store import Store
from experiments.sweep.workers.trial import Done, Task

Progress = Callable[[str, int, int], None]


def run(
    spec: Spec,
    points: Sequence[SweepPoint],
    store: Store,
    pool: Pool[Task, Done],
    progress: Progress | None = None,
) -> None:
    """Make every trial that the rules of ``spec`` ask for and ``store`` has not."""
    ways = [Way(spec.stop, spec.estimator, store.trials(point.key)) for point in points]
    ready: list[tuple[int, int, int]] = []  # round, point, trial: no point is left behind
    waiting: dict[Task, int] = {}

    def deal(index: int) -> None:
        for trial in ways[index].next_round():
            heapq.heappush(ready, (ways[index].round, index, trial))

    def tell() -> None:
        if progress is not None:
            done, most = sum(way.done for way in ways), sum(way.most for way in ways)
            progress("trials", done, most)

    for index in range(len(points)):
        deal(index)
    tell()
    while ready or waiting:
        for _ in range(min(len(ready), pool.room)):
            _, index, trial = heapq.heappop(ready)
            point = points[index]
            task = Task.of(spec.measure.name, point.values, trial, spec.seed, point.key, point.text)
            waiting[task] = index
            pool.submit(task)
        for outcome in pool.finished():
            index, done = waiting.pop(outcome.task), outcome.result
            point, trial = points[index], outcome.task.trial
            store.add(point.key, point.content, trial, done.counts, done.wall_s)
            ways[index].take(trial, done.counts)
            deal(index)
        tell()


class Way:
    """How far a point has come, round by round."""

    def __init__(self, stop: Stop, estimator: Estimator, kept: dict[int, Counts]) -> None:
        self.round = -1
        self._stop, self._estimator, self._kept = stop, estimator, dict(kept)
        self._rounds: Iterator[int] = stop.rounds()
        self._wanted = 0
        self._over = False

    @property
    def done(self) -> int:
        """Trials there are."""
        return len(self._kept)

    @property
    def most(self) -> int:
        """Trials there will be at most."""
        return self.done if self._over else max(self._stop.trials, self.done)

    def take(self, trial: int, counts: Counts) -> None:
        """A trial has come back."""
        self._kept[trial] = counts

    def next_round(self) -> list[int]:
        """Return the trials of the next round; none while one is not finished or all are over."""
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
        counts = [self._kept[trial] for trial in range(self._wanted)]
        scale = self._estimator.quantity.scale
        return self._stop.enough(*self._estimator(counts, self._stop.level), scale=scale)
