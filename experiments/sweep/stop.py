"""When a point has had enough trials.

A point is looked at only after whole rounds of trials, numbered from 0: which trials a sweep makes
depends on what they count and on nothing else, such as which of them came back first.

>>> stop = Stop(trials=10, least_trials=4, width=1.0)
>>> list(stop.rounds())
[4, 5, 6, 7, 8, 10]
>>> stop.enough(0.5, 0.495, 0.5049, scale=100.0), stop.enough(0.5, 0.49, 0.51, scale=100.0)
(True, False)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pimsim import documents
from pimsim.circuit.statistics.intervals import LEVEL
from pimsim.errors import InputError

_KEYS = ("trials", "least_trials", "width", "relative_width", "level")


@dataclass(frozen=True, slots=True)
class Stop:
    """The rules; whichever is met first.

    Raises :class:`~pimsim.errors.InputError` for a value out of range.
    """

    trials: int
    """At most so many trials."""
    least_trials: int = 1
    """So many before the first look at the interval."""
    width: float | None = None
    """Enough once the interval is no wider, in the unit in which the quantity is shown."""
    relative_width: float | None = None
    """Enough once it is no wider than this share of the estimate."""
    level: float = LEVEL
    """Confidence level of the interval."""

    def __post_init__(self) -> None:
        for name in ("trials", "least_trials"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(f"[stop] `{name}` must be a positive integer, not {value!r}")
        if self.least_trials > self.trials:
            raise InputError(
                f"[stop] `least_trials` must be at most `trials` ({self.trials}), "
                f"not {self.least_trials}"
            )
        for name in ("width", "relative_width"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise InputError(f"[stop] `{name}` must be a positive number, not {value!r}")
        if not (_is_number(self.level) and 0 < self.level < 1):
            raise InputError(f"[stop] `level` must be between 0 and 1, not {self.level!r}")

    def rounds(self) -> Iterator[int]:
        """How many trials there are, in all, after each round: a quarter more every time."""
        if self.width is None and self.relative_width is None:
            yield self.trials  # nothing to look at on the way
            return
        done = self.least_trials
        while done < self.trials:
            yield done
            done += max(done // 4, 1)
        yield self.trials

    def enough(self, estimate: float, low: float, high: float, *, scale: float) -> bool:
        """Whether the interval is narrow enough; ``scale`` leads to the unit that is shown."""
        width = high - low
        return (self.width is not None and width * scale <= self.width) or (
            self.relative_width is not None and width <= self.relative_width * abs(estimate)
        )


def parsed(given: object, trials: int, least_trials: int, *, deterministic: bool) -> Stop:
    """Return the rules of a table ``[stop]``; the numbers are what holds where it is silent.

    Raises :class:`~pimsim.errors.InputError` for an unknown key or a value out of range.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"[stop] must be a table, not {given!r}")
    documents.require_known(given, _KEYS, "[stop]")
    if deterministic and set(given) - {"level"} and dict(given) != {"trials": 1}:
        raise InputError("[stop] must be left out: nothing is random, so that one trial is enough")
    stated: dict[str, Any] = dict(given)
    most = stated.setdefault("trials", trials)
    if "least_trials" not in stated and type(most) is int:
        stated["least_trials"] = max(min(least_trials, most), 1)
    return Stop(**stated)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
