"""What a store holds of a sweep, as results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from experiments.sweep.estimates import Counts
from experiments.sweep.points import SweepPoint
from experiments.sweep.results import Point, Results
from experiments.sweep.spec import Spec


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results, and what they were made of."""

    results: Results
    points: tuple[SweepPoint, ...]
    """As many as the results have, in the same order."""
    counts: tuple[Counts, ...]
    """The counts of all trials of a point, added up."""


def collected(
    spec: Spec, points: Sequence[SweepPoint], trials: Callable[[str], Mapping[int, Counts]]
) -> Outcome:
    """Return the estimate at every point, of as many trials as there are without a gap from 0 on.

    ``trials`` gives what is kept of a point, by its key, as a store does.

    A trial that came back before one with a smaller number is left out until that is there:
    those that come back first may count otherwise than those that take long.
    """
    found, sums = [], []
    for point in points:
        kept = trials(point.key)
        there = takewhile(lambda pair: pair[0] == pair[1], enumerate(sorted(kept)))
        counts = [kept[trial] for _, trial in there]
        sums.append(_added(counts))
        if not counts:
            found.append(Point(point.place, 0, None, None, None))
            continue
        estimate, low, high = spec.estimator(counts, spec.stop.level)
        found.append(Point(point.place, len(counts), estimate, low, high))
    results = Results(
        spec.name,
        spec.estimator.quantity,
        spec.axes,
        _same(points, {axis.field for axis in spec.axes}),
        tuple(found),
        _assumptions(spec, points, found),
    )
    return Outcome(results, tuple(points), tuple(sums))


def _added(counts: Sequence[Counts]) -> Counts:
    total: dict[str, int] = {}
    for one in counts:
        for name, number in one.items():
            total[name] = total.get(name, 0) + number
    return total


def _same(points: Sequence[SweepPoint], varied: set[str]) -> dict[str, Any]:
    """Every field that no axis varies; defaults belong to what a number rests on."""
    return {name: value for name, value in points[0].values.items() if name not in varied}


def _assumptions(
    spec: Spec, points: Sequence[SweepPoint], found: Sequence[Point]
) -> dict[str, Any]:
    fewest = min((point.trials for point in found if point.trials), default=0)
    return {
        "measure": spec.measure.name,
        "seed": spec.seed,
        "interval": _interval(spec, fewest),
        **spec.measure.assumptions(points[0].values),
    }


def _interval(spec: Spec, trials: int) -> str:
    words = spec.measure.interval(trials)
    return words if spec.measure.deterministic else f"{100 * spec.stop.level:g} %, {words}"
