"""Stop rules, and that the order in which trials come back does not matter."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from experiments.sweep import points, spec
from experiments.sweep.measures import measure
from experiments.sweep.spec import Stop
from experiments.sweep.workers import runner
from experiments.sweep.workers.runner import Done, Task
from experiments.sweep.workers.store import Kept, Owner, Store

pytestmark = pytest.mark.usefixtures("undrawn")


@hypothesis.given(st.integers(1, 400), st.integers(1, 400))
def test_rounds_begin_and_end_as_stated_and_grow_slowly(most: int, least: int) -> None:
    least = min(most, least)
    rounds = list(Stop(trials=most, least_trials=least, width=1.0).rounds())
    assert rounds[0] == least
    assert rounds[-1] == most
    assert rounds == sorted(set(rounds))
    assert all(after <= max(1.25 * before, before + 1) for before, after in pairwise(rounds))


def test_without_a_width_there_is_one_round() -> None:
    assert list(Stop(trials=50, least_trials=3).rounds()) == [50]


def test_either_width_is_enough() -> None:
    absolute, relative = Stop(9, width=2.0), Stop(9, relative_width=0.1)
    both = Stop(9, width=2.0, relative_width=0.1)
    for low, high, by_width, by_share in (
        (0.4901, 0.5099, True, True),
        (0.4801, 0.5199, False, True),
        (0.001, 0.003, True, False),
        (0.3, 0.4, False, False),
    ):
        at = ((low + high) / 2, low, high)
        assert absolute.enough(*at, scale=100.0) is by_width
        assert relative.enough(*at, scale=100.0) is by_share
        assert both.enough(*at, scale=100.0) is (by_width or by_share)


class ShuffledPool:
    """Does everything at once, and hands it back in any order, a few at a time."""

    def __init__(self, seed: int, room: int) -> None:
        self._random, self._room = random.Random(seed), room
        self._tasks: list[Task] = []
        self.made: Counter[tuple[str, int]] = Counter()

    def __enter__(self) -> ShuffledPool:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def room(self) -> int:
        return self._room - len(self._tasks)

    def submit(self, task: Task) -> None:
        assert self.room > 0
        self._tasks.append(task)
        self.made[task.key, task.trial] += 1

    def finished(self) -> list[tuple[Task, Done]]:
        self._random.shuffle(self._tasks)
        some = self._random.randint(1, len(self._tasks))
        taken, self._tasks = self._tasks[:some], self._tasks[some:]
        return [(task, Done(_counted(task), 0.0)) for task in taken]


def _counted(task: Task) -> dict[str, int]:
    """What a trial would count: decided by point and trial, as in life."""
    rng = random.Random(f"{task.key} {task.trial}")
    return {"failed": rng.randint(0, 40), "samples": 1000}


TEXT = """\
name = "s"
measure = "tra-failure"
[axes]
variation_percent = [5, 10, 15]
[stop]
trials = {trials}
least_trials = 2
width = {width}
"""


def _run(folder: Path, trials: int, width: float, seed: int, room: int) -> ShuffledPool:
    chosen = spec.parse(TEXT.format(trials=trials, width=width), "s.toml", folder)
    pool = ShuffledPool(seed, room)
    with Store.open(folder / "sweep.sqlite", Owner("s", "tra-failure", 1)) as store:
        runner.run(chosen, points.points(chosen), store, pool)
    return pool


def _kept(folder: Path) -> dict[tuple[str, int], dict[str, int]]:
    chosen = spec.parse(
        TEXT.format(trials=1, width=1).replace("least_trials = 2\n", ""), "s", folder
    )
    with Store.open(folder / "sweep.sqlite", Owner("s", "tra-failure", 1)) as store:
        return {
            (point.key, trial): dict(counts)
            for point in points.points(chosen)
            for trial, counts in store.trials(point.key).items()
        }


@hypothesis.settings(max_examples=8)
@hypothesis.given(seed=st.integers(0, 99), room=st.integers(1, 9), width=st.floats(0.3, 2.0))
def test_the_store_does_not_depend_on_who_was_first(
    tmp_path_factory: pytest.TempPathFactory, seed: int, room: int, width: float
) -> None:
    one, other = (tmp_path_factory.mktemp("store") for _ in range(2))
    _run(one, 20, width, seed=0, room=1)
    pool = _run(other, 20, width, seed, room)
    assert _kept(one) == _kept(other)
    assert set(pool.made.values()) == {1}


@hypothesis.settings(max_examples=8)
@hypothesis.given(data=st.data())
def test_whatever_trials_are_there_the_rest_is_made(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any trials may have come back when a sweep was killed, the last of a round alone, say."""
    whole, part = (tmp_path_factory.mktemp("store") for _ in range(2))
    _run(whole, 20, 1.2, seed=0, room=1)
    full = _kept(whole)
    some = data.draw(st.sets(st.sampled_from(sorted(full))))
    with Store.open(part / "sweep.sqlite", Owner("s", "tra-failure", 1)) as store:
        for key, trial in some:
            store.add(key, {}, trial, full[key, trial], 0.0)
    pool = _run(part, 20, 1.2, seed=data.draw(st.integers(0, 9)), room=4)
    assert _kept(part) == full
    assert set(pool.made) == set(full) - some


