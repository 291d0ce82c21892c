"""A stopwatch: the seconds of a command, each under the name of a phase.

Whatever passes between two laps belongs to the phase that ends, so that no second is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_BEGUN_S: list[float] = []
"""When the command began, until a stopwatch has been started from there."""


@contextmanager
def begun(at_s: float) -> Iterator[None]:
    """The first stopwatch inside starts at ``at_s``, a time of :func:`time.perf_counter`."""
    _BEGUN_S[:] = [at_s]
    try:
        yield
    finally:
        _BEGUN_S.clear()


class Stopwatch:
    """Seconds by phase, since the command began or, if that is counted already, since now.

    Args:
        phases: names of all phases, in the order of the report.

    >>> watch = Stopwatch(("load", "compile", "write"))
    >>> watch.lap("load", {"compile": 0.0})
    >>> sorted(watch.wall_s.items())[0]
    ('compile', 0.0)
    >>> watch.wall_s["load"] > 0, watch.wall_s["write"]
    (True, 0.0)
    """

    def __init__(self, phases: tuple[str, ...]) -> None:
        self.wall_s = dict.fromkeys(phases, 0.0)
        self._lap_s = _BEGUN_S.pop() if _BEGUN_S else time.perf_counter()

    def lap(self, phase: str, known_s: Mapping[str, float] | None = None) -> None:
        """Count all since the last lap: what is known to others, and the rest to ``phase``."""
        now_s = time.perf_counter()
        rest_s = now_s - self._lap_s
        self._lap_s = now_s
        for name, seconds in (known_s or {}).items():
            self.wall_s[name] += seconds
            rest_s -= seconds
        self.wall_s[phase] += max(0.0, rest_s)
