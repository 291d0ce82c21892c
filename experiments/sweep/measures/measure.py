"""What a sweep measures at a point: counts, and the estimates computed from them.

To add a measure, write a module beside this one with ``MEASURE``, add its name to ``_NAMES``, and
name it in its fields.

>>> load_measure("tra-failure").estimators[0].quantity.text
'triple-row activations wrong (%)'
>>> load_measure("accurracy")
Traceback (most recent call last):
...
pimsim.errors.InputError: `measure` must be one of tra-failure, accuracy, cost, errors, \
not 'accurracy'; did you mean 'accuracy'?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from experiments.sweep.measures.field import ACCURACY, COST, ERRORS, TRA, Field
from experiments.sweep.results import Quantity, Value
from pimsim.documents import require_one_of, shown

Counts = Mapping[str, int]
"""Counts of a trial, by name."""

Estimate = tuple[float, float, float]
"""An estimate, and the ends of its interval."""


def pooled(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return the share of ``part`` in ``whole``, and its Clopper-Pearson interval.

    Use it if all counted units are independent, so it does not matter which trial a unit was in.

    >>> pooled([{"wrong": 1, "of": 100}, {"wrong": 3, "of": 100}], "wrong", "of", 0.95)[0]
    0.02
    """
    from pimsim.circuit.statistics.intervals import clopper_pearson

    some, every = (sum(one[name] for one in counts) for name in (part, whole))
    return (some / every, *clopper_pearson(some, every, level))