def test_trials_beyond_a_round_do_not_decide_it() -> None:
    """One that came back early, before a kill, counts when its turn comes."""
    narrow, wide = {"failed": 0, "samples": 10**9}, {"failed": 5, "samples": 10}
    estimator = measure.load_measure("tra-failure").estimators[0]
    way = runner.Way(Stop(8, least_trials=4, width=1.0), estimator, {7: narrow})
    assert way.next_round() == [0, 1, 2, 3]
    for trial in range(4):
        assert way.next_round() == []
        way.take(trial, wide)
    assert way.next_round() == [4]


class StoppedPool(ShuffledPool):
    """Is stopped, as by Ctrl-C, when so many trials have come back."""

    def __init__(self, trials: int) -> None:
        super().__init__(0, 3)
        self.left = trials

    def finished(self) -> list[tuple[Task, Done]]:
        if self.left <= 0:
            raise KeyboardInterrupt
        taken = super().finished()
        self.left -= len(taken)
        return taken


@pytest.mark.parametrize("wall_s", [0.0, runner.GROUP_S])
def test_quick_trials_are_written_together_and_none_is_lost(
    wall_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials that take long are written one by one; what came back is there after an interrupt."""
    written: list[int] = []
    add_all, counted = Store.add_all, Done

    def seen(store: Store, trials: list[Kept]) -> None:
        written.append(len(trials))
        add_all(store, trials)

    monkeypatch.setattr(Store, "add_all", seen)
    monkeypatch.setattr(f"{__name__}.Done", lambda counts, _: counted(counts, wall_s))
    monkeypatch.setattr(runner.time, "monotonic", lambda: 0.0)
    chosen = spec.parse(TEXT.format(trials=20, width=0.3), "s.toml", tmp_path)
    with Store.open(tmp_path / "sweep.sqlite", Owner("s", "tra-failure", 1)) as store:
        pool = StoppedPool(17)
        with pytest.raises(KeyboardInterrupt):
            runner.run(chosen, points.points(chosen), store, pool)
    kept = _kept(tmp_path)
    assert sum(written) == len(kept) == 17 - pool.left >= 17
    assert written == ([1] * len(kept) if wall_s else [len(kept)])
    _run(tmp_path, 20, 0.3, seed=1, room=2)
    whole = tmp_path / "whole"
    whole.mkdir()
    _run(whole, 20, 0.3, seed=1, room=2)
    assert _kept(tmp_path) == _kept(whole)


def test_rules_that_ask_for_more_use_what_is_there(tmp_path: Path) -> None:
    _run(tmp_path, 40, 1.5, seed=1, room=3)
    before = _kept(tmp_path)
    pool = _run(tmp_path, 40, 0.6, seed=2, room=3)
    after = _kept(tmp_path)
    assert len(after) > len(before)
    assert before.items() <= after.items()
    assert set(pool.made) == set(after) - set(before)
    assert not _run(tmp_path, 40, 0.6, seed=3, room=3).made


def test_rounds_that_are_complete_decide_not_trials_beyond_them(tmp_path: Path) -> None:
    """A point that had enough is left alone, even if a wider store would say otherwise."""
    _run(tmp_path, 40, 0.6, seed=1, room=3)
    assert not _run(tmp_path, 40, 1.5, seed=1, room=3).made
