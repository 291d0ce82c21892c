"""What a sweep measures at a point: one record of what it is and how it is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.sweep.estimates import Counts, Estimate
from experiments.sweep.measures.field import Field
from experiments.sweep.results import Quantity, Value
from pimsim.documents import shown

_MOST = 2**53
"""Largest count of a share: statistics of larger ones overflow."""

Values = Mapping[str, Value]
"""Values of fields by name, defaults filled in; what is not set is missing."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """A quantity, and how it follows from counts."""

    quantity: Quantity
    function: Callable[[Sequence[Counts], str, str, float], Estimate]
    """One of :mod:`experiments.sweep.estimates`."""
    part: str
    """The count above the line."""
    whole: str
    """The count below it."""
    share: bool = True
    """Whether the one counts some of the other, so that it cannot be more."""

    def __call__(self, counts: Sequence[Counts], level: float) -> Estimate:
        """Return the estimate and its interval at a confidence level."""
        return self.function(counts, self.part, self.whole, level)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is done at every point, trial by trial."""

    name: str
    version: int
    """Raised when a trial of the same values and seed counts something else than before."""
    estimators: tuple[Estimator, ...]
    """What can be made of the counts; the first is meant unless another is named."""
    identity: Callable[[Values], Mapping[str, Any]]
    """Everything besides the values that decides what a trial counts (the contents of files), as
    JSON values; raises :class:`~pimsim.errors.InputError` for values that cannot be run."""
    run: Callable[[Values, int, int], Counts]
    """Carry out a trial: values, number of the trial, seed of the sweep."""
    assumptions: Callable[[Values], Mapping[str, Any]]
    """What every number rests on."""
    interval: Callable[[int], str]
    """The interval in words, for so many trials."""
    trials: int
    """Trials of a point, unless a specification says more or less."""
    least_trials: int
    """Trials before the first look at the interval, unless a specification says."""
    deterministic: bool = False
    """Whether a second trial would count the same."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Fields that act on it."""
        from experiments.sweep.measures.fields import of_measure

        return of_measure(self.name)

    def estimator(self, quantity: str) -> Estimator:
        """Return the estimator of a quantity; KeyError if there is none."""
        return {one.quantity.name: one for one in self.estimators}[quantity]

    def fault(self, counts: object) -> str | None:
        """Return what is wrong with what is said to be counts of a trial; None if nothing is.

        >>> from experiments.sweep.measures import catalog
        >>> catalog.load("tra-failure").fault({"failed": 7, "samples": 6})
        'must have at most `samples` (6) in `failed`, not 7'
        """
        wanted = {name for one in self.estimators for name in (one.part, one.whole)}
        if not isinstance(counts, dict) or set(counts) != wanted:
            return f"must be {', '.join(sorted(wanted))}, not {shown(counts)}"
        for name, count in counts.items():
            if type(count) is not int or count < 0:
                return f"must have an integer of at least 0 in `{name}`, not {shown(count)}"
        for one in self.estimators:
            part, whole = counts[one.part], counts[one.whole]
            if not 0 < whole <= _MOST:
                return f"must have 1 to 2^53 in `{one.whole}`, not {whole}"
            if one.share and part > whole:
                return f"must have at most `{one.whole}` ({whole}) in `{one.part}`, not {part}"
        return None