def clustered(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return the share of ``part`` in ``whole``, with an interval that treats trials as units.

    The units of a trial are correlated (images on the same chip), so the interval is that of a
    ratio estimator over trials, by Student's t with one degree of freedom less than trials. It is
    never narrower than for independent units (:func:`pooled`): trials that happen to agree do not
    make it vanish. A single trial has the pooled interval.

    >>> agreeing = [{"right": 90, "of": 100}] * 3
    >>> clustered(agreeing, "right", "of", 0.95) == pooled(agreeing, "right", "of", 0.95)
    True
    >>> apart = [{"right": 80, "of": 100}, {"right": 99, "of": 100}, {"right": 91, "of": 100}]
    >>> [round(number, 3) for number in clustered(apart, "right", "of", 0.95)]
    [0.9, 0.663, 1.0]
    """
    share, low, high = pooled(counts, part, whole, level)
    if len(counts) < 2:
        return share, low, high
    _, least, most = ratio(counts, part, whole, level)
    return share, max(min(low, least), 0.0), min(max(high, most), 1.0)


def ratio(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return ``part`` per ``whole``, which may exceed 1; the units of the interval are trials.

    The interval is Student's t with one degree of freedom less than trials; a single trial has
    none.

    >>> found = ratio([{"some": 30, "of": 10}, {"some": 50, "of": 10}], "some", "of", 0.5)
    >>> [round(number, 6) for number in found]
    [4.0, 3.0, 5.0]
    """
    trials = len(counts)
    found = sum(one[part] for one in counts) / sum(one[whole] for one in counts)
    if trials < 2:
        return found, found, found
    from scipy.special import stdtrit

    mean = sum(one[whole] for one in counts) / trials
    squares = sum((one[part] - found * one[whole]) ** 2 for one in counts)
    error = math.sqrt(squares / (trials - 1) / trials) / mean
    reach = float(stdtrit(trials - 1, 0.5 + level / 2)) * error
    return found, max(found - reach, 0.0), found + reach


def exact(counts: Sequence[Counts], part: str, whole: str, level: float) -> Estimate:
    """Return ``part`` per ``whole`` for counts that are not random.

    >>> exact([{"latency_ps": 600, "images": 3}], "latency_ps", "images", 0.95)
    (200.0, 200.0, 200.0)
    """
    share = sum(one[part] for one in counts) / sum(one[whole] for one in counts)
    return share, share, share


_MOST = 2**53
"""Largest count in a share; the statistics of larger counts would overflow."""

Values = Mapping[str, Value]
"""Values of fields by name, with defaults filled in; fields that are not set are missing."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """A quantity, and how it follows from counts."""

    quantity: Quantity
    function: Callable[[Sequence[Counts], str, str, float], Estimate]
    """Computes the estimate, such as :func:`pooled`."""
    part: str
    """Name of the count in the numerator."""
    whole: str
    """Name of the count in the denominator."""
    share: bool = True
    """Whether the numerator counts a part of the denominator, and so cannot exceed it."""
    lacking: Callable[[Values], str] | None = None
    """Says why some values have no numerator, '' if they have one; None: all have one."""

    def __call__(self, counts: Sequence[Counts], level: float) -> Estimate:
        """Return the estimate and its interval at a confidence level."""
        return self.function(counts, self.part, self.whole, level)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: what a trial at a point counts, and what follows from the counts."""

    name: str
    version: int
    """Must be raised if a trial with the same values and seed gives other counts than before."""
    estimators: tuple[Estimator, ...]
    """Quantities that follow from the counts; the first is the default."""
    identity: Callable[[Values], Mapping[str, Any]]
    """Everything besides the values that decides what a trial counts (the contents of files), as
    JSON values; raises :class:`~pimsim.errors.InputError` for values that cannot be run."""
    run: Callable[[Values, int, int], Counts]
    """Carries out a trial, from values, number of the trial and seed of the sweep."""
    assumptions: Callable[[Values], Mapping[str, Any]]
    """Assumptions behind every number."""
    interval: Callable[[int], str]
    """Says in words how the interval is computed, for so many trials."""
    trials: int
    """Default number of trials at a point."""
    least_trials: int
    """Default number of trials before the first look at the interval."""
    deterministic: bool = False
    """Whether a second trial would count the same."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Fields that have an effect on it."""
        return _fields_of(self.name)

    def fault(self, counts: object) -> str | None:
        """Return what is wrong with stored counts of a trial; None if nothing is.

        >>> load_measure("tra-failure").fault({"failed": 7, "samples": 6})
        'must have at most `samples` (6) in `failed`, not 7'
        """
        wanted = {name for one in self.estimators for name in (one.part, one.whole)}
        spare = {one.part for one in self.estimators if one.lacking is not None}
        if not isinstance(counts, dict) or not wanted - spare <= set(counts) <= wanted:
            return f"must be {', '.join(sorted(wanted))}, not {shown(counts)}"
        for name, count in counts.items():
            if type(count) is not int or count < 0:
                return f"must have an integer of at least 0 in `{name}`, not {shown(count)}"
        for one in self.estimators:
            part, whole = counts.get(one.part, 0), counts[one.whole]
            if not 0 < whole <= _MOST:
                return f"must have 1 to 2^53 in `{one.whole}`, not {whole}"
            if one.share and part > whole:
                return f"must have at most `{one.whole}` ({whole}) in `{one.part}`, not {part}"
        return None


@cache
def _fields_of(measure: str) -> tuple[Field, ...]:
    from experiments.sweep.measures.fields import table

    return tuple(field for field in table().values() if measure in field.measures)


_NAMES = (TRA, ACCURACY, COST, ERRORS)


def load_measure(name: object) -> Measure:
    """Return the measure of that name.

    Raises :class:`~pimsim.errors.InputError` if there is none, naming the nearest.
    """
    module = require_one_of("measure", name, _NAMES, hint=True).replace("-", "_")
    measure: Measure = import_module(f"experiments.sweep.measures.{module}").MEASURE
    return measure


def seeds_of(seed: int, trial: int, count: int) -> tuple[int, ...]:
    """Return ``count`` random seeds, integers below 2**63, of a trial of a sweep.

    They depend only on the seed of the sweep and the number of the trial. So all points have the
    same chips and the same noise, and a difference between points is not due to chance between
    chips.

    >>> seeds_of(1, trial=0, count=2) == seeds_of(1, trial=0, count=2)
    True
    >>> len({*seeds_of(1, trial=0, count=2), *seeds_of(1, trial=1, count=2)})
    4
    """
    import numpy as np

    state = np.random.SeedSequence((seed, trial)).generate_state(count, np.uint64)
    return tuple(int(word) >> 1 for word in state)
